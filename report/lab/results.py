"""Results as they are recorded: found, read, joined, and whether they are whole and current.

Results are looked for in several folders, the first that has them counts: report/results as recorded, or what
`FROM_SCRATCH=1` has just made. Accuracies are shares of 1.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from rstdp import data
from rstdp.config import SPYKETORCH, Config
from rstdp.network import Network

from . import experiments, provenance, registry, schema
from .registry import command
from .statistics import Estimate, dunnett

LONG = ("paper", "best", "paper-seeds")  #: experiments of the paper's length, whose runs count together


_left_out: ContextVar[Callable[[pd.Series], pd.Series] | None] = ContextVar("left_out", default=None)
_seen: ContextVar[set[int] | None] = ContextVar("seen", default=None)


@contextlib.contextmanager
def without(seeds: Callable[[pd.Series], pd.Series]) -> Iterator[None]:
    """Within it no result has the seeds for which `seeds` is true: what would the report say without them?"""
    token = _left_out.set(seeds)
    try:
        yield
    finally:
        _left_out.reset(token)


@contextlib.contextmanager
def seeds_in() -> Iterator[set[int]]:
    """The seeds of all results that are read within it."""
    token = _seen.set(found := set())
    try:
        yield found
    finally:
        _seen.reset(token)


def _kept(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows but for those of seeds that are left out."""
    if "seed" not in rows:
        return rows
    if (seen := _seen.get()) is not None:
        seen.update(rows.seed.dropna().astype(int))
    leave = _left_out.get()
    return rows if leave is None else rows[~leave(rows.seed)]


class Missing(Exception):
    """A result that is not there, or not whole; the message says what is missing and the command that makes it."""

    def __init__(self, name: str, what: str, by: str | None = None):
        super().__init__(f"**Missing:** {what}. Make it with `{by or command(name)}`.")
        self.name = name  #: of the result


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

    @property
    def images(self) -> int:
        """How many training images its runs were given; 0 in a file stands for all of MNIST's."""
        return self.facts["parameters"].get("train", 0) or 60_000

    def part(self, variant: str) -> pd.DataFrame:
        """The rows of one variant, up to the last epoch that all its seeds have reached. Raises Missing."""
        rows = _kept(self.rows[self.rows.variant == variant])
        if rows.empty:
            raise Missing(self.name, f"variant `{variant}` of experiment `{self.name}`")
        return rows[rows.epoch <= rows.groupby("seed").epoch.max().min()]

    def passes(self, variant: str) -> int:
        """How many passes all seeds of a variant have made. Raises Missing."""
        return int(self.part(variant).epoch.max())

    def at(self, variant: str, epoch: int | None = None, column: str = "test_accuracy") -> np.ndarray:
        """One value a seed after `epoch` passes, by default the last. Raises Missing."""
        epoch = self.passes(variant) if epoch is None else epoch
        rows = self.part(variant)
        values = rows[rows.epoch == epoch].sort_values("seed")[column].to_numpy(float)
        if not len(values) or np.isnan(values).any():
            raise Missing(self.name, f"{column} of variant `{variant}` after {epoch} passes in experiment "
                                     f"`{self.name}`")
        return values

    def best(self, variant: str) -> np.ndarray:
        """Each seed's highest test accuracy at any epoch: chosen on the test set, only to compare with others."""
        return self.part(variant).groupby("seed").test_accuracy.max().to_numpy(float)

    def chosen(self) -> str:
        """The variant that is best on what was held out of the training data."""
        return max(self.variants, key=lambda variant: self.at(variant, column="validation_accuracy").mean())

    def effects(self, base: str, variants: Sequence[str], column: str = "test_accuracy") -> dict[str, Estimate]:
        """What each variant changes in a column at the end against `base`, with simultaneous intervals (`dunnett`);
        those without a result are left out."""
        return dunnett({name: self.at(name, column=column) for name in variants if name in self.variants},
                       self.at(base, column=column))

    def config(self, variant: str) -> Config:
        """The configuration as it was recorded. Raises ValueError where the code no longer knows it."""
        return experiments.configure(self.facts["parameters"]["variants"][variant])[0]

    def changes(self, variant: str) -> str:
        """How a variant differs from `spyketorch`, but for how many its passes are, in words."""
        config = self.config(variant)
        base, mine = (pd.json_normalize(one.to_dict()).iloc[0].to_dict() for one in (config.of(SPYKETORCH), config))
        said = {True: "yes", False: "no"}
        told = [f"{name} = {said[value] if isinstance(value, bool) else value}" for name, value in mine.items()
                if value != base[name] and name != "name" and not name.endswith(".epochs")]
        rules = self.facts["parameters"]["variants"][variant].get("passes")
        return ", ".join(told) or (f"passes = {rules}" if rules else "none")

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

    def stale(self, quick: bool = False) -> dict[str, list[str]]:
        """Why runs are no longer what this code would give: {reason: runs}. quick: by fingerprints that are remembered,
        and without a look at the data."""
        found: dict[str, list[str]] = {}
        how = {"now": provenance.remembered} if quick else {}
        wanted: dict[str, Config] = {}
        with contextlib.suppress(ValueError):  # where its file is not here any more
            wanted = experiments.load(self.name).variants
        now = None if quick else checksum(self.facts["dataset"], *(
            self.facts["parameters"].get(key, 0) for key in ("train", "test")))
        for run in self.facts["runs"]:
            label = f"{run['variant']}-{run['seed']}"
            for reason in experiments.stale(run["sessions"], experiments.needs(self.facts, run["variant"]), **how):
                found.setdefault(reason, []).append(label)
            if now and self.facts["data_md5"] != now:
                found.setdefault("the data are not the same", []).append(label)
            if run["variant"] in wanted and wanted[run["variant"]].digest() != (
                    self.facts["configurations"].get(run["variant"])):
                found.setdefault("the experiment's parameters have changed", []).append(label)
        return found


def load(name: str, folders: Sequence[Path]) -> Result:
    """The results of an experiment from the first folder that has them. Raises Missing."""
    path = locate(name, folders)
    if path is None:
        raise Missing(name, f"no result of experiment `{name}`")
    try:
        rows = _csv(path / "accuracy.csv", (path / "accuracy.csv").stat().st_mtime_ns)
        facts = schema.facts(path)
        assert len(rows)
        return Result(facts["experiment"], rows, facts, path)
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise Missing(name, f"experiment `{name}` has no whole result ({type(error).__name__}: {error})") from None


def lacking(name: str, folders: Sequence[Path]) -> int:
    """How many runs of an experiment are not there, or not whole."""
    try:
        return len(load(name, folders).absent())
    except Missing:
        return len(experiments.load(name).runs())


def unmade(folders: Sequence[Path], *names: str) -> str:
    """Of how many runs of these experiments how many are missing, in words."""
    runs = sum(len(experiments.load(name).runs()) for name in names)
    return f"{sum(lacking(name, folders) for name in names)} of {runs} runs have not been made yet"


def load_joined(name: str, folders: Sequence[Path], others: Sequence[str] = LONG) -> Result:
    """`load`, with the runs that other experiments made of the same configuration. Raises Missing."""
    result = load(name, folders)
    for other in others:
        with contextlib.suppress(Missing):
            result = result.joined(load(other, folders))
    return result


@functools.lru_cache(maxsize=64)
def _csv(path: Path, changed: int) -> pd.DataFrame:
    """A table, read once until its file changes; whoever gets it must not change it."""
    return pd.read_csv(path)


def locate(file: str, folders: Sequence[Path]) -> Path | None:
    """A result file in the first folder that has it."""
    return next((path for folder in folders if (path := Path(folder) / file).exists()), None)


def need(file: str, folders: Sequence[Path]) -> Path:
    """`locate`, but it raises Missing."""
    path = locate(file, folders)
    if path is None:
        raise Missing(file.partition("/")[0], f"`{file}`")
    return path


def read_table(file: str, folders: Sequence[Path]) -> tuple[pd.DataFrame, dict]:
    """A result file that no experiment wrote, such as verify/agreement.csv, and its provenance. Raises Missing."""
    path = need(file, folders)
    facts = path.parent / "provenance.json"
    rows = _kept(_csv(path, path.stat().st_mtime_ns))
    if rows.empty:
        raise Missing(path.parent.name, f"rows in `{file}`")
    return rows.copy(), json.loads(facts.read_text(encoding="utf-8")) if facts.exists() else {}


def cost(name: str, folders: Sequence[Path]) -> float | None:
    """Hours of computing on one core that a result took as recorded; None where nothing says so."""
    path = locate(f"{name}/provenance.json", folders)
    if path is None:
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    told = [run["seconds"] for run in facts.get("runs", facts.get("sessions", [])) if "seconds" in run]
    if "seconds" in facts:
        told.append(facts["seconds"])
    for file in sorted(path.parent.glob("*.csv")) if not told else []:
        rows = pd.read_csv(file)
        if "seconds" in rows:
            one = [key for key in ("variant", "seed", "fold") if key in rows]
            told.append(rows.groupby(one).seconds.max().sum() if "epoch" in rows else rows.seconds.sum())
    return sum(told) / 3600 if told else None


@functools.cache
def checksum(dataset: str, train: int, test: int) -> str | None:
    """md5 of a data set as it is here now; None where it is not here."""
    registry.discover()  # the data set or its encoder may be a study's
    return data.load(dataset, train=train, test=test).checksum() if data.at_hand(dataset) else None


def stale(name: str, facts: dict) -> str:
    """A remark where a study's result, with these facts, is not what this code would give; else nothing."""
    reasons = provenance.stale(facts, registry.needs(name))
    return f" **Stale:** {'; '.join(reasons)}." if reasons else ""


def status(name: str, folders: Sequence[Path]) -> tuple[str, list[str]]:
    """How a result stands, in a word, and for "stale" by what; "-" where there is none. Quick: see `Result.stale`."""
    path = locate(f"{name}/provenance.json", folders)
    if path is None:
        return "-", []
    try:
        if name in registry.results():
            facts, whole = json.loads(path.read_bytes()), registry.results()[name].runs
            reasons = provenance.stale(facts, registry.needs(name), provenance.remembered)
            absent = facts.get("runs_made", whole) < whole
        else:
            result = load(name, folders)
            reasons, absent = list(result.stale(quick=True)), bool(result.absent())
    except (Missing, ValueError) as error:
        return "damaged", [str(error)]
    return "stale" if reasons else "incomplete" if absent else "recorded", reasons
