"""Which seed decides: that of S1's and S2's first weights, or that of S3's."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ..lab import registry
from ..lab.accuracy import long_runs
from ..lab.page import Page
from ..lab.results import Missing, read_table, stale
from ..lab.statistics import components, percent


def crossed(page: Page) -> None:
    """Every seed below with every seed above, and how much of the scatter comes from which."""
    rows, facts = read_table("crossed/crossed.csv", page.recorded)
    last = int(rows.epoch.max())
    table = rows[rows.epoch == last].pivot(index="features_seed", columns="s3_seed", values="test_accuracy")
    page.say(f"Test accuracy after {last} passes, S1 and S2 from one seed (rows) and S3 from another (columns), "
             f"{facts['train']:,} training images. On the diagonal are the ordinary runs."
             + stale("crossed", facts))
    page.table([(f"**{seed}**", *("—" if np.isnan(value) else percent(value) for value in values),
                 percent(values.mean())) for seed, values in table.iterrows()],
               ["S1 and S2 \\ S3", *map(str, table.columns), "mean"])
    planned = registry.results()["crossed"].runs
    if table.isna().any(axis=None) or min(table.shape) < 2:
        raise Missing("crossed", f"{planned - int(table.notna().sum().sum())} of {planned} runs of `crossed`")
    found = components(table)
    said = "; ".join(f"{what} **{100 * value:.2f}** points ({100 * low:.2f} to {100 * high:.2f})"
                     for what, value, (low, high) in zip(
                         ("the seed of S1 and S2", "the seed of S3", "both together and all else"),
                         (found.rows, found.columns, found.rest), found.intervals))
    page.say(f"Standard deviation that comes from {said}. Two-way analysis of variance without interaction; intervals "
             f"from a bootstrap over both kinds of seeds, which {min(table.shape)} of each make coarse.")
    tested = [f"{what} {'does' if p < 0.05 else 'is not seen to'} (F({freedom}, {found.freedom[2]}) = {f:.1f}, "
              f"p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})" for what, (f, p), freedom in zip(
                  ("that of S1 and S2", "that of S3's first weights"), found.tests, found.freedom)]
    page.say(f"Does a seed matter at all? By F tests, which the protocol did not plan: {'; '.join(tested)}.")
    page.say(early(page, last))


def early(page: Page, passes: int) -> str:
    """Whether the accuracy after so many passes foretells that of the long runs. Raises Missing."""
    result, chosen = long_runs(page.recorded, "paper", "spyketorch")
    first, final = result.at(chosen, passes), result.at(chosen)
    if len(final) < 4:  # fewer have no interval
        return f"Whether pass {passes} foretells pass {result.passes(chosen)}, {len(final)} long runs cannot tell."
    r = stats.pearsonr(first, final)
    low, high = r.confidence_interval(0.95)
    return (f"Over the {len(final)} long runs of `{chosen}` the accuracy after pass {passes} and after pass "
            f"{result.passes(chosen)} correlate with r = {r.statistic:.2f} ({low:.2f} to {high:.2f})".replace("-", "−")
            + ("; early passes foretell the end." if low > 0 else "; what holds early need not hold at the end."))


PARTS = (crossed,)
