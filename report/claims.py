"""The claims of the paper, one row each: the figures of all, ours with an interval, and a verdict by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import evidence_nmnist
import evidence_reward
import pandas as pd
from evidence import (
    ENOUGH,
    PAPER,
    TOLERANCE,
    Estimate,
    Missing,
    curve,
    find,
    load,
    load_joined,
    others,
    published,
    read_table,
    story,
    verdict,
)

RULE = f"""**Reproduced**: at least {ENOUGH} seeds, their mean lies at most {100 * TOLERANCE:g} percentage point below
the paper's figure, and the upper end of the 95 % interval reaches it. **Partly**: the mean (or the one seed) lies at
most {100 * TOLERANCE:g} point below. **Not**: it lies further below. **Not tested yet**: there is no result."""


def rank(accuracy: float) -> int:
    """The place among the networks of the paper's figure 2, 1 for the best."""
    return 1 + int((others("figure 2") > accuracy).sum())


def rank_verdict(ours: Estimate | None) -> str:
    """Reproduced: the whole interval of enough seeds holds the paper's place. Partly: the mean does."""
    place = rank(published(PAPER, "accuracy"))
    if ours is None:
        return "not tested yet"
    if rank(ours.mean) != place:
        return "not"
    return "reproduced" if ours.n >= ENOUGH and rank(ours.low) == rank(ours.high) == place else "partly"


def table(folders: Sequence[Path]) -> pd.DataFrame:
    """One row a claim: claim, paper, SpykeTorch, student, ours, verdict, figure. `figure` is an anchor or empty."""
    target, student = published(PAPER, "accuracy"), curve("student_mnist").test_accuracy
    final, place = others("final"), rank(published(PAPER, "accuracy"))
    spyketorch = f"{100 * final.min():.2f} to {100 * final.max():.2f} % (final, {len(final)} runs)"
    theirs = (f"{100 * target:.1f} %", spyketorch, f"{100 * student.iloc[-1]:.2f} % ({len(student)} passes)")
    rows, measured = [], {}
    for label, name, variant in (("1a. Accuracy on MNIST, the paper's parameters", "paper", "paper"),
                                 ("1b. The same, SpykeTorch's parameters", "paper", "spyketorch"),
                                 ("1c. The same, the parameters that a validation split chose", "best", None)):
        values = find(name, folders, variant)
        ours = measured[label[:2]] = None if values is None else Estimate.of(values)
        rows.append((label, *theirs, ours or f"needs `{name}`", verdict(ours, target), "curves"))
    ours = measured["1c"] or measured["1a"] or measured["1b"]
    rows.append(("2. Place among the networks of figure 2", f"{place} of {len(others('figure 2')) + 1}",
                 f"{rank(final.max())}", f"{rank(student.iloc[-1])}", f"{rank(ours.mean)}, with {ours}" if ours else
                 "needs `best` or `paper`", rank_verdict(ours), "reach"))
    rows += evidence_reward.claims(folders) + evidence_nmnist.claims(folders)
    return pd.DataFrame(rows, columns=["claim", "paper", "SpykeTorch", "student", "ours", "verdict", "figure"])


def _exactness(folders: Sequence[Path]) -> str:
    rows, facts = read_table("verify/agreement.csv", folders)
    rows = rows[rows.partner == "SpykeTorch"]
    return (f"**Exact.** Followed step by step on {facts['images']:,} images, {int(rows.different.sum())} of "
            f"{int(rows.steps.sum()):,} spike times and winners differ from SpykeTorch's, but for "
            f"{int(rows.ties.sum())} rounding ties.")


def _accuracy(folders: Sequence[Path]) -> str:
    result, target = load_joined("best", folders), published(PAPER, "accuracy")
    final, best = (Estimate.of(each(result.variants[0])) for each in (result.at, result.best))
    where = "above" if final.high < target else "below" if final.low > target else "inside"
    return (f"**{100 * target:.1f} %.** With the parameters that a validation split chose, the network ends at {final} "
            f"and reaches {best} at its best epoch. The paper's {100 * target:.1f} % is {where} the interval of the "
            f"final accuracy; the highest final one of others with SpykeTorch is {100 * others('final').max():.2f} %.")


def _speed(folders: Sequence[Path]) -> str:
    rows, _ = read_table("benchmark/benchmark.csv", folders, "make benchmark DATASET=mnist")
    times = rows.set_index("stage").ratio["S3 learning with test"]
    hours = load("paper", folders).part("spyketorch").groupby("seed").seconds.sum().mean() / 3600
    return (f"**Fast.** A pass over S3 with its test takes one {times:.0f}th of SpykeTorch's time; S3's passes at the "
            f"paper's length take {hours:.1f} hours on one core.")


def _student(folders: Sequence[Path]) -> str:
    return "**Why the student replication fell short.** " + story(load("student", folders))


def _rest(rows: pd.DataFrame) -> str:
    named = [f"{row.claim.partition('.')[0]} {row.verdict}" for row in rows.itertuples() if row.claim[0] in "34567"]
    return "**Rewards in hidden layers and an event camera.** Claims by number: " + ", ".join(named) + "."


def summary(rows: pd.DataFrame, folders: Sequence[Path]) -> list[str]:
    """What was found, a paragraph each, the last from the `table`; a missing result is said in its place."""
    found = []
    for paragraph in (_exactness, _accuracy, _student, _speed):
        try:
            found.append(paragraph(folders))
        except Missing as missing:
            found.append(str(missing))
    return [*found, _rest(rows)]
