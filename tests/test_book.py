"""The book's structure: pages, notebooks, alternative texts, citations, names. Running the chapters is another test."""

from __future__ import annotations

import importlib.util
import re
import statistics
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml

from rstdp.config import SPYKETORCH

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
ENTRIES = [TOC["root"]] + [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
PAGES = [entry for entry in ENTRIES if (ROOT / f"{entry}.md").exists()]
CHAPTERS = [entry for entry in ENTRIES if entry not in PAGES]
chapters = pytest.mark.parametrize("chapter", CHAPTERS)


def read(chapter: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / f"{chapter}.ipynb", as_version=4)


def code_cells(chapter: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(chapter).cells if cell.cell_type == "code"]


def prose(entry: str) -> str:
    """A page's text, or that of a notebook's markdown cells, without blocks of program code."""
    if entry in PAGES:
        text = (ROOT / f"{entry}.md").read_text()
    else:
        text = "\n\n".join(cell.source for cell in read(entry).cells if cell.cell_type == "markdown")
    return re.sub(r"^(`{3,})(?:bash|python|toml)\n.*?^\1$", "", text, flags=re.M | re.S)


def test_contents_name_eight_chapters_and_four_pages():
    assert len(CHAPTERS) == 8 and len(PAGES) == 4
    assert sorted(CHAPTERS) == CHAPTERS == sorted(f"book/{path.stem}" for path in BOOK.glob("*.ipynb"))


@chapters
def test_chapter_is_listed_on_the_first_page_and_in_the_readme(chapter):
    assert f"({chapter}.ipynb)" in (ROOT / "README.md").read_text()
    assert f"({Path(chapter).name}.ipynb)" in (BOOK / "index.md").read_text()


@chapters
def test_notebook_is_valid_and_has_no_outputs(chapter):
    notebook = read(chapter)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in code_cells(chapter):
        assert cell.outputs == [] and cell.execution_count is None


@chapters
def test_notebook_begins_with_one_title(chapter):
    titles = re.findall(r"^# .+", prose(chapter), re.M)
    assert len(titles) == 1 and read(chapter).cells[0].source.startswith(titles[0])


@chapters
def test_notebook_has_one_parameters_cell_with_comments(chapter):
    cells = [cell for cell in code_cells(chapter) if "parameters" in cell.metadata.get("tags", [])]
    assert len(cells) == 1
    for line in filter(None, cells[0].source.splitlines()):
        assert "#" in line, f"no comment: {line}"


@chapters
def test_code_cells_are_short(chapter):
    lengths = [len(cell.source.strip().splitlines()) for cell in code_cells(chapter)]
    assert max(lengths) <= 40
    assert statistics.median(lengths) <= 8


@chapters
def test_figures_have_alt_text_caption_and_name(chapter):
    names = []
    for cell in code_cells(chapter):
        assert "mystnb" not in cell.metadata.get("tags", [])
        options = cell.metadata.get("mystnb", {})
        if "figure" in options or "image" in options:
            assert len(options["image"]["alt"]) > 15, options
            assert options["figure"]["caption"] and options["figure"]["name"].startswith("fig-"), options
            names.append(options["figure"]["name"])
    assert names, "a chapter without a figure"
    assert len(set(names)) == len(names)


def test_names_of_figures_are_unique_in_the_book():
    names = [cell.metadata["mystnb"]["figure"]["name"] for chapter in CHAPTERS for cell in code_cells(chapter)
             if "figure" in cell.metadata.get("mystnb", {})]
    assert len(set(names)) == len(names)
    for chapter in CHAPTERS:
        for reference in re.findall(r"\{numref\}`(?:[^`<]*<)?(fig-[\w-]+)>?`", prose(chapter)):
            assert reference in names, f"{chapter} refers to {reference}"


@pytest.mark.parametrize("entry", [*ENTRIES, "README"])
def test_pictures_in_the_text_have_alt_text(entry):
    text = (ROOT / "README.md").read_text() if entry == "README" else prose(entry)
    for alt, target in re.findall(r"!\[(.*?)\]\((.*?)\)", text, re.S):
        assert len(alt) > 15, target
    for tag in re.findall(r"<img\b[^>]*>", text):
        assert re.search(r'\balt="[^"]{15,}', tag), tag
    for directive in re.findall(r"^[`:]{3,}\{(?:image|figure)\}.*\n((?::.*\n)*)", text, re.M):
        assert ":alt:" in directive
    for svg in re.findall(r"<svg\b.*?</svg>", text, re.S):
        assert "<title" in svg and "<desc" in svg


def bibliography() -> dict[str, str]:
    return {key: body for key, body in re.findall(r"^@\w+\{([^,]+),\n(.*?)^\}", (ROOT / "references.bib").read_text(),
                                                  re.M | re.S)}


@pytest.mark.parametrize("entry", ENTRIES)
def test_citations_exist(entry):
    for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", prose(entry)):
        for key in keys.split(","):
            assert key.strip() in bibliography()


def test_bibliography_entries_are_complete():
    assert len(bibliography()) == 14
    for key, body in bibliography().items():
        for field in ("author", "title", "year"):
            assert re.search(rf"^\s*{field}\s*=", body, re.M), f"{key} has no {field}"
        assert re.search(r"^\s*(doi|url)\s*=", body, re.M), f"{key} has neither doi nor url"


@pytest.mark.parametrize("entry", [*ENTRIES, "README"])
def test_links_to_files_lead_somewhere(entry):
    folder, text = (ROOT, (ROOT / "README.md").read_text()) if entry == "README" else (BOOK, prose(entry))
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"\w+:", target):
            assert (folder / target).exists(), target
    for target in re.findall(r'<a href="([^"#]+)\.html', text):
        assert (folder / f"{target}.ipynb").exists() or (folder / f"{target}.md").exists(), target


@pytest.mark.parametrize("entry", ENTRIES)
def test_terms_are_in_the_glossary(entry):
    block = re.search(r"```\{glossary\}\n(.*?)```", (BOOK / "glossary.md").read_text(), re.S)[1]
    known = {line.strip().lower() for line in block.splitlines() if line and not line.startswith(" ")}
    for shown, target in re.findall(r"\{term\}`([^`<]*?)(?:\s*<([^>]*)>)?`", prose(entry)):
        assert (target or shown).lower() in known


def test_notation_uses_names_of_the_code():
    code = "\n".join(path.read_text() for path in (ROOT / "rstdp").glob("*.py"))
    names = re.findall(r"(?<!\})`(\w+)`", (BOOK / "notation.md").read_text())
    assert len(names) > 40
    for name in names:
        assert re.search(rf"\b{name}\b", code), f"no {name} in rstdp"


def test_map_on_the_first_page_agrees_with_the_configuration():
    text = (BOOK / "index.md").read_text()
    for layer, what in (("s1", "edges"), ("s2", "parts"), ("s3", "digits")):
        assert f">{getattr(SPYKETORCH, layer).maps} {what}</text>" in text
    assert {f"book/{name}" for name in re.findall(r'<a href="([^"]+)\.html', text)} == set(CHAPTERS)


def test_configuration_of_the_site():
    assert CONFIG["only_build_toc_files"] is True
    assert {"_build", ".venv", "report", "tests"} <= set(CONFIG["exclude_patterns"])
    assert CONFIG["execute"]["execute_notebooks"] in ("cache", "force") and not CONFIG["execute"]["allow_errors"]
    options = CONFIG["sphinx"]["config"]
    assert options["numfig"] is True
    assert (BOOK / "_static" / options["mathjax_path"]).exists(), "equations need a connection"
    assert (BOOK / "_static" / "mathjax" / "LICENSE").exists()
    pins = (ROOT / "requirements.txt").read_text().split()
    assert "jupyter-book==1.0.4.post1" in pins and "sphinx-book-theme==1.2.0" in pins


@pytest.mark.parametrize("environment, remote, expected", [
    ({}, None, None),
    ({}, "/srv/mirror/book.git", None),
    ({}, "https://gitlab.com/someone/book.git", None),
    ({}, "https://example.org/github.com/book.git", None),
    ({}, "https://github.com/someone/book.git", ("https://github.com/someone/book", "main")),
    ({}, "https://user:secret@github.com/someone/book", ("https://github.com/someone/book", "main")),
    ({}, "git@github.com:someone/the.book.git", ("https://github.com/someone/the.book", "main")),
    ({"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_NAME": "dev", "GITHUB_REF_TYPE": "branch"}, None,
     ("https://github.com/a/b", "dev")),
    ({"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_NAME": "7/merge", "GITHUB_BASE_REF": "trunk"}, None,
     ("https://github.com/a/b", "trunk")),
    ({"GITHUB_REPOSITORY": "a/b", "GITHUB_REF_NAME": "v1", "GITHUB_REF_TYPE": "tag"}, None,
     ("https://github.com/a/b", "main")),
    ({"GITHUB_REPOSITORY": "a/b", "GITHUB_SERVER_URL": "https://git.example.org"}, None, None),
])
def test_launch_buttons_lead_to_the_repository_or_nowhere(tmp_path, environment, remote, expected):
    spec = importlib.util.spec_from_file_location("rstdp_site", BOOK / "_ext" / "rstdp_site.py")
    site = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(site)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    if remote:
        subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", remote], check=True)
    assert site.repository(environment, tmp_path) == expected
