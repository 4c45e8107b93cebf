"""Claim 7b, beyond the paper: N-MNIST's real recordings, told apart by networks that learned from other real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..lab.claim import EXTENSION, Claim, Found
from ..lab.figures import nmnist_curves
from ..lab.page import Page
from ..lab.published import BEYOND, curve, on_nmnist
from ..lab.results import Missing, read_table
from ..lab.statistics import Estimate, over_recordings, percent


def cross_validated(folders: Sequence[Path]) -> pd.DataFrame:
    """Rows (variant, seed, epoch, right, recordings, accuracy): all folds of a seed together. Raises Missing."""
    table, _ = read_table("nmnist-real/folds.csv", folders)
    table["right"] = (table.test_accuracy * table.recordings).round().astype(int)
    whole = table.groupby(["variant", "seed"]).fold.transform("nunique") == table.fold.nunique()
    rows = table[whole].groupby(["variant", "seed", "epoch"], sort=False)[["right", "recordings"]].sum().reset_index()
    if rows.empty:
        raise Missing("nmnist-real", "a whole cross-validation in `nmnist-real/folds.csv`")
    return rows.assign(accuracy=rows.right / rows.recordings)


def finals(rows: pd.DataFrame) -> dict[str, Estimate]:
    """{variant: accuracy after the last pass, with the interval over seeds} of `cross_validated`."""
    return {variant: Estimate.of(part[part.epoch == part.epoch.max()].accuracy)
            for variant, part in rows.groupby("variant", sort=False)}


def best(rows: pd.DataFrame) -> str:
    """The variant with the highest final accuracy, on the folds on which it is reported."""
    found = finals(rows)
    return max(found, key=lambda variant: found[variant].mean)


def ours(folders: Sequence[Path]) -> Found:
    """The best variant, with an interval over seeds and recordings. Raises Missing."""
    rows = cross_validated(folders)
    variant = best(rows)
    found = over_recordings(finals(rows)[variant], int(rows.recordings.max()))
    return Found(f"{found}, `{variant}`, the best of {rows.variant.nunique()} on the same folds", EXTENSION)


def tuning(rows: pd.DataFrame) -> str:
    """What learning from real recordings does to a network that has learned from simulated ones, in words."""
    part = rows[rows.variant == "fine-tuned"].groupby("epoch").accuracy.mean()
    if 0 not in part:
        return ""
    first, last = part[0], part.iloc[-1]
    word = "loses" if last < first else "gains"
    return (f" Fine-tuning **{word}** {100 * abs(last - first):.2f} points: before it has seen any real recording of "
            f"these folds the network is right on {percent(first)}, after {part.index[-1]} passes over them on "
            f"{percent(last)}.")


def folds(page: Page) -> None:
    """Every variant, in a table and over passes."""
    rows = cross_validated(page.recorded)
    found, n = finals(rows), int(rows.recordings.max())
    page.say(
        f"{n:,} real recordings in folds, each tested by a network that learned from the others. `all-real`: every "
        "layer learns from real recordings alone; `s3-real`: S1 and S2 have learned from simulated recordings of other "
        f"images; `fine-tuned`: S3 too, and goes on. `{best(rows)}` was chosen as the best of {len(found)} on the very "
        f"folds on which it is reported, so its figure flatters.{tuning(rows)}")
    page.table([(f"`{variant}`", estimate, over_recordings(estimate, n)) for variant, estimate in found.items()],
               ["variant", "accuracy, interval over seeds alone", "over seeds and recordings"])
    page.show(nmnist_curves({variant: rows[(rows.variant == variant) & (rows.epoch > 0)] for variant in found},
                            curve("student_nmnist")),
              f"Cross-validated accuracy on {n:,} real recordings over passes of S3, thin lines are seeds. Dashed: the "
              "student replication, which learned from all 60,000.", "nmnist-real")


CLAIM = Claim("7b. N-MNIST: real recordings, cross-validated", on_nmnist, ours, BEYOND, ("nmnist-real",), (folds,),
              "nmnist-real", extension=True)
