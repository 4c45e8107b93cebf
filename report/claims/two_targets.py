"""Claim 5: among distractors, R-STDP tells two target digits apart with fewer maps than STDP (figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ..lab.figures import STYLE, canvas, grid, legend_below
from ..lab.page import Page
from ..lab.pairs import PAIRS, at_size, by_size, means, reward_effect
from ..lab.published import PAPER, REFERENCE, published
from ..lab.results import Missing, locate, read_table, stale
from ..lab.statistics import Estimate, points
from ..lab.statistics import verdict as verdict_on
from . import Claim

SIZE = 10  #: maps of S2 at which the claim is judged
LONGER = "task2-passes"  #: the same study with more passes


def targets() -> list[float]:
    """The paper's accuracies by R-STDP and by STDP."""
    return [published(PAPER, f"task 2, {rule}, {SIZE} maps") for rule in ("R-STDP", "STDP")]


def figure4(rule: str) -> pd.Series:
    """The paper's accuracy by the number of maps."""
    table = pd.read_csv(REFERENCE / "figure4.csv")
    return table[table.rule == rule].set_index("maps").accuracy


def ours(folders: Sequence[Path]) -> tuple[str, str]:
    both, effect = at_size(folders, SIZE), reward_effect(folders, SIZE)
    pairs = int(means(folders).pairs.max())
    told = f"{both[0]} against {both[1]}; {pairs} of {PAIRS} pairs"
    with suppress(Missing):
        told += "; with more passes {} against {}".format(*at_size(folders, SIZE, LONGER))
    return told, verdict(both, effect, pairs)


def verdict(both: Sequence[Estimate], effect: Estimate, pairs: int) -> str:
    """Reproduced: all pairs, both figures by the report's rule, and R-STDP above STDP beyond the interval. Partly: the
    last alone."""
    better = effect.half is not None and effect.low > 0
    whole = pairs == PAIRS and all(verdict_on(one, target) == "reproduced" for one, target in zip(both, targets()))
    return "reproduced" if better and whole else "partly" if better else "not"


def from_paper(folders: Sequence[Path], name: str) -> str:
    """Our accuracies less the paper's, in words: mean over the sizes that both have, lowest and highest."""
    told = []
    for rule, (label, *_) in STYLE.items():
        mine = pd.Series({size: one.mean for size, one in by_size(folders, rule, name).items()})
        apart = 100 * (mine - figure4(rule)).dropna()
        numbers = f"{apart.mean():+.1f} points ({apart.min():+.1f} to {apart.max():+.1f})".replace("-", "−")
        told.append(f"{label} {numbers}")
    return "; ".join(told)


def chart(ours: dict[str, dict[int, Estimate]], longer: dict[str, dict[int, Estimate]]) -> Figure:
    """Mean accuracy over the maps of S2: ours filled, with the 95 % interval over seeds, the paper's hollow.

    longer: the same after more passes, dotted; may be empty.
    """
    fig, ax = canvas(4.6)
    for rule, (label, colour, mark) in STYLE.items():
        theirs, mine = figure4(rule), dict(sorted(ours.get(rule, {}).items()))
        ax.plot(theirs.index, 100 * theirs, "--", marker=mark, markerfacecolor="none", color=colour, linewidth=1.2,
                label=f"{label}, the paper")
        ax.errorbar(list(mine), [100 * one.mean for one in mine.values()], marker=mark, color=colour, capsize=4,
                    yerr=[100 * (one.half or 0) for one in mine.values()], label=f"{label}, ours")
        if more := dict(sorted(longer.get(rule, {}).items())):
            ax.plot(list(more), [100 * one.mean for one in more.values()], ":", color=colour, linewidth=2,
                    label=f"{label}, ours, more passes")
    ax.set(xlabel="maps of S2", ylabel="mean accuracy over pairs (%)")
    grid(ax, "y")
    legend_below(fig)
    return fig


def sizes(page: Page) -> None:
    """Accuracy by the number of maps, beside the paper's, and after more passes."""
    table, facts = read_table("task2/runs.csv", page.recorded)
    ours, longer = {rule: by_size(page.recorded, rule) for rule in STYLE}, {}
    page.say(
        f"### Task 2: two targets among eight distractors\n\n{len(table)} runs over {table.pair.nunique()} of {PAIRS} "
        f"pairs, {table['size'].nunique()} of {len(figure4('r-stdp'))} sizes and {table.seed.nunique()} seeds, "
        f"{table.seconds.median():.1f} s each at the median; "
        f"{sum(session['seconds'] for session in facts['sessions']) / 3600:.2f} hours in {len(facts['sessions'])} "
        f"sessions.{stale('task2', facts)}")
    page.say(f"Ours less the paper's, mean over the sizes (lowest to highest): {from_paper(page.recorded, 'task2')}.")
    if locate(f"{LONGER}/runs.csv", page.recorded):
        _, changed = read_table(f"{LONGER}/runs.csv", page.recorded)
        longer = {rule: by_size(page.recorded, rule, LONGER) for rule in STYLE}
        page.say(
            "The paper does not say how often an image is shown. While rewards count it was "
            f"{facts['parameters']['passes']} times, with more passes {changed['parameters']['passes']}; S2 by STDP "
            f"had seen each {changed['parameters']['stdp_passes']} time(s) before. Less the paper's, with more passes: "
            f"{from_paper(page.recorded, LONGER)}.{stale(LONGER, changed)}")
    columns = [(f"{label}{more}", found[rule]) for found, more in ((ours, ""), (longer, ", more passes")) if found
               for rule, (label, *_) in STYLE.items()]
    page.table([(size, *(found.get(size, "—") for _, found in columns), points(reward_effect(page.recorded, size)))
                for size in sorted(ours["r-stdp"])],
               ["maps of S2", *(label for label, _ in columns), "R-STDP less STDP, over pairs (points)"])
    page.show(chart(ours, longer), "Figure 4 of the paper redrawn: mean accuracy over pairs of target digits against "
              "the number of maps in S2, ours filled and the paper's hollow, R-STDP circles and STDP squares. Dotted: "
              "ours after more passes.", "task2")


CLAIM = Claim(f"5. Two targets among distractors, {SIZE} maps in S2: R-STDP against STDP",
              lambda: (" against ".join(f"{100 * target:.1f} %" for target in targets()), "—", "—"), ours,
              "reward", (sizes,), "task2")
