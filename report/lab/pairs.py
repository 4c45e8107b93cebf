"""Task 2's runs over pairs of target digits: what claims 5 and 6 and the figure of open choices share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from .results import Missing, read_table
from .statistics import Estimate, over_pairs

PAIRS = math.comb(10, 2)  #: of target digits in the paper's figure 4


def means(folders: Sequence[Path], column: str = "accuracy", name: str = "task2") -> pd.DataFrame:
    """Mean over the pairs for each seed, rows (rule, size, seed, value, pairs). Raises Missing."""
    table, _ = read_table(f"{name}/runs.csv", folders)
    return table.groupby(["rule", "size", "seed"])[column].agg(value="mean", pairs="count").reset_index()


def by_size(folders: Sequence[Path], rule: str, name: str = "task2") -> dict[int, Estimate]:
    """{size: mean accuracy over pairs, with the interval over seeds}; seeds that lack pairs which others have are left
    out. Raises Missing."""
    found = means(folders, name=name)
    found = found[(found.rule == rule) & (found.pairs == found.pairs.max())]
    return {int(size): Estimate.of(group.value) for size, group in found.groupby("size")}


def at_size(folders: Sequence[Path], size: int, name: str = "task2") -> tuple[Estimate, Estimate]:
    """Accuracy with `size` maps by R-STDP and by STDP. Raises Missing."""
    reward, plain = (by_size(folders, rule, name) for rule in ("r-stdp", "stdp"))
    if size not in reward or size not in plain:
        raise Missing(name, f"both rules with {size} maps in `{name}/runs.csv`")
    return reward[size], plain[size]


def reward_effect(folders: Sequence[Path], size: int, column: str = "accuracy",
                  name: str = "task2") -> Estimate:
    """R-STDP less STDP at one size, paired: mean over the pairs (each a mean over seeds), with the interval of
    `over_pairs`. Raises Missing."""
    table, _ = read_table(f"{name}/runs.csv", folders)
    wide = table[table["size"] == size].pivot_table(index="pair", columns="rule", values=column)
    if not {"r-stdp", "stdp"} <= set(wide):
        raise Missing(name, f"both rules with {size} maps in `{name}/runs.csv`")
    apart = (wide["r-stdp"] - wide["stdp"]).dropna()
    return over_pairs({f"{pair:0>2}": value for pair, value in apart.items()})
