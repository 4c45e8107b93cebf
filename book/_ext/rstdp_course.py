"""A Sphinx extension: what makes the book a course.

`quiz`, `plan` and `goals` show what book/course.yml says of a chapter; `equations` lists every numbered equation with
its program and its chapter; `scoreboard` computes its numbers from recorded results; `copies` links the student copies.
Each entry of the API reference names the chapters that build and use it.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import roles
from rstdp_site import Markdown, chapters, repository
from sphinx import addnodes

from rstdp.show.recorded import scoreboard

#: the chapter of a module whose functions no chapter writes out, as rstdp/__init__.py has it, and of two functions
CHAPTERS = {"encoding": 1, "neuron": 2, "layers": 3, "competition": 3, "plasticity": 4, "learning": 4, "network": 5,
            "training": 7, "config": 7, "data": 1, "files": 7, "handmade": 10, "fast": 8, "images": 7, "events": 9,
            "show": 1, "hits_and_misses": 6, "reward_rates": 6}


@cache
def course(folder: Path) -> dict[int, dict]:
    """What book/course.yml says, by the number of the chapter."""
    return yaml.safe_load((folder / "book" / "course.yml").read_text(encoding="utf-8"))


@cache
def notebook(path: Path) -> list[dict]:
    """The cells of a notebook, their sources as one string."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in cells]


def slug(heading: str) -> str:
    """The anchor of a heading, as MyST makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def quiz(entry: dict, number: int) -> list[str]:
    """Five questions; each answer opens to say why it is right or wrong."""
    lines: list[str] = []
    for place, question in enumerate(entry["quiz"], start=1):
        lines += ["", f"(question-{number}-{place})=", "", f"**{number}.{place}** {question['ask']}", ""]
        for answer, said in sorted(question["answers"].items()):  # so that no place is the right one more often
            right = answer == question["right"]
            lines += [f":::{{dropdown}} {answer}", f"**{'Right.' if right else 'No.'}** {said}", ":::", ""]
    return lines


class Quiz(Markdown):
    """The quiz of a chapter."""

    required_arguments = 1

    def lines(self) -> list[str]:
        number = int(self.arguments[0])
        return quiz(course(Path(self.env.app.srcdir))[number], number)


def to_build(path: Path) -> list[str]:
    """The functions and classes that students write in a chapter."""
    return [name for cell in notebook(path) if "build" in cell["metadata"].get("tags", [])
            for name in re.findall(r"^(?:def|class) (\w+)", cell["source"], re.M)]


def at_hand(path: Path) -> list[str]:
    """What a lecturer needs before the class: how many predictions, which functions students write, which exercises."""
    cells = notebook(path)
    predictions = sum(":class: predict\n" in cell["source"] for cell in cells)
    asked = [f"{{ref}}`{label}` ({level.lower()}, {minutes} min)" for cell in cells for label, level, minutes in
             re.findall(r":label: (ex-[\w-]+)\n\n\*\*(\w+) · (\d+) minutes", cell["source"])]
    written = ", ".join(f"`{name}`" for name in to_build(path))
    return [f"**Before the class.** Run the chapter once, and vote for yourself; predictions: {predictions}.",
            f"**Students write** {written}.", f"**Exercises:** {', '.join(asked)}."]


class Plan(Markdown):
    """Two hours with a chapter, what to have at hand, and its pitfalls."""

    required_arguments = 1

    def lines(self) -> list[str]:
        folder, number = Path(self.env.app.srcdir), int(self.arguments[0])
        entry = course(folder)[number]
        clock, rows = 0, []
        for step, (minutes, what) in entry["plan"].items():
            rows.append(f"| {clock // 60}:{clock % 60:02d} | {step} | {what} |")
            clock += minutes
        pitfalls = [f"- {pitfall}" for pitfall in entry["pitfalls"]]
        before = [line for each in at_hand(chapters(folder)[number - 1]) for line in (each, "")]
        return [*before, "| From | Step | What |", "|---|---|---|", *rows, "", "**Pitfalls.**", "", *pitfalls]


class Goals(Markdown):
    """Each goal, the section that teaches it, and what tests it: an exercise or a function to build, and a question."""

    def lines(self) -> list[str]:
        folder = Path(self.env.app.srcdir)
        names = {number: path.name for number, path in enumerate(chapters(folder), start=1)}
        rows = ["* - Afterwards a student can", "  - Section", "  - Exercise or function to build", "  - Question"]
        for number, entry in course(folder).items():
            for goal in entry["goals"]:
                section = f"[{number}: {goal['section']}]({names[number]}#{slug(goal['section'])})"
                tested, asked = f"`{goal['build']}`" if "build" in goal else "—", "—"
                if "exercise" in goal:
                    tested = f"{{numref}}`{goal['exercise']}`"
                if "question" in goal:
                    asked = f"{{ref}}`{number}.{goal['question']} <question-{number}-{goal['question']}>`"
                rows += [f"* - {goal['can']}", f"  - {section}", f"  - {tested}", f"  - {asked}"]
        return [":::{list-table}", ":header-rows: 1", ":widths: 40 30 15 15", ":class: table-wide", "", *rows, ":::"]


def numbered(folder: Path) -> list[tuple[int, str, str]]:
    """Every numbered equation: (chapter, label, LaTeX)."""
    return [(number, label, body.strip()) for number, path in enumerate(chapters(folder), start=1)
            for cell in notebook(path) if cell["cell_type"] == "markdown"
            for body, label in re.findall(r"^\$\$\n(.*?)^\$\$ \((eq-[\w-]+)\)$", cell["source"], re.M | re.S)]


class Equations(Markdown):
    """All numbered equations: what each is called, the equation, and the program that computes it."""

    def lines(self) -> list[str]:
        folder = Path(self.env.app.srcdir)
        told = {label: what for entry in course(folder).values() for label, what in entry["equations"].items()}
        lines, names = [], [path.name for path in chapters(folder)]
        for number, label, body in numbered(folder):
            name, *code = told[label]
            programs = ", ".join(f"{{py:obj}}`{each.removeprefix('rstdp.')} <{each}>`" for each in code) or "no program"
            if f"## Chapter {number}" not in lines:
                lines += ["", f"## Chapter {number}", "", f"[]({names[number - 1]})", ""]
            lines += [f"**{{eq}}`{label}` {name}** ({programs})", "", "$$", *body.splitlines(), "$$", ""]
        return lines


def scores() -> list[tuple[str, str, str]]:
    """The scoreboard on MNIST's test images: (who, test accuracy in percent, where the number comes from)."""
    found = []
    for row in scoreboard().itertuples():
        spread = f" ({row.lowest:.1f} to {row.highest:.1f}, n = {row.n})" if row.n > 1 else ""
        files = ", ".join(f"`report/results/{name}`" for name in row.source.split(", "))
        cited = " {cite:p}`mozafari2019bio`" if row.who == "the paper" else ""
        found.append((row.who[0].upper() + row.who[1:] + cited, f"{row.mean:.1f}{spread}",
                      row.source if row.source.startswith("one") else files))
    return found


class Scoreboard(Markdown):
    """One table of accuracies on MNIST, computed from result files."""

    def lines(self) -> list[str]:
        rows = [f"| {what} | {value} | {source} |" for what, value, source in scores()]
        return ["| Who decides | Test accuracy (%) | Where the number comes from |", "|---|---|---|", *rows]


class Copies(Markdown):
    """The student copy and the full copy of each chapter, where `make site` has put them; in Colab, where there is a
    repository whose branch `course` holds them."""

    def lines(self) -> list[str]:
        folder = Path(self.env.app.srcdir)
        if not os.environ.get("BOOK_SITE") or self.env.app.builder.name != "html":
            return ["`make course` writes them to `_build/course`."]
        found = repository(os.environ, folder)
        rows = ["| Chapter | To fill in | Complete |", "|---|---|---|"]
        for path in chapters(folder):
            links = []
            for kind in ("student", "full"):
                link = f'<a href="../course/{kind}/{path.name}" download="">notebook</a>'
                if found:
                    address = found[0].replace("https://github.com", "https://colab.research.google.com/github")
                    link += f', <a href="{address}/blob/course/{kind}/{path.name}">in Colab</a>'
                links.append(link)
            rows.append(f"| []({path.name}) | {' | '.join(links)} |")
        return rows


@cache
def programs(folder: Path) -> dict[int, tuple[str, str]]:
    """For each chapter its code: the lines that define something, and all of it."""
    found = {}
    for number, path in enumerate(chapters(folder), start=1):
        code = "\n".join(cell["source"] for cell in notebook(path) if cell["cell_type"] == "code"
                         and "install" not in cell["metadata"].get("tags", []))
        found[number] = "\n".join(re.findall(r"^(?:def|class) \w+", code, re.M)), code
    return found


def where(folder: Path, name: str) -> tuple[int, list[int]]:
    """(the chapter that builds what a dotted name stands for, the chapters whose code uses it)."""
    _, *modules, short = name.split(".")
    named = re.compile(rf"\b(?:{'|'.join(modules)})\.{short}\b|^from rstdp(?:\.\w+)* import (?:.*\W)?{short}\b", re.M)
    word, first = re.compile(rf"\b{re.escape(short)}\b"), CHAPTERS.get(short) or CHAPTERS[modules[0]]
    used = [number for number, (_, code) in programs(folder).items() if named.search(code)]
    own = [number for number in used if word.search(programs(folder)[number][0])]
    return (own or [number for number in used if number >= first] or [first])[0], used


def as_text(lines: list[str]) -> list[str]:
    """A docstring, which is plain text with names in backticks and now and then a table, or an indented program, for
    reStructuredText."""
    rows: list[str] = []
    directive = program = False
    for line in lines:
        if line and not line.startswith(" "):
            directive, program = line.startswith(".. "), False
        elif line.startswith("    ") and not directive and not program and rows and not rows[-1]:
            program = True
            rows += [".. code-block:: python", ""]
        if program:
            rows.append(line)
            continue
        # the text of a role, :math:`x`, stays as it is
        parts = re.split(r"(:\w+:`[^`]+`|``.*?``|`[^`]+`)", line)
        line = "".join(part.replace("*", r"\*") if "`" not in part else f"`{part}`" if re.match("`[^`]", part) else part
                       for part in parts)
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("| ").split("|")]
            rows += [] if set(line) <= set("|- ") else [f"| {': '.join(cells)}"]
        else:
            rows += ["", line] if rows and rows[-1].startswith("| ") else [line]
    return rows


def in_chapters(app, what, name, obj, options, lines) -> None:
    """Write into an entry of the API which chapters build and use it."""
    parts = name.split(".")
    if parts[0] != "rstdp":
        return
    lines[:] = as_text([line for line in lines if not line.startswith("Alias for field number")])
    if what in ("method", "attribute", "property"):
        return
    folder = Path(app.srcdir)
    first, used = where(folder, name)
    files = [path.stem for path in chapters(folder)]
    link = lambda number: f":doc:`{number} <{files[number - 1]}>`"
    text = f"Chapter {link(first)}" + (f"; used in {', '.join(map(link, used))}" if used and what != "module" else "")
    lines += ["", text + "."]


def plain_types(app, doctree) -> None:
    """A parameter of the configuration is an int, not an `Annotated[int, FieldInfo(annotation=NoneType, ...)]`."""
    for part in doctree.findall(addnodes.desc_annotation):
        if "FieldInfo" in part.astext():
            part.children = [nodes.Text(re.sub(r"Annotated\[(\w+), .*\]", r"\1", part.astext()))]


def boxes(app, doctree) -> None:
    """What sphinx-exercise calls a section has no title, and all have one id; a mere box confuses nobody."""
    for section in [*doctree.findall(nodes.section)]:
        if not (section.children and isinstance(section.children[0], nodes.title)):
            section.replace_self(nodes.container("", *section.children, classes=["exercise-body"]))


def fold_name(tags: set[str], source: str) -> tuple[str, str]:
    """(class, words) for a cell that is folded: a set-up, the answer to a prediction, a check, a figure or a number."""
    if tags & {"install", "setup"} or re.match(r"(import|from) \w", source):
        return "setup", "set-up"
    for tag in ("answer", "check"):
        if tag in tags:
            return tag, f"the {tag}"
    figure = re.search(r"\b(figures\.|Figure\(|animate\(|fig\b|ax\b)", source) and "Markdown(" not in source
    return ("figure", "how the figure is made") if figure else ("numbers", "how this is computed")


def folds(app, doctree) -> None:
    """What is folded says what is in it: an answer looks different from a set-up or the code of a figure."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code" and cell.get("hide_mode") and cell.children:
            tags = {name.removeprefix("tag_") for name in cell["classes"] if name.startswith("tag_")}
            kind, words = fold_name(tags, cell.children[0].astext())
            cell["classes"].append(f"fold-{kind}")
            cell["prompt_show"], cell["prompt_hide"] = f"Show {words}", f"Hide {words}"


def twins(app, doctree) -> None:
    """Under each numbered equation: what computes it in rstdp."""
    told = {label: names for entry in course(Path(app.srcdir)).values()
            for label, (_, *names) in entry["equations"].items()}
    for equation in [*doctree.findall(nodes.math_block)]:
        names = told.get(equation.get("label", ""), [])
        if app.env.docname == "book/equations" or not names:
            continue
        line = nodes.paragraph("", "In ", nodes.literal("", "rstdp"), nodes.Text(": "), classes=["defined-in"])
        for place, name in enumerate(names):
            link = addnodes.pending_xref("", nodes.literal("", name.removeprefix("rstdp.")), refdomain="py",
                                         reftype="obj", reftarget=name, refexplicit=True, refdoc=app.env.docname)
            line += [nodes.Text(", "), link] if place else [link]
        around = equation.parent if isinstance(equation.parent, nodes.paragraph) else equation
        around.parent.insert(around.parent.index(around) + 1, line)


def on_one_page(app) -> None:
    """sphinx-exercise says how its nodes look on the single page, after which Sphinx forgets how all other extensions'
    look in HTML, and stops at the first folded cell: remind it."""
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = handlers.get("html", {}) | handlers.get("singlehtml", {})


def setup(app) -> dict:
    """Sphinx calls this. The role `origin` labels what is biology, engineering or an accident of the code."""
    roles.register_local_role("origin", lambda name, raw, text, *_, **__: (
        [nodes.inline(raw, text, classes=["origin"])], []))
    app.connect("builder-inited", on_one_page)
    app.connect("doctree-read", folds)
    app.connect("doctree-read", twins)
    app.connect("doctree-read", plain_types)
    app.connect("doctree-read", boxes, priority=100)  # before sphinx-codeautolink looks for titles
    app.connect("autodoc-process-docstring", in_chapters)
    for directive in (Quiz, Plan, Goals, Equations, Scoreboard, Copies):
        app.add_directive(directive.__name__.lower(), directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
