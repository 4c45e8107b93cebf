"""A committee: several S3 that learned from rewards alone add up their potentials. Ours, not the paper's.

S1 and S2 of each seed learn once, as in SpykeTorch, and all members see their C2. Each member is an S3 with first
weights of its own. It learns by R-STDP with second tries, from images that are shifted, is rewarded and punished for
its own decisions, and has slow weights to decide by (`slow_weights`). Together they decide for the digit with the
largest sum, over members, of the highest potential that any of a member's maps for it has. Writes committee.csv, a row
a seed and number of members, and provenance.json to report/results/committee. About three quarters of an hour a seed
on one core.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rstdp import layers, learning
from rstdp.competition import SILENT
from rstdp.config import SPYKETORCH, Config
from rstdp.data import Dataset
from rstdp.files import CheckpointError, read_npz, write_npz
from rstdp.network import Network
from rstdp.training import Trainer

from ..lab import registry
from ..lab.runner import Job, Table
from .reward import blocks
from .second_try import SecondTryConfig
from .shifted import shifted
from .slow_weights import SlowWeightsPasses

CONFIG = SecondTryConfig.of(SPYKETORCH).replace({"s3.maps": 400, "second_tries": 3})
MEMBERS, PASSES = 3, 9  #: passes of each member over all shifted images


class Member(NamedTuple):
    """What is left of an S3 that has learned."""

    potentials: np.ndarray  #: (N, classes) float32, of each class on the test images, by slow weights
    train_accuracy: float  #: while learning, in the last pass
    seconds: float  #: that it has taken


def class_potentials(network: Network, c2: Tensor) -> Tensor:
    """Spike times (N, C, H, W) of C2 -> the highest potential of each class (N, classes)."""
    each = [layers.pool_max_potential(network.potentials(part)) for part in c2.split(500)]
    return torch.cat(each).unflatten(1, (network.config.classes, -1)).amax(2)


def member(config: Config, first: int, passes: int, train: Tensor, labels: Tensor, test: Tensor) -> Member:
    """An S3 with first weights of seed `first`, after its passes over spike times of C2."""
    started, phi, right = time.perf_counter(), (1.0, 1.0), 0.0
    network, way = Network(config, first), SlowWeightsPasses()
    for _ in range(passes):
        right, phi = way.rstdp(network, train, labels, phi, learning.ignore)
    network.weights["s3"] = way.slow
    potentials = class_potentials(network, test).float().numpy()
    return Member(potentials, right, time.perf_counter() - started)


def seed_of(seed: int, number: int) -> int:
    """The seed of a member's first weights."""
    return 100 * seed + number


def committee(config: Config, data: Dataset, seed: int, members: int, passes: int, work: Path | None = None,
              quiet: bool = False) -> list[dict]:
    """A row for each number of members. work: keeps each member, so that an interrupted run goes on."""
    started, rows, total = time.perf_counter(), [], 0.0
    trainer = Trainer(dataclasses.replace(SPYKETORCH, s1=config.s1, s2=config.s2), data, seed, quiet=quiet)
    test, below = trainer.prepare()[2], trainer.network
    train = torch.cat([below.features(images) for images in shifted(data.train_images)])
    labels = data.train_labels.repeat(len(train) // len(data.train_labels))
    seconds = time.perf_counter() - started
    for number in range(members):
        kept = work / f"{config.digest()}-{data.checksum()}-{passes}-{seed}-{number}.npz" if work else None
        one = kept_member(kept)
        if one is None:
            one = member(config, seed_of(seed, number), passes, train, labels, test)
            if kept:
                write_npz(kept, **one._asdict())
        total, seconds = total + one.potentials, seconds + float(one.seconds)  # of a kept one too
        alone, together = (learning.shares(decisions(each), data.test_labels) for each in (one.potentials, total))
        rows.append({"seed": seed, "members": number + 1, "train_accuracy": float(one.train_accuracy),
                     "alone": alone[0], "test_accuracy": together[0], "silent": together[1],
                     "seconds": round(seconds, 1)})
    return rows


def decisions(potentials: np.ndarray) -> Tensor:
    """Potentials of the classes (N, classes) -> decisions (N,), SILENT where none has any."""
    most = torch.from_numpy(potentials).max(1)
    return most.indices.masked_fill(most.values <= 0, SILENT)


def kept_member(path: Path | None) -> Member | None:
    """One that an interrupted run has left; None where there is none."""
    with contextlib.suppress(CheckpointError, TypeError):
        return Member(**read_npz(path)) if path else None
    return None


@registry.fingerprint("committee")
def probe() -> Iterator:
    """Two members on a few images of blocks."""
    config = CONFIG.replace({"s1.maps": 4, "s2.maps": 8, "s3.maps": 20, "s1.epochs": 1, "s2.epochs": 1})
    for row in committee(config, blocks(), 0, 2, 1, quiet=True):
        yield {name: value for name, value in row.items() if name != "seconds"}


@registry.result("committee", "several S3 that learned from shifted images add up; an hour a seed",
                 needs=("core", "slow-weights", "committee"), dataset="mnist", seeds=(0, 1, 2, 3, 4),
                 settings={"train": 0, "members": MEMBERS, "passes": PASSES})
def make(job: Job) -> None:
    """The seeds that are missing. Settings: training images, 0 for all; members; passes over all shifted images."""
    data, settings = job.data.subset(job.settings.train), job.settings
    table = Table(job, "committee.csv", ["seed"], data_md5=data.checksum(), train=len(data.train_images),
                  members=settings.members, passes=settings.passes, configuration=CONFIG.digest())
    tasks = [(CONFIG, data, seed, settings.members, settings.passes, job.root / "work" / "committee")
             for seed in job.seeds if not table.has(seed)]
    for rows in job.spread(committee, tasks, "seeds", "seed"):
        table.add(rows)
        table.save({"seeds": sorted(map(int, set(table.rows.seed))),
                    "seconds": round(table.rows.groupby("seed").seconds.max().sum(), 1)})
    print(table.rows.to_string(index=False))
