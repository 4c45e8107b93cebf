"""Slow weights: each synapse of S3 has a fast weight that learns and a slow one that decides. Ours, not the paper's.

R-STDP moves weights as far at the end of training as rare outcomes are scaled up, so the last images of a pass leave
their mark on the decision. A slow weight is the mean of the fast one over a pass, as in averaged perceptrons (Freund
and Schapire 1999). No label reaches a synapse, and what is learned, and by whom, is as without. With it come images
that are shown shifted by a pixel: a pass has nine looks at each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from rstdp import data, learning
from rstdp.data import Dataset
from rstdp.images import sources
from rstdp.network import Network

from ..lab import registry
from .reward import blocks, short_run
from .second_try import SecondTryPasses, learner

CHOOSE = 5000  #: of MNIST's training images, those that "mnist-shifted-held-out" shows unshifted only, as its last


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
        deciding = Network(network.config, network.seed, network.weights["s1"].shape[1])
        deciding.weights, deciding.decision_map = {**network.weights, "s3": self.slow}, network.decision_map
        return learning.accuracy(deciding, times, labels)


def shifted(images: Tensor) -> Iterator[Tensor]:
    """Images (N, H, W) moved by one pixel to each of eight sides, zero padded, and last as they are."""
    height, width = images.shape[1:]
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    for y, x in sorted(itertools.product((0, 1, 2), repeat=2), key=lambda at: at == (1, 1)):
        yield padded[:, y:y + height, x:x + width]


def nine_times(whole: Dataset, held_out: int = 0) -> Dataset:
    """A data set whose training images come shifted eight times, and then as they are; of the last `held_out` images
    there are no shifts."""
    shown = len(whole.train_images) - held_out
    *moved, _ = shifted(whole.train_images[:shown])
    return Dataset(whole.name, torch.cat([*moved, whole.train_images]),
                   torch.cat([*[whole.train_labels[:shown]] * len(moved), whole.train_labels]),
                   whole.test_images, whole.test_labels)


@data.register("mnist-shifted", here=sources.mnist_here)
def mnist_shifted(train: int, test: int) -> Dataset:
    """MNIST with each training image shown nine times, shifted by at most a pixel."""
    return nine_times(data.load("mnist", train, test))


@data.register("mnist-shifted-held-out", here=sources.mnist_here)
def mnist_shifted_held_out(train: int, test: int) -> Dataset:
    """The same to choose by: the last training images, to be held out, are in it once."""
    return nine_times(data.load("mnist", train, test), CHOOSE)


@registry.fingerprint("slow-weights")
def probe() -> Iterator:
    """A short run with second tries, on images that are shifted."""
    yield from short_run(SlowWeightsPasses(), nine_times(blocks()), second_tries=3)
