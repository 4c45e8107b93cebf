"""Means with intervals, differences, shares, and the rule of the verdicts. Accuracies are shares of 1. No files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

TOLERANCE = 0.01  #: one percentage point
ENOUGH = 3  #: seeds that an interval needs before a verdict rests on it

RULE = f"""**Reproduced**: at least {ENOUGH} seeds, their mean lies at most {100 * TOLERANCE:g} percentage point below
the paper's figure, and the upper end of the 95 % interval reaches it. **Partly**: the mean (or the one seed) lies at
most {100 * TOLERANCE:g} point below. **Not**: it lies further below. **Not tested yet**: there is no result."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` runs with the half-width of its 95 % interval (None for one run)."""

    mean: float
    half: float | None
    n: int

    @classmethod
    def of(cls, values) -> Estimate:
        """Student's t over independent values, for example one a seed."""
        values = np.asarray(values, dtype=float)
        if len(values) < 2:
            return cls(float(values.mean()), None, len(values))
        half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        return cls(float(values.mean()), float(half), len(values))

    @property
    def low(self) -> float:
        return self.mean - (self.half or 0)

    @property
    def high(self) -> float:
        return self.mean + (self.half or 0)

    @property
    def excludes_zero(self) -> bool:
        return self.half is not None and abs(self.mean) > self.half

    def one_more(self) -> float | None:
        """Half-width of the interval that one further run would fall into."""
        return None if self.half is None else self.half * np.sqrt(self.n + 1)

    def __str__(self) -> str:
        if self.half is None:
            return f"{100 * self.mean:.2f} % (one seed, no interval)"
        return f"{100 * self.mean:.2f} % ± {100 * self.half:.2f} ({self.n} seeds)"


@dataclass(frozen=True)
class Share(Estimate):
    """An Estimate whose interval is not symmetric about the mean."""

    bottom: float = 0.0
    top: float = 1.0
    of_what: str = "seeds"

    @property
    def low(self) -> float:
        return self.bottom

    @property
    def high(self) -> float:
        return self.top

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f}, {self.n} {self.of_what})"


def share(hits: int, n: int, of_what: str = "seeds") -> Share:
    """A share of `n` independent seeds, or of what is said; low and high are those of Clopper and Pearson, exact also
    at 0 and 1."""
    bounds = stats.binomtest(int(hits), int(n)).proportion_ci(0.95, "exact")
    return Share(hits / n, float(bounds.high - bounds.low) / 2, int(n), float(bounds.low), float(bounds.high), of_what)


def difference(a, b) -> Estimate:
    """Mean of `a` less mean of `b`, with Welch's 95 % interval; no interval where either has one value."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n = min(len(a), len(b))
    if n < 2:
        return Estimate(a.mean() - b.mean(), None, n)
    parts = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if sum(parts) == 0:
        return Estimate(a.mean() - b.mean(), 0.0, n)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    return Estimate(a.mean() - b.mean(), float(stats.t.ppf(0.975, freedom) * np.sqrt(sum(parts))), n)


def main_effects(values: dict[str, np.ndarray], switches: tuple[str, ...]) -> dict[str, Estimate]:
    """What each switch of a factorial experiment changes on average, by least squares, with its 95 % interval.

    values: one a seed for each variant, whose name tells which switches are on, joined by "-"; "spyketorch" has none,
    variants with others are left out. Raises ValueError where the variants do not tell the switches apart.
    """
    inside = [name for name in values if name == "spyketorch" or set(name.split("-")) <= set(switches)]
    runs = [(name, value) for name in inside for value in values[name]]
    design = np.array([[1.0, *(switch in name.split("-") for switch in switches)] for name, _ in runs])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("too few variants to tell the switches apart")
    measured = np.array([value for _, value in runs])
    effect, *_ = np.linalg.lstsq(design, measured, rcond=None)
    freedom, halves = len(measured) - len(effect), [None] * len(effect)
    if freedom:
        variance = ((measured - design @ effect) ** 2).sum() / freedom * np.diag(np.linalg.inv(design.T @ design))
        halves = [float(half) for half in stats.t.ppf(0.975, freedom) * np.sqrt(variance)]
    return {name: Estimate(float(mean), half, len(measured))
            for name, mean, half in zip(switches, effect[1:], halves[1:])}


def verdict(ours: Estimate, target: float) -> str:
    """The verdict on one figure by RULE."""
    if ours.mean < target - TOLERANCE:
        return "not"
    return "reproduced" if ours.n >= ENOUGH and ours.high >= target else "partly"


def points(estimate: Estimate | float) -> str:
    """A difference in percentage points."""
    if not isinstance(estimate, Estimate):
        estimate = Estimate(estimate, None, 1)
    spread = "" if estimate.half is None else f" ± {100 * estimate.half:.2f}"
    return f"{100 * estimate.mean:+.2f}{spread}".replace("-", "−")


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"
