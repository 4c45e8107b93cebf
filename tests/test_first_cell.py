"""A chapter's first cell: silent in a checkout, elsewhere it installs rstdp from where the copy was published.

`make colab-check` runs the chapters in an environment without rstdp; here pip and Colab are played.
"""

import importlib.metadata
import importlib.util
import io
import json
import subprocess
import sys
import types
from pathlib import Path
from urllib import request

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "book").glob("[0-9]*.ipynb"))
PACKAGE, FOLDER = types.SimpleNamespace(origin="__init__.py"), types.SimpleNamespace(origin=None)
HERE = "https://github.com/someone/book"


def first_cell(notebook: Path) -> str:
    cells = json.loads(notebook.read_text())["cells"]
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


def play_colab(monkeypatch, path: str) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(request, "urlopen", lambda *_, **__: io.BytesIO(json.dumps([{"path": path}]).encode()))


def execute(source: str = "") -> None:
    exec(CELL.replace('SOURCE = ""', f'SOURCE = "{source}"', 1), {})


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_every_chapter_begins_with_the_same_cell_and_names_no_owner(notebook):
    assert first_cell(notebook) == CELL
    assert CELL.startswith('SOURCE = ""') and 'SOURCE = ""' not in CELL[1:]


def test_in_a_checkout_it_installs_and_prints_nothing(pip, monkeypatch, capsys):
    monkeypatch.chdir(ROOT / "book")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: PACKAGE if sys.path[0] == ".." else None)
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


def test_in_colab_it_installs_from_the_repository_that_it_was_opened_from(pip, monkeypatch):
    play_colab(monkeypatch, "fileId=https%3A//github.com/someone/book/blob/some/branch/book/01-x.ipynb")
    execute()
    assert f"git+{HERE}@some/branch" in pip.asked


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


@pytest.mark.parametrize("colab", [False, True])
def test_unknown_source_is_one_clear_error(pip, monkeypatch, colab):
    if colab:
        play_colab(monkeypatch, "fileId=1dEf")  # a copy in the reader's own Drive
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
    copy = tmp_path / "_sources" / "book" / "01.ipynb"
    copy.parent.mkdir(parents=True)
    copy.write_text(NOTEBOOKS[0].read_text())
    monkeypatch.setattr(site.os, "environ", environment | {"PATH": "/usr/bin:/bin"})
    site.fill(types.SimpleNamespace(srcdir=tmp_path, outdir=tmp_path), None)
    assert first_cell(copy) == CELL.replace('SOURCE = ""', f'SOURCE = "{expected}"')
