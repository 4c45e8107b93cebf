"""Event cameras: simulated against real recordings. Here is what all results on events depend on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch

from rstdp.data import ENCODERS
from rstdp.encoding import BINS
from rstdp.events import encodings, nmnist, simulator
from rstdp.events.data import FITTED, PART, REAL

from ...lab.registry import fingerprint


def bars(count: int) -> np.ndarray:
    """Images (count, 28, 28) uint8 of thick bars at random places."""
    random, images = np.random.default_rng(0), np.zeros((count, 28, 28), dtype=np.uint8)
    for image in images:
        row, column = random.integers(4, 20, 2)
        image[row:row + 4, 4:24] = random.integers(120, 256)
        image[4:24, column:column + 4] = random.integers(120, 256)
    return images


@fingerprint("events", first="77e74b9c5320")
def probe() -> Iterator:
    """Simulated recordings of three images in every encoding.

    Blurred counts are rounded and their order is left out: where they tie, the last bit of a sum decides, which is not
    the same on all processors.
    """
    recordings = simulator.simulate(bars(3), labels=np.arange(3), first=7, seed=1)
    for part in (recordings.x, recordings.y, recordings.polarity, recordings.t // 10, recordings.counts):
        yield np.asarray(part, dtype=np.int64)
    for name, (encode, reads) in sorted(ENCODERS.items()):
        if reads == "recordings" and name in BUILT_IN:
            times = encode(recordings)
            yield name
            yield tuple(times.shape)
            yield times if name.startswith("first") else times < BINS
    for stabilise in (False, True):
        counts = encodings.event_counts(recordings, stabilise, by_saccade=True)
        yield from (counts, torch.round(encodings.smoothed(counts), decimals=3))
    yield dataclasses.astuple(simulator.Sensor())
    yield simulator.simulate(bars(1), sensor=simulator.Sensor(wander=0.5)).counts
    yield encodings.DEFAULT, FITTED, REAL, PART, nmnist.SIZE, nmnist.SACCADE


BUILT_IN = ("first", "first-saccade", "stabilised", "saccades")  #: the encoders of the recorded results
