"""Fit the saccade simulator to real N-MNIST recordings: the image's path, then the sensor's other parameters.

Uses the first training recordings only (at most `FITTED`, 200); `validation` judges the fit on the others. Starts from
the simulator's present parameters and prints better ones, to be copied into rstdp/events/simulator.py. A round takes
two minutes on one core; RSTDP_DATA has to hold MNIST and NMNIST.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from rstdp.events import nmnist
from rstdp.events.data import FITTED
from rstdp.events.encodings import event_counts
from rstdp.events.nmnist import Recordings
from rstdp.events.simulator import KNOT, Sensor, simulate

from ...lab.registry import result
from ...lab.runner import Job

WIDE = 48  #: maps are padded to this, so that shifts do not wrap around
FARTHEST = 5  #: largest shift that is looked for, in pixels
INTERVALS = (0, 1500, 2000, 2500, 3000, 3500, 4000, 5000, 6000, 8000, 12000, 20000)  #: microseconds
#: size of a random step of each parameter, and its smallest value
STEPS = {"scale": (0.01, 0.8), "blur": (0.1, 0.15), "gamma": (0.15, 0.1), "ground": (0.06, 0.01), "lag": (1.0, 0.5),
         "theta_on": (0.03, 0.05), "theta_off": (0.03, 0.05), "pause": (0.3, 0.1), "jitter": (0.06, 0.0),
         "spread": (0.04, 0.0), "noise": (0.05, 0.0), "tremor": (0.04, 0.0), "wander": (0.1, 0.0)}


def in_time(recordings: Recordings, knots: int) -> np.ndarray:
    """Event maps of each stretch of KNOT ms: (knots, N * 2, WIDE, WIDE) float32."""
    r, index = recordings, np.repeat(np.arange(len(recordings)), recordings.counts)
    found = np.zeros((knots, len(r), 2, WIDE, WIDE), dtype=np.float32)
    np.add.at(found, (np.minimum(r.t // int(1000 * KNOT), knots - 1), index, r.polarity, r.y, r.x), 1)
    return found.reshape(knots, -1, WIDE, WIDE)


def vertex(left: float, middle: float, right: float) -> float:
    """Where the parabola through three neighbours has its maximum, from the middle one."""
    return float(np.clip(0.5 * (left - right) / (left - 2 * middle + right + 1e-9), -0.5, 0.5))


def shifts(real: np.ndarray, simulated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how many pixels (column, row) real events lie beside simulated ones, by cross-correlation, in each stretch of
    time: (knots, 2); and how far that can be trusted, 0 to 1, (knots,)."""
    product = np.fft.rfft2(real) * np.conj(np.fft.rfft2(simulated))
    overlap = np.roll(np.fft.irfft2(product.sum(1), s=(WIDE, WIDE)), (FARTHEST, FARTHEST), (1, 2))
    found = []
    for one in overlap[:, :2 * FARTHEST + 1, :2 * FARTHEST + 1]:
        row, column = (1 + at for at in np.unravel_index(one[1:-1, 1:-1].argmax(), (2 * FARTHEST - 1,) * 2))
        found.append((column - FARTHEST + vertex(*one[row, column - 1:column + 2]),
                      row - FARTHEST + vertex(*one[row - 1:row + 2, column])))
    fewest = np.minimum(*(one.sum((1, 2, 3)) / (one.shape[1] / 2) for one in (real, simulated)))
    return np.clip(found, -1, 1), np.clip(fewest / 60, 0, 1)  # with few events the maximum is arbitrary


def follow(sensor: Sensor, real: Recordings, images: np.ndarray) -> Sensor:
    """Move the path by what remains of the shifts."""
    path, target = np.array(sensor.path), in_time(real, len(sensor.path) - 1)
    shift, trust = shifts(target, in_time(simulate(images, sensor=sensor), len(path) - 1))
    weighted = gaussian_filter1d(np.append(shift * trust[:, None], [[0, 0]], axis=0), 0.6, axis=0)
    path += 0.7 * weighted / (gaussian_filter1d(np.append(trust, 0), 0.6)[:, None] + 0.15)
    print(f"mean shift where there are events: {(np.abs(shift) * trust[:, None]).sum() / (2 * trust.sum()):.3f} pixels")
    return dataclasses.replace(sensor, path=tuple((round(float(x), 2), round(float(y), 2)) for x, y in path))


def summary(recordings: Recordings) -> list[np.ndarray]:
    """What the fit compares: blurred count maps, and in counts a recording: events by channel, pixels by their number
    of events, events in time, intervals between a pixel's events of one polarity."""
    r, counts = recordings, event_counts(recordings, stabilise=False, by_saccade=True).numpy()
    index = np.repeat(np.arange(len(r)), r.counts)
    pixel = ((index * 34 + r.y) * 34 + r.x) * 2 + r.polarity
    order = np.lexsort((r.t, pixel))
    intervals = np.diff(r.t[order])[np.diff(pixel[order]) == 0]
    return [gaussian_filter(counts, (0, 0, 0.6, 0.6)), counts.sum((2, 3)),
            np.bincount(np.minimum(counts, 10).astype(int).ravel(), minlength=11)[1:] / len(r),
            np.bincount(r.t // int(1000 * KNOT), minlength=42)[:42] / len(r),
            np.histogram(intervals, INTERVALS)[0] / len(r)]


def distance(mine: list[np.ndarray], target: list[np.ndarray]) -> float:
    """How far simulated recordings are from real ones; 0 where all of the summary is equal.

    Squared differences of maps alone would choose a sensor without noise, hence the distributions.
    """
    loss = ((mine[0] - target[0]) ** 2).sum() / (target[0] ** 2).sum()
    for weight, a, b in zip((0.3, 0.3, 0.15, 0.15), mine[1:], target[1:]):
        loss += weight * np.abs(a - b).sum() / b.sum()
    on, off = (abs(mine[1][:, bit::2].sum() / target[1][:, bit::2].sum() - 1) for bit in (0, 1))
    return float(loss + 0.3 * (on + off))


def search(sensor: Sensor, real: Recordings, images: np.ndarray, tries: int, random: np.random.Generator) -> Sensor:
    """Random steps of one to three parameters, kept where they help; the steps shrink while none does."""
    target, size = summary(real), 1.0
    best = distance(summary(simulate(images, sensor=sensor)), target)
    print(f"distance {best:.4f}", end="")
    for _ in range(tries):
        names = random.choice(list(STEPS), random.integers(1, 4), replace=False)
        changed = {name: max(STEPS[name][1], float(getattr(sensor, name) + size * STEPS[name][0] * random.normal()))
                   for name in names}
        candidate = dataclasses.replace(sensor, **changed)
        found = distance(summary(simulate(images, sensor=candidate)), target)
        better = found < best
        sensor, best = (candidate, found) if better else (sensor, best)
        size = min(1.3 * size, 1.5) if better else max(0.97 * size, 0.15)
    print(f" -> {best:.4f}")
    return sensor


@result("nmnist-fit", "better parameters for the simulator of events, printed; two minutes a round", needs=(),
        dataset="mnist", seeds=(0,), settings={"recordings": 60, "rounds": 2, "tries": 150}, recorded=False)
def make(job: Job) -> None:
    """Fit and print. Settings: how many recordings; rounds, each of which fits the path and then, in so many random
    tries, the rest."""
    settings = job.settings
    if not 0 < settings.recordings <= FITTED:
        raise ValueError(f"recordings must be 1 to {FITTED}: the others judge the fit")
    real, sensor = nmnist.load("Train", count=settings.recordings), Sensor()
    images, random = job.data.train_images[real.numbers - 1].numpy(), np.random.default_rng(job.seeds[0])
    for _ in range(settings.rounds):
        for _ in range(3):
            sensor = follow(sensor, real, images)
        sensor = search(sensor, real, images, settings.tries, random)
    for name in STEPS:
        print(f"    {name}: float = {float(f'{getattr(sensor, name):.3g}')}")
    print("PATH =", sensor.path)
