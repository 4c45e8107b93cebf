"""Claim 7a, beyond the paper: N-MNIST's real recordings, told apart by a network that learned from simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from rstdp.show import figures

from ..lab.claim import EXTENSION, Claim, Found
from ..lab.figures import nmnist_curves
from ..lab.page import Page
from ..lab.published import BEYOND, curve, nmnist_figures, on_nmnist
from ..lab.results import load, read_table
from ..lab.statistics import Estimate, Share, over_recordings, points, share


def ours(folders: Sequence[Path]) -> Found:
    """Interval over seeds and recordings. Raises Missing."""
    result = load("nmnist", folders)
    return Found(over_recordings(Estimate.of(result.at(result.chosen())), recordings(folders)), EXTENSION)


def recordings(folders: Sequence[Path]) -> int:
    """How many real recordings each seed is tested on. Raises Missing."""
    table, _ = read_table("nmnist-decisions/decisions.csv", folders)
    return int(table.groupby("seed").size().min())


def recordings_share(table: pd.DataFrame) -> Share:
    """The share of right decisions of the first seed alone, with the exact interval that its recordings allow."""
    one = table[table.seed == table.seed.min()]
    return share(one.right.sum(), len(one), "recordings")


def accuracy(page: Page) -> None:
    """On simulated recordings held out and on real ones, over passes."""
    result = load("nmnist", page.recorded)
    best = result.chosen()
    real = over_recordings(Estimate.of(result.at(best)), recordings(page.recorded))
    held_out = Estimate.of(result.at(best, column="validation_accuracy"))
    page.say(
        f"After {result.passes(best)} passes the network "
        f"is right on **{real}** of the real recordings and on {held_out} of simulated ones held out: the simulator's "
        f"difference from the camera costs {points(held_out.mean - real.mean)} points. This is the variant `{best}`, "
        f"the best of {len(result.variants)} on those held out. The interval on the real ones counts the chance of "
        f"{recordings(page.recorded)} recordings besides that of the seeds, which alone would be ± "
        f"{100 * (Estimate.of(result.at(best)).half or 0):.2f} points. Others on N-MNIST, all of it: "
        f"{nmnist_figures()}.")
    rows = result.part(best)
    lines = {label: rows.assign(accuracy=rows[column]) for label, column in (
        ("simulated recordings, held out", "validation_accuracy"), ("real recordings", "test_accuracy"))}
    page.show(nmnist_curves(lines, curve("student_nmnist")),
              "Accuracy over passes after learning from simulated recordings: thick the mean of "
              f"{len(rows.seed.unique())} seeds, thin each seed. Dashed: the student replication, which learned from "
              "all 60,000 real recordings.", "nmnist")


def decisions(page: Page) -> None:
    """Which recordings are taken for what."""
    table, _ = read_table("nmnist-decisions/decisions.csv", page.recorded)
    table["right"] = table.decision == table.label
    shares = {name: recordings_share(part) for name, part in [("all", table), *table.groupby("part")]}
    wrong = table[~table.right]
    errors = pd.Series([f"{a} taken for {b}" if b >= 0 else f"{a} silent"
                        for a, b in zip(wrong.label, wrong.decision)]).value_counts()
    page.say("By part, with the interval that the number of recordings allows (first seed): "
             + "; ".join(f"{name}: {one}" for name, one in shares.items())
             + f". The most frequent errors over {table.seed.nunique()} seeds: "
             + ", ".join(f"{name} ({count})" for name, count in errors.head(4).items()) + ".")
    one = table[table.seed == table.seed.min()]
    page.show(figures.confusion(torch.tensor(one.label.to_numpy()), torch.tensor(one.decision.to_numpy())),
              f"Confusion matrix on {len(one)} real recordings of the network with seed {one.seed.iloc[0]}, which "
              f"learned from simulated ones only: {int(one.right.sum())} decisions lie on the diagonal.")


CLAIM = Claim("7a. N-MNIST: real recordings, learned from simulated ones", on_nmnist, ours, BEYOND,
              ("nmnist", "nmnist-decisions"), (accuracy, decisions), "nmnist", extension=True)
