"""The book as a course: copies for students, exercises, predictions, quizzes, equations, and the API's links."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml

import rstdp
from report.studies import shipped
from rstdp.show import recorded

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
NOTEBOOKS = sorted(BOOK.glob("[0-9]*.ipynb"))
COURSE = yaml.safe_load((BOOK / "course.yml").read_text(encoding="utf-8"))
each_chapter = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

sys.path.insert(0, str(BOOK / "_ext"))
course, site = importlib.import_module("course"), importlib.import_module("rstdp_course")


def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")


def codes(path: Path, tag: str) -> list:
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code" and tag in course.tags(cell)]


# --- copies for students ---


@each_chapter
def test_a_student_copy_lacks_what_is_to_be_built_and_solved(path):
    student, full = course.copies(path)
    text = "\n".join(cell.source for cell in student.cells)
    assert text.count("raise NotImplementedError") >= 1 and course.EMPTY in text
    solutions = [cell for cell in full.cells if "solution" in course.tags(cell)]
    assert solutions and not [cell for cell in student.cells if "solution" in course.tags(cell)]
    for cell in [*solutions, *(cell for cell in full.cells if "build" in course.tags(cell))]:
        assert cell.source not in text
    for notebook in (student, full):
        nbformat.validate(notebook)
        shown = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert not re.search(r"^:::|\{(?:cite|term|numref|origin|eq)", shown, re.M), "markup that Colab does not know"


@each_chapter
def test_with_the_solutions_put_in_a_student_copy_is_the_chapter(path):
    """The chapter itself runs in another test, so the student copy passes its checks then."""
    full = nbformat.read(path, 4)
    student, plain = course.copies(path)
    assert course.solved(student, full) == [cell.source for cell in full.cells if cell.cell_type == "code"]
    with pytest.raises(ValueError, match="no end"):  # the full copy has no markers any more
        course.solved(student, plain)


@each_chapter
def test_every_function_to_build_and_every_exercise_has_a_check(path):
    student, full = course.copies(path)
    names = {node.name for cell in codes(path, "build") for node in ast.parse(cell.source).body
             if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    checked = [what for _, what in course.checks(student)]
    assert names <= set(checked), f"nothing calls {names - set(checked)}"
    with_program = sum(course.EMPTY in cell.source for cell in student.cells)
    assert checked.count("an exercise") == with_program > 0


def test_checks_fail_as_handed_out_and_say_what_is_missing(tmp_path):
    """One chapter, in a kernel; `make course ARGS=--check` does it with all."""
    student, _ = course.copies(BOOK / "02-the-single-spike-neuron.ipynb")
    found = course.failures(student, BOOK)
    assert {cell for cell, _ in course.checks(student)} <= set(found)
    assert "NotImplementedError" in found.values() and "ModuleNotFoundError" not in found.values()


def test_functions_lose_their_bodies_and_keep_what_they_say():
    source = 'def f(x):\n    """Twice."""\n    return 2 * x\n\nclass A:\n    def g(self):\n        return 1\n\nf(1)'
    hollow = course.unwritten(source)
    assert hollow.startswith('def f(x):\n    """Twice."""\n    # TODO') and hollow.endswith("\n\nf(1)")
    assert "return" not in hollow and hollow.count("raise NotImplementedError") == 2
    ast.parse(hollow)


def test_boxes_equations_and_roles_become_plain_markdown():
    text = ("::::{exercise} Silence\n:label: ex-a\n\nWhy {cite:p}`student2024synaptic`?\n\n:::{admonition} Hint\n"
            ":class: dropdown\nLook.\n:::\n::::\n\n$$\na = b\n$$ (eq-a)\n\nSee {eq}`eq-a`, {origin}`biology`.")
    found = course.plain(text, "3", {}, course.references())
    assert "> **Exercise 3.1 (Silence)**" in found and "<details><summary>Hint</summary>" in found
    text = "[Chapter 4](04-stdp-edges-without-labels.ipynb), {numref}`ex-own-rule`, {cite:t}`mozafari2019spyketorch`"
    assert course.plain(text, "6", {}, course.references() | course.exercises()) == (
        "Chapter 4, exercise 4.4, Mozafari et al. (2019b)")
    assert not [each for each in course.references().values() if "\\" in each]
    assert "\\tag{3.1}" in found and "See (3.1), *biology*." in found and "(2024)" in found and "{" not in found[:20]


# --- exercises and predictions ---


@each_chapter
def test_exercises_say_level_time_and_hint(path):
    exercises = re.findall(r"^::::\{exercise\} ([^\n]+)\n:label: (ex-[\w-]+)\n\n(.*?)^::::$", prose(path), re.M | re.S)
    assert len(exercises) >= 2
    for title, label, body in exercises:
        assert re.match(r"\*\*(Run|Change|Research) · \d+ minutes\.\*\* ", body), label
        assert ":::{admonition} Hint\n:class: dropdown hint\n" in body, label
        assert f":::{{solution-start}} {label}\n:class: dropdown" in prose(path)


@each_chapter
def test_predictions_stay_closed_until_the_reader_opens_the_answer(path):
    cells = nbformat.read(path, 4).cells
    for number, cell in enumerate(cells):
        if cell.cell_type != "markdown" or "Predict, then" not in cell.source:
            continue
        assert ":class: predict" in cell.source, "all predictions look alike"
        folded = "dropdown answer" in cell.source
        assert folded or any("answer" in course.tags(each) for each in cells[number + 1:number + 8]), cell.source[:200]
    for cell in codes(path, "answer"):
        assert "hide-cell" in course.tags(cell)


# --- what course.yml says ---


@pytest.mark.parametrize("number", COURSE)
def test_a_plan_fills_two_hours_and_a_quiz_has_five_questions_with_reasons(number):
    entry = COURSE[number]
    assert sum(minutes for minutes, _ in entry["plan"].values()) == 120
    assert {"Recap", "Predict and vote", "Build", "Experiment", "Exercises", "Exit quiz"} == set(entry["plan"])
    assert len(entry["pitfalls"]) >= 2 and len(entry["quiz"]) == 5
    for question in entry["quiz"]:
        assert question["right"] in question["answers"] and len(question["answers"]) >= 3, question["ask"]
        assert all(len(said) > 10 for said in question["answers"].values()), question["ask"]


@pytest.mark.parametrize("number", COURSE)
def test_goals_name_a_section_an_exercise_and_a_question_that_exist(number):
    text = prose(NOTEBOOKS[number - 1])
    headings, labels = re.findall(r"^#+ (.+)$", text, re.M), re.findall(r"^:label: (ex-[\w-]+)$", text, re.M)
    for goal in COURSE[number]["goals"]:
        assert site.slug(goal["section"]) in map(site.slug, headings), goal["section"]
        assert goal.get("exercise") in {*labels, None} and goal.get("question") in {1, 2, 3, 4, 5, None}
        assert goal.get("build") in {*site.to_build(NOTEBOOKS[number - 1]), None}
        assert not {"exercise", "build"} <= set(goal), "the table has place for one"
    for name in re.findall(r"`(\w+)`", COURSE[number]["plan"]["Build"][1]):
        assert re.search(rf"\b{name}\b", NOTEBOOKS[number - 1].read_text(encoding="utf-8")), name


@pytest.mark.parametrize("number", COURSE)
def test_the_exercises_of_a_plan_fit_into_its_time(number):
    minutes = [int(each) for each in re.findall(r"^\*\*\w+ · (\d+) minutes", prose(NOTEBOOKS[number - 1]), re.M)]
    slot, told = COURSE[number]["plan"]["Exercises"]
    asked = {part: [int(each) for each in re.findall(r"\b\d+\b", part)] for part in told.split(";")}
    assert sorted(sum(asked.values(), [])) == list(range(1, len(minutes) + 1)), "each exercise has its place"
    needed = sum((max if " or " in part else sum)([minutes[each - 1] for each in which] or [0])
                 for part, which in asked.items() if "home" not in part)
    assert 0 < needed <= slot - 5, f"{needed} minutes of {slot}, and some to talk about them"


@pytest.mark.parametrize("number", COURSE)
def test_a_plan_links_its_quiz_and_says_what_to_expect_of_its_experiment(number):
    teaching, quizzes = ((BOOK / name).read_text(encoding="utf-8") for name in ("teaching.md", "quizzes.md"))
    assert f"{{ref}}`quiz <quiz-{number}>`\n\n```{{plan}} {number}\n" in teaching
    assert re.search(rf"^\(quiz-{number}\)=\n\n## {number}\. .+\n\n```{{quiz}} {number}\n", quizzes, re.M)
    assert "*Expect" in COURSE[number]["plan"]["Experiment"][1]


def test_right_answers_stand_at_every_place():
    places = {sorted(question["answers"]).index(question["right"]) for entry in COURSE.values()
              for question in entry["quiz"]}
    assert {0, 1, 2} <= places


@each_chapter
def test_every_equation_is_numbered_and_named(path):
    text, told = prose(path), COURSE[int(path.name[:2])]["equations"]
    assert not re.findall(r"^\$\$$(?!\n)", re.sub(r"^\$\$\n.*?^\$\$ \(eq-[\w-]+\)$", "", text, flags=re.M | re.S), re.M)
    labels = re.findall(r"^\$\$ \((eq-[\w-]+)\)$", text, re.M)
    assert set(labels) == set(told) and len(labels) == len(set(labels))
    for _, *names in told.values():
        assert names
        for name in names:
            pkgutil.resolve_name(name)


def letters(latex: str) -> set[str]:
    """The Latin and Greek letters of a formula, without words and commands."""
    latex = re.sub(r"\\(?:text|mathrm|begin|end)\{[^{}]*\}", " ", latex)
    greek = {rf"\{name}" for name in "Delta alpha beta varepsilon eta theta phi rho sigma tau ell langle".split()}
    return set(re.findall(r"\\[A-Za-z]+", latex)) & greek | set(re.findall("[A-Za-z]", re.sub(
        r"\\[A-Za-z]+", " ", latex)))


def test_every_letter_of_a_numbered_equation_is_in_the_notation():
    listed = re.findall(r"\$([^$]+)\$", (BOOK / "notation.md").read_text(encoding="utf-8"))
    known = set().union(*map(letters, listed))
    for _, label, body in site.numbered(ROOT):
        assert letters(body) <= known, label


# --- the API and its links ---


def public() -> list[str]:
    """Every public name of the modules of rstdp that have an entry."""
    found = []
    for name in re.findall(r"automodule:: (\S+)", (BOOK / "api.md").read_text(encoding="utf-8")):
        module = importlib.import_module(name)
        own = getattr(module, "__all__", None) if name == "rstdp.fast" else None
        found += [f"{name}.{each}" for each in own or vars(module) if not each.startswith("_") and (
            own or getattr(vars(module)[each], "__module__", None) == name)]
    return found


def test_every_module_of_the_model_has_an_entry():
    listed = re.findall(r"automodule:: rstdp\.(\S+)", (BOOK / "api.md").read_text(encoding="utf-8"))
    modules = [module.name for module in pkgutil.iter_modules(rstdp.__path__)]
    assert {name.split(".")[0] for name in listed} >= set(modules) - {"__main__"}
    for name in rstdp.__all__:
        value = getattr(rstdp, name)
        module = value.__name__ if hasattr(value, "__path__") else getattr(value, "__module__", "rstdp.network")
        assert module.partition("rstdp.")[2].split(".")[0] in {each.split(".")[0] for each in listed}, name


def test_every_public_name_leads_to_a_chapter_that_exists():
    names = public()
    assert len(names) > 100
    for name in names:
        first, used = site.where(ROOT, name)
        assert 1 <= first <= len(NOTEBOOKS) and all(1 <= each <= len(NOTEBOOKS) for each in used), name
    assert site.where(ROOT, "rstdp.plasticity.stdp")[0] == 4
    assert 6 not in site.where(ROOT, "rstdp.neuron.SingleSpikeIF")[1]


def test_docstrings_keep_their_stars_and_tables():
    assert site.as_text(["a `b*c` d*e", "", "| here | there |", "|---|---|", "| x | y |", "", "end"]) == [
        "a ``b*c`` d\\*e", "", "| here: there", "| x: y", "", "", "end"]


# --- the scoreboard, and results that come with the package ---


def test_scoreboard_is_computed_from_result_files():
    board = {what: value for what, value, _ in site.scores()}
    published = recorded.path("reference/published.csv")
    assert len(board) == 8 and board["The paper {cite:p}`mozafari2019bio`"] == "97.2" and "97.2" not in str(COURSE)
    assert "0.972" in published.read_text(encoding="utf-8")
    table = recorded.recorded("mnist/accuracy.csv")
    ends = 100 * table[table.epoch == table.epoch.max()].test_accuracy
    assert board["21 passes"] == f"{ends.mean():.1f} ({ends.min():.1f} to {ends.max():.1f}, n = 5)"
    seeds = recorded.recorded("committee/committee.csv").seed.nunique()
    assert f"n = {seeds})" in board["A committee of three S3, an idea of ours"]


def test_the_shipped_network_is_the_one_whose_accuracy_is_recorded():
    told = json.loads(recorded.path("shipped/provenance.json").read_text(encoding="utf-8"))
    assert told["weights_md5"] == shipped.weights_md5()


def test_an_installation_has_every_package_and_the_results_that_chapters_show():
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packages = {"rstdp", *(f"rstdp.{each.name}" for each in pkgutil.iter_modules(rstdp.__path__) if each.ispkg)}
    recorded_too = {"rstdp.recorded", "rstdp.recorded.reference"}
    assert set(setup["packages"]) == packages | recorded_too
    shipped = {path for name in recorded_too for pattern in setup["package-data"][name]
               for path in (ROOT / setup["package-dir"][name]).glob(pattern)}
    code = "\n".join(path.read_text(encoding="utf-8") for path in [*NOTEBOOKS, Path(recorded.__file__)])
    shown = re.findall(r"recorded(?:\.recorded|\.path)?\(f?\\?\"([\w-]+/[\w.-]+)\\?\"", code)
    shown += [f"{name}/accuracy.csv" for name in re.findall(r"last\(\"(\w+)\"\)", code)]
    assert len(shown) >= 10
    for name in shown:
        assert recorded.path(name) in shipped, f"{name} is not in [tool.setuptools.package-data]"


def test_a_result_that_is_missing_is_named():
    with pytest.raises(FileNotFoundError, match="no recorded result nothing/runs.csv; `python -m report run nothing`"):
        recorded.recorded("nothing/runs.csv")


# --- folds ---


@pytest.mark.parametrize("tags, source, kind", [
    ({"install"}, "SOURCE = 1", "setup"), (set(), "import numpy as np", "setup"), ({"answer"}, "x", "answer"),
    ({"check"}, "assert x", "check"), (set(), "fig = Figure()\nfig", "figure"),
    (set(), "Markdown(f'{x}')", "numbers")])
def test_folds_of_different_kinds_have_different_words(tags, source, kind):
    assert site.fold_name(tags, source)[0] == kind


def test_the_single_page_shows_what_html_shows():
    """Its node for a folded cell was unknown there, and no PDF could be made."""
    handlers = {"html": {"Fold": 1, "Exercise": 2}, "singlehtml": {"Exercise": 3}}
    site.on_one_page(SimpleNamespace(registry=SimpleNamespace(translation_handlers=handlers)))
    assert handlers["singlehtml"] == {"Fold": 1, "Exercise": 3} and handlers["html"]["Exercise"] == 2


def test_copies_are_linked_only_where_they_stand(monkeypatch):
    page = SimpleNamespace(env=SimpleNamespace(app=SimpleNamespace(srcdir=ROOT, builder=SimpleNamespace(name="html"))))
    monkeypatch.delenv("BOOK_SITE", raising=False)
    assert "make course" in site.Copies.lines(page)[0]
    monkeypatch.setenv("BOOK_SITE", "yes")
    monkeypatch.setattr(site, "repository", lambda *_: ("https://github.com/someone/book", "main"))
    rows = site.Copies.lines(page)
    assert len(rows) == 2 + len(NOTEBOOKS)
    assert "https://colab.research.google.com/github/someone/book/blob/course/student/01-" in rows[2]
    assert json.dumps(rows).count("../course/") == 2 * len(NOTEBOOKS)


# --- terms and plans ---


@each_chapter
def test_a_chapter_links_terms_of_the_glossary(path):
    """That they exist is for test_book.py."""
    found = re.findall(r"\{term\}`([^`<]+?)(?:\s*<([^>]+)>)?`", prose(path))
    assert len({(term or shown).lower() for shown, term in found}) >= 5


@each_chapter
def test_a_plan_tells_a_lecturer_what_students_write_and_solve(path):
    _, written, exercises = site.at_hand(path)
    assert all(f"`{node.name}`" in written for cell in codes(path, "build") for node in ast.parse(cell.source).body
               if isinstance(node, (ast.FunctionDef, ast.ClassDef)))
    assert set(re.findall(r"`(\w+)`", written)) <= set(
        re.findall(r"`(\w+)`", COURSE[int(path.name[:2])]["plan"]["Build"][1])), "a function without a step"
    labels = re.findall(r"^:label: (ex-[\w-]+)$", prose(path), re.M)
    assert re.findall(r"\{ref\}`([\w-]+)` \(\w+, \d+ min\)", exercises) == labels


def test_a_docstring_becomes_literals_and_keeps_its_mathematics():
    lines = ["For :math:`t_i` and :math:`w * 2`, `stdp` and ``twice``, a * b."]
    assert site.as_text(lines) == [r"For :math:`t_i` and :math:`w * 2`, ``stdp`` and ``twice``, a \* b."]


def test_an_indented_program_in_a_docstring_is_one_and_the_body_of_a_directive_is_none():
    lines = ["Do:", "", "    def mine(a, *b): `...`", "", "    use(mine)", "", "and:", "", ".. math:: a", "    b * c"]
    assert site.as_text(lines) == [*lines[:2], ".. code-block:: python", "", *lines[2:-1], r"    b \* c"]
