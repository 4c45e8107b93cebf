"""Figures that others have published, from report/reference: the paper's, SpykeTorch's, the student replication's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
PAPER = "Mozafari et al. 2019"
BEYOND = """The paper does not test N-MNIST, so nothing here can be *reproduced*; there is no verdict. The interval
counts seeds and recordings."""  #: in place of a rule


def published(source: str, what: str) -> float:
    """One figure of the paper or of another's run, from published.csv."""
    table = pd.read_csv(REFERENCE / "published.csv")
    return float(table[(table.source == source) & (table.what == what)].value.iloc[0])


def others(what: str) -> pd.Series:
    """All published figures of one kind, by source."""
    table = pd.read_csv(REFERENCE / "published.csv")
    return table[table.what == what].set_index("source").value


def curve(name: str) -> pd.DataFrame:
    """Accuracy after each pass of another's run; `passes` counts from 1 as ours do (the files count from 0)."""
    rows = pd.read_csv(REFERENCE / f"{name}.csv")
    return rows.assign(passes=rows.epoch + 1)


def at_passes(name: str) -> pd.Series:
    """Test accuracy of another's run by the number of passes."""
    return curve(name).set_index("passes").test_accuracy


def on_mnist() -> tuple[str, str, str]:
    """What the paper, SpykeTorch and the student replication reach on MNIST, as the claims table shows it."""
    final, student = others("final"), curve("student_mnist").test_accuracy
    return (f"{100 * published(PAPER, 'accuracy'):.1f} %",
            f"{100 * final.min():.2f} to {100 * final.max():.2f} % (final, {len(final)} runs)",
            f"{100 * student.iloc[-1]:.2f} % ({len(student)} passes)")


def nmnist_figures() -> str:
    """Figures of others on the whole of N-MNIST, as they report them, each with what it is."""
    table = pd.read_csv(REFERENCE / "published.csv")
    rows = table[table.what == "N-MNIST accuracy"]
    return "; ".join(f"{100 * row.value:.2f} % ({row.source}, {row.note})" for row in rows.itertuples())


def on_nmnist() -> tuple[str, str, str]:
    """The same on N-MNIST, which the paper does not test."""
    student = curve("student_nmnist").test_accuracy
    return "not tested", "—", f"{100 * student.iloc[-1]:.2f} % ({len(student)} passes)"
