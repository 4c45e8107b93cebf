"""The grid of task 2: all 45 pairs of targets, 12 sizes of S2 and both rules, 1,080 runs a seed.

Writes runs.csv, a row a run, after every run, and provenance.json; then, with the four maps of figure 5, features.npz
for its pictures and features.csv, how far the features of every pair are those of other pairs.
"""

from __future__ import annotations

import time

import numpy as np

from rstdp.files import write_npz

from ...lab import parallel, provenance
from ...lab.registry import result
from ...lab.runner import Job, Table
from . import NEEDS, leads, model
from .model import Encoded, Features, Task

KEYS = ["seed", "pair", "size", "rule"]
OTHER = 1000  #: added to the seed for other first weights
#: what --set changes besides the fields of `Task`: which pairs of digits, and which numbers of maps in S2
GRID = {"pairs": tuple(f"{a}{b}" for a, b in model.PAIRS), "sizes": model.SIZES}


def one(task: Task, inputs: Encoded, pair: tuple[int, int], size: int, rule: str, seed: int,
        features: Features | None) -> dict:
    """One run as a row with its wall-clock time."""
    started = time.perf_counter()
    row = model.outcome(task, inputs, pair, size, rule, seed, features)
    return {**row, "seconds": round(time.perf_counter() - started, 2)}


def trained(task: Task, inputs: Encoded, pair: tuple[int, int], rule: str, seed: int,
            features: Features | None) -> np.ndarray:
    """S2's weights in a network with the maps of figure 5, the same as in the grid."""
    return model.learn(task, inputs, pair, model.FIGURE5, rule, seed, features).s2


def compare_features(task: Task, inputs: Encoded, pairs, seed: int, jobs: int) -> tuple[list, dict]:
    """Rows for features.csv, and a few features for pictures, as float16.

    A row a rule and pair. `others`: mean overlap with the features of the other pairs, from the same first weights.
    `again`: the same with other first weights but for the same pair: how far chance alone moves the features.
    """
    rows, kept, starts = [], {"s1": inputs.s1.numpy()}, (seed, seed + OTHER)
    features = dict.fromkeys(starts)
    if not task.together:
        features = {start: model.stdp_features(task, inputs, model.FIGURE5, start) for start in starts}
    for rule in model.RULES:
        every = np.stack(list(parallel.spread(trained, [
            (task, inputs, pair, rule, start, features[start] if rule == "stdp" else None)
            for start in starts for pair in pairs], jobs, ordered=True)))
        found, n = model.overlaps(every), len(pairs)
        for i, pair in enumerate(pairs):
            others = np.delete(found[i, :n], i).mean() if n > 1 else 1.0
            rows.append({"seed": seed, "rule": rule, "pair": f"{pair[0]}{pair[1]}", "others": round(others, 4),
                         "again": round(found[i, n + i], 4)})
            if pair in model.FEW:
                kept[f"{rule} {pair[0]}{pair[1]}"] = every[i].astype(np.float16)
    return rows, kept


@result("task2", "the paper's task 2 in full: 45 pairs, 12 sizes of S2, both rules; hours", NEEDS, dataset="mnist",
        seeds=(0, 1, 2), settings={**GRID, **Task()._asdict()})
@result("task2-passes", "task 2 in full with 15 passes instead of 5", NEEDS, dataset="mnist", seeds=(0, 1, 2),
        settings={**GRID, **Task(passes=15)._asdict()})
@result("task2-nearest", "task 2 in full by the choices that bring both curves nearest to the paper's", NEEDS,
        dataset="mnist", seeds=(1, 2, 3), settings={**GRID, **leads.BASE._replace(**leads.NEAREST)._asdict()})
def make(job: Job) -> None:
    """Run what is left of the grid and print the mean accuracies."""
    settings = vars(job.settings).copy()
    pairs, sizes = ([(int(a), int(b)) for a, b in settings.pop("pairs")], settings.pop("sizes"))
    task, data, began = Task(**settings), job.data, time.perf_counter()
    table = Table(job, "runs.csv", KEYS, data_md5=data.checksum(), parameters=task._asdict())
    compared = Table(job, "features.csv", ["seed", "rule", "pair"], parameters=task._asdict())
    sessions, commit = table.facts.get("sessions", []), provenance.commit()

    def save() -> None:
        table.rows = table.rows.sort_values(KEYS)
        session = {"seconds": round(time.perf_counter() - began, 1), "jobs": job.jobs, "commit": commit}
        table.save({"seeds": sorted(map(int, set(table.rows.seed))), "sessions": [*sessions, session]})

    for seed in job.seeds:
        left = [(pair, size, rule) for pair in pairs for size in sizes for rule in model.RULES
                if not table.has(seed, f"{pair[0]}{pair[1]}", size, rule)]
        if not left and seed in set(compared.rows.seed):
            continue
        inputs, features = model.encoded(task, seed, data), {}
        if not task.together:  # S2 after STDP does not depend on the pair
            wanted = sorted({size for _, size, rule in left if rule == "stdp"})
            features = dict(zip(wanted, parallel.spread(
                model.stdp_features, [(task, inputs, size, seed) for size in wanted], job.jobs, ordered=True)))
        tasks = [(task, inputs, pair, size, rule, seed, features.get(size) if rule == "stdp" else None)
                 for pair, size, rule in left]
        for row in job.spread(one, tasks, f"seed {seed}"):
            table.add([row])
            save()
        rows, kept = compare_features(task, inputs, pairs, seed, job.jobs)
        compared.rows = compared.rows[compared.rows.seed != seed]
        compared.add(rows)
        job.write(compared.file, compared.rows)
        if seed == job.seeds[0]:
            write_npz(job.out / "features.npz", compressed=True, **kept)
    shown = table.rows.groupby(["size", "rule"]).accuracy.agg(["mean", "count"]).unstack()
    print(shown.to_string())
