"""Task 2 of the paper (figures 4 and 5): two target digits among eight distractors, S2 by R-STDP against STDP."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from rstdp.data import Dataset

from ...lab.registry import fingerprint
from . import model

NEEDS = ("core", "task2")  #: what the results of this study depend on


def blocks() -> Dataset:
    """90 images of three kinds, 60 of them to learn from."""
    random = np.random.default_rng(0)
    kinds, labels = random.integers(0, 256, (3, 7, 7)), np.arange(90) % 3
    small = np.clip(kinds[labels] + random.integers(-60, 60, (90, 7, 7)), 0, 255)
    images = torch.from_numpy(np.kron(small, np.ones((4, 4))).astype(np.uint8))
    return Dataset("probe", images[:60], torch.from_numpy(labels[:60]), images[60:], torch.from_numpy(labels[60:]))


@fingerprint("task2", first="0c0b563d1c5e")
def probe() -> Iterator:
    """Both rules, the feature comparison and the choices that change the rules, on a few images of bars."""
    data = blocks()
    for changes in ({}, {"inhibit1": True, "inhibit2": True, "low": 0.2, "high": 0.8, "adapt": False},
                    {"coding": "intensity", "together": True, "count_distractors": True, "silent_is_miss": False,
                     "doubling": False}):
        task = model.Task(passes=2, batch=5)._replace(**changes)
        inputs = model.encoded(task, 0, data)
        yield inputs.s1
        for rule in model.RULES:
            run = model.learn(task, inputs, (0, 1), 4, rule, 0)
            yield from run
            yield model.outcome(task, inputs, (0, 1), 4, rule, 0)
            yield model.overlaps(np.stack([run.s2, np.roll(run.s2, 2, 3)])).round(6)
    yield model.Task()
    yield model.PAIRS, model.SIZES, model.RULES, model.FIGURE5
