"""Pictures of images, spikes, potentials, features and results, in one style that is safe for colour-blind readers.

Every function is pure: it returns a `matplotlib.figure.Figure` that belongs to no pyplot state (an animation returns
HTML), so that a notebook shows it once, as the last expression of a cell. Figures are 7 inches wide. Call `style()`
first. Spike times are integers 0..bins-1, and `bins` for a neuron that stays silent.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
import torch
from IPython.display import HTML
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from ..encoding import BINS
from .player import animate

WIDTH = 7.0  #: inches; all figures have it, so their letters have one size on the page
COLOURS = list(sns.color_palette("colorblind").as_hex())
BLUE, ORANGE, RED = COLOURS[0], COLOURS[1], COLOURS[3]
SILENT = "#e4e4e4"  #: neurons that do not fire
GREY = "#666666"
#: the encoder's channels, in order
CHANNELS = tuple(f"{kind}-centre, {window}×{window}" for window in (3, 7, 13) for kind in ("on", "off"))


def style() -> None:
    """Set matplotlib's defaults: opaque white background, one palette, readable letters; PNG in notebooks."""
    sns.set_theme(context="notebook", style="ticks", palette="colorblind", rc={
        "figure.dpi": 150, "savefig.dpi": 150, "figure.facecolor": "white", "savefig.facecolor": "white",
        "axes.facecolor": "white", "font.family": "DejaVu Sans", "font.size": 12, "axes.labelsize": 12,
        "axes.titlesize": 11, "xtick.labelsize": 11, "ytick.labelsize": 11, "legend.fontsize": 11,
        "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 2,
        "image.interpolation": "nearest"})
    try:
        from IPython import get_ipython
        from matplotlib_inline.config import InlineBackend
    except ImportError:
        return
    if (shell := get_ipython()) is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # keep the width
        InlineBackend.instance(parent=shell).print_figure_kwargs = {"bbox_inches": None}  # type: ignore[dict-item]
        set_matplotlib_formats("png", bbox_inches=None)


# --- grids of pictures --------------------------------------------------------------------------------------------


def images(pictures, labels: Sequence | None = None, columns: int = 8, cmap: str = "gray") -> Figure:
    """Grey images (N, H, W), 0..255, in a grid, with captions (one per image) if `labels` are given."""
    pictures = _array(pictures)
    fig, axes = _grid(pictures.shape, columns, labels)
    for ax, picture in zip(axes, pictures):
        ax.imshow(picture, cmap=cmap, vmin=0, vmax=255)
    return fig


def responses(values, label: str, names: Sequence | None = None, columns: int = 3, centred: bool = False,
              shared: bool = True) -> Figure:
    """Maps (C, H, W) with a colour bar `label`; `centred` puts white at zero. Not `shared`: by each's largest."""
    values = _array(values)
    fig, axes = _grid(values.shape, columns, names, bar=True)
    top = max(float(np.abs(values).max()), 1e-12) if shared else 1.0
    for ax, value in zip(axes, values):
        value = value if shared else value / max(float(np.abs(value).max()), 1e-12)
        shown = ax.imshow(value, cmap="RdBu_r" if centred else "cividis", vmin=-top if centred else 0, vmax=top)
    fig.colorbar(shown, ax=list(axes), label=label, shrink=0.8, pad=0.02)
    return fig


def latencies(times, bins: int = BINS, names: Sequence[str] | None = None, columns: int = 3) -> Figure:
    """Spike-time maps (C, H, W), or a list of (H, W): yellow fires first, dark blue last, grey stays silent."""
    times = [_array(each) for each in times]
    fig, axes = _grid((len(times), *times[0].shape), columns, names, bar=True)
    cmap, norm = _time_colours(bins)
    for ax, each in zip(axes, times):
        shown = ax.imshow(np.ma.masked_greater_equal(each, bins), cmap=cmap, norm=norm)
    low = fig.get_figheight() < 2  # inches; too low for the label in one line and for seven ticks
    bar = fig.colorbar(shown, ax=list(axes), label="spike time\n(step)" if low else "spike time (step)", shrink=0.8,
                       pad=0.02)
    bar.set_ticks(range(0, bins, max(1, bins // (3 if low else 7))))
    bar.ax.minorticks_off()
    return fig


def features(pictures, columns: int = 10, labels: Sequence | None = None) -> Figure:
    """Reconstructed features (F, H, W): light where the feature wants light, dark where it wants dark.

    Each picture has its own scale, symmetric about mid-grey (zero).
    """
    pictures = _array(pictures)
    fig, axes = _grid(pictures.shape, columns, labels)
    for ax, picture in zip(axes, pictures):
        most = max(float(np.abs(picture).max()), 1e-12)
        ax.imshow(picture, cmap="gray", vmin=-most, vmax=most)
    return fig


def filters(weight, columns: int = 10) -> Figure:
    """S1's feature maps (F, 6, K, K): weights from on-centre minus off-centre channels, summed over the three scales.

    One map's channels alternate on, off; red wants light, blue wants dark. One colour scale for all maps.
    """
    weight = _array(weight)
    difference = weight[:, 0::2].sum(1) - weight[:, 1::2].sum(1)
    return responses(difference, "on minus off", columns=columns, centred=True)


# --- spikes and potentials ----------------------------------------------------------------------------------------


def spike_wave(times, bins: int = BINS, steps: Sequence[int] | None = None, names: Sequence[str] | None = None,
               most: int = 6) -> Figure:
    """Stills of a spike wave (C, H, W): a row is a time step, a column a channel (the first `most`).

    Dark: spikes of that step; light: neurons that fired before. Default: five steps from the first to the last.
    """
    times = _array(times)[:most]
    steps = np.linspace(0, bins - 1, 5).round().astype(int).tolist() if steps is None else steps
    size = WIDTH / (len(times) + 0.3)
    fig = Figure((WIDTH, size * times.shape[1] / times.shape[2] * len(steps) + 0.6), layout="constrained")
    axes = fig.subplots(len(steps), len(times), squeeze=False)
    for row, step in zip(axes, steps):
        for ax, each in zip(row, times):
            _draw_spikes(ax, each, step)
        row[0].set_ylabel(f"step {step}")
    for ax, name in zip(axes[0], names or ()):
        ax.set_title(name.replace(", ", "\n"))
    return fig


def animate_wave(times, bins: int = BINS, names: Sequence[str] | None = None, columns: int = 3) -> HTML:
    """The spike wave (C, H, W) as an animation that plays on the page, one frame a step."""
    times = _array(times)

    def frame(step: int) -> Figure:
        fig, axes = _grid(times.shape, columns, names, most=2.2)
        for ax, each in zip(axes, times):
            _draw_spikes(ax, each, step)
        return fig

    counts = [(times == step).sum() for step in range(bins)]
    return animate([frame(step) for step in range(bins)],
                   [f"step {step}, spikes: {count}" for step, count in enumerate(counts)],
                   f"Spike wave of {len(times)} channels over {bins} time steps: dark spots are spikes of the step "
                   "shown, light spots fired before.")


def raster(times, bins: int = BINS, most: int = 400) -> Figure:
    """Spikes of neurons, times (C, H, W) or (n,), over time; below, how many of all neurons fire in each step.

    Of more than `most` neurons, every so many is drawn, so that the picture keeps the order of the neurons.
    """
    flat = _array(times).reshape(-1)
    drawn = np.unique(np.linspace(0, len(flat) - 1, min(most, len(flat))).round().astype(int))
    fig = Figure((WIDTH, 5.2), layout="constrained")
    top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    fires = drawn[flat[drawn] < bins]
    top.scatter(flat[fires], fires, s=60 if len(drawn) < 60 else 14, marker="|" if len(drawn) < 60 else "o", color=BLUE)
    top.set(ylabel="neuron", ylim=(-0.5 - len(flat) * 0.02, len(flat) * 1.02))
    bottom.bar(range(bins), np.bincount(flat[flat < bins], minlength=bins), color=BLUE)
    bottom.set(ylabel="spikes", xlabel="time step", xlim=(-0.8, bins - 0.2))
    bottom.set_xticks(range(0, bins, max(1, bins // 15)))
    return fig


def potentials(potentials, threshold: float, times=None, names: Sequence[str] | None = None, until: int | None = None,
               ylabel: str = "potential $V$ (weight units)") -> Figure:
    """Potentials (T, n) over time, the threshold, and a mark where a neuron fires: times (n,), or spikes (T, n) 0 or 1.

    `until` draws only the steps up to it, on the axes of the whole, for an animation.
    """
    values = _array(potentials).reshape(len(potentials), -1)
    last = len(values) - 1 if until is None else until
    marks = _array([] if times is None else times)
    fires = marks > 0 if marks.ndim == 2 else np.arange(len(values))[:, None] == (marks if marks.size else -1)
    fires = np.broadcast_to(fires, values.shape)
    names = names or [f"neuron {index}" for index in range(values.shape[1])]
    fig = Figure((WIDTH, 3.8), layout="constrained")
    ax = fig.subplots()
    for index, (line, name) in enumerate(zip(values.T, names)):
        colour = COLOURS[index % len(COLOURS)]
        ax.plot(range(last + 1), line[:last + 1], "o-", color=colour, markersize=4.5, label=name)
        for step in fires[:last + 1, index].nonzero()[0]:
            ax.plot(step, line[step], "*", color=colour, markersize=19, markeredgecolor="black", zorder=5)
    top = float(values.max())
    if np.isfinite(threshold):
        ax.axhline(threshold, color=GREY, linestyle="--", label=f"threshold $\\theta$ = {threshold:g}", zorder=1)
        top = max(top, threshold)
    if times is not None:
        ax.plot([], [], "*", color="white", markersize=13, markeredgecolor="black", label="spike", linestyle="none")
    low = min(0.0, float(values.min()))
    ax.set(xlabel="time step $t$", ylabel=ylabel, xlim=(-0.4, len(values) - 0.6),
           ylim=(low - 0.05 * (top - low), top + 0.13 * (top - low) + 1e-9))
    ax.set_xticks(range(0, len(values), max(1, len(values) // 15)))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


# --- results ------------------------------------------------------------------------------------------------------


def learning_curve(rows, references: dict | None = None) -> Figure:
    """Accuracy over epochs, from rows (dicts or tuples) with `training.COLUMNS`, or a DataFrame.

    One variant: lines for training, validation and test accuracy. Several: one colour a variant, test accuracy (or
    validation, or training, where there is no other); a line per seed. references, dashed: name -> accuracy as a
    share, or a DataFrame with columns epoch and test_accuracy.
    """
    from ..training import COLUMNS

    data = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(
        list(rows), columns=None if rows and isinstance(rows[0], dict) else list(COLUMNS))
    kinds = [kind for kind in ("test", "validation", "train")
             if f"{kind}_accuracy" in data and data[f"{kind}_accuracy"].notna().any()]
    fig = Figure((WIDTH, 4.2), layout="constrained")
    ax, colours = fig.subplots(), itertools.cycle(COLOURS)
    variants = list(data["variant"].unique()) if "variant" in data else [None]
    several = len(variants) > 1
    for variant, kind in itertools.product(variants, kinds[:1] if several else kinds):
        part, colour = data if variant is None else data[data["variant"] == variant], next(colours)
        label = str(variant) if several else {"train": "training"}.get(kind, kind)
        for _, run in part.groupby("seed") if "seed" in part else [(0, part)]:
            marker = "o" if len(run) <= 30 else None
            ax.plot(run["epoch"], 100 * run[f"{kind}_accuracy"].astype(float), marker=marker, markersize=4,
                    color=colour, label=label, linewidth=1.8)
            label = None
    for label, reference in (references or {}).items():
        colour = next(colours)
        if isinstance(reference, pd.DataFrame):
            ax.plot(reference["epoch"], 100 * reference["test_accuracy"], "--", color=colour, label=label)
        else:
            ax.axhline(100 * float(reference), linestyle="--", color=colour, label=label, linewidth=1.5)
    kind = {"train": "training"}.get(kinds[0], kinds[0]) + " accuracy (%)" if several and kinds else "accuracy (%)"
    ax.set(xlabel="passes", ylabel=kind)
    ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    ax.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    if ax.get_legend_handles_labels()[1]:
        fig.legend(loc="outside lower center", ncols=2 if max(map(len, ax.get_legend_handles_labels()[1])) > 20 else 4)
    return fig


def confusion(labels, decisions, classes: int = 10) -> Figure:
    """Decisions (N,), -1 for silent, against labels (N,): counts; errors are coloured by their share of the row.

    Right decisions, the diagonal, stay grey, so that the scale ends at the largest error and errors can be seen.
    """
    labels, decisions = _array(labels), _array(decisions)
    counts = np.zeros((classes, classes + 1), dtype=int)
    np.add.at(counts, (labels, np.where(decisions < 0, classes, decisions)), 1)
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    right = np.eye(classes, classes + 1, dtype=bool)
    most = max(share[~right].max(), 1e-9)
    fig = Figure((WIDTH, 5.7), layout="constrained")
    ax = fig.subplots()
    ax.imshow(np.where(right, 0.18, np.nan), cmap="Greys", vmin=0, vmax=1)
    shown = ax.imshow(np.ma.masked_array(share, right), cmap="Blues", vmin=0, vmax=most)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = not right[row, column] and share[row, column] > 0.55 * most
            ax.text(column, row, str(count), ha="center", va="center", fontsize=10, color="white" if dark else "black")
    ax.axvline(classes - 0.5, color="white", linewidth=4)
    ax.set(xlabel="decision", ylabel="label", xticks=range(classes + 1), yticks=range(classes))
    ax.set_xticklabels([*map(str, range(classes)), "silent"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    fig.colorbar(shown, ax=ax, label="errors: share of the label's images (%)", shrink=0.8, pad=0.02)
    return fig


def histogram(values, xlabel: str, bins: int = 50, ylabel: str = "count") -> Figure:
    """How often which value occurs; `values` of any shape."""
    fig = Figure((WIDTH, 3.2), layout="constrained")
    ax = fig.subplots()
    ax.hist(_array(values).reshape(-1), bins=bins, color=BLUE)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return fig


# --- helpers ------------------------------------------------------------------------------------------------------


def _array(values) -> np.ndarray:
    if isinstance(values, (list, tuple)) and values and torch.is_tensor(values[0]):
        values = torch.stack(list(values))
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    return array.astype(np.int64) if array.dtype == np.uint8 else array


def _grid(shape: tuple[int, ...], columns: int, names: Sequence | None, bar: bool = False, most: float = 2.5):
    """A figure with one bare panel for each of `shape[0]` pictures (H, W), at most `most` inches wide, and names."""
    count, height, width = shape
    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    lines = 0 if names is None else 1 + max((str(name).count("\n") for name in names), default=0)
    size = min(0.98 * (WIDTH - 1.1 * bar) / columns - 0.08, most)
    fig = Figure((WIDTH, (size * height / width + 0.08 + 0.2 * lines) * rows + 0.04), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False).reshape(-1)
    if count == 6 and columns == 3:  # on-centre channels above, off-centre channels below
        axes = axes.reshape(2, 3).T.reshape(-1)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for ax in axes[count:]:
        ax.set_axis_off()
    for ax, name in zip(axes, names if names is not None else ()):
        ax.set_title(str(name), pad=4)
    return fig, axes[:count]


def _time_colours(bins: int):
    cmap = ListedColormap(colormaps["viridis"](np.linspace(1, 0, bins))).with_extremes(bad=SILENT)
    return cmap, BoundaryNorm(np.arange(bins + 1) - 0.5, bins)


def _draw_spikes(ax, times: np.ndarray, step: int) -> None:
    """0 not yet, 1 fired before, 2 fires now."""
    state = (times < step) * 1 + (times == step) * 2
    ax.imshow(state, cmap=ListedColormap(["#f2f2f2", "#9ecae1", "#08306b"]), vmin=0, vmax=2)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
