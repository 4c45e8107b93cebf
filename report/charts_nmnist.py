"""Figures of N-MNIST: the simulator beside the camera, and accuracy over passes. Style: rstdp.figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rstdp.figures import BLUE, COLOURS, GREY, ORANGE, WIDTH


def simulator(pairs: pd.DataFrame, counts: pd.DataFrame, pixels: pd.DataFrame, rate: pd.DataFrame) -> Figure:
    """Four panels: correlation of count maps, events by saccade and polarity, events of a pixel, events in time."""
    fig = Figure((WIDTH, 6.2), layout="constrained")
    (a, b), (c, d) = fig.subplots(2, 2)
    edges = np.linspace(0, 1, 51)
    for column, label, colour, kind in (("correlation", "real and simulated", BLUE, "stepfilled"),
                                        ("between_simulations", "two simulations", "black", "step"),
                                        ("with_another_image", "another image", ORANGE, "step")):
        a.hist(pairs[column], edges, color=colour, label=label, linewidth=1.5, histtype=kind, alpha=0.8)
    a.set(xlabel="correlation of count maps", ylabel="pairs")
    a.legend(loc="upper left", fontsize=9)
    at, names = np.arange(len(counts)), [f"{row.saccade} {row.polarity}" for row in counts.itertuples()]
    for shift, kind, colour in ((-0.2, "real", GREY), (0.2, "simulated", BLUE)):
        b.bar(at + shift, counts[kind], 0.38, yerr=counts[f"{kind}_sd"], color=colour, capsize=2, label=kind)
    b.set(ylabel="events", xlabel="saccade and polarity", ylim=(0, 1.35 * (counts.real + counts.real_sd).max()))
    b.set_xticks(at, names, fontsize=9)
    b.legend(ncols=2, loc="upper center", fontsize=9)
    for kind, colour, style in (("real", "black", "-"), ("simulated", BLUE, "--")):
        c.plot(pixels.events, 100 * pixels[kind], style, color=colour, label=kind)
        for polarity, width in (("on", 1.8), ("off", 0.9)):
            d.plot(rate.ms, rate[f"{kind}_{polarity}"], style, color=colour, linewidth=width,
                   label=f"{kind}, {polarity}")
    c.set(yscale="log", xlabel="events of a pixel in a saccade", ylabel="share (%)")
    c.legend(fontsize=9)
    d.set(xlabel="time (ms)", ylabel="events in 7.5 ms", ylim=(0, 1.5 * rate.iloc[:, 1:].to_numpy().max()))
    d.legend(ncols=2, fontsize=9, loc="upper center")
    return fig


def curves(parts: dict[str, pd.DataFrame], goal: float, student: pd.DataFrame) -> Figure:
    """Accuracy over passes, a line for each part and a thin one for each of its seeds; dotted the goal, dashed the
    student replication. parts: label -> rows (seed, epoch, accuracy); student: columns passes, test_accuracy."""
    fig = Figure((WIDTH, 4.4), layout="constrained")
    ax = fig.subplots()
    for (label, rows), colour in zip(parts.items(), (BLUE, ORANGE, COLOURS[2], COLOURS[4])):
        wide = 100 * rows.pivot(index="epoch", columns="seed", values="accuracy")
        ax.plot(wide.index, wide, color=colour, linewidth=0.7, alpha=0.6)
        ax.plot(wide.index, wide.mean(axis=1), color=colour, linewidth=2.2, label=label)
    ax.plot(student.passes, 100 * student.test_accuracy, "--", color="black",
            label="student replication, real recordings")
    ax.axhline(100 * goal, color=GREY, linestyle=":", label="goal")
    ax.set(xlabel="passes of S3", ylabel="accuracy (%)", xscale="log")
    ax.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    fig.legend(loc="outside lower center", ncols=2)
    return fig
