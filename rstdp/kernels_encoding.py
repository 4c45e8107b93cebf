"""The fast path of the encoder: local normalisation and latency bins in one pass, compiled with numba.

Only the bin of a response matters, not its exact rank. The local mean comes from a summed-area table in float64, and a
radix sort ranks the positive responses. Where responses at the edge of a bin are closer than rounding could tell apart,
they are computed again as the oracle's float32 convolution does (`float32_mean`) and ranked by that; so the result is
that of `encoding.local_normalisation` and `encoding.intensity_to_latency`, spike by spike.
"""

from __future__ import annotations

import numpy as np

from .kernels import jit

DIGITS = 2048  # of the radix sort: three of them make a float32


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
