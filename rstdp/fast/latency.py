"""Intensity to latency, compiled: which bin, not which rank. Twin: `intensity_to_latency`.

Positive values are dealt into boxes by their leading bits. A box between two edges of bins has one spike time; only the
boxes where a bin ends, and their neighbours, are looked at value by value. Where values at an edge are closer than
rounding could tell apart, the oracle's (`normalisation.exact`) decide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .conv import jit
from .normalisation import exact

BOXES, SHIFT = 1024, 16  # boxes by the exponent and 7 bits behind it: eight factors of 2, all below in the last one
NARROWEST = 2.0**-8  # the width of a box, of the values in it, at least
FEW = 32  # values that are compared each with each
UNDECIDED = 255  # no spike time: there are at most 254 bins


class Boxes(NamedTuple):
    """Positive values of one image, sorted roughly, by their leading bits."""

    box: np.ndarray  #: of each value: 0 holds the largest
    ends: np.ndarray  #: (BOXES,) how many values lie in a box and those before it
    time: np.ndarray  #: (BOXES,) of all values in a box, or UNDECIDED where a bin ends in it or in a neighbour
    values: np.ndarray  #: by rank, of the undecided
    order: np.ndarray  #: their places
    which: np.ndarray  #: of the values are undecided


@jit
def empty_boxes(count):
    """Room for the values of one image, at most `count`."""
    return Boxes(np.empty(count, np.int32), np.empty(BOXES, np.int32), np.empty(BOXES, np.uint8),
                 np.empty(count, np.float32), np.empty(count, np.int32), np.empty(count, np.int32))


@jit
def _into_boxes(values, boxes):
    """In which box each value lies, and how many in each."""
    bits, largest = values.view(np.uint32), np.uint32(0)
    for i in range(len(bits)):
        largest = max(largest, bits[i])
    for i in range(len(bits)):
        boxes.box[i] = min((largest >> SHIFT) - (bits[i] >> SHIFT), BOXES - 1)
    boxes.ends[:] = 0
    for i in range(len(bits)):
        boxes.ends[boxes.box[i]] += 1
    for box in range(1, BOXES):
        boxes.ends[box] += boxes.ends[box - 1]


@jit
def _undecided(ends, time, per_bin, bins, rest, low, high):
    """Where bins end: the number of edges, and for each the ranks low to high - 1 of the boxes that meet there with one
    more on both sides. Sets the time of all boxes; `rest`: of what comes after the last bin."""
    n, box, done = ends[-1], 0, 0
    for t in range(bins):
        edge = (t + 1) * per_bin
        if edge >= n:
            time[done:] = t
            return t
        while ends[box] < edge:  # the box of the last value before the edge
            box += 1
        after = box
        while ends[after] <= edge:  # and of the first behind it
            after += 1
        first, last = max(0, box - 1), min(after + 1, BOXES - 1)
        time[done:first] = t
        time[max(done, first):last + 1] = UNDECIDED
        done = max(done, last + 1)
        low[t], high[t] = ends[first - 1] if first else 0, ends[last]
    time[done:] = rest
    return bins


@jit
def _sort(values, order, raster):
    """Sort by values, the largest first; equal ones stay, or take `raster` order. By insertion: of what has been dealt
    into boxes few move, and not far."""
    for i in range(1, len(values)):
        value, place, at = values[i], order[i], i
        while at > 0 and (values[at - 1] < value or (raster and values[at - 1] == value and order[at - 1] > place)):
            values[at], order[at] = values[at - 1], order[at - 1]
            at -= 1
        values[at], order[at] = value, place


@jit
def _in_doubt(values, edge, closest):
    """The neighbours of an edge in sorted values that rounding may have brought across: first, last + 1. As no value
    is off by more than half of `closest`, the one of a given rank is not either, and what is farther away stays."""
    low = high = edge
    if values[edge - 1] - values[edge] <= closest * values[edge - 1]:
        while low > 0 and values[low - 1] - values[edge - 1] <= closest * values[low - 1]:
            low -= 1
        while high < len(values) and values[edge] - values[high] <= closest * values[edge]:
            high += 1
    return low, high


@jit
def _split(values, order, edge, closest, time, after, times):
    """Spike times of a few values at an edge, before it and after it. False where it is not clear which those are."""
    count, least, most = 0, np.float32(np.inf), np.float32(-np.inf)
    for i in range(len(values)):
        larger = 0
        for j in range(len(values)):
            larger += values[j] > values[i]
        before = larger < edge
        count += before
        least = min(least, values[i] if before else least)
        most = max(most, most if before else values[i])
        times[order[i]] = time if before else after
    return count == edge and least - most > closest * least


@jit
def _settle(values, order, edge, closest, planes, radius):
    """Bring before `edge` what the oracle ranks there."""
    _sort(values, order, False)
    first, last = _in_doubt(values, edge, closest)
    for i in range(first, last):
        values[i] = exact(planes, radius, order[i])
    _sort(values[first:last], order[first:last], True)


@jit
def latencies(values, places, boxes, planes, radius, bins, rest, times):
    """Spike times of an image's positive values, to times[places].

    values: up to rounding those of `planes` normalised; rest: the time of what the division into bins leaves over.
    """
    n, ends, low, high = len(values), boxes.ends, np.empty(bins, np.int64), np.empty(bins, np.int64)
    per_bin = max(1, n // bins)
    # two sums of as many numbers, none negative, in two orders: each off by less than that many 2^-24 of its value
    closest = np.float32(2.2 * ((2 * radius + 1) ** 2 + 20) * 2.0**-24 if radius else -1.0)
    _into_boxes(values, boxes)
    edges = _undecided(ends, boxes.time, per_bin, bins, rest, low, high)
    if closest > NARROWEST:  # a neighbouring box more would not do
        boxes.time[:], low[:], high[:] = UNDECIDED if edges else 0, 0, n
    count = 0
    for i in range(n):
        time = boxes.time[boxes.box[i]]
        times[places[i]] = time
        boxes.which[count] = i
        count += time == UNDECIDED
    for k in range(count - 1, -1, -1):  # backwards, so that a box fills from its end and keeps the order of the image
        i = boxes.which[k]
        box = boxes.box[i]
        ends[box] -= 1
        boxes.values[ends[box]], boxes.order[ends[box]] = values[i], places[i]
    for t in range(edges):
        edge, after = (t + 1) * per_bin, t + 1 if t + 1 < bins else rest
        start = max(low[t], t * per_bin)  # what is ranked before is settled
        some, order = boxes.values[start:high[t]], boxes.order[start:high[t]]
        alone = (t == 0 or high[t - 1] <= low[t]) and (t + 1 == edges or high[t] <= low[t + 1])
        if alone and len(some) <= FEW and _split(some, order, edge - start, closest, t, after, times):
            continue
        _settle(some, order, edge - start, closest, planes, radius)
        for i in range(len(order)):
            times[order[i]] = t if i < edge - start else after
