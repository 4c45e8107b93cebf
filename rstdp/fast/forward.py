"""Through S1 or S2 and the pooling behind it, compiled. Twins: `layers.conv_times`, `layers.pooled_times`.

STDP ends in weights of 0 and 1, a yes-or-no list (chapter 08), and a map that has such weights *counts*: it fires when
more inputs of its list have fired than its threshold says. `by_counting` does that in bytes, 32 maps or more an
instruction; where a potential sits on the threshold, and a sum would have to be rounded as the oracle does, a count
has nothing to round. Maps with weights in between take `by_summing`. Layout, grid and events are those of `conv`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..config import Layer
from ..encoding import BINS
from ..layers import BAND, GRID, check_input
from .conv import (
    CACHE_LINE,
    LANES,
    add_event,
    aligned,
    float32_potential,
    geometry,
    jit,
    jit_any_order,
    maps_last,
    sort_events,
    taps_in_time,
    unsigned,
)


class Pooling(NamedTuple):
    """A pooling layer: window, stride, and whether the incomplete window at the border is kept."""

    window: int
    stride: int
    ceil: bool

    @classmethod
    def of(cls, layer: Layer) -> Pooling:
        return cls(layer.pool, layer.stride, layer.ceil)


NONE = Pooling(1, 1, False)


@jit
def counts(weight, threshold, ones, small):
    """Whether a map of weights (n,) counts. Fills ones, small (n,) bool: its inputs of weight 1, and those too small to
    count but too large to ignore.

    A weight of 1 lies in [1 - 2**-10, 1], and a map counts if all its other weights together are below 1/2. With more
    inputs of weight 1 than a whole threshold up to 256, the sum is above it by more than `BAND`, with fewer it is
    below. With as many, the oracle's float32 sum decides. Rounding is monotone: as long as the others that have fired
    are at most 2**-25 together, that is not above the sum with 1 in place of each weight of 1, in which the others
    vanish, being less than half a unit in the last place, and the rest is whole: no spike. A count is one byte.
    """
    others, number = np.zeros(len(weight)), 0
    for i in range(len(weight)):
        value = np.rint(np.float64(weight[i]) * GRID) / GRID
        ones[i], small[i] = 1 - 2.0**-10 <= value <= 1, False
        number += ones[i]
        others[i] = 0 if ones[i] else value
    total = others.sum()
    if total >= 0.5 or number >= 256 or threshold != np.rint(threshold) or not 1 <= threshold <= 256:
        return False
    if total > 2.0**-25:
        together, largest = 0.0, 0.0
        for value in np.sort(others):
            together += value
            if together > 2.0**-25:
                break
            largest = value
        for i in range(len(weight)):
            small[i] = others[i] > largest
    return True


@jit
def pooled_size(size, pooling):
    """How many pooling windows fit, as in torch: the last one must begin inside."""
    spare = pooling.stride - 1 if pooling.ceil else 0
    return min((size - pooling.window + spare) // pooling.stride, (size - 1) // pooling.stride) + 1


@jit
def pool(fired, sizes, pooling, best, out):
    """First spikes of pooling windows: fired (positions x F') flat -> out (maps, H', W'); best: room for F' bytes."""
    maps, rows, columns = out.shape
    padded = unsigned(sizes.maps)
    for row in range(rows):
        for column in range(columns):
            best[:] = 255
            for y in range(row * pooling.stride, min(row * pooling.stride + pooling.window, sizes.out_h)):
                for x in range(column * pooling.stride, min(column * pooling.stride + pooling.window, sizes.out_w)):
                    first = unsigned((y * sizes.out_w + x) * sizes.maps)
                    for f in range(padded):
                        best[f] = min(best[f], fired[first + f])
            for f in range(maps):
                out[f, row, column] = best[f]


@jit
def _by_sum(times, weight, place, feature, first, last, threshold, pad, heard, when):
    """When a neuron fires that has heard a small input at step `first` and counts more than `threshold` from `last` on.

    Where it counts as many as the threshold, the sum decides, as in `by_summing`. times: (C, H, W); heard, when: room
    for what each input of the window adds, in the oracle's order (`taps_in_time`), and its spike time.
    """
    channels, height, width = weight.shape[:3]
    n, counted = 0, np.zeros(last, np.int64)
    for ky in range(max(0, pad - place[0]), min(height, times.shape[1] + pad - place[0])):
        for kx in range(max(0, pad - place[1]), min(width, times.shape[2] + pad - place[1])):
            for c in range(channels):
                t = times[c, place[0] - pad + ky, place[1] - pad + kx]
                if t < last:
                    heard[n], when[n] = weight[c, height - 1 - ky, width - 1 - kx, feature], t
                    counted[t] += heard[n] > 0.5
                    n += 1
    count = 0
    for t in range(last):
        count += counted[t]
        if t < first or count != threshold:
            continue
        exact, rounded = 0.0, np.float32(0)
        for i in range(n):
            if when[i] <= t:
                exact += heard[i]
                rounded += np.float32(heard[i])
        if exact > threshold + BAND or (exact >= threshold - BAND and rounded > np.float32(threshold)):
            return t
    return last


@jit
def by_counting(times, ones, weight, small, threshold, pad, bins, maps, pooling):
    """Spike times (N, C, H, W) uint8 -> pooled ones (N, maps, H', W') uint8, for maps that count.

    ones: (C, KH, KW, F') uint8 and weight as from `maps_last`; small: rows (map, channel, row, column of the
    window), the inputs that do not count and may decide. A neuron's spike time is the number of steps at which its
    count is not above the threshold: counts never fall.
    """
    sizes = geometry(times, ones, pad)
    neurons = sizes.out_h * sizes.out_w * sizes.maps
    out = np.empty((len(times), maps, pooled_size(sizes.out_h, pooling), pooled_size(sizes.out_w, pooling)), np.uint8)
    count = aligned(np.empty(neurons + CACHE_LINE, np.uint8), CACHE_LINE)
    fired = aligned(np.empty(neurons + CACHE_LINE, np.uint8), CACHE_LINE)
    events, starts = np.empty(times[0].size, np.int64), np.empty(bins + 1, np.int64)
    heard, when = np.empty(ones.size // sizes.maps + 1), np.empty(ones.size // sizes.maps + 1, np.uint8)
    flat, limit, best = ones.reshape(ones.size), np.uint8(min(threshold, 255)), np.empty(sizes.maps, np.uint8)
    for i in range(len(times)):
        sort_events(times[i], bins, events, starts)
        count[:] = 0
        fired[:] = 0
        for t in range(bins):
            for e in range(starts[t], starts[t + 1]):
                add_event(events[e], sizes, flat, count)
            for n in range(unsigned(neurons)):
                fired[n] += count[n] <= limit
        for feature, channel, ky, kx in small:
            for row in range(max(0, pad - ky), min(sizes.out_h, sizes.height + pad - ky)):
                for column in range(max(0, pad - kx), min(sizes.out_w, sizes.width + pad - kx)):
                    first = times[i, channel, row - pad + ky, column - pad + kx]
                    n = (row * sizes.out_w + column) * sizes.maps + feature
                    if first < fired[n] and count[n] >= limit:
                        fired[n] = _by_sum(times[i], weight, (row, column), feature, first, fired[n], threshold, pad,
                                           heard, when)
        pool(fired, sizes, pooling, best, out[i])
    return out


@jit
def _fire(potential, fired, first, maps, above, t, silent):
    """The neurons of one position that are above the threshold and have not fired before, fire at t."""
    for f in range(maps):
        fired[first + f] = min(fired[first + f], t if potential[first + f] > above else silent)


@jit_any_order
def _undecided(now, when, threshold, bins):
    """Whether a map is silent at a position and so near the threshold that rounding decides."""
    count = 0
    for f in range(len(now)):
        count += (abs(now[f] - threshold) <= BAND) & (when[f] == bins)
    return count > 0


@jit
def by_summing(times, weight, threshold, pad, bins, maps, pooling):
    """Spike times (N, C, H, W) uint8 -> pooled ones (N, maps, H', W') uint8 of integrate-and-fire neurons.

    weight: as from `maps_last`. A neuron fires at the first step at which its potential is strictly above `threshold`
    (finite).
    """
    sizes = geometry(times, weight, pad)
    positions, padded = sizes.out_h * sizes.out_w, sizes.maps
    out = np.empty((len(times), maps, pooled_size(sizes.out_h, pooling), pooled_size(sizes.out_w, pooling)), np.uint8)
    potential = aligned(np.empty(positions * padded + 8), CACHE_LINE)
    fired, best = np.empty(positions * padded, np.uint8), np.empty(padded, np.uint8)
    touched, taps = np.zeros(positions, dtype=np.bool_), np.empty(weight.size // padded + 1, dtype=np.int64)
    events, starts = np.empty(times[0].size, np.int64), np.empty(bins + 1, np.int64)
    flat, above, silent = weight.reshape(weight.size), threshold + BAND, np.uint8(bins)
    for i in range(len(times)):
        sort_events(times[i], bins, events, starts)
        potential[:] = 0
        fired[:] = bins
        for t in range(bins):
            for e in range(starts[t], starts[t + 1]):
                add_event(events[e], sizes, flat, potential, touched)
            for p in range(positions):
                if touched[p]:
                    touched[p] = False
                    _fire(potential, fired, unsigned(p * padded), unsigned(padded), above, np.uint8(t), silent)
                    now, when = potential[p * padded:p * padded + maps], fired[p * padded:p * padded + maps]
                    if _undecided(now, when, threshold, bins):
                        count = taps_in_time(times[i], weight, p // sizes.out_w, p % sizes.out_w, pad, t, taps)
                        for f in range(maps):
                            if abs(now[f] - threshold) <= BAND and when[f] == bins:
                                if float32_potential(flat, taps, count, f) > np.float32(threshold):
                                    when[f] = t
        pool(fired, sizes, pooling, best, out[i])
    return out


class Parts(NamedTuple):
    """The maps of a layer by the kernel that they need; inputs as of weights (F, C, KH, KW), flat."""

    counting: np.ndarray  #: (F,) bool: which maps count; what follows is empty for the others
    ones: np.ndarray  #: (F, n) bool: inputs that they count
    small: np.ndarray  #: (F, n) bool: those that do not count and may decide
    counted: np.ndarray  #: `ones` as from `maps_last`, uint8
    rows: np.ndarray  #: `small` as rows (map, channel, row, column of the window)
    rest: np.ndarray  #: maps that are summed
    summed: np.ndarray  #: their weights as from `maps_last`


@jit
def split(weight, fast, threshold):
    """The `Parts` of weights (F, C, KH, KW) with their copy from `maps_last`."""
    maps, inputs, shape = len(weight), weight[0].size, fast.shape
    counting, ones = np.zeros(maps, dtype=np.bool_), np.zeros((maps, inputs), dtype=np.bool_)
    small, counted = ones.copy(), aligned(np.zeros(fast.size + CACHE_LINE, np.uint8), CACHE_LINE).reshape(shape)
    for f in range(maps):
        counting[f] = counts(weight[f].reshape(inputs), threshold, ones[f], small[f])
        if counting[f]:
            counted[..., f] = ones[f].reshape(shape[:3])[:, ::-1, ::-1]
        else:
            ones[f], small[f] = False, False
    rest = np.flatnonzero(~counting)
    padded = -(-len(rest) // LANES) * LANES
    raw = np.zeros(fast.size // shape[3] * padded + CACHE_LINE // fast.itemsize, fast.dtype)
    summed = aligned(raw, CACHE_LINE).reshape((*shape[:3], padded))
    for n, f in enumerate(rest):
        summed[..., n] = fast[..., f]
    return Parts(counting, ones, small, counted, np.argwhere(small.reshape(weight.shape)), rest, summed)


@jit
def by_need(times, parts, fast, threshold, pad, bins, pooling):
    """Spike times (N, C, H, W) uint8 -> pooled ones (N, F, H', W') uint8, each map by the kernel that it needs."""
    maps, rest = len(parts.counting), parts.rest
    if parts.summed.shape[3] == fast.shape[3]:  # hardly any map counts: to sum the others costs as much as to sum all
        return by_summing(times, fast, threshold, pad, bins, maps, pooling)
    out = by_counting(times, parts.counted, fast, parts.rows, threshold, pad, bins, maps, pooling)
    if len(rest):
        found = by_summing(times, parts.summed, threshold, pad, bins, len(rest), pooling)
        for n, f in enumerate(rest):
            out[:, f] = found[:, n]
    return out


def _forward(times: Tensor, weight: Tensor, threshold: float, padding: int, bins: int, pooling: Pooling) -> Tensor:
    """Spike times behind the pooling, each map by the kernel that it needs."""
    check_input(times, weight)
    sizes = [size + 2 * padding - weight.shape[-1] + 1 for size in times.shape[2:]]
    pooled = [pooled_size(size, pooling) for size in sizes]
    for window, seen, (height, width), left in ((weight.shape[-1], "input", times.shape[2:], sizes),
                                                (pooling.window, "maps", sizes, pooled)):
        if min(left) < 1:
            raise ValueError(f"a window of {window} is larger than its {seen}, {height} x {width}")
    if not len(times) or np.isinf(threshold):
        return torch.full((len(times), len(weight), *pooled), bins, dtype=torch.uint8)
    inputs, fast = times.contiguous().numpy(), maps_last(weight.numpy())
    parts = split(weight.contiguous().numpy(), fast, float(threshold))
    return torch.from_numpy(by_need(inputs, parts, fast, float(threshold), padding, bins, pooling))


def conv_times(times: Tensor, weight: Tensor, threshold: float, padding: int = 0, bins: int = BINS) -> Tensor:
    """As `layers.conv_times`."""
    return _forward(times, weight, threshold, padding, bins, NONE)


def pooled_times(times: Tensor, weight: Tensor, layer: Layer, bins: int = BINS) -> Tensor:
    """As `layers.pooled_times`."""
    return _forward(times, weight, layer.threshold, layer.padding, bins, Pooling.of(layer))
