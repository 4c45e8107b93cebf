"""Claim 2: the place among the networks of the paper's figure 2, and whether 97.2 % can be reached."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from rstdp.show.figures import BLUE, GREY

from ..lab.accuracy import final
from ..lab.claim import Claim, Found, Mark
from ..lab.figures import canvas, name_rows
from ..lab.page import Page
from ..lab.published import PAPER, curve, others, published
from ..lab.results import LONG, Missing
from ..lab.statistics import ENOUGH, NOT, REPRODUCED, UNDECIDED, Estimate, percent

RULE = f"""By the long runs with the parameters that a validation split chose (claim 1c), else those of claims 1a or 1b.
**Reproduced**: the whole 95 % interval of the mean has the paper's place, with at least {ENOUGH} seeds. **Not**: none
of it has. **Undecided**: some of it, or fewer seeds."""


def rank(accuracy: float) -> int:
    """The place among the networks of the paper's figure 2, 1 for the best."""
    return 1 + int((others("figure 2") > accuracy).sum())


def theirs() -> tuple[str, str, str]:
    return (f"{rank(published(PAPER, 'accuracy'))} of {len(others('figure 2')) + 1}", f"{rank(others('final').max())}",
            f"{rank(curve('student_mnist').test_accuracy.iloc[-1])}")


def ours(folders: Sequence[Path]) -> Found:
    """By the first of the long runs that is there. Raises Missing."""
    for name, variant in (("best", None), ("paper", "paper"), ("paper", "spyketorch")):
        with suppress(Missing):
            found = final(folders, name, variant)
            return Found(f"{rank(found.mean)}, with {found}", verdict(found), (mark(found),))
    raise Missing("best", "the long runs `best` and `paper`")


def mark(found: Estimate) -> Mark:
    """Ours less the best network that the paper's is better than; the band ends at the next better one."""
    place, each = rank(published(PAPER, "accuracy")), others("figure 2").sort_values(ascending=False)
    below, above = each.iloc[place - 1], each.iloc[place - 2] if place > 1 else 1.0
    return Mark(f"above {each.index[place - 1]}", found.less(below), 0.0, above - below)


def verdict(found: Estimate) -> str:
    """By RULE."""
    place = rank(published(PAPER, "accuracy"))
    if found.half is None or found.n < ENOUGH:
        return UNDECIDED
    best, worst = rank(found.high), rank(found.low)
    if best == worst == place:
        return REPRODUCED
    return UNDECIDED if best <= place <= worst else NOT


def chart(runs: pd.DataFrame) -> Figure:
    """Final (filled) and best (hollow) accuracy of runs on all of MNIST, ours and others', and the paper's line.

    runs: columns run, final, best as shares.
    """
    theirs = pd.DataFrame({"run": others("final").index, "final": others("final").to_numpy(),
                           "best": others("best")[others("final").index].to_numpy()})
    (fig, ax), every = canvas(1.6 + 0.36 * (len(runs) + len(theirs))), pd.concat([runs, theirs], ignore_index=True)
    for i, run in every.iterrows():
        colour = BLUE if i < len(runs) else GREY
        ax.plot(100 * run.final, i, "o", color=colour, markersize=8)
        ax.plot(100 * run.best, i, "o", markerfacecolor="none", color=colour, markersize=11)
    ax.axvline(100 * published(PAPER, "accuracy"), color="black", linestyle=":", label="the paper")
    ax.set(xlabel="test accuracy (%)")
    name_rows(ax, [name.replace(", 680 epochs", "") for name in every.run])
    return fig


def reach(page: Page) -> None:
    """Every long run, beside those of others."""
    runs = pd.DataFrame(
        [(f"ours, {name}: {variant}, seed {seed}", rows.test_accuracy.iloc[-1], rows.test_accuracy.max())
         for name in LONG if name in page.kept for variant in page.kept[name].variants
         for seed, rows in page.kept[name].part(variant).sort_values("epoch").groupby("seed")],
        columns=["run", "final", "best"])
    line, theirs = published(PAPER, "accuracy"), others("final")
    page.show(chart(runs), "Final accuracy (filled) and the best of all passes on the test set (hollow) of "
              f"{len(runs)} runs of ours and {len(theirs)} of SpykeTorch by others, all on the whole of MNIST. Dotted: "
              f"the paper's {percent(line, 1)}.", "reach")
    if runs.empty:
        raise Missing("best", "long runs of ours")
    top, peak = runs.loc[runs.final.idxmax()], runs.loc[runs.best.idxmax()]
    word = "**reaches**" if top.final >= line else "**does not reach**"
    page.say(f"The highest final accuracy, {percent(top.final)} ({top.run}), {word} the paper's {percent(line, 1)}; "
             f"{int((runs.final >= line).sum())} of {len(runs)} long runs end there or above. At its best pass, "
             f"chosen on the test set, the highest run has {percent(peak.best)} ({peak.run}). The highest final figure "
             f"of others is {percent(theirs.max())}.")


CLAIM = Claim("2. Place among the networks of figure 2", theirs, ours, RULE, LONG, (reach,), "reach")
