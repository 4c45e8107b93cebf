"""Learning in S1 and S2, compiled: the search for winners and the update of weights. Book chapters: 03, 04 and 08.

Twins: `competition.find_winners`, `plasticity.stdp` and `additive`, `learning.learn_stdp`. The search ends at the step
that has produced k winners. Layout, grid and events are those of `conv`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from .. import plasticity
from ..competition import Winner
from ..config import Layer
from ..layers import BAND, GRID
from ..learning import OnImages, ignore
from .conv import (
    CACHE_LINE,
    add_event,
    aligned,
    float32_potential,
    geometry,
    jit,
    maps_last,
    maximum,
    sort_events,
    taps_in_time,
    unsigned,
)

if TYPE_CHECKING:
    from ..network import Network

CHUNK = 250  #: images between two calls of `on_images`, that is between two chances to interrupt
ADDITIVE, STDP = range(2)
#: built-in rule -> the branch of `changed` that computes it
RULES: dict[plasticity.Rule, int] = {plasticity.additive: ADDITIVE, plasticity.stdp: STDP}


class Search(NamedTuple):
    """What the search for winners needs to know of a layer."""

    threshold: float
    pad: int
    bins: int
    winners: int
    radius: int
    pointwise: bool

    @classmethod
    def of(cls, layer: Layer, bins: int) -> Search:
        return cls(float(layer.threshold), layer.padding, bins, layer.winners, layer.radius, layer.pointwise)


@jit
def _candidates(potential, touched, search, fired, times, weight, out_w, t, found, taps):
    """Neurons that cross the threshold at time t; with pointwise inhibition only the strongest at its position.

    Writes rows (feature, position, potential) into `found` and returns how many.
    """
    flat, count, threshold, pointwise = weight.reshape(weight.size), 0, search.threshold, search.pointwise
    for p in range(len(touched)):
        if not touched[p]:
            continue
        touched[p] = False
        if pointwise and fired[p, 0]:
            continue
        now = potential[p]
        if maximum(now) <= threshold - BAND:
            continue
        best, active = -1, -1
        for f in range(len(now)):
            if now[f] <= threshold - BAND or (pointwise and best >= 0 and now[f] <= now[best]):
                continue
            if not pointwise and fired[p, f]:
                continue
            if now[f] <= threshold + BAND:
                if active < 0:
                    active = taps_in_time(times, weight, p // out_w, p % out_w, search.pad, t, taps)
                if not float32_potential(flat, taps, active, f) > np.float32(threshold):
                    continue
            best = f
            if not pointwise:
                fired[p, f] = True
                found[count, 0], found[count, 1], found[count, 2] = f, p, now[f]
                count += 1
        if pointwise and best >= 0:
            fired[p, 0] = True
            found[count, 0], found[count, 1], found[count, 2] = best, p, now[best]
            count += 1
    return count


@jit
def winners(times, weight, search):
    """The k winners of one image (C, H, W): earliest spike, then highest potential at that time, then first index.

    No two from one feature map, none within the radius of an earlier winner. search: `Search`. Returns (k, 4) float64
    rows (feature, position, spike time, potential) in the order of winning; feature -1 where there are fewer.
    """
    sizes, k, radius, bins = geometry(times, weight, search.pad), search.winners, search.radius, search.bins
    out_h, out_w, padded = sizes.out_h, sizes.out_w, sizes.maps
    positions = out_h * out_w
    potential = aligned(np.zeros(positions * padded + 8), CACHE_LINE)
    by_position, flat = potential.reshape((positions, padded)), weight.reshape(weight.size)
    touched = np.zeros(positions, dtype=np.bool_)
    fired = np.zeros((positions, 1 if search.pointwise else padded), dtype=np.bool_)
    map_won, blocked = np.zeros(padded, dtype=np.bool_), np.zeros(positions, dtype=np.bool_)
    found, taps = np.empty((fired.size, 3)), np.empty(flat.size // padded + 1, dtype=np.int64)
    events, starts = np.empty(times.size, np.int64), np.empty(bins + 1, np.int64)
    sort_events(times, bins, events, starts)
    result = np.full((k, 4), -1.0)
    won = 0
    for t in range(bins):
        for e in range(starts[t], starts[t + 1]):
            add_event(events[e], sizes, flat, potential, touched)
        count = _candidates(by_position, touched, search, fired, times, weight, out_w, t, found, taps)
        while won < k:
            best, rank = -1, 0
            for c in range(count):
                feature, position = int(found[c, 0]), int(found[c, 1])
                if map_won[feature] or blocked[position]:
                    continue
                index = feature * positions + position
                if best < 0 or found[c, 2] > found[best, 2] or (found[c, 2] == found[best, 2] and index < rank):
                    best, rank = c, index
            if best < 0:
                break
            feature, position = int(found[best, 0]), int(found[best, 1])
            result[won, 0], result[won, 1], result[won, 2], result[won, 3] = feature, position, t, found[best, 2]
            won += 1
            map_won[feature] = True
            row, column = divmod(position, out_w)
            for y in range(max(0, row - radius), min(out_h, row + radius + 1)):
                for x in range(max(0, column - radius), min(out_w, column + radius + 1)):
                    blocked[y * out_w + x] = True
        if won == k:
            break
    return result


@jit
def in_time(times, row, column, when, pad, shape):
    """Which inputs (C, KH, KW) of a receptive field spiked no later than `when`; none outside the image."""
    channels, kernel_h, kernel_w = shape
    height, width, top, left = times.shape[1], times.shape[2], row - pad, column - pad
    first_row, last_row = max(0, -top), min(kernel_h, height - top)
    first, run = max(0, -left), unsigned(max(0, min(kernel_w, width - left) - max(0, -left)))
    pre, flat = np.zeros(channels * kernel_h * kernel_w, dtype=np.bool_), times.reshape(times.size)
    for c in range(channels):
        for ky in range(first_row, last_row):
            a = unsigned((c * kernel_h + ky) * kernel_w + first)
            b = unsigned((c * height + top + ky) * width + left + first)
            for kx in range(run):
                pre[a + kx] = flat[b + kx] <= when
    return pre.reshape(shape)


@jit
def changed(weight, early, rates, rule):
    """What a built-in rule, one of `RULES`, adds to one weight, float32."""
    change = np.float32(rates[0]) if early else np.float32(rates[1])
    return change * (weight * (np.float32(1) - weight)) if rule == STDP else change


@jit
def most_changed(plus, minus, rule):
    """The most that `changed` changes any weight in [0, 1] by, but for its rounding."""
    most = max(abs(plus), abs(minus))
    return most / 4 if rule == STDP else most


@jit
def update(weight, times, place, when, rates, rule, bounds, pad):
    """One feature map learns (chapter 04): inputs no later than `when` change by plus, later and silent ones by minus.

    weight: (C, KH, KW) float32, changed in place; place: (row, column) of the winner; rates: (plus, minus).
    """
    pre = in_time(times, place[0], place[1], when, pad, weight.shape).reshape(weight.size)
    low, high, flat = np.float32(bounds[0]), np.float32(bounds[1]), weight.reshape(weight.size)
    for i in range(len(flat)):
        flat[i] = min(max(flat[i] + changed(flat[i], pre[i], rates, rule), low), high)


@jit
def refresh(weight, fast):
    """Bring the flipped copy (C, KH, KW) of one feature map up to date."""
    for c in range(weight.shape[0]):
        for ky in range(weight.shape[1]):
            for kx in range(weight.shape[2]):
                fast[c, -1 - ky, -1 - kx] = np.rint(np.float64(weight[c, ky, kx]) * GRID) / GRID


@jit
def show(times, weight, fast, search, rates, rule):
    """Show the images (N, C, H, W) one by one; the winners of each learn by STDP. Returns winners (N, k, 4)."""
    out_w = times.shape[3] + 2 * search.pad - weight.shape[3] + 1
    record = np.empty((len(times), search.winners, 4))
    for i in range(len(times)):
        record[i] = winners(times[i], fast, search)
        for j in range(search.winners):
            feature = int(record[i, j, 0])
            if feature < 0:
                break
            update(weight[feature], times[i], divmod(int(record[i, j, 1]), out_w), record[i, j, 2], rates, rule,
                   (0.0, 1.0), search.pad)
            refresh(weight[feature], fast[..., feature])
    return record


def _winners(rows: np.ndarray, layer: Layer, input_width: int) -> list[Winner]:
    """Rows (feature, position, time, potential) of the search as winners."""
    width = input_width + 2 * layer.padding - layer.window + 1
    return [Winner(int(f), int(p) // width, int(p) % width, int(t), v) for f, p, t, v in rows if f >= 0]


def find_winners(image: Tensor, weight: Tensor, layer: Layer, bins: int) -> list[Winner]:
    """As `competition.find_winners`."""
    rows = winners(image.numpy(), maps_last(weight.numpy()), Search.of(layer, bins))
    return _winners(rows, layer, image.shape[2])


def learn_stdp(network: Network, name: str, times: Tensor, rate: plasticity.DoublingRate,
               on_images: OnImages = ignore) -> list[list[Winner]]:
    """As `learning.learn_stdp`, for the built-in rules."""
    layer, weight, record = network.layer(name), network.weights[name].numpy(), []
    fast, search, start = maps_last(weight), Search.of(layer, network.config.bins), 0
    while start < len(times):
        part = times[start:start + min(CHUNK, rate.until_next())]
        found = show(part.contiguous().numpy(), weight, fast, search, (rate.plus, rate.minus),
                     RULES[network.rule(name)])
        record += [_winners(rows, layer, part.shape[3]) for rows in found]
        rate.advance(len(part))
        start += len(part)
        on_images(len(part))
    return record
