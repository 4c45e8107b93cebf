"""Dropout: for each image a share of S3's maps is silent while learning. In an earlier script of the paper's authors.

Which maps, a counter-based generator says from the seed and the pass, so that a run that resumes goes on as if it had
never stopped. When tested, all maps see the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from torch import Tensor

from rstdp import learning
from rstdp.config import Config, Share
from rstdp.fast import RULES
from rstdp.fast.conv import jit, last_potentials, maps_last
from rstdp.fast.s3 import Search
from rstdp.fast.stdp import refresh, update
from rstdp.learning import Learner, Passes
from rstdp.network import Network
from rstdp.plasticity import reward_rates

from ...lab import registry
from ..reward import short_run

#: for so many images what is taken off the potential of each map (N, F) before the winner is sought; infinite: silent
Handicaps = Callable[[int], NDArray[np.float64]]


class Summed(NamedTuple):
    """S3, all of whose potentials are summed: weights with their copy from `maps_last`, search, and how it learns."""

    weight: np.ndarray
    fast: np.ndarray
    search: Search
    rule: int  #: one of `rstdp.fast.RULES`


@jit
def show(times, labels, stands_for, handicap, three, rates):
    """As `learning.rstdp_learner`, where the potential of map f counts less by handicap[i, f] on image i.

    times (N, C, H, W); rates: of reward and of punishment. Returns winners (N, 2) as (map, position); map -1 where
    nobody has a potential left.
    """
    record, search, maps = np.full((len(times), 2), -1), three.search, len(three.weight)
    for i in range(len(times)):
        potential = last_potentials(times[i:i + 1], three.fast, search.pad, search.bins, maps)[0]
        most, winner, place, width = 0.0, -1, -1, potential.shape[2]
        for f in range(maps):
            for p, now in enumerate(potential[f].reshape(-1)):
                left = now - handicap[i, f]
                if now > 0 and handicap[i, f] < np.inf and (winner < 0 or left > most):
                    most, winner, place = left, f, p
        record[i, 0], record[i, 1] = winner, place
        if winner >= 0:
            signal = rates[0] if stands_for[winner] == labels[i] else rates[1]
            update(three.weight[winner], times[i], divmod(place, width), search.bins - 1, signal, three.rule,
                   (search.low, search.high), search.pad)
            refresh(three.weight[winner], three.fast[..., winner])
    return record


def learner(network: Network, handicaps: Handicaps) -> Learner:
    """As `learning.rstdp_learner`, with handicaps that are asked for before each batch."""
    config, weight = network.config, network.weights["s3"].numpy()
    registry.built_in(config, "s3")
    three = Summed(weight, maps_last(weight), Search(config.s3.padding, config.bins, config.low, config.high),
                   RULES[network.rule("s3")])

    def show_batch(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
        return torch.from_numpy(show(c2.contiguous().numpy(), labels.numpy(), network.decision_map.numpy(),
                                     handicaps(len(c2)), three, reward_rates(config, *phi)))

    return show_batch


@dataclass(frozen=True)
class DropoutConfig(Config):
    """A configuration with dropout."""

    dropout: Share = 0.0  #: of S3's maps, silent for an image while learning


@registry.passes("dropout", check=lambda config: registry.built_in(config, "s3"))
class DropoutPasses(Passes):
    """S3 learns with dropout."""

    config = DropoutConfig

    def rstdp(self, network, times, labels, phi, on_images):
        random = np.random.Generator(np.random.Philox(key=[network.seed, self.epoch]))

        def handicaps(images: int) -> NDArray[np.float64]:
            dropped = random.random((images, network.config.s3.maps)) < network.config.dropout
            return np.where(dropped, np.inf, 0.0)

        return learning.rstdp_epoch(network, times, labels, phi, on_images, learner(network, handicaps))


@registry.fingerprint("dropout")
def probe() -> Iterator:
    """A short run that drops half of the maps."""
    yield from short_run(DropoutPasses(), dropout=0.5)
