"""Speed, against SpykeTorch and over the size of what is computed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rstdp.show.figures import COLOURS, WIDTH

from ..lab.figures import legend_below
from ..lab.page import Page
from ..lab.results import read_table, stale

MARKS = "osD^v"


def stages(page: Page) -> None:
    """Every stage, ours and SpykeTorch's."""
    rows, facts = read_table("benchmark/benchmark.csv", page.recorded)
    measured = rows.dropna(subset=["ratio"])
    if len(measured):
        slow, fast = measured.loc[measured.ratio.idxmin()], measured.loc[measured.ratio.idxmax()]
        page.say(f"Against SpykeTorch, ours takes between one {slow.ratio:,.0f}th ({slow.stage}) and one "
                 f"{fast.ratio:,.0f}th ({fast.stage}) of the time. Measured on {rows.machine.iloc[0]}, "
                 f"{rows.threads.iloc[0]} thread, data set {facts.get('dataset', 'unknown')}."
                 + stale("benchmark", facts))
    page.table([(row.stage, f"{row.ours_ms:.3f}",
                 *("—" if pd.isna(value) else f"{value:,.1f}" for value in (row.spyketorch_ms, row.ratio)))
                for row in rows.itertuples()], ["stage", "ours (ms an image)", "SpykeTorch (ms)", "times faster"])


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


PARTS = (stages, scaling)
