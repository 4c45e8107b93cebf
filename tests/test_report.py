"""The report: presets and their mistakes, and that its numbers come from result files."""

import importlib.util
import re
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from rstdp import experiments

REPORT = Path(__file__).parent.parent / "report"


def script(name):
    """A module of report/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, REPORT / f"{name}.py")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


build = script("build")


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
