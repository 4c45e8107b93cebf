"""Task 2 (the paper's figures 4 and 5): two target digits among eight distractors, S2 by R-STDP against STDP.

    python report/task2.py --preset quick                 three pairs, two sizes, about a minute
    python report/task2.py --preset full --seeds 0 1 2    all 45 pairs and 12 sizes, 1,080 runs a seed

Writes report/results/task2/runs.csv, a row a run, after every run, and provenance.json; then, with the four maps of
figure 5, features.npz for its pictures and features.csv, how far the features of every pair are those of other pairs.
Runs that are in runs.csv are not repeated, so that a killed command goes on when it is given again; --set NAME=VALUE
changes a parameter of rstdp.task2.Task and asks for another --out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from rstdp import datasets, provenance, task2
from rstdp.files import write_json, write_npz, write_text

KEYS = ["seed", "pair", "size", "rule"]
OTHER = 1000  #: added to the seed for other first weights
PRESETS = {"quick": (task2.FEW, (4, 10)), "full": (task2.PAIRS, task2.SIZES)}


def changed(changes: list[str]) -> task2.Task:
    """The task with NAME=VALUE changes. Raises ValueError for an unknown name or a value of another type."""
    task = task2.Task()
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name not in task._fields:
            raise ValueError(f"--set takes NAME=VALUE with a name of {', '.join(task._fields)}; got {change!r}")
        kind = type(getattr(task, name))
        if kind is bool and value.lower() not in ("true", "false"):
            raise ValueError(f"{name} is true or false, got {value!r}")
        task = task._replace(**{name: value.lower() == "true" if kind is bool else kind(value)})
    return task


def one(task: task2.Task, inputs: task2.Encoded, pair: tuple[int, int], size: int, rule: str, seed: int,
        features: task2.Features | None) -> dict:
    """One run as a row with its wall-clock time."""
    torch.set_num_threads(1)  # the runs share the cores between them
    started = time.perf_counter()
    row = task2.outcome(task, inputs, pair, size, rule, seed, features)
    return {**row, "seconds": round(time.perf_counter() - started, 2)}


class Table:
    """runs.csv and its provenance; refuses a folder that holds runs of other parameters or data."""

    def __init__(self, folder: Path, task: task2.Task, data: datasets.Dataset):
        self.folder, self.task, self.data, self.began = folder, task, data, time.perf_counter()
        self.rows, self.sessions, self.checksum, self.commit = [], [], data.checksum(), provenance.commit()
        if (folder / "runs.csv").exists():
            facts = json.loads((folder / "provenance.json").read_text())
            now = {"parameters": task._asdict(), "data_md5": self.checksum, "behaviour": provenance.behaviour()}
            for name, value in now.items():
                if facts[name] != value:
                    raise ValueError(f"{folder} holds runs of other {name}; choose another --out")
            self.rows = pd.read_csv(folder / "runs.csv", dtype={"pair": str}).to_dict("records")
            self.sessions = facts["sessions"]

    def keys(self) -> set[tuple]:
        """The values of KEYS of all runs."""
        return {tuple(row[name] for name in KEYS) for row in self.rows}

    def save(self, jobs: int) -> None:
        """Write the table, sorted, whole or not at all, and where it comes from."""
        table = pd.DataFrame(self.rows).sort_values(KEYS)
        write_text(self.folder / "runs.csv", table.to_csv(index=False))
        session = {"seconds": round(time.perf_counter() - self.began, 1), "jobs": jobs, "commit": self.commit}
        facts = provenance.describe(dataset=self.data.name, data_md5=self.checksum,
                                    parameters=self.task._asdict(), seeds=sorted({row["seed"] for row in self.rows}),
                                    sessions=[*self.sessions, session])
        write_json(self.folder / "provenance.json", facts)


def trained(task: task2.Task, inputs: task2.Encoded, pair: tuple[int, int], rule: str, seed: int,
            features: task2.Features | None) -> np.ndarray:
    """S2's weights in a network with the maps of figure 5, the same as in the grid."""
    torch.set_num_threads(1)
    return task2.learn(task, inputs, pair, task2.FIGURE5, rule, seed, features).s2


def compare_features(task: task2.Task, inputs: task2.Encoded, pairs, seed: int, jobs: int) -> tuple[list, dict]:
    """Rows for features.csv, and a few features for pictures, as float16.

    A row a rule and pair. `others`: mean overlap with the features of the other pairs, from the same first weights.
    `again`: the same with other first weights but for the same pair: how far chance alone moves the features.
    """
    rows, kept, starts = [], {"s1": inputs.s1.numpy()}, (seed, seed + OTHER)
    features = dict.fromkeys(starts)
    if not task.together:
        features = {start: task2.stdp_features(task, inputs, task2.FIGURE5, start) for start in starts}
    for rule in task2.RULES:
        every = np.stack(Parallel(n_jobs=jobs)(delayed(trained)(task, inputs, pair, rule, start,
                                                                features[start] if rule == "stdp" else None)
                                               for start in starts for pair in pairs))
        found, n = task2.overlaps(every), len(pairs)
        for i, pair in enumerate(pairs):
            others = np.delete(found[i, :n], i).mean() if n > 1 else 1.0
            rows.append({"seed": seed, "rule": rule, "pair": f"{pair[0]}{pair[1]}", "others": round(others, 4),
                         "again": round(found[i, n + i], 4)})
            if pair in task2.FEW:
                kept[f"{rule} {pair[0]}{pair[1]}"] = every[i].astype(np.float16)
    return rows, kept


def main(arguments: list[str] | None = None) -> int:
    """Run what is left of the grid and print the mean accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="quick", choices=PRESETS)
    parser.add_argument("--dataset", default="mnist", choices=datasets.DATASETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of first weights (default: 0)")
    parser.add_argument("--pairs", nargs="+", metavar="AB", help="only these, for example 01 49")
    parser.add_argument("--sizes", type=int, nargs="+", help="only these numbers of maps in S2")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                        help="change a parameter of the task; may be repeated")
    parser.add_argument("--jobs", type=int, default=-1, help="runs at a time (default: one a core)")
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "task2")
    options = parser.parse_args(arguments)
    pairs, sizes = PRESETS[options.preset]
    pairs = [(int(pair[0]), int(pair[1])) for pair in options.pairs] if options.pairs else pairs
    try:
        task, data = changed(options.changes), datasets.load(options.dataset)
        table = Table(options.out, task, data)
    except (ValueError, datasets.DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    grid = [(pair, size, rule) for pair in pairs for size in options.sizes or sizes for rule in task2.RULES]
    path, compared = options.out / "features.csv", pd.DataFrame({"seed": []})
    if path.exists():
        compared = pd.read_csv(path, dtype={"pair": str})
    for seed in options.seeds:
        recorded = table.keys()
        left = [(pair, size, rule) for pair, size, rule in grid
                if (seed, f"{pair[0]}{pair[1]}", size, rule) not in recorded]
        if not left and seed in set(compared.seed):
            continue
        inputs = task2.encoded(task, seed, data)
        features = {}  # S2 after STDP, which does not depend on the pair
        if not task.together:
            wanted = sorted({size for _, size, rule in left if rule == "stdp"})
            features = dict(zip(wanted, Parallel(n_jobs=options.jobs)(
                delayed(task2.stdp_features)(task, inputs, size, seed) for size in wanted)))
        done = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(
            delayed(one)(task, inputs, pair, size, rule, seed, features.get(size) if rule == "stdp" else None)
            for pair, size, rule in left)
        for row in tqdm(done, total=len(left), desc=f"seed {seed}", unit="run"):
            table.rows.append(row)
            table.save(options.jobs)
        rows, kept = compare_features(task, inputs, pairs, seed, options.jobs)
        compared = pd.concat([compared, pd.DataFrame(rows)]).astype({"seed": int})
        write_text(path, compared.to_csv(index=False))
        if seed == options.seeds[0]:
            write_npz(options.out / "features.npz", compressed=True, **kept)
    shown = pd.DataFrame(table.rows).groupby(["size", "rule"]).accuracy.agg(["mean", "count"]).unstack()
    print(shown.to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
