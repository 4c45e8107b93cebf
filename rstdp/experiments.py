"""Experiments by name: variants times seeds, from a file, in parallel, resumable, with results that carry provenance.

An experiment is a TOML file in report/experiments; its results go to report/results/<name>. Runs are independent, so
joblib spreads them over the cores, or, inside `joblib.parallel_config(backend="dask")`, over a cluster.
"""

from __future__ import annotations

import csv
import json
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from joblib import Parallel, delayed

from . import datasets, provenance
from .config import Config, get_config
from .files import write_whole
from .training import Trainer, write_csv

ROOT = Path(__file__).resolve().parent.parent / "report"
KEYS = {"description", "dataset", "train", "test", "validation", "seeds", "variants"}


@dataclass(frozen=True)
class Experiment:
    """Which variants of the model to train on which data, with which seeds."""

    name: str
    description: str
    dataset: str
    variants: dict[str, Config]
    seeds: tuple[int, ...] = (0,)
    train: int = 0  #: training images, 0 for all
    test: int = 0
    validation: int = 0  #: of the training images, held out
    parameters: dict = field(default_factory=dict)  #: the file as it was read

    def runs(self) -> list[tuple[str, int]]:
        return [(variant, seed) for variant in self.variants for seed in self.seeds]


def names() -> list[str]:
    """The experiments that have a file."""
    return sorted(path.stem for path in (ROOT / "experiments").glob("*.toml"))


def load(name: str) -> Experiment:
    """Read report/experiments/<name>.toml, or a path that ends in .toml.

    Raises ValueError that names an unknown experiment, key, configuration or parameter.
    """
    path = Path(name) if name.endswith(".toml") else ROOT / "experiments" / f"{name}.toml"
    if not path.exists():
        raise ValueError(f"unknown experiment {name!r}; known are {', '.join(names())}")
    try:
        raw = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    for key in raw.keys() - KEYS:
        raise ValueError(f"{path}: unknown key {key!r}; known are {', '.join(sorted(KEYS))}")
    variants = {}
    for variant, changes in raw.get("variants", {}).items():
        changes = dict(changes)
        try:
            variants[variant] = get_config(changes.pop("config", "spyketorch")).replace(changes)
        except ValueError as error:
            raise ValueError(f"{path}, variant {variant!r}: {error}") from error
    if not variants:
        raise ValueError(f"{path} has no [variants.<name>]: there is nothing to train")
    sizes = (raw.get(key, 0) for key in ("train", "test", "validation"))
    return Experiment(path.stem, raw.get("description", ""), raw.get("dataset", "digits"), variants,
                      tuple(raw.get("seeds", [0])), *sizes, raw)


def run(experiment: Experiment, results: Path | None = None, work: Path | None = None, jobs: int = -1,
        quiet: bool = False) -> Path:
    """Train every variant with every seed and write accuracy.csv, provenance.json and the final weights.

    results: folder of the small files to keep (report/results/<name>); work: folder of the checkpoints
    (report/work/<name>), from which an interrupted run resumes. Returns the results folder. Files are brought up to
    date after every run, so that nothing finished is lost.
    """
    results = Path(results or ROOT / "results" / experiment.name)
    work = Path(work or ROOT / "work" / experiment.name)
    data = datasets.load(experiment.dataset).subset(experiment.train, experiment.test)
    checksum = data.checksum()
    done = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(_one)(experiment, variant, seed, work / f"{variant}-{seed}", quiet)
        for variant, seed in experiment.runs())
    for variant, seed in done:
        collect(experiment, results, work, checksum)
    return results


def _one(experiment: Experiment, variant: str, seed: int, folder: Path, quiet: bool) -> tuple[str, int]:
    torch.set_num_threads(1)  # the runs share the cores between them
    data = datasets.load(experiment.dataset).subset(experiment.train, experiment.test)
    trainer = Trainer(experiment.variants[variant], data, seed, folder, experiment.validation, variant, quiet=quiet)
    if trainer.finished and (folder / "run.json").exists():
        return variant, seed
    sessions = folder / "sessions.json"  # a resumed run may have seen several versions of the code
    earlier = json.loads(sessions.read_text()) if sessions.exists() else []
    earlier.append(provenance.describe(from_epoch=len(trainer.rows)))
    _write_json(sessions, earlier)
    started = time.perf_counter()
    trainer.run()
    facts = {"variant": variant, "seed": seed, "seconds": round(time.perf_counter() - started, 1), "sessions": earlier}
    _write_json(folder / "run.json", facts)
    return variant, seed


def collect(experiment: Experiment, results: Path, work: Path, checksum: str) -> None:
    """Gather the runs that are complete so far into the results folder."""
    results.mkdir(parents=True, exist_ok=True)
    rows, runs = [], []
    for variant, seed in experiment.runs():
        folder = work / f"{variant}-{seed}"
        if (folder / "run.json").exists():
            with open(folder / "accuracy.csv", newline="") as file:
                rows += list(csv.reader(file))[1:]
            runs.append(json.loads((folder / "run.json").read_text()))
            (results / f"{variant}-{seed}.npz").write_bytes((folder / "weights.npz").read_bytes())
    write_csv(results / "accuracy.csv", rows)
    facts = provenance.describe(
        experiment=experiment.name, parameters=experiment.parameters, dataset=experiment.dataset, data_md5=checksum,
        configurations={name: config.digest() for name, config in experiment.variants.items()}, runs=runs,
        complete=len(runs) == len(experiment.runs()))
    _write_json(results / "provenance.json", facts)


def _write_json(path: Path, facts) -> None:
    write_whole(path, lambda file: file.write(json.dumps(facts, indent=1).encode()))
