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

from . import cache, plasticity
from .config import Config
from .datasets import Dataset
from .files import CheckpointError, check_digest, read_npz, write_npz, write_text
from .learning import CHUNK, accuracy, learn_rstdp, learn_stdp, rstdp_epoch
from .network import LAYERS, Network

__all__ = ["Trainer", "Progress", "accuracy", "learn_rstdp", "learn_stdp", "rstdp_epoch", "COLUMNS", "write_csv"]

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
    memory. validation: how many of the last training images are held out. variant: the first column of accuracy.csv.
    tensorboard: also write scalars to folder/tensorboard. path: "fast", or "reference" to step through time on
    `device`, with the same result. cache: folder where spike times are kept on disk instead of in memory (for MNIST
    0.3 GB that all seeds share, and 0.7 GB a seed). Raises CheckpointError where the folder holds another run.
    """

    def __init__(self, config: Config, data: Dataset, seed: int = 0, folder: str | Path | None = None,
                 validation: int = 0, variant: str | None = None, tensorboard: bool = False, quiet: bool = False,
                 path: str = "fast", device: str = "cpu", cache: str | Path | None = None):
        self.config, self.seed, self.variant, self.quiet = config, seed, variant or config.name, quiet
        self.data, self.validation_images, self.validation_labels = data.split(validation)
        self.folder = Path(folder) if folder else None
        if data.bins not in (0, config.bins):
            raise ValueError(f"{data.name} has spike times in {data.bins} bins, the configuration has {config.bins}")
        self.network, self.progress, self.path = Network(config, seed, data.channels, device), Progress(), path
        self.cache = Path(cache) if cache else None
        self.data_key = f"{data.checksum()}-{len(data.train_images)}-{validation}"
        self.passes = f"{config.s1.epochs} over S1, {config.s2.epochs} over S2"
        if self.folder and (self.folder / "checkpoint.npz").exists():
            self._resume(self.folder / "checkpoint.npz")
        self.writer = None
        if tensorboard and self.folder:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(self.folder / "tensorboard"))

    def run(self) -> Network:
        """Train what is left to train. On an interrupt the last checkpoint stays; run again to go on."""
        if not self.finished:
            self._learn_s3(*self.prepare())
        return self.close()

    def prepare(self) -> tuple[Tensor, Tensor, Tensor]:
        """Train S1 and S2 as far as that is left to do; returns C2's spike times of training, validation and test.

        Where S2 goes on learning with S3 (`Config.s2_reward`), those of C1.
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
        if not self.config.s2_reward:
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
        if self.writer:
            self.writer.close()
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
        label = f"{self.variant} seed {self.seed}: {what}"
        return tqdm(total=total, desc=label, unit="img", disable=self.quiet or None,
                    leave=False, mininterval=0.5)

    def _encoded(self, images: Tensor, split: str) -> Tensor:
        return self._kept((), self.network.encode, images, split)

    def _forward(self, name: str, times: Tensor, split: str) -> Tensor:
        below = LAYERS[:LAYERS.index(name) + 1]
        return self._kept(below, lambda part: self.network.pooled(name, part, self.path), times, split)

    def _kept(self, layers: tuple[str, ...], function: Callable[[Tensor], Tensor], inputs: Tensor,
              split: str) -> Tensor:
        """function(inputs), batch by batch; from disk or to disk where there is a cache."""
        what = f"{layers[-1] if layers else 'encode'} {split}"

        def parts():
            with self._bar(len(inputs), what) as bar:
                for part in inputs.split(CHUNK):
                    yield function(part)
                    bar.update(len(part))

        if not self.cache:
            return torch.cat(list(parts()))
        name = f"{what}-{cache.key(self.network, f'{self.data_key} {split}', layers)}".replace(" ", "-")
        return cache.stored(self.cache, name, parts(), len(inputs))

    def _learn_layer(self, name: str, times: Tensor) -> None:
        spec, progress = self.network.layer(name), self.progress
        rate = plasticity.DoublingRate.of(spec)
        if progress.epoch:
            rate.plus, rate.minus, rate.seen = progress.plus, progress.minus, progress.seen
        while progress.epoch < spec.epochs:
            before = self.network.weights[name].clone()
            with self._bar(len(times), f"{name} epoch {progress.epoch + 1}/{spec.epochs}") as bar:
                learn_stdp(self.network, name, times, rate, self.path, bar.update)
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
                right, phi = rstdp_epoch(self.network, train, self.data.train_labels, (progress.phi_r, progress.phi_p),
                                         self.path, bar.update)
            (held_out, _), (tested, silent) = (
                accuracy(self.network, c2, labels, self.path) if len(c2) else (None, None) for c2, labels in
                ((validation, self.validation_labels), (test, self.data.test_labels)))
            self.finish_epoch(right, phi, held_out, tested, silent, time.perf_counter() - started)

    def finish_epoch(self, train_accuracy: float, phi: tuple[float, float], validation_accuracy: float | None,
                     test_accuracy: float | None, silent: float | None, seconds: float) -> None:
        """Note a pass over S3 that is complete, and save."""
        progress = self.progress
        progress.epoch, (progress.phi_r, progress.phi_p) = progress.epoch + 1, phi
        scores = {"train_accuracy": train_accuracy, "validation_accuracy": validation_accuracy,
                  "test_accuracy": test_accuracy, "silent": silent}
        progress.rows.append((self.variant, self.seed, progress.epoch, *scores.values(), round(seconds, 3)))
        self.report(progress.epoch, {f"s3/{name}": value for name, value in scores.items() if value is not None})
        self._save()

    def report(self, step: int, values: dict[str, float]) -> None:
        """Called after every pass over the data with its scalars, for TensorBoard; override it to watch a run."""
        if self.writer:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    # --- checkpoints ---

    def _save(self) -> None:
        if not self.folder:
            return
        progress = self.progress
        weights: dict[str, Any] = {name: weight.numpy() for name, weight in self.network.weights.items()}
        rows = np.array([[np.nan if value is None else value for value in row[2:]] for row in progress.rows])
        write_npz(self.folder / "checkpoint.npz", digest=self.config.digest(), data=self.data_key, seed=self.seed,
                  passes=self.passes,
                  place=np.array([progress.layer, progress.epoch, progress.seen]), lower=progress.lower,
                  rates=np.array([progress.plus, progress.minus, progress.phi_r, progress.phi_p]),
                  rows=rows.astype(float).reshape(-1, len(COLUMNS) - 2),
                  decision_map=self.network.decision_map.numpy(), **weights)
        write_csv(self.folder / "accuracy.csv", progress.rows)

    def _resume(self, path: Path) -> None:
        stored = read_npz(path)
        try:
            check_digest(path, str(stored["digest"]), self.config)
            for key, mine in (("data", self.data_key), ("seed", str(self.seed)), ("passes", self.passes)):
                if str(stored.get(key, mine)) != mine:
                    raise CheckpointError(f"{path} belongs to a run with another {key} ({stored[key]}, asked for "
                                          f"{mine}); choose another output folder or the same arguments")
            self._restore(stored)
        except KeyError as error:
            raise CheckpointError(f"{path} is no checkpoint of a training run (it has no {error}); choose another "
                                  "output folder") from error

    def _restore(self, stored: dict[str, np.ndarray]) -> None:
        progress = self.progress
        progress.layer, progress.epoch, progress.seen = (int(value) for value in stored["place"])
        progress.plus, progress.minus, progress.phi_r, progress.phi_p = (float(value) for value in stored["rates"])
        progress.lower = float(stored.get("lower", 0.0))  # not in the first checkpoints
        progress.rows = [(self.variant, self.seed, int(row[0]),
                          *(None if np.isnan(value) else float(value) for value in row[1:])) for row in stored["rows"]]
        for name in LAYERS:
            self.network.weights[name] = torch.from_numpy(stored[name])
        if "decision_map" in stored:  # not in the first checkpoints
            self.network.decision_map = torch.from_numpy(stored["decision_map"])


def write_csv(path: Path, rows: Iterable[Sequence]) -> None:
    """Write accuracy.csv, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    write_text(path, text.getvalue())
