"""The handmade problem (the paper's figure 3) over many seeds: STDP against R-STDP, and every open choice both ways.

    python report/handmade.py --seeds 500

Writes report/results/handmade/runs.csv, a row for every variant, rule and seed, and provenance.json. A few minutes on
one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from rstdp import handmade, provenance
from rstdp.files import write_json


def rows(variant: str, rule: str, seeds: int) -> list[dict]:
    """The outcomes of seeds 0, 1, ... of one variant."""
    problem = handmade.Problem(**handmade.VARIANTS[variant])
    return [{"variant": variant, **handmade.outcome(problem, rule, seed)} for seed in range(seeds)]


def main() -> None:
    """Run, write, print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=500, help="seeds of each variant and rule (default: 500)")
    parser.add_argument("--jobs", type=int, default=-1, help="processes at a time (default: one a core)")
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "handmade")
    options = parser.parse_args()
    started = time.perf_counter()
    tasks = [(variant, rule, options.seeds) for variant in handmade.VARIANTS for rule in handmade.RULES]
    done = Parallel(n_jobs=options.jobs, return_as="generator")(delayed(rows)(*task) for task in tasks)
    table = pd.DataFrame([row for part in tqdm(done, total=len(tasks), unit="variant") for row in part])
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "runs.csv", index=False)
    parameters = {name: handmade.Problem(**changes)._asdict() for name, changes in handmade.VARIANTS.items()}
    facts = provenance.describe(seeds=options.seeds, parameters=parameters,
                                seconds=round(time.perf_counter() - started, 1))
    write_json(options.out / "provenance.json", facts)
    table["solved"] = table.accuracy == 1
    print(table.groupby(["variant", "rule"], sort=False)[["exact", "preferred", "solved"]].mean().to_string())


if __name__ == "__main__":
    main()
