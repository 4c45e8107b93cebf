"""The rules of an earlier replication, switches of the configuration, to measure what each of them costs (report).

That replication (github.com/Cl4ryty/synaptic_plasticity) lost ten points against SpykeTorch. `competition` "free": a
map may win more than once, and among equally early neurons the final potential decides, not the one at the spike.
`update_every`: the changes of so many images are summed on unchanged weights and clipped once. Its other differences
(`decision`, `silent_is_miss`, thresholds, padding) need no rules of their own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from . import kernels, kernels_stdp
from .kernels import jit
from .network import Network
from .plasticity import DoublingRate, reward_rates


@jit
def _free_winners(fired, potential, k, radius, width, bins):
    """As `kernels_stdp.winners`, from spike times and final potentials (F, positions), a map may win twice."""
    rows, blocked = np.full((k, 4), -1.0), np.zeros(fired.shape[1], dtype=np.bool_)
    for j in range(k):
        best, place = -1, -1
        for f in range(fired.shape[0]):
            for p in range(fired.shape[1]):
                if fired[f, p] == bins or blocked[p]:
                    continue
                if best < 0 or fired[f, p] < fired[best, place] or (
                        fired[f, p] == fired[best, place] and potential[f, p] > potential[best, place]):
                    best, place = f, p
        if best < 0:
            break
        rows[j, 0], rows[j, 1], rows[j, 2], rows[j, 3] = best, place, fired[best, place], potential[best, place]
        for p in range(fired.shape[1]):
            if max(abs(p // width - place // width), abs(p % width - place % width)) <= radius:
                blocked[p] = True
    return rows


@jit
def _add(change, weight, pre, plus, minus, stabilise):
    """Add to `change` what STDP makes of the unchanged weight (C, KH, KW), given which inputs were in time."""
    plus, minus, one = np.float32(plus), np.float32(minus), np.float32(1)
    into, old, before = change.reshape(change.size), weight.reshape(weight.size), pre.reshape(pre.size)
    for i in range(len(old)):
        rate = plus if before[i] else minus
        into[i] += rate * (old[i] * (one - old[i])) if stabilise else rate


@jit
def _learn_stdp(times, weight, fast, threshold, pad, bins, k, radius, pointwise, free, plus, minus):
    """All images (N, C, H, W) meet the same weights; then the sum of what their winners learn is applied."""
    maps, width = len(weight), times.shape[3] + 2 * pad - weight.shape[3] + 1
    change, touched = np.zeros_like(weight), np.zeros(maps, dtype=np.bool_)
    for i in range(len(times)):
        if free:
            one = times[i:i + 1]
            fired = kernels.conv_times(one, fast, threshold, pad, bins, maps)[0]
            potential = kernels.final_potentials(one, fast, pad, bins, maps)[0]
            shape = (maps, fired.shape[1] * fired.shape[2])
            rows = _free_winners(fired.reshape(shape), potential.reshape(shape), k, radius, width, bins)
        else:
            rows = kernels_stdp.winners(times[i], fast, threshold, pad, bins, k, radius, pointwise)
        for j in range(k):
            f = int(rows[j, 0])
            if f >= 0:
                row, column = divmod(int(rows[j, 1]), width)
                pre = kernels_stdp.in_time(times[i], row, column, rows[j, 2], pad, weight[f].shape)
                _add(change[f], weight[f], pre, plus, minus, True)
                touched[f] = True
    for f in range(maps):
        if touched[f]:
            weight[f] = np.minimum(np.maximum(weight[f] + change[f], np.float32(0)), np.float32(1))
            kernels_stdp.refresh(weight[f], fast[..., f])


def learn_stdp(network: Network, name: str, times: Tensor, rate: DoublingRate,
               on_images: Callable[[int], object] = lambda count: None) -> list:
    """As `learning.learn_stdp`, on the fast path; keeps no record of winners."""
    spec, config, weight = network.layer(name), network.config, network.weights[name].numpy()
    fast = kernels.maps_last(weight)
    for part in times.split(config.update_every):
        _learn_stdp(part.contiguous().numpy(), weight, fast, spec.threshold, spec.padding, config.bins, spec.winners,
                    spec.radius, spec.pointwise, config.competition == "free", rate.plus, rate.minus)
        for _ in range(len(part)):
            rate.advance(1)
        on_images(len(part))
    return []


@jit
def _learn_rstdp(times, winners, right, weight, reward, punishment, low, high, pad, bins):
    width = times.shape[3] + 2 * pad - weight.shape[3] + 1
    change = np.zeros_like(weight)
    for i in range(len(times)):
        f = winners[i, 0]
        if f >= 0:
            row, column = divmod(winners[i, 1], width)
            pre = kernels_stdp.in_time(times[i], row, column, bins - 1, pad, weight[f].shape)
            plus, minus = reward if right[i] else punishment
            _add(change[f], weight[f], pre, plus, minus, False)
    for f in range(len(weight)):
        weight[f] = np.minimum(np.maximum(weight[f] + change[f], np.float32(low)), np.float32(high))


def learn_rstdp(network: Network, c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
    """As `learning.learn_rstdp`, with the changes of `update_every` images summed; returns winners (N, 2)."""
    config, found = network.config, []
    reward, punishment = reward_rates(config, *phi)
    for part, target in zip(c2.split(config.update_every), labels.split(config.update_every)):
        winners = network.winners(part)
        right = network.class_of(winners, part) == target
        _learn_rstdp(part.contiguous().numpy(), winners.numpy(), right.numpy(), network.weights["s3"].numpy(), reward,
                     punishment, *network.bounds(), config.s3.padding, config.bins)
        found.append(winners)
    return torch.cat(found)
