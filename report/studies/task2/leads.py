"""Task 2: leads on why S2 by STDP reads less than in the paper's figure 4, alone and together.

Writes leads.csv, a row for every lead, seed, size and rule: means over the pairs of targets; and provenance.json. A
lead is named as in `LEADS`; leads together have " + " between their names.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...lab.registry import fingerprint, result
from ...lab.runner import Job, Table
from . import NEEDS, blocks, model
from .kernels import UNIT, Spikes
from .model import Encoded, Features, Task

KEYS = ["lead", "seed", "size"]
BASE = Task(passes=15)
DEFAULT, AND = "default", " + "
MEANS = ("accuracy", "accuracy_all", "forced", "silent")


class Lead(NamedTuple):
    """What is done otherwise."""

    changes: dict = {}  #: fields of the task
    balanced: bool = False  #: targets are shown in turn, equally often
    s2_doubles: int = 0  #: images after which the rates of S2's STDP double
    s1_images: int = 0  #: that S1 sees instead of the task's


def just_below(threshold: float) -> float:
    """A float32 sum that is above it has reached the threshold."""
    return float(np.nextafter(np.float32(threshold), np.float32(0)))


REACHED = {"threshold1": just_below(BASE.threshold1), "threshold2": BASE.threshold2 - 1 / UNIT,
           "threshold3": just_below(BASE.threshold3)}
LEADS = {
    DEFAULT: Lead(),
    "S2 at 4 positions": Lead({"padding2": 1}), "sigma 0.05": Lead({"std": 0.05}),
    "dark up to 50": Lead({"dark": 50}), "dark up to 127": Lead({"dark": 127}),
    "targets in turn": Lead(balanced=True), "thresholds reached": Lead(REACHED),
    "S2 doubles": Lead(s2_doubles=500), "S2 doubles from 0.004": Lead({"s2_plus": 0.004, "s2_minus": -0.003},
                                                                      s2_doubles=500),
    "S1 from 60,000 images": Lead(s1_images=60000),
}
NEAREST_LEADS = FIRST, SECOND = "S2 at 4 positions", "sigma 0.05"  #: together they lie nearest to the paper
#: what was tried together, in this order
TOGETHER = tuple(AND.join(names) for names in (
    *((FIRST, one) for one in LEADS if one not in (DEFAULT, FIRST)),
    *((FIRST, SECOND, one) for one in LEADS if one not in (DEFAULT, FIRST, SECOND))))
#: fields of the task there; study `task2-nearest` runs it with other seeds
NEAREST = LEADS[FIRST].changes | LEADS[SECOND].changes


def lead(name: str) -> Lead:
    """One lead, or several together. Raises ValueError for an unknown one."""
    found = Lead()
    for one in name.split(AND):
        if one not in LEADS:
            raise ValueError(f"unknown lead {one!r}; known are {', '.join(LEADS)}, or several with {AND!r} between")
        more = LEADS[one]
        found = Lead({**found.changes, **more.changes}, *(max(pair) for pair in zip(found[1:], more[1:])))
    return found


def in_turn(inputs: Encoded, features: Features, pair: tuple[int, int]) -> tuple[Encoded, Features]:
    """The training images of both targets in turn, as many of the one as of the other."""
    each = [np.flatnonzero(inputs.train_labels == target) for target in pair]
    order = np.stack([one[:min(map(len, each))] for one in each], 1).ravel()
    train = Spikes(inputs.train.times[order], inputs.train.events, inputs.train.starts[order])
    return (inputs._replace(train=train, train_labels=inputs.train_labels[order]),
            features._replace(train=features.train[order]))


def rewarded(name: str) -> str:
    """The leads among these that R-STDP knows of: not those on the rates of S2's STDP."""
    return AND.join(one for one in name.split(AND) if not LEADS[one].s2_doubles) or DEFAULT


def rows(name: str, inputs: Encoded, size: int, seed: int, pairs, rules=model.RULES) -> list[dict]:
    """Means over the pairs at one size, a row a rule; seconds are those of all rows."""
    started, what = time.perf_counter(), lead(name)
    task = BASE._replace(**what.changes)
    # the rates of a lead are those of S2's STDP, not of its reward
    features = model.stdp_features(task, inputs, size, seed, what.s2_doubles)
    task, found = task._replace(s2_plus=BASE.s2_plus, s2_minus=BASE.s2_minus), []
    for pair in pairs:
        shown = in_turn(inputs, features, pair) if what.balanced else (inputs, features)
        found += [model.outcome(task, shown[0], pair, size, rule, seed, shown[1]) for rule in rules]
    table, seconds = pd.DataFrame(found), round(time.perf_counter() - started, 2)
    return [{"lead": name, "seed": seed, "size": size, "rule": rule, "pairs": len(pairs),
             **group[list(MEANS)].mean().round(5), "seconds": seconds}
            for rule, group in table.groupby("rule", sort=False)]


def encoded(name: str, seed: int, data) -> Encoded:
    """What all sizes of a lead share."""
    what = lead(name)
    return model.encoded(BASE._replace(**what.changes), seed, data, what.s1_images)


@fingerprint("task2-leads")
def probe() -> Iterator:
    """What leads change besides fields of the task, on a few images of blocks, and which are tried."""
    data, pair = blocks(), (0, 1)
    inputs = model.encoded(BASE, 0, data, 30)
    features = model.stdp_features(BASE, inputs, 4, 0, double_every=20)
    yield from (inputs.s1, *features)
    shown = in_turn(inputs, features, pair)
    for rule in model.RULES:
        yield from model.learn(BASE, shown[0], pair, 4, rule, 0, shown[1])
    for name in (DEFAULT, AND.join(("S2 at 4 positions", "targets in turn", "thresholds reached"))):
        found = rows(name, encoded(name, 0, data), 4, 0, (pair,))
        yield [[str(value) for key, value in row.items() if key != "seconds"] for row in found]
    yield BASE, LEADS


@result("task2-leads", "task 2 on the whole grid with each open lead, alone and together", (*NEEDS, "task2-leads"),
        dataset="mnist", seeds=(0,), settings={"leads": (*LEADS, *TOGETHER), "sizes": model.SIZES})
def make(job: Job) -> None:
    """Run what is missing."""
    data = job.data
    table = Table(job, "leads.csv", KEYS, data_md5=data.checksum(), parameters=BASE._asdict())
    for seed, name in itertools.product(job.seeds, job.settings.leads):
        left = [size for size in job.settings.sizes if not table.has(name, seed, size)]
        if not left:
            continue
        known, rules = table.rows[:0], model.RULES
        if all(table.has(rewarded(name), seed, size) for size in left):  # R-STDP's rows are there
            known = table.rows[(table.rows.lead == rewarded(name)) & (table.rows.seed == seed)]
            known, rules = known[known.rule == "r-stdp"].assign(lead=name), ("stdp",)
        inputs = encoded(name, seed, data)
        tasks = [(name, inputs, size, seed, model.PAIRS, rules) for size in left]
        for part in job.spread(rows, tasks, f"{name}, seed {seed}", "size"):
            same = known[known["size"] == part[0]["size"]].assign(seconds=part[0]["seconds"])
            table.add([*part, *same.to_dict("records")])
            table.rows = table.rows.sort_values([*KEYS, "rule"])
            table.save({"seeds": sorted(map(int, set(table.rows.seed))),
                        "seconds": round(table.rows.seconds.sum() / len(model.RULES), 1)})
    print(table.rows.pivot_table(index="lead", columns=["rule", "size"], values="accuracy", sort=False).round(3)
          .to_string())
