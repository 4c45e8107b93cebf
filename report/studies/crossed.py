"""Which seed decides how well a network reads: that of S1's and S2's first weights, or that of S3's?

S1 and S2 of each seed learn once; on their spike times S3 learns from the first weights of every seed in turn. Where
both seeds are the same, the run is the ordinary one. Writes crossed.csv and provenance.json to report/results/crossed,
after every run. About six minutes a run on one core.
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Iterator

import numpy as np
import torch

from rstdp import learning
from rstdp.config import SPYKETORCH, Config
from rstdp.data import Dataset
from rstdp.network import Network
from rstdp.training import Trainer

from ..lab import registry
from ..lab.runner import Job, Table
from .reward import blocks

KEYS = ["features_seed", "s3_seed"]


def learned(config: Config, seeds: tuple[int, int], train: np.ndarray, labels: np.ndarray, test: np.ndarray,
            test_labels: np.ndarray) -> list[dict]:
    """A row for each pass of S3, from the first weights of seeds[1], over spike times of C2 from S1 and S2 of seeds[0].
    """
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # maps of files, which are only read
        train, labels, test, test_labels = map(torch.from_numpy, (train, labels, test, test_labels))
    network, phi, rows = Network(config, seeds[1]), (1.0, 1.0), []
    for epoch in range(1, config.s3.epochs + 1):
        started = time.perf_counter()
        right, phi = learning.rstdp_epoch(network, train, labels, phi)
        accuracy, silent = learning.accuracy(network, test, test_labels)
        rows.append(dict(zip(KEYS, seeds), epoch=epoch, train_accuracy=right, test_accuracy=accuracy, silent=silent,
                         seconds=round(time.perf_counter() - started, 3)))
    return rows


def crossed(config: Config, data: Dataset, pairs: list[tuple[int, int]], spread, quiet: bool = False) -> Iterator:
    """The rows of each pair (seed of S1 and S2, seed of S3), as they finish; spread: as `Job.spread`."""
    for seed, mine in itertools.groupby(sorted(pairs), key=lambda pair: pair[0]):
        train, _, test = Trainer(config, data, seed, quiet=quiet).prepare()
        arrays = [each.numpy() for each in (train, data.train_labels, test, data.test_labels)]
        yield from spread(learned, [(config, pair, *arrays) for pair in mine], f"S1 and S2 of seed {seed}")


@registry.fingerprint("crossed")
def probe() -> Iterator:
    """Two seeds crossed, on a few images of blocks."""
    config = SPYKETORCH.replace({"s1.maps": 4, "s2.maps": 8, "s3.maps": 20, "s2.threshold": 4, "s1.epochs": 1,
                                 "s2.epochs": 1, "s3.epochs": 2})
    pairs = list(itertools.product((0, 1), repeat=2))
    for rows in crossed(config, blocks(), pairs, lambda function, tasks, what: [function(*task) for task in tasks],
                        quiet=True):
        yield [[value for name, value in row.items() if name != "seconds"] for row in rows]


@registry.result("crossed", "seeds of S1 and S2 crossed with seeds of S3, 40 passes; six minutes a run",
                 needs=("core", "crossed"), dataset="mnist", seeds=(0, 1, 2, 3, 4), settings={"train": 0, "passes": 40},
                 runs=25)
def make(job: Job) -> None:
    """The pairs that are missing, one by one. Settings: training images, 0 for all; passes over S3."""
    data, config = job.data.subset(job.settings.train, 0), SPYKETORCH.replace({"s3.epochs": job.settings.passes})
    table = Table(job, "crossed.csv", KEYS, data_md5=data.checksum(), train=len(data.train_images),
                  configuration=config.digest())
    pairs = [pair for pair in itertools.product(job.seeds, repeat=2) if not table.has(*pair)]
    for rows in crossed(config, data, pairs, job.spread):
        table.add(rows)
        table.save({"runs_made": len(table.rows.groupby(KEYS)), "seconds": round(table.rows.seconds.sum(), 1)})
    print(table.rows[table.rows.epoch == config.s3.epochs].to_string(index=False))
