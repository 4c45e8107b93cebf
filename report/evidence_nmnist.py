"""What the report says about N-MNIST, computed from result files: encodings, accuracy on real recordings, simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from evidence import Estimate, Missing, Result, changes, curve, load, published, read_table, verdict
from evidence_reward import Share, share
from scripts import command

GOAL = "Iyer & Basu, N-MNIST"  #: the best figure by unsupervised STDP known to us
ENCODINGS = ("nmnist-first", "nmnist-stabilised", "nmnist-saccades")  #: experiments, one an encoding


def chosen(result: Result) -> str:
    """The variant that is best on the simulated recordings held out."""
    return max(result.variants, key=lambda variant: result.at(variant, column="validation_accuracy").mean())


def encodings(folders: Sequence[Path]) -> list[tuple]:
    """(encoding, variant, changes, passes, validation accuracy, real accuracy, chosen) of each run; `chosen` is true
    for the variant of each encoding that is best on the simulated recordings held out. Raises Missing."""
    rows = []
    for name in ENCODINGS:
        result = load(name, folders)
        held_out = {variant: Estimate.of(result.at(variant, column="validation_accuracy"))
                    for variant in result.variants}
        best = chosen(result)
        for variant in result.variants:
            told = ", ".join(f"{key} = {new}" for key, (_, new) in changes(result.config(variant)).items())
            rows.append((result.facts["dataset"].partition("/")[2], variant, told or "none",
                         int(result.part(variant).epoch.max()), held_out[variant], Estimate.of(result.at(variant)),
                         variant == best))
    return rows


def decisions(folders: Sequence[Path]) -> pd.DataFrame:
    """seed, part, number, label, decision and `right` for each real recording. Raises Missing."""
    table, _ = read_table("nmnist-decisions/decisions.csv", folders)
    return table.assign(right=table.decision == table.label)


def recordings_share(table: pd.DataFrame) -> Share:
    """The share of right decisions of the first seed alone, with the exact interval that its recordings allow."""
    one = table[table.seed == table.seed.min()]
    return share(one.right.sum(), len(one), "recordings")


def cross_validated(folders: Sequence[Path]) -> pd.DataFrame:
    """Rows (variant, seed, epoch, right, recordings): all folds of a seed together. Raises Missing."""
    table, _ = read_table("nmnist-real/folds.csv", folders)
    table["right"] = (table.test_accuracy * table.recordings).round().astype(int)
    whole = table.groupby(["variant", "seed"]).fold.transform("nunique") == table.fold.nunique()
    rows = table[whole].groupby(["variant", "seed", "epoch"], sort=False)[["right", "recordings"]].sum().reset_index()
    if rows.empty:
        raise Missing("**Missing:** a whole cross-validation in `nmnist-real/folds.csv`. Make it with "
                      f"`{command('nmnist-real')}`.")
    return rows.assign(accuracy=rows.right / rows.recordings)


def finals(rows: pd.DataFrame) -> dict[str, Estimate]:
    """{variant: accuracy after the last pass, with the interval over seeds} of `cross_validated`."""
    return {variant: Estimate.of(part[part.epoch == part.epoch.max()].accuracy)
            for variant, part in rows.groupby("variant", sort=False)}


def claims(folders: Sequence[Path]) -> list[tuple]:
    """Rows as `claims.table` has them, for what the paper does not claim: N-MNIST."""
    target, student = published(GOAL, "accuracy"), curve("student_nmnist").test_accuracy
    theirs = (f"not tested; {100 * target:.2f} % ({GOAL.partition(',')[0]})", "—",
              f"{100 * student.iloc[-1]:.2f} % ({len(student)} passes)")
    rows = []
    for label, name, anchor, measure in (
            ("7a. N-MNIST: real recordings, learned from simulated ones", "nmnist", "nmnist", lambda: Estimate.of(
                (full := load("nmnist", folders)).at(chosen(full)))),
            ("7b. N-MNIST: real recordings, cross-validated", "nmnist-real", "nmnist-real", lambda: max(
                finals(cross_validated(folders)).values(), key=lambda estimate: estimate.mean))):
        try:
            ours = measure()
        except Missing:
            rows.append((label, *theirs, f"needs `{name}`", "not tested yet", ""))
        else:
            rows.append((label, *theirs, ours, verdict(ours, target), anchor))
    return rows
