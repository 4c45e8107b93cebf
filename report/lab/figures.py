"""Figures that several claims share, and pieces of all. Their style is that of rstdp.show.figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rstdp.show.figures import BLUE, COLOURS, GREY, ORANGE, WIDTH

from .statistics import Estimate

STYLE = {"r-stdp": ("R-STDP", BLUE, "o"), "stdp": ("STDP", ORANGE, "s")}  #: label, colour and mark of a rule
CHANGE = "change of test accuracy (percentage points)"


def canvas(height: float) -> tuple[Figure, Axes]:
    """A figure of one panel; height in inches."""
    fig = Figure((WIDTH, height), layout="constrained")
    return fig, fig.subplots()


def grid(ax: Axes, axis: str) -> None:
    ax.grid(axis=axis, color="#e5e5e5", linewidth=0.8)


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """A row for each name, the first above."""
    ax.set(yticks=range(len(names)), ylim=(len(names) - 0.4, -0.6))
    ax.set_yticklabels(names)
    grid(ax, "x")


def legend_below(fig: Figure, **what) -> None:
    fig.legend(loc="outside lower center", ncols=2, **what)


def estimates(rows: dict[str, Estimate], xlabel: str = CHANGE, groups: dict[str, list[str]] | None = None) -> Figure:
    """One point with its 95 % interval for each name, in percentage points; a colour and a mark for each group."""
    (fig, ax), names = canvas(1.3 + 0.36 * len(rows)), list(rows)
    for (group, members), colour, mark in zip((groups or {"": names}).items(), COLOURS, "osD^v"):
        at = [names.index(name) for name in members if name in rows]
        ax.errorbar([100 * rows[names[i]].mean for i in at], at, xerr=[100 * (rows[names[i]].half or 0) for i in at],
                    fmt=mark, color=colour, capsize=4, label=group)
    ax.axvline(0, color=GREY, linestyle=":", linewidth=1.5)
    ax.set(xlabel=xlabel)
    name_rows(ax, names)
    if groups:
        legend_below(fig)
    return fig


def nmnist_curves(parts: dict[str, pd.DataFrame], goal: float, student: pd.DataFrame) -> Figure:
    """Accuracy over passes, a line for each part and a thin one for each of its seeds; dotted the goal, dashed the
    student replication. parts: label -> rows (seed, epoch, accuracy); student: columns passes, test_accuracy."""
    fig, ax = canvas(4.4)
    for (label, rows), colour in zip(parts.items(), (BLUE, ORANGE, COLOURS[2], COLOURS[4])):
        wide = 100 * rows.pivot(index="epoch", columns="seed", values="accuracy")
        ax.plot(wide.index, wide, color=colour, linewidth=0.7, alpha=0.6)
        ax.plot(wide.index, wide.mean(axis=1), color=colour, linewidth=2.2, label=label)
    ax.plot(student.passes, 100 * student.test_accuracy, "--", color="black",
            label="student replication, real recordings")
    ax.axhline(100 * goal, color=GREY, linestyle=":", label="goal")
    ax.set(xlabel="passes of S3", ylabel="accuracy (%)", xscale="log")
    grid(ax, "y")
    legend_below(fig)
    return fig
