"""The simulator of an event camera beside the camera."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rstdp.show.figures import BLUE, GREY, ORANGE, WIDTH

from ..lab.page import Page
from ..lab.results import read_table, stale


def chart(pairs: pd.DataFrame, counts: pd.DataFrame, pixels: pd.DataFrame, rate: pd.DataFrame) -> Figure:
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


def validation(page: Page) -> None:
    """How like the camera's the simulated recordings are."""
    (pairs, facts), (counts, _), (pixels, _), (rate, _) = (
        read_table(f"nmnist-simulator/{name}.csv", page.recorded) for name in ("pairs", "counts", "pixels", "rate"))
    seen, distance = pairs[~pairs.fitted], counts.kolmogorov_smirnov
    page.say(
        f"### The simulator beside the camera\n\nOver {len(seen)} pairs that its fit did not use, the six maps of "
        f"event counts (three saccades, two polarities) of a simulated and a real recording of the same image "
        f"correlate by **{seen.correlation.mean():.3f}** on average (5th percentile "
        f"{seen.correlation.quantile(0.05):.3f}); two simulations that differ in noise alone by "
        f"{seen.between_simulations.mean():.3f}, and "
        f"a simulation of another image by {seen.with_another_image.mean():.3f}. The times of first events in the "
        f"first saccade correlate in rank by {seen.order.mean():.3f}, those of two simulations by "
        f"{seen.order_between_simulations.mean():.3f}. A recording has {seen.events_real.mean():,.0f} events, a "
        f"simulated one {seen.events_simulated.mean():,.0f}. "
        f"Over all {len(pairs):,} pairs the maps correlate by {pairs.correlation.mean():.3f}. Counts by saccade and "
        f"polarity differ in their distributions by {distance.min():.3f} to {distance.max():.3f} "
        f"(Kolmogorov-Smirnov).{stale('nmnist-simulator', facts)}")
    worst = counts.assign(gap=counts.simulated / counts.real - 1).sort_values("gap", key=abs).iloc[-1]
    begin = rate[rate.ms < 7.5].iloc[0]
    page.show(
        chart(seen, counts, pixels, rate), f"The simulator beside the camera over {len(seen)} pairs. Above: "
        "correlation of count maps; mean events by saccade and polarity with their standard deviation over recordings. "
        "Below: how many events a pixel sends in a saccade; events in time, thick for on and thin for off. Farthest "
        f"off: saccade {worst.saccade}, {worst.polarity}, by {worst.gap:+.1%}; and in the first 7.5 ms, where the "
        f"camera sends {begin.real_on + begin.real_off:.0f} events and the simulator "
        f"{begin.simulated_on + begin.simulated_off:.0f}.",
        "simulator")


PARTS = (validation,)
