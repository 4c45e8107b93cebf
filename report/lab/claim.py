"""What a claim is: what the paper says, what we have, the rule, and what the figure of all claims shows of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .page import Page
from .results import Missing
from .statistics import MISSING, Estimate

Part = Callable[[Page], None]
EXTENSION = "extension"  #: in place of a verdict: the paper does not say it


@dataclass(frozen=True)
class Mark:
    """A line of the figure of all claims. Shares of 1."""

    what: str
    apart: Estimate  #: ours less the paper's figure, or a difference that the paper speaks of
    low: float  #: of the band that counts as what the paper says
    high: float

    @classmethod
    def near(cls, what: str, ours: Estimate, target: float, tolerance: float) -> Mark:
        """Ours should be the target."""
        return cls(what, ours.less(target), -tolerance, tolerance)


@dataclass(frozen=True)
class Found:
    """What we have by the recorded results."""

    told: object  #: ours, in words or as an Estimate
    verdict: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What the verdict would be had something been decided otherwise that the paper leaves open."""

    what: str
    told: object
    verdict: str


@dataclass(frozen=True)
class Claim:
    """What the paper says, or what we add, and whether it holds."""

    label: str  #: number and words
    theirs: Callable[[], tuple[str, str, str]]  #: what the paper, SpykeTorch and the student replication have
    ours: Callable[[Sequence[Path]], Found]  #: what we have by the recorded results; raises Missing
    rule: str  #: how the verdict follows, printed
    results: tuple[str, ...]  #: experiments and studies that it rests on
    parts: tuple[Part, ...]  #: text and figures of its page
    figure: str  #: anchor of the figure that shows it
    choices: Callable[[Sequence[Path]], list[Choice]] = lambda folders: []  #: every open choice; raises Missing
    extension: bool = False  #: whether it goes beyond the paper, so that nothing can be reproduced

    def __post_init__(self):
        if not re.match(r"\d+[a-z]?\. \w", self.label):
            raise ValueError(f"a claim's label is its number and words, as in '3a. Reward in S2', got {self.label!r}")

    @property
    def number(self) -> str:
        return self.label.partition(".")[0]

    @property
    def order(self) -> tuple[int, str]:
        return int(re.sub(r"\D", "", self.number)), self.label

    def judged(self, folders: Sequence[Path]) -> Found:
        """`ours`; where a result is missing, that and no verdict."""
        try:
            return self.ours(folders)
        except Missing as missing:
            return Found(f"needs `{missing.name}`", MISSING)
