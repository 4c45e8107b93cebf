"""Cross-validated accuracy on the real N-MNIST recordings at hand (1,100 beside this project's data, or all 70,000).

The recordings are dealt into folds, each of which is tested once by a network that learned from the others:

- all-real: every layer learns from real recordings only;
- s3-real: S1 and S2 learned without labels from simulated recordings of other images, in experiment nmnist;
- fine-tuned: S3 too is that of the experiment, and goes on learning from real recordings.

Writes folds.csv (a row for each variant, seed, fold and pass) and provenance.json to report/results/nmnist-real. The
folds are dealt anew for each seed. About five minutes a seed on one core for 1,100 recordings and five folds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from rstdp.config import SPYKETORCH
from rstdp.data import ENCODERS, Dataset
from rstdp.encoding import BINS
from rstdp.events import encodings, nmnist
from rstdp.events.data import recorded
from rstdp.learning import accuracy, rstdp_epoch
from rstdp.network import Network
from rstdp.training import Trainer

from ...lab.registry import fingerprint, result
from ...lab.runner import Job, Table

COLUMNS = ["variant", "seed", "fold", "epoch", "recordings", "train_accuracy", "test_accuracy", "silent", "seconds"]
VARIANTS = ("all-real", "s3-real", "fine-tuned")
PASSES = {"s1.epochs": 20, "s2.epochs": 40}  #: of S1 and S2 where they learn from the few real recordings
BATCH = 100  #: N there


def fold_of(times: torch.Tensor, labels: torch.Tensor, fold: int, folds: int, seed: int) -> Dataset:
    """The data set that tests one fold of the recordings and learns from the others."""
    lot = np.random.default_rng(seed).permutation(len(labels))
    mine = np.arange(len(lot)) % folds == fold
    test, train = (torch.from_numpy(lot[which]) for which in (mine, ~mine))
    return Dataset("nmnist", times[train], labels[train], times[test], labels[test], bins=BINS)


def run(variant: str, lower: Network, data: Dataset, seed: int, epochs: int) -> list[tuple]:
    """Rows of COLUMNS from `epoch` on for one fold; `lower` is changed where it learns on."""
    config, network = lower.config.replace({**PASSES, "batch": BATCH}), lower
    started, phi, rows = time.perf_counter(), (1.0, 1.0), []
    if variant == "all-real":
        trainer = Trainer(config, data, seed, quiet=True)
        train, _, test = trainer.prepare()
        network = trainer.network
    else:
        train, test = lower.features(data.train_images), lower.features(data.test_images)
    if variant == "s3-real":
        network.weights["s3"] = Network(config, seed, data.channels).weights["s3"]
    if variant == "fine-tuned":  # epoch 0: before it has seen any real recording
        right = accuracy(network, train, data.train_labels)[0]
        phi = (1 - right, right)
        rows.append((0, len(test), right, *accuracy(network, test, data.test_labels)))
    for epoch in range(epochs):
        right, phi = rstdp_epoch(network, train, data.train_labels, phi)
        rows.append((epoch + 1, len(test), right, *accuracy(network, test, data.test_labels)))
    return [(*row, round(time.perf_counter() - started, 2)) for row in rows]


@fingerprint("nmnist-real", first="344c3e680ffe")
def probe() -> Iterator:
    """Two passes of every variant over made-up spike times, from an untrained network."""
    random, config = np.random.default_rng(0), SPYKETORCH.replace({
        "s1.maps": 6, "s2.maps": 8, "s3.maps": 20, "s2.threshold": 4})
    times = torch.from_numpy(random.integers(0, 40, (12, 2, 16, 16)).clip(max=BINS).astype(np.uint8))
    for variant in VARIANTS:
        data = fold_of(times, torch.arange(12) % 3, 1, 3, seed=2)
        yield [row[:-1] for row in run(variant, Network(config, 0, channels=2), data, 2, 2)]
    yield PASSES


@result("nmnist-real", "cross-validated accuracy on real recordings; five minutes a seed",
        needs=("core", "events", "nmnist-real"), seeds=(0, 1, 2),
        settings={"variants": VARIANTS, "encoding": encodings.DEFAULT, "folds": 5, "epochs": 100, "lower": ""})
def make(job: Job) -> None:
    """What is missing, fold by fold. Settings: passes of S3, and weights of a network trained on simulated recordings
    (by default experiment nmnist's) with its encoding."""
    setting = job.settings
    path = Path(setting.lower or job.root / "results" / "nmnist" / "saccades-0.npz")
    parts = [recorded(part, ENCODERS[setting.encoding][0]) for part in nmnist.FULL]
    times, labels, numbers = (torch.cat(columns) for columns in zip(*parts))
    table = Table(job, "folds.csv", ["variant", "seed", "fold"], dataset=f"nmnist/{setting.encoding}",
                  data_md5=Dataset("nmnist", *parts[0][:2], *parts[1][:2]).checksum(), folds=setting.folds,
                  lower="/".join(path.parts[-2:]), configuration=Network.load(path).config.digest(),
                  parameters={**PASSES, "batch": BATCH})
    left = [(variant, seed, fold) for seed in job.seeds for variant in setting.variants
            for fold in range(setting.folds) if not table.has(variant, seed, fold)]
    for variant, seed, fold in tqdm(left, desc="runs", unit="fold"):
        data = fold_of(times, labels, fold, setting.folds, seed)
        found = run(variant, Network.load(path), data, seed, setting.epochs)
        table.add(dict(zip(COLUMNS, (variant, seed, fold, *row))) for row in found)
        table.save({"recordings": len(labels), "numbers": [int(numbers.min()), int(numbers.max())]},
                   float_format="%.6g")
