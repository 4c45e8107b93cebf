"""Many seeds of the handmade problem and its variants.

Writes runs.csv, a row for every variant, rule and seed, and provenance.json. A few minutes on one core.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pandas as pd

from rstdp import handmade
from rstdp.handmade import Problem

from ...lab.registry import fingerprint, result
from ...lab.runner import Job
from .variants import VARIANTS, outcomes


@fingerprint("handmade", first="638054fa6bce")
def probe() -> Iterator:
    """A few images of every variant, two seeds each."""
    for changes in VARIANTS.values():
        problem = Problem(**changes)
        yield problem
        short = problem._replace(images=40, batch=20)
        for rule in handmade.RULES:
            runs = handmade.learn(short, rule, (0, 1))
            yield runs.s1
            yield runs.s2
            yield runs.hits
            yield outcomes(short, rule, (0, 1))


def rows(variant: str, rule: str, seeds: int) -> list[dict]:
    """The outcomes of seeds 0, 1, ... of one variant."""
    found = outcomes(Problem(**VARIANTS[variant]), rule, range(seeds))
    return [{"variant": variant, **row} for row in found]


@result("handmade", "the handmade problem: STDP against R-STDP, every open choice both ways, 600 seeds each",
        needs=("handmade",), settings={"count": 600})
def make(job: Job) -> None:
    """Run, write, print the shares. Setting: how many seeds of each variant and rule."""
    started, count = time.perf_counter(), job.settings.count
    order = {name: i for i, name in enumerate(VARIANTS)}
    parts = list(job.spread(rows, [(variant, rule, count) for variant in VARIANTS for rule in handmade.RULES],
                            "handmade", "variant"))
    parts.sort(key=lambda part: (order[part[0]["variant"]], handmade.RULES.index(part[0]["rule"])))
    table = pd.DataFrame([row for part in parts for row in part])
    job.write("runs.csv", table)
    job.describe(seeds=count, parameters={name: Problem(**changes)._asdict() for name, changes in VARIANTS.items()},
                 seconds=round(time.perf_counter() - started, 1))
    table["solved"] = table.accuracy == 1
    print(table.groupby(["variant", "rule"], sort=False)[["exact", "preferred", "solved"]].mean().to_string())
