"""S3 that STDP has started: first its maps learn what there is to see, then they are labelled and learn from reward.

The labels decide what a map stands for, so this is not learning from rewards alone. Ours, not the paper's.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic.dataclasses import dataclass

from rstdp import learning
from rstdp.competition import SILENT
from rstdp.config import Config, Natural
from rstdp.learning import Passes

from ...lab import registry
from ..reward import short_run
from ..reward.rules import stdp_epoch


@dataclass(frozen=True)
class StartedConfig(Config):
    """A configuration whose S3 begins by STDP."""

    stdp_epochs: Natural = 0  #: passes by STDP before those by reward; after each, maps stand for what they won most


@registry.passes("started")
class StartedPasses(Passes):
    """S3 learns by STDP first; a map that wins nothing stands for what it stood for."""

    config = StartedConfig

    def rstdp(self, network, times, labels, phi, on_images):
        if self.epoch >= network.config.stdp_epochs:
            return learning.rstdp_epoch(network, times, labels, phi, on_images)
        before = network.decision_map
        right = stdp_epoch(network, times, labels, on_images)
        network.decision_map = torch.where(network.decision_map == SILENT, before, network.decision_map)
        return right, phi


@registry.fingerprint("started")
def probe() -> Iterator:
    """A short run, half of it by STDP."""
    yield from short_run(StartedPasses(), stdp_epochs=1)
