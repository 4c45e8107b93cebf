"""In short: what was found, a paragraph each; and the claims in a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import claims
from ..lab.page import Page
from ..lab.published import PAPER, others, published
from ..lab.results import Missing, load, load_joined, read_table
from ..lab.statistics import RULE, Estimate
from .speed import like_for_like
from .student import story

VERDICTS = ("reproduced", "partly", "not", "not tested yet")


def exactness(folders: Sequence[Path]) -> str:
    rows, facts = read_table("verify/agreement.csv", folders)
    rows = rows[rows.partner == "SpykeTorch"]
    return (f"**Exact.** Followed step by step on {facts['images']:,} images, {int(rows.different.sum())} of "
            f"{int(rows.steps.sum()):,} spike times and winners differ from SpykeTorch's, but for "
            f"{int(rows.ties.sum())} rounding ties.")


def accuracy(folders: Sequence[Path]) -> str:
    result, target = load_joined("best", folders), published(PAPER, "accuracy")
    final, best = (Estimate.of(each(result.variants[0])) for each in (result.at, result.best))
    where = "above" if final.high < target else "below" if final.low > target else "inside"
    return (f"**{100 * target:.1f} %.** With the parameters that a validation split chose, the network ends at {final} "
            f"and reaches {best} at its best epoch. The paper's {100 * target:.1f} % is {where} the interval of the "
            f"final accuracy; the highest final one of others with SpykeTorch is {100 * others('final').max():.2f} %.")


def student(folders: Sequence[Path]) -> str:
    return "**Why the student replication fell short.** " + story(load("student", folders))


def speed(folders: Sequence[Path]) -> str:
    rows, _ = read_table("benchmark/benchmark.csv", folders)
    hours = load("paper", folders).part("spyketorch").groupby("seed").seconds.sum().mean() / 3600
    return (f"**Fast.** On one thread, {like_for_like(rows)}. S3's passes at the paper's length take {hours:.1f} "
            "hours on one core.")


def rest(folders: Sequence[Path]) -> str:
    verdicts = claims.table(folders).verdict
    named = [f"{claim.number} {verdict}" for claim, verdict in zip(claims.every(), verdicts, strict=True)
             if claim.order[0] > 2]
    return "**Rewards in hidden layers and an event camera.** Claims by number: " + ", ".join(named) + "."


def in_short(page: Page) -> None:
    """A paragraph each; a missing result is said in its place."""
    found = []
    for paragraph in (exactness, accuracy, student, speed, rest):
        try:
            found.append(paragraph(page.recorded))
        except Missing as missing:
            found.append(str(missing))
    page.say("\n".join(f"- {paragraph}" for paragraph in found))


def table(page: Page) -> None:
    """Every claim with its verdict."""
    rows = claims.table(page.recorded)
    linked = rows.assign(figure=[f"[figure](#figure-{anchor})" if anchor else "—" for anchor in rows.figure],
                         verdict=[f"**{verdict}**" for verdict in rows.verdict])
    page.table(linked.to_numpy(), ["claim", "paper", "SpykeTorch", "student", "ours, after all passes", "verdict",
                                   "shown in"])
    counts = rows.verdict.value_counts()
    page.say(f"Of {len(rows)} rows " + ", ".join(
        f"{counts[verdict]} {'is' if counts[verdict] == 1 else 'are'} *{verdict}*"
        for verdict in VERDICTS if verdict in counts) + ".")
    page.say(f"Ours are means over seeds with the 95 % interval of Student's t. The verdict follows a rule. {RULE} For "
             "claim 2, *reproduced* asks that the whole interval holds the paper's place, *partly* that the mean does.")
