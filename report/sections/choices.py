"""What the paper leaves open in task 2, each choice the other way round."""

from __future__ import annotations

import pandas as pd

from ..claims.two_targets import figure4
from ..lab.figures import STYLE
from ..lab.page import Page
from ..lab.results import Missing, read_table, stale
from ..lab.statistics import Estimate
from ..studies.task2.leads import CONFIRMED, DEFAULT, LEADS


def both_ways(page: Page) -> None:
    """Accuracy by rule and size, and the share of images without an answer, of every choice."""
    table, _ = read_table("task2-choices/runs.csv", page.recorded)
    accuracy, silent = (table.pivot_table(index="choice", columns=["rule", "size"], values=column, sort=False)
                        for column in ("accuracy", "silent"))
    page.say("What the paper leaves open in task 2, each choice the other way round: mean accuracy over a few pairs "
             "(%), over the first 100 test images of each target as in the paper and in the figure of claim 5, and the "
             "share of test images of the targets that stay without an answer, over all sizes. `passes`, `N` and the "
             "other names are those of `report.studies.task2.model.Task`.")
    page.table([(f"`{name}`", *(f"{100 * value:.1f}" for value in row),
                 *(f"{100 * silent.loc[name, rule].mean():.1f}" for rule in STYLE))
                for name, row in accuracy.iterrows()],
               ["choice", *(f"{STYLE[rule][0]}, {int(size)} maps" for rule, size in accuracy.columns),
                *(f"silent, {label}" for label, *_ in STYLE.values())])


def apart(rows: pd.DataFrame, column: str = "accuracy") -> pd.DataFrame:
    """How far our mean accuracies lie from the paper's, in points: index (lead, seed), columns (rule, size)."""
    table = 100 * rows.pivot_table(index=["lead", "seed"], columns=["rule", "size"], values=column, sort=False)
    return table - [100 * figure4(rule)[size] for rule, size in table.columns]


def distances(rows: pd.DataFrame, column: str = "accuracy") -> pd.Series:
    """The mean over rules and sizes of how far they lie from the paper's, in points: index (lead, seed)."""
    return apart(rows, column).abs().mean(axis=1)


def leads(page: Page) -> None:
    """Which choices bring both curves nearest to the paper's, alone and together."""
    rows, facts = read_table("task2-leads/leads.csv", page.recorded)
    whole = rows.groupby("lead")["size"].nunique() == len(figure4("r-stdp"))
    rows, first = rows[rows.lead.map(whole)], int(rows.seed.min())
    differences, far = apart(rows), distances(rows)
    alone = [name for name in LEADS if (name, first) in far.index]
    together = [name for name, seed in far.index if seed == first and name not in LEADS]
    page.say(
        "Leads on the distance between our curves and the paper's figure 4, by what the [protocol](PROTOCOL.md) said "
        f"before: all pairs and sizes, {facts['parameters']['passes']} passes, seed {first}. *Distance*: the mean over "
        "sizes and both rules of how far our mean accuracy over the pairs lies from the paper's, in points. The other "
        "columns are means over the sizes, ours less the paper's, with the lowest and the highest."
        + stale("task2-leads", facts))
    shown = [*alone, *sorted(together, key=lambda name: far[name, first], reverse=True)]
    page.table([(f"`{name}`", f"{far[name, first]:.1f}",
                 *(told(differences.loc[(name, first), rule]) for rule in STYLE)) for name in shown],
               ["lead", "distance", *(f"{label}, ours less the paper's" for label, *_ in STYLE.values())])
    if len(alone) < len(LEADS):
        raise Missing("task2-leads", f"{len(LEADS) - len(alone)} of {len(LEADS)} leads alone")
    page.say(nearest(rows, first))


def told(values: pd.Series) -> str:
    """Mean, lowest and highest of differences in points."""
    return f"{values.mean():+.1f} ({values.min():+.1f} to {values.max():+.1f})".replace("-", "−")


def nearest(rows: pd.DataFrame, first: int) -> str:
    """What lies nearest to the paper's curves, from the seeds that did not choose it. Raises Missing."""
    more = rows[rows.seed != first]
    chosen = CONFIRMED[-1]
    if chosen == DEFAULT or more.empty or set(CONFIRMED) - set(more.lead):
        raise Missing("task2-leads", "the further seeds of what lies nearest")
    said = []
    for name in (DEFAULT, chosen):
        mine, differences = more[more.lead == name], apart(more[more.lead == name])
        far, all_images = (Estimate.of(distances(mine, column)) for column in ("accuracy", "accuracy_all"))
        rules = "; ".join(f"{label} {told(differences[rule].mean())}" for rule, (label, *_) in STYLE.items())
        said.append(f"`{name}` {far.mean:.1f} ± {far.half:.1f} points ({far.n} seeds; {all_images.mean:.1f} on all "
                    f"test images; {rules})")
    return ("Nearest with that seed, run again with others, which did not choose it: "
            f"{said[1]}; for comparison {said[0]}. This tells what the paper may have done, not what it did; claim 5 "
            "is judged with the default.")


PARTS = (both_ways, leads)
