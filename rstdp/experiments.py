"""Experiments by name: variants times seeds, from a file, in parallel, resumable, with results that carry provenance.

An experiment is a TOML file in report/experiments; its results go to report/results/<name>. Runs are independent, so
joblib spreads them over the cores, or, inside `joblib.parallel_config(backend="dask")`, over a cluster.
"""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from joblib import Parallel, delayed

from . import batched, datasets, provenance
from .config import Config, get_config
from .files import write_json
from .training import Trainer, write_csv

ROOT = Path(__file__).resolve().parent.parent / "report"
KEYS = {"description", "dataset", "train", "test", "validation", "seeds", "weights", "variants"}


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
    weights: bool = True  #: keep the final weights of each variant's first seed with the results
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
    train, test, validation = (raw.get(key, 0) for key in ("train", "test", "validation"))
    return Experiment(path.stem, raw.get("description", ""), raw.get("dataset", "digits"), variants,
                      tuple(raw.get("seeds", [0])), train, test, validation, bool(raw.get("weights", True)), raw)


def run(experiment: Experiment, results: Path | None = None, work: Path | None = None, jobs: int = -1,
        quiet: bool = False, again: bool = False, device: str = "", cache: Path | None = None) -> Path:
    """Train every variant with every seed and write accuracy.csv, provenance.json and the final weights.

    results: folder of the small files to keep (report/results/<name>); work: folder of the checkpoints
    (report/work/<name>), from which an interrupted run resumes. Runs that the results folder holds already, of this
    configuration, data and behaviour of the code, are not repeated, unless `again`. device: S3 of all seeds of a
    variant learns there in one batch, for example "cuda"; without it `jobs` runs share the cores. cache: folder for
    spike times (see `Trainer`). Returns the results folder. Files are brought up to date after every run, so that
    nothing finished is lost.
    """
    results = Path(results or ROOT / "results" / experiment.name)
    work = Path(work or ROOT / "work" / experiment.name)
    checksum = datasets.load(experiment.dataset, train=experiment.train, test=experiment.test).checksum()
    kept = {} if again else recorded(experiment, results, checksum)
    left = [(variant, seed) for variant, seed in experiment.runs() if (variant, seed) not in kept]
    if device:
        groups = [[one for one in left if one[0] == variant] for variant in experiment.variants]
    else:
        groups = [[one] for one in left]
    done = Parallel(n_jobs=1 if device else jobs, return_as="generator_unordered")(
        delayed(_train)(experiment, group, work, quiet, device, cache) for group in groups if group)
    for _ in done:
        collect(experiment, results, work, checksum, again)
    return results


def _train(experiment: Experiment, runs: list[tuple[str, int]], work: Path, quiet: bool, device: str,
           cache: Path | None) -> None:
    """Train one run, or with `device` all seeds of a variant in one batch, each in its folder."""
    if not device:
        torch.set_num_threads(1)  # the runs share the cores between them
    data, trainers = datasets.load(experiment.dataset, train=experiment.train, test=experiment.test), []
    for variant, seed in runs:
        folder = work / f"{variant}-{seed}"
        trainer = Trainer(experiment.variants[variant], data, seed, folder, experiment.validation, variant, quiet=quiet,
                          cache=cache)
        if not (trainer.finished and (folder / "run.json").exists()):
            trainers.append(trainer)
            sessions = _sessions(folder)
            sessions.append(provenance.describe(from_epoch=len(trainer.rows), device=device or "cpu"))
            write_json(folder / "sessions.json", sessions)
    if device and trainers:
        batched.learn_s3(trainers, device)
    for trainer in trainers:
        folder = work / f"{trainer.variant}-{trainer.seed}"
        trainer.run()
        write_json(folder / "run.json", {
            "variant": trainer.variant, "seed": trainer.seed, "sessions": _sessions(folder),
            "peak_memory_mb": provenance.peak_memory_mb(), "seconds": round(trainer.seconds, 1)})


def _sessions(folder: Path) -> list[dict]:
    """Where a run was computed; one that was resumed may have seen several versions of the code."""
    path = folder / "sessions.json"
    return json.loads(path.read_text()) if path.exists() else []


def recorded(experiment: Experiment, results: Path, checksum: str) -> dict[tuple[str, int], tuple[dict, list]]:
    """The runs in a results folder that are still valid: {(variant, seed): (its provenance, its rows)}.

    Valid are runs with all their epochs, of the present configuration and data, by code that computed the same.
    """
    try:
        facts = json.loads((results / "provenance.json").read_text())
        with open(results / "accuracy.csv", newline="") as file:
            rows = list(csv.reader(file))[1:]
    except (OSError, ValueError):
        return {}
    found = {}
    for one in facts["runs"]:
        config = experiment.variants.get(one["variant"])
        mine = [row for row in rows if row[:2] == [one["variant"], str(one["seed"])]]
        if (config and facts["data_md5"] == checksum and len(mine) == config.s3.epochs
                and facts["configurations"].get(one["variant"]) == config.digest()
                and one["sessions"][-1]["behaviour"] == provenance.behaviour()):
            found[one["variant"], one["seed"]] = one, mine
    return found


def collect(experiment: Experiment, results: Path, work: Path, checksum: str, again: bool = False) -> None:
    """Gather the runs that are complete so far into the results folder, beside those recorded there before.

    The weights of each variant's first seed are kept with them, unless the experiment has `weights = false`.
    """
    results.mkdir(parents=True, exist_ok=True)
    kept, rows, runs = {} if again else recorded(experiment, results, checksum), [], []
    for variant, seed in experiment.runs():
        folder = work / f"{variant}-{seed}"
        if (folder / "run.json").exists():
            with open(folder / "accuracy.csv", newline="") as file:
                rows += list(csv.reader(file))[1:]
            runs.append(json.loads((folder / "run.json").read_text()))
            if experiment.weights and seed == experiment.seeds[0]:
                (results / f"{variant}-{seed}.npz").write_bytes((folder / "weights.npz").read_bytes())
        elif (variant, seed) in kept:
            runs.append(kept[variant, seed][0])
            rows += kept[variant, seed][1]
    write_csv(results / "accuracy.csv", rows)
    facts = provenance.describe(
        experiment=experiment.name, parameters=experiment.parameters, dataset=experiment.dataset, data_md5=checksum,
        configurations={name: config.digest() for name, config in experiment.variants.items()}, runs=runs,
        complete=len(runs) == len(experiment.runs()))
    write_json(results / "provenance.json", facts)
