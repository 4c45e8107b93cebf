"""Local normalisation, compiled: up to rounding everywhere, and exactly where asked for. Twin: `local_normalisation`.

The square around a place is summed in two steps, down and across, each from sums of 4, 16, ... neighbours: in float32,
but in an order of our own. The oracle adds the numbers of a square in raster order; both sums are off by less than as
many 2^-24 of their value as there are numbers, none of which is negative.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import intrinsic

from .conv import jit
from .filters import PLACES


@intrinsic
def _first_bit(context, word):
    """Which is the lowest bit that is set, of a word that is not 0."""
    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), generate


@jit
def _add_up(source, window, step, total, one, two):
    """total[i] = source[i] + source[i + step] + ..., `window` numbers, for every i with all of them in source.

    Sums of 4, 16, 64, ... neighbours, each from four of the size before; a window, which is odd, is put together of
    them like a number of its digits. one, two: room for them.
    """
    n, so_far, now, done, size = len(source) - (window - 1) * step, source, source, 1, 1
    while size <= window:
        for _ in range(window // size % 4 - (size == 1)):
            part = now[done * step:done * step + n]
            for i in range(n):
                total[i] = so_far[i] + part[i]
            so_far, done = total, done + size
        if 4 * size <= window:
            shift = size * step
            b, c, d = now[shift:], now[2 * shift:], now[3 * shift:]
            for i in range(len(d)):
                one[i] = (now[i] + b[i]) + (c[i] + d[i])
            now, one, two = one[:len(d)], two, one
        size *= 4


@jit
def normalised(planes, radius, values, places, room):
    """Positive responses of an image divided by the mean around them, up to rounding, and their places, in the order of
    the image. Returns how many. room: (4, n), n that of the planes."""
    height, width = planes.size
    positive, area, sums, stride = 0, np.float32((2 * radius + 1) ** 2), room[0], planes.stride
    for c in range(len(planes.values)):
        top, bottom = height, 0
        for y in range(height):
            for word in range(planes.reached.shape[2]):
                if planes.reached[c, y, word]:
                    top, bottom = min(top, y), y + 1
        if radius and top < bottom:
            # sums[i] of the square that begins at place i of the frame, which is around place i of the image
            first, framed = top * stride, (bottom + 2 * radius) * stride + radius
            down = room[1, first:bottom * stride + 2 * radius]
            _add_up(planes.values[c, first:framed], 2 * radius + 1, stride, down, room[2], room[3])
            _add_up(down, 2 * radius + 1, 1, sums[first:], room[2], room[3])
        for y in range(top, bottom):
            for word in range(planes.reached.shape[2]):
                bits = planes.reached[c, y, word]
                while bits:
                    x = PLACES * word + np.int64(_first_bit(bits))
                    bits &= bits - np.uint64(1)
                    value = planes.values[c, planes.first + y * stride + x]
                    values[positive] = value * area / sums[y * stride + x] if radius else value
                    places[positive] = (c * height + y) * width + x
                    positive += 1
    return positive


@jit
def exact(planes, radius, place):
    """A response divided by its mean as the oracle has it: a chain of fused multiply-adds.

    A product of float32 numbers is exact in float64, so adding it there and rounding to float32 is one fused step.
    Zeros of the frame add nothing.
    """
    height, width = planes.size
    c, within = divmod(place, height * width)
    y, x = divmod(within, width)
    share, total = np.float64(np.float32(1 / (2 * radius + 1) ** 2)), np.float32(0)
    for row in range(y - radius, y + radius + 1):
        at = planes.first + row * planes.stride + x
        for i in range(at - radius, at + radius + 1):
            total = np.float32(np.float64(total) + np.float64(planes.values[c, i]) * share)
    return planes.values[c, planes.first + y * planes.stride + x] / total
