"""Two copies of every chapter from one source: `make course` writes them to _build/course.

A cell tagged `build` defines what the reader should build. In `student/` its functions keep their first line and what
they say about themselves, and raise NotImplementedError; the assertions that follow are the checks. What stands between
`solution-start` and `solution-end` a student copy lacks; cells tagged `check` stay. `full/` has everything. Both are
plain Markdown, as Jupyter and Colab show it. `--check` runs the student copies: each check must fail as handed out, and
pass with the solutions put in; an environment like Colab's runs it with its own Python.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import re
import sys
from pathlib import Path

import nbformat
from first_cell import published

BOOK = Path(__file__).resolve().parent.parent
START, END = re.compile(r"^:::\{solution-start\} (\S+)$", re.M), re.compile(r"^:::\{solution-end\}$", re.M)
TODO = "TODO: write this. The checks below say whether it does what it should."
EMPTY = "# Your solution. The check below says what is missing."


def tags(cell) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def unwritten(source: str) -> str:
    """A cell's source with every function's body replaced by its docstring, a TODO and NotImplementedError."""
    lines, functions = source.splitlines(), []
    for node in ast.parse(source).body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        functions += [each for each in members if isinstance(each, ast.FunctionDef)]
    for function in reversed(functions):
        told = ast.get_docstring(function) is not None
        first = function.body[1] if told and len(function.body) > 1 else function.body[0]
        indent = " " * function.body[0].col_offset
        begin = function.body[0].end_lineno if told else first.lineno - 1
        lines[begin:function.end_lineno] = [f"{indent}# {TODO}",
                                            f"{indent}raise NotImplementedError(\"{function.name}\")"]
    return "\n".join(lines)


def without_solutions(notebook) -> list:
    """The cells of a student copy: solutions gone, an empty cell in place of each one's program."""
    cells, inside = [], False
    for cell in notebook.cells:
        cell, place = copy.deepcopy(cell), None
        if cell.cell_type == "markdown":
            if inside and (found := END.search(cell.source)):
                cell.source, inside = cell.source[found.end():].removeprefix("\n:::").strip(), False
            elif inside:
                continue
            while (found := START.search(cell.source)) and not inside:
                rest = cell.source[found.end():]
                if end := END.search(rest):  # a solution without a program
                    cell.source = cell.source[:found.start()] + rest[end.end():].removeprefix("\n:::").lstrip()
                else:
                    cell.source, inside = cell.source[:found.start()].strip(), True
                    place = nbformat.v4.new_code_cell(EMPTY, id=f"{cell.id}-yours")
            if not cell.source.strip():
                cell = None
        elif inside and "check" not in tags(cell):
            continue
        elif "build" in tags(cell):
            cell.source = unwritten(cell.source)
        cells += [each for each in (cell, place) if each is not None]
    return cells


def solved(student, full) -> list[str]:
    """The programs of a student copy with the book's solutions put in, one after the other as in the book.

    full: the chapter as the book has it, whose markers say where a solution ends."""
    places = {f"{cell.id}-yours": number for number, cell in enumerate(full.cells)}
    sources, by_id = [], {cell.id: cell for cell in full.cells}
    for cell in student.cells:
        if cell.cell_type != "code":
            continue
        if cell.id in by_id:
            sources.append(by_id[cell.id].source)
            continue
        for following in full.cells[places[cell.id] + 1:]:  # the solution's cells
            if following.cell_type == "markdown" and END.search(following.source):
                break
            if following.cell_type == "code":
                sources.append(following.source)
        else:
            raise ValueError(f"the solution for {cell.id} has no end")
    return sources


def references() -> dict[str, str]:
    """For each key of references.bib what a text says: Mozafari et al. (2019a), where there are several."""
    found: dict[str, str] = {}
    text = (BOOK.parent / "references.bib").read_text(encoding="utf-8")
    for key, body in re.findall(r"^@\w+\{([^,]+),\n(.*?)^\}", text, re.M | re.S):
        people = re.search(r"author\s*=\s*\{(.+?)\},?\n", body)[1].split(" and ")
        names = [person.strip("{}").split(",")[0] for person in people]
        year = re.search(r"year\s*=\s*\{?(\d+)", body)[1]
        found[key] = (names[0] + (" et al." if len(names) > 2 else f" and {names[1]}" if len(names) == 2 else "")
                      + f" ({year})")
    for text in {each for each in found.values() if [*found.values()].count(each) > 1}:
        alike = [key for key, each in found.items() if each == text]
        found |= {key: f"{text[:-1]}{letter})" for key, letter in zip(alike, "abcdefgh")}
    return found


def exercises() -> dict[str, str]:
    """For each exercise's label what a text says: exercise 4.4."""
    found = {}
    for path in sorted(BOOK.glob("[0-9]*.ipynb")):
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        for place, label in enumerate(re.findall(r"^:label: (ex-[\w-]+)$", text, re.M), start=1):
            found[label] = f"exercise {int(path.name[:2])}.{place}"
    return found


def plain(text: str, number: str, counters: dict[str, int], cited: dict[str, str]) -> str:
    """MyST Markdown as Jupyter and Colab show it: boxes become quotations, roles become words.

    cited: what the text says for a key of references.bib or the label of an exercise.
    """
    def box(match) -> str:
        kind, title, options = match["kind"], match["title"].strip(), match["options"] or ""
        body = match["body"].strip()
        if kind == "exercise":
            counters["exercise"] = counters.get("exercise", 0) + 1
            title = f"Exercise {number}.{counters['exercise']}" + (f" ({title})" if title else "")
        elif "dropdown" in options:
            return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
        return "\n".join(f"> {line}".rstrip() for line in [f"**{title}**", "", *body.splitlines()])

    def equation(match) -> str:
        counters[match[2]] = counters.get("equation", 0) + 1
        counters["equation"] = counters[match[2]]
        body = match[1].rstrip()
        return f"$$\n{body.strip()} \\tag{{{number}.{counters[match[2]]}}}\n$$"

    text = re.sub(r"^\$\$\n(.*?)^\$\$ \((eq-[\w-]+)\)$", equation, text, flags=re.M | re.S)
    text = re.sub(r"^:::\{solution-(?:start|end)\}.*\n(?:^:\w+:.*\n)*:::$\n?",
                  lambda match: "**Solution.**\n" if "start" in match[0] else "", text, flags=re.M)
    fence = re.compile(r"^(?P<fence>:{3,})\{(?P<kind>[\w-]+)\}(?P<title>.*)\n(?P<options>(?::[\w-]+:.*\n)*)"
                       r"(?P<body>(?:(?!^:{3,}\{).*\n)*?)(?P=fence)$", re.M)
    while fence.search(text):
        text = fence.sub(box, text)
    text = re.sub(r"\{eq\}`([\w-]+)`", lambda match: f"({number}.{counters.get(match[1], '?')})", text)
    text = re.sub(r"\{cite(?::(\w))?\}`([^`]+)`", lambda match: (
        "{}" if match[1] == "t" else "[{}]").format("; ".join(cited[key.strip()] for key in match[2].split(","))), text)
    text = re.sub(r"\{origin\}`([^`]+)`", r"*\1*", text)
    text = re.sub(r"\{(?:prf:)?(?:ref|numref|term|doc)\}`([^`<]*?)(?:\s*<[^>]*>)?`", lambda match: cited.get(
        match[1], "the figure" if match[1].startswith("fig-") else match[1]), text)
    text = re.sub(r"\[\]\([^)]*\)", "the book", text)
    text = re.sub(r"\[([^\]]+)\]\([\w-]+\.(?:ipynb|md)(?:#[\w-]+)?\)", r"\1", text)
    return text.replace("{py:func}", "").replace("\n\n\n", "\n\n")


def copies(path: Path, source: str = ""):
    """The student copy and the full copy of a chapter. source: the git address that their first cell installs from."""
    full = nbformat.read(path, as_version=4)
    student = copy.deepcopy(full)
    student.cells = without_solutions(full)
    number, cited = str(int(path.name[:2])), references() | exercises()
    for notebook in (student, full):
        counters: dict[str, int] = {}
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = plain(cell.source, number, counters, cited)
            elif "install" in tags(cell):
                cell.source = published(cell.source, source)
        notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    return student, full


def checks(student) -> list[tuple[str, str]]:
    """What must fail in a student copy: (id of a cell, what it checks), the first cell that calls each function to
    build, itself or through another function, and the cell that checks each exercise."""
    found: list[tuple[str, str]] = []
    waiting: dict[str, str] = {}  # the name of a function -> the function to build that it needs
    for cell in (cell for cell in student.cells if cell.cell_type == "code"):
        called = set()
        for node in ast.parse(cell.source).body:
            names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} & set(waiting)
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                called |= {waiting[name] for name in names}
            elif "build" in tags(cell):
                waiting[node.name] = node.name
            elif names:
                waiting[node.name] = waiting[min(names)]
        found += [(cell.id, name) for name in sorted(called)]
        waiting = {name: needs for name, needs in waiting.items() if needs not in called}
        if "check" in tags(cell):
            found.append((cell.id, "an exercise"))
    return found


def failures(student, folder: Path) -> dict[str, str]:
    """Run a student copy to its end, whatever fails: the ids of the cells that raise, and what."""
    from nbclient import NotebookClient

    NotebookClient(student, timeout=600, kernel_name="python3", allow_errors=True,
                   resources={"metadata": {"path": str(folder)}}).execute(
                       env=os.environ | {"PYTHONPATH": str(BOOK.parent)})  # rstdp as it stands in this repository
    return {cell.id: output.ename for cell in student.cells if cell.cell_type == "code" for output in cell.outputs
            if output.output_type == "error"}


def main() -> int:
    """Write the copies; with --check also run the student's. 1 where a check passes that should fail, or fails that
    should pass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=BOOK.parent / "_build" / "course")
    parser.add_argument("--check", action="store_true", help="run the student copies: every check must fail, and pass "
                        "with the solutions put in")
    parser.add_argument("--only", default="", help="chapters whose names contain this")
    options = parser.parse_args()
    from rstdp_notebooks import source

    address, passed = source(os.environ, BOOK.parent), 0
    for path in sorted(BOOK.glob("[0-9]*.ipynb")):
        if options.only not in path.name:
            continue
        student, full = copies(path, address)
        for name, notebook in (("student", student), ("full", full)):
            (options.folder / name).mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, options.folder / name / path.name)
        expected = checks(student)
        line = f"{path.stem}: {len(expected)} checks"
        if options.check:
            found = failures(copy.deepcopy(student), BOOK)  # beside rstdp, as in a checkout
            wrong = [f"{what} ({cell})" for cell, what in expected if cell not in found]
            passed += len(wrong) + (not expected)
            line += ", all fail as handed out" if not wrong else f"; these pass as handed out: {', '.join(wrong)}"
            programs = [nbformat.v4.new_code_cell(program) for program in solved(student, nbformat.read(path, 4))]
            broken = failures(nbformat.v4.new_notebook(cells=programs), BOOK)
            passed += len(broken)
            line += f"; {len(broken)} cells fail with solutions" if broken else ", and pass with the solutions in"
        print(line, flush=True)
    print(f"open {options.folder}")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
