"""Experiments: files, variants and seeds, results that are kept, one command for all of it."""

import dataclasses
import json

import pytest

from report.__main__ import main
from report.lab import experiments, provenance, registry
from report.studies.student.rules import StudentConfig
from rstdp.config import SPYKETORCH, Config
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
    ("[variants.a]\npasses = 'studnt'", "unknown passes 'studnt'; known are first-spike"),
    ("[variants.a]\npasses = 'student'\ns2_reward = 1", "unknown parameter 's2_reward'")])
def test_a_mistake_in_an_experiment_file_is_named(tmp_path, text, message):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        experiments.load(str(tmp_path / "x.toml"))
    with pytest.raises(ValueError, match="unknown experiment"):
        experiments.load("no-such-experiment")


def test_an_experiment_may_leave_its_weights_out(tiny, tmp_path):
    tiny.write_text("weights = false\n" + TINY)
    results = experiments.run(experiments.load(str(tiny)), tmp_path / "results", tmp_path / "work", 1, True)
    assert sorted(path.name for path in results.iterdir()) == ["accuracy.csv", "provenance.json"]


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
    (["run", "readout", "--dataset", "minst"], "unknown data set 'minst'"),
    (["build", "--preset", "quik"], "unknown preset 'quik'")])
def test_mistakes_end_in_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
