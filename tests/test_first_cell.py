"""A chapter's first cell: a few lines in a checkout; in a copy it installs rstdp from where that was published.

`make colab-check` runs the chapters in an environment without rstdp; here pip is played.
"""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "book").glob("[0-9]*.ipynb"))
PACKAGE, FOLDER = types.SimpleNamespace(origin="__init__.py"), types.SimpleNamespace(origin=None)
HERE = "https://github.com/someone/book"

sys.path.insert(0, str(ROOT / "book" / "_ext"))
published = importlib.import_module("first_cell").published


def first_cell(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])


CELL = first_cell(NOTEBOOKS[0])


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """An empty folder without rstdp. What pip was asked for is noted; `pip.answer` is how it ends."""
    played = types.SimpleNamespace(asked=None, answer=subprocess.CompletedProcess([], 0, "", ""))

    def run(command, **options):
        played.asked = command
        return played.answer

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RSTDP_SOURCE", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", run)
    return played


def execute(source: str = "") -> None:
    exec(published(CELL, source), {})


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_every_chapter_begins_with_the_same_cell_and_names_no_owner(notebook):
    assert first_cell(notebook) == CELL
    assert len(CELL.splitlines()) <= 5
    copy = published(CELL, HERE)
    assert copy.startswith(f'SOURCE = "{HERE}"') and ".." not in copy, "a copy looks for no rstdp beside it"
    assert copy.endswith("\n" + CELL.split("\n", 2)[2]), "what follows is the same"


def test_in_a_checkout_it_finds_rstdp_beside_the_book():
    """Its first two lines; that the chapter then runs without installing anything is for test_chapters.py."""
    look = CELL.partition("from rstdp")[0] + "import importlib.util\nprint(importlib.util.find_spec('rstdp').origin)"
    done = subprocess.run([sys.executable, "-S", "-c", look], cwd=ROOT / "book", capture_output=True, text=True,
                          env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
    assert Path(done.stdout.strip()).resolve() == ROOT / "rstdp" / "__init__.py"


def test_where_rstdp_is_installed_a_copy_installs_nothing(pip, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: PACKAGE)
    execute()
    assert pip.asked is None and capsys.readouterr() == ("", "")


def test_it_installs_from_where_it_was_published(pip):
    execute(f"{HERE}@abc")
    assert f"git+{HERE}@abc" in pip.asked


def test_a_folder_that_happens_to_have_the_name_is_not_taken_for_the_package(pip, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: FOLDER)
    execute(HERE)
    assert f"git+{HERE}" in pip.asked


def test_rstdp_source_comes_first(pip, monkeypatch):
    monkeypatch.setenv("RSTDP_SOURCE", "git+file:///srv/book")
    execute(HERE)
    assert "git+file:///srv/book" in pip.asked


def test_packages_of_the_host_stay_as_they_are(pip):
    execute(HERE)
    for name in ("torch", "torchvision", "numpy"):
        assert f"{name}=={importlib.metadata.version(name)}" in pip.asked


def test_without_torch_it_says_what_to_install(pip, monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(RuntimeError, match="Install torch first"):
        execute(HERE)
    assert pip.asked is None


def test_unknown_source_is_one_clear_error(pip):
    with pytest.raises(RuntimeError, match="Write the git address of its repository into SOURCE"):
        execute()
    assert pip.asked is None


def test_failed_installation_is_one_clear_error_with_the_words_of_pip(pip):
    pip.answer = subprocess.CompletedProcess([], 1, "", "fatal: repository not found")
    with pytest.raises(RuntimeError, match=rf"(?s)could not install rstdp from {HERE}\..*repository not found"):
        execute(HERE)


@pytest.mark.parametrize("environment, expected", [
    ({}, ""),
    ({"RSTDP_SOURCE": "https://git.example.org/book"}, "https://git.example.org/book"),
    ({"GITHUB_REPOSITORY": "someone/book", "GITHUB_REF_NAME": "main", "GITHUB_SHA": "abc"}, f"{HERE}@abc"),
    ({"GITHUB_REPOSITORY": "someone/book", "GITHUB_BASE_REF": "trunk", "GITHUB_SHA": "abc"}, f"{HERE}@trunk"),
    ({"GITHUB_REPOSITORY": "someone/book", "GITHUB_REF_NAME": "dev"}, f"{HERE}@dev"),
])
def test_downloads_from_the_site_carry_the_source(monkeypatch, tmp_path, environment, expected):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    site = importlib.import_module("rstdp_notebooks")
    copy = tmp_path / "_sources" / "book" / NOTEBOOKS[0].name
    copy.parent.mkdir(parents=True)
    copy.write_text(NOTEBOOKS[0].read_text(encoding="utf-8"), encoding="utf-8")
    for each in ({"RSTDP_SOURCE": "elsewhere"}, environment):  # a second build over the first
        monkeypatch.setattr(site.os, "environ", each | {"PATH": "/usr/bin:/bin"})
        site.fill(types.SimpleNamespace(srcdir=ROOT, outdir=tmp_path), None)
    assert first_cell(copy) == published(CELL, expected)
    again, before = (json.loads(path.read_text(encoding="utf-8"))["cells"] for path in (copy, NOTEBOOKS[0]))
    assert [cell for cell in again if cell not in before] == [again[1]], "nothing else has changed"
