"""The encoder, compiled: DoG filters, then normalisation and latency bins in one pass. Twin: `encoding.encode`.

The filters add one tap after the other, row by row, each a fused multiply-add: the order of the oracle's float32
convolution, here on every machine. Of a response only the bin matters, not its exact rank: the local mean comes from a
summed-area table in float64, and a radix sort ranks the positive responses. Where responses at the edge of a bin are
closer than rounding could tell apart, they are computed again as the oracle does (`float32_mean`) and ranked by that.
So the result is that of the three steps in `encoding`, spike by spike.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import types
from numba.extending import intrinsic
from torch import Tensor

from ..encoding import BATCH, BINS, as_images, check_latency, dog_kernels
from .conv import jit

DIGITS = 2048  # of the radix sort: three of them make a float32


@intrinsic
def fused(context, a, b, c):
    """a * b + c of float32 numbers with one rounding, in hardware or, where it has no such step, in the C library."""
    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@jit
def _add_row_of_taps(target, source, taps):
    """target[i] += taps[0] source[i] + taps[1] source[i + 1] + ..., one fused step each; len(taps) is odd."""
    n, first, values = len(target), taps[0], source[:len(target)]
    for i in range(n):
        target[i] = fused(first, values[i], target[i])
    for b in range(1, len(taps), 2):  # in pairs: half the loads and stores of the target
        one, two, left, right = taps[b], taps[b + 1], source[b:b + n], source[b + 1:b + 1 + n]
        for i in range(n):
            target[i] = fused(two, right[i], fused(one, left[i], target[i]))


@jit
def filter_responses(images, kernels, threshold):
    """Images (N, H, W) uint8 through kernels (F, K, K) float32 -> responses (N, F, H, W), 0 under the threshold.

    Blank rows above and below the digit are skipped, and so is the zero padding around the smaller kernels.
    """
    n, height, width = images.shape
    maps, size = kernels.shape[:2]
    pad = size // 2
    stride = width + 2 * pad
    half = np.zeros(maps, dtype=np.int64)
    for f in range(maps):
        for tap in range(size):
            if kernels[f, pad, tap] != 0:
                half[f] = max(half[f], abs(tap - pad))
    out = np.empty((n, maps, height, width), dtype=np.float32)
    pixels, sums = np.zeros((height + 2 * pad) * stride + size, np.float32), np.empty(height * stride, np.float32)
    for i in range(n):
        first, last = height, 0
        for y in range(height):
            for x in range(width):
                # to 0..1 and back, as the oracle's ToTensor does: the same rounding
                pixels[(y + pad) * stride + x + pad] = np.float32(images[i, y, x]) / np.float32(255) * np.float32(255)
                if images[i, y, x]:
                    first, last = min(first, y), y + 1
        for f in range(maps):
            sums[:] = 0
            for dy in range(-half[f], half[f] + 1):
                top, bottom = max(0, first - dy), min(height, last - dy)
                if top < bottom:
                    start = (top + pad + dy) * stride + pad - half[f]
                    _add_row_of_taps(sums[top * stride:bottom * stride], pixels[start:],
                                     kernels[f, pad + dy, pad - half[f]:pad + half[f] + 1])
            for y in range(height):
                for x in range(width):
                    value = sums[y * stride + x]
                    out[i, f, y, x] = value if value >= threshold else np.float32(0)
    return out


@jit
def float32_mean(responses, y, x, radius):
    """Mean of the square around (y, x) of one channel (H, W), zero padded, as a chain of fused multiply-adds.

    A product of float32 numbers is exact in float64, so adding it there and rounding to float32 is one fused step.
    """
    share, total = np.float64(np.float32(1 / (2 * radius + 1) ** 2)), np.float32(0)
    for row in range(max(0, y - radius), min(responses.shape[0], y + radius + 1)):
        for column in range(max(0, x - radius), min(responses.shape[1], x + radius + 1)):
            total = np.float32(np.float64(total) + np.float64(responses[row, column]) * share)
    return total


@jit
def _normalise(responses, radius, table, out):
    """Divide one channel (H, W) by its local mean, up to rounding."""
    height, width = responses.shape
    size = (2 * radius + 1) ** 2
    for y in range(height):
        row = 0.0
        for x in range(width):
            row += responses[y, x]
            table[y + 1, x + 1] = table[y, x + 1] + row
    for y in range(height):
        top, bottom = max(0, y - radius), min(height, y + radius + 1)
        for x in range(width):
            if responses[y, x] > 0:
                left, right = max(0, x - radius), min(width, x + radius + 1)
                total = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
                out[y, x] = responses[y, x] * size / total
            else:
                out[y, x] = 0


@jit
def _sort(keys, order, spare, counts):
    """Order the indices `order` by descending keys (positive float32, as their bits), equal keys in raster order."""
    n = len(order)
    for digit in range(3):
        shift, source, target = 11 * digit, order if digit % 2 == 0 else spare, spare if digit % 2 == 0 else order
        counts[:] = 0
        for i in range(n):
            counts[DIGITS - 1 - ((keys[source[i]] >> shift) & (DIGITS - 1))] += 1
        at = 0
        for d in range(DIGITS):
            at, counts[d] = at + counts[d], at
        for i in range(n):
            d = DIGITS - 1 - ((keys[source[i]] >> shift) & (DIGITS - 1))
            target[counts[d]] = source[i]
            counts[d] += 1
    order[:] = spare[:n]


@jit
def _rank_again(order, first, last, responses, radius):
    """Rank order[first:last] by the oracle's float32 values, equal ones in raster order."""
    height, width = responses.shape[1], responses.shape[2]
    exact = np.empty(last - first, dtype=np.float32)
    for i in range(first, last):
        index = order[i]
        c, place = divmod(index, height * width)
        value = responses[c, place // width, place % width] / float32_mean(
            responses[c], place // width, place % width, radius)
        at = i
        while at > first and (exact[at - 1 - first] < value or (
                exact[at - 1 - first] == value and order[at - 1] > index)):
            exact[at - first], order[at] = exact[at - 1 - first], order[at - 1]
            at -= 1
        exact[at - first], order[at] = value, index


@jit
def latencies(responses, radius, bins, last):
    """Filter responses (N, C, H, W) float32, not negative -> spike times uint8; `bins` means silent.

    radius: of the local normalisation, 0 for none; last: the spikes left over by the division join the last bin.
    """
    n, channels, height, width = responses.shape
    # float32 sums of n numbers, none negative, are off by less than n 2^-24 of their value; twice that for a pair
    closest = 2.2 * (2 * radius + 1) ** 2 * 2.0**-24 if radius else 0.0
    times = np.full(responses.shape, bins, dtype=np.uint8)
    values = np.empty((channels, height, width), dtype=np.float32)
    flat = values.reshape(values.size)
    keys = flat.view(np.uint32)
    table = np.zeros((height + 1, width + 1))
    whole, spare, counts = np.empty(values.size, np.int64), np.empty(values.size, np.int64), np.empty(DIGITS, np.int64)
    for i in range(n):
        for c in range(channels):
            if radius:
                _normalise(responses[i, c], radius, table, values[c])
            else:
                values[c] = responses[i, c]
        positive = 0
        for index in range(values.size):
            whole[positive] = index
            positive += flat[index] > 0
        order = whole[:positive]
        _sort(keys, order, spare, counts)
        per_bin = max(1, positive // bins)
        edge = per_bin
        while edge < positive and edge <= bins * per_bin and radius:
            low = high = edge
            while low > 0 and flat[order[low - 1]] - flat[order[low]] <= closest * flat[order[low - 1]]:
                low -= 1
            while high < positive and flat[order[high - 1]] - flat[order[high]] <= closest * flat[order[high - 1]]:
                high += 1
            if low < edge < high:
                _rank_again(order, low, high, responses[i], radius)
            edge += per_bin
        target = times[i].reshape(values.size)
        for rank in range(positive):
            t = rank // per_bin
            target[order[rank]] = min(t, bins - 1) if last else min(t, bins)
    return times


def encode(images, bins: int = BINS, threshold: float = 50.0, radius: int = 8, remainder: str = "silent",
           scale: str = "maximum") -> Tensor:
    """Images (N, H, W) uint8 -> spike times (N, 6, H, W) uint8, as `encoding.encode`, on the CPU."""
    images, kernels = as_images(images), dog_kernels(scale=scale).numpy()
    check_latency(bins, remainder)
    times = [latencies(filter_responses(part.contiguous().numpy(), kernels, np.float32(threshold)), radius, bins,
                       remainder == "last") for part in images.split(BATCH)]
    empty = np.empty((0, len(kernels), *images.shape[1:]), dtype=np.uint8)
    return torch.from_numpy(np.concatenate([empty, *times]))
