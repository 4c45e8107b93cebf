"""S3 screened, compiled: potentials of all maps in 8-bit integers, and the exact sums of those that may win.

Weights are rounded to 8 bits and summed in integers. Each map's rounding error is bounded, and by how much its weights
have changed since, so only neurons whose screened potential plus bound reaches the exact potential of the front runner
can be the winner; those are summed exactly. A block of images is screened at once. Where most inputs spike, the silent
ones are summed instead and taken off the sum over all inputs; in integers that is the same number. Positions at the
border see few inputs: where even the highest weights could not reach the winner they are left out, judged before by
what earlier images reached, and afterwards, exactly, by the winner itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .conv import CACHE_LINE, aligned, jit, jit_any_order, maps_last, maximum, reach
from .stdp import in_time

NONE = np.empty((0, 0, 0, 0), np.uint8)  # in place of `rows` that nobody has asked for
LAG = 1.0  # by so much in all may the weights of a map have changed before they are rounded anew
GROUP = 32  # channels screened together: their weights fit into the second-level cache


class Search(NamedTuple):
    """What the search for winners needs to know of S3: padding, time steps, and the bounds of its weights."""

    pad: int
    bins: int
    low: float
    high: float


class Weights(NamedTuple):
    """The weights of S3 and what is kept up to date with them."""

    exact: np.ndarray  #: (F, C, KH, KW) float32
    levels: np.ndarray  #: (F, C KH KW) uint8: low + step * level
    fast: np.ndarray  #: (C + 1, KH, KW, F') the levels, laid out like `maps_last`; the last channel is zero
    error: np.ndarray  #: (F,) the sum of the rounding errors of each map when it was rounded
    drift: np.ndarray  #: (F,) by how much its weights can have changed since, in all
    rows: np.ndarray  #: (F, C, rows, 8 or 16) the levels once more, to sum a map alone: see `bounds`; may be empty


def rounded(weight: np.ndarray, low: float, high: float) -> Weights:
    """Weights (F, C, KH, KW) with their 8-bit copies."""
    maps, size = len(weight), weight[0].size
    levels = np.empty((maps, size), np.uint8)
    error = np.array([round_map(weight[f].reshape(size), low, (high - low) / 255, levels[f]) for f in range(maps)])
    shaped = levels.reshape(weight.shape)
    fast = maps_last(np.concatenate([shaped, np.zeros_like(shaped[:, :1])], axis=1), np.uint8)
    return Weights(weight, levels, fast, error, np.zeros(maps), NONE)


@jit_any_order
def round_map(weight, low, step, levels):
    """Round weights to the 8-bit levels low + step * level; returns the sum of the rounding errors."""
    error, scale = 0.0, 1 / step
    for i in range(len(weight)):
        exact = np.float64(weight[i]) - low
        level = np.rint(exact * scale)
        levels[i] = np.uint8(level)
        error += abs(exact - step * level)
    return error


@jit
def requantise(weights, f, taps, sizes, search):
    """Bring the copies of map f and its sums over each tap (KH KW,) up to date with its weights."""
    before, after = weights.levels[f], np.zeros(weights.levels.shape[1], dtype=np.uint8)
    exact, rows = weights.exact[f].reshape(weights.exact[f].size), weights.rows
    weights.error[f] = round_map(exact, search.low, (search.high - search.low) / 255, after)
    weights.drift[f] = 0.0
    window, bottom, right = sizes.kernel_h * sizes.kernel_w, sizes.height - 1 + sizes.pad, sizes.width - 1 + sizes.pad
    for c in range(weights.exact.shape[1]):
        old, new, differs = before[c * window:(c + 1) * window], after[c * window:(c + 1) * window], np.uint8(0)
        for tap in range(window):
            differs |= new[tap] ^ old[tap]
        if not differs:  # most have not, late in training
            continue
        tap = 0
        for ky in range(sizes.kernel_h):
            for kx in range(sizes.kernel_w):
                if new[tap] != old[tap]:
                    weights.fast[c, sizes.kernel_h - 1 - ky, sizes.kernel_w - 1 - kx, f] = new[tap]
                    taps[window - 1 - tap] += np.int32(new[tap]) - np.int32(old[tap])
                    if len(rows):
                        rows[f, c, bottom - ky, right - kx] = new[tap]
                tap += 1
        old[:] = new


@jit
def list_inputs(times, bins, events, starts):
    """List the inputs (C, H, W) that spike, or those that stay silent where these are fewer, cell by cell.

    A cell is a group of channels at one place; events[starts[cell]:starts[cell + 1]] are its listed channels, filled
    up to a multiple of four with C, the channel of zeros. Returns how many inputs spike, and whether the silent ones
    are listed.
    """
    channels, places = times.shape[0], times.shape[1] * times.shape[2]
    flat = times.reshape((channels, places))
    at, spikes, cell = 0, 0, 0
    for t in times.reshape(times.size):
        spikes += t < bins
    silent = 2 * spikes > times.size
    for low in range(0, channels, GROUP):
        for place in range(places):
            starts[cell] = at
            for c in range(low, min(channels, low + GROUP)):
                events[at] = c
                at += (flat[c, place] < bins) != silent
            while at % 4:
                events[at] = channels
                at += 1
            cell += 1
    starts[cell] = at
    return spikes, silent


@jit
def sums_of_all(taps, sizes, out):
    """Sums of 8-bit weights over all inputs of each position: from those of each tap (KH KW,) to out (positions,)."""
    pad, kernel_h, kernel_w = sizes.pad, sizes.kernel_h, sizes.kernel_w
    out[:] = 0
    for row in range(sizes.out_h):
        for column in range(sizes.out_w):
            for ky in range(max(0, pad - row), min(kernel_h, sizes.height + pad - row)):
                for kx in range(max(0, pad - column), min(kernel_w, sizes.width + pad - column)):
                    out[row * sizes.out_w + column] += taps[(kernel_h - 1 - ky) * kernel_w + kernel_w - 1 - kx]


@jit
def screen(events, starts, sizes, fast, window, total):
    """Sums of 8-bit weights (B, positions F') int32 of a block of images, four spikes from one place at a time.

    window: (first row, last row + 1, first column, last column + 1) of the positions that count; others are not summed.

    Partial sums are 16 bits wide, hence emptied into `total` before 257 spikes could overflow them.
    """
    height, width, pad, kernel_h, kernel_w, out_h, out_w, padded = sizes
    total[:] = 0
    part = aligned(np.zeros(total.shape[1] + CACHE_LINE, np.uint16), CACHE_LINE)[:total.shape[1]]
    stride, places = kernel_h * kernel_w * padded, height * width
    for group in range((starts.shape[1] - 1) // places):
        for b in range(len(starts)):
            waiting = 0
            for place in range(places):
                y, x = divmod(place, width)
                first_row, last_row, top = reach(y, height, pad, kernel_h, out_h)
                first, last, left = reach(x, width, pad, kernel_w, out_w)
                first_row, last_row = max(first_row, window[0]), min(last_row, window[1])
                first, last = max(first, window[2]), min(last, window[3])
                if first >= last:
                    continue
                run = (last - first) * padded
                cell = group * places + place
                if waiting + starts[b, cell + 1] - starts[b, cell] > 257:
                    _empty(part, total[b])
                    waiting = 0
                waiting += starts[b, cell + 1] - starts[b, cell]
                for e in range(starts[b, cell], starts[b, cell + 1], 4):
                    s0, s1 = events[b, e] * stride, events[b, e + 1] * stride
                    s2, s3 = events[b, e + 2] * stride, events[b, e + 3] * stride
                    for row in range(first_row, last_row):
                        a = (row * out_w + first) * padded
                        o = ((row - top) * kernel_w + first - left) * padded
                        target = part[a:a + run]
                        w0, w1 = fast[s0 + o:s0 + o + run], fast[s1 + o:s1 + o + run]
                        w2, w3 = fast[s2 + o:s2 + o + run], fast[s3 + o:s3 + o + run]
                        for f in range(run):
                            target[f] += (w0[f] + w1[f]) + (w2[f] + w3[f])
            _empty(part, total[b])


@jit
def take_off(everything, total):
    flat = everything.reshape(everything.size)
    for i in range(len(total)):
        total[i] = flat[i] - total[i]


@jit
def _empty(part, total):
    for f in range(len(part)):
        total[f] += part[f]
        part[f] = 0


@jit_any_order
def _sum_where(pre, weight):
    total = 0.0
    for i in range(len(pre)):
        total += np.float64(weight[i]) if pre[i] else 0.0
    return total


@jit
def exact_potential(times, bins, weight, row, column, pad):
    """One potential, summed in float64 over the float32 weights (C, KH, KW) of one map at one position.

    Weights between 0.2 and 0.8 are multiples of 2**-26, so the sum is exact in any order.
    """
    pre = in_time(times, row, column, bins - 1, pad, weight.shape)
    return _sum_where(pre.reshape(pre.size), weight.reshape(weight.size))


@jit
def field_sizes(times, bins, sizes, count):
    """How many inputs spike in the receptive field of each output position."""
    height, width, pad, kernel_h, kernel_w, out_h, out_w, _ = sizes
    count[:] = 0
    for y in range(height):
        for x in range(width):
            spikes = 0
            for c in range(len(times)):
                spikes += times[c, y, x] < bins
            for row in range(max(0, y + pad - kernel_h + 1), min(out_h, y + pad + 1)):
                for column in range(max(0, x + pad - kernel_w + 1), min(out_w, x + pad + 1)):
                    count[row * out_w + column] += spikes


@jit
def _upper(total, base, step, slack, upper):
    """Upper bounds of the potentials at one position; returns the largest."""
    for f in range(len(slack)):
        upper[f] = base + step * total[f] + slack[f]
    return maximum(upper)


@jit
def contenders(field, slot, ratio, high, out_w):
    """The smallest window of positions (rows and columns, each first and last + 1) outside of which none should win.

    field: (B, positions) how many inputs spike for each; slot: negative for images that do not count; ratio: what a
    winner's potential should reach at least, as a share of the largest field.
    """
    top, bottom, left, right = field.shape[1], 0, out_w, 0
    for b in range(len(field)):
        if slot[b] < 0:
            continue
        needed = ratio * field[b].max()
        for p in range(field.shape[1]):
            if high * field[b, p] >= needed:
                row, column = divmod(p, out_w)
                top, bottom = min(top, row), max(bottom, row + 1)
                left, right = min(left, column), max(right, column + 1)
    return top, bottom, left, right


@jit
def best(total, field, times, sizes, weight, search, step, slack, window):
    """The neuron with the highest potential as (feature, position, potential); feature -1 where no input spikes.

    total: (positions, F') sums of levels, so that low * field + step * total + slack is an upper bound inside of
    `window`; outside, high * field is one. The first (feature, row, column) wins a tie.
    """
    positions, out_w, pad, bins, low, high = len(total), sizes.out_w, sizes.pad, search.bins, search.low, search.high
    upper, tops, known = np.empty(len(slack)), np.empty(positions), np.empty(positions, dtype=np.bool_)
    front = -1
    for p in range(positions):
        row, column = divmod(p, out_w)
        known[p] = window[0] <= row < window[1] and window[2] <= column < window[3]
        tops[p] = _upper(total[p], low * field[p], step, slack, upper) if known[p] else high * field[p] + 1e-3
        if known[p] and (front < 0 or tops[p] > tops[front]):
            front = p
    feature, position, value = -1, -1, 0.0
    for turn in range(-1, positions):  # the front runner's position first: its exact value rules out most others
        p = front if turn < 0 else turn
        if (turn == front) or tops[p] < value or field[p] == 0:
            continue
        if known[p]:
            _upper(total[p], low * field[p], step, slack, upper)
        else:
            upper[:] = tops[p]
        if turn < 0:
            feature, position = np.argmax(upper), p
            value = exact_potential(times, bins, weight[feature], p // out_w, p % out_w, pad)
        skip = feature if turn < 0 else -1
        for f in range(len(upper)):
            if upper[f] >= value and f != skip:
                exact = exact_potential(times, bins, weight[f], p // out_w, p % out_w, pad)
                if exact > value or (exact == value and (f < feature or (f == feature and p < position))):
                    feature, position, value = f, p, exact
    return feature, position, value
