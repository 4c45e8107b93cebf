"""What the chapters of the book asserted and measured as they ran for this page."""

from __future__ import annotations

import os

from .. import REPORT
from ..lab import chapters
from ..lab.chapters import FAILED, HOLDS, MEASURED, Chapter
from ..lab.page import Page

RED = '<span class="failed">✗ failed</span>'  #: a word and a mark besides the colour


def link(chapter: Chapter) -> str:
    """To the executed notebook, relative to report/, where the page stands."""
    where = os.path.relpath(chapter.path, REPORT).replace(os.sep, "/")
    return f"[{chapter.name[:2]}. {chapter.title}, as executed]({where})"


def overview(page: Page) -> None:
    """A row a chapter: how many outcomes, how many values were compared, seconds, and what stopped it."""
    every = chapters.ran(page.output)
    page.say(f"The preset `{page.preset}` ran {len(every)} of {len(chapters.files())} chapters, each in a fresh "
             f"kernel. They compared {sum(chapter.compared for chapter in every):,} values with those that they should "
             "be.")
    rows = []
    for chapter in every:
        verdicts = [outcome.verdict for outcome in chapter.outcomes]
        rows.append((link(chapter), verdicts.count(HOLDS), f"{chapter.compared:,}", verdicts.count(MEASURED),
                     "—" if chapter.seconds is None else f"{chapter.seconds:.0f} s",
                     f"{RED}: {chapter.error}" if chapter.error else HOLDS if HOLDS in verdicts else "ran"))
    page.table(rows, ["chapter", "assertions that hold", "values compared", "measured", "time", "verdict"])


def every_outcome(page: Page) -> None:
    """A row an outcome."""
    page.table([(link(chapter), outcome.name, outcome.expected, outcome.found,
                 RED if outcome.verdict == FAILED else outcome.verdict)
                for chapter in chapters.ran(page.output) for outcome in chapter.outcomes],
               ["chapter", "outcome", "expected", "found", "verdict"])


PARTS = (overview, every_outcome)
