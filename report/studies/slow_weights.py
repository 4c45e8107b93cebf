"""Slow weights: each synapse of S3 has a fast weight that learns and a slow one that decides. Ours, not the paper's.

R-STDP moves weights as far at the end of training as rare outcomes are scaled up, so the last images of a pass leave
their mark on the decision. A slow weight is the mean of the fast one over a pass, as in averaged perceptrons (Freund
and Schapire 1999). No label reaches a synapse, and what is learned, and by whom, is as without.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from rstdp import learning

from ..lab import registry
from .reward import blocks, short_run
from .second_try import SecondTryPasses, learner
from .shifted import nine_times


@registry.passes("slow-weights")
class SlowWeightsPasses(SecondTryPasses):
    """S3 learns by R-STDP, from second tries where these are on, and its slow weights decide."""

    slow: Tensor  #: of the last pass, not needed to go on from a checkpoint

    def rstdp(self, network, times, labels, phi, on_images):
        total, show = torch.zeros_like(network.weights["s3"], dtype=torch.float64), learner(network)

        def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
            winners = show(c2, labels, phi)
            total.add_(network.weights["s3"])
            return winners

        done = learning.rstdp_epoch(network, times, labels, phi, on_images, learn)
        self.slow = (total / -(-len(times) // network.config.batch)).float()
        return done

    def accuracy(self, network, times, labels):
        deciding = copy.copy(network)
        deciding.weights = {**network.weights, "s3": self.slow}
        return learning.accuracy(deciding, times, labels)


@registry.fingerprint("slow-weights")
def probe() -> Iterator:
    """A short run with second tries, on images that are shifted."""
    yield from short_run(SlowWeightsPasses(), nine_times(blocks()), second_tries=3)
