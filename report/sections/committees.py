"""A committee of S3 that learned from rewards alone, an idea of ours: what it reaches, and its members alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..lab import registry
from ..lab.page import Page
from ..lab.results import read_table, stale
from ..lab.statistics import Estimate, percent, points
from .second_tries import goal


def judged(found: Estimate) -> str:
    """What the seeds that there are say of the goal."""
    return goal(found, found.n, len(registry.results()["committee"].seeds))


def in_short(folders: Sequence[Path]) -> str:
    """One paragraph."""
    rows, facts = read_table("committee/committee.csv", folders)
    whole = rows[rows.members == facts["members"]]
    found, alone = Estimate.of(whole.test_accuracy), rows[rows.members == 1].test_accuracy
    return (f"**More than one S3, an idea of ours.** A committee of {facts['members']} S3, which learn from rewards "
            f"alone, with second tries and from shifted images, and add up their potentials, reaches {found}; one "
            f"member by itself {Estimate.of(alone)}. {judged(found)}.")


def members(page: Page) -> None:
    """Accuracy by number of members, and whether the goal is reached."""
    rows, facts = read_table("committee/committee.csv", page.recorded)
    by = {number: part.set_index("seed") for number, part in rows.groupby("members")}
    found = Estimate.of(by[facts["members"]].test_accuracy)
    page.say(f"{facts['members']} members, each after {facts['passes']} passes over {facts['train']:,} training images "
             f"that are shown nine times, shifted by at most a pixel: **{found}** of the test images are right."
             + stale("committee", facts))
    page.table([(number, Estimate.of(part.test_accuracy), Estimate.of(part.alone), Estimate.of(part.train_accuracy),
                 percent(part.silent.mean())) for number, part in by.items()],
               ["members", "together", "the last of them alone", "its training images, while learning", "silent"])
    gain = Estimate.of(by[facts["members"]].test_accuracy - by[1].test_accuracy)
    page.say(f"Together they read {points(gain)} points more than the first of them alone, seed by seed: what adding "
             "up contributes. Second tries, slow weights and shifts were not run one by one within a committee. No "
             f"label reaches a synapse, and a member knows no other. {judged(found)}. {page.source('committee')}.")


PARTS = (members,)
