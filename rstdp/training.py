"""Training layer by layer, with checkpoints: S1 and S2 by STDP, then S3 by R-STDP. Book chapters: 05 to 07.

The lower layers are frozen while the next one learns, so their output is computed once and kept as spike times.
Images come in data order, without shuffling, as in SpykeTorch: a run is decided by its configuration, seed and data.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from . import plasticity
from .config import LAYERS, Config
from .data import Dataset
from .files import CheckpointError, check_digest, read_npz, write_npz, write_text
from .learning import Passes
from .network import Network, compiled

BATCH = 250  #: images encoded or passed forward between two chances to interrupt

COLUMNS = ("variant", "seed", "epoch", "train_accuracy", "validation_accuracy", "test_accuracy", "silent", "seconds")


@dataclass
class Progress:
    """Where a run stands: `layer` is being learned and `epoch` passes over the data are complete."""

    layer: int = 0  #: index into ("s1", "s2", "s3"); 3 when all is done
    epoch: int = 0
    seen: int = 0  #: images since the learning rates last started anew (S1, S2)
    plus: float = 0.0
    minus: float = 0.0
    phi_r: float = 1.0
    phi_p: float = 1.0
    lower: float = 0.0  #: seconds spent so far on what comes before S3, over all sessions
    rows: list[tuple] = field(default_factory=list)  #: one row of COLUMNS after each epoch of S3


class Trainer:
    """Trains one network on one data set and writes as it goes, so that an interrupted run resumes to the same result.

    folder: gets checkpoint.npz (after every pass over the data), accuracy.csv and weights.npz; None keeps all in
    memory. validation: how many of the last training images are held out. passes: other rules for a pass over the data
    (`learning.Passes`). cache: folder where spike times are kept on disk instead of in memory (for MNIST 0.3 GB that all
    seeds share, and 0.7 GB a seed). network: `fast` and `device` of `Network`. The name of the configuration is the
    first column of accuracy.csv. Raises CheckpointError where the folder holds another run, ValueError where data or
    passes do not go with the configuration.
    """

    def __init__(self, config: Config, data: Dataset, seed: int = 0, folder: str | Path | None = None,
                 validation: int = 0, passes: Passes | None = None, quiet: bool = False,
                 cache: str | Path | None = None, **network: Any):
        self.config, self.seed, self.passes, self.quiet = config, seed, passes or Passes(), quiet
        self.data, self.validation_images, self.validation_labels = data.split(validation)
        self.folder, self.cache = (Path(each) if each else None for each in (folder, cache))
        if data.bins not in (0, config.bins):
            raise ValueError(f"{data.name} has spike times in {data.bins} bins, the configuration has {config.bins}")
        if not isinstance(config, self.passes.config):
            raise ValueError(f"{type(self.passes).__name__} asks for a {self.passes.config.__name__}, got a "
                             f"{type(config).__name__}")
        self.network, self.progress = Network(config, seed, data.channels, **network), Progress()
        self.data_key = f"{data.checksum()}-{len(data.train_images)}-{validation}"
        self.epochs = f"{config.s1.epochs} over S1, {config.s2.epochs} over S2"
        if self.folder and (self.folder / "checkpoint.npz").exists():
            self._resume(self.folder / "checkpoint.npz")

    def run(self) -> Network:
        """Train what is left to train. On an interrupt the last checkpoint stays; run again to go on."""
        if not self.finished:
            self._learn_s3(*self.prepare())
        return self.close()

    def prepare(self) -> tuple[Tensor, Tensor, Tensor]:
        """Train S1 and S2 as far as that is left to do; returns C2's spike times of training, validation and test.

        Where S2 goes on learning with S3 (`Passes.consumes`), those of C1.
        """
        started = time.perf_counter()
        self.progress.layer = min(self.progress.layer, 2)  # if S3 was done: perhaps there are more epochs now
        self._save()  # a folder that cannot be written is found now, not after the first epoch
        train = self._encoded(self.data.train_images, "train")
        if self.progress.layer == 0:
            self._learn_layer("s1", train)
        train = self._forward("s1", train, "train")
        if self.progress.layer == 1:
            self._learn_layer("s2", train)
        held_out = [self._forward("s1", self._encoded(images, what), what) if len(images) else images
                    for images, what in ((self.validation_images, "validation"), (self.data.test_images, "test"))]
        if self.passes.consumes == "c2":
            train = self._forward("s2", train, "train")
            held_out = [self._forward("s2", times, what) if len(times) else times
                        for times, what in zip(held_out, ("validation", "test"))]
        self.progress.lower += time.perf_counter() - started
        validation, test = held_out
        return train, validation, test

    def close(self) -> Network:
        """Mark the run as complete and write the final weights."""
        self.progress.layer = len(LAYERS)
        self._save()
        self.network.trained_on = self.data.name
        if self.folder:
            self.network.save(self.folder / "weights.npz")
        return self.network

    @property
    def rows(self) -> list[dict]:
        """What accuracy.csv holds, as dictionaries."""
        return [dict(zip(COLUMNS, row)) for row in self.progress.rows]

    @property
    def seconds(self) -> float:
        """Wall-clock time of the whole run, over all sessions, but for what a kill has lost."""
        return self.progress.lower + sum(row["seconds"] for row in self.rows)

    @property
    def finished(self) -> bool:
        """Whether all epochs that the configuration asks for are done."""
        return self.progress.layer >= 2 and self.progress.epoch >= self.config.s3.epochs

    def _bar(self, total: int, what: str) -> tqdm:
        label = f"{self.config.name} seed {self.seed}: {what}"
        return tqdm(total=total, desc=label, unit="img", disable=self.quiet or None,
                    leave=False, mininterval=0.5)

    def _encoded(self, images: Tensor, split: str) -> Tensor:
        return self._kept((), self.network.encode, images, split)

    def _forward(self, name: str, times: Tensor, split: str) -> Tensor:
        below = LAYERS[:LAYERS.index(name) + 1]
        return self._kept(below, lambda part: self.network.pooled(name, part), times, split)

    def _kept(self, layers: tuple[str, ...], function: Callable[[Tensor], Tensor], inputs: Tensor,
              split: str) -> Tensor:
        """function(inputs), batch by batch; from disk or to disk where there is a cache."""
        what = f"{layers[-1] if layers else 'encode'} {split}"

        def parts():
            with self._bar(len(inputs), what) as bar:
                for part in inputs.split(BATCH):
                    yield function(part)
                    bar.update(len(part))

        if not self.cache:
            return torch.cat(list(parts()))
        key = compiled.cache.key(self.network, f"{self.data_key} {split}", layers)
        return compiled.cache.mapped(self.cache / f"{what.replace(' ', '-')}-{key}.npy", parts(), len(inputs))

    def _learn_layer(self, name: str, times: Tensor) -> None:
        spec, progress = self.network.layer(name), self.progress
        rate = plasticity.DoublingRate.of(spec)
        if progress.epoch:
            rate.plus, rate.minus, rate.seen = progress.plus, progress.minus, progress.seen
        while progress.epoch < spec.epochs:
            before = self.network.weights[name].clone()
            with self._bar(len(times), f"{name} epoch {progress.epoch + 1}/{spec.epochs}") as bar:
                self.passes.stdp(self.network, name, times, rate, bar.update)
            progress.epoch += 1
            progress.plus, progress.minus, progress.seen = rate.plus, rate.minus, rate.seen
            weight = self.network.weights[name]
            self.report(progress.epoch, {f"{name}/convergence": float((weight * (1 - weight)).mean()),
                                         f"{name}/change": float((weight - before).abs().mean())})
            if progress.epoch < spec.epochs:
                self._save()
        progress.layer, progress.epoch = progress.layer + 1, 0
        self._save()

    def _learn_s3(self, train: Tensor, validation: Tensor, test: Tensor) -> None:
        progress = self.progress
        while not self.finished:
            started = time.perf_counter()
            with self._bar(len(train), f"s3 epoch {progress.epoch + 1}/{self.config.s3.epochs}") as bar:
                right, phi = self.passes.rstdp(self.network, train, self.data.train_labels,
                                               (progress.phi_r, progress.phi_p), bar.update)
            (held_out, _), (tested, silent) = (
                self.passes.accuracy(self.network, times, labels) if len(times) else (None, None) for times, labels in
                ((validation, self.validation_labels), (test, self.data.test_labels)))
            self.finish_epoch(right, phi, held_out, tested, silent, time.perf_counter() - started)

    def finish_epoch(self, train_accuracy: float, phi: tuple[float, float], validation_accuracy: float | None,
                     test_accuracy: float | None, silent: float | None, seconds: float) -> None:
        """Note a pass over S3 that is complete, and save."""
        progress = self.progress
        progress.epoch, (progress.phi_r, progress.phi_p) = progress.epoch + 1, phi
        scores = {"train_accuracy": train_accuracy, "validation_accuracy": validation_accuracy,
                  "test_accuracy": test_accuracy, "silent": silent}
        progress.rows.append((self.config.name, self.seed, progress.epoch, *scores.values(), round(seconds, 3)))
        self.report(progress.epoch, {f"s3/{name}": value for name, value in scores.items() if value is not None})
        self._save()

    def report(self, step: int, values: dict[str, float]) -> None:
        """Called after every pass over the data with its scalars; override it to watch a run."""

    # --- checkpoints ---

    def _save(self) -> None:
        if not self.folder:
            return
        progress = self.progress
        rows = np.array([[np.nan if value is None else value for value in row[2:]] for row in progress.rows])
        write_npz(self.folder / "checkpoint.npz", digest=self.config.digest(), data=self.data_key, seed=self.seed,
                  passes=self.epochs, place=np.array([progress.layer, progress.epoch, progress.seen]),
                  lower=progress.lower, rates=np.array([progress.plus, progress.minus, progress.phi_r, progress.phi_p]),
                  rows=rows.astype(float).reshape(-1, len(COLUMNS) - 2), **self.network.arrays())
        write_csv(self.folder / "accuracy.csv", progress.rows)

    def _resume(self, path: Path) -> None:
        stored = read_npz(path)
        try:
            check_digest(path, str(stored["digest"]), self.config)
            for key, mine in (("data", self.data_key), ("seed", str(self.seed)), ("passes", self.epochs)):
                if str(stored.get(key, mine)) != mine:
                    raise CheckpointError(f"{path} belongs to a run with another {key} ({stored[key]}, asked for "
                                          f"{mine}); choose another output folder or the same arguments")
            self._restore(stored, path)
        except KeyError as error:
            raise CheckpointError(f"{path} is no checkpoint of a training run (it has no {error}); choose another "
                                  "output folder") from error

    def _restore(self, stored: dict[str, np.ndarray], path: Path) -> None:
        progress = self.progress
        progress.layer, progress.epoch, progress.seen = (int(value) for value in stored["place"])
        progress.plus, progress.minus, progress.phi_r, progress.phi_p = (float(value) for value in stored["rates"])
        progress.lower = float(stored.get("lower", 0.0))  # not in the first checkpoints
        progress.rows = [(self.config.name, self.seed, int(row[0]),
                          *(None if np.isnan(value) else float(value) for value in row[1:])) for row in stored["rows"]]
        self.network.restore(stored, path)


def write_csv(path: Path, rows: Iterable[Sequence]) -> None:
    """Write accuracy.csv, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    write_text(path, text.getvalue())
