"""A conscience for S3's maps (DeSieno 1988): who wins more often than the others has to be stronger by more to win.

While learning, the potential of a map counts less by `conscience` times how much more often than the mean it has won
lately, as a share of the mean. That fades out over the first passes, and when tested all maps are equal. Ours, not the
paper's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic.dataclasses import dataclass
from torch import Tensor

from rstdp import learning
from rstdp.config import Config, Natural, Positive
from rstdp.learning import Passes

from ...lab import registry
from ..reward import short_run
from .dropout import learner

LATELY = 0.1  #: what the last batch counts in how often a map has won


@dataclass(frozen=True)
class ConscienceConfig(Config):
    """A configuration with a conscience."""

    conscience: Positive = 0.0  #: potential that a map loses which wins twice as often as the mean
    conscience_epochs: Natural = 30  #: passes over which that fades out


@registry.passes("conscience", check=lambda config: registry.built_in(config, "s3"))
class ConsciencePasses(Passes):
    """S3's maps learn with a conscience; each pass begins with an even count of wins."""

    config = ConscienceConfig

    def rstdp(self, network, times, labels, phi, on_images):
        config, maps = network.config, network.config.s3.maps
        strength = config.conscience * max(0.0, 1 - self.epoch / max(1, config.conscience_epochs))
        share = np.full(maps, 1 / maps)
        show = learner(network, lambda images: np.tile(strength * (share * maps - 1), (images, 1)))

        def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
            winners = show(c2, labels, phi)
            won = np.bincount(winners[winners[:, 0] >= 0, 0].numpy(), minlength=maps) / len(c2)
            share[:] += LATELY * (won - share)
            return winners

        return learning.rstdp_epoch(network, times, labels, phi, on_images, learn)


@registry.fingerprint("conscience")
def probe() -> Iterator:
    """A short run in which who wins is slowed down."""
    yield from short_run(ConsciencePasses(), conscience=5.0, conscience_epochs=2)
