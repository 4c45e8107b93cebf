"""Recorded results of the replication that chapters show: the same files in a checkout and where rstdp is installed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent.parent
#: where rstdp is installed, pyproject.toml puts tables of report/results here
FOLDERS = (HERE.parent / "report" / "results", HERE / "recorded")


def path(name: str) -> Path:
    """A recorded file by its name under report/results, "mnist/accuracy.csv". Raises FileNotFoundError."""
    for folder in FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"no recorded result {name}; `python -m report run {name.partition('/')[0]}` in a checkout "
                            "of the repository makes it")


def recorded(name: str) -> pd.DataFrame:
    """A recorded table. Raises FileNotFoundError where there is none."""
    return pd.read_csv(path(name), dtype={"pair": str})
