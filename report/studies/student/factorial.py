"""What the earlier replication's rules cost: all of them at once, and each group on and off with every other.

The first writes accuracy.csv, a row a seed and pass, to report/results/student-as-run; the second runs.csv, a row a
combination, seed and tested pass, to report/results/student-factorial; the third all rules and none of them with two
encodings of event-camera recordings to report/results/student-nmnist. Each run goes 6 times over S1, 12 times over S2
and 20 times over S3, as in the experiment `student`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch

from rstdp.data import Dataset, load
from rstdp.encoding import spike_wave
from rstdp.network import Network

from ...lab import registry
from ...lab.runner import Job, Table
from ..reward import blocks
from . import as_run
from .training import Rules, trained

PASSES = (6, 12, 20)
#: every combination of rules, by its name
COMBINATIONS = {"+".join(name for name, on in zip(Rules._fields, switches) if on) or "none": Rules(*switches)
                for switches in itertools.product((False, True), repeat=len(Rules._fields))}
ALL = "+".join(Rules._fields)  #: their program
ENCODINGS = ("first", "saccades")  #: of events: theirs and ours


def arrays(data: Dataset) -> list:
    """Images and labels, to learn from and to test with."""
    return [each.numpy() for each in (data.train_images, data.train_labels, data.test_images, data.test_labels)]


def fill(job: Job, table: Table, function: Callable, tasks: list[tuple]) -> None:
    """Add the rows of every task to the table, and write it after each."""
    for rows in job.spread(function, tasks, "runs"):
        table.add(rows)
        runs = table.rows.groupby(table.keys)
        table.save({"runs_made": len(runs), "seconds": round(runs.seconds.max().sum(), 1)})


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
    rows = trained(Rules(), 0, (1, 1, 2), *arrays(blocks()), weights=weights)
    yield [[value for name, value in row.items() if name != "seconds"] for row in rows]
    yield from weights.values()


@registry.fingerprint("student-factorial")
def probe_combinations() -> Iterator:
    """Every combination, on blocks."""
    for name, rules in COMBINATIONS.items():
        weights = Network(rules.config(), 0).weights
        rows = trained(rules, 0, (1, 1, 2), *arrays(blocks()), weights=weights)
        yield name, [[value for key, value in row.items() if key != "seconds"] for row in rows]
        yield from weights.values()


@registry.result("student-as-run", "the earlier replication's model as its program runs, on 10,000 images",
                 needs=("core", "student-as-run"), dataset="mnist", seeds=(0, 1, 2), settings={"train": 10_000},
                 runs=3)
def make(job: Job) -> None:
    """The seeds that are missing."""
    data = job.data.subset(job.settings.train, 0)
    table = Table(job, "accuracy.csv", ["seed"], data_md5=data.checksum(), train=len(data.train_images), passes=PASSES)
    tasks = [(Rules(), seed, PASSES, *arrays(data)) for seed in job.seeds if not table.has(seed)]
    fill(job, table, trained, tasks)
    print(table.rows[table.rows.epoch == PASSES[-1]].to_string(index=False))


def combination(name: str, seed: int, *data) -> list[dict]:
    """A run with some of the rules, tested after each fifth pass."""
    rows = trained(COMBINATIONS[name], seed, PASSES, *data, tested=range(5, PASSES[-1] + 1, 5))
    return [{"rules": name, **row} for row in rows]


@registry.result("student-factorial", "the earlier replication's rules, four groups on and off, on 10,000 images",
                 needs=("core", "student-factorial"), dataset="mnist", seeds=tuple(range(8)),
                 settings={"train": 10_000}, runs=8 * len(COMBINATIONS))
def make_combinations(job: Job) -> None:
    """The runs that are missing, all combinations of a seed before the next seed."""
    data = job.data.subset(job.settings.train, 0)
    table = Table(job, "runs.csv", ["rules", "seed"], data_md5=data.checksum(), train=len(data.train_images),
                  passes=PASSES)
    tasks = [(name, seed, *arrays(data)) for seed in job.seeds for name in COMBINATIONS if not table.has(name, seed)]
    fill(job, table, combination, tasks)
    last = table.rows[table.rows.epoch == PASSES[-1]]
    print(last.pivot(index="rules", columns="seed", values="test_accuracy").round(4).to_string())


def on_events(encoding: str, name: str, seed: int, *data) -> list[dict]:
    """As `combination`, on spike times from events."""
    return [{"encoding": encoding, **row} for row in combination(name, seed, *data)]


@registry.result("student-nmnist", "N-MNIST: the earlier replication's encoding and rules, each with ours",
                 needs=("core", "student-factorial", "events"), dataset="nmnist-transfer", seeds=tuple(range(5)),
                 settings={"train": 10_000}, runs=20)
def make_events(job: Job) -> None:
    """The runs that are missing, all of a seed before the next seed."""
    data = {encoding: load(f"{job.dataset}/{encoding}", job.settings.train) for encoding in ENCODINGS}
    table = Table(job, "runs.csv", ["seed", "encoding", "rules"], train=job.settings.train, passes=PASSES,
                  data_md5={encoding: each.checksum() for encoding, each in data.items()})
    keys = [key for key in itertools.product(job.seeds, ENCODINGS, ("none", ALL)) if not table.has(*key)]
    tasks = [(encoding, name, seed, *arrays(data[encoding])) for seed, encoding, name in keys]
    fill(job, table, on_events, tasks)
    last = table.rows[table.rows.epoch == PASSES[-1]]
    print(last.pivot(index=["encoding", "rules"], columns="seed", values="test_accuracy").round(4).to_string())
