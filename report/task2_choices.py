"""Task 2: what the paper leaves open, each choice the other way round, on a few pairs and sizes.

    python report/task2_choices.py

Writes report/results/task2-choices/runs.csv, a row for every choice of rstdp.task2.CHOICES, pair, size and rule, and
provenance.json; choices that are in runs.csv are not repeated.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pandas as pd
import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from rstdp import datasets, provenance, task2
from rstdp.files import write_json, write_text

SIZES = (4, 10, 20)
#: fields of the task that S1 and C1 depend on
BELOW = ("coding", "dark", "bins", "padding1", "threshold1", "inhibit1", "mean", "std", "doubling", "images",
         "stdp_images")


def rows(choice: str, inputs: task2.Encoded, seed: int) -> pd.DataFrame:
    """The outcomes of one choice: all pairs, sizes and both rules."""
    torch.set_num_threads(1)  # the choices share the cores between them
    task, found = task2.Task(**task2.CHOICES[choice]), []
    for size in SIZES:
        features = None if task.together else task2.stdp_features(task, inputs, size, seed)
        found += [{"choice": choice, **task2.outcome(task, inputs, pair, size, rule, seed, features)}
                  for pair in task2.FEW for rule in task2.RULES]
    return pd.DataFrame(found)


def save(folder: Path, table: pd.DataFrame, **facts) -> pd.DataFrame:
    """Write the table, choices in their order, and where it comes from; returns it."""
    table = table.iloc[pd.Categorical(table.choice, list(task2.CHOICES)).codes.argsort(kind="stable")]
    parameters = {name: task2.Task(**task2.CHOICES[name])._asdict() for name in table.choice.unique()}
    facts = provenance.describe(parameters=parameters, **facts)
    write_text(folder / "runs.csv", table.to_csv(index=False))
    write_json(folder / "provenance.json", facts)
    return table


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, write, print mean accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choices", nargs="+", choices=task2.CHOICES, default=list(task2.CHOICES), metavar="NAME")
    parser.add_argument("--seed", type=int, default=0, help="of first weights (default: 0)")
    parser.add_argument("--dataset", default="mnist", choices=datasets.DATASETS)
    parser.add_argument("--jobs", type=int, default=-1, help="choices at a time (default: one a core)")
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "task2-choices")
    options = parser.parse_args(arguments)
    path, started, data = options.out / "runs.csv", time.perf_counter(), datasets.load(options.dataset)
    table = pd.read_csv(path, dtype={"pair": str}) if path.exists() else pd.DataFrame({"choice": []})
    groups, checksum = defaultdict(list), data.checksum()
    for choice in options.choices:
        if choice not in set(table.choice):
            task = task2.Task(**task2.CHOICES[choice])
            groups[tuple(getattr(task, name) for name in BELOW)].append(choice)
    for below, choices in groups.items():
        inputs = task2.encoded(task2.Task(**dict(zip(BELOW, below))), options.seed, data)
        done = Parallel(n_jobs=options.jobs, return_as="generator_unordered")(
            delayed(rows)(choice, inputs, options.seed) for choice in choices)
        for part in tqdm(done, total=len(choices), desc=choices[0], unit="choice"):
            table = save(options.out, pd.concat([table, part]), dataset=data.name, data_md5=checksum,
                         seeds=[options.seed], seconds=round(time.perf_counter() - started, 1))
    print(table.pivot_table(index="choice", columns=["rule", "size"], values="accuracy_all", sort=False).round(3)
          .to_string())


if __name__ == "__main__":
    main()
