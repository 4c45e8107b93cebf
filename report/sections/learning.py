"""Learning curves: ours beside those of others, over passes and over time."""

from __future__ import annotations

import contextlib
import itertools

import pandas as pd
from matplotlib.figure import Figure

from rstdp.show.figures import BLUE, COLOURS, GREY, ORANGE, WIDTH

from ..lab.figures import grid, legend_below
from ..lab.page import Page
from ..lab.published import PAPER, at_passes, curve, others, published
from ..lab.results import Missing, load, load_joined
from ..lab.statistics import Estimate, percent, points

ZOOM = (95.0, 97.5)  #: per cent that the second panel shows


def chart(parts: dict[str, pd.DataFrame], hours: bool = False) -> Figure:
    """Test accuracy over passes of S3, or over wall-clock time, whole and closer: each of our configurations in a
    colour, a thin line a seed; SpykeTorch's and the student's run dashed, the paper's figure as a line. parts: label ->
    rows of one configuration."""
    fig = Figure((WIDTH, 7.6), layout="constrained")
    axes = fig.subplots(2, 1, sharex=True)
    low = 1.0
    for ax in axes:
        colours = itertools.cycle([BLUE, ORANGE, *COLOURS[4:]])
        for label, rows in parts.items():
            colour, seeds = next(colours), list(rows.groupby("seed"))
            for at, (_, run) in enumerate(seeds):
                run = run.sort_values("epoch")
                ax.plot(run.seconds.cumsum() / 3600 if hours else run.epoch, 100 * run.test_accuracy, color=colour,
                        linewidth=0.9, alpha=0.75,
                        label=None if at else f"{label}, {len(seeds)} seed{'s' * (len(seeds) > 1)}")
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
            ax.axhspan(100 * best.min(), 100 * best.max(), color="#bbbbbb", alpha=0.5,
                       label="SpykeTorch by others, best")
        ax.axhline(100 * published(PAPER, "accuracy"), color=GREY, linestyle=":", label="the paper")
        ax.set(xscale="log", ylabel="test accuracy (%)")
        grid(ax, "y")
    axes[0].set(ylim=(100 * low - 1, 99))
    axes[1].set(ylim=ZOOM, xlabel="wall-clock time of S3's training (hours)" if hours else
                "passes over the training images (S3)")
    legend_below(fig, handles=axes[0].get_legend_handles_labels()[0])
    return fig


def configurations(page: Page) -> dict[str, pd.DataFrame]:
    """Rows of each configuration on all of MNIST, runs of all experiments together."""
    found = {}
    with contextlib.suppress(Missing):
        long = load_joined("paper", page.recorded)
        found |= {f"ours, `{variant}`".replace("`", ""): long.part(variant) for variant in long.variants}
    if "mnist" in page.kept:
        mnist = page.kept["mnist"]
        found |= {f"ours, {variant}, {mnist.passes(variant)} passes": mnist.part(variant) for variant in mnist.variants}
    return found


def curves(page: Page) -> None:
    """The long runs."""
    parts, line, best = configurations(page), published(PAPER, "accuracy"), others("best")
    what = f"ours ({len(parts)} configurations and lengths)" if parts else "none of ours yet"
    page.show(chart(parts), f"Test accuracy over passes of S3's training, below from {ZOOM[0]:g} to {ZOOM[1]:g} % "
              f"alone: {what}, each line a seed, SpykeTorch's and the student's recorded runs, the band from "
              f"{percent(best.min(), 1)} to {percent(best.max(), 1)} that others reached with SpykeTorch at their best "
              f"of 680 passes, and the paper's {percent(line, 1)}.", "curves")
    page.show(chart(parts, hours=True), "The same over wall-clock time. Ours: the time of S3's training with its tests "
              "on one core. Others: what they report for their machines; diamonds are the final accuracies of "
              "SpykeTorch after 680 passes.", "time")


def first_passes(page: Page) -> None:
    """Ours beside SpykeTorch's recorded run, after as many passes."""
    mnist, theirs = load("mnist", page.recorded), at_passes("spyketorch_21_epochs")
    variant = mnist.variants[0]
    for epoch in (20, 21):
        if epoch > mnist.passes(variant):
            raise Missing("mnist", f"pass {epoch} of experiment `mnist`")
        ours = Estimate.of(mnist.at(variant, epoch))
        apart, spread = ours.mean - theirs[epoch], ours.one_more()
        judged = "" if spread is None else (
            f" One more run of ours would fall within ± {100 * spread:.2f} points of our mean, and SpykeTorch's run "
            f"lies {'inside' if abs(apart) <= spread else 'outside'}.")
        page.say(f"After {epoch} passes ours is right on **{ours}** of the test images, and SpykeTorch's recorded run "
                 f"(its epoch {epoch - 1}) on {percent(theirs[epoch])}: a difference of {points(apart)} points."
                 + judged)


PARTS = (curves, first_passes)
