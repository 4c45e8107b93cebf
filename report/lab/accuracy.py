"""What claims 1a to 1c share: the distribution of the final accuracy on all of MNIST, beside the paper's one figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .claim import Choice, Found, Mark
from .page import Page
from .published import PAPER, published
from .results import Missing, Result, load, load_joined
from .statistics import TOLERANCE, Estimate, percent, reaching, verdict


def long_runs(folders: Sequence[Path], name: str, variant: str | None = None) -> tuple[Result, str]:
    """The runs of a variant, by default the first, with those that other experiments made of it. Raises Missing."""
    result = load_joined(name, folders)
    return result, variant or result.variants[0]


def final(folders: Sequence[Path], name: str, variant: str | None = None) -> Estimate:
    """Final test accuracy of `long_runs`. Raises Missing."""
    result, chosen = long_runs(folders, name, variant)
    return Estimate.of(result.at(chosen))


def judged(folders: Sequence[Path], name: str, variant: str | None = None) -> Found:
    """`final` and the verdict against the paper's figure. Raises Missing."""
    ours, target = final(folders, name, variant), published(PAPER, "accuracy")
    return Found(ours, verdict(ours, target), (Mark.near("", ours, target, TOLERANCE),))


def choices(folders: Sequence[Path], name: str, variant: str | None = None) -> list[Choice]:
    """Which network is reported: the paper does not say whether its figure is the last or the best. Raises Missing."""
    result, chosen = long_runs(folders, name, variant)
    found = Estimate.of(result.best(chosen))
    return [Choice("the best of all passes, chosen on the test set, instead of the last", found,
                   verdict(found, published(PAPER, "accuracy")))]


def ending(page: Page, variant: str) -> None:
    """How the long runs of a variant end, and how probable the paper's figure is under them."""
    paper, chosen = long_runs(page.recorded, "paper", variant)
    target, rows = published(PAPER, "accuracy"), paper.part(chosen)
    page.say(f"Recorded runs of the configuration `{variant}` with {paper.passes(variant)} passes: "
             f"{rows.seed.nunique()}, seeds {', '.join(map(str, sorted(rows.seed.unique())))}. The best pass is "
             "best on the *test* set and is named only to compare with others. S3's training with its tests took "
             f"{s3_hours(page.recorded, variant):.1f} hours a run on one core.")
    page.table([(what, *distribution(values, target)) for what, values in (
        ("last pass", paper.at(variant)), ("best pass", paper.best(variant)))],
        ["accuracy at the", "mean and 95 % interval", "one further run (95 %)", f"the paper's {percent(target, 1)}",
         f"probability of {percent(target, 1)} or more", "its 95 % interval", "runs that reach it"])
    page.say("The probability is Student's t, under the normal model with unknown mean and spread; its interval comes "
             "from the non-central t. The share of runs beside it has the exact interval of Clopper and Pearson, which "
             "assumes no shape.")
    page.say("Run by run, at the last pass: " + ", ".join(
        f"seed {seed} {percent(value)}" for seed, value in zip(sorted(rows.seed.unique()), paper.at(variant))) + ".")


def distribution(values: np.ndarray, target: float) -> tuple:
    """Cells: mean, where one more run falls, whether the target lies there, its probability, interval, and count."""
    found, chance = Estimate.of(values), reaching(values, target)
    spread = found.one_more()
    inside = "—" if spread is None else "inside" if found.holds(target) else "outside"
    where = "—" if spread is None else f"{percent(found.mean - spread)} to {percent(found.mean + spread)}"
    if chance is None:
        return found, where, inside, "—", "—", f"{int((values >= target).sum())} of {len(values)}"
    return (found, where, inside, percent(chance.point, 3), f"{percent(chance.low, 4)} to {percent(chance.high, 1)}",
            chance.counted)


def s3_hours(folders: Sequence[Path], variant: str = "spyketorch") -> float:
    """Mean hours that S3's passes with their tests took, over all long runs of a variant. Raises Missing."""
    rows = load_joined("paper", folders).part(variant)
    return float(rows.groupby("seed").seconds.sum().mean() / 3600)


def same_runs(folders: Sequence[Path]) -> bool:
    """Whether the configuration that the search chose is SpykeTorch's, so that 1b and 1c are the same runs."""
    try:
        best, paper = load("best", folders), load("paper", folders)
        return best.config(best.variants[0]) == paper.config("spyketorch")
    except (Missing, KeyError, ValueError):
        return False
