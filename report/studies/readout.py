"""What STDP's features know: S1 and S2 learn without labels, and a linear classifier of scikit-learn reads them out.

The same classifiers on pixels and on the encoder's spikes say what the two layers add. The strength of regularisation
is chosen on the last training images, held out. Writes readout.csv and provenance.json to report/results/readout, after
every seed. About a quarter of an hour a seed on one core.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.linear_model import RidgeClassifier
from sklearn.svm import LinearSVC
from tqdm import tqdm

from rstdp.config import SPYKETORCH, Config
from rstdp.data import Dataset
from rstdp.training import Trainer

from ..lab.registry import fingerprint, result
from ..lab.runner import Job, Table

COLUMNS = ["seed", "features", "classifier", "strength", "validation_accuracy", "test_accuracy", "silent", "seconds"]
CLASSIFIERS = {
    "ridge regression": (lambda strength: RidgeClassifier(alpha=strength, solver="cholesky"), (100.0, 1000.0)),
    "linear SVM": (lambda strength: LinearSVC(C=strength, dual=False, tol=1e-3, max_iter=200), (0.001, 0.01)),
}


def features(data: Dataset, seed: int, config: Config = SPYKETORCH,
             quiet: bool = False) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, training, test) of each kind of input, float32 (N, inputs)."""
    trainer, bins = Trainer(config, data, seed, quiet=quiet), config.bins
    if seed == 0:  # these do not depend on the seed
        images = data.train_images, data.test_images
        yield "pixels", *(each.flatten(1).numpy() / np.float32(255) for each in images)
        encoded = [trainer.network.encode(each) for each in images]
        yield "encoder: spikes or not", *((times < bins).flatten(1).numpy().astype(np.float32) for times in encoded)
    train, _, test = trainer.prepare()
    yield "C2: spikes or not", *((times < bins).flatten(1).numpy().astype(np.float32) for times in (train, test))
    yield "C2: how early", *((bins - times.flatten(1).numpy().astype(np.float32)) / bins for times in (train, test))


def fitted(make, strengths, x: np.ndarray, y: np.ndarray, held_out: int) -> tuple[ClassifierMixin, float, float]:
    """The classifier of the best strength, its strength, and its accuracy on the images held out."""
    best = None
    for strength in strengths:
        classifier = make(strength).fit(x[:-held_out], y[:-held_out])
        accuracy = classifier.score(x[-held_out:], y[-held_out:])
        if best is None or accuracy > best[2]:
            best = classifier, strength, accuracy
    return best


def rows(data: Dataset, seed: int, held_out: int, config: Config = SPYKETORCH, quiet: bool = False) -> list[dict]:
    """Rows of COLUMNS for one seed of the first weights."""
    found, y, target = [], data.train_labels.numpy(), data.test_labels.numpy()
    for name, train, test in features(data, seed, config, quiet):
        for classifier, (make, strengths) in tqdm(CLASSIFIERS.items(), desc=f"seed {seed}, {name}", disable=quiet):
            started = time.perf_counter()
            best, strength, validated = fitted(make, strengths, train, y, held_out)
            found.append(dict(zip(COLUMNS, (
                seed, name, classifier, strength, validated, best.score(test, target),
                float((test == 0).all(1).mean()), round(time.perf_counter() - started, 1)))))
    return found


@fingerprint("readout", first="5d72ec2ccdfe")
def probe() -> Iterator:
    """All features and classifiers on a few images of bars."""
    random = np.random.default_rng(0)
    kinds = random.integers(0, 256, (4, 7, 7))
    labels = np.arange(60) % 4
    small = np.clip(kinds[labels] + random.integers(-40, 40, (60, 7, 7)), 0, 255)
    images = torch.from_numpy(np.kron(small, np.ones((4, 4))).astype(np.uint8))
    data = Dataset("probe", images[:40], torch.from_numpy(labels[:40]), images[40:], torch.from_numpy(labels[40:]))
    config = SPYKETORCH.replace({"s1.maps": 6, "s2.maps": 8, "s3.maps": 20, "s2.threshold": 4, "s1.epochs": 1,
                                 "s2.epochs": 1})
    for row in rows(data, 0, 10, config, quiet=True):
        yield [round(value, 3) if isinstance(value, float) else value for name, value in row.items()
               if name != "seconds"]


@result("readout", "STDP's features, pixels and spikes under a linear classifier; a quarter of an hour a seed",
        needs=("core", "readout"), dataset="mnist", seeds=(0, 1, 2), settings={"train": 0, "held_out": 5000})
def make(job: Job) -> None:
    """What is missing, seed by seed; prints the table. Settings: training images, 0 for all; of these held out."""
    data = job.data.subset(job.settings.train, 0)
    table = Table(job, "readout.csv", ["seed"], data_md5=data.checksum(), train=len(data.train_images),
                  held_out=job.settings.held_out, passes=[SPYKETORCH.s1.epochs, SPYKETORCH.s2.epochs],
                  configuration=SPYKETORCH.digest())
    for seed in job.seeds:
        if not table.has(seed):
            table.add(rows(data, seed, job.settings.held_out))
            table.save({"seeds": sorted(map(int, set(table.rows.seed)))})
    print(table.rows.to_string(index=False))
