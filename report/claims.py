"""The claims of the paper, one row each: the figures of all, ours with an interval, and a verdict by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import evidence_nmnist
import evidence_reward
import pandas as pd
from evidence import ENOUGH, PAPER, TOLERANCE, Estimate, curve, find, others, published, verdict

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
