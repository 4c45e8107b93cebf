"""Train the earlier replication's model as its program runs: the rules of `as_run`, our compiled forward passes.

A cell of C1 that spikes again is as many inputs as its window has places, each with a spike of its own or silent
(`spikes_of_windows`); all have the cell's weight. So the forward pass of ours, in which an input spikes once, computes
S2 as well. S3 only needs to know how often each cell of C2 has spiked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from rstdp import fast
from rstdp.config import SPYKETORCH
from rstdp.data import Dataset
from rstdp.encoding import BINS, spike_wave
from rstdp.network import Network

from ...lab import registry
from ...lab.runner import Job, Table
from ..reward import blocks
from . import as_run

CONFIG = SPYKETORCH.replace({f"{name}.std": 0.02 for name in ("s1", "s2", "s3")} | {"s1.padding": 0})
#: a float32 sum that is above this number has reached the threshold
JUST_BELOW = float(np.nextafter(np.float32(as_run.THRESHOLD), np.float32(0)))
KEYS = ["seed"]


def spikes_of_windows(fired: Tensor, size: int) -> Tensor:
    """Spike times (N, C, H, W) -> of each window, its distinct ones: (N, C size^2, H / size, W / size)."""
    times = fired.unfold(2, size, size).unfold(3, size, size).flatten(4).sort(-1).values
    again = torch.zeros_like(times, dtype=torch.bool)
    again[..., 1:] = times[..., 1:] == times[..., :-1]
    return times.masked_fill(again, BINS).permute(0, 1, 4, 2, 3).flatten(1, 2).contiguous()


def left(times: Tensor, size: int = 1) -> Tensor:
    """As `as_run.left`, from spike times (N, C size^2, H, W): (N, C, H, W) float32."""
    return (BINS - times.float()).unflatten(1, (-1, size**2)).sum(2)


class Model:
    """Weights, float32 as theirs."""

    def __init__(self, weights: dict[str, Tensor]):
        self.weights = weights

    def layer(self, name: str, times: Tensor) -> tuple[Tensor, Tensor]:
        """Spike times and last potentials of S1, or S2 from `spikes_of_windows`."""
        weight, padding = self.weights[name], 0
        if name == "s2":
            weight, padding = weight.repeat_interleave(as_run.POOL["s1"]**2, 1), as_run.PADDING["s1"]
        fired = fast.conv_times(times, weight, JUST_BELOW, padding)
        return fired, fast.final_potentials(times, weight, padding).float()

    def learn(self, name: str, times: Tensor, plus: float) -> float:
        """One pass of S1 or S2 over all images; returns the rate after it."""
        size, around = (1, 0) if name == "s1" else (as_run.POOL["s1"], as_run.PADDING["s1"])
        for number, part in enumerate(times.split(as_run.BATCH)):
            fired, potential = self.layer(name, part)
            pre = torch.nn.functional.pad(left(part, size), (around,) * 4)
            self.weights[name] = as_run.learned(self.weights[name], name, pre, left(fired), potential, plus)
            plus = as_run.later(plus, number)
        return plus

    def pooled(self, name: str, times: Tensor) -> Tensor:
        """Of S1 the spikes of C1's windows; of S2 how often each cell of C2 has spiked, padded, uint8."""
        parts = [spikes_of_windows(self.layer(name, part)[0], as_run.POOL[name]) for part in times.split(as_run.BATCH)]
        if name == "s1":
            return torch.cat(parts)
        counts = [(part < BINS).unflatten(1, (-1, as_run.POOL["s2"]**2)).sum(2).to(torch.uint8) for part in parts]
        return torch.nn.functional.pad(torch.cat(counts), (as_run.PADDING["s2"],) * 4)

    def decide(self, counts: Tensor) -> Tensor:
        return torch.cat([as_run.decide(as_run.read_out(part.float(), self.weights["s3"]))
                          for part in counts.split(as_run.BATCH)])

    def learn_s3(self, counts: Tensor, labels: Tensor, phi: tuple[float, float]) -> tuple[float, tuple[float, float]]:
        """One pass of S3: the share of right decisions, and phi after it."""
        hits = 0
        for part, target in zip(counts.split(as_run.BATCH), labels.split(as_run.BATCH)):
            seen = part.float()
            potential = as_run.read_out(seen, self.weights["s3"])
            right = as_run.decide(potential) == target
            self.weights["s3"] = as_run.learned_s3(self.weights["s3"], seen, potential, right, phi)
            share = float(right.float().mean())
            hits, phi = hits + int(right.sum()), (1 - share, share)
        return hits / len(labels), phi


def trained(seed: int, passes: tuple[int, int, int], images: np.ndarray, labels: np.ndarray, test: np.ndarray,
            test_labels: np.ndarray, weights: dict[str, Tensor] | None = None) -> list[dict]:
    """A row for each pass of S3. passes: over S1, S2 and S3; weights: the first ones, by default the seed's."""
    images, labels, test, test_labels = map(torch.tensor, (images, labels, test, test_labels))
    model, rows, phi = Model(weights or Network(CONFIG, seed).weights), [], (1.0, 1.0)
    parts = [fast.encode(images), fast.encode(test)]
    for name, count in zip(("s1", "s2"), passes):
        plus = as_run.FIRST_RATE
        for _ in range(count):
            plus = model.learn(name, parts[0], plus)
        parts = [model.pooled(name, part) for part in parts]
    for epoch in range(1, passes[2] + 1):
        started = time.perf_counter()
        right, phi = model.learn_s3(parts[0], labels, phi)
        decisions = model.decide(parts[1])
        rows.append({"seed": seed, "epoch": epoch, "train_accuracy": right,
                     "test_accuracy": float((decisions == test_labels).float().mean()),
                     "silent": float((decisions < 0).float().mean()),
                     "seconds": round(time.perf_counter() - started, 3)})
    return rows


@registry.fingerprint("student-as-run")
def probe() -> Iterator:
    """Every step of `as_run` on random spikes, and a short training run on blocks."""
    random = torch.Generator().manual_seed(0)
    frames = spike_wave(torch.randint(0, 16, (4, 6, 12, 12), generator=random).to(torch.uint8)).double()
    shapes = {"s1": (3, 6, 5, 5), "s2": (4, 3, 3, 3), "s3": (20, 4, 5, 5)}
    weights = {name: 0.6 + 0.2 * torch.rand(shape, generator=random) for name, shape in shapes.items()}
    s1, potential = as_run.layer(frames, weights["s1"].double())
    yield s1, potential, as_run.pooled(s1, "s1"), as_run.left(as_run.pooled(s1, "s1"))
    yield [as_run.later(0.004, batch) for batch in range(8)]
    data: Dataset = blocks()
    arrays = [each.numpy() for each in (data.train_images, data.train_labels, data.test_images, data.test_labels)]
    rows = trained(0, (1, 1, 2), *arrays, weights=weights)
    yield [[value for name, value in row.items() if name != "seconds"] for row in rows]
    yield from weights.values()


@registry.result("student-as-run", "the earlier replication's model as its program runs, on 10,000 images",
                 needs=("core", "student-as-run"), dataset="mnist", seeds=(0, 1, 2), settings={"train": 10_000})
def make(job: Job) -> None:
    """The seeds that are missing; 6 passes over S1, 12 over S2 and 20 over S3, as in the experiment `student`."""
    data, passes = job.data.subset(job.settings.train, 0), (6, 12, 20)
    table = Table(job, "accuracy.csv", KEYS, data_md5=data.checksum(), train=len(data.train_images), passes=passes)
    arrays = [each.numpy() for each in (data.train_images, data.train_labels, data.test_images, data.test_labels)]
    tasks = [(seed, passes, *arrays) for seed in job.seeds if not table.has(seed)]
    for rows in job.spread(trained, tasks, "seeds"):
        table.add(rows)
        table.save({"runs_made": len(table.rows.groupby(KEYS)), "seconds": round(table.rows.seconds.sum(), 1)})
    print(table.rows[table.rows.epoch == passes[2]].to_string(index=False))
