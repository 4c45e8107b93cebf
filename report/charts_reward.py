"""Figures of claims 4 to 6: the handmade problem over seeds, figure 4 redrawn over the paper's points, and figure 5."""

from __future__ import annotations

import numpy as np
import pandas as pd
from evidence import REFERENCE, Estimate
from evidence_reward import Share
from matplotlib.figure import Figure
from rstdp.figures import BLUE, GREY, ORANGE, WIDTH

STYLE = {"r-stdp": ("R-STDP", BLUE, "o"), "stdp": ("STDP", ORANGE, "s")}


def shares(found: dict[tuple[str, str], Share], lines: tuple[float, float]) -> Figure:
    """Shares of seeds with their 95 % intervals, a row a variant, a colour a rule; dotted: the paper's two shares."""
    variants = list(dict.fromkeys(variant for variant, _ in found))
    fig = Figure((WIDTH, 1.4 + 0.4 * len(variants)), layout="constrained")
    ax = fig.subplots()
    for (rule, (label, colour, mark)), shift in zip(STYLE.items(), (-0.12, 0.12)):
        each = [found[variant, rule] for variant in variants]
        spread = [[100 * (one.mean - one.low) for one in each], [100 * (one.high - one.mean) for one in each]]
        ax.errorbar([100 * one.mean for one in each], np.arange(len(each)) + shift, xerr=spread, fmt=mark, color=colour,
                    capsize=4, label=label)
    for line in lines:
        ax.axvline(100 * line, color=GREY, linestyle=":", linewidth=1.5)
    ax.set(yticks=range(len(variants)), ylim=(len(variants) - 0.4, -0.6), xlim=(-4, 104), xlabel="share of seeds (%)")
    ax.set_yticklabels(variants)
    ax.grid(axis="x", color="#e5e5e5", linewidth=0.8)
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def figure4(ours: dict[str, dict[int, Estimate]], longer: dict[str, dict[int, Estimate]]) -> Figure:
    """Mean accuracy over the maps of S2: ours filled, with the 95 % interval over seeds, the paper's hollow.

    longer: the same after more passes, dotted; may be empty.
    """
    paper = pd.read_csv(REFERENCE / "figure4.csv")
    fig = Figure((WIDTH, 4.6), layout="constrained")
    ax = fig.subplots()
    for rule, (label, colour, mark) in STYLE.items():
        theirs, mine = paper[paper.rule == rule], dict(sorted(ours.get(rule, {}).items()))
        ax.plot(theirs.maps, 100 * theirs.accuracy, "--", marker=mark, markerfacecolor="none", color=colour,
                linewidth=1.2, label=f"{label}, the paper")
        ax.errorbar(list(mine), [100 * one.mean for one in mine.values()], marker=mark, color=colour, capsize=4,
                    yerr=[100 * (one.half or 0) for one in mine.values()], label=f"{label}, ours")
        if more := dict(sorted(longer.get(rule, {}).items())):
            ax.plot(list(more), [100 * one.mean for one in more.values()], ":", color=colour, linewidth=2,
                    label=f"{label}, ours, more passes")
    ax.set(xlabel="maps of S2", ylabel="mean accuracy over pairs (%)")
    ax.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def figure5(pictures: dict[str, np.ndarray]) -> Figure:
    """Reconstructed features, a row for each name ("r-stdp 01"), all of its maps (x, H, W) beside each other."""
    most = max(len(each) for each in pictures.values())
    size = (WIDTH - 1.3) / most
    fig = Figure((WIDTH, (size * 0.62 + 0.1) * len(pictures)), layout="constrained")
    for row, (name, each) in zip(fig.subplots(len(pictures), most, squeeze=False), pictures.items()):
        rule, pair = name.split()
        for ax, picture in zip(row, each):
            ax.imshow(picture, cmap="gray", vmin=0, vmax=max(float(picture.max()), 1e-12))
        for ax in row:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        row[0].set_ylabel(f"{STYLE[rule][0]}\n{pair[0]} and {pair[1]}", rotation=0, ha="right", va="center")
    return fig
