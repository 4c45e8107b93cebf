"""The report's notebook: its numbers come from result files, what is missing is said, a claim is one file."""

import io
import json
import re
import shutil
import sys

import nbformat
import pandas as pd
import papermill
import pytest

from report import REPORT, RESULTS, ROOT, claims
from report.lab import experiments, registry
from report.lab.page import Page
from report.lab.results import Missing, cost, load_joined
from report.lab.statistics import Estimate
from report.sections import summary

NOTEBOOK = REPORT / "replication-report.ipynb"


def rendered(tmp_path, results="nothing", recorded="nothing", **where):
    """The text of the report made from these two folders."""
    target = tmp_path / "report.ipynb"
    papermill.execute_notebook(str(NOTEBOOK), str(target), {
        "preset": "tiny", "results": str(results), "recorded": [str(recorded)], "test_images": 100,
        "chapters": False},
        progress_bar=False, **where)
    return text_of(target)


def text_of(notebook):
    """What the cells of an executed notebook have said."""
    outputs = [output for cell in nbformat.read(notebook, 4).cells for output in cell.get("outputs", [])]
    return "\n".join(output["data"].get("text/markdown", "") for output in outputs if "data" in output)


def claim(text, name):
    """The row of the claims table that starts with `name`."""
    return next(line for line in text.splitlines() if line.startswith(f"| [{name}"))


def test_the_notebook_is_short():
    lines = [line for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"
             for line in cell.source.splitlines()]
    assert len(lines) <= 150 and max(map(len, lines)) <= 120


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a tiny experiment, whose numbers the report must show."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "tiny.toml").write_text(
        'description = "Tiny"\ndataset = "digits"\ntrain = 100\ntest = 40\nseeds = [0, 1]\n[variants.mine]\n'
        '"s1.maps" = 10\n"s2.maps" = 20\n"s3.maps" = 200\n"s3.epochs" = 2\n"s1.epochs" = 1\n"s2.epochs" = 1\n')
    experiments.run(experiments.load(str(folder / "tiny.toml")), folder / "results" / "tiny", folder / "work", jobs=1,
                    quiet=True)
    return folder / "results"


def test_numbers_come_from_the_result_files(results, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    text = rendered(tmp_path, results, cwd=str(tmp_path))  # from any folder
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
    again = rendered(tmp_path, results, cwd=str(REPORT))
    assert "98.77" in again and "98.77" not in text
    assert "Stale" in again and "Stale" not in text


@pytest.fixture()
def recorded(tmp_path):
    """A copy of the recorded long runs, without weights, to be tampered with."""
    for file in ("paper/accuracy.csv", "paper/provenance.json", "best/accuracy.csv", "best/provenance.json"):
        (tmp_path / "recorded" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPORT / "results" / file, tmp_path / "recorded" / file)
    return tmp_path / "recorded"


class Noted(Page):
    """A page that keeps what it says and draws, in this process."""

    def __init__(self, recorded):
        super().__init__("tiny", "nothing", [str(recorded)])
        self.said, self.drawn = [], []

    def say(self, text):
        self.said.append(text)

    def show(self, figure, caption, anchor="", linked=False):
        pixels = io.BytesIO()
        figure.savefig(pixels, format="raw", dpi=50)
        self.drawn.append(pixels.getvalue())


def test_a_changed_number_changes_row_figure_sentence_and_json(recorded):
    def shown():
        page = Noted(recorded)
        page.add(summary.forest, summary.table, *claims.page_of("1b"))
        assert not page.failed
        return "\n".join(page.said), page.drawn[0], claims.for_machines(claims.judged_on(page))

    (text, picture, machines), csv = shown(), recorded / "paper" / "accuracy.csv"
    rows = pd.read_csv(csv)
    last = rows.index[(rows.variant == "spyketorch") & (rows.epoch == 680)]
    before = f"{100 * rows.test_accuracy[last[0]]:.2f} %"
    mean = Estimate.of(load_joined("paper", [recorded]).at("spyketorch"))
    assert str(mean) in claim(text, "1b.") and f"seed 0 {before}" in text
    rows.loc[last, "test_accuracy"] = 0.9123
    rows.to_csv(csv, index=False)
    again, changed_picture, changed = shown()
    assert str(mean) not in claim(again, "1b.") and claim(again, "1a.") == claim(text, "1a.")
    assert "seed 0 91.23 %" in again and f"seed 0 {before}" not in again
    assert changed_picture != picture
    for old, new in zip(machines, changed):
        assert (old["measures"] != new["measures"]) == (old["claim"] in ("1b", "1c", "2")), old["claim"]
        assert old["rule"] == new["rule"] and new["commands"] and new["commit"]


def test_a_seed_left_out_changes_the_printed_robustness(recorded):
    one = next(each for each in claims.every() if each.number == "1b")
    for name, values in (("paper", {0: 0.60}), ("best", {1: 0.9715, 2: 0.972, 3: 0.9725})):  # seed 0 is far off
        csv = recorded / name / "accuracy.csv"
        rows = pd.read_csv(csv)
        rows = rows[rows.seed.isin(values)].copy()  # however many are recorded by now
        for seed, value in values.items():
            last = (rows.variant == "spyketorch") & (rows.epoch == 680) & (rows.seed == seed)
            rows.loc[last, "test_accuracy"] = value
        rows.to_csv(csv, index=False)
    found = claims.robustness(one, [recorded])
    assert one.judged([recorded]).verdict == "undecided"
    assert found == {"seed 0": "reproduced", **{f"seed {seed}": "undecided" for seed in (1, 2, 3)}}
    assert claims.told_robustness("undecided", found) == "changes in 1 of 4: *reproduced* without seed 0"
    assert claims.told_robustness("reproduced", dict.fromkeys("abc", "reproduced")) == "stays with each of 3 left out"


def test_more_seeds_of_another_experiment_count_for_the_same_claim(recorded):
    """Eleven made-up seeds of the paper's configuration, recorded as `paper-seeds`."""
    facts = json.loads((recorded / "paper" / "provenance.json").read_text())
    rows = pd.read_csv(recorded / "paper" / "accuracy.csv")
    rows = rows[(rows.variant == "paper") & (rows.epoch > 670)]
    more = recorded / "paper-seeds"
    more.mkdir()
    pd.concat([rows.assign(seed=seed, test_accuracy=0.968 + 0.0004 * seed) for seed in range(1, 12)]).to_csv(
        more / "accuracy.csv", index=False)
    run = next(run for run in facts["runs"] if run["variant"] == "paper")
    facts |= {"experiment": "paper-seeds", "runs": [run | {"seed": seed} for seed in range(1, 12)]}
    (more / "provenance.json").write_text(json.dumps(facts))
    one = next(each for each in claims.every() if each.number == "1a")
    assert "(12 seeds)" in str(one.judged([recorded]).told) and one.judged([recorded]).verdict == "reproduced"
    page = Noted(recorded)
    page.add(*claims.page_of("1a"))
    text = "\n".join(page.said)
    assert not page.failed and "passes: 12, seeds 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11" in text
    assert "| last pass | 97.0" in text and "12 seeds) |" in text and "| inside |" in text
    shutil.rmtree(recorded / "paper")  # whichever of them is there
    assert one.judged([recorded]).verdict == "not tested yet"


def test_open_choices_are_judged_by_the_same_rule(tmp_path):
    shutil.copytree(REPORT / "results" / "handmade", tmp_path / "handmade")
    one = next(each for each in claims.every() if each.number == "4")
    found = {choice.what: choice.verdict for choice in one.choices([tmp_path])}
    assert "`default`" not in found and len(found) == 10
    assert found["`S1 threshold 2`"] == "reproduced" and found["`one winner`"] == "not"
    assert found["`with repeats`"] == "partly"


def test_missing_results_are_said_with_the_command_and_the_rest_is_rendered(recorded, tmp_path):
    shutil.rmtree(recorded / "paper")
    text = rendered(tmp_path, recorded=recorded)
    assert "No results in" in text and "make report PRESET=tiny" in text
    assert "no result of experiment `paper`. Make it with `python -m report run paper`" in text
    assert "**not tested yet**" in claim(text, "1b.") and "needs `paper`" in claim(text, "1b.")
    assert "no chapter has run with the preset `tiny`" in text
    for words in ("S1 learning", "Figure 1.", "index-decision", "### The two commands"):  # the rest is there
        assert words in text


def test_a_part_that_fails_says_so_in_its_place_and_the_rest_goes_on(tmp_path, capsys):
    page = Page("tiny", str(tmp_path), [str(tmp_path)])

    def absent(page):
        raise Missing("paper", "a result")

    page.add(absent, lambda page: 1 / 0, lambda page: page.say("the rest"))
    said = capsys.readouterr().out
    assert said.count("Markdown") == 3
    with pytest.raises(RuntimeError, match="test_page: ZeroDivisionError: division by zero"):
        page.close()


def test_a_claim_is_one_file(tmp_path, monkeypatch):
    """Each claim's file taken away in turn: its row is gone, the others and their parts are there. One more: a row."""
    folder = tmp_path / "claims"
    shutil.copytree(REPORT / "claims", folder, ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(claims, "__path__", [str(folder)])

    def labels():
        for name in [name for name in sys.modules if name.startswith("report.claims.")]:
            monkeypatch.delitem(sys.modules, name)
        rows, every = claims.table([]).claim.tolist(), claims.every()
        assert rows == [claim.label for claim in every] and all(claim.rule and claim.parts for claim in every)
        assert len(claims.pages()) + len(claims.pages(extension=True)) == sum(1 + len(claim.parts) for claim in every)
        return rows

    every, gone = labels(), []
    for file in sorted(folder.glob("[a-z]*.py")):
        text = file.read_text()
        file.unlink()
        lacking = set(every) - set(labels())
        assert len(lacking) == 1
        gone += lacking
        file.write_text(text)
    assert sorted(gone) == sorted(every)
    text = (folder / "handmade.py").read_text()
    for label in ("99. Another problem", "100. The next"):  # in the order of their numbers
        (folder / f"another{label[:2]}.py").write_text(text.replace('"4. Handmade problem', f'"{label}'))
    assert len(labels()) == len(every) + 2
    assert [label.partition(" ")[0] for label in labels()[-2:]] == ["99.", "100."]
    assert "Another problem: share" in summary.rest(claims.judge([]))
    (folder / "another10.py").write_text("HELP = 1")
    with pytest.raises(ImportError, match=r"another10.py defines no CLAIM"):
        labels()
    (folder / "another10.py").write_text(text.replace('"4. Handmade problem', '"A problem'))
    with pytest.raises(ValueError, match="a claim's label is its number and words, .* got 'A problem"):
        labels()


def test_the_notebook_shows_every_claim_and_extension():
    code = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code")
    assert "claims.pages()" in code and "claims.pages(extension=True)" in code
    assert {claim.number for claim in claims.every(extension=True)} == {"7a", "7b"}
    assert all(claim.judged([]).verdict in ("extension", "not tested yet") for claim in claims.every(extension=True))


def test_a_table_of_a_study_is_not_taken_for_an_experiment(recorded):
    shutil.copytree(REPORT / "results" / "shipped", recorded / "shipped")
    page = Noted(recorded)
    assert "shipped" not in page.experiments and not any("shipped" in problem for problem in page.problems)


def test_what_everything_recorded_cost_can_be_told():
    hours = {name: cost(name, [RESULTS]) for name in {*experiments.names(), *registry.results()}}
    assert all(each is None or each > 0 for each in hours.values())
    rows = pd.read_csv(RESULTS / "crossed" / "crossed.csv")
    assert hours["crossed"] == pytest.approx(rows.seconds.sum() / 3600, rel=1e-3)
