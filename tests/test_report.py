"""The report: presets and their mistakes, and that its numbers come from result files."""

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
from scipy import stats

from rstdp import experiments

REPORT = Path(__file__).parent.parent / "report"


def script(name):
    """A module of report/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, REPORT / f"{name}.py")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


build, evidence = script("build"), script("evidence")


@pytest.mark.parametrize("arguments, message", [
    (["--preset", "quik"], "unknown preset 'quik'; known are"),
    (["--set", "sed=3"], "unknown parameter 'sed': no chapter has it; known are"),
    (["--set", "seed"], "NAME=VALUE")])
def test_mistakes_are_named_before_anything_runs(arguments, message, capsys):
    assert build.main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("preset", [path.stem for path in (REPORT / "presets").glob("*.toml")])
def test_presets_are_valid(preset):
    assert build.load_preset(preset, ["seed=3"])["chapters"]["seed"] == 3


def test_the_page_asks_the_network_for_nothing(tmp_path):
    cell = nbformat.v4.new_markdown_cell("# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "report.ipynb")
    build.write_html(tmp_path / "report.ipynb", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert '<div class="scroll"' in page and not re.search(r"<script|<link|@import|src=|url\(['\"]?http", page)


def test_experiments_are_valid():
    for name in experiments.names():
        assert experiments.load(name).runs()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny experiment."""
    file = tmp_path_factory.mktemp("experiment") / "tiny.toml"
    file.write_text(
        'description = "Tiny"\ndataset = "digits"\ntrain = 100\ntest = 40\nseeds = [0, 1]\n[variants.mine]\n'
        '"s1.maps" = 10\n"s2.maps" = 20\n"s3.maps" = 200\n"s3.epochs" = 2\n"s1.epochs" = 1\n"s2.epochs" = 1\n')
    return experiments.load(str(file))


@pytest.fixture(scope="module")
def results(tiny, tmp_path_factory):
    """Its results, whose numbers the report must show."""
    folder = tmp_path_factory.mktemp("report")
    experiments.run(tiny, folder / "results" / "tiny", folder / "work", jobs=1, quiet=True)
    return folder / "results"


def test_from_scratch_computes_what_the_data_allow_and_names_what_it_leaves_out(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build.experiments, "load", lambda name: tiny)
    monkeypatch.setattr(build.datasets, "at_hand", lambda name: not name.startswith("nmnist"))
    monkeypatch.setattr(build, "REPORT", tmp_path)
    (tmp_path / "script.py").write_text(
        "import pathlib, sys\nout = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\nout.mkdir()\n"
        "(out / 'found.txt').write_text(str(pathlib.Path(sys.argv[1]).exists()))")
    monkeypatch.setattr(build, "SCRIPTS", {"made": ["script.py", "report/results/tiny/accuracy.csv"],
                                           "nmnist-made": ["script.py"]})
    folder = build.recompute(["tiny"], tmp_path / "output", jobs=1)
    assert len(pd.read_csv(folder / "tiny" / "accuracy.csv")) == 4
    assert (folder / "made" / "found.txt").read_text() == "True" and not (folder / "nmnist-made").exists()
    assert "nmnist-made: left out" in capsys.readouterr().out


def rendered(tmp_path, results="nothing", recorded="nothing"):
    """The text and alternative texts of the report made from these two folders."""
    target = tmp_path / "report.ipynb"
    papermill.execute_notebook(str(REPORT / "replication-report.ipynb"), str(target), {
        "preset": "tiny", "results": str(results), "recorded": [str(recorded)], "test_images": 100},
        cwd=str(REPORT), progress_bar=False)
    outputs = [output for cell in nbformat.read(target, 4).cells for output in cell.get("outputs", [])]
    return "\n".join(output["data"].get("text/markdown", "") for output in outputs if "data" in output)


def test_numbers_come_from_the_result_files(results, tmp_path):
    text = rendered(tmp_path, results)
    for words in ("(2 seeds)", "| seed", "data md5", "SpykeTorch", "| encoder | 1,411,200"):
        assert words in text or words.strip("| ") in text
    assert re.search(r"\| S1 learning \| 600 steps \| 0 \| 0 \|", text)
    csv = results / "tiny" / "accuracy.csv"
    rows = pd.read_csv(csv)
    rows.loc[rows.epoch == rows.epoch.max(), "test_accuracy"] = 0.987654
    rows.to_csv(csv, index=False)
    facts = json.loads((results / "tiny" / "provenance.json").read_text())
    facts["runs"][0]["sessions"][0]["behaviour"] = "older"
    (results / "tiny" / "provenance.json").write_text(json.dumps(facts))
    again = rendered(tmp_path, results)
    assert "98.77" in again and "98.77" not in text
    assert "Stale" in again and "Stale" not in text


@pytest.fixture()
def recorded(tmp_path):
    """A copy of the recorded long runs, without weights, to be tampered with."""
    for file in ("paper/accuracy.csv", "paper/provenance.json"):
        (tmp_path / "recorded" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPORT / "results" / file, tmp_path / "recorded" / file)
    return tmp_path / "recorded"


def claim(text, name):
    """The row of the claims table that starts with `name`."""
    return next(line for line in text.splitlines() if line.startswith(f"| {name}"))


def test_a_changed_number_changes_prose_table_and_verdict(recorded, tmp_path):
    text, csv = rendered(tmp_path, recorded=recorded), recorded / "paper" / "accuracy.csv"
    rows = pd.read_csv(csv)
    last = rows.index[(rows.variant == "spyketorch") & (rows.epoch == 680)]
    before = f"{100 * rows.test_accuracy[last[0]]:.2f} %"
    assert "**partly**" in claim(text, "1b.") and before in claim(text, "1b.")
    assert f"680 passes at {before}" in text
    rows.loc[last, "test_accuracy"] = 0.9123
    rows.to_csv(csv, index=False)
    again = rendered(tmp_path, recorded=recorded)
    assert "**not**" in claim(again, "1b.") and "91.23 %" in claim(again, "1b.")
    assert "680 passes at 91.23 %" in again and f"680 passes at {before}" not in again


def test_missing_results_are_said_with_the_command_and_the_rest_is_rendered(recorded, tmp_path):
    shutil.rmtree(recorded / "paper")
    text = rendered(tmp_path, recorded=recorded)
    assert "No results in" in text and "make report PRESET=tiny" in text
    assert "no result of experiment `paper`. Make it with `python -m rstdp experiment paper`" in text
    assert "**not tested yet**" in claim(text, "1b.") and "needs `paper`" in claim(text, "1b.")
    for words in ("S1 learning", "Figure 1.", "index-decision", "### The two commands"):  # the rest is there
        assert words in text


@pytest.mark.parametrize("mean, half, n, word", [
    (0.975, 0.001, 5, "reproduced"), (0.970, 0.003, 5, "reproduced"), (0.970, 0.001, 5, "partly"),
    (0.970, None, 1, "partly"), (0.975, None, 1, "partly"), (0.960, 0.02, 5, "not")])
def test_verdicts_follow_the_rule(mean, half, n, word):
    assert evidence.verdict(evidence.Estimate(mean, half, n), 0.972) == word


def test_intervals_are_those_of_scipy():
    values = [0.91, 0.93, 0.92, 0.95]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    ours = evidence.Estimate.of(values)
    assert (ours.low, ours.high) == (pytest.approx(low), pytest.approx(high))
    welch = stats.ttest_ind(values, [0.9, 0.91, 0.9], equal_var=False).confidence_interval()
    apart = evidence.difference(values, [0.9, 0.91, 0.9])
    assert (apart.low, apart.high) == (pytest.approx(welch.low), pytest.approx(welch.high))


def test_runs_of_the_same_configuration_are_joined():
    rows = pd.DataFrame({"variant": "a", "seed": [0, 0], "epoch": [1, 2], "test_accuracy": [0.5, 0.6]})

    def result(name, seed, **changes):
        facts = {"data_md5": "x", "parameters": {"variants": {name: {"s3.epochs": 2, **changes}}}}
        return evidence.Result(name, rows.assign(variant=name, seed=seed), facts, Path())

    first = result("a", 0)
    assert list(first.joined(result("b", 1)).at("a")) == [0.6, 0.6]
    for other in (result("b", 0), result("b", 1, bins=30), result("b", 1, **{"s3.epochs": 3})):
        assert list(first.joined(other).at("a")) == [0.6]


def test_main_effects_of_a_factorial():
    true = dict(zip(evidence.SWITCHES, (0.01, 0, -0.02, 0.005, 0, 0, 0.03, 0)))
    names = experiments.load("search").variants
    rows = pd.DataFrame([(name, 0, 1, 0.9 + sum(true.get(switch, 0) for switch in name.split("-"))) for name in names],
                        columns=["variant", "seed", "epoch", "validation_accuracy"])
    found = evidence.main_effects(evidence.Result("search", rows, {}, Path()), evidence.SWITCHES)
    assert {name: round(effect.mean, 9) for name, effect in found.items()} == true
    with pytest.raises(evidence.Missing, match="too few variants"):
        evidence.main_effects(evidence.Result("search", rows[:4], {}, Path()), evidence.SWITCHES)
