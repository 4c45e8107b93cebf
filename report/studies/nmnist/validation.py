"""Compare simulated with real N-MNIST recordings of the same images, pair by pair.

Recording i was made from MNIST's training image i - 1. Writes to report/results/nmnist-simulator: pairs.csv (one row a
pair), counts.csv (events by saccade and polarity), pixels.csv (events of a pixel), rate.csv (events in time), and
provenance.json. Half a minute for the first 1,000 recordings; RSTDP_DATA has to hold MNIST and NMNIST.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from rstdp.data import DataError
from rstdp.events import nmnist
from rstdp.events.data import FITTED
from rstdp.events.encodings import event_counts, first_events
from rstdp.events.nmnist import SACCADE, Recordings
from rstdp.events.simulator import Sensor, simulate

from ...lab.registry import fingerprint, result
from ...lab.runner import Job
from . import bars

MOST = 12  #: a pixel's events of one polarity in one saccade, the last class "this many or more"
SLICE = 7500  #: microseconds, for events in time


def maps(recordings: Recordings) -> np.ndarray:
    """Event counts by saccade, polarity, row and column, (N, 6, 34, 34); channels on, off, on, off, on, off."""
    return event_counts(recordings, stabilise=False, by_saccade=True).numpy()


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each pair of maps, (N, ...) twice -> (N,)."""
    a, b = (one.reshape(len(one), -1) - one.reshape(len(one), -1).mean(1, keepdims=True) for one in (a, b))
    return (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))


def orders(a: Recordings, b: Recordings) -> np.ndarray:
    """Rank correlation, for each pair, of the first events' times in the first saccade, to the millisecond, over the
    pixels and polarities that have one in both recordings."""
    silent = SACCADE // 1000
    times = [first_events(one, bins=silent, duration=SACCADE).flatten(1).numpy() for one in (a, b)]
    both = [(x < silent) & (y < silent) for x, y in zip(*times)]
    return np.array([stats.spearmanr(x[which], y[which]).statistic for x, y, which in zip(*times, both)])


def compare(real: Recordings, images: np.ndarray) -> dict[str, pd.DataFrame]:
    """The four tables. images: (N, 28, 28) uint8, of which the N recordings were made."""
    first = int(real.numbers[0]) - 1
    simulated, again = (simulate(images, real.labels, first=first, seed=seed) for seed in (0, 1))
    a, b, c = maps(real), maps(simulated), maps(again)
    other = np.roll(b, 1, axis=0)  # of another image: what any two digits have in common
    total = [one.reshape(len(one), 3, 2, 34, 34).sum((1, 2)) for one in (a, b)]
    pairs = pd.DataFrame({
        "number": real.numbers, "label": real.labels, "fitted": real.numbers <= FITTED,
        "events_real": real.counts, "events_simulated": simulated.counts,
        "correlation": correlations(a, b), "correlation_of_sums": correlations(*total),
        "between_simulations": correlations(b, c), "with_another_image": correlations(a, other),
        "order": orders(real, simulated), "order_between_simulations": orders(simulated, again)})
    held_out, rows = ~pairs.fitted.to_numpy(), []
    for channel in range(6):
        mine, theirs = (one[held_out, channel].sum((1, 2)) for one in (b, a))
        rows.append((channel // 2 + 1, ("on", "off")[channel % 2], theirs.mean(), mine.mean(), theirs.std(ddof=1),
                     mine.std(ddof=1), np.abs(mine - theirs).mean() / theirs.mean(),
                     stats.ks_2samp(theirs, mine).statistic))
    counts = pd.DataFrame(rows, columns=["saccade", "polarity", "real", "simulated", "real_sd", "simulated_sd",
                                         "mean_difference_of_pairs", "kolmogorov_smirnov"])
    histogram = [np.bincount(np.minimum(one[held_out], MOST).astype(int).ravel(), minlength=MOST + 1)
                 / one[held_out].size for one in (a, b)]
    pixels = pd.DataFrame({"events": np.arange(MOST + 1), "real": histogram[0], "simulated": histogram[1]})
    slices = np.arange(3 * SACCADE // SLICE)
    rate = pd.DataFrame({"ms": slices * SLICE / 1000, **{
        f"{name}_{polarity}": np.bincount(np.minimum(one.t[one.polarity == bit] // SLICE, slices[-1]),
                                          minlength=len(slices)) / len(one)
        for name, one in (("real", real), ("simulated", simulated)) for bit, polarity in ((1, "on"), (0, "off"))}})
    return {"pairs": pairs, "counts": counts, "pixels": pixels, "rate": rate}


@fingerprint("nmnist-simulator", first="8f9da9580274")
def probe() -> Iterator:
    """The tables for recordings that a louder sensor made; rounded, because sums differ in their last bits."""
    images = bars(6)
    made = simulate(images, labels=np.arange(6), sensor=Sensor(theta_on=0.25, noise=2.0), first=FITTED - 2, seed=5)
    for name, table in compare(made, images).items():
        yield name
        yield table.to_csv(index=False, float_format="%.3g")


@result("nmnist-simulator", "simulated beside real N-MNIST recordings of the same images; half a minute",
        needs=("events", "nmnist-simulator"), dataset="mnist", settings={"recordings": 1000})
def make(job: Job) -> None:
    """Compare, write, print. Setting: how many training recordings."""
    mnist, real = job.data, nmnist.load("Train", count=job.settings.recordings)
    if not (real.labels == mnist.train_labels[real.numbers - 1].numpy()).all():
        raise DataError("the labels of recordings and images differ: these are not recordings of these images")
    tables = compare(real, mnist.train_images[real.numbers - 1].numpy())
    for name, table in tables.items():
        job.write(f"{name}.csv", table, float_format="%.5g")
    job.describe(dataset="nmnist", data_md5=mnist.checksum(), recordings=len(real), events=int(real.counts.sum()),
                 fitted=FITTED, sensor=dataclasses.asdict(Sensor()))
    held_out = tables["pairs"][~tables["pairs"].fitted]
    print(held_out.drop(columns=["number", "label", "fitted"]).describe().T.to_string(float_format="%.3f"))
    print(tables["counts"].to_string(index=False, float_format="%.3f"))
