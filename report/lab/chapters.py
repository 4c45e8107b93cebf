"""What the chapters recorded as they ran: read from executed notebooks, where `rstdp.show.check` has left it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from .. import ROOT
from .results import Missing

HOLDS, FAILED, MEASURED = "holds", "failed", "measured"


@dataclass(frozen=True)
class Outcome:
    """One named thing that a chapter asserted or measured."""

    name: str
    expected: str
    found: str
    verdict: str


@dataclass(frozen=True)
class Chapter:
    """A chapter as it ran."""

    name: str  #: of its file, without the ending
    title: str
    path: Path  #: of the executed notebook
    seconds: float | None  #: None where it did not come to its end
    error: str  #: what stopped it; empty where nothing did
    outcomes: tuple[Outcome, ...]

    @property
    def compared(self) -> int:
        """Values that were compared."""
        return sum(record.get("compared", 0) for _, record in records(self.path))


def files() -> list[Path]:
    """The chapters of the book, in order."""
    return sorted((ROOT / "book").glob("[0-9]*.ipynb"))


def records(notebook: Path) -> list[tuple[str, dict]]:
    """What an executed notebook recorded, by name."""
    outputs = [output for cell in nbformat.read(notebook, 4).cells for output in cell.get("outputs", [])]
    return [(output.metadata["scrapbook"]["name"], dict(output.metadata["check"])) for output in outputs
            if "check" in output.get("metadata", {})]


def outcome(name: str, record: dict) -> Outcome:
    """A record of `rstdp.show.check` in words."""
    if "value" in record:
        return Outcome(name, "—", f"{record['value']:.4g} {record['unit']}", MEASURED)
    allowed = ", ".join(f"{part} {value:g}" for part, value in record["allowed"].items())
    different = f"{record['different']:,} differ" if record["different"] else "all"
    return Outcome(name, f"{record['compared']:,} equal" + (f" ({allowed})" if allowed else ""), different,
                   HOLDS if record["holds"] else FAILED)


def exercises(notebook: nbformat.NotebookNode) -> list[Outcome]:
    """What the cells that check the exercises' solutions assert: one outcome for all of a chapter, if it has any."""
    cells = [cell for cell in notebook.cells if "check" in cell.metadata.get("tags", [])]
    came = [cell for cell in cells if cell.get("execution_count")
            and not any(output.output_type == "error" for output in cell.outputs)]
    total, held = (sum(isinstance(node, ast.Assert) for cell in some for node in ast.walk(ast.parse(cell.source)))
                   for some in (cells, came))
    found = "all" if held == total else f"{total - held} not, or not reached"
    return [Outcome("solutions of the exercises", f"{total} assertions hold", found, HOLDS if held == total else FAILED)
            ] * bool(total)


def ran(folder: Path, names: Sequence[str] = ()) -> list[Chapter]:
    """The chapters as a preset has executed them into `folder`. Raises Missing where there is none."""
    found = []
    for name in names or [path.stem for path in files()]:
        path = folder / f"{name}.ipynb"
        if path.exists():
            notebook = nbformat.read(path, 4)
            made, title = notebook.metadata.get("rstdp", {}), notebook.cells[0].source.partition("\n")[0].lstrip("# ")
            cells = [(cell.get("execution_count"), output) for cell in notebook.cells
                     for output in cell.get("outputs", []) if output.output_type == "error"]
            error = made.get("error", "") or "".join(f"cell {count}: {output.ename}: {output.evalue}"
                                                     for count, output in cells[:1])
            found.append(Chapter(name, title, path, made.get("seconds"), error,
                                 (*(outcome(*record) for record in records(path)), *exercises(notebook))))
    if not found:
        raise Missing("chapters", f"no chapter has run with the preset `{folder.name}`",
                      f"make report PRESET={folder.name}")
    return found
