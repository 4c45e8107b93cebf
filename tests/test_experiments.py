"""Experiments: files, variants and seeds, results that are kept, one command for all of it."""

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
import torch

from report import RESULTS
from report.__main__ import main
from report.lab import experiments, provenance, registry, results
from report.studies.student.factorial import COMBINATIONS
from report.studies.student.rules import StudentConfig
from rstdp import plasticity
from rstdp.config import SPYKETORCH, Config
from rstdp.learning import Passes
from rstdp.network import Network

TINY = ('dataset = "digits"\ntrain = 60\ntest = 20\nseeds = [0, 1]\n[defaults]\n"s1.maps" = 4\n"s2.maps" = 6\n'
        '"s3.maps" = 10\n"s1.epochs" = 1\n"s2.epochs" = 1\n"s3.epochs" = 2\n[variants.a]\n')


@pytest.fixture()
def tiny(tmp_path):
    """The file of a small experiment with one variant and two seeds."""
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path / "tiny.toml"


def without_seconds(text):
    return [line.rsplit(",", 1)[0] for line in text.splitlines()]


def test_an_experiment_from_a_file_runs_every_variant_and_seed(tiny, tmp_path):
    chosen = experiments.load(str(tiny))
    results = experiments.run(chosen, tmp_path / "results", tmp_path / "work", jobs=2, quiet=True)
    text = (results / "accuracy.csv").read_text()
    assert text.count("\n") == 5 and "a,1,2," in text
    facts = json.loads((results / "provenance.json").read_text())
    assert facts["complete"] and facts["data_md5"] and facts["versions"]["torch"] and len(facts["runs"]) == 2
    assert facts["parameters"]["variants"]["a"]["s3.epochs"] == 2 and "defaults" not in facts["parameters"]
    assert Network.load(results / "a-0.npz").seed == 0 and not (results / "a-1.npz").exists()  # one of each variant
    experiments.run(chosen, results, tmp_path / "work", jobs=1, quiet=True)
    assert (results / "accuracy.csv").read_text() == text

    # on another machine the recorded runs count as done, and one that is missing is added to them
    (results / "accuracy.csv").write_text("".join(text.splitlines(True)[:3]))
    kept = experiments.recorded(chosen, results, facts["data_md5"])
    assert list(kept) == [("a", 0)]
    experiments.run(chosen, results, tmp_path / "elsewhere", jobs=1, quiet=True)
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["a-1"]
    assert without_seconds((results / "accuracy.csv").read_text()) == without_seconds(text)

    # nothing is kept of another configuration, of other data, or of other code
    other = dataclasses.replace(chosen, variants={"a": chosen.variants["a"].replace({"bins": 10})})
    assert not experiments.recorded(other, results, facts["data_md5"])
    assert not experiments.recorded(chosen, results, "other data")
    (results / "provenance.json").write_text((results / "provenance.json").read_text().replace(
        provenance.behaviour(), "elsewhere"))
    assert not experiments.recorded(chosen, results, facts["data_md5"])


def test_defaults_are_merged_into_every_variant_which_may_differ(tiny):
    tiny.write_text(TINY + 'bins = 10\n[variants.b]\nconfig = "paper"\n"s3.epochs" = 5\n')
    chosen = experiments.load(str(tiny))
    a, b = chosen.variants["a"], chosen.variants["b"]
    assert (a.name, a.bins, a.s3.epochs, a.normalisation) == ("a", 10, 2, SPYKETORCH.normalisation)
    assert (b.name, b.bins, b.s3.epochs, b.normalisation) == ("b", 15, 5, 0)
    assert (a.s1.maps, b.s1.maps) == (4, 4) and chosen.runs() == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_a_variant_names_a_studys_passes_and_depends_on_them(tiny, tmp_path):
    tiny.write_text(TINY + '[variants.b]\npasses = "student"\nupdate_every = 10\n"s3.epochs" = 1\n')
    chosen = experiments.load(str(tiny))
    assert chosen.passes == {"b": "student"} and isinstance(chosen.variants["b"], StudentConfig)
    assert type(chosen.variants["a"]) is Config
    assert (chosen.needs("a"), chosen.needs("b")) == (("core",), ("core", "student"))
    assert main(["run", str(tiny), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work"), "--jobs", "1",
                 "--variants", "b", "--seeds", "1"]) == 0
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    (run,) = facts["runs"]
    assert (run["variant"], run["seed"]) == ("b", 1) and not facts["complete"]
    assert run["sessions"][-1]["studies"] == {"student": provenance.fingerprint("student")}
    assert experiments.needs(facts, "b") == ("core", "student")


def test_variants_of_results_without_the_key_are_known_by_their_parameters():
    for changes, rules in (({"decision": "index"}, "student"), ({"s2_reward": 1}, "s2-reward"), ({}, ""),
                           ({"s3_rule": "stdp"}, "s3-stdp"), ({"s3.threshold": 200}, "first-spike")):
        config, found = experiments.configure(changes)
        assert found == rules and config.digest() == experiments.configure(
            {**changes, **({"passes": rules} if rules else {})})[0].digest()


def test_filters_only_narrow_and_keep_what_is_recorded(tiny, tmp_path, capsys):
    command = ["run", str(tiny), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work"), "--jobs", "1"]
    assert main([*command, "--seeds", "1"]) == 0
    assert [line[:3] for line in (tmp_path / "out" / "accuracy.csv").read_text().splitlines()[1:]] == 2 * ["a,1"]
    (tmp_path / "work").rename(tmp_path / "gone")
    assert main([*command, "--seeds", "0"]) == 0
    assert [line[:3] for line in (tmp_path / "out" / "accuracy.csv").read_text().splitlines()[1:]] == 2 * [
        "a,0"] + 2 * ["a,1"]
    capsys.readouterr()
    assert main([*command, "--seeds", "7"]) == 2
    assert "has no seed 7; it has 0, 1" in capsys.readouterr().err
    assert main([*command, "--variants", "nobody"]) == 2
    assert "has no variant 'nobody'; it has a" in capsys.readouterr().err


def test_an_experiment_in_one_batch_gives_the_same_results(tiny, tmp_path):
    rows = []
    for name, device in (("cores", ""), ("batch", "cpu")):
        results = experiments.run(experiments.load(str(tiny)), tmp_path / name, tmp_path / f"{name}-work", 1, True,
                                  device=device)
        rows.append(without_seconds((results / "accuracy.csv").read_text()))
    assert rows[0] == rows[1] and len(rows[0]) == 5


def test_the_same_sweep_on_a_dask_cluster_of_two_workers(tiny, tmp_path):
    from distributed import LocalCluster

    tiny.write_text(TINY + 'passes = "student"\nupdate_every = 5\n')  # its class travels to the workers

    def sweep(name, *options):
        folders = ["--out", str(tmp_path / name), "--work", str(tmp_path / f"{name}-work")]
        assert main(["run", str(tiny), *folders, *options]) == 0
        return without_seconds((tmp_path / name / "accuracy.csv").read_text())

    here = sweep("here", "--jobs", "1")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        assert sweep("there", "--cluster", cluster.scheduler_address) == here
    assert len(here) == 5


@pytest.mark.parametrize("text, message", [
    ('datset = "digits"\n[variants.a]', "unknown key 'datset'"), ("[variants.a]\nconfig = 'x'", "unknown config"),
    ("[variants.a]\n's1.mapz' = 3", "s1.mapz"), ("seeds = [0]", "nothing to train"), ("seeds = ", "not valid TOML"),
    ("[variants.a]\npasses = 'studnt'", "unknown passes 'studnt'; known are conscience, dropout, first-spike"),
    ("[variants.a]\npasses = 'student'\ns2_reward = 1", "unknown parameter 's2_reward'"),
    ("seeds = 3\n[variants.a]", "x.toml: seeds: should be a valid list, got 3"), ("seeds = []\n[variants.a]", "seeds"),
    ("seeds = [1, 1]\n[variants.a]", "seeds: should name each number once"), ("seeds = [-1]\n[variants.a]", "seeds.0"),
    ("train = 'all'\n[variants.a]", "train: should be a valid integer, got 'all'"), ("variants = ['a']", "variants"),
    ("test = -1\n[variants.a]", "test: should be greater than or equal to 0, got -1"),
    ("dataset = 'minst'\n[variants.a]", "unknown data set 'minst'; known are"),
    ("weights = 0\n[variants.a]", "weights"), ("[variants.'a/b']", "variants.a/b"),
    ("[variants.a]\ns1.epochs = 2", 'written in quotes, as in "s1.epochs" = 2'),
    ("[variants.a]\n's1.epochs' = [2]", "should be a number, a text, true or false"),
    ("[defaults]\nconfig = 3\n[variants.a]", "defaults.config: should be a valid string, got 3"),
    ("[variants.a]\n's1.epochs' = '2'", "variant 'a': parameter 's1.epochs' takes a whole number, as 2, got '2'"),
    ("[variants.a]\n's1.rule' = 'nope'", "unknown rule 'nope'"), ("a = 1\n\xff", "not valid TOML")])
def test_a_mistake_in_an_experiment_file_is_named(tmp_path, text, message):
    (tmp_path / "x.toml").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=message):
        experiments.load(str(tmp_path / "x.toml"))
    with pytest.raises(ValueError, match="unknown experiment"):
        experiments.load("no-such-experiment")


def test_an_experiment_may_leave_its_weights_out(tiny, tmp_path):
    tiny.write_text("weights = false\n" + TINY)
    folder = experiments.run(experiments.load(str(tiny)), tmp_path / "results", tmp_path / "work", 1, True)
    assert sorted(path.name for path in folder.iterdir()) == ["accuracy.csv", "provenance.json"]


# --- the command line ---


def test_list_names_every_experiment_and_study_in_one_line(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [*experiments.names(), *registry.all_results()]
    assert [line.split()[0] for line in lines if line.startswith("  ")] == names
    assert max(map(len, lines)) < 200


@pytest.mark.parametrize("arguments, message", [
    (["run", "nothing"], "there is nothing named 'nothing' to run; known are best"),
    (["run", "nothing.toml"], "unknown experiment 'nothing.toml'"),
    (["run", "digits", "--set", "x=1"], "digits is an experiment and takes no --set"),
    (["run", "handmade", "--device", "cuda"], "handmade is a study and takes no --device"),
    (["run", "handmade", "--seeds", "1"], "handmade takes no --seeds"),
    (["run", "handmade", "--set", "count"], "--set takes NAME=VALUE with a setting of handmade (count), got 'count'"),
    (["run", "handmade", "--set", "count=many"], "setting 'count' takes a value of type int, got 'many'"),
    (["run", "task2", "--set", "adapt=perhaps"], "setting 'adapt' takes a value true or false, got 'perhaps'"),
    (["run", "handmade", "--set", "count=-1"], "setting 'count' takes numbers from 0 on, got -1"),
    (["run", "handmade", "--set", "count=5"], "handmade with other settings or data is not the result that"),
    (["run", "verify", "--dataset", "digits"], "name a folder of its own with --out"),
    (["run", "digits", "--jobs", "0"], "--jobs takes how many run at a time"),
    (["run", "task2", "--seeds", "-1"], "--seeds takes numbers from 0 on, got -1"),
    (["run", "digits", "--device", "nonsense"], "--device nonsense: not available here"),
    (["build", "--jobs", "0"], "--jobs takes how many run at a time"),
    (["run", "readout", "--dataset", "minst"], "unknown data set 'minst'"),
    (["build", "--preset", "quik"], "unknown preset 'quik'")])
def test_mistakes_end_in_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused(capsys):
    assert main(["run", "digits", "--device", "cuda"]) == 2
    assert capsys.readouterr().err.startswith("error: --device cuda: not available here (")


def test_a_cluster_needs_its_package(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["run", "digits", "--cluster", "tcp://nowhere:1"]) == 2
    found = capsys.readouterr()
    assert "--cluster needs the package distributed: pip install" in found.err and not found.out


def test_a_cluster_that_cannot_import_this_repository_is_refused(tmp_path, capsys):
    """A scheduler that was started elsewhere; dask itself would say so in its own log only, and the runs would wait."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "dask", "scheduler", f"--host=127.0.0.1:{port}", "--no-dashboard"]
    scheduler = subprocess.Popen(command, cwd=tmp_path, env=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert main(["run", "digits", "--cluster", f"tcp://127.0.0.1:{port}"]) == 2
    finally:
        scheduler.kill()
        scheduler.wait()
    found = capsys.readouterr()
    assert "the scheduler cannot import this repository; start both in its folder" in found.err and not found.out


# --- what the code computed before it changed ---


@pytest.fixture()
def made(tiny, tmp_path):
    """A small experiment that has run, and how to run it again with other options."""
    command = ["run", str(tiny), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work"), "--jobs", "1"]
    assert main(command) == 0
    return tmp_path, lambda *options: main([*command, *options])


def age(folder, session=-1):
    """Let a checkpoint be of other code: one of its sessions."""
    sessions = experiments._sessions(folder)
    sessions[session]["behaviour"] = "older"
    provenance.write_json(folder / "sessions.json", sessions)


def written(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("*/weights.npz")}


def test_a_checkpoint_of_other_code_is_made_anew_and_no_other(made, capsys):
    folder, run = made
    text, before = (folder / "out" / "accuracy.csv").read_text(), written(folder / "work")
    shutil.rmtree(folder / "out")
    age(folder / "work" / "a-0")
    assert run("--seeds", "1") == 0  # what is stale is not gathered either
    assert [line[:3] for line in (folder / "out" / "accuracy.csv").read_text().splitlines()[1:]] == 2 * ["a,1"]
    assert written(folder / "work") == before
    assert run() == 0
    assert "a-0: the code computes something else since; it is trained anew" in capsys.readouterr().out
    assert without_seconds((folder / "out" / "accuracy.csv").read_text()) == without_seconds(text)
    after = written(folder / "work")
    assert after["a-1"] == before["a-1"] and after["a-0"] != before["a-0"]
    assert len(experiments._sessions(folder / "work" / "a-0")) == 1


def test_a_half_finished_run_goes_on_only_where_all_of_it_is_of_this_code(made, tiny, tmp_path):
    folder, run = made
    tiny.write_text(TINY.replace('"s3.epochs" = 2', '"s3.epochs" = 3'))
    age(folder / "work" / "a-0")  # its first passes are of other code, those of a-1 are not
    assert run() == 0
    assert [len(experiments._sessions(folder / "work" / f"a-{seed}")) for seed in (0, 1)] == [1, 2]
    assert (folder / "out" / "accuracy.csv").read_text().count("\n") == 7
    age(folder / "work" / "a-1", session=0)
    shutil.rmtree(folder / "out")
    assert run() == 0 and len(experiments._sessions(folder / "work" / "a-1")) == 1


def test_again_begins_anew_and_keeps_the_runs_that_are_not_asked_for(made):
    folder, run = made
    before = written(folder / "work")
    shutil.rmtree(folder / "work" / "a-1")  # recorded only
    assert run("--again", "--seeds", "0") == 0
    assert written(folder / "work")["a-0"] != before["a-0"] and len(experiments._sessions(folder / "work" / "a-0")) == 1
    facts = json.loads((folder / "out" / "provenance.json").read_text())
    assert facts["complete"] and (folder / "out" / "accuracy.csv").read_text().count("\n") == 5


def test_again_within_a_recomputation_goes_on_from_its_checkpoints(made, tiny):
    folder, _ = made
    before = written(folder / "work")
    experiments.run(experiments.load(str(tiny)), folder / "elsewhere", folder / "work", 1, True, again=True)
    assert written(folder / "work") == before and (folder / "elsewhere" / "accuracy.csv").exists()


def test_fewer_passes_than_a_folder_holds_are_refused(made, tiny, capsys):
    folder, run = made
    before = written(folder / "work")
    tiny.write_text(TINY.replace('"s3.epochs" = 2', '"s3.epochs" = 1'))
    assert run() == 2
    assert "a-0 holds 2 passes, more than the 1 asked for; --again trains it anew" in capsys.readouterr().err
    assert written(folder / "work") == before
    assert run("--again") == 0 and (folder / "out" / "accuracy.csv").read_text().count("\n") == 3


@pytest.mark.parametrize("changes, message", [
    ("validation = 60", "cannot hold out 60 of 60"), ("validation = 61", "cannot hold out 61 of 60"),
    ("train = 5000", "digits has 1437 train images, 5000 were asked for"), ('dataset = "digits/nobody"', "nobody")])
def test_what_the_data_do_not_hold_is_refused_before_anything_is_trained(tiny, tmp_path, capsys, changes, message):
    key = changes.partition(" ")[0]
    tiny.write_text("\n".join([changes, *(line for line in TINY.splitlines() if not line.startswith(key))]))
    assert main(["run", str(tiny), "--root", str(tmp_path), "--jobs", "1"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "work").exists()


def test_a_window_larger_than_its_input_is_refused_before_anything_is_trained(tiny, tmp_path, capsys):
    tiny.write_text(TINY + '[variants.b]\n"s2.window" = 40\n')
    assert main(["run", str(tiny), "--root", str(tmp_path), "--jobs", "1"]) == 2
    assert "variant 'b'" in capsys.readouterr().err and not (tmp_path / "work").exists()


# --- where results go ---


def test_a_file_of_ones_own_writes_into_the_current_folder_and_never_over_a_record(tmp_path, monkeypatch, capsys):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mnist.toml").write_text(TINY)  # as a recorded one is called
    monkeypatch.chdir(tmp_path)
    recorded = {path: path.read_bytes() for path in (RESULTS / "mnist").iterdir()}
    assert main(["run", "files/mnist.toml", "--jobs", "1", "--seeds", "0"]) == 0
    assert "results in results/mnist, checkpoints in work/mnist" in capsys.readouterr().out
    assert (tmp_path / "results" / "mnist" / "a-0.npz").exists() and (tmp_path / "work" / "mnist" / "a-0").is_dir()
    assert main(["run", "files/mnist.toml", "--jobs", "1", "--out", str(RESULTS / "mnist")]) == 2
    assert "is for the results of report/experiments; name another folder" in capsys.readouterr().err
    assert recorded == {path: path.read_bytes() for path in (RESULTS / "mnist").iterdir()}


@pytest.mark.parametrize("facts", ["{}", "[]", "{", '{"experiment": "tiny", "runs": [{}]}'])
def test_a_folder_that_holds_something_else_is_refused(tiny, tmp_path, capsys, facts):
    (tmp_path / "out").mkdir()
    for name, text in (("provenance.json", facts), ("accuracy.csv", "x\n")):
        (tmp_path / "out" / name).write_text(text)
    assert main(["run", str(tiny), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]) == 2
    error = capsys.readouterr().err
    assert "out holds no result of an experiment" in error and error.count("\n") == 1
    assert (tmp_path / "out" / "accuracy.csv").read_text() == "x\n" and not (tmp_path / "work").exists()


def test_the_result_of_another_experiment_is_left_alone(made, tiny, tmp_path, capsys):
    tiny.rename(tmp_path / "other.toml")
    assert main(["run", str(tmp_path / "other.toml"), "--out", str(tmp_path / "out")]) == 2
    assert "holds the result of experiment 'tiny', not of 'other'" in capsys.readouterr().err


# --- rules and passes of a study ---


@pytest.fixture()
def halfway(monkeypatch):
    """A rule that a study registers, with what it is multiplied by."""
    factor = [0.5]
    monkeypatch.setitem(plasticity.RULES, "halfway", lambda weight, pre, post, plus, minus: weight * factor[0])
    yield factor
    provenance.fingerprint.cache_clear()


def test_a_rule_of_a_study_needs_a_fingerprint_and_its_results_depend_on_it(halfway, monkeypatch, tiny):
    tiny.write_text(TINY + '"s1.rule" = "halfway"\n"s2.rule" = "halfway"\n[variants.b]\n')
    with pytest.raises(ValueError, match=r"'a': 'halfway' has no fingerprint: add .*fingerprint\(\"halfway\"\)"):
        experiments.load(str(tiny))
    monkeypatch.setitem(registry.all_fingerprints(), "halfway", registry.Fingerprint(
        lambda: [plasticity.RULES["halfway"](torch.ones(2), None, 0, 0, 0)], ""))
    chosen = experiments.load(str(tiny))
    assert (chosen.needs("a"), chosen.needs("b")) == (("core", "halfway"), ("core",))
    assert experiments.needs({"dataset": "digits", "parameters": chosen.parameters}, "a") == chosen.needs("a")
    facts = provenance.describe(chosen.needs("a"))
    assert not provenance.stale(facts, chosen.needs("a"))
    assert provenance.stale({**facts, "studies": {}}, chosen.needs("a"))  # no first: a result without it is stale
    provenance.fingerprint.cache_clear()
    halfway[0] = 0.25  # another formula
    assert provenance.stale(facts, chosen.needs("a")) == ["what `halfway` computes has changed since"]
    monkeypatch.delitem(registry.all_fingerprints(), "halfway")
    assert provenance.stale(facts, chosen.needs("a")) == ["there is no `halfway` any more"]


def test_passes_without_a_fingerprint_are_refused_when_the_file_is_read(monkeypatch, tiny):
    monkeypatch.setitem(registry.all_passes(), "mine", registry.PassesByName(Passes, (), lambda config: None))
    tiny.write_text(TINY + 'passes = "mine"\n')
    with pytest.raises(ValueError, match="'mine' has no fingerprint"):
        experiments.load(str(tiny))


@pytest.mark.parametrize("passes, layer", [
    ('"s2-reward"', "s2"), ('"s2-reward"', "s3"), ('"first-spike"\n"s3.threshold" = 20', "s3"),
    ('"student"\nupdate_every = 2', "s1"), ('"student"\nupdate_every = 2', "s3"),
    ('"student"\ncompetition = "free"', "s2")])
def test_compiled_passes_refuse_a_rule_of_ones_own_when_the_file_is_read(halfway, monkeypatch, tiny, passes, layer):
    monkeypatch.setitem(registry.all_fingerprints(), "halfway", registry.Fingerprint(lambda: [], ""))
    tiny.write_text(TINY + f'passes = {passes}\n"{layer}.rule" = "halfway"\n')
    with pytest.raises(ValueError, match=f"variant 'a': {layer}.rule = 'halfway': these passes are compiled"):
        experiments.load(str(tiny))


@pytest.mark.parametrize("passes", ['"s2-reward"\n"s3.threshold" = 20', '"first-spike"'])
def test_passes_refuse_a_threshold_that_they_do_not_know_when_the_file_is_read(tiny, passes):
    tiny.write_text(TINY + f"passes = {passes}\n")
    with pytest.raises(ValueError, match="s3.threshold must be"):
        experiments.load(str(tiny))


# --- how results stand ---


def test_list_says_how_a_result_stands_and_by_what_it_is_stale(made, tiny, monkeypatch):
    folder, run = made
    monkeypatch.setattr(provenance, "remembered", provenance.fingerprint)
    monkeypatch.setattr(experiments, "load", lambda name, load=experiments.load: load(str(tiny)))
    (folder / "out").rename(folder / "tiny")
    facts = json.loads((folder / "tiny" / "provenance.json").read_text())

    def stands():
        provenance.write_json(folder / "tiny" / "provenance.json", facts)
        return results.status("tiny", [folder])

    assert stands() == ("recorded", []) and results.status("nobody", [folder]) == ("-", [])
    tiny.write_text(TINY.replace("[0, 1]", "[0, 1, 2]"))
    assert stands() == ("incomplete", [])
    tiny.write_text(TINY.replace("[defaults]", "[defaults]\nbins = 10"))
    assert stands() == ("stale", ["the experiment's parameters have changed"])
    tiny.write_text(TINY)
    facts["runs"][0]["sessions"][0]["behaviour"] = "older"
    assert stands() == ("stale", ["the code computes something else since"])
    del facts["runs"]
    assert stands()[0] == "damaged"


def test_list_says_that_runs_of_a_study_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "remembered", provenance.fingerprint)
    facts = json.loads((RESULTS / "crossed" / "provenance.json").read_text())

    def stands(runs):
        provenance.write_json(tmp_path / "crossed" / "provenance.json", {**facts, "runs_made": runs})
        return results.status("crossed", [tmp_path])

    assert stands(25) == ("recorded", []) and stands(24) == ("incomplete", [])
    seeds = registry.results()["student-factorial"].seeds
    assert registry.results()["student-factorial"].runs == len(seeds) * len(COMBINATIONS)


def test_a_fingerprint_is_remembered_until_the_source_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "REPORT", tmp_path)
    monkeypatch.setattr(provenance, "fingerprint", lambda name: "first")
    assert provenance.remembered.__wrapped__("core") == "first"
    monkeypatch.setattr(provenance, "fingerprint", lambda name: "second")
    assert provenance.remembered.__wrapped__("core") == "first"
    (tmp_path / "study.py").write_text("a = 1")
    assert provenance.remembered.__wrapped__("core") == "second"


def test_the_search_with_power_tries_what_the_search_tried_and_the_radius_alone():
    first, power = (experiments.load(name).parameters["variants"] for name in ("search", "search-power"))
    lengths = {f"{layer}.epochs" for layer in ("s1", "s2", "s3")}
    changes = [{name: {key: value for key, value in each.items() if key not in lengths} for name, each in one.items()}
               for one in (first, power)]
    assert changes[1] == changes[0] | {"radius": {"s2.radius": 2}}
