"""What claims 3a and 3b share: an addition that does not help, beside the same model without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import figures
from .claim import Choice, Found, Mark
from .page import Page
from .results import load, load_joined
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

RULE = f"""Every way that was tried is compared with the same model without the addition, by simultaneous 95 % intervals
(pooled variance, Dunnett's correction). **Reproduced**: no way helps by more than {100 * TOLERANCE:g} point, the upper
ends of all intervals. **Not**: one helps, its lower end lies above zero. **Undecided**: neither, or fewer than
{ENOUGH} seeds. A way with a run below {100 * COLLAPSED:g} % of the mean without the addition has collapsed: its runs
are shown one by one, and it takes no part in the pooled variance."""


def no_figure() -> tuple[str, str, str]:
    """The paper says so without a figure, and nobody else has tried."""
    return "no figure", "—", "—"


def tried(folders: Sequence[Path], name: str) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, Estimate]]:
    """Final accuracies without the addition, with each variant of the experiment `name`, and the differences of those
    variants that have not collapsed. Raises Missing."""
    base, result = load_joined("s3-rule", folders).at("r-stdp"), load(name, folders)
    every = {variant: result.at(variant) for variant in result.variants}
    return base, every, dunnett({variant: values for variant, values in every.items() if not collapsed(values, base)},
                                base)


def judged(folders: Sequence[Path], name: str) -> Found:
    """The best variant of the experiment `name` against R-STDP in S3 alone, and the verdict on all. Raises Missing."""
    base, every, apart = tried(folders, name)
    result = load(name, folders)
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
    """Each variant as if it were the only one that was tried. Raises Missing."""
    base, every, _ = tried(folders, name)
    found = []
    for variant, values in every.items():
        if collapsed(values, base):
            found.append(Choice(f"`{variant}` alone", "runs collapse", REPRODUCED))
        else:
            one = dunnett({variant: values}, base)
            found.append(Choice(f"`{variant}` alone", f"{points(one[variant])} points", verdict(one)))
    return found


def variants(page: Page, name: str) -> None:
    """All variants of the experiment `name`, in a table and a figure."""
    base, every, apart = tried(page.recorded, name)
    page.table([(f"`{variant}`", Estimate.of(values) if variant in apart else "collapsed", points(apart[variant])
                 if variant in apart else "—", ", ".join(percent(value) for value in values))
                for variant, values in every.items()],
               [f"`{name}`", "test accuracy", "difference from `s3-rule` (points)", "run by run"])
    page.show(figures.estimates(apart), f"Effect of the variants of {name} on the test accuracy, with simultaneous "
              "95 % intervals (Dunnett). Variants whose runs collapse are in the table alone.", name)
