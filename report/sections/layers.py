"""What each layer of the main network has learned: features, decisions of S3's maps, weights."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from rstdp.network import LAYERS, Network
from rstdp.show import figures
from rstdp.show.figures import BLUE, WIDTH
from rstdp.show.reconstruction import reconstruct

from ..lab.page import Page
from ..lab.statistics import percent


def early(page: Page) -> None:
    """Features of S1 and S2."""
    network = page.networks[page.main]
    s1, s2 = network.weights["s1"], network.weights["s2"]
    page.show(figures.filters(s1), f"The {len(s1)} feature maps of S1 in the network `{page.main}`: on-centre minus "
              "off-centre weights, red where a map wants light and blue where it wants dark.", "s1")
    sample = range(0, len(s2), max(1, len(s2) // 50))
    page.show(figures.features(reconstruct(network, "s2", sample)), f"Reconstructed features of S2, {len(sample)} of "
              f"{len(s2)} maps: light where a feature wants light, dark where it wants dark.", "s2")


def most_right(network: Network, labels, decisions, winners) -> tuple[list[int], list[str]]:
    """For each digit the two maps of S3 that decided rightly most often, and their titles: digit and how often."""
    digit_of = network.decision_map
    right = winners[decisions == labels, 0].bincount(minlength=len(digit_of))
    chosen = [int(i) for digit in range(10) for i in (right * (digit_of == digit)).topk(2).indices]
    return chosen, [f"{digit_of[i]} ({right[i]})" for i in chosen]


def late(page: Page) -> None:
    """Features of S3, which maps decide, and how many fire."""
    network, (decisions, winners) = page.networks[page.main], page.decided[page.main]
    chosen, titles = most_right(network, page.mnist.test_labels, decisions, winners)
    page.show(figures.features(reconstruct(network, "s3", chosen), labels=titles),
              "Reconstructed features of S3: for each digit the two maps that decided rightly most often, with their "
              "digit and in brackets how many test images each got right.", "s3")
    digit_of = network.decision_map
    idle = winners[winners[:, 0] >= 0, 0].bincount(minlength=len(digit_of)) == 0
    counts = [(digit, int(idle[digit_of == digit].sum())) for digit in range(10)]
    never = ", ".join(f"{count} of digit {digit}" for digit, count in counts if count)
    page.say(f"{int(idle.sum())} of the {len(idle)} maps of S3 decide none of the {len(decisions):,} test images"
             + (f": {never}." if never else "."))
    times = network.encode(page.mnist.test_images[:500])
    for name in ("s1", "s2"):
        fires = (network.spike_times(name, times) < network.config.bins).flatten(2).any(2)
        page.say(f"{int((~fires.any(0)).sum())} of the {fires.shape[1]} maps of {name.upper()} fire on none of "
                 f"{len(times)} test images; the median map fires on {percent(fires.double().mean(0).median(), 0)} of "
                 "them.")
        times = network.pooled(name, times)


def chart(network: Network) -> Figure:
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


def weights(page: Page) -> None:
    """How far the weights have gone to their bounds."""
    network, rows = page.networks[page.main], []
    first, config = Network(network.config, network.seed), network.config
    for name in LAYERS:
        w, (low, high) = network.weights[name], (config.low, config.high) if name == "s3" else (0, 1)
        spread = [float(((each - low) * (high - each)).mean() / ((high - low) / 2) ** 2)
                  for each in (first.weights[name], w)]
        rows.append((name.upper(), f"{w.numel():,}", *(f"{one:.3f}" for one in spread),
                     *(percent((abs(w - end) < 0.1 * (high - low)).double().mean(), 1) for end in (low, high))))
    page.show(chart(network), f"Weights of the network `{page.main}` before learning (black line) and after (filled). "
              f"S3's weights are limited to {config.low:g} and {config.high:g}.", "weights")
    page.say("Convergence is the mean of (w − low)(high − w), as a share of its largest value: 0 where every weight "
             "has reached a bound.")
    page.table(rows, ["layer", "weights", "convergence before", "after", "near the lower bound",
                      "near the upper bound"])


PARTS = (early, late, weights)
