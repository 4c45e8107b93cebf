"""The compiled passes of task 2: one image costs one walk over C1's spikes until S3 has decided. Book chapter: 10.

Three things make the walk short. C1's spikes are sorted once for all runs of a seed (`sort_spikes`). Potentials are
32-bit integers, sums of weights in units of 2**-20 (`in_units`): exact in any order, and twice as many at a time as
float64. And no potential can grow by more than one a spike, so as long as the highest potential plus the spikes since
stays at or below the threshold, nobody looks which neuron fires.

The readable rules that this equals, with the same units, are in tests/test_task2.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rstdp.fast.conv import (
    CACHE_LINE,
    add_event,
    aligned,
    geometry,
    jit,
    jit_any_order,
    maximum,
    sort_events,
    unsigned,
)
from rstdp.fast.stdp import ADDITIVE, STDP, changed, update

UNIT = 2.0**20  #: a weight of 1; as fine as MOST_INPUTS allow, it moves a weight by 5e-7 at most
MOST_INPUTS = 2047  #: as many weights of 1 fit into 32 bits


class Spikes(NamedTuple):
    """Spike times of many images, and their spikes in the order of time."""

    times: np.ndarray  #: (N, C, H, W) uint8, `bins` for silent
    events: np.ndarray  #: (spikes of all images,) uint16, the flat index of each input
    starts: np.ndarray  #: (N, bins + 1) int64: events[starts[i, t]:starts[i, t + 1]] are those of image i at time t


class Numbers(NamedTuple):
    """What a task says: thresholds, S3's bounds, whether S2's maps inhibit each other, and S2's padding."""

    threshold2: float
    threshold3: float
    low: float
    high: float
    inhibit: bool
    pad: int


class Layers(NamedTuple):
    """The weights: S2's (maps, C, K, K) float32 with their copy `in_units`, and S3's (classes, maps) float32."""

    s2: np.ndarray
    fast: np.ndarray
    s3: np.ndarray


class Learning(NamedTuple):
    """How the layers learn; without arguments they do not."""

    s2: bool = False  #: whether S2 learns
    s3: bool = False
    rates2: tuple = ((0.0, 0.0), (0.0, 0.0))  #: of S2, (plus, minus) of reward and the same of punishment
    rates3: tuple = ((0.0, 0.0), (0.0, 0.0))
    plain: tuple = (0.0, 0.0)  #: (plus, minus) of STDP in S2, which asks for no signal; (0, 0) where it is R-STDP


def sort_spikes(times: np.ndarray, bins: int) -> Spikes:
    """Sort the spikes of images (N, C, H, W). Raises ValueError where potentials could overflow: above 2,047 inputs."""
    if times[0].size > MOST_INPUTS:
        raise ValueError(f"S2 of task 2 takes up to {MOST_INPUTS} inputs an image, got {times[0].size}")
    return Spikes(times, *_sort(times, bins))


@jit
def _sort(times, bins):
    starts, count = np.empty((len(times), bins + 1), np.int64), 0
    for t in times.reshape(times.size):
        count += t < bins
    events, count = np.empty(count, np.uint16), 0
    some, begin = np.empty(times[0].size, np.int64), np.empty(bins + 1, np.int64)
    for i in range(len(times)):
        sort_events(times[i], bins, some, begin)
        starts[i] = begin + count
        for e in range(begin[bins]):
            events[count + e] = some[e]
        count += begin[bins]
    return events, starts


def in_units(weight: np.ndarray) -> np.ndarray:
    """Weights (F, C, K, K) -> int32 (C, K, K, F) in units of 2**-20, both window axes flipped."""
    return np.ascontiguousarray(np.moveaxis(np.rint(weight * UNIT).astype(np.int32), 0, -1)[:, ::-1, ::-1])


@jit
def inhibited(times, fast, threshold, pad, bins):
    """As `kernels.conv_times`, but only the first map to fire at a position fires, of equals the strongest."""
    sizes, maps, limit = geometry(times, fast, pad), fast.shape[3], threshold * UNIT
    positions, flat = sizes.out_h * sizes.out_w, fast.reshape(fast.size)
    potential = np.empty(positions * maps, np.int32)
    events, starts = np.empty(times[0].size, np.int64), np.empty(bins + 1, np.int64)
    out = np.full((len(times), maps, positions), bins, dtype=np.uint8)
    for i in range(len(times)):
        sort_events(times[i], bins, events, starts)
        potential[:] = 0
        done = np.zeros(positions, dtype=np.bool_)
        for t in range(bins):
            for e in range(starts[t], starts[t + 1]):
                add_event(events[e], sizes, flat, potential)
            for p in range(positions):
                best = p * maps + np.argmax(potential[p * maps:(p + 1) * maps])
                if potential[best] > limit and not done[p]:
                    out[i, best - p * maps, p], done[p] = t, True
    return out.reshape((len(times), maps, sizes.out_h, sizes.out_w))


@jit_any_order
def _peaks(potential, peaks):
    """The highest potential of each map (maps,), from (positions * maps,)."""
    maps, p = unsigned(len(peaks)), unsigned(0)
    peaks[:] = 0
    while p < len(potential):
        for f in range(maps):
            peaks[f] = max(peaks[f], potential[p + f])
        p += maps


@jit
def vote(c2, t, s3, total):
    """The maps of S2 that spike at t raise S3's potentials (classes,); returns the first of the highest."""
    for f in range(len(c2)):
        if c2[f] == t:
            for c in range(len(s3)):
                total[c] += np.float64(s3[c, f])
    return np.argmax(total)


@jit
def respond(spikes, i, sizes, flat, s3, numbers, potential, c2):
    """Image i until S3 decides: (decision, its time, map, position and time of S2's winner).

    The winner is the neuron that fired first, among equals that of the highest potential, then the first; map -1 where
    there is none. c2 (maps,) gets the spike times of C2 so far. flat: S2's weights, `in_units`.
    """
    threshold2, threshold3, inhibit = np.int64(numbers.threshold2 * UNIT), numbers.threshold3, numbers.inhibit
    maps, positions, bins = len(c2), sizes.out_h * sizes.out_w, spikes.starts.shape[1] - 1
    total, done, peaks = np.zeros(len(s3)), np.zeros(positions, dtype=np.bool_), np.empty(maps, np.int32)
    winner, position, when, highest, bound = -1, -1, bins, threshold2, 0
    potential[:] = 0
    c2[:] = bins
    for t in range(bins):
        begin, end = spikes.starts[i, t], spikes.starts[i, t + 1]
        for e in range(begin, end):
            add_event(np.int64(spikes.events[e]), sizes, flat, potential)
        bound += (end - begin) * np.int64(UNIT)
        if bound > threshold2:
            bound = np.int64(maximum(potential))
        if bound <= threshold2:
            continue
        if winner >= 0 and not inhibit:
            _peaks(potential, peaks)
            for f in range(maps):
                c2[f] = min(c2[f], t if peaks[f] > threshold2 else bins)
        else:
            for p in range(positions):
                first, last = 0, maps
                if inhibit:
                    first = np.argmax(potential[p * maps:(p + 1) * maps])
                    last = first if done[p] else first + 1
                    done[p] = done[p] or potential[p * maps + first] > threshold2
                for f in range(first, last):
                    now = np.int64(potential[p * maps + f])
                    if now > threshold2:
                        c2[f] = min(c2[f], t)
                        if when >= t and (now > highest or (now == highest and f < winner)):
                            winner, position, when, highest = f, p, t, now
        decision = vote(c2, t, s3, total)
        if total[decision] > threshold3:
            return decision, t, winner, position, when
        if maximum(c2) < bins:
            break  # all maps have spiked
    return -1, bins, winner, position, when


@jit
def _buffers(spikes, fast, pad):
    """What `respond` writes to: potentials (positions * maps,) from a cache line on, and C2's spike times (maps,)."""
    sizes, maps = geometry(spikes.times, fast, pad), fast.shape[3]
    neurons = sizes.out_h * sizes.out_w * maps
    potential = aligned(np.empty(neurons + CACHE_LINE, np.int32), CACHE_LINE)
    return sizes, potential[:neurons], np.empty(maps, np.int64)


@jit
def show(spikes, shown, targets, layers, learning, numbers):
    """Show the images with indices shown (n,) one by one; returns decisions (n,). targets (n,): 0, 1, -1 for neither.

    layers: `Layers`, which change in place; learning: `Learning`; numbers: `Numbers`.
    """
    sizes, potential, c2 = _buffers(spikes, layers.fast, numbers.pad)
    flat, decisions = layers.fast.reshape(layers.fast.size), np.empty(len(shown), dtype=np.int64)
    for n in range(len(shown)):
        i = shown[n]
        decision, decided, winner, position, when = respond(spikes, i, sizes, flat, layers.s3, numbers, potential, c2)
        decisions[n] = decision
        signal = targets[n] >= 0 and decision >= 0
        outcome = 0 if decision == targets[n] else 1
        if learning.s2 and winner >= 0 and (signal or learning.plain[0] != 0):
            rates = learning.plain if learning.plain[0] != 0 else learning.rates2[outcome]
            update(layers.s2[winner], spikes.times[i], divmod(position, sizes.out_w), when, rates, True, (0.0, 1.0),
                   numbers.pad)
            _refresh(layers.s2[winner], layers.fast[..., winner])
        if learning.s3 and signal:
            _learn_s3(layers.s3[decision], c2, decided, learning.rates3[outcome], numbers)
    return decisions


@jit
def _refresh(weight, fast):
    """Bring one map (C, K, K) of the copy up to date."""
    for c in range(weight.shape[0]):
        for ky in range(weight.shape[1]):
            for kx in range(weight.shape[2]):
                fast[c, -1 - ky, -1 - kx] = np.int32(np.rint(weight[c, ky, kx] * UNIT))


@jit
def _learn_s3(weight, c2, decided, rates, numbers):
    """The deciding neuron of S3: inputs no later than its spike gain, the others lose; bounds 0 and 1 are soft."""
    low, high, rule = np.float32(numbers.low), np.float32(numbers.high), STDP if numbers.low == 0 else ADDITIVE
    for f in range(len(c2)):
        weight[f] = min(max(weight[f] + changed(weight[f], c2[f] <= decided, rates, rule), low), high)


@jit
def show_c2(c2, targets, s3, learning, numbers, bins):
    """As `show`, for C2's spike times (n, maps) of an S2 that does not learn."""
    decisions = np.full(len(c2), -1)
    for n in range(len(c2)):
        total = np.zeros(len(s3))
        for t in range(bins):
            decision = vote(c2[n], t, s3, total)
            if total[decision] > numbers.threshold3:
                decisions[n] = decision
                if learning.s3 and targets[n] >= 0:
                    outcome = 0 if decision == targets[n] else 1
                    _learn_s3(s3[decision], c2[n], t, learning.rates3[outcome], numbers)
                break
    return decisions


@jit
def survey(spikes, shown, fast, numbers):
    """C2's spike times (n, maps) uint8 of the images shown (n,), to the end."""
    sizes, potential, c2 = _buffers(spikes, fast, numbers.pad)
    flat, nobody = fast.reshape(fast.size), np.zeros((1, fast.shape[3]), np.float32)  # decides never
    times = np.empty((len(shown), fast.shape[3]), np.uint8)
    for n in range(len(shown)):
        respond(spikes, shown[n], sizes, flat, nobody, numbers, potential, c2)
        times[n] = c2
    return times


@jit
def first_maps(spikes, shown, fast, numbers):
    """The map of S2 that fires first on the images shown, -1 for none: (n,) int64."""
    sizes, potential, c2 = _buffers(spikes, fast, numbers.pad)
    flat, anybody = fast.reshape(fast.size), np.ones((1, fast.shape[3]), np.float32)  # decides at the first spike
    found = np.empty(len(shown), np.int64)
    at_once = Numbers(numbers.threshold2, 0.0, 0.0, 1.0, numbers.inhibit, numbers.pad)
    for n in range(len(shown)):
        found[n] = respond(spikes, shown[n], sizes, flat, anybody, at_once, potential, c2)[2]
    return found
