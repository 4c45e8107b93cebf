"""Speed, against SpykeTorch and Spyker and over the size of what is computed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rstdp.show.figures import COLOURS, WIDTH

from ..lab.figures import legend_below
from ..lab.page import Page
from ..lab.results import Missing, read_table, stale
from ..studies.benchmark import FIRST_PASSES, GPU, LATER, OURS, SHIPPED, TRAINING

MARKS = "osD^v"


def faster(rows: pd.DataFrame, stage: str, cached: str) -> str:
    """How much faster ours is than each peer, at the faster of its batches, where both start from the same."""
    part = rows[(rows.stage == stage) & (rows.cached == cached) & ~rows.peer.isin([OURS, GPU])]
    fastest = part.groupby("peer", sort=False).ratio.min().dropna()
    return " and ".join(f"{ratio:,.0f} times as fast as {peer}" for peer, ratio in fastest.items())


def first_pass(rows: pd.DataFrame, folders: Sequence[Path]) -> str:
    """The same for a first pass over all images, before S3 knows what it need not look at; "" where none is timed."""
    with contextlib.suppress(Missing):
        passes, _ = read_table("benchmark/passes.csv", folders)
        slowest = passes[passes["pass"] == 1].learn_ms.max()
        return faster(rows.assign(ratio=rows.ms / slowest), "S3 learning", "C2")
    return ""


def like_for_like(rows: pd.DataFrame, folders: Sequence[Path]) -> str:
    """The ratios that count, each with what it compares."""
    if set(rows.dropna(subset=["ratio"]).peer) <= {OURS, GPU}:
        return "no peer was at hand to compare with"
    slowest = first_pass(rows, folders)
    return (f"with C2 cached on both sides S3 learns {faster(rows, 'S3 learning', 'C2')} where the same few images are "
            f"timed again and again, and {faster(rows, *LATER['S3 learning'])} pass after pass over all of them, from "
            f"the {FIRST_PASSES + 1}th on, with {SHIPPED} behind it"
            + (f" (in a first pass at least {slowest})" if slowest else "")
            + f"; with nothing cached on either S3 learns {faster(rows, 'S3 learning', 'nothing')}, an image comes to "
            f"its decision {faster(rows, 'image to decision', 'nothing')}, and a whole training run of one pass over "
            f"each layer is {faster(rows, *TRAINING)}")


def stages(page: Page) -> None:
    """Every stage, ours and the peers'."""
    rows, facts = read_table("benchmark/benchmark.csv", page.recorded)
    page.say(f"One thread of {rows.machine.iloc[0]}, {facts.get('images', 'unknown')} images of "
             f"{facts.get('dataset', 'unknown')}, the same for all and with the same weights, in rounds that "
             f"alternate: {like_for_like(rows, page.recorded)}. Of a peer's batches the faster one counts here."
             + stale("benchmark", facts))
    if missing := facts.get("missing"):
        page.say(f"Not at hand, so that their cells are empty: {', '.join(missing)}.")
    cells = rows.set_index(["stage", "cached", "peer", "batch"])[["ms", "ratio"]]
    ours, peers = rows[rows.peer == OURS], [(peer, batch) for peer, batch in dict.fromkeys(
        zip(rows.peer, rows.batch)) if peer not in (OURS, GPU)]
    page.table([(row.stage, row.cached, f"{row.ms:.3f}",
                 *(measured(*cells.loc[(row.stage, row.cached, *peer)]) for peer in peers))
                for row in ours.itertuples()],
               ["stage", "starts from", "ours", *(f"{peer}, {batch} at a time" for peer, batch in peers)])
    on_gpu = rows[rows.peer == GPU].iloc[0]
    memory = ", ".join(f"{row.peer} {row.peak_memory_mb:.0f} ({row.batch} at a time)"
                       for row in rows.dropna(subset=["peak_memory_mb"]).itertuples())
    page.say("Milliseconds an image, and how many times ours that is. *Starts from*: what is computed before the clock "
             "starts, on all sides; from nothing, a stage begins with the image. SpykeTorch and Spyker hold a spike as "
             "an input that stays 1 from its time on. A batch of Spyker finds its winners with the weights from before "
             "it, so in batches of 64 it learns from stale weights; its encoder has one small window for all filters "
             "and no local normalisation. *Pass after pass* is the median of whole passes over all images, from the "
             f"{FIRST_PASSES + 1}th on, by which time S3 knows what it need not look at; a peer looks at every map "
             "each time, so its time is that of a pass. Ratios differ between machines and days: programs that "
             "allocate much, as peers do, lose most where memory is slow to come; compare this file with its earlier "
             "records in the repository's history. A whole training run is one pass over each layer from first "
             f"weights. Peak memory of one, in a process of its own, in MB: {memory or 'not measured'}. S3 of "
             f"{on_gpu.batch} seeds in one batch on a GPU: "
             + ("not measured, none was at hand." if pd.isna(on_gpu.ms) else f"{on_gpu.ms:.3f} ms an image."))


def measured(ms: float, ratio: float) -> str:
    return "—" if pd.isna(ms) else f"{ms:,.2f} ({ratio:,.1f})"


def in_a_row(page: Page) -> None:
    """Whole passes of S3, early and late in training."""
    rows, _ = read_table("benchmark/passes.csv", page.recorded)
    numbers = sorted(rows["pass"].unique())
    page.say("Passes of S3 in a row, C2 cached, milliseconds an image while learning (and while being tested), after "
             "so many passes of training; at first nothing is known, in later ones most maps are ruled out by bounds "
             "that the pass before left (chapter 8).")
    page.table([(start, *(f"{row.learn_ms:.3f} ({row.test_ms:.3f})" for row in part.sort_values("pass").itertuples()))
                for start, part in rows.groupby("start", sort=False)], ["trained for", *map(str, numbers)])


def beside_the_floor(page: Page) -> None:
    """Additions that the spikes force, and how many of them a second are done."""
    rows, _ = read_table("benchmark/floor.csv", page.recorded)
    stages = rows.dropna(subset=["additions"])
    cores = rows[rows.additions.isna()]
    can = ", ".join(f"{row.billions_a_second:.0f} of {row.stage.removeprefix('core, ')}" for row in cores.itertuples())
    page.say("What the spikes force: each adds one weight to every place of every map that it reaches (a pixel one "
             "product for each filter). The core adds, row to row in its nearest cache, billions a second: "
             f"{can}. S1 and S2 count in bytes, S3 screens in 8 to 16 bits; a stage that is beyond what the core can "
             "do leaves out sums of which it knows that they do not matter.")
    page.table([(row.stage, f"{row.additions:,.0f}", f"{row.ms:.4f}", f"{row.billions_a_second:,.1f}")
                for row in stages.itertuples()], ["stage", "additions an image", "ms", "billions a second"])


def peers_agree(page: Page) -> None:
    """What was compared before anything was timed."""
    rows, _ = read_table("benchmark/agreement.csv", page.recorded)
    page.say("Before anything is timed, each peer gets our spikes and the same weights, step by step; ties are spike "
             "times that the rounding of float32 sums explains, and where others differ nothing is timed.")
    page.table([(f"{row.peer}, {row.batch} at a time", row.what, f"{row.compared:,}", row.ties, row.different)
                for row in rows.rename(columns={"values": "compared"}).itertuples()],
               ["peer", "what", "values", "ties", "different"])


def chart(table: pd.DataFrame) -> Figure:
    """Milliseconds an image over what grows, one panel each, a line a stage; both axes logarithmic."""
    kinds, stages = list(table.what.unique()), list(table.stage.unique())
    fig = Figure((WIDTH, 4.2), layout="constrained")
    for ax, kind in zip(axes := np.atleast_1d(fig.subplots(1, len(kinds), sharey=True)), kinds):
        part = table[table.what == kind]
        for stage, rows in part.groupby("stage"):
            index = stages.index(stage)
            ax.plot(rows.value, rows.ours_ms, marker=MARKS[index % 5], color=COLOURS[index], markersize=5)
        ax.set(xscale="log", yscale="log", xlabel=kind)
        ax.set_xticks(sorted(part.value.unique()), map(str, sorted(part.value.unique())))
        ax.minorticks_off()
    axes[0].set_ylabel("ms an image")
    legend_below(fig, handles=[axes[0].plot([], [], marker=MARKS[i % 5], color=COLOURS[i], label=name)[0]
                               for i, name in enumerate(stages)])
    return fig


def scaling(page: Page) -> None:
    """The cost over images, maps and bins."""
    rows, _ = read_table("benchmark/scaling.csv", page.recorded)
    page.show(chart(rows), f"Our cost an image over {', '.join(rows.what.unique())}; both axes are logarithmic.",
              "scaling")


PARTS = (stages, in_a_row, beside_the_floor, peers_agree, scaling)
