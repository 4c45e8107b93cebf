"""What the paper leaves open in task 2, each choice the other way round."""

from __future__ import annotations

from ..lab.figures import STYLE
from ..lab.page import Page
from ..lab.results import read_table


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


PARTS = (both_ways,)
