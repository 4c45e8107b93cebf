"""Claims 3 to 6 of the paper, on reward in hidden layers: shares, curves and verdicts, computed from result files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from evidence import (
    ENOUGH,
    PAPER,
    REFERENCE,
    TOLERANCE,
    Estimate,
    Missing,
    difference,
    find,
    load,
    points,
    published,
    read_table,
    verdict,
)
from scipy import stats
from scripts import command

from rstdp import task2

SURE = 0.05  #: widest interval of a share over seeds that a verdict on the handmade problem rests on


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


def handmade(folders: Sequence[Path], what: str = "exact") -> dict[tuple[str, str], Share]:
    """Shares of seeds by (variant, rule): `exact` or `preferred` diagnostic bars, or `solved` tasks. Raises Missing."""
    table, _ = read_table("handmade/runs.csv", folders)
    table["solved"] = (table.accuracy == 1).astype(int)
    return {key: share(group[what].sum(), len(group)) for key, group in table.groupby(["variant", "rule"], sort=False)}


def handmade_verdict(reward: Share, plain: Share, targets: tuple[float, float]) -> str:
    """Reproduced: both intervals hold the paper's shares and are narrower than SURE each way. Partly: R-STDP's share
    lies above STDP's beyond both intervals."""
    if max(reward.half, plain.half) < SURE and all(
            one.low <= target <= one.high for one, target in zip((reward, plain), targets)):
        return "reproduced"
    return "partly" if reward.low > plain.high else "not"


def handmade_claim(folders: Sequence[Path]) -> tuple:
    """The row of claim 4."""
    targets = tuple(published(PAPER, f"handmade problem, {rule}") for rule in ("R-STDP", "STDP"))
    label = "4. Handmade problem: share of seeds with the three diagnostic bars, R-STDP against STDP"
    paper = " against ".join(f"{100 * target:.0f} %" for target in targets)
    try:
        found = handmade(folders)
        reward, plain = found["default", "r-stdp"], found["default", "stdp"]
    except (Missing, KeyError):
        return label, paper, "—", "—", "needs `handmade`", "not tested yet", ""
    sure = sum(one.mean == 1 for (_, rule), one in found.items() if rule == "r-stdp")
    ours = f"{reward} against {plain}; R-STDP never fails with {sure} of {len(found) // 2} ways to choose what is open"
    return label, paper, "—", "—", ours, handmade_verdict(reward, plain, targets), "handmade"


def task1_claims(folders: Sequence[Path]) -> list[tuple]:
    """The rows of claims 3a and 3b: an addition that does not help, beside the same model without it."""
    rows, base = [], find("s3-rule", folders, "r-stdp")
    for label, name in (("3a. R-STDP in S2 as well does not help", "s2-reward"),
                        ("3b. First-spike decisions do not compete", "first-spike")):
        try:
            result = load(name, folders)
            tried = {variant: result.at(variant) for variant in result.variants}
        except Missing:
            tried = {}
        if base is None or not tried:
            missing = [f"`{one}`" for one, there in ((name, tried), ("s3-rule", base is not None)) if not there]
            rows.append((label, "no figure", "—", "—", f"needs {' and '.join(missing)}", "not tested yet", ""))
            continue
        best = max(tried, key=lambda variant: tried[variant].mean())
        apart = difference(tried[best], base)
        rows.append((label, "no figure", "—", "—", f"the best of {len(tried)}, `{best}`: {points(apart)} points, from "
                     f"{Estimate.of(base)}", no_help_verdict(apart), name))
    return rows


def no_help_verdict(apart: Estimate) -> str:
    """On the claim that something does not help. Reproduced: the whole interval lies at or below TOLERANCE. Not: it
    lies above zero. Partly: neither."""
    if apart.half is None or apart.n < ENOUGH:
        return "partly" if apart.mean <= TOLERANCE else "not"
    if apart.high <= TOLERANCE:
        return "reproduced"
    return "not" if apart.low > 0 else "partly"


def figure4(folders: Sequence[Path], column: str = "accuracy", name: str = "task2") -> pd.DataFrame:
    """Mean over the pairs for each seed, rows (rule, size, seed, value, pairs). Raises Missing."""
    table, _ = read_table(f"{name}/runs.csv", folders)
    return table.groupby(["rule", "size", "seed"])[column].agg(value="mean", pairs="count").reset_index()


def task2_curve(folders: Sequence[Path], rule: str, column: str = "accuracy",
                name: str = "task2") -> dict[int, Estimate]:
    """{size: mean over pairs, with the interval over seeds}; seeds that lack pairs which others have are left out."""
    means = figure4(folders, column, name)
    means = means[(means.rule == rule) & (means.pairs == means.pairs.max())]
    return {int(size): Estimate.of(group.value) for size, group in means.groupby("size")}


def reward_effect(folders: Sequence[Path], size: int, column: str = "accuracy") -> Estimate:
    """R-STDP less STDP at one size, paired: mean over the pairs (each a mean over seeds), interval over pairs."""
    table, _ = read_table("task2/runs.csv", folders)
    wide = table[table["size"] == size].pivot_table(index="pair", columns="rule", values=column)
    if not {"r-stdp", "stdp"} <= set(wide):
        raise Missing(f"**Missing:** both rules with {size} maps in `task2/runs.csv`. Make it with "
                      f"`{command('task2')}`.")
    return Estimate.of((wide["r-stdp"] - wide["stdp"]).dropna())


@dataclass(frozen=True)
class Overlaps:
    """How far the features of a pair of targets are those of others (`task2.overlaps`), from task2/features.csv."""

    others: dict[str, Estimate]  #: by rule: of other pairs, from the same first weights; over seeds
    again: dict[str, Estimate]  #: by rule: of the same pair from other first weights; over seeds
    beyond: Estimate  #: by R-STDP, `again` less `others`: mean over seeds for each pair, interval over pairs
    pairs: int


def overlaps(folders: Sequence[Path]) -> Overlaps:
    """What task2/features.csv says. Raises Missing."""
    table, _ = read_table("task2/features.csv", folders)
    by_seed = {name: {rule: Estimate.of(group.groupby("seed")[name].mean()) for rule, group in table.groupby("rule")}
               for name in ("others", "again")}
    by_pair = table[table.rule == "r-stdp"].groupby("pair")[["again", "others"]].mean()
    return Overlaps(by_seed["others"], by_seed["again"], Estimate.of(by_pair.again - by_pair.others), len(by_pair))


def from_paper(folders: Sequence[Path], rule: str, name: str = "task2") -> pd.Series:
    """Our mean accuracy less the paper's figure 4, a fraction for each size that both have. Raises Missing."""
    theirs = pd.read_csv(REFERENCE / "figure4.csv")
    theirs = theirs[theirs.rule == rule].set_index("maps").accuracy
    ours = pd.Series({size: one.mean for size, one in task2_curve(folders, rule, name=name).items()})
    return (ours - theirs).dropna()


def choices(folders: Sequence[Path], column: str = "accuracy_all") -> pd.DataFrame:
    """Mean accuracy of every choice of `task2.CHOICES`, columns (rule, size), in their order. Raises Missing."""
    table, _ = read_table("task2-choices/runs.csv", folders)
    return table.pivot_table(index="choice", columns=["rule", "size"], values=column, sort=False)


PAIRS = len(task2.PAIRS)  #: of target digits in the paper's figure 4


def task2_claims(folders: Sequence[Path], size: int = 10) -> list[tuple]:
    """The rows of claims 5 and 6."""
    target = [published(PAPER, f"task 2, {rule}, {size} maps") for rule in ("R-STDP", "STDP")]
    labels = (f"5. Two targets among distractors, {size} maps in S2: R-STDP against STDP",
              "6. S2 features are target-aware under R-STDP only")
    paper = (f"{100 * target[0]:.1f} % against {100 * target[1]:.1f} %", "figure 5")
    try:
        ours = [task2_curve(folders, rule)[size] for rule in ("r-stdp", "stdp")]
        effect, pairs = reward_effect(folders, size), int(figure4(folders).pairs.max())
        told = f"{ours[0]} against {ours[1]}; {pairs} of {PAIRS} pairs"
        with suppress(Missing, KeyError):
            longer = [task2_curve(folders, rule, name="task2-passes")[size] for rule in ("r-stdp", "stdp")]
            told += f"; with more passes {longer[0]} against {longer[1]}"
        rows = [(labels[0], paper[0], "—", "—", told,
                 task2_verdict(ours, target, effect, pairs), "task2")]
    except (Missing, KeyError):
        rows = [(labels[0], paper[0], "—", "—", "needs `task2`", "not tested yet", "")]
    try:
        found, aware = overlaps(folders), reward_effect(folders, task2.FIGURE5, "aware")
        told = (f"overlap with the features of other pairs {found.others['stdp'].mean:.2f} by STDP, "
                f"{found.others['r-stdp'].mean:.2f} by R-STDP, where the same pair from other first weights has "
                f"{found.again['r-stdp'].mean:.2f}; {points(aware)} points more maps prefer a target; "
                f"{task2.FIGURE5} maps, {found.pairs} of {PAIRS} pairs")
        return [*rows, (labels[1], paper[1], "—", "—", told, features_verdict(found, aware), "features")]
    except (Missing, KeyError):
        return [*rows, (labels[1], paper[1], "—", "—", "needs `task2`", "not tested yet", "")]


def task2_verdict(ours: Sequence[Estimate], target: Sequence[float], effect: Estimate, pairs: int) -> str:
    """Reproduced: all pairs, both figures by the report's rule, and R-STDP above STDP beyond the interval. Partly: the
    last alone."""
    better = effect.half is not None and effect.low > 0
    whole = pairs == PAIRS and all(verdict(one, figure) == "reproduced" for one, figure in zip(ours, target))
    return "reproduced" if better and whole else "partly" if better else "not"


SAME = 0.99  #: features that overlap this far are the same


def features_verdict(found: Overlaps, aware: Estimate) -> str:
    """On claim 6. aware: by how much more maps prefer one of the targets by R-STDP than by STDP, interval over pairs.

    Reproduced: by STDP the features are the same for every pair; by R-STDP they differ more than chance (other first
    weights) explains, and prefer the targets more often; both beyond the intervals, all pairs, enough seeds. Partly:
    the same by STDP, and one of the two by R-STDP.
    """
    if found.others["stdp"].mean < SAME or found.others["r-stdp"].mean >= SAME:
        return "not"
    depends = found.beyond.half is not None and found.beyond.low > 0
    towards = aware.half is not None and aware.low > 0
    if depends and towards and found.pairs == PAIRS and found.others["r-stdp"].n >= ENOUGH:
        return "reproduced"
    return "partly" if depends or towards else "not"


def claims(folders: Sequence[Path]) -> list[tuple]:
    """Rows as `claims.table` has them, for claims 3a to 6."""
    return [*task1_claims(folders), handmade_claim(folders), *task2_claims(folders)]
