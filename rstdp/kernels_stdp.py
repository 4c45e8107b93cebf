"""The fast path of learning in S1 and S2: the search for winners and the update of weights, compiled with numba.

Layout, grid and events are those of `kernels`; how exactness is kept is told there. The search ends at the step that
has produced k winners. Book chapters: 03, 04 and 08; readable twins: `competition.k_winners` and `plasticity.stdp`.
"""

from __future__ import annotations

import numpy as np

from .kernels import (
    BAND,
    CACHE_LINE,
    GRID,
    add_event,
    aligned,
    float32_potential,
    geometry,
    jit,
    maximum,
    sort_events,
    taps_in_time,
)


@jit
def _candidates(potential, touched, threshold, pointwise, fired, times, weight, out_w, pad, t, found, taps):
    """Neurons that cross the threshold at time t; with pointwise inhibition only the strongest at its position.

    Writes rows (feature, position, potential) into `found` and returns how many.
    """
    flat, count = weight.reshape(weight.size), 0
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
                    active = taps_in_time(times, weight, p // out_w, p % out_w, pad, t, taps)
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
def winners(times, weight, threshold, pad, bins, k, radius, pointwise):
    """The k winners of one image (C, H, W): earliest spike, then highest potential at that time, then first index.

    No two from one feature map, none within `radius` of an earlier winner. Returns (k, 4) float64 rows
    (feature, position, spike time, potential) in the order of winning; feature -1 where there are fewer.
    """
    sizes = geometry(times, weight, pad)
    out_h, out_w, padded = sizes[5], sizes[6], sizes[7]
    positions = out_h * out_w
    potential = aligned(np.zeros(positions * padded + 8), CACHE_LINE)
    by_position, flat = potential.reshape((positions, padded)), weight.reshape(weight.size)
    touched = np.zeros(positions, dtype=np.bool_)
    fired = np.zeros((positions, 1 if pointwise else padded), dtype=np.bool_)
    map_won, blocked = np.zeros(padded, dtype=np.bool_), np.zeros(positions, dtype=np.bool_)
    found, taps = np.empty((fired.size, 3)), np.empty(flat.size // padded + 1, dtype=np.int64)
    events, starts = np.empty(times.size, np.int64), np.empty(bins + 1, np.int64)
    sort_events(times, bins, events, starts)
    result = np.full((k, 4), -1.0)
    won = 0
    for t in range(bins):
        for e in range(starts[t], starts[t + 1]):
            add_event(events[e], sizes, flat, potential, touched)
        count = _candidates(by_position, touched, threshold, pointwise, fired, times, weight, out_w, pad, t, found,
                            taps)
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
    top, left = row - pad, column - pad
    pre = np.zeros(shape, dtype=np.bool_)
    for c in range(channels):
        for ky in range(max(0, -top), min(kernel_h, times.shape[1] - top)):
            for kx in range(max(0, -left), min(kernel_w, times.shape[2] - left)):
                pre[c, ky, kx] = times[c, top + ky, left + kx] <= when
    return pre


@jit
def update(weight, times, row, column, when, plus, minus, stabilise, low, high, pad):
    """One feature map learns (chapter 04): inputs no later than `when` gain, later and silent ones lose.

    weight: (C, KH, KW) float32, changed in place.
    """
    pre = in_time(times, row, column, when, pad, weight.shape).reshape(weight.size)
    plus, minus, low, high = np.float32(plus), np.float32(minus), np.float32(low), np.float32(high)
    flat = weight.reshape(weight.size)
    for i in range(len(flat)):
        change = plus if pre[i] else minus
        if stabilise:
            change = change * ((flat[i] - low) * (high - flat[i]))
        flat[i] = min(max(flat[i] + change, low), high)


@jit
def refresh(weight, fast):
    """Bring the flipped copy (C, KH, KW) of one feature map up to date."""
    for c in range(weight.shape[0]):
        for ky in range(weight.shape[1]):
            for kx in range(weight.shape[2]):
                fast[c, -1 - ky, -1 - kx] = np.rint(np.float64(weight[c, ky, kx]) * GRID) / GRID


@jit
def learn_stdp(times, weight, fast, threshold, pad, bins, k, radius, pointwise, plus, minus, low, high):
    """Show the images (N, C, H, W) one by one; the winners of each learn by STDP. Returns winners (N, k, 4)."""
    out_w = times.shape[3] + 2 * pad - weight.shape[3] + 1
    record = np.empty((len(times), k, 4))
    for i in range(len(times)):
        record[i] = winners(times[i], fast, threshold, pad, bins, k, radius, pointwise)
        for j in range(k):
            feature = int(record[i, j, 0])
            if feature < 0:
                break
            row, column = divmod(int(record[i, j, 1]), out_w)
            update(weight[feature], times[i], row, column, record[i, j, 2], plus, minus, True, low, high, pad)
            refresh(weight[feature], fast[..., feature])
    return record
