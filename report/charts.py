"""The report's own figures, from what report/evidence.py reads. Their style is that of rstdp.figures."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from evidence import PAPER, Estimate, curve, others, published
from matplotlib.figure import Figure
from rstdp.figures import BLUE, COLOURS, GREY, ORANGE, WIDTH

from rstdp.network import LAYERS, Network


def curves(parts: dict[str, pd.DataFrame], hours: bool = False) -> Figure:
    """Test accuracy over passes of S3, or over wall-clock time: ours with the 95 % interval over seeds, SpykeTorch's
    and the student's run dashed, the paper's figure as a line. parts: label -> rows of one variant."""
    fig = Figure((WIDTH, 5), layout="constrained")
    ax, colours, low = fig.subplots(), itertools.cycle([BLUE, ORANGE, *COLOURS[4:]]), 1.0
    for label, rows in parts.items():
        colour, wide = next(colours), rows.pivot(index="epoch", columns="seed", values="test_accuracy")
        time = rows.pivot(index="epoch", columns="seed", values="seconds").cumsum().mean(axis=1) / 3600
        x = time if hours else wide.index
        ax.plot(x, 100 * wide.mean(axis=1), color=colour, linewidth=1.6,
                label=f"{label}, {wide.shape[1]} seed{'s' * (wide.shape[1] > 1)}")
        if wide.shape[1] > 1:
            bounds = [Estimate.of(values) for values in wide.to_numpy()]
            ax.fill_between(x, [100 * b.low for b in bounds], [100 * b.high for b in bounds], color=colour, alpha=0.25)
        low = min(low, float(rows.test_accuracy.min()))
    for label, name, source, colour in (
            ("SpykeTorch", "spyketorch_21_epochs", "SpykeTorch, 21 epochs, MacBook Air", "black"),
            ("student replication", "student_mnist", "student replication, MNIST", COLOURS[3])):
        rows, cost = curve(name), published(source, "seconds an epoch") / 3600
        ax.plot(rows.passes * (cost if hours else 1), 100 * rows.test_accuracy, "--", color=colour, label=label)
        low = min(low, float(rows.test_accuracy.min()))
    best = others("best")
    if hours:
        ax.plot(others("hours"), 100 * others("final"), "kD", markersize=6, label="SpykeTorch by others, final")
    else:
        ax.axhspan(100 * best.min(), 100 * best.max(), color="#bbbbbb", alpha=0.5, label="SpykeTorch by others, best")
    ax.axhline(100 * published(PAPER, "accuracy"), color=GREY, linestyle=":", label="the paper")
    ax.set(xscale="log", ylim=(100 * low - 1, 99), ylabel="test accuracy (%)",
           xlabel="wall-clock time of S3's training (hours)" if hours else "passes over the training images (S3)")
    ax.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    fig.legend(loc="outside lower center", ncols=2)
    return fig


def estimates(rows: dict[str, Estimate], xlabel: str, groups: dict[str, list[str]] | None = None,
              line: float = 0.0) -> Figure:
    """One point with its 95 % interval for each name, in percentage points; a colour and a mark for each group."""
    fig = Figure((WIDTH, 1.3 + 0.36 * len(rows)), layout="constrained")
    ax, names = fig.subplots(), list(rows)
    for (group, members), colour, mark in zip((groups or {"": names}).items(), COLOURS, "osD^v"):
        at = [names.index(name) for name in members if name in rows]
        ax.errorbar([100 * rows[names[i]].mean for i in at], at, xerr=[100 * (rows[names[i]].half or 0) for i in at],
                    fmt=mark, color=colour, capsize=4, label=group)
    ax.axvline(100 * line, color=GREY, linestyle=":", linewidth=1.5)
    ax.set(yticks=range(len(names)), ylim=(len(names) - 0.4, -0.6), xlabel=xlabel)
    ax.set_yticklabels(names)
    ax.grid(axis="x", color="#e5e5e5", linewidth=0.8)
    if groups:
        fig.legend(loc="outside lower center", ncols=2)
    return fig


def reach(ours: pd.DataFrame) -> Figure:
    """Final (filled) and best (hollow) accuracy of runs on all of MNIST, ours and others', and the paper's line.

    ours: columns run, final, best as shares.
    """
    theirs = pd.DataFrame({"run": others("final").index, "final": others("final").to_numpy(),
                           "best": others("best")[others("final").index].to_numpy()})
    fig = Figure((WIDTH, 1.6 + 0.36 * (len(ours) + len(theirs))), layout="constrained")
    ax, every = fig.subplots(), pd.concat([ours, theirs], ignore_index=True)
    for i, run in every.iterrows():
        colour = BLUE if i < len(ours) else GREY
        ax.plot(100 * run.final, i, "o", color=colour, markersize=8)
        ax.plot(100 * run.best, i, "o", markerfacecolor="none", color=colour, markersize=11)
    ax.axvline(100 * published(PAPER, "accuracy"), color="black", linestyle=":", label="the paper")
    ax.set(yticks=range(len(every)), ylim=(len(every) - 0.4, -0.6), xlabel="test accuracy (%)")
    ax.set_yticklabels([name.replace(", 680 epochs", "") for name in every.run])
    ax.grid(axis="x", color="#e5e5e5", linewidth=0.8)
    return fig


def weights(network: Network) -> Figure:
    """How often which weight occurs, a panel a layer: before learning (line) and after (filled)."""
    first = Network(network.config, network.seed)
    fig = Figure((WIDTH, 3), layout="constrained")
    for ax, name in zip(axes := fig.subplots(1, 3), LAYERS):
        for values, style in ((first.weights[name], {"histtype": "step", "color": "black", "linewidth": 1.5}),
                              (network.weights[name], {"color": BLUE, "alpha": 0.7})):
            flat = values.numpy().reshape(-1)
            ax.hist(flat, bins=40, range=(0, 1), weights=np.full(len(flat), 100 / len(flat)), **style)
        ax.set(xlabel=f"weight in {name.upper()}", xlim=(0, 1))
    axes[0].set_ylabel("share (%)")
    return fig


def scaling(table: pd.DataFrame) -> Figure:
    """Milliseconds an image over what grows, one panel each, a line a stage; both axes logarithmic."""
    kinds, stages = list(table.what.unique()), list(table.stage.unique())
    fig = Figure((WIDTH, 4.2), layout="constrained")
    for ax, kind in zip(axes := np.atleast_1d(fig.subplots(1, len(kinds), sharey=True)), kinds):
        part = table[table.what == kind]
        for stage, rows in part.groupby("stage"):
            index = stages.index(stage)
            ax.plot(rows.value, rows.ours_ms, marker="osD^v"[index % 5], color=COLOURS[index], markersize=5)
        ax.set(xscale="log", yscale="log", xlabel=kind)
        ax.set_xticks(sorted(part.value.unique()), map(str, sorted(part.value.unique())))
        ax.minorticks_off()
    axes[0].set_ylabel("ms an image")
    handles = [axes[0].plot([], [], marker="osD^v"[i % 5], color=COLOURS[i], label=name)[0]
               for i, name in enumerate(stages)]
    fig.legend(handles=handles, loc="outside lower center", ncols=2)
    return fig
