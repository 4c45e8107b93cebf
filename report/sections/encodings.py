"""From events to spike times: encodings and thresholds, chosen on simulated recordings held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..lab.page import Page
from ..lab.published import curve
from ..lab.results import Missing, load, read_table, stale
from ..lab.statistics import Estimate, percent, points
from ..studies.student.factorial import ALL, ENCODINGS

EXPERIMENTS = ("nmnist-first", "nmnist-stabilised", "nmnist-saccades")  #: one an encoding
COLLAPSED = 0.2  #: a run below twice chance is counted apart


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
        f"The student replication's own log ends at {percent(curve('student_nmnist').test_accuracy.iloc[-1])}. With "
        f"its encoding and thresholds and what was read of its rules (there are more) this model is right on {theirs} "
        f"of the real recordings, with the exact rules on the same spikes on {exact}, and with the encoding "
        f"`{best.encoding}` on {best.real}: steps of {points(exact.mean - theirs.mean)} and "
        f"{points(best.real.mean - exact.mean)} points, one seed each, in this order; from our variant of "
        "their model, which is not theirs (next section).")


def two_by_two(page: Page) -> None:
    """Their rules, all of them, and ours, each with their encoding and with ours."""
    rows, facts = read_table("student-nmnist/runs.csv", page.recorded)
    last = rows[rows.epoch == rows.epoch.max()]
    grid = last.pivot(index="seed", columns=["encoding", "rules"], values="test_accuracy")
    cells = [(encoding, rules) for encoding in ENCODINGS for rules in (ALL, "none")]
    grid = grid.reindex(columns=pd.MultiIndex.from_tuples(cells)).dropna()
    if grid.empty:
        raise Missing("student-nmnist", "both encodings with both sets of rules")
    whose = {"first": "theirs (`first`)", "saccades": "ours (`saccades`)", ALL: "theirs", "none": "ours"}
    page.say("### Encoding or rules?\n\nTheir program's rules, all that running it showed, and our exact ones, each "
             f"with their encoding and with ours: {facts['train']:,} simulated recordings to learn from, "
             f"{rows.epoch.max()} passes, the thresholds that go with the rules, number of seeds: {len(grid)}."
             + stale("student-nmnist", facts))
    page.table([(whose[encoding], whose[rules], Estimate.of(grid[encoding, rules]),
                 (grid[encoding, rules] < COLLAPSED).sum()) for encoding, rules in cells],
               ["encoding", "rules", "of the real recordings", f"seeds below {percent(COLLAPSED, 0)}"])
    gained = {rules: grid["saccades", rules] - grid["first", rules] for rules in (ALL, "none")}
    exact = sum(grid[encoding, "none"] - grid[encoding, ALL] for encoding in ENCODINGS) / 2
    encoding, interaction = (gained["none"] + gained[ALL]) / 2, (gained["none"] - gained[ALL]) / 2

    def told(values) -> str:
        return points(Estimate.of(values))

    page.say(f"Our encoding instead of theirs gives {told(encoding)} points and our rules instead of theirs "
             f"{told(exact)}, each as the mean over both of the other. With our rules the encoding gives "
             f"{told(gained['none'])}, with theirs {told(gained[ALL])}; half the difference, the interaction, is "
             f"{told(interaction)}. Not tested: real recordings to learn from, their number of passes, all training "
             f"images. {page.source('student-nmnist')}.")


PARTS = (thresholds, two_by_two)
