"""What claims 3a and 3b share: an addition that does not help, beside the same model without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import figures
from .page import Page
from .results import load, load_joined
from .statistics import ENOUGH, TOLERANCE, Estimate, difference, points


def no_figure() -> tuple[str, str, str]:
    """The paper says so without a figure, and nobody else has tried."""
    return "no figure", "—", "—"


def judged(folders: Sequence[Path], name: str) -> tuple[str, str]:
    """The best variant of the experiment `name` against R-STDP in S3 alone, and the verdict. Raises Missing."""
    base, result = load_joined("s3-rule", folders).at("r-stdp"), load(name, folders)
    tried = {variant: result.at(variant) for variant in result.variants}
    best = max(tried, key=lambda variant: tried[variant].mean())
    apart = difference(tried[best], base)
    return (f"the best of {len(tried)}, `{best}`: {points(apart)} points, from {Estimate.of(base)}", verdict(apart))


def verdict(apart: Estimate) -> str:
    """On the claim that something does not help. Reproduced: the whole interval lies at or below TOLERANCE. Not: it
    lies above zero. Partly: neither."""
    if apart.half is None or apart.n < ENOUGH:
        return "partly" if apart.mean <= TOLERANCE else "not"
    if apart.high <= TOLERANCE:
        return "reproduced"
    return "not" if apart.low > 0 else "partly"


def variants(page: Page, name: str) -> None:
    """All variants of the experiment `name`, in a table and a figure."""
    result, base = load(name, page.recorded), load("s3-rule", page.recorded).at("r-stdp")
    tried = {variant: difference(result.at(variant), base) for variant in result.variants}
    page.table([(f"`{variant}`", Estimate.of(result.at(variant)), points(apart)) for variant, apart in tried.items()],
               [f"`{name}`", "test accuracy", "difference from `s3-rule` (points)"])
    page.show(figures.estimates(tried), f"Effect of the variants of {name} on the test accuracy with 95 % intervals.",
              name)
