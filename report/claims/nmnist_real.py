"""Claim 7b, beyond the paper: N-MNIST's real recordings, told apart by networks that learned from other real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..lab.figures import nmnist_curves
from ..lab.page import Page
from ..lab.published import GOAL, curve, on_nmnist, published
from ..lab.results import Missing, read_table
from ..lab.statistics import Estimate, share, verdict
from . import Claim


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


def ours(folders: Sequence[Path]) -> tuple[Estimate, str]:
    best = max(finals(cross_validated(folders)).values(), key=lambda estimate: estimate.mean)
    return best, verdict(best, published(GOAL, "accuracy"))


def folds(page: Page) -> None:
    """Every variant, in a table and over passes."""
    rows = cross_validated(page.recorded)
    found, n = finals(rows), int(rows.recordings.max())
    page.say(
        f"### Learned from real recordings\n\n{n:,} real recordings in folds, each tested by a network that learned "
        "from the others. `all-real`: every layer learns from real recordings alone; `s3-real`: S1 and S2 have learned "
        "from simulated recordings of other images; `fine-tuned`: S3 too, and goes on.")
    page.table([(f"`{variant}`", estimate, share(round(estimate.mean * n), n, "recordings"))
                for variant, estimate in found.items()],
               ["variant", "accuracy, interval over seeds", "mean, interval for the number of recordings"])
    page.show(nmnist_curves({variant: rows[(rows.variant == variant) & (rows.epoch > 0)] for variant in found},
                            published(GOAL, "accuracy"), curve("student_nmnist")),
              f"Cross-validated accuracy on {n:,} real recordings over passes of S3, thin lines are seeds.",
              "nmnist-real")


CLAIM = Claim("7b. N-MNIST: real recordings, cross-validated", on_nmnist, ours, "n-mnist", (folds,), "nmnist-real")
