"""The compiled passes of these variants, built from the kernels of S1 and S2; exactness and layout are theirs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rstdp.fast import s3
from rstdp.fast.conv import jit, last_potentials
from rstdp.fast.forward import Pooling, by_summing
from rstdp.fast.stdp import Search, refresh, update, winners


class Two(NamedTuple):
    """S2: weights (F, C, KH, KW) with their copy from `maps_last`, search for winners, pooling, and how it learns."""

    weight: np.ndarray
    fast: np.ndarray
    search: Search
    pooling: Pooling
    factor: float  #: its rates of R-STDP as a multiple of S3's
    rule: int  #: one of `rstdp.fast.RULES`


class Three(NamedTuple):
    """S3: weights with their copy, padding, time steps and bounds, and how it learns."""

    weight: np.ndarray
    fast: np.ndarray
    search: s3.Search
    rule: int


@jit
def learn(three, times, feature, place, when, rates):
    """One map of S3 learns from spike times (C, H, W); place: (row, column) of the winner; rates: (plus, minus)."""
    update(three.weight[feature], times, place, when, rates, three.rule, (three.search.low, three.search.high),
           three.search.pad)
    refresh(three.weight[feature], three.fast[..., feature])


@jit
def show_first_spike(times, labels, decision_map, search, three, rates):
    """Show images (N, C, H, W); the earliest neuron of each decides, of equals that of highest potential, and learns.

    Inputs are "in time" where they spiked no later than the winner. labels: (N,), or None where nothing is to be
    learned; search: for that neuron; rates: the pairs (plus, minus) of reward and of punishment. Returns (N, 2) int64
    rows (feature, position); feature -1 where no neuron reached the threshold.
    """
    record = np.full((len(times), 2), -1, dtype=np.int64)
    out_w = times.shape[3] + 2 * search.pad - three.weight.shape[3] + 1
    for i in range(len(times)):
        found = winners(times[i], three.fast, search)[0]
        feature, position = int(found[0]), int(found[1])
        record[i, 0], record[i, 1] = feature, position
        if labels is not None and feature >= 0:
            signal = rates[0] if decision_map[feature] == labels[i] else rates[1]
            learn(three, times[i], feature, divmod(position, out_w), found[2], signal)
    return record


@jit
def show_both(times, labels, decision_map, two, three, rates):
    """Show C1's spike times (N, C, H, W) image by image: S3 decides by its highest potential, and both layers learn.

    S2's winners are those of STDP. rates: as above. Returns S3's winners (N, 2), feature -1 where silent.

    S3 asks only whether a cell of C2 has spiked. Potentials never fall, nor do their float32 sums, so one step in which
    all inputs spike together tells.
    """
    search, record = two.search, np.full((len(times), 2), -1, dtype=np.int64)
    pad, bins, width2 = three.search.pad, search.bins, times.shape[3] + 2 * search.pad - two.weight.shape[3] + 1
    for i in range(len(times)):
        together = (times[i:i + 1] >= bins).astype(np.uint8)
        c2 = by_summing(together, two.fast, search.threshold, search.pad, 1, len(two.weight), two.pooling)
        potential = last_potentials(c2, three.fast, pad, 1, len(three.weight))[0]
        best = np.argmax(potential)
        feature, position = divmod(best, potential[0].size)
        if potential.reshape(potential.size)[best] == 0:
            continue
        record[i, 0], record[i, 1] = feature, position
        plus, minus = rates[0] if decision_map[feature] == labels[i] else rates[1]
        learn(three, c2[0], feature, divmod(position, potential.shape[2]), 0, (plus, minus))
        for found in winners(times[i], two.fast, search):
            if found[0] >= 0:
                map2, place = int(found[0]), divmod(int(found[1]), width2)
                update(two.weight[map2], times[i], place, found[2], (two.factor * plus, two.factor * minus), two.rule,
                       (0.0, 1.0), search.pad)
                refresh(two.weight[map2], two.fast[..., map2])
    return record
