"""Dropout: for each image a share of S3's maps is silent while learning. In an earlier script of the paper's authors.

Which maps, a counter-based generator says from the seed and the pass, so that a run that resumes goes on as if it had
never stopped. When tested, all maps see the image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from torch import Tensor

from rstdp import learning
from rstdp.config import Config, Share
from rstdp.fast import RULES
from rstdp.fast.conv import add_event, geometry, jit, maps_last
from rstdp.fast.screen import Search
from rstdp.fast.stdp import refresh, update
from rstdp.learning import Learner, Passes
from rstdp.network import Network
from rstdp.plasticity import reward_rates

from ...lab import registry
from ..reward import short_run

#: for so many images what is taken off the potential of each map (N, F) before the winner is sought; infinite: silent
Handicaps = Callable[[int], NDArray[np.float64]]


@jit
def show(times, labels, stands_for, handicap, weight, fast, search, rates, rule):
    """As `learning.rstdp_learner`, where the potential of map f counts less by handicap[i, f] on image i.

    times (N, C, H, W); weight (F, C, K, K), changed in place, and fast, its copy as from `maps_last`. rates: of reward
    and of punishment. Returns winners (N, 2) as (map, position); map -1 where nobody has a potential left.
    """
    sizes, flat, record = geometry(times, fast, search.pad), fast.reshape(fast.size), np.full((len(times), 2), -1)
    potential = np.empty(sizes.out_h * sizes.out_w * sizes.maps)
    for i in range(len(times)):
        potential[:] = 0
        for index, t in enumerate(times[i].reshape(-1)):
            if t < search.bins:
                add_event(index, sizes, flat, potential)
        most, winner, place = 0.0, -1, -1
        for p in range(sizes.out_h * sizes.out_w):
            for f in range(len(weight)):
                now = potential[p * sizes.maps + f]
                if now > 0 and handicap[i, f] < np.inf:
                    now -= handicap[i, f]
                    if winner < 0 or now > most or (now == most and f < winner):
                        most, winner, place = now, f, p
        record[i, 0], record[i, 1] = winner, place
        if winner >= 0:
            update(weight[winner], times[i], divmod(place, sizes.out_w), search.bins - 1,
                   rates[0] if stands_for[winner] == labels[i] else rates[1], rule, (search.low, search.high),
                   search.pad)
            refresh(weight[winner], fast[..., winner])
    return record


def learner(network: Network, handicaps: Handicaps) -> Learner:
    """As `learning.rstdp_learner`, with handicaps that are asked for before each batch."""
    registry.built_in(network.config, "s3")
    config, weight, rule = network.config, network.weights["s3"].numpy(), RULES[network.rule("s3")]
    fast, search = maps_last(weight), Search(config.s3.padding, config.bins, config.low, config.high)

    def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
        return torch.from_numpy(show(c2.contiguous().numpy(), labels.numpy(), network.decision_map.numpy(),
                                     handicaps(len(c2)), weight, fast, search, reward_rates(config, *phi), rule))

    return learn


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
