"""One runner for all studies: what the command line asked for, rows that are kept, runs side by side, results written.

A study's function gets a `Job`. Its table of results grows row by row in a `Table`: rows that are there are not made
again, so that an interrupted command goes on when it is given again.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import torch
from joblib import parallel_config
from tqdm import tqdm

from rstdp.data import Dataset, load
from rstdp.files import write_text
from rstdp.show import process
from rstdp.show.commands import check_device

from .. import REPORT, RESULTS
from . import experiments, parallel, provenance, registry, schema


@dataclass
class Job:
    """One call of `python -m report run NAME` for the result of a study."""

    result: registry.Result
    out: Path  #: folder for the results
    root: Path = REPORT  #: holds results/ and work/, where a study builds on experiments
    dataset: str = ""
    seeds: tuple[int, ...] = ()
    jobs: int = -1  #: runs at a time, -1 for one a core
    again: bool = False  #: make rows again that are there
    settings: SimpleNamespace = field(default_factory=SimpleNamespace)  #: what --set changes

    @functools.cached_property
    def data(self) -> Dataset:
        """The data set, all of it."""
        return load(self.dataset)

    def spread(self, function: Callable, tasks: Sequence[tuple], what: str, unit: str = "run") -> Iterator:
        """function(*task) of every task, as they finish, side by side, with a bar."""
        done = parallel.spread(_single, [(function, task) for task in tasks], self.jobs)
        return iter(tqdm(done, total=len(tasks), desc=what, unit=unit))

    def write(self, file: str, table: pd.DataFrame, **how) -> None:
        """Write a table, whole or not at all; how: as `DataFrame.to_csv` takes it."""
        write_text(self.out / file, table.to_csv(index=False, **how))

    def describe(self, **facts) -> None:
        """Write provenance.json: where the result comes from, and facts of the study."""
        if self.dataset:
            facts = {"dataset": self.dataset, **facts}
        provenance.write_json(self.out / "provenance.json", provenance.describe(self.result.needs, **facts))


def _single(function: Callable, task: tuple):
    """One task of many: they share the cores between them."""
    torch.set_num_threads(1)
    return function(*task)


class Table:
    """Rows of a result that grows; refuses a folder whose rows come from other facts, or from code that computed
    something else. Raises ValueError.

    keys: the columns that tell rows apart; same: facts in provenance.json that rows made earlier must share.
    """

    def __init__(self, job: Job, file: str, keys: Sequence[str], **same):
        self.job, self.file, self.keys, self.same = job, file, list(keys), same
        self.rows, self.facts = pd.DataFrame({key: [] for key in keys}), {}
        path = job.out / file
        if job.again or not path.exists():
            return
        self.facts = json.loads((job.out / "provenance.json").read_text(encoding="utf-8"))
        wrong = [f"rows of other {name}" for name, value in same.items()
                 if self.facts.get(name) != json.loads(json.dumps(value))]
        wrong += [f"stale rows ({reason})" for reason in provenance.stale(self.facts, job.result.needs)]
        if wrong:
            raise ValueError(f"{path} holds {wrong[0]}; choose another --out, or make them --again")
        self.rows = pd.read_csv(path, dtype={"pair": str})

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, *key) -> bool:
        """Whether there are rows with these values of the keys."""
        return key in self._known()

    def _known(self) -> set[tuple]:
        return set(self.rows[self.keys].itertuples(index=False, name=None))

    def add(self, rows: Iterable[Mapping]) -> None:
        """More rows; `save` writes them."""
        more = pd.DataFrame(list(rows))
        self.rows = more if self.rows.empty else pd.concat([self.rows, more], ignore_index=True)

    def save(self, facts: Mapping[str, Any], **how) -> None:
        """Write all rows and where they come from; how: as `DataFrame.to_csv` takes it."""
        self.job.write(self.file, self.rows, **how)
        self.job.describe(**self.same, **facts)


# --- the command line -------------------------------------------------------------------------------------------------


def run(name: str, options) -> int:
    """Make the result of a study, or run an experiment; options: as `__main__.parser` gives them.

    Raises ValueError for an unknown name or for an option that what is named does not take.
    """
    check_jobs(options.jobs)
    for seed in options.seeds or ():
        if seed < 0:
            raise ValueError(f"--seeds takes numbers from 0 on, got {seed}")
    if name in registry.all_results():
        return run_study(registry.all_results()[name], options)
    if name in experiments.names() or name.endswith(".toml"):
        own = name.endswith(".toml") and Path(name).resolve().parent != REPORT / "experiments"
        return run_experiment(experiments.load(name), options, own)
    known = ", ".join([*experiments.names(), *registry.all_results()])
    raise ValueError(f"there is nothing named {name!r} to run; known are {known}")


def check_jobs(jobs: int) -> None:
    """Raise ValueError for no jobs at all."""
    if jobs == 0:
        raise ValueError("--jobs takes how many run at a time, -1 for one a core, got 0")


def _refuse(name: str, kind: str, options, **unknown: str) -> None:
    """Raise ValueError for an option that this kind does not take; unknown: options, each with a hint."""
    for option, hint in unknown.items():
        if getattr(options, option):
            shown = {"changes": "set"}.get(option, option)
            raise ValueError(f"{name} is {kind} and takes no --{shown}{hint}")


def run_study(result: registry.Result, options) -> int:
    """Make the result of a study, where and how the options say."""
    _refuse(result.name, "a study", options, **dict.fromkeys(("variants", "device", "cluster", "cache", "work"), ""))
    for option in ("dataset", "seeds"):
        if getattr(options, option) and not getattr(result, option):
            raise ValueError(f"{result.name} takes no --{option}")
    if options.dataset:
        schema.known_data_set(options.dataset)
    root = options.root or REPORT
    out = options.out or (root / "results" / result.name)
    job = Job(result, out, root, options.dataset or result.dataset, tuple(options.seeds or result.seeds), options.jobs,
              options.again, settings(result, options.changes or []))
    own = vars(job.settings) != dict(result.settings) or job.dataset != result.dataset
    if own and result.recorded and out.resolve().is_relative_to(RESULTS):
        raise ValueError(f"{result.name} with other settings or data is not the result that is recorded in {out}; name "
                         "a folder of its own with --out")
    with process.alone(job.out) if result.recorded else contextlib.nullcontext():
        return result.make(job) or 0


def settings(result: registry.Result, changes: Sequence[str]) -> SimpleNamespace:
    """A study's settings with NAME=VALUE changes. Raises ValueError for an unknown name or a value of another type."""
    found = dict(result.settings)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name not in found:
            known = ", ".join(found) or "none"
            raise ValueError(f"--set takes NAME=VALUE with a setting of {result.name} ({known}), got {change!r}")
        found[name] = _converted(name, value, found[name])
    return SimpleNamespace(**found)


def _converted(name: str, value: str, like: Any):
    """Text as a value of the type of another; a tuple has commas between its values."""
    try:
        if isinstance(like, tuple):
            return tuple(_converted(name, one, like[0]) for one in value.split(","))
        if isinstance(like, bool):
            return {"true": True, "false": False}[value.lower()]
        found = type(like)(value)
    except (KeyError, ValueError):
        kind = "true or false" if isinstance(like, bool) else f"of type {type(like).__name__}"
        raise ValueError(f"setting {name!r} takes a value {kind}, got {value!r}") from None
    if isinstance(like, int) and found < 0:
        raise ValueError(f"setting {name!r} takes numbers from 0 on, got {value}")
    return found


def run_experiment(experiment: experiments.Experiment, options, own: bool = False) -> int:
    """Run an experiment, where and how the options say; own: its file is none of report/experiments."""
    hint = "; write what is to change into a copy of its file, and run that: python -m report run ./my.toml"
    _refuse(experiment.name, "an experiment", options, dataset=hint, changes=hint)
    experiment = experiment.narrowed(options.variants or (), options.seeds or ())
    root = options.root or (Path() if own else REPORT)
    out, work = options.out or root / "results" / experiment.name, options.work or root / "work" / experiment.name
    if own and out.resolve().is_relative_to(RESULTS):
        raise ValueError(f"{out} is for the results of report/experiments; name another folder with --out")
    if options.device:
        check_device(options.device)
    with contextlib.ExitStack() as stack:
        if options.cluster:
            stack.enter_context(_cluster(options.cluster))
        print(f"{experiment.name}: {len(experiment.asked or ())} runs, results in {out}, checkpoints in {work}. "
              f"{experiment.description}")
        if not options.again:
            print("Runs that are recorded in the results folder are not repeated; --again repeats them.")
        results = experiments.run(experiment, out, work, options.jobs, again=options.again, device=options.device,
                                  cache=options.cache, anew=options.again)
    print(f"results: {results}")
    return 0


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[None]:
    """Runs are spread over a dask cluster. Raises ValueError where the package is missing, where nobody answers, and
    where the scheduler or a worker cannot import this repository, which dask itself would only wait for."""
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--cluster needs the package distributed: pip install distributed") from None
    try:
        client = Client(address)
    except Exception as error:  # whatever else may answer there
        raise ValueError(f"--cluster: no dask scheduler answers at {address} ({error})") from None

    def found() -> bool:  # inside, so that it is sent as it stands, and needs no import to be read
        import importlib.util
        return all(map(importlib.util.find_spec, ("report", "rstdp")))

    with client:
        there = {"the scheduler": client.run_on_scheduler(found), **client.run(found)}
        if missing := [who for who, finds in there.items() if not finds]:
            raise ValueError(f"--cluster: {', '.join(missing)} cannot import this repository; start both in its "
                             f"folder: python -m dask scheduler, python -m dask worker {address}")
        with parallel_config(backend="dask"):
            yield
