"""Where results come from: fingerprints of what the code computes, and which results a change makes stale."""

import json
import subprocess

import numpy as np
import pytest
import torch

import rstdp
from report import RESULTS, ROOT
from report.lab import experiments, provenance, registry
from report.studies import benchmark, committee, crossed, readout, second_try, slow_weights
from report.studies.handmade import runs as handmade
from report.studies.limits import conscience, dropout, scaled, shuffled, started
from report.studies.nmnist import decisions, real, validation
from report.studies.reward import rules as reward
from report.studies.student import as_run, factorial
from report.studies.student import rules as student
from report.studies.task2 import choices, leads, model
from report.studies.verify import agreement
from rstdp import plasticity
from rstdp.events import simulator
from rstdp.learning import Passes
from rstdp.network import Network


def stale() -> set[str]:
    """The recorded results that are stale, studies by name and runs of experiments as "experiment/variant"."""
    found = set()
    for name, result in registry.results().items():
        facts = json.loads((RESULTS / name / "provenance.json").read_text())
        if provenance.stale(facts, result.needs):
            found.add(name)
    for name in experiments.names():
        path = RESULTS / name / "provenance.json"
        facts = json.loads(path.read_text()) if path.exists() else {"runs": []}
        for run in facts["runs"]:
            if provenance.stale(run["sessions"][-1], experiments.needs(facts, run["variant"])):
                found.add(f"{name}/{run['variant']}")
    return found


@pytest.fixture()
def fresh():
    """Nothing is remembered from before a test, nor after it."""
    provenance.fingerprint.cache_clear()
    yield
    provenance.fingerprint.cache_clear()


def runs(*names, passes=None):
    """All runs of these experiments, or those of some passes."""
    return {f"{name}/{variant}" for name in names for variant in experiments.load(name).variants
            if passes in (None, experiments.load(name).passes.get(variant))}


def so_far(name, passes=None):
    """The variants of an experiment that are recorded, all or those that have such passes."""
    path = RESULTS / name / "provenance.json"
    made = json.loads(path.read_text())["runs"] if path.exists() else []
    return {f"{name}/{run['variant']}" for run in made} & runs(name, passes=passes)


def other_bars(rates, phi_r, phi_p):
    return (0.1, -0.1), (-0.1, 0.1)


def silent_learner(network):
    return lambda times, labels, phi: torch.full((len(times), 2), -1)


EVENTS = ("nmnist", "nmnist-first", "nmnist-saccades", "nmnist-stabilised")
#: what is changed: (where, a constant or a rule, its new value, the results that must become stale)
CHANGES = {
    "student": (student, "neuron_classes", lambda network, c2: torch.zeros(20, 100, dtype=torch.int64),
                lambda: runs("student", "student-full", "nmnist-first", passes="student")),
    "student-as-run": (as_run, "LAYERS", {"s1": (1, 0), "s2": (1, 0)}, lambda: {
        "student-agreement", "student-as-run", "student-factorial", "student-nmnist"}),
    "student-factorial": (factorial, "COMBINATIONS", {"none": factorial.COMBINATIONS["none"]},
                          lambda: {"student-factorial", "student-nmnist"}),
    "s2-reward": (reward, "both_learner", silent_learner,
                  lambda: runs("s2-reward") | so_far("s2-reward-full")),
    "first-spike": (reward, "first_spike_learner", lambda network, learns=True: reward.learning.rstdp_learner(network),
                    lambda: runs("first-spike") | so_far("first-spike-full")),
    "s3-stdp": (reward, "label_maps", lambda network, winners, labels: None,
                lambda: {"s3-rule/stdp"} | so_far("limits", "started")),
    "second-try": (second_try, "learner", silent_learner, lambda: runs("second-try")),
    "crossed": (crossed, "Network", lambda config, seed: Network(config, seed + 7), lambda: {"crossed"}),
    "slow-weights": (slow_weights, "learner", silent_learner,
                     lambda: {"committee"} | so_far("slow-weights", "slow-weights")),
    "committee": (committee, "seed_of", lambda seed, number: 7, lambda: {"committee"}),
    "dropout": (dropout, "learner", lambda network, handicaps: silent_learner(network),
                lambda: so_far("limits", "dropout")),
    "conscience": (conscience, "LATELY", 1.0, lambda: so_far("limits", "conscience")),
    "scaled": (scaled, "ScaledPasses", type("Plain", (Passes,), {"config": scaled.ScaledConfig}),
               lambda: so_far("limits", "scaled")),
    "shuffled": (shuffled, "order", lambda images, seed, epoch: torch.arange(images),
                 lambda: so_far("limits", "shuffled")),
    "started": (started, "stdp_epoch", lambda network, times, labels, on_images: 0.5,
                lambda: so_far("limits", "started")),
    "events": (simulator, "TREMOR", (25, 60), lambda: runs(*EVENTS) | {
        "nmnist-simulator", "nmnist-decisions", "nmnist-real", "student-nmnist"}),
    "nmnist-simulator": (validation, "MOST", 11, lambda: {"nmnist-simulator"}),
    "nmnist-decisions": (decisions, "FITTED", 199, lambda: {"nmnist-decisions"}),
    "nmnist-real": (real, "PASSES", {"s1.epochs": 21, "s2.epochs": 40}, lambda: {"nmnist-real"}),
    "task2": (model, "reward_rates", other_bars, lambda: {
        "task2", "task2-passes", "task2-nearest", "task2-choices", "task2-leads"}),
    "task2-leads": (leads, "BASE", leads.BASE._replace(passes=16), lambda: {"task2-leads"}),
    "task2-choices": (choices, "SIZES", (4, 10), lambda: {"task2-choices"}),
    "handmade": (handmade, "VARIANTS", {**handmade.VARIANTS, "one winner": {"winners": 3}}, lambda: {"handmade"}),
    "readout": (readout, "CLASSIFIERS", dict(list(readout.CLASSIFIERS.items())[:1]), lambda: {"readout"}),
    "verify": (agreement, "TIE", 1e-2, lambda: {"verify"}),
    "benchmark": (benchmark, "REPEATS", 3, lambda: {"benchmark"}),
}


def test_nothing_recorded_is_stale(fresh):
    assert not stale()


def test_every_study_is_changed_once():
    assert set(CHANGES) == set(registry.all_fingerprints())
    needed = {name for result in registry.results().values() for name in result.needs}
    needed |= {name for experiment in map(experiments.load, experiments.names()) for variant in experiment.variants
               for name in experiment.needs(variant)}
    assert needed == set(CHANGES) | {provenance.CORE}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_study_makes_its_own_results_stale_and_no_others(name, fresh, monkeypatch):
    where, what, value, expected = CHANGES[name]
    monkeypatch.setattr(where, what, value)
    assert stale() == expected()


def test_a_changed_core_makes_stale_what_is_made_with_it(fresh, monkeypatch):
    before = provenance.behaviour.__wrapped__()
    assert before == provenance.behaviour() == provenance.behaviour.__wrapped__()
    monkeypatch.setattr(plasticity, "hits_and_misses", lambda decisions, labels: (1, 2))
    after = provenance.behaviour.__wrapped__()
    assert after != before
    monkeypatch.undo()
    monkeypatch.setattr(provenance, "behaviour", lambda: after)
    trained = {name for name in experiments.names() if (RESULTS / name / "provenance.json").exists()}
    assert stale() == runs(*trained) | set(registry.results()) - {"handmade", "nmnist-simulator"}


def test_reasons_are_named(fresh):
    facts = {"behaviour": "older", "studies": {"student": "older"}}
    assert provenance.stale(facts, ("core", "student")) == [
        "the code computes something else since", "what `student` computes has changed since"]
    now = provenance.describe(("core", "student"), dataset="digits")
    assert now["dataset"] == "digits" and list(now["studies"]) == ["student"]
    assert not provenance.stale(now, ("core", "student"))


def test_a_digest_tells_arrays_tensors_and_values_apart():
    found = {provenance.digest(parts) for parts in ([np.arange(3)], [np.arange(4)], [torch.arange(3.0)], [3], ["3"])}
    assert len(found) == 5
    assert provenance.digest([np.arange(3)]) == provenance.digest([torch.arange(3)])


def test_the_source_includes_subpackages(tmp_path, monkeypatch):
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast" / "conv.py").write_text("a = 1")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    before = provenance.source()
    (tmp_path / "fast" / "conv.py").write_text("a = 2")
    assert provenance.source() != before


def test_the_commit_tells_of_changes_in_both_packages_but_not_in_results():
    commit = provenance.commit()
    if not commit.startswith("none"):
        head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True).stdout
        assert commit[:12] == head[:12] and commit[12:] in ("", "+changes")


def test_a_commit_is_named_only_of_its_own_repository(tmp_path, monkeypatch):
    """Unpacked within another repository, and committed there; in one of its own; with `rstdp` from elsewhere."""
    def git(*arguments, folder):
        subprocess.run(["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True)

    root = tmp_path / "theirs" / "unpacked"
    for package in ("rstdp", "report"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    monkeypatch.setattr(provenance, "ROOT", root)
    monkeypatch.setattr(provenance, "PACKAGE", root / "rstdp")
    none = f"none (no repository; version {rstdp.__version__}, source {provenance.source()})"
    assert provenance.commit() == none
    git("init", "-q", folder=tmp_path / "theirs")
    git("commit", "-q", "--allow-empty", "-m", "theirs", folder=tmp_path / "theirs")
    assert provenance.commit() == none
    git("add", ".", folder=tmp_path / "theirs")
    git("commit", "-q", "-m", "with ours", folder=tmp_path / "theirs")
    assert provenance.commit() == none
    git("init", "-q", folder=root)
    git("commit", "-q", "--allow-empty", "-m", "a start", folder=root)
    assert provenance.commit() == none  # the code is no part of it
    git("add", ".", folder=root)
    git("commit", "-q", "-m", "ours", folder=root)
    assert len(provenance.commit()) == 12
    (root / "rstdp" / "__init__.py").write_text("a = 1", encoding="utf-8")
    assert provenance.commit().endswith("+changes")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "theirs")
    assert provenance.commit().startswith("none")
