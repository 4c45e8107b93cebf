"""Learning curves: ours beside those of others, over passes and over time."""

from __future__ import annotations

import itertools

import pandas as pd
from matplotlib.figure import Figure

from rstdp.show.figures import BLUE, COLOURS, GREY, ORANGE

from ..lab.figures import canvas, grid, legend_below
from ..lab.page import Page
from ..lab.published import PAPER, at_passes, curve, others, published
from ..lab.results import Missing, load
from ..lab.statistics import Estimate, percent, points


def chart(parts: dict[str, pd.DataFrame], hours: bool = False) -> Figure:
    """Test accuracy over passes of S3, or over wall-clock time: ours with the 95 % interval over seeds, SpykeTorch's
    and the student's run dashed, the paper's figure as a line. parts: label -> rows of one variant."""
    (fig, ax), colours, low = canvas(5), itertools.cycle([BLUE, ORANGE, *COLOURS[4:]]), 1.0
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
    grid(ax, "y")
    legend_below(fig)
    return fig


def curves(page: Page) -> None:
    """The long runs."""
    parts = {f"ours, {name}: {variant}": page.kept[name].part(variant) for name in ("paper", "best", "mnist")
             if name in page.kept for variant in page.kept[name].variants}
    line, best = published(PAPER, "accuracy"), others("best")
    what = f"ours ({len(parts)} configurations and lengths)" if parts else "none of ours yet"
    page.show(chart(parts), f"Test accuracy over passes of S3's training: {what}, SpykeTorch's and the student's "
              f"recorded runs, the band from {percent(best.min(), 1)} to {percent(best.max(), 1)} that others reached "
              f"with SpykeTorch at their best of 680 epochs, and the paper's {percent(line, 1)}. Shaded: 95 % interval "
              "over seeds.", "curves")
    page.show(chart(parts, hours=True), "The same over wall-clock time. Ours: the time of S3's training with its tests "
              "on one core. Others: what they report for their machines; diamonds are the final accuracies of "
              "SpykeTorch after 680 epochs.", "time")


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
