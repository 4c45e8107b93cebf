"""The compiled passes of these variants, built from the kernels of S1 and S2; exactness and layout are theirs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rstdp.fast.conv import jit, last_potentials, spike_times
from rstdp.fast.stdp import Search, refresh, update, winners


class Above(NamedTuple):
    """What showing images asks of S3 besides its weights."""

    pad: int
    bins: int
    rates: tuple  #: the pairs (plus, minus) of reward and of punishment
    bounds: tuple[float, float]
    soft: bool  #: whether its rule has the factor w(1 - w)


@jit
def show_first_spike(times, labels, decision_map, weight, fast, search, above):
    """Show images (N, C, H, W); the earliest neuron of each decides, of equals that of highest potential, and learns.

    Inputs are "in time" where they spiked no later than the winner. labels: (N,), or None where nothing is to be
    learned; fast: from `maps_last`. Returns (N, 2) int64 rows (feature, position); feature -1 where no neuron reached
    the threshold.
    """
    record = np.full((len(times), 2), -1, dtype=np.int64)
    out_w = times.shape[3] + 2 * above.pad - weight.shape[3] + 1
    for i in range(len(times)):
        found = winners(times[i], fast, search)[0]
        feature, position = int(found[0]), int(found[1])
        record[i, 0], record[i, 1] = feature, position
        if labels is not None and feature >= 0:
            rates = above.rates[0] if decision_map[feature] == labels[i] else above.rates[1]
            update(weight[feature], times[i], divmod(position, out_w), found[2], rates, above.soft, above.bounds,
                   above.pad)
            refresh(weight[feature], fast[..., feature])
    return record


@jit
def pool_first_spike(times, window, stride, ceil, bins):
    """Spike times (C, H, W) -> those of their pooling windows (C, H', W'), as `layers.pool_first_spike`."""
    channels, height, width = times.shape
    spare = stride - 1 if ceil else 0
    out_h, out_w = (height - window + spare) // stride + 1, (width - window + spare) // stride + 1
    out = np.full((channels, out_h, out_w), bins, dtype=np.uint8)
    for c in range(channels):
        for y in range(out_h):
            for x in range(out_w):
                for row in range(y * stride, min(height, y * stride + window)):
                    for column in range(x * stride, min(width, x * stride + window)):
                        out[c, y, x] = min(out[c, y, x], times[c, row, column])
    return out


class Below(NamedTuple):
    """What showing images asks of S2 besides its weights."""

    search: Search
    pool: int
    stride: int
    ceil: bool
    factor: float  #: its rates of R-STDP as a multiple of S3's
    soft: bool


@jit
def show_both(times, labels, decision_map, s2, fast2, below, s3, fast3, above):
    """Show C1's spike times (N, C, H, W) image by image: S3 decides by its highest potential, and both layers learn.

    S2's winners are those of STDP. Returns S3's winners (N, 2), feature -1 where silent.
    """
    search, record = below.search, np.full((len(times), 2), -1, dtype=np.int64)
    width2 = times.shape[3] + 2 * search.pad - s2.shape[3] + 1
    for i in range(len(times)):
        fired = spike_times(times[i:i + 1], fast2, search.threshold, search.pad, search.bins, len(s2))[0]
        c2 = pool_first_spike(fired, below.pool, below.stride, below.ceil, search.bins)
        potential = last_potentials(c2.reshape((1,) + c2.shape), fast3, above.pad, above.bins, len(s3))[0]
        out_w = potential.shape[2]
        best = np.argmax(potential)
        feature, position = divmod(best, potential.shape[1] * out_w)
        if potential.reshape(potential.size)[best] == 0:
            continue
        record[i, 0], record[i, 1] = feature, position
        plus, minus = above.rates[0] if decision_map[feature] == labels[i] else above.rates[1]
        update(s3[feature], c2, divmod(position, out_w), above.bins - 1, (plus, minus), above.soft, above.bounds,
               above.pad)
        refresh(s3[feature], fast3[..., feature])
        for found in winners(times[i], fast2, search):
            if found[0] >= 0:
                map2 = int(found[0])
                update(s2[map2], times[i], divmod(int(found[1]), width2), found[2],
                       (below.factor * plus, below.factor * minus), below.soft, (0.0, 1.0), search.pad)
                refresh(s2[map2], fast2[..., map2])
    return record
