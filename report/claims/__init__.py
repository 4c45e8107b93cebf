"""The claims, one file each: its row of the table, its figures, its text, its verdict. One file more is one claim more.

A claim's file defines CLAIM. Claims stand in the order of their labels.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..lab.page import Page
from ..lab.results import Missing

Part = Callable[[Page], None]


@dataclass(frozen=True)
class Claim:
    """What the paper says, or what we add, and whether it holds."""

    label: str  #: number and words
    theirs: Callable[[], tuple[str, str, str]]  #: what the paper, SpykeTorch and the student replication have
    ours: Callable[[Sequence[Path]], tuple[object, str]]  #: what we have by the recorded results, and the verdict
    section: str  #: of the page, where `parts` stand: one that the notebook lists
    parts: tuple[Part, ...]  #: text and figures
    figure: str  #: anchor of the figure that shows it

    def __post_init__(self):
        if not re.match(r"\d+[a-z]?\. \w", self.label):
            raise ValueError(f"a claim's label is its number and words, as in '3a. Reward in S2', got {self.label!r}")

    @property
    def number(self) -> str:
        return self.label.partition(".")[0]

    @property
    def order(self) -> tuple[int, str]:
        return int(re.sub(r"\D", "", self.number)), self.label


def every() -> list[Claim]:
    """All claims in order. Raises ImportError for a file that defines none."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    for module in modules:
        if not hasattr(module, "CLAIM"):
            raise ImportError(f"{module.__file__} defines no CLAIM; what several claims share belongs to report/lab")
    return sorted((module.CLAIM for module in modules), key=lambda claim: claim.order)


def parts(section: str) -> list[Part]:
    """What the claims of one section of the page show, in their order."""
    return [part for claim in every() if claim.section == section for part in claim.parts]


def table(folders: Sequence[Path]) -> pd.DataFrame:
    """One row a claim: claim, paper, SpykeTorch, student, ours, verdict, figure. `figure` is an anchor or empty."""
    rows = []
    for claim in every():
        try:
            ours, verdict, figure = *claim.ours(folders), claim.figure
        except Missing as missing:
            ours, verdict, figure = f"needs `{missing.name}`", "not tested yet", ""
        rows.append((claim.label, *claim.theirs(), ours, verdict, figure))
    return pd.DataFrame(rows, columns=["claim", "paper", "SpykeTorch", "student", "ours", "verdict", "figure"])
