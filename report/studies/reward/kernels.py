"""The compiled passes of these variants, built from the kernels of the layers; exactness and layout are theirs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rstdp.fast import s3
from rstdp.fast.bounds import Bounds
from rstdp.fast.conv import (
    CACHE_LINE,
    add_event,
    aligned,
    float32_potential,
    geometry,
    jit,
    maximum,
    sort_events,
    taps_in_time,
)
from rstdp.fast.forward import Pooling, by_need, counts, split
from rstdp.fast.screen import Weights, exact_potential, requantise
from rstdp.fast.stdp import Search, refresh, update, winners
from rstdp.layers import BAND

MOST = 257  # levels of 8 bits that a sum of 16 bits has room for


class Two(NamedTuple):
    """S2: weights (F, C, KH, KW) with their copy from `maps_last`, search for winners, pooling, and how it learns."""

    weight: np.ndarray
    fast: np.ndarray
    search: Search
    pooling: Pooling
    factor: float  #: its rates of R-STDP as a multiple of S3's
    rule: int  #: one of `rstdp.fast.RULES`


class Three(NamedTuple):
    """S3: weights, search, bounds of no images, and how it learns."""

    weights: Weights
    search: s3.Search
    bounds: Bounds
    rule: int


@jit
def fires(image, weight, potential, threshold, row, column, t, pad):
    """Whether a neuron of potential `potential` at time t is above the threshold; near it the float32 sum decides.
    weight: (C, KH, KW) of its map."""
    if abs(potential - threshold) > BAND:
        return potential > threshold
    taps, flipped = np.empty(weight.size, np.int64), weight[:, ::-1, ::-1].copy()
    count = taps_in_time(image, flipped.reshape((*weight.shape, 1)), row, column, pad, t, taps)
    return float32_potential(flipped.reshape(weight.size), taps, count, 0) > np.float32(threshold)


@jit
def first_spike(image, weights, search, threshold, part, total, events, starts):
    """The first neuron of S3 to fire at one image (C, H, W), of equals that of the highest potential, then of the first
    index: (feature, position, time); feature -1 where none fires.

    weights: `Weights`, their levels counted from zero (search.low); part, total: room for 16-bit and 32-bit sums
    (positions F'); events, starts: for `sort_events`. Screened: only neurons whose sum of 8-bit weights, with what
    rounding can have taken off it, reaches the threshold are summed exactly.
    """
    pad, step, sizes = search.pad, search.high / 255, geometry(image, weights.fast, search.pad)
    maps, flat, slack = len(weights.exact), weights.fast.reshape(weights.fast.size), np.empty(len(weights.exact))
    shaped = total.reshape((sizes.out_h * sizes.out_w, sizes.maps))
    sort_events(image, search.bins, events, starts)
    total[:] = 0
    for t in range(search.bins):
        for first in range(starts[t], starts[t + 1], MOST):
            part[:] = 0
            for e in range(first, min(first + MOST, starts[t + 1])):
                add_event(events[e], sizes, flat, part)
            for n in range(len(total)):
                total[n] += part[n]
        for f in range(maps):
            slack[f] = min(weights.error[f], starts[t + 1] * step / 2) + BAND
        most, feature, position, value = slack.max(), -1, -1, 0.0
        for p in range(len(shaped)):
            if step * maximum(shaped[p]) + most < threshold:
                continue
            row, column = divmod(p, sizes.out_w)
            for f in range(maps):
                upper = step * shaped[p, f] + slack[f]
                if upper < threshold or upper < value:
                    continue
                exact = exact_potential(image, t + 1, weights.exact[f], row, column, pad)
                if exact < value or (exact == value and f >= feature):
                    continue
                if fires(image, weights.exact[f], exact, threshold, row, column, t, pad):
                    feature, position, value = f, p, exact
        if feature >= 0:
            return feature, position, t
    return -1, -1, search.bins


@jit
def show_first_spike(times, labels, decision_map, threshold, three, low, rates):
    """Show images (N, C, H, W); the earliest neuron of each decides, of equals that of highest potential, and learns.

    Inputs are "in time" where they spiked no later than the winner. labels: (N,), or None where nothing is to be
    learned; low: lower bound of the weights; rates: the pairs (plus, minus) of reward and of punishment. Returns (N, 2)
    int64 rows (feature, position); feature -1 where no neuron reached the threshold.
    """
    weights, search, record = three.weights, three.search, np.empty((len(times), 2), dtype=np.int64)
    sizes = geometry(times, weights.fast, search.pad)
    neurons, taps = sizes.out_h * sizes.out_w * sizes.maps, np.zeros(sizes.kernel_h * sizes.kernel_w, np.int32)
    part, total = aligned(np.empty(neurons + CACHE_LINE, np.uint16), CACHE_LINE)[:neurons], np.empty(neurons, np.int32)
    events, starts = np.empty(times[0].size, np.int64), np.empty(search.bins + 1, np.int64)
    for i in range(len(times)):
        feature, position, when = first_spike(times[i], weights, search, threshold, part, total, events, starts)
        record[i, 0], record[i, 1] = feature, position
        if labels is not None and feature >= 0:
            signal = rates[0] if decision_map[feature] == labels[i] else rates[1]
            update(weights.exact[feature], times[i], divmod(position, sizes.out_w), when, signal, three.rule,
                   (low, search.high), search.pad)
            requantise(weights, feature, taps, sizes, search)
    return record


@jit
def keeps_its_part(parts, weight, fast, f, threshold):
    """Whether map f of S2 (F, C, KH, KW), which has learned, still belongs where it does in `Parts`; a sum's weights
    follow."""
    inputs = parts.ones.shape[1]
    ones, small = np.empty(inputs, np.bool_), np.empty(inputs, np.bool_)
    if counts(weight[f].reshape(inputs), threshold, ones, small):
        return np.array_equal(ones, parts.ones[f]) and np.array_equal(small, parts.small[f])
    if not parts.counting[f]:
        parts.summed[..., np.searchsorted(parts.rest, f)] = fast[..., f]
    return not parts.counting[f]


@jit
def show_both(times, labels, decision_map, two, three, rates):
    """Show C1's spike times (N, C, H, W) image by image: S3 decides by its highest potential, and both layers learn.

    S2's winners are those of STDP. rates: as above. Returns S3's winners (N, 2), feature -1 where silent.

    S3 asks only whether a cell of C2 has spiked. Potentials never fall, nor do their float32 sums, so one step in which
    all inputs spike together tells.
    """
    search, threshold, record = two.search, two.search.threshold, np.empty((len(times), 2), dtype=np.int64)
    width2, parts = times.shape[3] + 2 * search.pad - two.weight.shape[3] + 1, split(two.weight, two.fast, threshold)
    none = by_need(times[:0], parts, two.fast, threshold, search.pad, 1, two.pooling)
    room = s3.make_room(none, three.weights, three.search)
    positions = room.sizes.out_h * room.sizes.out_w
    classes = np.repeat(decision_map, positions).reshape((len(decision_map), positions))
    for i in range(len(times)):
        together = (times[i:i + 1] >= search.bins).astype(np.uint8)
        c2 = by_need(together, parts, two.fast, threshold, search.pad, 1, two.pooling)
        record[i:i + 1] = s3.show(c2, labels[i:i + 1], classes, three.weights, three.bounds, three.search, rates,
                                  three.rule, room)
        feature, position = record[i]
        if feature < 0:
            continue
        plus, minus = rates[0] if classes[feature, position] == labels[i] else rates[1]
        kept = True
        for found in winners(times[i], two.fast, search):
            if found[0] >= 0:
                map2, place = int(found[0]), divmod(int(found[1]), width2)
                update(two.weight[map2], times[i], place, found[2], (two.factor * plus, two.factor * minus), two.rule,
                       (0.0, 1.0), search.pad)
                refresh(two.weight[map2], two.fast[..., map2])
                kept = keeps_its_part(parts, two.weight, two.fast, map2, threshold) and kept
        if not kept:
            parts = split(two.weight, two.fast, threshold)
    return record
