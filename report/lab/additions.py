"""What claims 3a and 3b share: an addition that does not help, beside the same model without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import figures
from .claim import Choice, Claim, Found, Mark
from .page import Page
from .results import Result, lacking, load, load_joined, unmade
from .statistics import (
    COLLAPSED,
    ENOUGH,
    NOT,
    REPRODUCED,
    TOLERANCE,
    UNDECIDED,
    Estimate,
    collapsed,
    dunnett,
    percent,
    points,
)

BASE, FULL = "s3-rule", "-full"  #: the model without an addition, and what ends the name of a run with all images
RULE = f"""Every way that was tried is compared with the same model without the addition, by simultaneous 95 % intervals
(pooled variance, Dunnett's correction). **Reproduced**: no way helps by more than {100 * TOLERANCE:g} point, the upper
ends of all intervals. **Not**: one helps, its lower end lies above zero. **Undecided**: neither, or fewer than
{ENOUGH} seeds. A way with a run below {100 * COLLAPSED:g} % of the mean without the addition has collapsed: its runs
are shown one by one, and it takes no part in the pooled variance."""


def no_figure() -> tuple[str, str, str]:
    """The paper says so without a figure, and nobody else has tried."""
    return "no figure", "—", "—"


def whole(folders: Sequence[Path], name: str) -> bool:
    """Whether all runs of the experiment `name` with all images are there, and those without the addition."""
    return not any(lacking(each + FULL, folders) for each in (BASE, name))


def tried(folders: Sequence[Path], name: str, full: bool) -> tuple[
        np.ndarray, Result, dict[str, np.ndarray], dict[str, Estimate]]:
    """Of the experiment `name`, with all images or 10,000: final accuracies without the addition, the experiment, its
    accuracies by variant, and the differences of those variants that have not collapsed. Raises Missing."""
    end = FULL if full else ""
    base, result = load_joined(BASE + end, folders).at("r-stdp"), load(name + end, folders)
    every = {variant: result.at(variant) for variant in result.variants}
    return base, result, every, dunnett(
        {variant: values for variant, values in every.items() if not collapsed(values, base)}, base)


def judged(folders: Sequence[Path], name: str) -> Found:
    """`judged_on` the experiment `name` with all images where it is whole, else with 10,000. Raises Missing."""
    return judged_on(*tried(folders, name, whole(folders, name)))


def judged_on(base: np.ndarray, result: Result, every: dict[str, np.ndarray], apart: dict[str, Estimate]) -> Found:
    """The best variant against R-STDP in S3 alone, and the verdict on all, from what `tried` gives."""
    size = f"; {result.images:,} training images"
    if not apart:
        return Found(f"all of {len(every)} ways collapse, from {Estimate.of(base)}{size}", REPRODUCED)
    best = max(apart, key=lambda variant: apart[variant].mean)
    return Found(f"the best of {len(every)}, `{best}`: {points(apart[best])} points, from {Estimate.of(base)}{size}, "
                 f"{result.passes(best)} passes",
                 verdict(apart), tuple(Mark(f"`{variant}`", one, float("-inf"), TOLERANCE)
                                       for variant, one in apart.items()))


def verdict(apart: dict[str, Estimate]) -> str:
    """On the claim that something does not help, by RULE."""
    if any(one.half is None or one.n < ENOUGH for one in apart.values()):
        return UNDECIDED
    if all(one.high <= TOLERANCE for one in apart.values()):
        return REPRODUCED
    return NOT if any(one.low > 0 for one in apart.values()) else UNDECIDED


def choices(folders: Sequence[Path], name: str) -> list[Choice]:
    """Each variant as if it were the only one that was tried, and all of them with fewer images. Raises Missing."""
    full, found = whole(folders, name), []
    base, _, every, _ = tried(folders, name, full)
    for variant, values in every.items():
        if collapsed(values, base):
            found.append(Choice(f"`{variant}` alone", "runs collapse", REPRODUCED))
        else:
            one = dunnett({variant: values}, base)
            found.append(Choice(f"`{variant}` alone", f"{points(one[variant])} points", verdict(one)))
    if full:
        fewer = judged_on(*tried(folders, name, False))
        found.append(Choice("10,000 training images", fewer.told, fewer.verdict))
    return found


def variants(page: Page, name: str) -> None:
    """All variants of the experiment `name`, in a table and a figure."""
    full = whole(page.recorded, name)
    base, result, every, apart = tried(page.recorded, name, full)
    if not full:
        planned = [each + FULL for each in (BASE, name)]
        page.say(f"With {result.images:,} training images. Of the same with all images (`{'`, `'.join(planned)}`) "
                 f"{unmade(page.recorded, *planned)}.")
    page.table([(f"`{variant}`", Estimate.of(values) if variant in apart else "collapsed", points(apart[variant])
                 if variant in apart else "—", ", ".join(percent(value) for value in values))
                for variant, values in every.items()],
               [f"`{result.name}`", "test accuracy", f"difference from `{BASE + FULL if full else BASE}` (points)",
                "run by run"])
    page.show(figures.estimates(apart), f"Effect of the variants of {result.name} on the test accuracy, with "
              "simultaneous 95 % intervals (Dunnett). Variants whose runs collapse are in the table alone.", name)


def claim(label: str, name: str) -> Claim:
    """The claim that the addition of the experiment `name` does not help."""
    return Claim(label, no_figure, lambda folders: judged(folders, name), RULE,
                 (name, BASE, name + FULL, BASE + FULL), (lambda page: variants(page, name),), name,
                 lambda folders: choices(folders, name))
