"""Claim 5: among distractors, R-STDP tells two target digits apart with fewer maps than STDP (figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ..lab.claim import Choice, Claim, Found, Mark
from ..lab.figures import STYLE, canvas, grid, legend_below
from ..lab.page import Page
from ..lab.pairs import PAIRS, at_size, by_size, means, reward_effect
from ..lab.published import PAPER, REFERENCE, published
from ..lab.results import Missing, locate, read_table, stale
from ..lab.statistics import NOT, PARTLY, REPRODUCED, TOLERANCE, UNDECIDED, Estimate, points
from ..lab.statistics import verdict as verdict_on

SIZE = 10  #: maps of S2 at which the claim is judged
RULE = f"""At {SIZE} maps. **Reproduced**: all {PAIRS} pairs, both means over pairs are reproduced by the rule of claim
1, and R-STDP is above STDP beyond the 95 % interval of the mean difference over pairs. **Partly**: the last alone.
**Not**: R-STDP is below STDP beyond that interval. **Undecided**: anything else. Pairs that share a digit are not
independent, and the interval knows it (variance over all pairs of pairs with a digit in common)."""
LONGER, NEAREST = "task2-passes", "task2-nearest"  #: the same study with more passes, and nearest to the paper's curves


def figure4(rule: str) -> pd.Series:
    """The paper's accuracy by the number of maps."""
    table = pd.read_csv(REFERENCE / "figure4.csv")
    return table[table.rule == rule].set_index("maps").accuracy


def targets(size: int = SIZE) -> list[float]:
    """The paper's accuracies by R-STDP and by STDP."""
    if size == SIZE:
        return [published(PAPER, f"task 2, {rule}, {SIZE} maps") for rule in ("R-STDP", "STDP")]
    return [figure4(rule)[size] for rule in STYLE]


def at(folders: Sequence[Path], size: int = SIZE, name: str = "task2") -> Choice:
    """Both accuracies and the verdict at one size. Raises Missing."""
    both, effect = at_size(folders, size, name), reward_effect(folders, size, name=name)
    pairs = int(means(folders, name=name).pairs.max())
    told = {LONGER: ", more passes", NEAREST: ", by the choices nearest to the paper's curves"}
    return Choice(f"{size} maps{told.get(name, '')}",
                  f"{both[0]} against {both[1]}; {points(effect)} points", verdict(both, effect, pairs, targets(size)))


def ours(folders: Sequence[Path]) -> Found:
    both, effect = at_size(folders, SIZE), reward_effect(folders, SIZE)
    pairs = int(means(folders).pairs.max())
    told = f"{both[0]} against {both[1]}; {pairs} of {PAIRS} pairs"
    with suppress(Missing):
        told += "; with more passes {} against {}".format(*at_size(folders, SIZE, LONGER))
    marks = [Mark.near(name, one, target, TOLERANCE) for name, one, target in zip(("R-STDP", "STDP"), both, targets())]
    return Found(told, verdict(both, effect, pairs, targets()),
                 (*marks, Mark("R-STDP less STDP", effect, 0.0, float("inf"))))


def verdict(both: Sequence[Estimate], effect: Estimate, pairs: int, figures: Sequence[float]) -> str:
    """By RULE."""
    better = effect.half is not None and effect.low > 0
    whole = pairs == PAIRS and all(verdict_on(one, target) == REPRODUCED for one, target in zip(both, figures))
    if better:
        return REPRODUCED if whole else PARTLY
    return NOT if effect.half is not None and effect.high < 0 else UNDECIDED


def choices(folders: Sequence[Path]) -> list[Choice]:
    """Every size, with the default, with more passes, and nearest to the paper's curves. Raises Missing."""
    found = []
    for name in ("task2", LONGER, NEAREST):
        with suppress(Missing):
            sizes = sorted(set(by_size(folders, "r-stdp", name)) & set(figure4("r-stdp").index))
            found += [at(folders, size, name) for size in sizes if (size, name) != (SIZE, "task2")]
    return found


def from_paper(folders: Sequence[Path], name: str) -> str:
    """Our accuracies less the paper's, in words: mean over the sizes that both have, lowest and highest."""
    told = []
    for rule, (label, *_) in STYLE.items():
        mine = pd.Series({size: one.mean for size, one in by_size(folders, rule, name).items()})
        apart = 100 * (mine - figure4(rule)).dropna()
        numbers = f"{apart.mean():+.1f} points ({apart.min():+.1f} to {apart.max():+.1f})".replace("-", "−")
        told.append(f"{label} {numbers}")
    return "; ".join(told)


def times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


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
            ax.fill_between(list(more), [100 * one.low for one in more.values()],
                            [100 * one.high for one in more.values()], color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel="maps of S2", ylabel="mean accuracy over pairs (%)")
    grid(ax, "y")
    legend_below(fig)
    return fig


def sizes(page: Page) -> None:
    """Accuracy by the number of maps, beside the paper's, and after more passes."""
    table, facts = read_table("task2/runs.csv", page.recorded)
    ours, longer = {rule: by_size(page.recorded, rule) for rule in STYLE}, {}
    page.say(
        f"Two targets among eight distractors. {len(table)} runs over {table.pair.nunique()} of {PAIRS} "
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
            f"{times(facts['parameters']['passes'])}, with more passes {times(changed['parameters']['passes'])}; S2 by "
            f"STDP had seen each {times(changed['parameters']['stdp_passes'])} before. Less the paper's, with more "
            f"passes: {from_paper(page.recorded, LONGER)}.{stale(LONGER, changed)}")
    columns = [(f"{label}{more}", found[rule]) for found, more in ((ours, ""), (longer, ", more passes")) if found
               for rule, (label, *_) in STYLE.items()]
    page.table([(size, *(found.get(size, "—") for _, found in columns), points(reward_effect(page.recorded, size)))
                for size in sorted(ours["r-stdp"])],
               ["maps of S2", *(label for label, _ in columns), "R-STDP less STDP, over pairs (points)"])
    page.show(chart(ours, longer), "Figure 4 of the paper redrawn: mean accuracy over pairs of target digits against "
              "the number of maps in S2, ours filled and the paper's hollow, R-STDP circles and STDP squares. Dotted: "
              "ours after more passes. Bars and shades: 95 % intervals over seeds.", "task2")


CLAIM = Claim(f"5. Two targets among distractors, {SIZE} maps in S2: R-STDP against STDP",
              lambda: (" against ".join(f"{100 * target:.1f} %" for target in targets()), "—", "—"), ours, RULE,
              ("task2", LONGER), (sizes,), "task2", choices)
