"""The report's driver: presets and their mistakes, a page that asks for nothing, and results made from scratch."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
import yaml

from report import REPORT, ROOT, build, claims
from report.__main__ import main
from report.lab import chapters, experiments
from report.lab.registry import Result
from report.sections import chapters as sections_chapters


@pytest.mark.parametrize("arguments, message", [
    (["--preset", "quik"], "unknown preset 'quik'; known are"),
    (["--set", "sed=3"], "unknown parameter 'sed': no chapter has it; known are"),
    (["--set", "seed"], "NAME=VALUE"),
    (["--set", "seed=abc"], "--set: 'seed' of chapter 02-the-single-spike-neuron takes a whole number, as 0, got"),
    (["--set", "seed=1.5"], "got 1.5"), (["--set", "seed=true"], "got True"),
    (["--set", "seed=-1"], "takes numbers from 0 on, got -1"),
    (["--set", "threshold=NaN"], "got nan"), (["--set", "dataset=7"], "takes a text, as 'digits', got 7"),
    (["--set", "dataset=minst"], "unknown data set 'minst'; known are"),
    (["--set", "configuration=papr"], "unknown configuration 'papr'")])
def test_mistakes_are_named_before_anything_runs(arguments, message, capsys):
    assert main(["build", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("text, message", [
    ("experiments = 'digits'", "mine.toml: experiments: should be a valid list, got 'digits'"),
    ("experimnts = []", "unknown key 'experimnts'; known are chapters, description"),
    ("experiments = ['nobody']", "unknown experiment 'nobody'"), ("chapters = 3", "chapters"),
    ("[chapters]\nseed = 'abc'", "mine.toml: 'seed' of chapter 02-the-single-spike-neuron takes a whole number"),
    ("[chapters]\nseed = [1]", "chapters.seed: should be a number"), ("recorded = 1", "recorded")])
def test_a_mistake_in_a_preset_is_named(tmp_path, monkeypatch, capsys, text, message):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "mine.toml").write_text(text)
    monkeypatch.setattr(build, "REPORT", tmp_path)
    assert main(["build", "--preset", "mine"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("preset", [path.stem for path in (REPORT / "presets").glob("*.toml")])
def test_presets_are_valid(preset):
    assert build.load_preset(preset, ["seed=3"])["chapters"]["seed"] == 3


def test_the_page_asks_the_network_for_nothing(tmp_path):
    cell = nbformat.v4.new_markdown_cell("# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "report.ipynb")
    build.write_html(tmp_path / "report.ipynb", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert '<div class="scroll"' in page and not re.search(r"<script|<link|@import|src=|url\(['\"]?http", page)


def test_a_table_says_where_it_is_wider_than_a_phone():
    wide, narrow = ("<table>" + "<th>x</th>" * n + "</table>" for n in (4, 3))
    boxed = [re.sub(r"<table.*?</table>", build.in_its_own_box, one, flags=re.S) for one in (wide, narrow)]
    assert "scroll it sideways" in boxed[0] and "sideways" not in boxed[1]
    assert all("</table></div>" in one for one in boxed)


def test_a_chapter_that_fails_is_a_red_row_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    """Two chapters, of which the first stops at its second outcome."""
    book, output = tmp_path / "book", tmp_path / "output"
    book.mkdir(), output.mkdir()
    for name, second in {"01-bad": "check.same('second', [1, 2], [1, 3])",
                         "02-good": "check.note('accuracy', 93)"}.items():
        code = ["from rstdp.show import check\ncheck.same('first', [1, 2], [1, 2])", second,
                "check.that('third', True)"]
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {
            "name": "python3", "display_name": "", "language": "python"}}, cells=[
            nbformat.v4.new_markdown_cell(f"# Chapter {name}"), *map(nbformat.v4.new_code_cell, code),
            nbformat.v4.new_code_cell("assert 1\nfor _ in range(3):\n    assert 2", metadata={"tags": ["check"]})])
        nbformat.write(notebook, book / f"{name}.ipynb")
    monkeypatch.setattr(build, "chapters", lambda: sorted(book.glob("*.ipynb")))
    build.packages_for_kernels()
    times, errors = build.run_chapters({"chapters": {}}, output, jobs=1)
    assert list(times) == ["02-good"] and list(errors) == ["01-bad"]
    assert "second: 1 of 2 values are not as expected" in errors["01-bad"]
    bad, good = chapters.ran(output, ["01-bad", "02-good"])
    assert [(one.name, one.found, one.verdict) for one in bad.outcomes] == [
        ("first", "all", "holds"), ("second", "1 differ", "failed"),
        ("solutions of the exercises", "2 not, or not reached", "failed")]
    assert [one.verdict for one in good.outcomes] == ["holds", "measured", "holds", "holds"] and good.compared == 3
    monkeypatch.setattr(chapters, "files", lambda: sorted(book.glob("*.ipynb")))
    page = SimpleNamespace(preset="tiny", output=output, said=[])
    page.say, page.table = page.said.append, lambda rows, columns: page.said.append([*rows])
    for part in sections_chapters.PARTS:
        part(page)
    sentence, overview, outcomes = page.said
    assert "ran 2 of 2 chapters" in sentence and "compared 7 values" in sentence
    assert sections_chapters.RED in overview[0][-1] and overview[1][-1] == "holds"
    assert [row[1:] for row in outcomes] == [
        ("first", "2 equal", "all", "holds"), ("second", "2 equal", "1 differ", sections_chapters.RED),
        ("solutions of the exercises", "2 assertions hold", "2 not, or not reached", sections_chapters.RED),
        ("first", "2 equal", "all", "holds"), ("accuracy", "—", "93 %", "measured"),
        ("third", "1 equal", "all", "holds"), ("solutions of the exercises", "2 assertions hold", "all", "holds")]
    monkeypatch.setattr(build, "build", lambda *_: (tmp_path, errors))
    assert main(["build"]) == 1
    assert "error: chapter 01-bad stopped in cell 2: AssertionError: second" in capsys.readouterr().err
    again = build.run_notebook(book / "02-good.ipynb", output / "02-good.ipynb", {})
    assert again == (pytest.approx(times["02-good"], abs=0.1), "")  # kept, and not run again


def test_metadata_of_a_release_agree_with_the_citation():
    deposit = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    for key in ("title", "version", "license", "keywords"):
        assert deposit[key] == cited[key], key
    assert [one["name"] for one in deposit["creators"]] == [one["name"] for one in cited["authors"]]
    assert deposit["description"].split() == cited["abstract"].split()
    assert deposit["related_identifiers"][0]["identifier"] == cited["references"][0]["doi"]


def test_the_protocol_names_every_claim_and_keeps_its_first_section():
    text = (REPORT / "PROTOCOL.md").read_text(encoding="utf-8")
    table = text.partition("| Claim |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"\d[a-z]?", row.split("|")[1])}
    assert {claim.number for claim in claims.every()} == named
    dates = re.findall(r"^## (\d{4}-\d\d-\d\d):", text, re.M)
    assert dates == sorted(dates) and dates[0] == "2026-11-25"


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


def test_from_scratch_computes_what_the_data_allow_and_names_what_it_leaves_out(tiny, tmp_path, monkeypatch, capsys):
    called = []
    monkeypatch.setattr(build.experiments, "load", lambda name: tiny)
    monkeypatch.setattr(build.data, "at_hand", lambda name: not name.startswith("nmnist"))
    monkeypatch.setattr(build.registry, "results", lambda: {
        name: Result(name, "", print, needs) for name, needs in (("made", ("core",)), ("seen", ("core", "events")))})
    monkeypatch.setattr(build, "subprocess", SimpleNamespace(run=lambda command, check: called.append(command)))
    folder = build.recompute(["tiny"], tmp_path / "output", jobs=1)
    assert len(pd.read_csv(folder / "tiny" / "accuracy.csv")) == 4
    assert "seen: left out" in capsys.readouterr().out
    assert called == [[sys.executable, "-m", "report", "run", "made", "--root", str(tmp_path / "output"),
                       "--jobs", "1"]]


def test_a_study_looks_for_what_it_builds_on_under_the_same_root(tmp_path, capsys):
    assert main(["run", "nmnist-decisions", "--root", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "work" / "nmnist") in error and "make some with `python -m report run nmnist`" in error


def test_the_command_works_from_any_folder(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-m", "report", "run", "handmade", "--out", str(tmp_path / "out"),
                            "--seeds", "1"], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (found.returncode, found.stderr) == (2, "error: handmade takes no --seeds\n")


def test_commands_that_are_printed_are_known():
    """"Make it with ..." in code and notebooks names something that there is."""
    files = [*REPORT.rglob("*.py"), *REPORT.glob("*.ipynb"), *(ROOT / "book").glob("*.ipynb"), *ROOT.glob("*.md")]
    named = {name for file in files for name in re.findall(r"python -m report run ([a-z][\w-]*)", file.read_text())}
    assert named and named <= {*experiments.names(), *build.registry.all_results()}
    for file in files:
        assert "python -m rstdp experiment" not in file.read_text(), file
