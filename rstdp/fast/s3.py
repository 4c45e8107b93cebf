"""S3, compiled: one winner an image, no threshold. Twins: `competition.Readout`, `learning.rstdp_learner`.

S3 never fires, so only whether an input has spiked matters, and only the largest potential. What cannot be the largest
is ruled out by bounds, and only the rest is summed exactly: `screen` bounds all neurons of an image by sums of 8-bit
weights, `bounds` remembers from one pass to the next which maps are too far behind to be screened at all. A map that
learns while a block of images is shown has its bound widened by the most that its potential can have grown since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from ..learning import Learner
from ..plasticity import reward_rates
from .bounds import Bounds, find, first_rows, fit, may_have_moved, memory, moved, renew, rows_of, too_many
from .conv import Geometry, geometry, jit
from .screen import (
    GROUP,
    LAG,
    NONE,
    Search,
    best,
    contenders,
    field_sizes,
    list_inputs,
    requantise,
    round_map,
    rounded,
    screen,
    sums_of_all,
    take_off,
)
from .stdp import ADDITIVE, RULES, most_changed, update

if TYPE_CHECKING:
    from ..network import Network

BLOCK = 8  # images screened together, so that a weight is fetched once for all of them
AHEAD = 64  # images among which those to be screened together are looked for


class Room(NamedTuple):
    """What `show` works with, made once for any number of calls, and sums that go with the weights."""

    sizes: Geometry
    first: np.ndarray  #: from `first_rows`
    total: np.ndarray  #: (BLOCK, positions F') screened sums
    events: np.ndarray  #: (BLOCK, inputs) and the next three: from `list_inputs`
    starts: np.ndarray
    spikes: np.ndarray
    silent: np.ndarray
    slot: np.ndarray  #: (AHEAD,) where in the block an image is, -1 if it is not to be screened
    field: np.ndarray  #: (AHEAD, positions) how many inputs spike for each
    alone: np.ndarray  #: the spikes of one image, for a map that is summed alone
    sums: np.ndarray  #: (positions,) its sums
    taps: np.ndarray  #: (F, KH KW) sums of the levels over channels
    everything: np.ndarray  #: (positions, F') and over all inputs
    ratio: np.ndarray  #: (1,) what winners reach of the largest field


@jit
def make_room(times, weights, search):
    """The `Room` for images like these (N, C, H, W) and weights as they are."""
    maps, channels, sizes = len(weights.exact), times.shape[1], geometry(times, weights.fast, search.pad)
    places, positions = sizes.height * sizes.width, sizes.out_h * sizes.out_w
    cells = -(-channels // GROUP) * places
    everything = np.zeros((positions, sizes.maps), dtype=np.int32)
    taps = np.zeros((maps, sizes.kernel_h * sizes.kernel_w), dtype=np.int32)
    for c in range(channels):
        for tap in range(taps.shape[1]):
            for f in range(maps):
                taps[f, tap] += weights.fast[c, tap // sizes.kernel_w, tap % sizes.kernel_w, f]
    for f in range(maps):
        sums_of_all(taps[f], sizes, everything[:, f])
    return Room(sizes, first_rows(sizes), np.empty((BLOCK, positions * sizes.maps), dtype=np.int32),
                np.empty((BLOCK, channels * places + 4 * cells), dtype=np.int64),
                np.empty((BLOCK, cells + 1), dtype=np.int64), np.empty(BLOCK, dtype=np.int64),
                np.empty(BLOCK, dtype=np.bool_), np.empty(AHEAD, dtype=np.int64),
                np.empty((AHEAD, positions), dtype=np.int64), np.empty(channels * places + 1, dtype=np.int64),
                np.empty(positions, dtype=np.int32), taps, everything, np.zeros(1))


@jit
def show(times, labels, classes, weights, bounds, search, rates, rule, room):
    """Show the images (N, C, H, W); the one winner of each decides, and learns from reward or punishment.

    labels: (N,), or None where nothing is to be learned. classes: (F, positions), what each neuron stands for. weights:
    `Weights`, changed in place; bounds: `Bounds` of these images, or of none. rates: the pairs (plus, minus) of reward
    and of punishment; room: `Room` for them. Returns (N, 2) int64 rows (feature, position); feature -1 where all
    neurons stayed silent.
    """
    pad, bins, low, high = search.pad, search.bins, search.low, search.high
    n, maps, exact, fast, sizes = len(times), len(weights.exact), weights.exact, weights.fast, room.sizes
    step, bounded, out_w = (high - low) / 255, len(bounds.upper) > 0, sizes.out_w
    record, slack, flat, slot = np.empty((n, 2), np.int64), np.empty(maps), fast.reshape(fast.size), room.slot
    shape, start = (sizes.out_h * out_w, sizes.maps), 0
    bounds.screened[0] = 0
    while start < n:
        stop, block = start, 0
        while stop < min(n, start + AHEAD) and block < BLOCK:
            i = stop - start
            slot[i] = -1
            if not bounded or too_many(stop, bounds, times[stop], weights, search, sizes):
                field_sizes(times[stop], bins, sizes, room.field[i])
                room.spikes[block], room.silent[block] = list_inputs(times[stop], bins, room.events[block],
                                                                     room.starts[block])
                slot[i], block = block, block + 1
            stop += 1
        window = contenders(room.field[:stop - start], slot, room.ratio[0] - 0.02, high, out_w)
        screen(room.events, room.starts[:block], sizes, flat, window, room.total[:block])
        for b in range(block):
            if room.silent[b]:
                take_off(room.everything, room.total[b])
        error, drift, growth, fallen = weights.error.copy(), weights.drift.copy(), np.zeros(maps), bounds.fallen.copy()
        bounds.screened[0] += block
        for i in range(start, stop):
            b, image, seen = slot[i - start], times[i], room.field[i - start]
            if b < 0:
                feature, position = find(i, bounds, image, weights, search, sizes, room.first, seen, room.alone,
                                         room.sums)
            else:
                levels = room.total[b].reshape(shape)
                for f in range(maps):  # 1e-6: the rounding of the bound itself
                    slack[f] = min(error[f], room.spikes[b] * step / 2) + drift[f] + room.spikes[b] * growth[f] + 1e-6
                feature, position, value = best(levels, seen, image, sizes, exact, search, step, slack, window)
                if bounded:
                    renew(bounds, i, levels, seen, room.spikes[b], window, search, error, drift + fallen, sizes,
                          (feature, position, value))
                if feature >= 0:  # quick to fall, slow to rise: a position missed costs more than one screened in vain
                    reached = value / seen.max()
                    room.ratio[0] = min(reached, room.ratio[0] + 0.05 * (reached - room.ratio[0]))
            record[i, 0], record[i, 1] = feature, position
            if labels is not None and feature >= 0:
                plus, minus = rates[0] if classes[feature, position] == labels[i] else rates[1]
                update(exact[feature], image, divmod(position, out_w), bins - 1, (plus, minus), rule, (low, high), pad)
                growth[feature] += max(plus, minus, 0.0) + 2.0**-24  # a weight is rounded to float32 as it grows
                most = exact[feature].size * (most_changed(plus, minus, rule) + 2.0**-24)
                weights.drift[feature] += most
                if weights.drift[feature] > LAG:
                    requantise(weights, feature, room.taps[feature], sizes, search)
                    sums_of_all(room.taps[feature], sizes, room.everything[:, feature])
                    if bounded:
                        moved(bounds, exact, feature)
                elif bounded:
                    may_have_moved(bounds, feature, most)
        start = stop
    return record


class Readout:
    """As `competition.Readout`."""

    def __init__(self, weight: Tensor, padding: int, bins: int, low: float, high: float):
        self.search, self.memory = Search(padding, bins, low, high), memory(weight)
        self.weights, self.size = rounded(weight.numpy(), low, high), (0, 0)  #: of images for `rows` and `room`
        self.room: Room | None = None

    def winners(self, c2: Tensor) -> Tensor:
        return self.show(c2, None, None, ((0.0, 0.0), (0.0, 0.0)), ADDITIVE)

    def show(self, c2: Tensor, labels: np.ndarray | None, classes: np.ndarray | None, rates: tuple,
             rule: int) -> Tensor:
        times, exact, pad = c2.contiguous().numpy(), self.weights.exact, self.search.pad
        if times.shape[2:] != self.size:
            self.weights, self.size, self.room = self.weights._replace(rows=NONE), times.shape[2:], None
        if self.room is None:
            self.room = make_room(times, self.weights, self.search)
        kept = self.memory.find(times, self.search.bins, exact) if fit(exact.shape, pad, *times.shape[2:]) else None
        if kept and not len(self.weights.rows):
            rows = rows_of(self.weights.levels.reshape(exact.shape), pad, *times.shape[2:])
            self.weights = self.weights._replace(rows=rows)
        bounds = kept.bounds if kept and kept.bounds else Bounds.of(0, exact)
        record = show(times, labels, classes, self.weights, bounds, self.search, rates, rule, self.room)
        if kept:
            kept.judge()
        return torch.from_numpy(record)

    def learned(self, feature: int) -> None:
        exact, levels, fast, error, drift, _ = self.weights
        step = (self.search.high - self.search.low) / 255
        error[feature] = round_map(exact[feature].reshape(-1), self.search.low, step, levels[feature])
        drift[feature] = 0.0
        fast[:-1, ..., feature] = levels[feature].reshape(exact.shape[1:])[:, ::-1, ::-1]
        self.weights, self.room = self.weights._replace(rows=NONE), None  # made anew when they are asked for


def rstdp_learner(network: Network, classes: Tensor | None = None, readout: Readout | None = None) -> Learner:
    """As `learning.rstdp_learner`, for the built-in rules."""
    layer, rule = network.config.s3, RULES[network.rule("s3")]
    shown_by = readout or cast(Readout, network.readout())

    def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
        stands_for = classes
        if stands_for is None:
            positions = int(np.prod([size + 2 * layer.padding - layer.window + 1 for size in c2.shape[2:]]))
            stands_for = network.decision_map[:, None].expand(-1, positions)
        return shown_by.show(c2, labels.numpy(), stands_for.contiguous().numpy(), reward_rates(network.config, *phi),
                            rule)

    return learn
