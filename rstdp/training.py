"""Training layer by layer, with checkpoints: S1 and S2 by STDP, then S3 by R-STDP. Book chapters: 05 to 07.

Lower layers are frozen while the next one learns, so their output is computed once and kept as spike times. Images come
in data order, without shuffling, as in SpykeTorch: a run is decided by its configuration, seed and data.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from . import plasticity
from .config import LAYERS, Config
from .data import Dataset
from .files import CheckpointError, check_digest, read_npz, write_text
from .learning import Passes
from .network import Network, twins

BATCH = 250  #: images encoded or passed forward between two chances to interrupt
COLUMNS = ("variant", "seed", "epoch", "train_accuracy", "validation_accuracy", "test_accuracy", "silent", "seconds")


@dataclass
class Progress:
    """Where a run stands: `layer` is being learned and `epoch` passes over the data are complete."""
    layer: int = 0  #: index into ("s1", "s2", "s3"); 3 when all is done
    epoch: int = 0
    rate: dict = field(default_factory=dict)  #: of S1 or S2, a `DoublingRate`
    phi: tuple[float, float] = (1.0, 1.0)
    lower: float = 0.0  #: seconds spent so far on what comes before S3, over all sessions
    rows: list[tuple] = field(default_factory=list)  #: one row of COLUMNS after each epoch of S3


class Trainer:
    """Trains one network on one data set and writes as it goes, so that an interrupted run resumes to the same result.
    folder: gets checkpoint.npz (after every pass over the data), accuracy.csv (the configuration's name is its first
    column) and weights.npz. validation: how many of the last training images are held out. passes: other rules for a
    pass over the data. cache: folder for spike times (for MNIST 0.3 GB that all seeds share, and 0.7 GB a seed).
    network: `fast` and `device` of `Network`. Raises CheckpointError where the folder holds another run, ValueError
    where data or passes do not go with the configuration."""

    def __init__(self, config: Config, data: Dataset, seed: int = 0, folder: str | Path | None = None,
                 validation: int = 0, passes: Passes | None = None, quiet: bool = False,
                 cache: str | Path | None = None, **network: Any):
        self.config, self.seed, self.passes, self.quiet = config, seed, passes or Passes(), quiet
        self.data, self.validation_images, self.validation_labels = data.split(validation)
        self.folder, self.cache = (Path(each) if each else None for each in (folder, cache))
        if data.bins not in (0, config.bins):
            raise ValueError(f"{data.name} has spike times in {data.bins} bins, the configuration has {config.bins}")
        if (highest := int(data.train_labels.max())) >= config.classes:
            raise ValueError(f"{data.name} has labels up to {highest}, the configuration has {config.classes} classes")
        if not isinstance(config, self.passes.config):
            raise ValueError(f"{type(self.passes).__name__} asks for a {self.passes.config.__name__}, got a "
                             f"{type(config).__name__}")
        if math.isfinite(config.s3.threshold) and type(self.passes) is Passes:
            raise ValueError("S3 is read out, so s3.threshold is infinite; a finite one needs passes of a study")
        self.network, self.progress = Network(config, seed, data.channels, **network), Progress()
        #: what tells this run from others of the same configuration
        self.run_of = {"data": f"{data.checksum()}-{len(data.train_images)}-{validation}", "seed": seed,
                       "passes": f"{config.s1.epochs} over S1, {config.s2.epochs} over S2"}
        if self.folder and (self.folder / "checkpoint.npz").exists():
            self._resume(self.folder / "checkpoint.npz")

    def run(self) -> Network:
        """Train what is left to train. On an interrupt the last checkpoint stays; run again to go on."""
        if not self.finished:
            self._learn_s3(*self.prepare())
        return self.close()

    def prepare(self) -> tuple[Tensor, Tensor, Tensor]:
        """Train S1 and S2 as far as that is left to do; returns spike times of training, validation and test images:
        C2's, or C1's where S2 goes on learning with S3 (`Passes.consumes`)."""
        started = time.perf_counter()
        self.progress.layer = min(self.progress.layer, 2)  # if S3 was done: perhaps there are more epochs now
        self._save()  # a folder that cannot be written is found now, not after the first epoch
        parts = {"train": self.data.train_images, "validation": self.validation_images, "test": self.data.test_images}
        for step, name in enumerate(("encode", "s1", "s2")[:3 if self.passes.consumes == "c2" else 2]):
            if step:
                self._learn_layer(step - 1, parts["train"])
            parts = {split: self._forward(name, images, split) for split, images in parts.items()}
        self._learn_layer(1, parts["train"])  # where C1 is what comes next, S2 has not had its passes yet
        self.progress.lower += time.perf_counter() - started
        return parts["train"], parts["validation"], parts["test"]

    def close(self) -> Network:
        """Mark the run as complete and write the final weights."""
        self.progress.layer, self.network.trained_on = len(LAYERS), self.data.name
        self._save()
        if self.folder:
            self.network.save(self.folder / "weights.npz")
        return self.network

    @property
    def rows(self) -> list[dict]:  #: what accuracy.csv holds
        return [dict(zip(COLUMNS, row)) for row in self.progress.rows]

    @property
    def seconds(self) -> float:  #: wall-clock time of the whole run, over all sessions, but for what a kill has lost
        return self.progress.lower + sum(row["seconds"] for row in self.rows)

    @property
    def finished(self) -> bool:  #: whether all epochs that the configuration asks for are done
        return self.progress.layer >= 2 and self.progress.epoch >= self.config.s3.epochs

    def _bar(self, total: int, what: str) -> tqdm:
        return tqdm(total=total, desc=f"{self.config.name} seed {self.seed}: {what}", unit="img", leave=False,
                    disable=self.quiet or None)

    def _forward(self, name: str, inputs: Tensor, split: str) -> Tensor:
        """Encoded images, or C1's or C2's spike times, batch by batch; from disk or to disk where there is a cache."""
        def parts():
            with self._bar(len(inputs), f"{name} {split}") as bar:
                for part in inputs.split(BATCH):
                    yield self.network.encode(part) if name == "encode" else self.network.pooled(name, part)
                    bar.update(len(part))

        if not self.cache or not len(inputs):
            return torch.cat(list(parts())) if len(inputs) else inputs
        data = f"{self.run_of['data']}-{split}"
        return twins.cache.kept(self.cache, self.network, name, data, parts(), len(inputs))

    def _learn_layer(self, index: int, times: Tensor) -> None:
        """S1 or S2, unless it has learned already."""
        name, progress = LAYERS[index], self.progress
        if progress.layer != index:
            return
        layer, kind = self.network.layer(name), plasticity.DoublingRate
        rate = kind(**progress.rate) if progress.epoch else kind.of(layer)
        while progress.epoch < layer.epochs:
            before, self.passes.epoch = self.network.weights[name].clone(), progress.epoch
            with self._bar(len(times), f"{name} epoch {progress.epoch + 1}/{layer.epochs}") as bar:
                self.passes.stdp(self.network, name, times, rate, bar.update)
            progress.epoch, progress.rate, weight = progress.epoch + 1, asdict(rate), self.network.weights[name]
            self.report(progress.epoch, {f"{name}/convergence": float((weight * (1 - weight)).mean()),
                                         f"{name}/change": float((weight - before).abs().mean())})
            self._save()
        progress.layer, progress.epoch = index + 1, 0
        self._save()

    def _learn_s3(self, train: Tensor, validation: Tensor, test: Tensor) -> None:
        progress = self.progress
        while not self.finished:
            started, self.passes.epoch = time.perf_counter(), progress.epoch
            with self._bar(len(train), f"s3 epoch {progress.epoch + 1}/{self.config.s3.epochs}") as bar:
                right, phi = self.passes.rstdp(self.network, train, self.data.train_labels, progress.phi, bar.update)
            (held_out, _), (tested, silent) = (
                self.passes.accuracy(self.network, times, labels) if len(times) else (None, None) for times, labels in
                ((validation, self.validation_labels), (test, self.data.test_labels)))
            self.finish_epoch(phi, (right, held_out, tested, silent), time.perf_counter() - started)

    def finish_epoch(self, phi: tuple[float, float], scores: tuple[float | None, ...], seconds: float) -> None:
        """Note a pass over S3 that is complete, and save. scores: from train_accuracy to silent of COLUMNS."""
        progress = self.progress
        progress.epoch, progress.phi = progress.epoch + 1, phi
        progress.rows.append((self.config.name, self.seed, progress.epoch, *scores, round(seconds, 3)))
        self.report(progress.epoch, {f"s3/{name}": each for name, each in zip(COLUMNS[3:], scores) if each is not None})
        self._save()

    def report(self, step: int, values: dict[str, float]) -> None:
        """Called after every pass over the data with its scalars; override it to watch a run."""

    def _save(self) -> None:
        if self.folder:
            self.network.save(self.folder / "checkpoint.npz", compressed=False, run=json.dumps(self.run_of),
                              progress=json.dumps(asdict(self.progress)))
            write_csv(self.folder / "accuracy.csv", self.progress.rows)

    def _resume(self, path: Path) -> None:
        stored = read_npz(path)
        try:
            check_digest(path, str(stored["digest"]), self.config)
            run, progress = {**json.loads(str(stored["run"]))}, Progress(**json.loads(str(stored["progress"])))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise CheckpointError(f"{path} is no checkpoint of a training run ({error}); choose another output "
                                  "folder") from error
        for key, mine in self.run_of.items():
            if run.get(key) != mine:
                raise CheckpointError(f"{path} belongs to a run with another {key} ({run.get(key)}, asked for {mine}); "
                                      "choose another output folder or the same arguments")
        progress.rows = [(self.config.name, *row[1:]) for row in progress.rows]
        self.network.restore(stored, path)
        self.progress = progress


def write_csv(path: Path, rows: Iterable[Sequence]) -> None:
    """Write accuracy.csv, whole or not at all."""
    write_text(path, pd.DataFrame(list(rows), columns=list(COLUMNS)).to_csv(index=False))
