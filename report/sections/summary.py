"""How the page begins: title, abstract, all claims in a figure and in a table, and what was found."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import yaml

from .. import ROOT, claims
from ..lab import figures, provenance
from ..lab.accuracy import s3_hours
from ..lab.page import Page
from ..lab.published import PAPER, others, published
from ..lab.results import Missing, load, load_joined, read_table
from ..lab.statistics import VERDICTS, Estimate, points
from . import committees
from .speed import like_for_like
from .student import AS_RUN, story


def title(page: Page) -> None:
    """Title, authors, date, abstract: from CITATION.cff."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    who = ", ".join(one.get("name") or f"{one['given-names']} {one['family-names']}" for one in cited["authors"])
    paper = cited["references"][0]
    of = ", ".join(f"{one['given-names'][0]}. {one['family-names']}" for one in paper["authors"])
    counts = claims.table(page.recorded, [one for one in claims.judged_on(page) if not one.claim.extension]
                          ).verdict.value_counts()
    found = ", ".join(f"{counts[verdict]} *{verdict}*" for verdict in VERDICTS if verdict in counts)
    page.say(
        f"# Replication report\n\n{who}. {datetime.date.today():%d %B %Y}, version {cited['version']}, commit "
        f"{provenance.commit()}, preset `{page.preset}`.\n\n"
        f"Replicated: {of}, *{paper['title']}*, {paper['journal']} {paper['volume']} ({paper['year']}) "
        f"{paper['start']}–{paper['end']}, [doi:{paper['doi']}](https://doi.org/{paper['doi']}).\n\n"
        f"**Abstract.** The network is written anew in PyTorch and SpikingJelly, equal to the authors' public code "
        f"SpykeTorch step by step, and every claim of the paper is measured and judged by a rule that was written down "
        f"with its date. Of {counts.sum()} claims {found}. Much of what the paper leaves open is tried both ways, "
        "every seed is left out in turn, and what goes beyond the paper stands apart and gets no verdict. "
        "Every number on this page is computed from the files that it links.")


def forest(page: Page) -> None:
    """All claims of the paper in one figure."""
    judged = [one for one in claims.judged_on(page) if not one.claim.extension]
    rows = [(f"{one.claim.number} {mark.what}".strip().replace("`", ""), mark.apart, mark.low, mark.high,
             one.found.verdict) for one in judged for mark in one.found.marks]
    links = [f"#claim-{one.claim.number}" for one in judged for _ in one.found.marks]
    if not rows:
        raise Missing("paper", "results of any claim of the paper")
    page.show(figures.forest(rows, links), "All claims of the paper: ours less the paper's figure with its 95 % "
              "interval, on the band that counts as what the paper says; n are seeds, or pairs of digits in "
              "differences of claims 5 and 6. Where the paper has no figure (2, 3, 6), zero is the border of what it "
              "says. Arrows: beyond the axis. Each label leads to its claim's own page.", "claims", linked=True)
    page.say("Each claim's own page, for fingers: " + " · ".join(
        f"[claim {one.claim.number}](#claim-{one.claim.number})" for one in judged) + ".")


def table(page: Page) -> None:
    """Every claim of the paper with its verdict."""
    judged = [one for one in claims.judged_on(page) if not one.claim.extension]
    rows = claims.table(page.recorded, judged)
    page.table([(f"[{row.claim}](#claim-{row.number})", f"**{row.verdict}**", row.paper, row.ours, row.robust,
                 row.SpykeTorch, row.student) for row in rows.itertuples()],
               ["claim", "verdict", "the paper", "ours, after the last pass", "every seed left out", "SpykeTorch",
                "student"])
    counts = rows.verdict.value_counts()
    page.say(f"Of {len(rows)} claims " + ", ".join(
        f"{counts[verdict]} {'is' if counts[verdict] == 1 else 'are'} *{verdict}*"
        for verdict in VERDICTS if verdict in counts) + ". Each follows from a rule, which stands on the claim's page "
        "and, with the dates of its changes and their reasons, in [the protocol](PROTOCOL.md). Claims may rest on the "
             "same runs, as each one's page lists them. The same for machines: "
             f"[claims as JSON](replication-report-{page.preset}.claims.json).")


def exactness(folders: Sequence[Path]) -> str:
    rows, facts = read_table("verify/agreement.csv", folders)
    rows = rows[rows.partner == "SpykeTorch"]
    learning, encoder = rows[rows.layer != "encoder"], rows[rows.layer == "encoder"]
    return (f"**Exact.** Followed step by step on {facts['images']:,} images, {int(learning.different.sum())} of "
            f"{int(learning.steps.sum()):,} winners of learning differ from SpykeTorch's, but for "
            f"{int(learning.ties.sum())} rounding ties; and {int(encoder.different.sum())} of "
            f"{int(encoder.steps.sum()):,} spike times of the encoder, but for {int(encoder.ties.sum())} ties.")


def accuracy(folders: Sequence[Path]) -> str:
    result, target = load_joined("best", folders), published(PAPER, "accuracy")
    final, best = (Estimate.of(each(result.variants[0])) for each in (result.at, result.best))
    one_more = {None: "one run has no prediction interval", True: "it lies in the interval of one further run",
                False: "it lies outside of the interval of one further run"}[final.holds(target)]
    return (f"**{100 * target:.1f} %.** With the parameters that a validation split chose, the network ends at {final} "
            f"and reaches {best} at its best pass. The paper has {100 * target:.1f} %: {one_more}. The highest final "
            f"one of others with SpykeTorch is {100 * others('final').max():.2f} %.")


def student(folders: Sequence[Path]) -> str:
    variants = load("student", folders)
    rows, facts = read_table("student-as-run/accuracy.csv", folders)
    last = Estimate.of(rows[rows.epoch == rows.epoch.max()].test_accuracy)
    exact = Estimate.of(variants.at("exact"))
    return ("**Why the student replication fell short is partly open.** Trained by all rules of their program on "
            f"{facts['train']:,} images, the model ends at {last}, the exact one at {exact}: "
            f"{points(last.mean - exact.mean)} points. " + story(variants) + " But these runs lack "
            f"{len(AS_RUN)} rules that had been overlooked until their program was run beside ours; with them ours "
            "equals theirs batch by batch.")


def speed(folders: Sequence[Path]) -> str:
    rows, _ = read_table("benchmark/benchmark.csv", folders)
    return (f"**Fast.** On one thread, {like_for_like(rows, folders)}. S3's passes at the paper's length take "
            f"{s3_hours(folders):.1f} hours a run on one core.")


def rest(judged: Sequence[claims.Judged]) -> str:
    """Claims 3 and on, each in its words."""
    named = [f"{one.claim.label.partition('. ')[2]}: *{one.found.verdict}*" for one in judged
             if one.claim.order[0] > 2 and not one.claim.extension]
    return "**Rewards in hidden layers.** " + "; ".join(named) + "."


def in_short(page: Page) -> None:
    """A paragraph each; a missing result is said in its place."""
    found = []
    for paragraph in (exactness, accuracy, committees.in_short, student, speed):
        try:
            found.append(paragraph(page.recorded))
        except Missing as missing:
            found.append(str(missing))
    page.say("\n".join(f"- {paragraph}" for paragraph in (*found, rest(claims.judged_on(page)))))
