"""Means with intervals, differences, shares, probabilities, and the rules of the verdicts. Accuracies are shares of 1.

No files here. `report/PROTOCOL.md` says which claim is judged by what, and since when.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, stats

TOLERANCE = 0.01  #: one percentage point: a difference of accuracy that counts as none
SHARE_TOLERANCE = 0.05  #: the same for a share of seeds
ENOUGH = 3  #: seeds that a verdict needs
COLLAPSED = 0.5  #: a run has collapsed where its accuracy is below this part of what it is compared with

REPRODUCED, PARTLY, NOT, UNDECIDED, MISSING = VERDICTS = (
    "reproduced", "partly", "not", "undecided", "not tested yet")

SINGLE = f"""The paper has one run. *Equivalent*: the 90 % interval of our mean lies within {100 * TOLERANCE:g} point of
its figure (two one-sided t-tests at 5 %); *different*: it lies outside of that band. *Inside*: the paper's figure lies
in the 95 % prediction interval of one further run of ours. **Reproduced**: equivalent and inside. **Partly**:
equivalent, but outside. **Not**: different and outside. **Undecided**: anything else, and fewer than {ENOUGH} seeds:
few or scattered runs never earn *reproduced*."""  #: how one figure of a single run is judged


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` runs with the half-width of its 95 % interval (None for one run)."""

    mean: float
    half: float | None
    n: int
    freedom: float | None = None  #: degrees of freedom of Student's t; None for n - 1

    @classmethod
    def of(cls, values) -> Estimate:
        """Student's t over independent values, for example one a seed."""
        values = np.asarray(values, dtype=float)
        if len(values) < 2:
            return cls(float(values.mean()), None, len(values))
        half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        return cls(float(values.mean()), float(half), len(values))

    def less(self, target: float) -> Estimate:
        """The same, measured from a figure."""
        return replace(self, mean=self.mean - target)

    def bounds(self, level: float) -> tuple[float, float]:
        """The interval of another level than 95 %, for example 0.9. Raises ValueError where there is none."""
        if self.half is None:
            raise ValueError("one run has no interval")
        t = [stats.t.ppf((1 + each) / 2, self.freedom or self.n - 1) for each in (level, 0.95)]
        return self.mean - self.half * t[0] / t[1], self.mean + self.half * t[0] / t[1]

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
        """Half-width of the interval that one further run would fall into (95 % prediction interval)."""
        return None if self.half is None else float(self.half * np.sqrt(self.n + 1))

    def holds(self, target: float) -> bool | None:
        """Whether one further run of ours might be the target: it lies in the prediction interval. None for one run."""
        return None if self.half is None else abs(self.mean - target) <= self.one_more()

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

    def less(self, target: float) -> Share:
        return replace(self, mean=self.mean - target, bottom=self.bottom - target, top=self.top - target)

    def bounds(self, level: float) -> tuple[float, float]:
        """As of an Estimate, of Clopper and Pearson."""
        return _clopper_pearson(round(self.mean * self.n), self.n, level)

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
    low, high = _clopper_pearson(int(hits), int(n), 0.95)
    return Share(hits / n, (high - low) / 2, int(n), None, low, high, of_what)


def _clopper_pearson(hits: int, n: int, level: float) -> tuple[float, float]:
    """The exact interval of a share."""
    bounds = stats.binomtest(hits, n).proportion_ci(level, "exact")
    return float(bounds.low), float(bounds.high)


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
    """What each switch of a factorial experiment changes on average, by least squares, with simultaneous 95 %
    intervals: the variance is that of all runs, and Bonferroni's correction counts the switches.

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
        halves = [float(half) for half in stats.t.ppf(1 - 0.025 / len(switches), freedom) * np.sqrt(variance)]
    return {name: Estimate(float(mean), half, len(measured), freedom)
            for name, mean, half in zip(switches, effect[1:], halves[1:])}


def equivalence(ours: Estimate | Share, target: float, tolerance: float = TOLERANCE) -> str:
    """"equivalent" where two one-sided tests at 5 % place ours within the tolerance of the target, "different" where
    they place it outside, else "undecided"; fewer than ENOUGH runs are undecided."""
    if ours.half is None or ours.n < ENOUGH:
        return UNDECIDED
    low, high = ours.bounds(0.9)
    if target - tolerance <= low and high <= target + tolerance:
        return "equivalent"
    return "different" if high < target - tolerance or low > target + tolerance else UNDECIDED


def verdict(ours: Estimate, target: float) -> str:
    """The verdict on one figure of a single run, by SINGLE."""
    how, inside = equivalence(ours, target), ours.holds(target)
    if how == "equivalent":
        return REPRODUCED if inside else PARTLY
    return NOT if how == "different" and not inside else UNDECIDED


@dataclass(frozen=True)
class Probability:
    """How probable it is that one run reaches a target."""

    point: float  #: from Student's t, the normal model with the uncertainty of mean and spread
    low: float  #: 95 % interval of the normal model's share, from the non-central t
    high: float
    counted: Share  #: of our runs, with the exact interval of Clopper and Pearson, which assumes no shape


def reaching(values, target: float) -> Probability | None:
    """The probability that a run of the same kind reaches `target`; None for fewer than three runs."""
    values = np.asarray(values, dtype=float)
    n, spread = len(values), values.std(ddof=1) if len(values) > 2 else 0.0
    if n < 3 or spread == 0:
        return None
    away = (target - values.mean()) / spread  # in standard deviations

    def bound(part: float) -> float:
        """The distance with which the one that was seen, or a larger one, has this probability."""
        return float(optimize.brentq(lambda one: stats.nct.sf(away * np.sqrt(n), n - 1, one * np.sqrt(n)) - part,
                                     away - 20, away + 20))

    far, near = bound(0.975), bound(0.025)
    return Probability(float(stats.t.sf(away / np.sqrt(1 + 1 / n), n - 1)), float(stats.norm.sf(far)),
                       float(stats.norm.sf(near)), share(int((values >= target).sum()), n))


def dunnett(samples: dict[str, np.ndarray], control) -> dict[str, Estimate]:
    """Mean of each sample less that of the control, with simultaneous 95 % intervals: pooled variance and Dunnett's
    correction for as many comparisons. Without intervals where there are too few runs."""
    control = np.asarray(control, dtype=float)
    each = {name: np.asarray(sample, dtype=float) for name, sample in samples.items()}
    apart = {name: float(sample.mean() - control.mean()) for name, sample in each.items()}
    n = {name: min(len(sample), len(control)) for name, sample in each.items()}
    freedom = sum(len(sample) for sample in each.values()) + len(control) - len(each) - 1
    pooled = sum(((sample - sample.mean()) ** 2).sum() for sample in [*each.values(), control])
    if not each or min(n.values()) < 2 or pooled == 0:
        half = 0.0 if each and min(n.values()) >= 2 else None
        return {name: Estimate(mean, half, n[name], freedom) for name, mean in apart.items()}
    bounds = stats.dunnett(*each.values(), control=control, rng=np.random.default_rng(0)).confidence_interval(0.95)
    return {name: Estimate(mean, float(high - low) / 2, n[name], freedom)
            for (name, mean), low, high in zip(apart.items(), bounds.low, bounds.high)}


def collapsed(values, against) -> bool:
    """Whether any of these runs has collapsed: a mean and an interval over them would describe none."""
    return bool((np.asarray(values) < COLLAPSED * np.mean(against)).any())


def over_pairs(values: dict[str, float]) -> Estimate:
    """Mean over pairs of digits ("07"), with an interval that knows that pairs which share a digit are not independent.

    The variance sums the products of residuals over all pairs of pairs that share a digit (Aronow, Samii and Assenova
    2015), and is at least that of independent pairs; as many degrees of freedom as there are digits, less one.
    """
    names, found = list(values), np.array(list(values.values()), dtype=float)
    digits = len(set("".join(names)))
    if len(found) < 2:
        return Estimate(float(found.mean()), None, len(found))
    away = found - found.mean()
    shared = np.array([[bool(set(one) & set(other)) for other in names] for one in names])
    variance = max(away @ (shared * away).sum(1), away @ away) / len(found) ** 2
    freedom = max(digits - 1, 1)
    return Estimate(float(found.mean()), float(stats.t.ppf(0.975, freedom) * np.sqrt(variance)), len(found), freedom)


@dataclass(frozen=True)
class Components:
    """Standard deviations that come from a table's rows, its columns and what is left, with 95 % intervals."""

    rows: float
    columns: float
    rest: float
    intervals: tuple[tuple[float, float], ...]  #: of the three in turn
    tests: tuple[tuple[float, float], ...]  #: F and p of the first two against the rest
    freedom: tuple[int, int, int]  #: degrees of freedom of the three mean squares


def components(table, samples: int = 10_000) -> Components:
    """Where the scatter of a table (rows, columns) with one value a cell comes from: two-way analysis of variance
    without interaction, negative variances counted as 0. Intervals: percentiles of a bootstrap that draws rows and
    columns again, each mean square put right for what drawing from few takes off it; tests: F tests. Raises ValueError
    for one row.
    """
    table = np.asarray(table, dtype=float)
    if min(table.shape) < 2 or np.isnan(table).any():
        raise ValueError(f"a whole table of at least 2 by 2 is needed, got {table.shape} with gaps or fewer")
    random = np.random.default_rng(0)
    drawn = np.stack([table[np.ix_(*(random.integers(0, n, n) for n in table.shape))] for _ in range(samples)])
    a, b = table.shape
    known = _mean_squares(table[None])
    squares = _mean_squares(drawn) / np.array([1 - 1 / a, 1 - 1 / b, (1 - 1 / a) * (1 - 1 / b)])[:, None]
    found, spread = (np.sqrt(np.maximum([(each[0] - each[2]) / b, (each[1] - each[2]) / a, each[2]], 0))
                     for each in (known, squares))
    freedom = (a - 1, b - 1, (a - 1) * (b - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = known[:2, 0] / known[2, 0]
    tests = tuple((float(f), float(stats.f.sf(f, each, freedom[2]))) for f, each in zip(ratios, freedom))
    return Components(*(float(one) for one in found[:, 0]),
                      tuple(tuple(float(end) for end in np.percentile(one, (2.5, 97.5))) for one in spread),
                      tests, freedom)


def _mean_squares(tables: np.ndarray) -> np.ndarray:
    """Of rows, columns and the rest, for each of several tables (N, rows, columns): (3, N)."""
    _, a, b = tables.shape
    rows, columns = (tables.mean(axis, keepdims=True) - tables.mean((1, 2), keepdims=True) for axis in (2, 1))
    rest = tables - tables.mean((1, 2), keepdims=True) - rows - columns
    return np.stack([b * (rows ** 2).sum((1, 2)) / (a - 1), a * (columns ** 2).sum((1, 2)) / (b - 1),
                     (rest ** 2).sum((1, 2)) / ((a - 1) * (b - 1))])


def over_recordings(ours: Estimate, recordings: int) -> Estimate:
    """The same mean with an interval that counts the chance of `recordings` test images besides that of the seeds."""
    chance = stats.norm.ppf(0.975) * np.sqrt(ours.mean * (1 - ours.mean) / recordings)
    return replace(ours, half=float(np.hypot(ours.half or 0.0, chance)))


def points(estimate: Estimate | float) -> str:
    """A difference in percentage points."""
    if not isinstance(estimate, Estimate):
        estimate = Estimate(estimate, None, 1)
    spread = "" if estimate.half is None else f" ± {100 * estimate.half:.2f}"
    return f"{100 * estimate.mean:+.2f}{spread}".replace("-", "−")


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"
