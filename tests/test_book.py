"""The book's structure: pages, notebooks, alternative texts, citations, names. Running the chapters is another test."""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import importlib.util
import pkgutil
import re
import statistics
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.parse import urlsplit

import nbformat
import pytest
import yaml
from sphinx.util.matching import Matcher

import rstdp
from report.lab import registry
from rstdp.config import SPYKETORCH

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
ENTRIES = [TOC["root"]] + [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
PAGES = [entry for entry in ENTRIES if (ROOT / f"{entry}.md").exists()]
CHAPTERS = [entry for entry in ENTRIES if entry not in PAGES]
chapters = pytest.mark.parametrize("chapter", CHAPTERS)


def extension(name: str) -> ModuleType:
    """A file of book/_ext, which is no package."""
    spec = importlib.util.spec_from_file_location(name, BOOK / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = extension("rstdp_site")


def read(chapter: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / f"{chapter}.ipynb", as_version=4)


def code_cells(chapter: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(chapter).cells if cell.cell_type == "code"]


def title(chapter: str) -> str:
    return read(chapter).cells[0].source.partition("\n")[0].removeprefix("# ")


def prose(entry: str) -> str:
    """A page's text, or that of a notebook's markdown cells, without blocks of program code."""
    if entry in PAGES:
        text = (ROOT / f"{entry}.md").read_text()
    else:
        text = "\n\n".join(cell.source for cell in read(entry).cells if cell.cell_type == "markdown")
    return re.sub(r"^(`{3,})(?:bash|python|toml)\n.*?^\1$", "", text, flags=re.M | re.S)


def test_contents_name_every_chapter_in_order_and_every_page():
    assert CHAPTERS == sorted(f"book/{path.stem}" for path in BOOK.glob("*.ipynb"))
    assert [Path(chapter).name[:2] for chapter in CHAPTERS] == [f"{n + 1:02d}" for n in range(len(CHAPTERS))]
    assert sorted(PAGES) == sorted(f"book/{path.stem}" for path in BOOK.glob("*.md"))


def test_what_tools_leave_in_hidden_folders_and_environments_is_no_page():
    excluded = Matcher(CONFIG["exclude_patterns"])
    assert all(map(excluded, (".history", ".conda", "book/.ipynb_checkpoints", ".venv", "venv", "env")))
    assert not any(map(excluded, ("book", "book/_static", *(f"{chapter}.ipynb" for chapter in CHAPTERS))))


def test_readme_lists_the_chapters_that_the_contents_name():
    listed = re.findall(r"^\d+\. \[(.*)\]\((.*)\)$", (ROOT / "README.md").read_text(), re.M)
    assert listed == [(title(chapter), f"{chapter}.ipynb") for chapter in CHAPTERS]


def test_first_page_says_what_every_chapter_is_good_for():
    page = SimpleNamespace(env=SimpleNamespace(app=SimpleNamespace(srcdir=ROOT)))
    rows = list(zip(*[iter(SITE.Chapters.lines(page)[4:-1])] * 2))[1:]
    assert [link for link, _ in rows] == [f"* - []({Path(chapter).name}.ipynb)" for chapter in CHAPTERS]
    assert all(len(afterwards) > 30 for _, afterwards in rows)


def test_every_directive_of_our_own_is_registered():
    registered = []
    SITE.setup(SimpleNamespace(connect=lambda *_, **__: None, add_directive=lambda name, kind: registered.append(kind)))
    assert set(registered) == set(SITE.Markdown.__subclasses__())


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


def external_links() -> list[str]:
    """All addresses that a reader meets. `pytest --collect-only -k external_links` lists them."""
    sources = (ROOT / "references.bib").read_text()
    sources += "\n".join(f"https://doi.org/{doi}" for doi in re.findall(r"\bdoi\s*=\s*\{([^}]*)\}", sources))
    texts = [*map(prose, ENTRIES), (ROOT / "README.md").read_text(), sources]
    found = re.findall(r"https?:(?:[^\s<>()\"`{}]|\([^\s()]*\))+", "\n".join(texts))
    return sorted({link.rstrip(".,;:*") for link in found} - {"http://www.w3.org/2000/svg"})  # a name, not a link


@pytest.mark.parametrize("link", external_links())
def test_external_links_are_well_formed(link):
    parts = urlsplit(link)
    assert parts.scheme == "https" and parts.username is None and parts.port is None
    assert re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", parts.hostname)
    rest = parts.path + parts.query + parts.fragment
    assert re.fullmatch(r"([\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*", rest, re.ASCII)


@pytest.mark.parametrize("entry", ENTRIES)
def test_terms_are_in_the_glossary(entry):
    block = re.search(r"```\{glossary\}\n(.*?)```", (BOOK / "glossary.md").read_text(), re.S)[1]
    known = {line.strip().lower() for line in block.splitlines() if line and not line.startswith(" ")}
    for shown, target in re.findall(r"\{term\}`([^`<]*?)(?:\s*<([^>]*)>)?`", prose(entry)):
        assert (target or shown).lower() in known


def test_notation_uses_names_of_the_code():
    code = "\n".join(path.read_text() for path in (ROOT / "rstdp").rglob("*.py"))
    names = re.findall(r"(?<!\})`(\w+)`", (BOOK / "notation.md").read_text())
    assert len(names) > 40
    for name in names:
        assert re.search(rf"\b{name}\b", code), f"no {name} in rstdp"


def in_backticks(entry: str) -> set[str]:
    """What a page, or a chapter with what its cells print, sets as code."""
    texts = [prose(entry)] if entry not in CHAPTERS else [cell.source for cell in read(entry).cells]
    return {name for text in texts for name in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)}


def exists(name: str) -> bool:
    """Whether a dotted name leads to something: `rstdp.fast.encode`, `fast.encode`, `network.features`."""
    for place in (name, f"rstdp.{name}", f"rstdp.network.Network.{name.partition('.')[2]}"):
        with contextlib.suppress(ImportError, AttributeError):
            pkgutil.resolve_name(place)
            return True
    return False


@pytest.mark.parametrize("entry", ENTRIES)
def test_files_and_names_of_the_code_in_the_text_exist(entry):
    modules = {"rstdp", *(module.name for module in pkgutil.iter_modules(rstdp.__path__))}
    for name in in_backticks(entry):
        if re.fullmatch(r"(rstdp|report|book|tests)(/[\w.-]+)+", name):
            assert (ROOT / name).exists(), f"no file {name}"
        elif name.endswith(".py"):
            assert [*(ROOT / "rstdp").rglob(name)], f"no file {name} in rstdp"
        elif (dotted := re.match(r"\w+(\.\w+)+", name)) and dotted[0].partition(".")[0] in modules:
            assert exists(dotted[0]), f"no name {name}"


def test_commands_in_the_text_name_what_there_is():
    made = {path.stem for path in (ROOT / "report" / "experiments").glob("*.toml")} | set(registry.all_results())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    commands = [name for entry in ENTRIES for name in in_backticks(entry)]
    for command in commands:
        if found := re.match(r"python -m report run ([\w-]+)", command):
            assert found[1] in made, command
        if found := re.match(r"make ([a-z-]+)", command):
            assert found[1] in targets, command
    assert any(command.startswith("python -m report run") for command in commands)


def test_map_on_the_first_page_agrees_with_the_configuration():
    text = (BOOK / "index.md").read_text()
    for layer, what in (("s1", "edges"), ("s2", "parts")):
        assert f">{getattr(SPYKETORCH, layer).maps} {what}</text>" in text
    assert f">{SPYKETORCH.s3.maps // SPYKETORCH.classes} maps a digit</text>" in text
    for name, number in re.findall(r'<a href="([^"]+)\.html" aria-label="[^"]+: chapter (\d+)"', text):
        assert f"book/{name}" == CHAPTERS[int(number) - 1]
    assert text.count('<a href="') == len(re.findall(r'<a href="[^"]+" aria-label="[^"]+: chapter \d+">', text)) > 0


def test_configuration_of_the_site():
    assert CONFIG["only_build_toc_files"] is True
    assert {"_build", "report", "tests"} <= set(CONFIG["exclude_patterns"])
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
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    if remote:
        subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", remote], check=True)
    assert SITE.repository(environment, tmp_path) == expected


def test_a_book_within_another_repository_is_not_taken_for_its_own(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", "git@github.com:a/b.git"], check=True)
    (tmp_path / "unpacked").mkdir()
    assert SITE.repository({}, tmp_path) and SITE.repository({}, tmp_path / "unpacked") is None


def test_a_chapter_that_does_not_say_what_it_is_good_for_is_named(tmp_path):
    (tmp_path / "_toc.yml").write_text("parts: [{chapters: [{file: 01-mine}]}]", encoding="utf-8")
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "01-mine.ipynb")
    directive = SimpleNamespace(env=SimpleNamespace(app=SimpleNamespace(srcdir=tmp_path)), error=ValueError)
    with pytest.raises(ValueError, match="01-mine.ipynb: its metadata lack 'afterwards'"):
        SITE.Chapters.lines(directive)


@pytest.mark.parametrize("found", [None, ("https://github.com/someone/book", "main")])
def test_buttons_that_need_a_repository_appear_only_with_one(monkeypatch, found):
    monkeypatch.setattr(SITE, "repository", lambda environment, folder: found)
    config = SimpleNamespace(html_theme_options={"repository_url": "", "launch_buttons": {"thebe": False}})
    SITE.configure(SimpleNamespace(srcdir=ROOT), config)
    options = config.html_theme_options
    assert options.get("repository_url") == (found and found[0])
    for button in ("use_edit_page_button", "use_issues_button", "use_repository_button"):
        assert options.get(button, False) == bool(found)
    assert ("colab_url" in options["launch_buttons"]) == bool(found)


def test_buttons_to_colab_open_the_copies_of_the_chapters_and_no_other_page():
    chapter = "book/01-from-pixels-to-spike-times"
    for page, expected in ((chapter, "/blob/course/full/01.ipynb"), ("book/projects", None)):
        url = "https://colab/github/me/it/blob/a/branch/book/01.ipynb"
        buttons = [{"label": "launch-buttons", "buttons": [{"url": url}]}]
        SITE.colab(SimpleNamespace(srcdir=ROOT), page, "", {"header_buttons": buttons}, None)
        assert [group["buttons"][0]["url"].partition("/it")[2] for group in buttons] == ([expected] if expected else [])


@pytest.mark.parametrize("path", sorted(path.relative_to(ROOT) for folder in (BOOK, ROOT / "report", ROOT / "rstdp")
                                        for path in [*folder.rglob("*.py"), *folder.glob("*.ipynb")]), ids=str)
def test_text_files_are_in_utf_8_whatever_the_locale(path):
    """`open`, `read_text` and `write_text` name an encoding; ruff's rule misses most, not knowing what is a path."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in code_cells(path.with_suffix("")))
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        method, name = getattr(call.func, "attr", ""), getattr(call.func, "id", "")
        binary = name == "open" and len(call.args) > 1 and "b" in ast.literal_eval(call.args[1])
        if (name == "open" and not binary) or method in ("read_text", "write_text"):
            assert "encoding" in {keyword.arg for keyword in call.keywords}, f"{path}: {ast.unparse(call)}"


def test_citation_is_that_of_the_citation_file():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    words, paper = SITE.in_words(cff["references"][0]), SITE.bibtex(cff["references"][0])
    assert words.startswith("Mozafari, Milad; ") and words.endswith("<https://doi.org/10.1016/j.patcog.2019.05.015>")
    assert paper.startswith("@article{mozafari2019,\n") and "Masquelier, Timothée}," in paper and "{87--95}" in paper
    book = SITE.bibtex({**cff, "date-released": "2030-01-02", "repository-code": "https://github.com/someone/book"})
    assert book.startswith("@software{digits2030,\n") and "{{The contributors of this book}}" in book
    assert "url = {https://github.com/someone/book}" in book
    assert "year" not in SITE.bibtex(cff) and "url" not in SITE.bibtex(cff), "nothing is invented"


@pytest.mark.parametrize("builder, found", [("html", '<p><a href="../_images/a.png">PICTURE</a></p>'),
                                            ("singlehtml", "<p>PICTURE</p>")])
def test_a_figure_opens_to_be_enlarged_but_not_on_paper(builder, found):
    picture = '<img alt="Seven bars" src="../_images/a.png" />'
    context = {"body": f"<p>{picture}</p>"}
    SITE.accessible(SimpleNamespace(builder=SimpleNamespace(name=builder)), "", "", context, None)
    assert context["body"] == found.replace("PICTURE", picture)


@chapters
def test_what_the_book_folds_is_folded_in_jupyter_too(chapter):
    for cell in code_cells(chapter):
        tags, hidden = set(cell.metadata.get("tags", [])), cell.metadata.get("jupyter", {})
        closed = bool(tags & {"hide-cell", "solution"})  # a solution stands in a box that folds
        assert hidden.get("source_hidden", False) == (closed or bool(tags & {"hide-input", "remove-input"}))
        assert hidden.get("outputs_hidden", False) == (closed and "install" not in tags)  # errors show


@pytest.mark.parametrize("complete, builder, links", [("yes", "html", 3), ("", "html", 0), ("yes", "singlehtml", 0)])
def test_report_and_pdf_are_linked_only_where_they_stand(monkeypatch, complete, builder, links):
    monkeypatch.setenv("BOOK_SITE", complete)
    page = SimpleNamespace(env=SimpleNamespace(app=SimpleNamespace(builder=SimpleNamespace(name=builder))))
    targets = re.findall('href="../(.*?)"', " ".join(SITE.Beside.lines(page)))
    assert len(targets) == links
    recipe = (ROOT / "Makefile").read_text().partition("\nsite: pdf\n")[2].partition("\n\n")[0]
    assert all(target in recipe for target in targets)


def test_status_page_names_the_versions_in_use():
    found = dict(SITE.versions("torch==1.0  # not what is installed\nno-such-package==1.0\n"))
    assert found["torch"] == importlib.metadata.version("torch") and found["no-such-package"] == "not installed"


def test_pdf_says_what_it_needs(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(SystemExit, match="needs Chromium or Chrome, and there is neither"):
        extension("print_book").browser()


def test_pdf_without_solutions_hides_them_and_the_answers_of_quizzes():
    page = '<head></head><div class="solution dropdown admonition"></div><div class="sd-summary-content"></div>'
    printed = extension("print_book").for_paper(page, solutions=False)
    assert "<style>.solution, .sd-summary-content, " in printed
    assert "{ display: none !important; }</style></head>" in printed
    assert "display: none" not in extension("print_book").for_paper(page)


def test_pdf_has_no_links_between_files_and_nothing_folded():
    page = '<a class="x" href="04-stdp.html" aria-label="S1"> <a href="https://example.org/a.html"> <details class="y">'
    assert extension("print_book").for_paper(page) == page.replace("04-stdp.html", "#document-book/04-stdp").replace(
        "<details", "<details open")
