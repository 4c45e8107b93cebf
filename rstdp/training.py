"""Training layer by layer, with checkpoints: S1 and S2 by STDP, then S3 by R-STDP. Book chapters: 05 to 07.

The lower layers are frozen while the next one learns, so their output is computed once and kept as spike times.
Images come in data order, without shuffling, as in SpykeTorch: a run is decided by its configuration, seed and data.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from . import competition, kernels, layers, plasticity
from .config import Config
from .datasets import Dataset
from .network import LAYERS, SILENT, CheckpointError, Network, check_digest, read_npz, write_npz

COLUMNS = ("variant", "seed", "epoch", "train_accuracy", "validation_accuracy", "test_accuracy", "silent", "seconds")
CHUNK = 250  #: images between two moves of a progress bar, and between two chances to interrupt


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
    rows: list[tuple] = field(default_factory=list)  #: one row of COLUMNS after each epoch of S3


# --- one layer, one pass ------------------------------------------------------------------------------------------


def learn_stdp(network: Network, name: str, times: Tensor, rate: plasticity.DoublingRate, path: str = "fast",
               on_images: Callable[[int], object] = lambda count: None) -> list[list[competition.Winner]]:
    """Show spike times (N, C, H, W) once, in order, to S1 or S2; `network.weights[name]` learns in place.

    Returns the winners of each image. `path` "reference" steps through time with SpikingJelly.
    """
    spec, weight = network.layer(name), network.weights[name]
    record: list[list[competition.Winner]] = []
    fast, start = kernels.maps_last(weight.numpy()), 0
    while start < len(times):
        part = times[start:start + min(CHUNK, rate.until_next())]
        if path == "fast":
            found = kernels.learn_stdp(
                part.contiguous().numpy(), weight.numpy(), fast, spec.threshold, spec.padding, network.config.bins,
                spec.winners, spec.radius, spec.pointwise, rate.plus, rate.minus, 0.0, 1.0)
            width = part.shape[3] + 2 * spec.padding - spec.window + 1
            record += [[competition.Winner(int(f), int(p) // width, int(p) % width, int(t), v)
                        for f, p, t, v in rows if f >= 0] for rows in found]
        else:
            record += [_learn_stdp_reference(network, name, image, rate) for image in part]
        rate.advance(len(part))
        start += len(part)
        on_images(len(part))
    return record


def _learn_stdp_reference(network: Network, name: str, image: Tensor,
                          rate: plasticity.DoublingRate) -> list[competition.Winner]:
    """One image (C, H, W), step by step through time: fire, compete, learn."""
    spec, weight, bins = network.layer(name), network.weights[name], network.config.bins
    times, potentials = layers.step_through(image[None], weight, spec.threshold, spec.padding, bins)
    times, potentials = times[0], competition.potential_at_spike(potentials[:, 0], times[0])
    if spec.pointwise:
        times = competition.pointwise_inhibition(times, potentials, bins)
    chosen = competition.k_winners(times, potentials, spec.winners, spec.radius, bins)
    for winner in chosen:
        pre = plasticity.receptive_field(image, winner.row, winner.column, spec.window, spec.padding, bins)
        weight[winner.feature] = plasticity.stdp(weight[winner.feature], pre, winner.time, rate.plus, rate.minus)
    return chosen


def learn_rstdp(network: Network, c2: Tensor, labels: Tensor, phi: tuple[float, float], path: str = "fast") -> Tensor:
    """Show spike times of C2 (N, C, H, W) once to S3, with fixed phi; returns winners (N, 2), map -1 where silent."""
    config, weight = network.config, network.weights["s3"]
    reward, punishment = plasticity.reward_rates(config, *phi)
    if path == "fast":
        return torch.from_numpy(kernels.learn_rstdp(
            c2.contiguous().numpy(), labels.numpy(), network.decision_map.numpy(), weight.numpy(), *network.screening(),
            config.s3.padding, config.bins, reward, punishment, *network.bounds(), True))
    winners = []
    for image, label in zip(c2, labels):
        potential = layers.final_potentials(image[None], weight, config.s3.padding, config.bins, "reference")[0]
        if not potential.any():
            winners.append((SILENT, SILENT))
            continue
        feature, row, column = (int(i) for i in torch.unravel_index(potential.argmax(), potential.shape))
        winners.append((feature, row * potential.shape[2] + column))
        plus, minus = reward if network.decision_map[feature] == label else punishment
        pre = plasticity.receptive_field(image, row, column, config.s3.window, config.s3.padding, config.bins)
        weight[feature] = plasticity.stdp(weight[feature], pre, config.bins - 1, plus, minus, *network.bounds(),
                                          stabilise=False)
    return torch.tensor(winners, dtype=torch.int64).reshape(-1, 2)


def accuracy(network: Network, c2: Tensor, labels: Tensor) -> tuple[float, float]:
    """Share of right decisions and share of silent ones, given the spike times of C2."""
    decisions, _ = network.decide(c2)
    return float((decisions == labels).double().mean()), float((decisions == SILENT).double().mean())


# --- a whole run --------------------------------------------------------------------------------------------------


class Trainer:
    """Trains one network on one data set and writes as it goes, so that an interrupted run resumes to the same result.

    folder: gets checkpoint.npz (after every pass over the data), accuracy.csv and weights.npz; None keeps all in
    memory. validation: how many of the last training images are held out. variant: the first column of accuracy.csv.
    tensorboard: also write scalars to folder/tensorboard. Raises CheckpointError where the folder holds another run.
    """

    def __init__(self, config: Config, data: Dataset, seed: int = 0, folder: str | Path | None = None,
                 validation: int = 0, variant: str | None = None, tensorboard: bool = False, quiet: bool = False):
        self.config, self.seed, self.variant, self.quiet = config, seed, variant or config.name, quiet
        self.data, self.validation_images, self.validation_labels = data.split(validation)
        self.folder = Path(folder) if folder else None
        self.network, self.progress = Network(config, seed), Progress()
        self.data_key = f"{data.checksum()}-{len(data.train_images)}-{validation}"
        if self.folder and (self.folder / "checkpoint.npz").exists():
            self._resume()
        self.writer = None
        if tensorboard and self.folder:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(self.folder / "tensorboard"))

    def run(self) -> Network:
        """Train what is left to train. On an interrupt the last checkpoint stays; run again to go on."""
        if self.progress.layer == len(LAYERS):  # all that was asked for then; perhaps more epochs now
            self.progress.layer = 2
        if self._remaining():
            self._save()  # a folder that cannot be written is found now, not after the first epoch
            train = self._encoded(self.data.train_images, "encode train")
            if self.progress.layer == 0:
                self._learn_layer("s1", train)
            train = self._forward("s1", train)
            if self.progress.layer == 1:
                self._learn_layer("s2", train)
            train = self._forward("s2", train)
            held_out = [self._forward("s2", self._forward("s1", self._encoded(images, what))) if len(images) else images
                        for images, what in ((self.validation_images, "encode validation"),
                                             (self.data.test_images, "encode test"))]
            self._learn_s3(train, *held_out)
        self.progress.layer = len(LAYERS)
        self._save()
        if self.folder:
            self.network.save(self.folder / "weights.npz")
        if self.writer:
            self.writer.close()
        return self.network

    @property
    def rows(self) -> list[dict]:
        """What accuracy.csv holds, as dictionaries."""
        return [dict(zip(COLUMNS, row)) for row in self.progress.rows]

    def _remaining(self) -> bool:
        return self.progress.layer < 2 or self.progress.epoch < self.config.s3.epochs

    def _bar(self, total: int, what: str) -> tqdm:
        return tqdm(total=total, desc=f"{self.variant} seed {self.seed}: {what}", unit="img", disable=self.quiet,
                    leave=False, mininterval=0.5)

    def _batched(self, function: Callable[[Tensor], Tensor], inputs: Tensor, what: str) -> Tensor:
        with self._bar(len(inputs), what) as bar:
            parts = []
            for part in inputs.split(CHUNK):
                parts.append(function(part))
                bar.update(len(part))
        return torch.cat(parts)

    def _encoded(self, images: Tensor, what: str) -> Tensor:
        return self._batched(self.network.encode, images, what)

    def _forward(self, name: str, times: Tensor) -> Tensor:
        return self._batched(lambda part: self.network.pooled(name, part), times, f"{name} forward")

    def _learn_layer(self, name: str, times: Tensor) -> None:
        spec, progress = self.network.layer(name), self.progress
        rate = plasticity.DoublingRate.of(spec)
        if progress.epoch:
            rate.plus, rate.minus, rate.seen = progress.plus, progress.minus, progress.seen
        while progress.epoch < spec.epochs:
            before = self.network.weights[name].clone()
            with self._bar(len(times), f"{name} epoch {progress.epoch + 1}/{spec.epochs}") as bar:
                learn_stdp(self.network, name, times, rate, on_images=bar.update)
            progress.epoch += 1
            progress.plus, progress.minus, progress.seen = rate.plus, rate.minus, rate.seen
            weight = self.network.weights[name]
            self._scalars(progress.epoch, {f"{name}/convergence": float((weight * (1 - weight)).mean()),
                                           f"{name}/change": float((weight - before).abs().mean())})
            if progress.epoch < spec.epochs:
                self._save()
        progress.layer, progress.epoch = progress.layer + 1, 0
        self._save()

    def _learn_s3(self, train: Tensor, validation: Tensor, test: Tensor) -> None:
        progress, labels = self.progress, self.data.train_labels
        while progress.epoch < self.config.s3.epochs:
            started, hits = time.perf_counter(), 0
            with self._bar(len(train), f"s3 epoch {progress.epoch + 1}/{self.config.s3.epochs}") as bar:
                for start in range(0, len(train), self.config.batch):
                    batch = slice(start, start + self.config.batch)
                    winners = learn_rstdp(self.network, train[batch], labels[batch], (progress.phi_r, progress.phi_p))
                    hit, miss = self._count(winners[:, 0], labels[batch])
                    progress.phi_r, progress.phi_p = miss / len(winners), hit / len(winners)
                    hits += hit
                    bar.update(len(winners))
            scores = {"train_accuracy": hits / len(train), "validation_accuracy": None}
            if len(validation):
                scores["validation_accuracy"] = accuracy(self.network, validation, self.validation_labels)[0]
            scores["test_accuracy"], scores["silent"] = accuracy(self.network, test, self.data.test_labels)
            progress.epoch += 1
            seconds = time.perf_counter() - started
            progress.rows.append((self.variant, self.seed, progress.epoch, *scores.values(), round(seconds, 3)))
            self._scalars(progress.epoch, {f"s3/{name}": value for name, value in scores.items() if value is not None})
            self._save()

    def _count(self, features: Tensor, labels: Tensor) -> tuple[int, int]:
        """Right and wrong decisions; silent ones are neither."""
        spoke = features >= 0
        hit = int((self.network.decision_map[features[spoke]] == labels[spoke]).sum())
        return hit, int(spoke.sum()) - hit

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        if self.writer:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    # --- checkpoints ---

    def _save(self) -> None:
        if not self.folder:
            return
        progress = self.progress
        rows = np.array([[np.nan if value is None else value for value in row[2:]] for row in progress.rows], dtype=float)
        write_npz(self.folder / "checkpoint.npz", digest=self.config.digest(), data=self.data_key, seed=self.seed,
                  place=np.array([progress.layer, progress.epoch, progress.seen]),
                  rates=np.array([progress.plus, progress.minus, progress.phi_r, progress.phi_p]),
                  rows=rows.reshape(-1, len(COLUMNS) - 2),
                  **{name: weight.numpy() for name, weight in self.network.weights.items()})
        write_csv(self.folder / "accuracy.csv", progress.rows)

    def _resume(self) -> None:
        path = self.folder / "checkpoint.npz"
        stored = read_npz(path)
        check_digest(path, str(stored["digest"]), self.config)
        for key, mine in (("data", self.data_key), ("seed", str(self.seed))):
            if str(stored[key]) != mine:
                raise CheckpointError(f"{path} belongs to a run with another {key} ({stored[key]}, asked for {mine}); "
                                      "choose another output folder or the same arguments")
        progress = self.progress
        progress.layer, progress.epoch, progress.seen = (int(value) for value in stored["place"])
        progress.plus, progress.minus, progress.phi_r, progress.phi_p = (float(value) for value in stored["rates"])
        progress.rows = [(self.variant, self.seed, int(row[0]),
                          *(None if np.isnan(value) else float(value) for value in row[1:])) for row in stored["rows"]]
        for name in LAYERS:
            self.network.weights[name] = torch.from_numpy(stored[name])


def write_csv(path: Path, rows: Iterable[tuple]) -> None:
    """Write accuracy.csv whole, next to its place first."""
    temporary = path.with_suffix(".csv.tmp")
    with open(temporary, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    temporary.replace(path)
