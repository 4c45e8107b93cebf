"""S3, compiled: one winner an image, no threshold. Twins: `competition.Readout`, `learning.rstdp_learner`.

S3 never fires, so only whether an input has spiked matters, and only the largest potential. All potentials are first
screened with weights rounded to 8 bits, summed in integers. Each map's rounding error is bounded, so only neurons whose
screened potential plus bound reaches the exact potential of the front runner can be the winner; those are summed
exactly. A block of images is screened at once, and a map that learns within the block has its bound widened by the
most that its potential can have grown since. Where most inputs spike, the silent ones are summed instead and taken off
the sum over all inputs; in integers that is the same number. Positions at the border see few inputs: where even the
highest weights could not reach the winner they are left out, judged before by what earlier images reached, and
afterwards, exactly, by the winner itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from ..learning import Learner
from ..plasticity import reward_rates
from .conv import CACHE_LINE, aligned, geometry, jit, jit_any_order, maps_last, maximum, reach
from .stdp import ADDITIVE, RULES, update

if TYPE_CHECKING:
    from ..network import Network

BLOCK = 8  # images screened together, so that a weight is fetched once for all of them
GROUP = 32  # channels screened together: their weights fit into the second-level cache


class Search(NamedTuple):
    """What the search for winners needs to know of S3: padding, time steps, and the bounds of its weights."""

    pad: int
    bins: int
    low: float
    high: float


def screening_weights(weight: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (F, C, KH, KW) -> 8-bit copy (C + 1, KH, KW, F'), laid out like `maps_last`, last channel zero.

    The second array (F,) bounds the error of each map: the sum of all its rounding errors.
    """
    exact, step = weight.astype(np.float64), (high - low) / 255
    levels = np.rint((exact - low) * (1 / step))
    error = np.abs(exact - (low + levels * step)).sum(axis=(1, 2, 3))
    return maps_last(np.concatenate([levels, np.zeros_like(levels[:, :1])], axis=1), np.uint8), error


@jit
def _list_inputs(times, bins, events, starts):
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
def _sums_of_all(taps, sizes, out):
    """Sums of 8-bit weights over all inputs of each position: from those of each tap (KH KW,) to out (positions,)."""
    pad, kernel_h, kernel_w = sizes.pad, sizes.kernel_h, sizes.kernel_w
    out[:] = 0
    for row in range(sizes.out_h):
        for column in range(sizes.out_w):
            for ky in range(max(0, pad - row), min(kernel_h, sizes.height + pad - row)):
                for kx in range(max(0, pad - column), min(kernel_w, sizes.width + pad - column)):
                    out[row * sizes.out_w + column] += taps[(kernel_h - 1 - ky) * kernel_w + kernel_w - 1 - kx]


@jit
def _screen(events, starts, sizes, fast, window, total):
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
def _take_off(everything, total):
    flat = everything.reshape(everything.size)
    for i in range(len(total)):
        total[i] = flat[i] - total[i]


@jit
def _empty(part, total):
    for f in range(len(part)):
        total[f] += part[f]
        part[f] = 0


@jit_any_order
def _exact(times, bins, weight, row, column, pad):
    """One potential, summed in float64 over the float32 weights (C, KH, KW) of one map at one position.

    Weights between 0.2 and 0.8 are multiples of 2**-26, so the sum is exact in any order.
    """
    channels, kernel_h, kernel_w = weight.shape
    top, left = row - pad, column - pad
    first_row, last_row = max(0, -top), min(kernel_h, times.shape[1] - top)
    first, last = max(0, -left), min(kernel_w, times.shape[2] - left)
    total = 0.0
    for c in range(channels):
        for ky in range(first_row, last_row):
            for kx in range(first, last):
                total += np.float64(weight[c, ky, kx]) if times[c, top + ky, left + kx] < bins else 0.0
    return total


@jit
def _field_sizes(times, bins, sizes, count):
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
def _contenders(field, ratio, high, out_w):
    """The smallest window of positions (rows and columns, each first and last + 1) outside of which none should win.

    field: (B, positions) how many inputs spike for each; ratio: what a winner's potential should reach at least, as a
    share of the largest field.
    """
    top, bottom, left, right = field.shape[1], 0, out_w, 0
    for b in range(len(field)):
        needed = ratio * field[b].max()
        for p in range(field.shape[1]):
            if high * field[b, p] >= needed:
                row, column = divmod(p, out_w)
                top, bottom = min(top, row), max(bottom, row + 1)
                left, right = min(left, column), max(right, column + 1)
    return top, bottom, left, right


@jit
def _best(total, field, times, sizes, weight, search, step, slack, window):
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
            value = _exact(times, bins, weight[feature], p // out_w, p % out_w, pad)
        skip = feature if turn < 0 else -1
        for f in range(len(upper)):
            if upper[f] >= value and f != skip:
                exact = _exact(times, bins, weight[f], p // out_w, p % out_w, pad)
                if exact > value or (exact == value and (f < feature or (f == feature and p < position))):
                    feature, position, value = f, p, exact
    return feature, position, value


@jit_any_order
def _levels(weight, low, step, out):
    """Round weights to the 8-bit levels low + step * level; returns the sum of the rounding errors."""
    error, scale = 0.0, 1 / step
    for i in range(len(weight)):
        exact = np.float64(weight[i]) - low
        level = np.rint(exact * scale)
        out[i] = np.uint8(level)
        error += abs(exact - step * level)
    return error


@jit
def _requantise(old, new, fast, taps, low, step):
    """Bring the 8-bit copy (C, KH, KW) of one map and its sums over each tap up to date.

    Returns the sum of its rounding errors.
    """
    before, after = np.empty(old.size, dtype=np.uint8), np.empty(old.size, dtype=np.uint8)
    _levels(old.reshape(old.size), low, step, before)
    error = _levels(new.reshape(new.size), low, step, after)
    kernel_h, kernel_w = new.shape[1], new.shape[2]
    for i in range(new.size):
        if after[i] != before[i]:
            c, tap = divmod(i, kernel_h * kernel_w)
            row, column = kernel_h - 1 - tap // kernel_w, kernel_w - 1 - tap % kernel_w
            fast[c, row, column] = after[i]
            taps[row * kernel_w + column] += np.int32(after[i]) - np.int32(before[i])
    return error


@jit
def show(times, labels, classes, weight, fast, error, search, rates, rule):
    """Show the images (N, C, H, W); the one winner of each decides, and learns from reward or punishment.

    labels: (N,), or None where nothing is to be learned. classes: (F, positions), what each neuron stands for. `fast`
    and `error` come from `screening_weights` and are kept up to date. rates: the pairs (plus, minus) of reward and of
    punishment. Returns (N, 2) int64 rows (feature, position); feature -1 where all neurons stayed silent.
    """
    pad, bins, low, high = search.pad, search.bins, search.low, search.high
    n, maps, channels = len(times), len(weight), times.shape[1]
    sizes = geometry(times, fast, pad)
    places, padded, out_w = sizes.height * sizes.width, sizes.maps, sizes.out_w
    positions, cells = sizes.out_h * out_w, -(-channels // GROUP) * places
    step = (high - low) / 255
    record = np.empty((n, 2), dtype=np.int64)
    total = np.empty((BLOCK, positions * padded), dtype=np.int32)
    events = np.empty((BLOCK, channels * places + 4 * cells), dtype=np.int64)
    starts, spikes = np.empty((BLOCK, cells + 1), dtype=np.int64), np.empty(BLOCK, dtype=np.int64)
    field, flat = np.empty((BLOCK, positions), dtype=np.int64), fast.reshape(fast.size)
    slack, silent = np.empty(maps), np.empty(BLOCK, dtype=np.bool_)
    everything = np.zeros((positions, padded), dtype=np.int32)
    taps = np.zeros((maps, sizes.kernel_h * sizes.kernel_w), dtype=np.int32)
    for c in range(channels):
        for tap in range(taps.shape[1]):
            for f in range(maps):
                taps[f, tap] += fast[c, tap // sizes.kernel_w, tap % sizes.kernel_w, f]
    for f in range(maps):
        _sums_of_all(taps[f], sizes, everything[:, f])
    ratio = 0.0
    for start in range(0, n, BLOCK):
        block = times[start:start + BLOCK]
        for b in range(len(block)):
            spikes[b], silent[b] = _list_inputs(block[b], bins, events[b], starts[b])
            _field_sizes(block[b], bins, sizes, field[b])
        window = _contenders(field[:len(block)], ratio - 0.02, high, out_w)
        _screen(events, starts[:len(block)], sizes, flat, window, total)
        for b in range(len(block)):
            if silent[b]:
                _take_off(everything, total[b])
        screened_error, growth = error.copy(), np.zeros(maps)
        for b in range(len(block)):
            for f in range(maps):  # 1e-6: the rounding of the bound itself
                slack[f] = min(screened_error[f], spikes[b] * step / 2) + spikes[b] * growth[f] + 1e-6
            feature, position, value = _best(total[b].reshape((positions, padded)), field[b], block[b], sizes, weight,
                                             search, step, slack, window)
            if feature >= 0:  # quick to fall, slow to rise: a position missed costs more than one screened in vain
                reached = value / field[b].max()
                ratio = min(reached, ratio + 0.05 * (reached - ratio))
            record[start + b, 0], record[start + b, 1] = feature, position
            if labels is not None and feature >= 0:
                plus, minus = rates[0] if classes[feature, position] == labels[start + b] else rates[1]
                old = weight[feature].copy()
                update(weight[feature], block[b], divmod(position, out_w), bins - 1, (plus, minus), rule, (low, high),
                       pad)
                error[feature] = _requantise(old, weight[feature], fast[..., feature], taps[feature], low, step)
                _sums_of_all(taps[feature], sizes, everything[:, feature])
                growth[feature] += max(plus, minus, 0.0) + 2.0**-24  # a weight is rounded to float32 as it grows
    return record


class Readout:
    """As `competition.Readout`."""

    def __init__(self, weight: Tensor, padding: int, bins: int, low: float, high: float):
        self.weight, self.search = weight.numpy(), Search(padding, bins, low, high)
        self.fast, self.error = screening_weights(self.weight, low, high)

    def winners(self, c2: Tensor) -> Tensor:
        return self.show(c2, None, None, ((0.0, 0.0), (0.0, 0.0)), ADDITIVE)

    def show(self, c2: Tensor, labels: np.ndarray | None, classes: np.ndarray | None, rates: tuple,
             rule: int) -> Tensor:
        return torch.from_numpy(show(c2.contiguous().numpy(), labels, classes, self.weight, self.fast, self.error,
                                     self.search, rates, rule))

    def learned(self, feature: int) -> None:
        step = (self.search.high - self.search.low) / 255
        levels = np.empty(self.weight[feature].size, dtype=np.uint8)
        self.error[feature] = _levels(self.weight[feature].reshape(-1), self.search.low, step, levels)
        self.fast[:-1, ..., feature] = levels.reshape(self.weight[feature].shape)[:, ::-1, ::-1]


def rstdp_learner(network: Network, classes: Tensor | None = None) -> Learner:
    """As `learning.rstdp_learner`, for the built-in rules."""
    layer, rule = network.config.s3, RULES[network.rule("s3")]
    readout = cast(Readout, network.readout())

    def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
        stands_for = classes
        if stands_for is None:
            positions = int(np.prod([size + 2 * layer.padding - layer.window + 1 for size in c2.shape[2:]]))
            stands_for = network.decision_map[:, None].expand(-1, positions)
        return readout.show(c2, labels.numpy(), stands_for.contiguous().numpy(), reward_rates(network.config, *phi),
                            rule)

    return learn
