"""From a silicon retina's events to spike times, (N, channels, H, W) uint8, `bins` for silence, as everywhere in rstdp.

Four encoders of N-MNIST's recordings, and the steps that they are made of. Book chapter: 09.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data import encoder
from ..encoding import BINS, intensity_to_latency
from ..fast.conv import jit
from .nmnist import SACCADE, SACCADES, SIZE, Recordings
from .simulator import Sensor, positions

DEFAULT = "saccades"  #: the encoder where none is named
DELAY = 5.0  #: ms between a change of light and its event
DIGIT = 28  #: rows and columns of a stabilised map: those of the MNIST image


def drift(sensor: Sensor | None = None, delay: float = DELAY) -> np.ndarray:
    """Where the digit's corner stands in each millisecond of a recording, (315, 2) as (column, row) in pixels."""
    return positions(sensor or Sensor(), np.arange(SACCADES * SACCADE // 1000) + 0.5 - delay)


class Columns(NamedTuple):
    """The events of `Recordings`, for compiled functions."""

    x: np.ndarray
    y: np.ndarray
    polarity: np.ndarray
    t: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, recordings: Recordings) -> Columns:
        return cls(*(getattr(recordings, name) for name in cls._fields))


@jit
def _count(events, offset, out):
    x, y, polarity, t, starts = events
    size = out.shape[2]
    for i in range(len(starts) - 1):
        for e in range(starts[i], starts[i + 1]):
            ms = min(t[e] // 1000, len(offset) - 1)
            column = int(np.rint(x[e] - offset[ms, 0]))
            row = int(np.rint(y[e] - offset[ms, 1]))
            if 0 <= column < size and 0 <= row < size:
                channel = 1 - polarity[e]
                if out.shape[1] > 2:
                    channel += 2 * min(ms // 105, 2)
                out[i, channel, row, column] += 1


@jit
def _first(events, begin, duration, bins, out):
    x, y, polarity, t, starts = events
    for i in range(len(starts) - 1):
        for e in range(starts[i], starts[i + 1]):
            when = t[e] - begin
            if 0 <= when < duration:
                time = when * bins // duration
                channel = 1 - polarity[e]
                if time < out[i, channel, y[e], x[e]]:
                    out[i, channel, y[e], x[e]] = time


def event_counts(recordings: Recordings, stabilise: bool = True, by_saccade: bool = False) -> Tensor:
    """Events of each pixel, (N, 2, H, W) float32 as (on, off), or (N, 6, H, W) with each saccade on its own.

    stabilise: follow the digit along its drift, on the 28 x 28 pixels of the MNIST image; else the sensor's 34 x 34.
    """
    size, channels = DIGIT if stabilise else SIZE, 2 * SACCADES if by_saccade else 2
    offset = drift() if stabilise else np.zeros((SACCADES * SACCADE // 1000, 2))
    out = np.zeros((len(recordings), channels, size, size), dtype=np.float32)
    _count(Columns.of(recordings), offset, out)
    return torch.from_numpy(out)


@encoder("first", reads="recordings")
def first_events(recordings: Recordings, bins: int = BINS, begin: int = 0,
                 duration: int = SACCADES * SACCADE) -> Tensor:
    """Each pixel's first event of each polarity: spike times (N, 2, 34, 34), in `bins` equal slices of a time window.

    begin, duration: the window in microseconds, by default the whole recording.
    """
    out = np.full((len(recordings), 2, SIZE, SIZE), bins, dtype=np.uint8)
    _first(Columns.of(recordings), begin, duration, bins, out)
    return torch.from_numpy(out)


def smoothed(counts: Tensor, sigma: float = 0.7) -> Tensor:
    """Counts (N, C, H, W), blurred by a Gaussian of `sigma` pixels: fewer ties, and lone events weigh little."""
    x = torch.arange(-2, 3, dtype=torch.float32)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = torch.outer(kernel, kernel) / kernel.sum() ** 2
    n, c, h, w = counts.shape
    return F.conv2d(counts.reshape(n * c, 1, h, w), kernel[None, None], padding=2).reshape(counts.shape)


def count_latencies(recordings: Recordings, stabilise: bool = True, by_saccade: bool = False, sigma: float = 0.7,
                    least: float = 2.0, bins: int = BINS) -> Tensor:
    """Latency from event counts: where most events came the spike is first, spike times (N, 2 or 6, H, W).

    The blurred counts of each recording are ranked into `bins` equally full bins, as `encoding.intensity_to_latency`
    ranks contrasts; those under `least` events stay silent, which is the filter against noise.
    """
    counts = smoothed(event_counts(recordings, stabilise, by_saccade), sigma)
    return intensity_to_latency(torch.where(counts < least, 0, counts), bins)


@encoder("first-saccade", reads="recordings")
def first_in_saccade(recordings: Recordings) -> Tensor:
    """Each pixel's first event of each polarity in the first saccade, in slices of 7 ms: (N, 2, 34, 34)."""
    return first_events(recordings, duration=SACCADE)


@encoder("stabilised", reads="recordings")
def stabilised(recordings: Recordings) -> Tensor:
    """Latency from the counts of all saccades on the digit's own pixels: (N, 2, 28, 28) as (on, off)."""
    return count_latencies(recordings)


@encoder("saccades", reads="recordings")
def by_saccade(recordings: Recordings) -> Tensor:
    """The same with a pair of channels for each saccade, so that each sees edges of one direction: (N, 6, 28, 28)."""
    return count_latencies(recordings, by_saccade=True)
