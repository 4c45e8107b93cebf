"""A saccade simulator: an MNIST image -> the events that N-MNIST's sensor would have sent.

The digit is dark on a bright screen, as MNIST's page describes it. Optics blur it, the motor moves it along a triangle,
and every pixel follows the logarithm of its light with a lag. Where the signal has changed by a threshold since the
pixel's last event, the pixel sends an event, pauses, and starts anew from the signal that it then finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..fast.conv import jit
from .nmnist import SACCADE, SACCADES, SIZE, Recordings

STEPS = 42  #: simulated steps in a saccade, 2.5 ms each
STEP = SACCADE / 1000 / STEPS  #: their duration in ms
BORDER = 8  #: bright screen that the simulation knows around the sensor, in pixels
TREMOR = (20, 60)  #: lowest and highest frequency of the motor's vibration in Hz
KNOT = 7.5  #: ms between two points of the path
MOST = 20000  #: events that one recording may have

PATH = (
    (0.19, 1.4), (0.32, 1.47), (0.53, 1.8), (0.35, 1.94), (0.37, 2.73), (0.31, 3.64), (0.43, 4.72), (0.75, 5.53),
    (1.3, 6.04), (1.91, 6.45), (2.12, 6.81), (2.07, 6.67), (1.94, 6.64), (2.08, 6.55), (2.1, 6.48), (2.25, 6.31),
    (2.79, 6.39), (2.99, 6.1), (3.59, 5.57), (4.15, 4.75), (4.3, 3.87), (4.6, 2.89), (4.97, 1.84), (5.11, 1.68),
    (5.22, 1.46), (5.51, 1.32), (5.8, 1.41), (5.94, 1.62), (6.04, 1.28), (6.27, 1.17), (5.77, 1.51), (5.15, 1.34),
    (4.5, 1.34), (3.79, 1.4), (2.9, 1.38), (2.07, 1.33), (1.3, 1.15), (0.92, 1.22), (0.69, 1.14), (0.58, 1.24),
    (0.56, 1.18), (0.56, 1.48), (0.33, 1.5),
)


@dataclass(frozen=True)
class Sensor:
    """The simulator's parameters; fitted to the first real recordings by `python -m report run nmnist-fit`."""

    scale: float = 1.01  #: sensor pixels for one pixel of MNIST
    blur: float = 0.441  #: standard deviation of the optics, in MNIST's pixels
    gamma: float = 0.706  #: exponent of the screen
    ground: float = 0.15  #: stray light, as a share of the bright screen
    lag: float = 3.83  #: time constant of the pixel's low-pass filter, in ms
    theta_on: float = 0.307  #: contrast thresholds, in natural logarithms
    theta_off: float = 0.289
    spread: float = 0.0876  #: standard deviation of the thresholds between pixels, as a share
    jitter: float = 0.198  #: the same between events
    pause: float = 0.392  #: dead time after an event, in ms
    noise: float = 0.44  #: events without a cause for each pixel and second, all "on"
    tremor: float = 0.073  #: amplitude of the motor's vibration in each direction, in sensor pixels
    wander: float = 0.0  #: standard deviation of the whole path between recordings, in sensor pixels
    path: tuple = PATH  #: where the image's left upper pixel stands every 7.5 ms, as (column, row) of the sensor


class Eye(NamedTuple):
    """What `_look` needs to know of a `Sensor`."""

    scale: float
    blur: float
    gamma: float
    ground: float
    lag: float
    jitter: float
    pause: float
    noise: float


@jit
def _field(image, scale, blur, gamma, ground):
    """Logarithm of the light around the digit at rest: (28, 28) uint8 -> (50, 50), row and column 8 at its corner."""
    side = SIZE + 2 * BORDER
    height, width = image.shape
    light = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            light[row, column] = 1 - (1 - image[row, column] / 255) ** gamma  # what the ink takes away
    spread = np.zeros((side, height))
    middle = (height - 1) / 2
    for at in range(side):
        place = (at - BORDER - middle) / scale + middle
        for row in range(height):
            if abs(place - row) < 4 * blur:
                spread[at, row] = np.exp(-(place - row) ** 2 / (2 * blur**2)) / (blur * np.sqrt(2 * np.pi))
    ink = np.zeros((side, width))
    for at in range(side):
        for row in range(height):
            if spread[at, row] > 0:
                for column in range(width):
                    ink[at, column] += spread[at, row] * light[row, column]
    out = np.zeros((side, side))
    for at in range(side):
        for to in range(side):
            for column in range(width):
                if spread[to, column] > 0:
                    out[at, to] += spread[to, column] * ink[at, column]
            out[at, to] = np.log(ground + max(0.0, 1 - out[at, to]))
    return out


@jit
def _sorted(events, first, last):
    """Sort a short stretch in place."""
    for i in range(first + 1, last):
        one, j = events[i], i
        while j > first and events[j - 1] > one:
            events[j] = events[j - 1]
            j -= 1
        events[j] = one


@jit
def _reach(field, path):
    """The rows and columns of the sensor that ever see anything but the bright screen: first and last + 1 of each."""
    found = np.array([SIZE, 0, SIZE, 0])
    for at in range(len(field)):
        for to in range(len(field)):
            if abs(field[at, to] - field[0, 0]) > 1e-4:
                found[0], found[1] = min(found[0], at), max(found[1], at)
                found[2], found[3] = min(found[2], to), max(found[3], to)
    for axis in range(2):
        low, high = path[:, 1 - axis].min(), path[:, 1 - axis].max()
        found[2 * axis] = max(0, int(np.floor(found[2 * axis] - BORDER + low)))
        found[2 * axis + 1] = min(SIZE, int(np.ceil(found[2 * axis + 1] - BORDER + high)) + 1)
    return found


@jit
def _look(image, path, eye, on, off, seed, events):
    """Fill `events` with the packed events of one recording, in the order of time, and return their number.

    path: (steps, 2), where the image's corner stands in each step; on, off: (34, 34) thresholds. An event is packed as
    microseconds << 13 | polarity << 12 | row << 6 | column.
    """
    scale, blur, gamma, ground, lag, jitter, pause, noise = eye
    np.random.seed(seed)
    field = _field(image, scale, blur, gamma, ground)
    top, bottom, left, right = _reach(field, path)
    follow = 1 - np.exp(-STEP / lag)
    state, memory = np.full((SIZE, SIZE), field[0, 0]), np.empty((SIZE, SIZE))
    free, factor = np.zeros((SIZE, SIZE)), np.ones((SIZE, SIZE))
    false = np.sort(np.random.uniform(0, len(path) * STEP,
                                      np.random.poisson(noise * SIZE * SIZE * len(path) * STEP / 1000)))
    total, next_false = 0, 0
    for step in range(len(path)):
        begin, end, first = step * STEP, (step + 1) * STEP, total
        x, y = int(np.floor(-path[step, 0])), int(np.floor(-path[step, 1]))
        right_share, lower_share = -path[step, 0] - x, -path[step, 1] - y
        a, b = (1 - lower_share) * (1 - right_share), (1 - lower_share) * right_share
        c, d = lower_share * (1 - right_share), lower_share * right_share
        for row in range(top, bottom):
            above, below = field[row + y + BORDER], field[row + y + BORDER + 1]
            for column in range(left, right):
                at = column + x + BORDER
                seen = a * above[at] + b * above[at + 1] + c * below[at] + d * below[at + 1]
                if step == 0:
                    state[row, column] = seen
                    memory[row, column] = seen + np.random.uniform(-0.5, 0.5) * on[row, column]
                before = state[row, column]
                change = follow * (seen - before)
                after = before + change
                state[row, column] = after
                resumes = free[row, column]
                if resumes >= end:
                    continue
                if resumes > begin:  # the pause ends: the pixel starts anew from what it finds
                    memory[row, column] = before + change * (resumes - begin) / STEP
                    free[row, column] = 0
                while total < MOST:
                    up = after > memory[row, column]
                    threshold = (on[row, column] if up else -off[row, column]) * factor[row, column]
                    if abs(after - memory[row, column]) < abs(threshold):
                        break
                    when = begin + STEP * (memory[row, column] + threshold - before) / change
                    when = min(max(when, begin), end - 1e-3)
                    events[total] = int(1000 * when) << 13 | up << 12 | row << 6 | column
                    total += 1
                    factor[row, column] = max(0.2, 1 + jitter * np.random.normal())
                    free[row, column] = when + pause
                    if free[row, column] >= end:
                        break
                    memory[row, column] = before + change * (free[row, column] - begin) / STEP
        while next_false < len(false) and false[next_false] < end and total < MOST:
            events[total] = (int(1000 * false[next_false]) << 13 | 1 << 12 | np.random.randint(SIZE) << 6
                             | np.random.randint(SIZE))
            total, next_false = total + 1, next_false + 1
        _sorted(events, first, total)
    return total


def thresholds(sensor: Sensor) -> tuple[np.ndarray, np.ndarray]:
    """The "on" and "off" thresholds of every pixel (34, 34): the sensor's fixed pattern, always the same."""
    random = np.random.default_rng(0)
    on, off = (theta * np.maximum(0.3, 1 + sensor.spread * random.standard_normal((SIZE, SIZE)))
               for theta in (sensor.theta_on, sensor.theta_off))
    return on, off


def positions(sensor: Sensor, times) -> np.ndarray:
    """Where the image's corner stands at `times` (ms, any number n): (n, 2) as (column, row), in sensor pixels."""
    path = np.asarray(sensor.path)
    return np.stack([np.interp(times, KNOT * np.arange(len(path)), path[:, axis]) for axis in range(2)], axis=1)


def simulate(images, labels=None, sensor: Sensor | None = None, first: int = 0, seed: int = 0) -> Recordings:
    """Images (N, 28, 28) uint8 -> what the sensor would have recorded of them.

    first: index of the first image in its data set; recording i is of image i - 1, and its noise depends on `seed` and
    its number only. Raises ValueError for images of another size, or a sensor that is too far off or too loud.
    """
    sensor, images = sensor or Sensor(), np.asarray(images)
    if images.ndim != 3 or images.shape[1:] != (28, 28) or images.dtype != np.uint8:
        raise ValueError(f"images must be (N, 28, 28) uint8, got {images.shape} {images.dtype}")
    times = (np.arange(STEPS * SACCADES) + 0.5) * STEP
    path, pattern = positions(sensor, times), thresholds(sensor)
    eye = Eye(*(getattr(sensor, name) for name in Eye._fields))
    if not (np.abs(path) < BORDER).all():
        raise ValueError(f"the image may lie less than {BORDER} pixels from the corner, got {np.abs(path).max():.1f}")
    buffer, parts, numbers = np.empty(MOST, dtype=np.int64), [], np.arange(len(images)) + first + 1
    for image, number in zip(images, numbers):
        random = np.random.default_rng((seed, int(number)))
        shaken = path + sensor.wander * random.standard_normal(2) + sensor.tremor * np.sin(
            2 * np.pi * (random.uniform(*TREMOR, 2) * times[:, None] / 1000 + random.uniform(0, 1, 2)))
        total = _look(image, np.clip(shaken, 0.01 - BORDER, BORDER - 0.01), eye, *pattern, seed * 100_000 + number,
                      buffer)
        if total == MOST:
            raise ValueError(f"a recording has {MOST} events or more: the sensor's thresholds are too low")
        packed = buffer[:total]
        parts.append((packed & 63, packed >> 6 & 63, packed >> 12 & 1, packed >> 13))
    labels = np.full(len(images), -1) if labels is None else labels
    return Recordings.of(parts, labels, numbers)
