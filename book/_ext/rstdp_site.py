"""A Sphinx extension: what the pages say about the repository and the machine the book is built from.

Where the book is built from a GitHub repository, each page gets buttons to it, and each chapter one to Colab; elsewhere
they get none, because there is nothing that the buttons could open. The directive `citation` shows an entry of
CITATION.cff, `versions` the packages in use, `chapters` what each chapter is good for; `beside` links what `make site`
puts beside the pages.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

REMOTE = re.compile(r"(?:https?://(?:[^/@]*@)?|ssh://git@|git@)github\.com(?::\d+)?[:/]"
                    r"([\w.-]+)/([\w.-]+?)(?:\.git)?/?$")


def git(folder: Path, *arguments: str) -> str:
    """What git prints, or an empty string where there is no git, no such thing or no repository of the folder's own."""
    def output(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, encoding="utf-8",
                              check=True).stdout.strip()

    try:
        own = folder.samefile(output("rev-parse", "--show-toplevel"))  # it may lie in somebody else's
        return output(*arguments) if own else ""
    except (OSError, subprocess.CalledProcessError):
        return ""


def repository(environment: Mapping[str, str], folder: Path) -> tuple[str, str] | None:
    """(address, branch) of the GitHub repository that `folder` belongs to, or None.

    GITHUB_REPOSITORY comes first, then git's remote "origin". On a pull request GITHUB_REF_NAME is "N/merge", which
    is no branch, so the branch that it wants to change is taken.
    """
    name = environment.get("GITHUB_REPOSITORY", "")
    if name and environment.get("GITHUB_SERVER_URL", "https://github.com") == "https://github.com":
        branch = environment.get("GITHUB_BASE_REF") or ""
        if not branch and environment.get("GITHUB_REF_TYPE", "branch") == "branch":
            branch = environment.get("GITHUB_REF_NAME", "")
        return f"https://github.com/{name}", branch or "main"
    match = REMOTE.match(git(folder, "remote", "get-url", "origin"))
    if match is None:
        return None
    default = git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    return f"https://github.com/{match[1]}/{match[2]}", default or "main"


def configure(app, config) -> None:
    """Set the theme's options before the theme reads them."""
    found = repository(os.environ, Path(app.srcdir))
    options = config.html_theme_options
    if found is None:
        options.pop("repository_url", None)
        return
    options["repository_url"], options["repository_branch"] = found
    options["path_to_docs"] = ""
    for button in ("repository", "edit_page", "issues"):
        options[f"use_{button}_button"] = True
    options["launch_buttons"] = {**options.get("launch_buttons", {}), "colab_url": "https://colab.research.google.com"}


def without_thebe(app, config) -> None:
    """Silence sphinx-thebe, which Jupyter Book always loads: no page runs a remote kernel, and its script fails.

    Its style sheet goes as well, for the listener that would copy it is gone.
    """
    for listeners in app.events.listeners.values():
        for listener in [*listeners]:
            if listener.handler.__module__ == "sphinx_thebe":
                app.disconnect(listener.id)
    app.registry.css_files[:] = [sheet for sheet in app.registry.css_files if sheet[0] != "sphinx-thebe.css"]


def colab(app, pagename, templatename, context, doctree) -> None:
    """A chapter's button to Colab opens the copy on the branch `course`, which installs rstdp and is plain Markdown.

    Other pages get none, because Colab does not open them.
    """
    groups = context.get("header_buttons", [])
    for group in [group for group in groups if group.get("label") == "launch-buttons"]:
        for button in group["buttons"]:
            button["url"] = re.sub(r"/blob/.*/", "/blob/course/full/", button.get("url", ""))
        if not (Path(app.srcdir) / f"{pagename}.ipynb").exists():
            groups.remove(group)


def readable_times(app, doctree, docname) -> None:
    """Titles in place of file names, and words in place of pictures, in the table of run times."""
    words = {name: title.astext() for name, title in app.env.titles.items()} | {"✅": "ran", "❌": "failed"}
    for table in doctree.findall(nodes.table):
        for text in [text for text in table.findall(nodes.Text) if text in words]:
            text.parent.replace(text, nodes.Text(words[text]))


def accessible(app, pagename, templatename, context, doctree) -> None:
    """Figures lead to themselves, so that a tap on a phone opens one to be enlarged.

    A fold is called what is written on it. And a role is taken back that promises list items, which docutils does not
    write in a bibliography.
    """
    if "body" in context:
        body = context["body"].replace('<div role="list" class="citation-list">', '<div class="citation-list">')
        body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")  # its own words say more
        if app.builder.name == "html":
            body = re.sub(r'<img [^>]*?src="([^"]*_images/[^"]+)"[^>]*>', r'<a href="\1">\g<0></a>', body)
        context["body"] = body


def reference(entry: Mapping) -> tuple[list[str], str, str]:
    """(authors, year, address) of an entry of CITATION.cff; year and address may be empty."""
    authors = [author.get("name") or f"{author['family-names']}, {author['given-names']}"
               for author in entry["authors"]]
    year = str(entry.get("year") or entry.get("date-released", ""))[:4]
    doi = entry.get("doi")
    return authors, year, f"https://doi.org/{doi}" if doi else entry.get("repository-code", "")


def chapters(folder: Path) -> list[Path]:
    """The notebooks that _toc.yml names, in order."""
    parts = yaml.safe_load((folder / "_toc.yml").read_text(encoding="utf-8"))["parts"]
    files = [folder / f"{entry['file']}.ipynb" for part in parts for entry in part["chapters"]]
    return [path for path in files if path.exists()]


def in_words(entry: Mapping) -> str:
    """The reference as a line of Markdown."""
    authors, year, address = reference(entry)
    parts = ["; ".join(authors) + (f" ({year})" if year else ""), f"*{entry['title']}*"]
    if "journal" in entry:
        parts.append(f"{entry['journal']} {entry['volume']}, {entry['start']}–{entry['end']}")
    if "version" in entry:
        parts.append(f"Version {entry['version']}")
    return ". ".join(part.rstrip(".") for part in parts) + "." + (f" <{address}>" if address else "")


def bibtex(entry: Mapping) -> str:
    """The reference for BibTeX. A group's name is put in braces twice, so that it is not taken for a person's."""
    authors, year, address = reference(entry)
    people = [author if "," in author else f"{{{author}}}" for author in authors]
    fields = {"author": " and ".join(people), "title": f"{{{entry['title']}}}", "journal": entry.get("journal"),
              "volume": entry.get("volume"), "pages": f"{entry['start']}--{entry['end']}" if "start" in entry else "",
              "version": entry.get("version"), "year": year, "doi": entry.get("doi"),
              "url": "" if "doi" in entry else address}
    key = re.match(r"\w+", authors[0] if "," in authors[0] else entry["title"])[0].lower() + year
    kind = "article" if entry["type"] == "article" else "software"
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def versions(requirements: str) -> list[tuple[str, str]]:
    """(name, installed version) of Python and of the packages that a requirements file names."""
    names = re.findall(r"^([\w.-]+)==", requirements, re.M)
    found = [("Python", platform.python_version())]
    for name in sorted(names, key=str.lower):
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, "not installed"))
    return found


class Markdown(SphinxDirective):
    """A directive that writes a piece of a page's Markdown, anew in every build."""

    def lines(self) -> list[str]:
        """The Markdown."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        part = nodes.Element()
        self.state.nested_parse(StringList(self.lines(), self.env.docname), self.content_offset, part)
        return part.children


class Citation(Markdown):
    """How to cite the `book` or the `paper`, from CITATION.cff, in words and for BibTeX."""

    required_arguments = 1

    def lines(self) -> list[str]:
        folder = Path(self.env.app.srcdir)
        entry = yaml.safe_load((folder / "CITATION.cff").read_text(encoding="utf-8"))
        if self.arguments[0] == "paper":
            entry = entry["references"][0]
        else:
            found = repository(os.environ, folder)
            entry.setdefault("date-released", git(folder, "log", "-1", "--format=%cs"))
            if found:
                entry.setdefault("repository-code", found[0])
        return [in_words(entry), "", "```bibtex", *bibtex(entry).splitlines(), "```"]


class Chapters(Markdown):
    """The chapters of _toc.yml, and what a reader can do after each: `afterwards` in the notebook's metadata."""

    def lines(self) -> list[str]:
        folder = Path(self.env.app.srcdir)
        rows = [["* - Chapter", "  - Afterwards you can"]]
        for path in chapters(folder):
            metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
            if "afterwards" not in metadata:
                raise self.error(f"{path.name}: its metadata lack 'afterwards', what a reader can do then")
            rows.append([f"* - []({path.name})", f"  - {metadata['afterwards']}"])
        return [":::{list-table}", ":header-rows: 1", ":widths: 35 65", "", *sum(rows, []), ":::"]


class Versions(Markdown):
    """When, where and from which commit the book was built, and with which packages."""

    def lines(self) -> list[str]:
        folder = Path(self.env.app.srcdir)
        commit = git(folder, "rev-parse", "--short", "HEAD")
        changed = " with changes" if git(folder, "status", "--porcelain") else ""
        today = datetime.datetime.now(datetime.UTC).date()
        text = f"Built on {today}, on {platform.system()} ({platform.machine()}) with {os.cpu_count()} cores"
        requirements = (folder / "requirements.txt").read_text(encoding="utf-8")
        table = [f"| {name} | {version} |" for name, version in versions(requirements)]
        return [text + (f", from commit `{commit}`{changed}." if commit else "."), "",
                "| Package | Version |", "|---|---|", *table]


class Beside(Markdown):
    """Links to the report and to the PDF, in the complete site only: `make book` alone makes neither."""

    def lines(self) -> list[str]:
        if not os.environ.get("BOOK_SITE") or self.env.app.builder.name != "html":
            return []
        return ['Beside these pages: <a href="../replication-report.html">the replication report</a>, and '
                '<a href="../book.pdf">the whole book as a PDF</a>, which there is '
                '<a href="../book-without-solutions.pdf">without the solutions</a> too.']


def setup(app) -> dict:
    """Sphinx calls this."""
    app.connect("config-inited", configure)
    app.connect("config-inited", without_thebe)
    app.connect("doctree-resolved", readable_times)
    app.connect("html-page-context", accessible)
    app.connect("html-page-context", colab, priority=900)  # when the theme has made its buttons
    app.add_directive("chapters", Chapters)
    app.add_directive("citation", Citation)
    app.add_directive("versions", Versions)
    app.add_directive("beside", Beside)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
