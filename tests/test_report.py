"""The report: presets and their mistakes, and that its numbers come from result files."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from rstdp import experiments

REPORT = Path(__file__).parent.parent / "report"
spec = importlib.util.spec_from_file_location("build", REPORT / "build.py")
build = importlib.util.module_from_spec(spec)
sys.modules["build"] = build
spec.loader.exec_module(build)


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


def test_experiments_are_valid():
    for name in experiments.names():
        assert experiments.load(name).runs()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A tiny experiment whose numbers the report must show."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "tiny.toml").write_text(
        'description = "Tiny"\ndataset = "digits"\ntrain = 100\ntest = 40\nseeds = [0, 1]\n[variants.mine]\n'
        '"s1.maps" = 10\n"s2.maps" = 20\n"s3.maps" = 200\n"s3.epochs" = 2\n"s1.epochs" = 1\n"s2.epochs" = 1\n')
    chosen = experiments.load(str(folder / "tiny.toml"))
    experiments.run(chosen, folder / "results" / "tiny", folder / "work", jobs=1, quiet=True)
    return folder / "results"


def rendered(results, tmp_path):
    target = tmp_path / "report.ipynb"
    papermill.execute_notebook(str(REPORT / "replication-report.ipynb"), str(target),
                               {"preset": "tiny", "results": str(results)}, cwd=str(REPORT), progress_bar=False)
    cells = nbformat.read(target, 4).cells
    return "\n".join(output["data"].get("text/markdown", "") for cell in cells for output in cell.get("outputs", [])
                     if "data" in output)


def test_numbers_come_from_the_result_files(results, tmp_path):
    text = rendered(results, tmp_path)
    for words in ("mean and 95 % interval over 2 seeds", "| seed", "data md5", "SpykeTorch", "| encoder | 1,411,200"):
        assert words in text or words.strip("| ") in text
    assert re.search(r"\| S1 learning \| 600 steps \| 0 \| 0 \|", text)
    csv = results / "tiny" / "accuracy.csv"
    lines = csv.read_text().splitlines()
    changed = lines[-1].split(",")
    changed[5] = "0.987654"
    csv.write_text("\n".join([*lines[:-1], ",".join(changed)]) + "\n")
    facts = json.loads((results / "tiny" / "provenance.json").read_text())
    facts["runs"][0]["sessions"][0]["behaviour"] = "older"
    (results / "tiny" / "provenance.json").write_text(json.dumps(facts))
    again = rendered(results, tmp_path)
    assert "98.77" in again and "98.77" not in text
    assert "Stale" in again and "Stale" not in text


def test_missing_results_are_said(tmp_path):
    text = rendered(tmp_path / "nothing", tmp_path)
    assert "No results in" in text and "make report PRESET=tiny" in text
