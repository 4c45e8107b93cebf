"""Task 2: what the paper leaves open, each choice the other way round, on a few pairs and sizes.

Writes runs.csv, a row for every choice of `CHOICES`, pair, size and rule, and provenance.json.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator

import pandas as pd

from ...lab.registry import fingerprint, result
from ...lab.runner import Job, Table
from . import NEEDS, model
from .model import Encoded, Task

#: open choices the other way round, one at a time, to see which of them matter
CHOICES = {
    "default": {}, "1 pass": {"passes": 1}, "15 passes": {"passes": 15}, "45 passes": {"passes": 45},
    "50,000 images once": {"images": 50000, "passes": 1}, "STDP in S2, 5 passes": {"stdp_passes": 5},
    "linear latencies": {"coding": "intensity"}, "15 bins": {"bins": 15},
    "no padding of S1": {"padding1": 0, "padding2": 8}, "S2 at 4 positions": {"padding2": 1},
    "pointwise inhibition in S1": {"inhibit1": True}, "pointwise inhibition in S2": {"inhibit2": True},
    "S1 without doubling": {"doubling": False}, "STDP together with S3": {"together": True},
    "a_p- as printed": {"s2_punish_minus": 0.04}, "rates not adapted": {"adapt": False}, "N = 1000": {"batch": 1000},
    "N with distractors": {"count_distractors": True}, "silence is no miss": {"silent_is_miss": False},
    "S3 with hard bounds": {"low": 0.2, "high": 0.8}, "sigma 0.05": {"std": 0.05},
}
SIZES = (4, 10, 20)
#: fields of the task that S1 and C1 depend on
BELOW = ("coding", "dark", "bins", "padding1", "threshold1", "inhibit1", "mean", "std", "doubling", "images",
         "stdp_images")


def rows(choice: str, inputs: Encoded, seed: int) -> list[dict]:
    """The outcomes of one choice: all pairs, sizes and both rules."""
    task, found = Task(**CHOICES[choice]), []
    for size in SIZES:
        features = None if task.together else model.stdp_features(task, inputs, size, seed)
        found += [{"choice": choice, **model.outcome(task, inputs, pair, size, rule, seed, features)}
                  for pair in model.FEW for rule in model.RULES]
    return found


@fingerprint("task2-choices", first="918d2978b5d5")
def probe() -> Iterator:
    """Which choices are made; what becomes of them is task 2's."""
    yield {name: Task(**changes) for name, changes in CHOICES.items()}
    yield SIZES, BELOW, model.FEW


@result("task2-choices", "task 2 with each open choice the other way round, on three pairs", (*NEEDS, "task2-choices"),
        dataset="mnist", seeds=(0,), settings={"choices": tuple(CHOICES)})
def make(job: Job) -> None:
    """Run what is missing, write, print mean accuracies."""
    started, data, (seed, *more) = time.perf_counter(), job.data, job.seeds
    if more:
        raise ValueError("task2-choices is made of one seed")
    for name in job.settings.choices:
        if name not in CHOICES:
            raise ValueError(f"unknown choice {name!r}; known are {', '.join(CHOICES)}")
    table = Table(job, "runs.csv", ["choice"], data_md5=data.checksum(), seeds=[seed])
    groups = defaultdict(list)
    for choice in job.settings.choices:
        if not table.has(choice):
            task = Task(**CHOICES[choice])
            groups[tuple(getattr(task, name) for name in BELOW)].append(choice)
    for below, choices in groups.items():
        inputs = model.encoded(Task(**dict(zip(BELOW, below))), seed, data)
        for part in job.spread(rows, [(choice, inputs, seed) for choice in choices], choices[0], "choice"):
            table.add(part)
            order = pd.Categorical(table.rows.choice, list(CHOICES)).codes.argsort(kind="stable")
            table.rows = table.rows.iloc[order]
            table.save({"parameters": {name: Task(**CHOICES[name])._asdict() for name in table.rows.choice.unique()},
                        "seconds": round(time.perf_counter() - started, 1)})
    print(table.rows.pivot_table(index="choice", columns=["rule", "size"], values="accuracy_all", sort=False).round(3)
          .to_string())
