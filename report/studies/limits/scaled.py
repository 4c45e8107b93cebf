"""Rewards that are scaled otherwise: a floor under phi, and rates that fall pass after pass.

The floor is in an earlier script of the paper's authors, 0.2 + 0.8 x share; falling rates, by 0.98 a pass, in another
public code base of R-STDP. The paper scales by the share alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.dataclasses import dataclass
from torch import Tensor

from rstdp import learning
from rstdp.config import Config, Share
from rstdp.learning import Passes

from ...lab import registry
from ..reward import short_run


@dataclass(frozen=True)
class ScaledConfig(Config):
    """A configuration with other scales of reward and punishment; at the defaults the paper's."""

    phi_floor: Share = 0.0  #: below it phi does not fall: phi = floor + (1 - floor) x share
    annealing: Share = 1.0  #: what S3's rates are multiplied by after each pass


@registry.passes("scaled")
class ScaledPasses(Passes):
    """S3 learns by R-STDP with these scales."""

    config = ScaledConfig

    def rstdp(self, network, times, labels, phi, on_images):
        floor, factor = network.config.phi_floor, network.config.annealing**self.epoch
        show = learning.rstdp_learner(network)

        def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
            phi_r, phi_p = (factor * (floor + (1 - floor) * share) for share in phi)
            return show(c2, labels, (phi_r, phi_p))

        return learning.rstdp_epoch(network, times, labels, phi, on_images, learn)


@registry.fingerprint("scaled")
def probe() -> Iterator:
    """A short run with both."""
    yield from short_run(ScaledPasses(), phi_floor=0.2, annealing=0.5)
