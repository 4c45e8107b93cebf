"""What the report claims, computed from files: results, intervals, verdicts, stale or missing results. No drawing here.

Results are looked for in several folders, the first that has them counts: report/results as recorded, or what
`FROM_SCRATCH=1` has just made. Figures that others published stand in report/reference. Accuracies are shares of 1.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scripts import command

from rstdp import datasets, experiments, provenance
from rstdp.config import SPYKETORCH, Config, get_config
from rstdp.network import Network

REPORT = Path(__file__).resolve().parent
REFERENCE = REPORT / "reference"
TOLERANCE = 0.01  #: one percentage point
ENOUGH = 3  #: seeds that an interval needs before a verdict rests on it


class Missing(Exception):
    """A result that is not there, or not whole; the message names it and the command that makes it."""


# --- numbers ------------------------------------------------------------------------------------------------------


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

    def one_more(self) -> float | None:
        """Half-width of the interval that one further run would fall into."""
        return None if self.half is None else self.half * np.sqrt(self.n + 1)

    def __str__(self) -> str:
        if self.half is None:
            return f"{100 * self.mean:.2f} % (one seed, no interval)"
        return f"{100 * self.mean:.2f} % ± {100 * self.half:.2f} ({self.n} seeds)"


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


def points(estimate: Estimate) -> str:
    """A difference in percentage points."""
    spread = "" if estimate.half is None else f" ± {100 * estimate.half:.2f}"
    return f"{100 * estimate.mean:+.2f}{spread}".replace("-", "−")


# --- published figures ----------------------------------------------------------------------------------------------


def published(source: str, what: str) -> float:
    """One figure of the paper or of another's run, from reference/published.csv."""
    table = pd.read_csv(REFERENCE / "published.csv")
    return float(table[(table.source == source) & (table.what == what)].value.iloc[0])


def others(what: str) -> pd.Series:
    """All published figures of one kind, by source."""
    table = pd.read_csv(REFERENCE / "published.csv")
    return table[table.what == what].set_index("source").value


PAPER = "Mozafari et al. 2019"


def curve(name: str) -> pd.DataFrame:
    """Accuracy after each pass of another's run; `passes` counts from 1 as ours do (the files count from 0)."""
    rows = pd.read_csv(REFERENCE / f"{name}.csv")
    return rows.assign(passes=rows.epoch + 1)


# --- our results ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """An experiment's result files."""

    name: str
    rows: pd.DataFrame
    facts: dict
    folder: Path

    @property
    def variants(self) -> list[str]:
        return list(self.rows.variant.unique())

    def part(self, variant: str) -> pd.DataFrame:
        """The rows of one variant, up to the last epoch that all its seeds have reached. Raises Missing."""
        rows = self.rows[self.rows.variant == variant]
        if rows.empty:
            raise Missing(f"**Missing:** variant `{variant}` of experiment `{self.name}`. Make it with "
                          f"`python -m rstdp experiment {self.name}`.")
        return rows[rows.epoch <= rows.groupby("seed").epoch.max().min()]

    def at(self, variant: str, epoch: int | None = None, column: str = "test_accuracy") -> np.ndarray:
        """One value a seed after `epoch` passes, by default the last. Raises Missing."""
        rows = self.part(variant)
        epoch = int(rows.epoch.max()) if epoch is None else epoch
        values = rows[rows.epoch == epoch].sort_values("seed")[column].to_numpy(float)
        if not len(values) or np.isnan(values).any():
            raise Missing(f"**Missing:** {column} of variant `{variant}` after {epoch} passes in experiment "
                          f"`{self.name}`. Make it with `python -m rstdp experiment {self.name}`.")
        return values

    def best(self, variant: str) -> np.ndarray:
        """Each seed's highest test accuracy at any epoch: chosen on the test set, only to compare with others."""
        return self.part(variant).groupby("seed").test_accuracy.max().to_numpy(float)

    def config(self, variant: str) -> Config:
        """The configuration as it was recorded. Raises ValueError where the code no longer knows it."""
        changes = dict(self.facts["parameters"]["variants"][variant])
        return get_config(changes.pop("config", "spyketorch")).replace(changes)

    def networks(self) -> dict[str, Network]:
        """The weights kept with the results, by "variant-seed"."""
        return {path.stem: Network.load(path) for path in sorted(self.folder.glob("*.npz"))}

    def joined(self, other: Result) -> Result:
        """These runs and those of `other` with the same configuration, passes and data, but for seeds that are here."""
        found, held_out = [self.rows], [each.facts["parameters"].get("validation", 0) for each in (self, other)]
        if self.facts["data_md5"] == other.facts["data_md5"] and held_out[0] == held_out[1]:
            for variant, again in itertools.product(self.variants, other.variants):
                if self.config(variant) == other.config(again):
                    seeds = set(self.rows[self.rows.variant == variant].seed)
                    rows = other.rows[(other.rows.variant == again) & ~other.rows.seed.isin(seeds)]
                    found.append(rows.assign(variant=variant))
        return replace(self, rows=pd.concat(found, ignore_index=True))

    def absent(self) -> list[str]:
        """Runs that the experiment names and the files lack, or hold with fewer passes."""
        try:
            chosen = experiments.load(self.name)
        except ValueError:  # no file of that name: what the results themselves say
            return [] if self.facts["complete"] else ["some runs"]
        reached = self.rows.groupby(["variant", "seed"]).epoch.max().to_dict()
        return [f"{variant}, seed {seed} ({reached.get((variant, seed), 0)} of {config.s3.epochs} passes)"
                for variant, config in chosen.variants.items() for seed in chosen.seeds
                if reached.get((variant, seed), 0) < config.s3.epochs]

    def stale(self) -> dict[str, list[str]]:
        """Why runs are no longer what this code would give: {reason: runs}."""
        found: dict[str, list[str]] = {}
        now = checksum(self.facts["dataset"], *(self.facts["parameters"].get(key, 0) for key in ("train", "test")))
        for run in self.facts["runs"]:
            label = f"{run['variant']}-{run['seed']}"
            if run["sessions"][-1]["behaviour"] != provenance.behaviour():
                found.setdefault("the code computes something else since", []).append(label)
            if now and self.facts["data_md5"] != now:
                found.setdefault("the data are not the same", []).append(label)
            try:
                if experiments.load(self.name).variants[run["variant"]].digest() != (
                        self.facts["configurations"].get(run["variant"])):
                    found.setdefault("the experiment's parameters have changed", []).append(label)
            except (ValueError, KeyError):
                pass
        return found


def load(name: str, folders: Sequence[Path]) -> Result:
    """The results of an experiment from the first folder that has them. Raises Missing."""
    command = f"Make it with `python -m rstdp experiment {name}`."
    for folder in folders:
        path = Path(folder) / name
        if not path.is_dir():
            continue
        try:
            rows = pd.read_csv(path / "accuracy.csv")
            facts = json.loads((path / "provenance.json").read_text())
            result = Result(facts["experiment"], rows, facts, path)
            assert len(rows) and set(facts) >= {"runs", "parameters", "dataset", "data_md5", "configurations"}
        except (OSError, ValueError, KeyError, AssertionError) as error:
            raise Missing(f"**Missing:** experiment `{name}` has no whole result ({type(error).__name__}: {error}). "
                          f"{command}") from None
        return result
    raise Missing(f"**Missing:** no result of experiment `{name}`. {command}")


def locate(file: str, folders: Sequence[Path]) -> Path | None:
    """A result file in the first folder that has it."""
    return next((path for folder in folders if (path := Path(folder) / file).exists()), None)


def read_table(file: str, folders: Sequence[Path], made_by: str | None = None) -> tuple[pd.DataFrame, dict]:
    """A result file that no experiment wrote, such as verify/agreement.csv, and its provenance. Raises Missing.

    made_by: the command that makes it, if it is not that of `scripts.command`.
    """
    path = locate(file, folders)
    if path is None:
        raise Missing(f"**Missing:** `{file}`. Make it with `{made_by or command(file.partition('/')[0])}`.")
    facts = path.parent / "provenance.json"
    return pd.read_csv(path), json.loads(facts.read_text()) if facts.exists() else {}


@functools.cache
def checksum(dataset: str, train: int, test: int) -> str | None:
    """md5 of a data set as it is here now; None where it is not here."""
    return datasets.load(dataset, train=train, test=test).checksum() if datasets.at_hand(dataset) else None


def scripts(names: Sequence[str], folders: Sequence[Path]) -> dict[str, dict]:
    """Provenance of the results that no experiment made, by name, from the first folder that has them."""
    paths = {name: locate(f"{name}/provenance.json", folders) for name in names}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path}


def stale(facts: dict) -> str:
    """A remark for the results of a script where the code computes something else since; else nothing."""
    return "" if facts.get("behaviour") == provenance.behaviour() else (
        " **Stale:** the code computes something else since.")


def changes(config: Config, base: Config = SPYKETORCH) -> dict[str, tuple]:
    """Parameters in which two configurations differ: {dotted name: (base, config)}, without the passes."""
    flat = [pd.json_normalize(one.to_dict()).iloc[0].to_dict() for one in (base, config)]
    return {name: (flat[0][name], value) for name, value in flat[1].items()
            if value != flat[0][name] and name != "name" and not name.endswith(".epochs")}


# --- verdicts ---------------------------------------------------------------------------------------------

def verdict(ours: Estimate | None, target: float) -> str:
    """The verdict on one figure by the rule that `claims.RULE` states."""
    if ours is None:
        return "not tested yet"
    if ours.mean < target - TOLERANCE:
        return "not"
    return "reproduced" if ours.n >= ENOUGH and ours.high >= target else "partly"


def load_joined(name: str, folders: Sequence[Path], others: Sequence[str] = ("paper", "best")) -> Result:
    """`load`, with the runs that other experiments made of the same configuration. Raises Missing."""
    result = load(name, folders)
    for other in others:
        with contextlib.suppress(Missing):
            result = result.joined(load(other, folders))
    return result


def find(name: str, folders: Sequence[Path], variant: str | None = None) -> np.ndarray | None:
    """Final test accuracies of a variant (by default the first) by `load_joined`; None where there is no result."""
    try:
        result = load_joined(name, folders)
        return result.at(variant or result.variants[0])
    except Missing:
        return None


# --- effects of single changes ----------------------------------------------------------------------------------------


def effects(result: Result, base: str, variants: Sequence[str]) -> dict[str, Estimate]:
    """What each variant changes in the final test accuracy against `base`; variants without a result are left out."""
    reference = result.at(base)
    return {variant: difference(result.at(variant), reference) for variant in variants if variant in result.variants}


def main_effects(result: Result, switches: Sequence[str], column: str = "validation_accuracy") -> dict[str, Estimate]:
    """What each switch of a factorial experiment changes on average, by least squares, with its 95 % interval.

    The names of the variants tell which switches are on, joined by "-"; "spyketorch" has none, others are left out.
    """
    inside = [name for name in result.variants if name == "spyketorch" or set(name.split("-")) <= set(switches)]
    values = np.concatenate([result.at(name, column=column) for name in inside])
    runs = np.repeat(inside, [len(result.at(name, column=column)) for name in inside])
    design = np.array([[1.0, *(switch in name.split("-") for switch in switches)] for name in runs])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise Missing(f"**Missing:** too few variants of experiment `{result.name}` to tell its switches apart. Make "
                      f"them with `python -m rstdp experiment {result.name}`.")
    effect, *_ = np.linalg.lstsq(design, values, rcond=None)
    freedom = len(values) - len(effect)
    halves = [None] * len(effect)
    if freedom:
        variance = ((values - design @ effect) ** 2).sum() / freedom * np.diag(np.linalg.inv(design.T @ design))
        halves = [float(half) for half in stats.t.ppf(0.975, freedom) * np.sqrt(variance)]
    return {name: Estimate(float(mean), half, len(values))
            for name, mean, half in zip(switches, effect[1:], halves[1:])}


SWITCHES = ("ceil", "radius", "sigma", "contrast", "pointwise", "last", "bins", "N")  #: of the experiment `search`
STUDENT = ("index-decision", "free-winners", "batch-updates", "settings")


def story(result: Result) -> str:
    """Two sentences on why the student replication falls short, from the numbers. Raises Missing."""
    exact, student = result.at("exact"), result.at("student")
    gap, alone = difference(student, exact), effects(result, "exact", STUDENT)
    back = {name: effect for name in STUDENT
            for effect in effects(result, "student", [f"student-without-{name}"]).values()}
    if len(alone) < len(STUDENT) or len(back) < len(STUDENT):
        raise Missing("**Missing:** some of the student's single differences, so that the story cannot be told yet. "
                      "Make them with `python -m rstdp experiment student`.")
    worst, most = min(alone, key=lambda name: alone[name].mean), max(back, key=lambda name: back[name].mean)
    total = Estimate(sum(effect.mean for effect in alone.values()), None, 1)
    return (f"All of the student's differences together change the accuracy by {points(gap)} percentage points, from "
            f"{Estimate.of(exact)} to {Estimate.of(student)}, and the largest single effect is that of `{worst}`, "
            f"{points(alone[worst])} points when it alone is switched on. Switched off alone from the student's model, "
            f"`{most}` gives back the most, {points(back[most])} points; the {len(alone)} effects of switching on sum "
            f"to {points(total)} points, {total.mean / gap.mean:.0%} of the gap.")
