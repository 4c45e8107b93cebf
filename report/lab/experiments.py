"""Experiments by name: variants times seeds, from a file, in parallel, resumable, with results that carry provenance.

An experiment is a TOML file in report/experiments; its results go to report/results/<name>. `[defaults]` are merged
into every variant. A variant's `config` is what it starts from, and its `passes` name a study's rules of learning,
where it does not learn by the model's own. Runs are independent, so joblib spreads them over the cores, or, inside
`joblib.parallel_config(backend="dask")`, over a cluster.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from rstdp import data
from rstdp.config import LAYERS, Config, get_config
from rstdp.fast import batched
from rstdp.files import write_whole
from rstdp.learning import Passes
from rstdp.plasticity import BUILT_IN, get_rule
from rstdp.show import process
from rstdp.training import Trainer, write_csv

from .. import REPORT
from . import parallel, provenance, registry, schema

EVENTS = "nmnist"  #: how the names of those data sets begin that depend on the fingerprint "events"


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
    parameters: dict = field(default_factory=dict)  #: the file as it was read, defaults merged into the variants
    passes: dict[str, str] = field(default_factory=dict)  #: of the variants that learn by a study's rules, their name
    asked: tuple[tuple[str, int], ...] | None = None  #: the runs to make now, None for all

    def runs(self) -> list[tuple[str, int]]:
        return [(variant, seed) for variant in self.variants for seed in self.seeds]

    def needs(self, variant: str) -> tuple[str, ...]:
        """The fingerprints that a run of this variant depends on."""
        return _needs(self.dataset, self.variants[variant], self.passes.get(variant, ""))

    def narrowed(self, variants: Iterable[str] = (), seeds: Iterable[int] = ()) -> Experiment:
        """The same, of which `run` makes these variants and seeds only, () for all. Raises ValueError for others."""
        for what, asked, known in (("variant", variants, self.variants), ("seed", seeds, self.seeds)):
            for one in asked:
                if one not in known:
                    raise ValueError(f"experiment {self.name!r} has no {what} {one!r}; it has "
                                     + ", ".join(map(str, known)))
        return dataclasses.replace(self, asked=tuple(
            (variant, seed) for variant, seed in self.runs()
            if (not variants or variant in variants) and (not seeds or seed in seeds)))


def names() -> list[str]:
    """The experiments that have a file."""
    return sorted(path.stem for path in (REPORT / "experiments").glob("*.toml"))


def recorded_names() -> list[str]:
    """The experiments whose results are recorded: all that no preset trains by itself."""
    presets = (schema.read(path, schema.PresetFile)[0] for path in (REPORT / "presets").glob("*.toml"))
    return sorted(set(names()) - {name for preset in presets for name in preset.experiments})


def load(name: str) -> Experiment:
    """Read report/experiments/<name>.toml, or a path that ends in .toml.

    Raises ValueError that names what is unknown, of another type, out of range, or does not go together.
    """
    path = Path(name) if name.endswith(".toml") else REPORT / "experiments" / f"{name}.toml"
    if not path.exists():
        raise ValueError(f"unknown experiment {name!r}; known are {', '.join(names())}")
    read, raw = schema.read(path, schema.ExperimentFile)
    if not read.variants:
        raise ValueError(f"{path} has no [variants.<name>]: there is nothing to train")
    defaults = raw.pop("defaults", {})
    raw["variants"] = {name: {**defaults, **changes} for name, changes in raw["variants"].items()}
    variants, passes = {}, {}
    for variant, changes in raw["variants"].items():
        try:
            config, rules = configure(changes)
            _check(config, rules, changes)
        except ValueError as error:
            raise ValueError(f"{path}, variant {variant!r}: {error}") from error
        variants[variant] = dataclasses.replace(config, name=variant)
        if rules:
            passes[variant] = rules
    return Experiment(path.stem, read.description, read.dataset, variants, tuple(read.seeds), read.train, read.test,
                      read.validation, read.weights, raw, passes)


def _check(config: Config, rules: str, changes: dict) -> None:
    """Raise ValueError where a variant would stop, or its results could not become stale."""
    for name, value in changes.items():
        if name not in ("config", "passes"):
            schema.same_kind(f"parameter {name!r}", value, functools.reduce(getattr, name.split("."), config))
    for layer in LAYERS:
        get_rule(getattr(config, layer).rule)
    for name in _needs("", config, rules):
        if name not in (provenance.CORE, *registry.all_fingerprints()):
            raise ValueError(f"{name!r} has no fingerprint: add a tiny run of it, a function under "
                             f'@registry.fingerprint("{name}"), so that its results become stale when it changes')
    if rules:
        registry.all_passes()[rules].check(config)


def configure(changes: dict) -> tuple[Config, str]:
    """The configuration of a variant's table, and the name of its passes, "" for the model's own.

    Raises ValueError that names an unknown configuration, parameter or passes.
    """
    changes = dict(changes)
    config, rules = get_config(changes.pop("config", "spyketorch")), changes.pop("passes", "")
    known = registry.all_passes()
    if rules and rules not in known:
        raise ValueError(f"unknown passes {rules!r}; known are {', '.join(sorted(known))}")
    if not rules:  # as in results that were recorded before variants named their passes
        rules = next((name for name, each in known.items() if changes.keys() & set(each.parameters)), "")
    if rules:
        config = known[rules].kind.config.of(config)
    return config.replace(changes), rules


def needs(facts: dict, variant: str) -> tuple[str, ...]:
    """The fingerprints that a recorded run depends on, given the facts of its experiment."""
    return _needs(facts["dataset"], *configure(facts["parameters"]["variants"][variant]))


def _needs(dataset: str, config: Config, rules: str) -> tuple[str, ...]:
    """The core, passes and rules that are a study's own, and how events are made where the data set has some."""
    own = dict.fromkeys(rule for layer in LAYERS if (rule := getattr(config, layer).rule) not in BUILT_IN)
    return (provenance.CORE, *([rules] if rules else []), *own, *(["events"] if dataset.startswith(EVENTS) else []))


def run(experiment: Experiment, results: Path, work: Path, jobs: int = -1, quiet: bool = False, again: bool = False,
        device: str = "", cache: Path | None = None, anew: bool = False) -> Path:
    """Train every variant with every seed and write accuracy.csv, provenance.json and the final weights.

    results: folder of the small files to keep; work: folder of the checkpoints, from which an interrupted run resumes,
    unless the code computes something else since. Runs that the results folder holds already, of this configuration,
    data and behaviour of the code, are not repeated, unless `again`, which goes on from checkpoints, or begins `anew`.
    device: S3 of all seeds of a variant learns there in one batch, for example "cuda"; without it `jobs` runs share the
    cores. cache: folder for spike times (see `Trainer`). Returns the results folder. Files are brought up to date after
    every run, so that nothing finished is lost. Raises ValueError for what does not go together, before it trains.
    """
    dataset = data.load(experiment.dataset, experiment.train, experiment.test)
    checksum, asked = dataset.checksum(), experiment.asked or experiment.runs()
    kept = recorded(experiment, results, checksum)
    left = [one for one in asked if again or one not in kept]
    if not left:
        return results
    dataset.split(experiment.validation)
    for variant in dict.fromkeys(variant for variant, _ in left):
        _try(experiment, variant, dataset)
    if device:
        groups = [[one for one in left if one[0] == variant] for variant in experiment.variants]
    else:
        groups = [[one] for one in left]
    tasks = [(experiment, group, work, quiet, device, cache) for group in groups if group]
    done = parallel.spread(_train, tasks, 1 if device else jobs)
    with process.alone(results), contextlib.closing(done):
        _drop(experiment, left, work, anew)
        for _ in done:
            collect(experiment, results, work, checksum)
    return results


def _train(experiment: Experiment, runs: list[tuple[str, int]], work: Path, quiet: bool, device: str,
           cache: Path | None) -> None:
    """Train one run, or with `device` all seeds of a variant in one batch, each in its folder."""
    registry.discover()  # a worker process knows no rule, encoder or data set of a study yet
    if not device:
        torch.set_num_threads(1)  # the runs share the cores between them
    with contextlib.ExitStack() as stack:
        for variant, seed in runs:  # those that a killed command has left are about to end
            stack.enter_context(process.alone(work / f"{variant}-{seed}", wait=30))
        _train_alone(experiment, runs, work, quiet, device, cache)


def _train_alone(experiment: Experiment, runs: list[tuple[str, int]], work: Path, quiet: bool, device: str,
                 cache: Path | None) -> None:
    """`_train` where no other process is in the folders."""
    dataset, trainers = data.load(experiment.dataset, experiment.train, experiment.test), []
    for variant, seed in runs:
        folder = work / f"{variant}-{seed}"
        trainer = Trainer(experiment.variants[variant], dataset, seed, folder, experiment.validation,
                          _passes(experiment, variant), quiet, cache)
        if not (trainer.finished and (folder / "run.json").exists()):
            trainers.append(trainer)
            sessions = _sessions(folder)
            sessions.append(provenance.describe(experiment.needs(variant), from_epoch=len(trainer.rows),
                                                device=device or "cpu"))
            provenance.write_json(folder / "sessions.json", sessions)
    if device and trainers:
        batched.learn_s3(trainers, device)
    for trainer in trainers:
        folder = work / f"{trainer.config.name}-{trainer.seed}"
        trainer.run()
        provenance.write_json(folder / "run.json", {
            "variant": trainer.config.name, "seed": trainer.seed, "sessions": _sessions(folder),
            "peak_memory_mb": provenance.peak_memory_mb(), "seconds": round(trainer.seconds, 1)})


def _passes(experiment: Experiment, variant: str) -> Passes:
    """How a variant learns: by the model's own rules, or by a study's."""
    return registry.all_passes()[experiment.passes[variant]].kind() if variant in experiment.passes else Passes()


def _sessions(folder: Path) -> list[dict]:
    """Where a run was computed; one that was resumed may have seen several versions of the code."""
    path = folder / "sessions.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def _try(experiment: Experiment, variant: str, dataset: data.Dataset) -> None:
    """Let an image pass through an untrained network. Raises ValueError where a variant does not go with the data."""
    try:
        trainer = Trainer(experiment.variants[variant], dataset.subset(1, 1), passes=_passes(experiment, variant))
        trainer.network.potentials(trainer.network.features(trainer.data.train_images))
    except (ValueError, RuntimeError) as error:  # the second is torch's, where a window is larger than its input
        raise ValueError(f"experiment {experiment.name!r}, variant {variant!r} does not go with {dataset.name}: "
                         f"{str(error).splitlines()[0]}") from error


def _drop(experiment: Experiment, runs: list[tuple[str, int]], work: Path, anew: bool) -> None:
    """Remove checkpoints of code that computed something else, as a run that went on from them would be of neither; or,
    to begin `anew`, all. Raises ValueError where one holds more passes than the experiment asks for.
    """
    for variant, seed in runs:
        folder, epochs = work / f"{variant}-{seed}", experiment.variants[variant].s3.epochs
        reasons = stale(_sessions(folder), experiment.needs(variant))
        if folder.exists() and (anew or reasons):
            print(f"{folder}: {(reasons or ['it was there'])[0]}; it is trained anew", flush=True)
            shutil.rmtree(folder)
        elif (held := len(_rows(folder))) > epochs:
            raise ValueError(f"{folder} holds {held} passes, more than the {epochs} asked for; --again trains it anew")


def stale(sessions: Iterable[dict], needs: Iterable[str], **how) -> list[str]:
    """Why a run is not what this code would give, [] where it is: each of its sessions counts. how: see `provenance`"""
    return list(dict.fromkeys(reason for one in sessions for reason in provenance.stale(one, needs, **how)))


def _rows(folder: Path) -> list[list[str]]:
    """The rows of a folder's accuracy.csv, [] where there is none."""
    try:
        with open(folder / "accuracy.csv", newline="", encoding="utf-8") as file:
            return list(csv.reader(file))[1:]
    except FileNotFoundError:
        return []


def recorded(experiment: Experiment, results: Path, checksum: str) -> dict[tuple[str, int], tuple[dict, list]]:
    """The runs in a results folder that are still valid: {(variant, seed): (its provenance, its rows)}.

    Valid are runs with all their epochs, of the present configuration and data, by code that computed the same. Raises
    ValueError where the folder holds something else than a result of this experiment.
    """
    if not any((results / name).exists() for name in ("provenance.json", "accuracy.csv")):
        return {}
    facts, rows = schema.facts(results), _rows(results)
    if facts["experiment"] != experiment.name:
        raise ValueError(f"{results} holds the result of experiment {facts['experiment']!r}, not of "
                         f"{experiment.name!r}; choose another --out")
    found = {}
    for one in facts["runs"]:
        config = experiment.variants.get(one["variant"])
        mine = [row for row in rows if row[:2] == [one["variant"], str(one["seed"])]]
        if (config and facts["data_md5"] == checksum and len(mine) == config.s3.epochs
                and facts["configurations"].get(one["variant"]) == config.digest()
                and not stale(one["sessions"], experiment.needs(one["variant"]))):
            found[one["variant"], one["seed"]] = one, mine
    return found


def collect(experiment: Experiment, results: Path, work: Path, checksum: str) -> None:
    """Gather the runs that are complete so far into the results folder, beside those recorded there before.

    The weights of each variant's first seed are kept with them, unless the experiment has `weights = false`.
    """
    results.mkdir(parents=True, exist_ok=True)
    kept, rows, runs = recorded(experiment, results, checksum), [], []
    for variant, seed in experiment.runs():
        folder = work / f"{variant}-{seed}"
        made, whole = _rows(folder), (folder / "run.json").exists()
        if (whole and len(made) == experiment.variants[variant].s3.epochs
                and not stale(_sessions(folder), experiment.needs(variant))):
            rows += made
            runs.append(json.loads((folder / "run.json").read_text(encoding="utf-8")))
            if experiment.weights and seed == experiment.seeds[0]:
                weights = (folder / "weights.npz").read_bytes()
                write_whole(results / f"{variant}-{seed}.npz", lambda file, weights=weights: file.write(weights))
        elif (variant, seed) in kept:
            runs.append(kept[variant, seed][0])
            rows += kept[variant, seed][1]
    write_csv(results / "accuracy.csv", rows)
    everything = dict.fromkeys(name for variant in experiment.variants for name in experiment.needs(variant))
    facts = provenance.describe(
        everything, experiment=experiment.name, parameters=experiment.parameters, dataset=experiment.dataset,
        data_md5=checksum,
        configurations={name: config.digest() for name, config in experiment.variants.items()}, runs=runs,
        complete=len(runs) == len(experiment.runs()))
    provenance.write_json(results / "provenance.json", facts)
