"""Figures that several claims share, and pieces of all. Their style is that of rstdp.show.figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rstdp.show.figures import BLUE, COLOURS, GREY, ORANGE, WIDTH, learning_curve

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
    """One point with its 95 % interval for each name, in percentage points; a colour and a mark for each group.

    Points that lie far from all others get a part of the axis of their own, so that the others can be told apart.
    """
    spans, names = split(rows), list(rows)
    fig = Figure((WIDTH, 1.3 + 0.36 * len(rows)), layout="constrained")
    axes = fig.subplots(1, len(spans), sharey=True, squeeze=False,
                        width_ratios=[1] if len(spans) == 1 else [1, 3] if spans[0][1] < spans[1][0] else [3, 1])[0]
    for ax, span in zip(axes, spans):
        for (group, members), colour, mark in zip((groups or {"": names}).items(), COLOURS, "osD^v"):
            at = [names.index(name) for name in members if name in rows]
            ax.errorbar([100 * rows[names[i]].mean for i in at], at, fmt=mark, color=colour, capsize=4, label=group,
                        xerr=[100 * (rows[names[i]].half or 0) for i in at])
        if span[0] <= 0 <= span[1]:
            ax.axvline(0, color=GREY, linestyle=":", linewidth=1.5)
        name_rows(ax, names)
        if len(spans) > 1:
            ax.set(xlim=span)
    if len(spans) > 1:
        axes[0].spines["right"].set_visible(False)
        axes[1].spines["left"].set_visible(False)
        axes[1].tick_params(axis="y", length=0)
        for ax, edge in ((axes[0], 1), (axes[1], 0)):  # the usual marks of a cut axis
            ax.plot([edge, edge], [0, 1], transform=ax.transAxes, marker=[(-1, -2), (1, 2)], color="black",
                    linestyle="none", markersize=10, clip_on=False)
    # of the figure as a whole it would lie on the legend
    axes[-1 if len(spans) > 1 and spans[0][1] < spans[1][0] else 0].set_xlabel(xlabel)
    if groups:
        legend_below(fig, handles=axes[0].get_legend_handles_labels()[0])
    return fig


def split(rows: dict[str, Estimate]) -> list[tuple[float, float]]:
    """One span of the axis, or two where the widest gap between points is wider than all that lies on one side of it.

    In percentage points, with the intervals and a margin.
    """
    order = sorted(rows.values(), key=lambda one: one.mean)
    ends = [(100 * one.low, 100 * one.high) for one in order]
    whole = min(low for low, _ in ends), max(high for _, high in ends)
    gaps = [min(low for low, _ in ends[i:]) - max(high for _, high in ends[:i]) for i in range(1, len(ends))]
    if gaps and 0 < max(gaps):
        cut = gaps.index(max(gaps)) + 1
        sides = [(min(low for low, _ in part), max(high for _, high in part)) for part in (ends[:cut], ends[cut:])]
        if max(gaps) > max(high - low for low, high in sides) and min(cut, len(ends) - cut) <= len(ends) / 3:
            return [(low - max(0.1 * (high - low), 0.2), high + max(0.1 * (high - low), 0.2)) for low, high in sides]
    return [whole]


VERDICT_STYLE = {"reproduced": (BLUE, "o"), "partly": (ORANGE, "s"), "undecided": (GREY, "D"), "not": ("black", "X"),
                 "not tested yet": (GREY, "_")}  #: colour and mark


def over_passes(rows: pd.DataFrame) -> Figure:
    """`rstdp`'s learning curve, with the report's word on the axis."""
    fig = learning_curve(rows)
    fig.axes[0].set_xlabel("passes of S3")
    return fig


def forest(rows: Sequence[tuple[str, Estimate, float, float, str]], links: Sequence[str] = (),
           reach: float = 15) -> Figure:
    """All claims: ours less the paper's figure with its interval, on the band that counts as what the paper says.

    rows: (label, difference as a share, ends of its band, verdict); links: where the label of each row leads to, in a
    figure that is shown as vectors; reach: percentage points that the axis shows, what lies beyond is drawn as an arrow
    at the edge with its number.
    """
    fig, ax = canvas(1.9 + 0.34 * len(rows))
    for at, (_, apart, low, high, verdict) in enumerate(rows):
        colour, mark = VERDICT_STYLE[verdict]
        band = [max(100 * low, -reach), min(100 * high, reach)]
        ax.barh(at, band[1] - band[0], left=band[0], height=0.8, color="#cfe3f2", zorder=0)
        mean, ends = 100 * apart.mean, [100 * apart.low, 100 * apart.high]
        if abs(mean) > reach:
            ax.plot(reach * (1 if mean > 0 else -1), at, marker=">" if mean > 0 else "<", color=colour, markersize=9,
                    clip_on=False)
            ax.annotate(f"{mean:+.1f}".replace("-", "−"), (reach * (0.95 if mean > 0 else -0.95), at), fontsize=9,
                        ha="right" if mean > 0 else "left", va="center")
            continue
        ax.plot([max(ends[0], -reach), min(ends[1], reach)], [at, at], color=colour, linewidth=2)
        ax.plot(mean, at, marker=mark, color=colour, markersize=8)
    ax.axvline(0, color="black", linestyle=":", linewidth=1.5)
    ax.set(xlim=(-reach, reach), xlabel="ours less the paper's (percentage points)")
    name_rows(ax, [f"{label} (n = {apart.n})" for label, apart, *_ in rows])
    ax.tick_params(axis="y", labelsize=9)
    for label, link in zip(ax.get_yticklabels(), links):
        label.set(url=link, color=BLUE)
    verdicts = dict.fromkeys(verdict for *_, verdict in rows)
    legend_below(fig, handles=[
        *(ax.plot([], [], marker=VERDICT_STYLE[verdict][1], color=VERDICT_STYLE[verdict][0], linestyle="none",
                  label=verdict)[0] for verdict in verdicts),
        ax.plot([], [], ":k", label="the paper")[0], ax.barh(0, 0, color="#cfe3f2", label="counts as the same")])
    return fig


def nmnist_curves(parts: dict[str, pd.DataFrame], student: pd.DataFrame) -> Figure:
    """Accuracy over passes, a line for each part and a thin one for each of its seeds; dashed the student replication.
    parts: label -> rows (seed, epoch, accuracy); student: columns passes, test_accuracy."""
    fig, ax = canvas(4.4)
    for (label, rows), colour in zip(parts.items(), (BLUE, ORANGE, COLOURS[2], COLOURS[4])):
        wide = 100 * rows.pivot(index="epoch", columns="seed", values="accuracy")
        ax.plot(wide.index, wide, color=colour, linewidth=0.7, alpha=0.6)
        ax.plot(wide.index, wide.mean(axis=1), color=colour, linewidth=2.2, label=label)
    ax.plot(student.passes, 100 * student.test_accuracy, "--", color="black",
            label="student replication, real recordings")
    ax.set(xlabel="passes of S3", ylabel="accuracy (%)", xscale="log")
    grid(ax, "y")
    legend_below(fig)
    return fig
