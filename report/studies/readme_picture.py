"""Draw book/_static/first-screen.png, the picture of the README: what the package's weights see in one test digit."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from rstdp.files import write_whole
from rstdp.network import Network, load_pretrained
from rstdp.show import figures
from rstdp.show.reconstruction import reconstruct

from .. import ROOT
from ..lab.registry import result
from ..lab.runner import Job


def strongest_maps(network: Network, c2: torch.Tensor, decisions: torch.Tensor) -> list[int]:
    """For each class, the map of S3 that decides for it most often; the first of the class where none does."""
    winners, maps = network.decide(c2)[1][:, 0], []
    for label in range(network.config.classes):
        mine = winners[decisions == label]
        first = int((network.decision_map == label).nonzero()[0])
        maps.append(int(mine.mode().values) if len(mine) else first)
    return maps


def panel(part, rows: int, columns: int, title: str, captions=None) -> np.ndarray:
    """Bare axes in a part of the figure, with a heading and perhaps a caption above each; the axes, flat."""
    axes = np.atleast_1d(part.subplots(rows, columns)).reshape(-1)
    part.suptitle(title, fontsize=12)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
        ax.spines[:].set(color="#bbbbbb", linewidth=0.6)
    for ax, caption in zip(axes, captions or ()):
        ax.set_title(caption, fontsize=10, pad=3)
    return axes


def draw(network: Network, image: torch.Tensor, maps: list[int]) -> Figure:
    """The digit, its spike times, S1's filters, and the feature of one S3 map for each class."""
    bins = network.config.bins
    times = network.encode(image[None])[0].numpy().astype(int)
    fig = Figure((10, 5), layout="constrained", dpi=160, facecolor="white")
    upper, lower = fig.subfigures(2, 1, height_ratios=(3.5, 1.4))
    left, middle, right = upper.subfigures(1, 3, width_ratios=(1.55, 2.75, 2.7))

    panel(left, 1, 1, "an image")[0].imshow(image, cmap="gray", vmin=0, vmax=255)
    cmap = ListedColormap(colormaps["viridis"](np.linspace(1, 0, bins))).with_extremes(bad="#e4e4e4")
    axes = panel(middle, 2, 3, "becomes spike times in six channels")
    order = (0, 2, 4, 1, 3, 5)  # on-centre above, off-centre below
    for ax, channel in zip(axes, order):
        shown = ax.imshow(np.ma.masked_greater_equal(times[channel], bins), cmap=cmap, vmin=0, vmax=bins - 1)
    bar = middle.colorbar(shown, ax=list(axes), location="bottom", shrink=0.8, aspect=30, pad=0.03,
                          label="spike time (step), grey: silent")
    bar.outline.set_visible(False)
    bar.set_ticks(range(0, bins, 2))
    bar.ax.minorticks_off()

    edges = reconstruct(network, "s1")[:, 3:-3, 3:-3].numpy()  # the widest kernel's rim is even grey
    for ax, edge in zip(panel(right, 5, 6, "S1 learns edges without labels"), edges):
        ax.imshow(edge, cmap="gray", vmin=-abs(edge).max(), vmax=abs(edge).max())

    heading = "S3 learns digits from reward and punishment: the map that decides most often for each class"
    digits = reconstruct(network, "s3", maps).numpy()
    for ax, digit in zip(panel(lower, 1, network.config.classes, heading), digits):
        ax.imshow(digit, cmap="gray", vmin=-abs(digit).max(), vmax=abs(digit).max())
    return fig


@result("readme-picture", "book/_static/first-screen.png", needs=(), dataset="mnist",
        settings={"digit": 7, "folder": "book/_static"}, recorded=False)
def make(job: Job) -> None:
    """Draw. Settings: which digit to show, and where."""
    figures.style()
    network, data = load_pretrained("mnist"), job.data
    c2 = network.features(data.train_images[:1000])
    decisions, _ = network.decide(c2)
    image = data.test_images[data.test_labels == job.settings.digit][0]
    fig = draw(network, image, strongest_maps(network, c2, decisions))
    path = ROOT / job.settings.folder / "first-screen.png"
    write_whole(path, lambda file: fig.savefig(file, facecolor="white"))
    print(path)
