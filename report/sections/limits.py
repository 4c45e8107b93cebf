"""What could have been seen, and what it cost: power, and hours by result."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ..claims import source
from ..lab import chapters, registry
from ..lab.page import Page
from ..lab.results import Missing, cost, load, load_joined
from ..lab.statistics import TOLERANCE, percent


def power(page: Page) -> None:
    """How far apart means may lie to be told apart, or to count as the same, by the seeds that there are."""
    found = load_joined("paper", page.recorded)
    variant = "spyketorch" if "spyketorch" in found.variants else found.variants[0]
    values = found.at(variant)
    if len(values) < 2:
        raise Missing("best", f"a second long run of `{variant}`")
    spread, rows = values.std(ddof=1), []
    for n in sorted({3, 4, 8, 12, 20, len(values)}):
        half = stats.t.ppf(0.95, n - 1) * spread / np.sqrt(n)
        rows.append((f"**{n}**, as here" if n == len(values) else n, f"± {100 * half:.2f}",
                     f"{100 * (TOLERANCE - half):.2f}" if half < TOLERANCE else "none",
                     f"± {100 * stats.t.ppf(0.975, n - 1) * spread * np.sqrt(1 + 1 / n):.2f}"))
    page.say(f"Long runs of `{variant}` scatter with a standard deviation of {100 * spread:.2f} points over "
             f"{len(values)} seeds. If that is the true one, so many seeds would give (points):")
    page.table(rows, ["seeds", "90 % interval of the mean", f"largest difference that still counts as within "
                      f"{100 * TOLERANCE:g} point", "one further run"])
    halves = {}
    for name, base in (("deviations", "spyketorch"), ("student", "exact")):
        if name in page.kept and base in page.kept[name].variants:
            every = page.kept[name].effects(base, [one for one in page.kept[name].variants if one != base])
            halves[name] = np.median([one.half for one in every.values() if one.half is not None])
    if halves:
        page.say("In the ablations an effect has to be larger than this to be told from zero, all comparisons of a "
                 "table together (median over variants): "
                 + "; ".join(f"`{name}` {percent(half, 1)[:-2]} points" for name, half in halves.items()) + ".")


def costs(page: Page) -> None:
    """Hours of every result, and of the chapters and this page."""
    names = [*page.kept, *(name for name in registry.results() if name not in page.kept)]
    hours = {name: cost(name, page.recorded) for name in names}
    page.table([(source(page, name).partition(";")[0], f"{hours[name]:.2f}" if hours[name] else "not recorded")
                for name in sorted(names)], ["result", "hours on one core"])
    known = [each for each in hours.values() if each]
    page.say(f"{sum(known):.1f} hours in all, for {len(known)} of {len(names)} results; of the others the time is not "
             "recorded. Runs share the cores.")
    try:
        every = chapters.ran(page.output)
    except Missing:
        return
    page.say(f"The chapters took {sum(one.seconds or 0 for one in every):.0f} seconds.")


def runs(page: Page) -> None:
    """How many runs stand behind the page."""
    page.say(f"{sum(len(load(name, page.recorded).facts['runs']) for name in page.kept)} recorded runs of "
             f"{len(page.kept)} experiments.")


PARTS = (costs, runs)
