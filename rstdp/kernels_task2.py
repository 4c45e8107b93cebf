"""The compiled passes of task 2: one image costs one walk over C1's spikes until S3 has decided. Book chapter: 10.

Events and their order are those of `kernels`, whose grid keeps every sum exact; weights lie as `kernels.maps_last` lays
them out, but without its padding, since S2 may have two maps only.
"""

from __future__ import annotations

import numpy as np

from .kernels import CACHE_LINE, add_event, aligned, geometry, jit, maximum, on_grid, sort_events
from .kernels_stdp import refresh, update


def unpadded(weight: np.ndarray) -> np.ndarray:
    """Weights (F, C, K, K) as `kernels.maps_last` lays them out, without its padding: few maps need few lanes."""
    return np.ascontiguousarray(np.moveaxis(on_grid(weight), 0, -1)[:, ::-1, ::-1])


@jit
def inhibited(times, fast, threshold, pad, bins):
    """As `kernels.conv_times`, but only the first map to fire at a position fires, of equals the strongest."""
    sizes, maps = geometry(times, fast, pad), fast.shape[3]
    positions, flat = sizes[5] * sizes[6], fast.reshape(fast.size)
    potential, touched = np.empty(positions * maps), np.zeros(positions, dtype=np.bool_)
    events, starts = np.empty(times[0].size, np.int64), np.empty(bins + 1, np.int64)
    out = np.full((len(times), maps, positions), bins, dtype=np.uint8)
    for i in range(len(times)):
        sort_events(times[i], bins, events, starts)
        potential[:] = 0
        done = np.zeros(positions, dtype=np.bool_)
        for t in range(bins):
            for e in range(starts[t], starts[t + 1]):
                add_event(events[e], sizes, flat, potential, touched)
            for p in range(positions):
                if touched[p] and not done[p]:
                    best = np.argmax(potential[p * maps:(p + 1) * maps])
                    if potential[p * maps + best] > threshold:
                        out[i, best, p], done[p] = t, True
                touched[p] = False
    return out.reshape((len(times), maps, sizes[5], sizes[6]))


@jit
def respond(times, fast, s3, threshold2, threshold3, inhibit, pad, bins, events, starts, potential, touched, c2):
    """One image, C1's times (C, H, W), until S3 decides: (decision, its time, map, position and time of S2's winner).

    The winner is the neuron that fired first, among equals that of the highest potential, then the first; map -1 where
    there is none. c2 (maps,) gets the spike times of C2 so far. fast: S2's weights, `unpadded`.
    """
    sizes, maps = geometry(times, fast, pad), len(c2)
    positions, flat = sizes[5] * sizes[6], fast.reshape(fast.size)
    total, done = np.zeros(len(s3)), np.zeros(positions, dtype=np.bool_)
    winner, position, when, highest = -1, -1, bins, 0.0
    potential[:] = 0
    c2[:] = bins
    sort_events(times, bins, events, starts)
    for t in range(bins):
        for e in range(starts[t], starts[t + 1]):
            add_event(events[e], sizes, flat, potential, touched)
        for p in range(positions):
            now = potential[p * maps:(p + 1) * maps]
            if not touched[p] or done[p] or maximum(now) <= threshold2:
                touched[p] = False
                continue
            touched[p], done[p], best = False, inhibit, np.argmax(now)
            for f in range(maps):
                if now[f] > threshold2 and (f == best or not inhibit):
                    c2[f] = min(c2[f], t)
            if when >= t and (now[best] > highest or (now[best] == highest and best < winner)):
                winner, position, when, highest = best, p, t, now[best]
        for f in range(maps):
            if c2[f] == t:
                for c in range(len(s3)):
                    total[c] += np.float64(s3[c, f])
        decision = np.argmax(total)
        if total[decision] > threshold3:
            return decision, t, winner, position, when
    return -1, bins, winner, position, when


@jit
def show(times, targets, s2, fast, s3, rates2, rates3, plain, learns, numbers, pad, bins):
    """Show images (N, C, H, W) one by one; returns decisions (N,). targets (N,): 0 or 1, -1 for distractors.

    rates2, rates3: ((plus, minus) of reward, the same of punishment), and `plain` = (plus, minus) of STDP in S2, which
    asks for no signal; (0, 0) where S2 learns by R-STDP. learns: whether (S2, S3) learn at all.
    """
    threshold2, threshold3, low, high, inhibit = numbers
    maps, width = len(s2), times.shape[3] + 2 * pad - s2.shape[3] + 1
    positions = width * (times.shape[2] + 2 * pad - s2.shape[2] + 1)
    events, starts = np.empty(times[0].size, np.int64), np.empty(bins + 1, np.int64)
    potential = aligned(np.empty(positions * maps + 8), CACHE_LINE)[:positions * maps]
    touched, c2 = np.zeros(positions, dtype=np.bool_), np.empty(maps, dtype=np.int64)
    decisions = np.empty(len(times), dtype=np.int64)
    for i in range(len(times)):
        decision, decided, winner, position, when = respond(times[i], fast, s3, threshold2, threshold3,
                                                            inhibit, pad, bins, events, starts, potential, touched, c2)
        decisions[i] = decision
        signal = targets[i] >= 0 and decision >= 0
        outcome = 0 if decision == targets[i] else 1
        if learns[0] and winner >= 0 and (signal or plain[0] != 0):
            plus, minus = plain if plain[0] != 0 else rates2[outcome]
            row, column = divmod(position, width)
            update(s2[winner], times[i], row, column, when, plus, minus, True, 0.0, 1.0, pad)
            refresh(s2[winner], fast[..., winner])
        if learns[1] and signal:
            plus, minus = rates3[outcome]
            for f in range(maps):
                change = np.float32(plus if c2[f] <= decided else minus)
                if low == 0:
                    change *= s3[decision, f] * (np.float32(1) - s3[decision, f])
                s3[decision, f] = min(max(s3[decision, f] + change, np.float32(low)), np.float32(high))
    return decisions


@jit
def first_maps(times, fast, threshold2, inhibit, pad, bins):
    """The map of S2 that fires first on each image (N, C, H, W), -1 for none: (N,) int64."""
    sizes, maps = geometry(times, fast, pad), fast.shape[3]
    positions, ones = sizes[5] * sizes[6], np.ones((1, maps), dtype=np.float32)
    events, starts = np.empty(times[0].size, np.int64), np.empty(bins + 1, np.int64)
    potential, touched = np.empty(positions * maps), np.zeros(positions, dtype=np.bool_)
    c2, found = np.empty(maps, dtype=np.int64), np.empty(len(times), dtype=np.int64)
    for i in range(len(times)):
        found[i] = respond(times[i], fast, ones, threshold2, 0.0, inhibit, pad, bins, events, starts, potential,
                           touched, c2)[2]
    return found
