"""The rules of an earlier replication, to measure what each of them costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from rstdp.config import SPYKETORCH
from rstdp.data import Dataset
from rstdp.training import Trainer

from ...lab.registry import fingerprint
from .rules import StudentConfig, StudentPasses


@fingerprint("student", first="6f8b1696b25d")
def probe() -> Iterator:
    """Short runs of each rule alone and of all at once."""
    random = np.random.default_rng(0)
    images = torch.from_numpy(np.kron(random.integers(0, 256, (24, 7, 7)), np.ones((4, 4))).astype(np.uint8))
    labels = torch.arange(24) % 10
    data = Dataset("probe", images[:16], labels[:16], images[16:], labels[16:])
    small = StudentConfig.of(SPYKETORCH).replace({
        "s1.maps": 8, "s2.maps": 12, "s3.maps": 20, "batch": 6, "s1.double_every": 5, "s2.double_every": 5,
        "s2.threshold": 4, "s1.epochs": 2, "s2.epochs": 2, "s3.epochs": 2})
    rules = ({"decision": "index"}, {"competition": "free", "s1.pointwise": False, "s2.pointwise": False},
             {"update_every": 3, "silent_is_miss": True})
    for changes in (*rules, rules[0] | rules[1] | rules[2]):
        trainer = Trainer(small.replace(changes), data, passes=StudentPasses(), quiet=True)
        yield from trainer.run().weights.values()
        yield from ([row[:-1] for row in trainer.progress.rows])
