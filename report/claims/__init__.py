"""The claims, one file each: its row of the table, its rule, its figures and text. One file more is one claim more.

A claim's file defines CLAIM. Claims stand in the order of their labels. `report/PROTOCOL.md` dates every rule.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import pkgutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from ..lab import provenance
from ..lab.claim import Choice, Claim, Found, Part
from ..lab.page import Page
from ..lab.registry import command
from ..lab.results import Missing, cost, seeds_in, without
from ..lab.statistics import MISSING

MANY = 20  #: seeds above which a tenth of them is left out at a time


def every(extension: bool | None = None) -> list[Claim]:
    """All claims in order, or those of the paper or the extensions alone. Raises ImportError for a file without one."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    for module in modules:
        if not hasattr(module, "CLAIM"):
            raise ImportError(f"{module.__file__} defines no CLAIM; what several claims share belongs to report/lab")
    found = sorted((module.CLAIM for module in modules), key=lambda claim: claim.order)
    return [claim for claim in found if extension in (None, claim.extension)]


def robustness(claim: Claim, folders: Sequence[Path]) -> dict[str, str]:
    """{what is left out: the verdict without it}: every seed in turn; of many seeds a tenth at a time."""
    with seeds_in() as seen:
        claim.judged(folders)
    groups = {f"seed {seed}": (lambda column, seed=seed: column == seed) for seed in sorted(seen)}
    if len(seen) > MANY:
        groups = {f"every tenth seed from {k}": (lambda column, k=k: column % 10 == k) for k in range(10)}
    found = {}
    for name, left_out in groups.items():
        with without(left_out):
            found[name] = claim.judged(folders).verdict
    return found


def told_robustness(verdict: str, found: dict[str, str]) -> str:
    """`robustness` in words: whether the verdict stays, and what changes it."""
    other = {name: each for name, each in found.items() if each != verdict}
    if not found:
        return "there is nothing to leave out"
    if not other:
        return f"stays with each of {len(found)} left out"
    return f"changes in {len(other)} of {len(found)}: " + ", ".join(f"*{each}* without {name}"
                                                                   for name, each in other.items())


@dataclass(frozen=True)
class Judged:
    """A claim with everything that its page and the table say of it."""

    claim: Claim
    found: Found
    robust: dict[str, str]  #: `robustness`
    choices: list[Choice]


def judge(folders: Sequence[Path], extension: bool | None = None) -> list[Judged]:
    """Every claim, judged by the results in these folders."""
    judged = []
    for claim in every(extension):
        found, choices = claim.judged(folders), []
        with contextlib.suppress(Missing):
            choices = claim.choices(folders)
        tested = not claim.extension and found.verdict != MISSING
        judged.append(Judged(claim, found, robustness(claim, folders) if tested else {}, choices))
    return judged


def judged_on(page: Page) -> list[Judged]:
    """`judge` for the results of a page, once."""
    if "claims" not in page.memo:
        page.memo["claims"] = judge(page.recorded)
    return page.memo["claims"]


def table(folders: Sequence[Path], judged: Sequence[Judged] | None = None) -> pd.DataFrame:
    """One row a claim: number, claim, paper, SpykeTorch, student, ours, verdict, robust (in words)."""
    rows = [(one.claim.number, one.claim.label, *one.claim.theirs(), str(one.found.told), one.found.verdict,
             told_robustness(one.found.verdict, one.robust) if one.robust else "—")
            for one in (judge(folders) if judged is None else judged)]
    return pd.DataFrame(rows, columns=[
        "number", "claim", "paper", "SpykeTorch", "student", "ours", "verdict", "robust"])


def pages(extension: bool = False) -> list[Part]:
    """Each claim's own page: heading, row, rule, robustness, open choices, files and cost; then its parts."""
    return [part for claim in every(extension) for part in (head(claim), *claim.parts)]


def page_of(number: str) -> list[Part]:
    """The page of one claim, for example of "1b"."""
    return next([head(claim), *claim.parts] for claim in every() if claim.number == number)


def head(claim: Claim) -> Part:
    """How a claim's page begins."""
    def part(page: Page) -> None:
        one = next(each for each in judged_on(page) if each.claim.number == claim.number)
        paper, spyketorch, student = claim.theirs()
        page.anchor(f"claim-{claim.number}")
        page.say(f"### {claim.label}")
        page.table([(f"**{one.found.verdict}**", paper, one.found.told, spyketorch, student)],
                   ["verdict", "the paper", "ours", "SpykeTorch", "student replication"])
        page.say(f"*How it is judged.* {claim.rule}")
        if one.robust:
            page.say("*Every seed left out in turn.* The verdict "
                     f"{told_robustness(one.found.verdict, one.robust)}.")
        if one.choices:
            page.say("*Open choices.* What the verdict would be, had something been decided otherwise:")
            page.table([(each.what, each.told, f"*{each.verdict}*") for each in one.choices],
                       ["choice", "ours", "verdict"])
        page.say("*Files, command, cost.*\n\n" + "\n".join(f"- {source(page, name)}" for name in claim.results))
    part.__module__ = __name__
    return part


def source(page: Page, name: str) -> str:
    """The files of a result, what makes it, and what that cost."""
    hours = cost(name, page.recorded)
    return f"{page.source(name)}; made by `{command(name)}`" + (f" in {hours:.2f} hours on one core" if hours else "")


def for_machines(judged: Sequence[Judged]) -> list[dict]:
    """What claims.json holds, one entry a claim. Shares of 1; an open end of a band is null."""
    commit = provenance.commit()
    return [{
        "claim": one.claim.number, "says": one.claim.label, "extension": one.claim.extension,
        "measures": [{"what": mark.what, "ours_less_paper": mark.apart.mean, "low": mark.apart.low,
                      "high": mark.apart.high, "n": mark.apart.n,
                      "band": [None if math.isinf(end) else end for end in (mark.low, mark.high)]}
                     for mark in one.found.marks],
        **dict(zip(("paper", "spyketorch", "student"), one.claim.theirs())), "ours": str(one.found.told),
        "verdict": one.found.verdict, "rule": " ".join(one.claim.rule.split()), "without": one.robust,
        "choices": [{**asdict(choice), "told": str(choice.told)} for choice in one.choices],
        "results": list(one.claim.results), "commands": [command(name) for name in one.claim.results],
        "commit": commit} for one in judged]


def write(page: Page, file: str) -> None:
    """Leave the claims of a page in a file for machines; "" for none."""
    if file:
        provenance.write_json(Path(file), for_machines(judged_on(page)))
