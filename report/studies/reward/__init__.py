"""Three variants of the last layers: reward in S2 too, decisions by the first spike, and S3 by plain STDP."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from rstdp.config import SPYKETORCH
from rstdp.data import Dataset
from rstdp.learning import Passes
from rstdp.training import Trainer

from ...lab.registry import fingerprint
from .rules import FirstSpikePasses, S2RewardPasses, S3StdpPasses


def blocks() -> Dataset:
    """A few images of random blocks, for tiny runs."""
    random = np.random.default_rng(0)
    images = torch.from_numpy(np.kron(random.integers(0, 256, (24, 7, 7)), np.ones((4, 4))).astype(np.uint8))
    labels = torch.arange(24) % 10
    return Dataset("probe", images[:16], labels[:16], images[16:], labels[16:])


def short_run(passes: Passes, data: Dataset | None = None, **changes) -> Iterator:
    """Weights, labels of the maps and accuracies of a short run, by default on `blocks`."""
    config = passes.config.of(SPYKETORCH).replace({
        "s1.maps": 8, "s2.maps": 12, "s3.maps": 20, "batch": 6, "s1.double_every": 5, "s2.double_every": 5,
        "s2.threshold": 4, "s1.epochs": 2, "s2.epochs": 2, "s3.epochs": 2, **changes})
    trainer = Trainer(config, data or blocks(), passes=passes, quiet=True)
    network = trainer.run()
    yield from (*network.weights.values(), network.decision_map)
    yield from ([row[:-1] for row in trainer.progress.rows])


@fingerprint("s2-reward", first="ac88b95baca1")
def s2_reward() -> Iterator:
    """S2 learns from reward together with S3."""
    yield from short_run(S2RewardPasses(), s2_reward=5)


@fingerprint("first-spike", first="6452e29b08e7")
def first_spike() -> Iterator:
    """S3 has a threshold that some images reach."""
    yield from short_run(FirstSpikePasses(), **{"s3.threshold": 20})


@fingerprint("s3-stdp", first="42f84e610980")
def s3_stdp() -> Iterator:
    """S3 learns without reward."""
    yield from short_run(S3StdpPasses(), s3_rule="stdp")
