"""DoG filters, compiled: an on-centre and an off-centre filter meet 32 neighbouring places at once.

One tap after the other is added, row by row, each by a fused multiply-add: the order of the oracle's float32
convolution, here on every machine. An order that is fixed leaves one freedom, which places and filters share a step:
a tap of both filters is fetched once, the pixels under it once, and the 64 sums stay in the processor's registers from
the first tap to the last. A compiler does not find that in a loop, so `_respond_at` says it in LLVM's own words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .conv import jit

PLACES, LANES = 32, 8  # places that share a step, and how many of them one register of the processor holds
TINY = np.nextafter(np.float32(0), np.float32(1))  # what is not above 0 is no response
FLOATS, INTEGER, INDEX = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64), ir.IntType(32)


class Filters(NamedTuple):
    """Pairs of filters as `respond` takes them."""

    taps: np.ndarray  #: (pairs, K K 2) float32: row by row, on and off side by side, zeros around small ones left out
    half: np.ndarray  #: (pairs,) how far a window reaches to each side
    threshold: np.float32  #: responses under it are dropped

    @classmethod
    def of(cls, kernels: np.ndarray, threshold: float) -> Filters:
        """kernels (F, K, K) float32, on and off in turn, zero padded to one size."""
        pairs, size = len(kernels) // 2, kernels.shape[-1]
        taps, half = np.zeros((pairs, size * size * 2), np.float32), np.zeros(pairs, np.int64)
        for pair, both in enumerate(kernels.reshape(pairs, 2, size, size)):
            half[pair] = np.abs(np.argwhere(both.any(0)) - size // 2).max(initial=0)
            inside = slice(size // 2 - half[pair], size // 2 + half[pair] + 1)
            window = np.moveaxis(both[:, inside, inside], 0, -1).ravel()
            taps[pair, :len(window)] = window
        return cls(taps, half, np.maximum(np.float32(threshold), TINY))


class Planes(NamedTuple):
    """Responses of one image, each channel flat and framed in zeros, so that a square around any place lies inside."""

    values: np.ndarray  #: (C, n) float32
    reached: np.ndarray  #: (C, H, ceil(W / 32)) uint64: bit i of word w is set where place 32 w + i has a response
    size: tuple[int, int]  #: (H, W)
    stride: int  #: from a row to the next; the zeros between two rows belong to both
    first: int  #: where place (0, 0) lies


def _build_sums(builder, taps, pixels, place, stride, size, rows):
    """Code for the sums of both filters at 32 places from `place` on: registers by (filter, which eight places)."""
    def constant(number):
        return ir.Constant(INTEGER, number)

    zero = ir.Constant(FLOATS, [0.0] * LANES)
    step = ir.FunctionType(FLOATS, [FLOATS] * 3)
    fused = cgutils.get_or_insert_function(builder.module, step, f"llvm.fma.v{LANES}f32")
    sums = {(kind, part): cgutils.alloca_once(builder, FLOATS) for part in range(PLACES // LANES) for kind in (0, 1)}
    for each in sums.values():
        builder.store(zero, each)
    with cgutils.for_range_slice(builder, *rows, constant(1)) as (row, _):
        start, tap = builder.add(place, builder.mul(row, stride)), builder.mul(row, size)
        with cgutils.for_range(builder, size) as column:
            at = builder.mul(builder.add(tap, column.index), constant(2))
            weights = [_everywhere(builder, builder.load(builder.gep(taps, [builder.add(at, constant(kind))])))
                       for kind in (0, 1)]
            under = builder.bitcast(builder.gep(pixels, [builder.add(start, column.index)]), FLOATS.as_pointer())
            for (kind, part), total in sums.items():
                pixel = builder.load(builder.gep(under, [constant(part)]), align=4)
                builder.store(builder.call(fused, [weights[kind], pixel, builder.load(total)]), total)
    return {key: builder.load(total) for key, total in sums.items()}


def _everywhere(builder, value):
    """A number in every lane of a register."""
    nothing = ir.Constant(FLOATS, ir.Undefined)
    return builder.shuffle_vector(builder.insert_element(nothing, value, ir.Constant(INDEX, 0)), nothing,
                                  ir.Constant(ir.VectorType(INDEX, LANES), [0] * LANES))


@intrinsic
def _respond_at(context, values, on, off, pixels, place, stride, taps, tap, size, first, last, threshold):
    """Responses of a pair of filters at 32 places, 0 under the threshold, from values[on] and values[off] on.

    The filters begin at taps[tap], the window of the first place at pixels[place], its rows `stride` apart; of its
    `size` rows only first to last - 1 are added, the others see blank pixels. Returns which places reach
    the threshold: on in the low 32 bits. All arrays are flat.
    """
    def generate(context, builder, signature, arguments):
        values, pixels, taps = (context.make_array(signature.args[i])(context, builder, arguments[i]).data
                                for i in (0, 3, 6))
        places, (place, stride, tap, size), rows = arguments[1:3], (arguments[i] for i in (4, 5, 7, 8)), arguments[9:11]
        sums = _build_sums(builder, builder.gep(taps, [tap]), pixels, place, stride, size, rows)
        limit, zero = _everywhere(builder, arguments[11]), ir.Constant(FLOATS, [0.0] * LANES)
        word = ir.Constant(INTEGER, 0)
        for (kind, part), total in sums.items():
            reached = builder.fcmp_ordered(">=", total, limit)
            begin = builder.bitcast(builder.gep(values, [places[kind]]), FLOATS.as_pointer())
            target = builder.gep(begin, [ir.Constant(INTEGER, part)])
            builder.store(builder.select(reached, total, zero), target, align=4)
            bits = builder.zext(builder.bitcast(reached, ir.IntType(LANES)), INTEGER)
            word = builder.or_(word, builder.shl(bits, ir.Constant(INTEGER, PLACES * kind + LANES * part)))
        return word

    number = types.int64
    return types.uint64(values, number, number, pixels, number, number, taps, *[number] * 4, types.float32), generate


@jit
def empty_planes(channels, height, width, frame):
    """Room for the responses of one image, `frame` zeros around them."""
    stride = width + frame
    values = np.zeros((channels, (height + 2 * frame) * stride + frame + PLACES), np.float32)
    reached = np.zeros((channels, height, -(-width // PLACES)), np.uint64)
    return Planes(values, reached, (height, width), stride, frame * stride + frame)


@jit
def framed(image, pad, pixels):
    """Grey levels (H, W) 0..255 into flat `pixels`, `pad` zeros around them; the first row with ink and the one after
    the last. To 0..1 and back, as the oracle's ToTensor does: the same rounding."""
    height, width = image.shape
    first, last = height, 0
    for y in range(height):
        row, ink = pixels[(y + pad) * (width + 2 * pad) + pad:], False
        for x in range(width):
            row[x] = np.float32(image[y, x]) / np.float32(255) * np.float32(255)
            ink |= image[y, x] > 0
        if ink:
            first, last = min(first, y), y + 1
    return first, last


@jit
def respond(image, filters, pixels, planes):
    """An image (H, W) through all filters, to `planes`. pixels: room for it, (H + 2 pad) (W + 2 pad) + 32 zeros."""
    height, width = image.shape
    pad = filters.half.max()
    wide, words = width + 2 * pad, planes.reached.shape[2]
    first, last = framed(image, pad, pixels)
    values, taps = planes.values.reshape(planes.values.size), filters.taps.reshape(filters.taps.size)
    for pair in range(len(filters.half)):
        half = filters.half[pair]
        on, off = (2 * pair) * planes.values.shape[1], (2 * pair + 1) * planes.values.shape[1]
        for y in range(height):
            # where no row of the window meets ink the sums stay 0
            top, bottom = max(0, first - y + half), max(0, min(2 * half + 1, last - y + half))
            row, place = planes.first + y * planes.stride, (y - half + pad) * wide + pad - half
            for word in range(words):
                left = PLACES * word
                bits = _respond_at(values, on + row + left, off + row + left, pixels, place + left, wide, taps,
                                   pair * filters.taps.shape[1], 2 * half + 1, top, bottom, filters.threshold)
                inside = (np.uint64(1) << np.uint64(min(PLACES, width - left))) - np.uint64(1)
                planes.reached[2 * pair, y, word] = bits & inside
                planes.reached[2 * pair + 1, y, word] = (bits >> np.uint64(PLACES)) & inside
            for x in range(row + width, row + PLACES * words):  # beyond the image; the next row comes later
                values[on + x] = values[off + x] = 0
