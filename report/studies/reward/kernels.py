"""Two variants of the last layers that the paper tried on task 1, compiled with numba. Book chapter: 10.

`learn_first_spike`: S3 has a threshold, and its first neuron to fire decides and learns. `learn_both`: reward and
punishment reach the winners of S2 as well as that of S3. Both are built from the kernels of S1 and S2; exactness and
layout are theirs.
"""

from __future__ import annotations

import numpy as np

from .kernels import conv_times, final_potentials, jit
from .kernels_stdp import refresh, update, winners


@jit
def learn_first_spike(times, labels, decision, weight, fast, threshold, pad, bins, reward, punishment, low, high,
                      learn):
    """Show images (N, C, H, W); the earliest neuron of each decides, of equals that of highest potential, and learns.

    As `kernels_s3.learn_rstdp`, with inputs "in time" where they spiked no later than the winner. fast: from
    `maps_last`. Returns (N, 2) int64 rows (feature, position); feature -1 where no neuron reached the threshold.
    """
    record = np.full((len(times), 2), -1, dtype=np.int64)
    out_w = times.shape[3] + 2 * pad - weight.shape[3] + 1
    for i in range(len(times)):
        found = winners(times[i], fast, threshold, pad, bins, 1, 0, False)[0]
        feature, position = int(found[0]), int(found[1])
        record[i, 0], record[i, 1] = feature, position
        if learn and feature >= 0:
            plus, minus = reward if decision[feature, position] == labels[i] else punishment
            row, column = divmod(position, out_w)
            update(weight[feature], times[i], row, column, found[2], plus, minus, False, low, high, pad)
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


@jit
def learn_both(times, labels, decision, s2, fast2, s3, fast3, layer2, pool2, pad3, bins, reward, punishment, factor,
               low, high):
    """Show C1's spike times (N, C, H, W) image by image: S3 decides by its highest potential, and both layers learn.

    layer2: (threshold, padding, k, radius, pointwise); pool2: (window, stride, ceil). S2's winners are those of STDP;
    their rates are `factor` times S3's, with the factor w(1 - w). Returns S3's winners (N, 2), feature -1 where silent.
    """
    threshold, pad2, k, radius, pointwise = layer2
    window, stride, ceil = pool2
    record = np.full((len(times), 2), -1, dtype=np.int64)
    width2 = times.shape[3] + 2 * pad2 - s2.shape[3] + 1
    for i in range(len(times)):
        fired = conv_times(times[i:i + 1], fast2, threshold, pad2, bins, len(s2))[0]
        c2 = pool_first_spike(fired, window, stride, ceil, bins)
        potential = final_potentials(c2.reshape((1,) + c2.shape), fast3, pad3, bins, len(s3))[0]
        out_w = potential.shape[2]
        best = np.argmax(potential)
        feature, position = divmod(best, potential.shape[1] * out_w)
        if potential.reshape(potential.size)[best] == 0:
            continue
        record[i, 0], record[i, 1] = feature, position
        plus, minus = reward if decision[feature, position] == labels[i] else punishment
        row, column = divmod(position, out_w)
        update(s3[feature], c2, row, column, bins - 1, plus, minus, False, low, high, pad3)
        refresh(s3[feature], fast3[..., feature])
        for found in winners(times[i], fast2, threshold, pad2, bins, k, radius, pointwise):
            if found[0] >= 0:
                row, column = divmod(int(found[1]), width2)
                map2 = int(found[0])
                update(s2[map2], times[i], row, column, found[2], factor * plus, factor * minus, True, 0.0, 1.0, pad2)
                refresh(s2[map2], fast2[..., map2])
    return record
