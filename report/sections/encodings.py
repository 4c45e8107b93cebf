"""From events to spike times: encodings and thresholds, chosen on simulated recordings held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..lab.page import Page
from ..lab.published import curve
from ..lab.results import load
from ..lab.statistics import Estimate, percent, points

EXPERIMENTS = ("nmnist-first", "nmnist-stabilised", "nmnist-saccades")  #: one an encoding


@dataclass(frozen=True)
class Tried:
    """A variant of one of these experiments."""

    encoding: str
    variant: str
    changes: str  #: from `spyketorch`
    passes: int
    held_out: Estimate  #: accuracy on simulated recordings held out
    real: Estimate  #: accuracy on real recordings
    chosen: bool  #: whether it is the best of its encoding on those held out


def tried(folders: Sequence[Path]) -> list[Tried]:
    """Every variant of every encoding. Raises Missing."""
    return [Tried(result.facts["dataset"].partition("/")[2], variant, result.changes(variant), result.passes(variant),
                  Estimate.of(result.at(variant, column="validation_accuracy")), Estimate.of(result.at(variant)),
                  variant == result.chosen())
            for result in (load(name, folders) for name in EXPERIMENTS) for variant in result.variants]


def thresholds(page: Page) -> None:
    """What was tried, what was chosen, and what held the student replication back."""
    rows = tried(page.recorded)
    best = max((row for row in rows if row.chosen), key=lambda row: row.held_out.mean)
    page.say(
        "### Encodings and thresholds\n\nFor each way to turn events into spike times, thresholds are chosen on "
        "simulated recordings held out (bold), without a look at the real ones. Best on those held out: "
        f"`{best.encoding}` with {best.held_out}; then {best.real} of the real recordings.")
    page.table([(f"`{row.encoding}`", f"**{row.variant}**" if row.chosen else row.variant, row.changes, row.passes,
                 row.held_out, row.real) for row in rows],
               ["encoding", "variant", "changes from `spyketorch`", "passes", "simulated, held out", "real"])
    theirs, exact = (next(row.real for row in rows if row.variant == name) for name in ("student", "exact-rules"))
    page.say(
        f"The student replication is right on {percent(curve('student_nmnist').test_accuracy.iloc[-1])} of them. With "
        f"its encoding and thresholds and what was read of its rules (there are more) this model is right on {theirs} "
        f"of the real recordings, with the exact rules on the same spikes on {exact}, and with the encoding "
        f"`{best.encoding}` on {best.real}: steps of {points(exact.mean - theirs.mean)} and "
        f"{points(best.real.mean - exact.mean)} points, one seed each, in this order. Their rules were not tried with "
        "the other encoding, so no share of the gap is given to either.")


PARTS = (thresholds,)
