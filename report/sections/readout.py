"""A linear classifier on what S1 and S2 have learned without labels."""

from __future__ import annotations

from ..lab.page import Page
from ..lab.results import read_table, stale
from ..lab.statistics import Estimate


def classifiers(page: Page) -> None:
    rows, facts = read_table("readout/readout.csv", page.recorded)
    groups = {key: group for key, group in rows.groupby(["features", "classifier"], sort=False)}
    found = {key: Estimate.of(group.test_accuracy) for key, group in groups.items()}
    features, classifier = max(found, key=lambda key: found[key].mean)
    page.say(f"The best readout is {classifier} on {features}: {found[features, classifier]}.{stale('readout', facts)}")
    page.table([(*key, found[key], f"{group.seconds.mean():.0f}") for key, group in groups.items()],
               ["features", "classifier", "test accuracy", "seconds"])


PARTS = (classifiers,)
