"""Convolution directly on spike times, compiled with numba: what `forward`, `stdp` and `s3` share. Twin:
`layers.final_potentials`.

Why the steps through time may be skipped is derived in the book ("One number per neuron"): a unit that spikes at time
t adds its weights to the potentials around it from t on, so events sorted by time replace one dense convolution per
time step. How sums stay exact is told in `layers`.

Layout (`maps_last`): weights as (C, KH, KW, F), both window axes flipped, feature maps contiguous and padded to a
multiple of 32. One input then adds a contiguous run of weights to a contiguous run of potentials.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..encoding import BINS
from ..layers import GRID, check_input

LANES = 32  # feature maps are padded to a multiple of this many
CACHE_LINE = 64

# Offsets into flat arrays are unsigned where a loop must be vectorised: an index that may be negative is tested for it.
unsigned = np.uint64

jit = njit(cache=True, nogil=True, error_model="numpy")
jit_any_order = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)  # maxima, minima, error bounds


def maps_last(weight: np.ndarray, dtype=None) -> np.ndarray:
    """Weights (F, C, KH, KW) -> flipped (C, KH, KW, F'), F' = F rounded up to a multiple of 32, zero filled.

    dtype: by default that of the weights. float32 holds every float32 weight on the grid: large ones lie on it, small
    ones have few digits left. Half the bytes of float64 are fetched, and what they add up to is float64.
    """
    dtype = dtype or np.result_type(weight.dtype, np.float32)
    maps = len(weight)
    shape = (*weight.shape[1:], -(-maps // LANES) * LANES)
    raw = np.zeros(int(np.prod(shape)) + CACHE_LINE // np.dtype(dtype).itemsize, dtype=dtype)
    padded = aligned(raw, CACHE_LINE).reshape(shape)
    padded[..., :maps] = np.moveaxis(np.rint(weight.astype(np.float64) * GRID) / GRID, 0, -1)[:, ::-1, ::-1]
    return padded


@jit
def aligned(raw, spare):
    """The part of a buffer that starts on a cache line: vector loads that straddle two lines cost twice."""
    skip = (-raw.ctypes.data % spare) // raw.itemsize
    return raw[skip:raw.size - spare // raw.itemsize + skip]


@jit
def sort_events(times, bins, events, starts):
    """Order the spiking inputs of one image (C, H, W) by time: events[starts[t]:starts[t + 1]] spike at t."""
    flat = times.reshape(-1)
    starts[:] = 0
    for t in flat:
        if t < bins:
            starts[t + 1] += 1
    for t in range(bins):
        starts[t + 1] += starts[t]
    fill = starts[:bins].copy()
    for i, t in enumerate(flat):
        if t < bins:
            events[fill[t]] = i
            fill[t] += 1


@jit
def reach(place, width, pad, kernel, out):
    """Outputs reached from an input: (first, last + 1, the output under the first weight of the flipped window)."""
    start = place + pad - kernel + 1
    return max(0, start), min(out, place + pad + 1), start


class Geometry(NamedTuple):
    """Sizes of a convolution: input, window and output, and the number of maps with padding."""

    height: int
    width: int
    pad: int
    kernel_h: int
    kernel_w: int
    out_h: int
    out_w: int
    maps: int


@jit
def geometry(times, weight, pad):
    """The `Geometry` for inputs (..., C, H, W) and weights (C, KH, KW, F')."""
    height, width = times.shape[-2], times.shape[-1]
    kernel_h, kernel_w = weight.shape[1], weight.shape[2]
    return Geometry(height, width, pad, kernel_h, kernel_w, height + 2 * pad - kernel_h + 1,
                    width + 2 * pad - kernel_w + 1, weight.shape[3])


@jit
def add_event(index, sizes, weight, potential, touched=None):
    """Add the weights of one spiking input to the potentials of its projective field and mark it as touched, if asked.

    sizes: `Geometry`; weight and potential are flat views of (C, KH, KW, F') and (positions, F').
    """
    channel, rest = divmod(index, sizes.height * sizes.width)
    y, x = divmod(rest, sizes.width)
    first_row, last_row, top = reach(y, sizes.height, sizes.pad, sizes.kernel_h, sizes.out_h)
    first, last, left = reach(x, sizes.width, sizes.pad, sizes.kernel_w, sizes.out_w)
    run = unsigned((last - first) * sizes.maps)
    for row in range(first_row, last_row):
        a = unsigned((row * sizes.out_w + first) * sizes.maps)
        b = unsigned(((channel * sizes.kernel_h + row - top) * sizes.kernel_w + first - left) * sizes.maps)
        for f in range(run):
            potential[a + f] += weight[b + f]
        if touched is not None:
            for column in range(first, last):
                touched[row * sizes.out_w + column] = True


@jit
def taps_in_time(times, weight, row, column, pad, t, taps):
    """The inputs of one position that have spiked by time t, in the order in which torch's convolution adds them.

    That is by row, column, then channel of the window. times: (C, H, W) of one image; weight: (C, KH, KW, F') as from
    `maps_last`; fills taps with where the weights of these inputs to map 0 lie in the flat weights; returns how many.
    """
    channels, kernel_h, kernel_w, padded = weight.shape
    count = 0
    for ky in range(max(0, pad - row), min(kernel_h, times.shape[1] + pad - row)):
        for kx in range(max(0, pad - column), min(kernel_w, times.shape[2] + pad - column)):
            place = (kernel_h - 1 - ky) * kernel_w + kernel_w - 1 - kx
            for c in range(channels):
                taps[count] = (c * kernel_h * kernel_w + place) * padded
                count += times[c, row - pad + ky, column - pad + kx] <= t
    return count


@jit
def float32_potential(flat, taps, count, feature):
    """The potential of one map as torch's float32 convolution sums it; taps and count from `taps_in_time`."""
    total = np.float32(0)
    for i in range(count):
        total += np.float32(flat[taps[i] + feature])
    return total


@jit
def last_potentials(times, weight, pad, bins, maps):
    """Potentials (N, maps, H', W') float64 after the last step, as read out behind an infinite threshold.

    Position by position, whose sums stay in the first-level cache; four inputs at a time, so that they are fetched and
    stored for every fourth only.
    """
    sizes = geometry(times, weight, pad)
    padded, flat = sizes.maps, weight.reshape(weight.size)
    out = np.empty((len(times), maps, sizes.out_h, sizes.out_w))
    total, taps = np.empty(padded), np.empty(weight.size // padded + 1, dtype=np.int64)
    for i in range(len(times)):
        for row in range(sizes.out_h):
            for column in range(sizes.out_w):
                count = taps_in_time(times[i], weight, row, column, pad, bins - 1, taps)
                total[:] = 0
                for e in range(0, count - 3, 4):
                    w0, w1 = flat[taps[e]:taps[e] + padded], flat[taps[e + 1]:taps[e + 1] + padded]
                    w2, w3 = flat[taps[e + 2]:taps[e + 2] + padded], flat[taps[e + 3]:taps[e + 3] + padded]
                    for f in range(padded):
                        total[f] += (np.float64(w0[f]) + w1[f]) + (np.float64(w2[f]) + w3[f])
                for e in range(count - count % 4, count):
                    for f in range(padded):
                        total[f] += flat[taps[e] + f]
                out[i, :, row, column] = total[:maps]
    return out


@jit_any_order
def maximum(values):
    top = values[0]
    for value in values:
        top = max(top, value)
    return top


def final_potentials(times: Tensor, weight: Tensor, padding: int = 0, bins: int = BINS) -> Tensor:
    """As `layers.final_potentials`."""
    check_input(times, weight)
    return torch.from_numpy(last_potentials(times.contiguous().numpy(), maps_last(weight.numpy()), padding, bins,
                                            len(weight)))
