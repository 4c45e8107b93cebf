"""The rules of an earlier replication, switches of the configuration, to measure what each of them costs (report).

That replication (github.com/Cl4ryty/synaptic_plasticity) fell short of SpykeTorch. `competition` "free": a
map may win more than once, and among equally early neurons the final potential decides, not the one at the spike.
`update_every`: the changes of so many images are summed on unchanged weights and clipped once. Its other differences
(thresholds, padding) need no rules of their own.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from rstdp import learning
from rstdp.competition import SILENT
from rstdp.config import Config, Count
from rstdp.fast import RULES, conv, forward, s3, stdp
from rstdp.fast.conv import jit
from rstdp.fast.stdp import Search
from rstdp.learning import Learner, OnImages, Passes
from rstdp.network import Network
from rstdp.plasticity import DoublingRate, hits_and_misses, reward_rates

from ...lab import registry


@dataclass(frozen=True)
class StudentConfig(Config):
    """A configuration with switches for these rules; at their defaults the model is the exact one."""

    #: what gives a winner its class: its "map", or the "index" of (map, row, column) modulo 10
    decision: Literal["map", "index"] = "map"
    #: in S1 and S2 a map wins "once" an image, or is "free" to win again
    competition: Literal["once", "free"] = "once"
    update_every: Count = 1  #: images whose weight changes are summed before they are applied
    silent_is_miss: bool = False  #: whether a silent decision counts in phi_r


@jit
def _free_winners(fired, potential, search, width):
    """As `stdp.winners`, from spike times and final potentials (F, positions), a map may win twice."""
    rows, blocked = np.full((search.winners, 4), -1.0), np.zeros(fired.shape[1], dtype=np.bool_)
    for j in range(search.winners):
        best, place = -1, -1
        for f in range(fired.shape[0]):
            for p in range(fired.shape[1]):
                if fired[f, p] == search.bins or blocked[p]:
                    continue
                if best < 0 or fired[f, p] < fired[best, place] or (
                        fired[f, p] == fired[best, place] and potential[f, p] > potential[best, place]):
                    best, place = f, p
        if best < 0:
            break
        rows[j, 0], rows[j, 1], rows[j, 2], rows[j, 3] = best, place, fired[best, place], potential[best, place]
        for p in range(fired.shape[1]):
            if max(abs(p // width - place // width), abs(p % width - place % width)) <= search.radius:
                blocked[p] = True
    return rows


@jit
def add(change, weight, pre, rates, soft):
    """Add to `change` what a rule makes of the unchanged weight (C, KH, KW), given which inputs were in time."""
    into, old, before = change.reshape(change.size), weight.reshape(weight.size), pre.reshape(pre.size)
    for i in range(len(old)):
        into[i] += stdp.changed(old[i], before[i], rates, soft)


@jit
def _show(times, weight, fast, search, free, rates, soft):
    """All images (N, C, H, W) meet the same weights; then the sum of what their winners learn is applied."""
    maps, width = len(weight), times.shape[3] + 2 * search.pad - weight.shape[3] + 1
    change, touched = np.zeros_like(weight), np.zeros(maps, dtype=np.bool_)
    for i in range(len(times)):
        if free:
            one = times[i:i + 1]
            fired = forward.by_summing(one, fast, search.threshold, search.pad, search.bins, maps, forward.NONE)[0]
            potential = conv.last_potentials(one, fast, search.pad, search.bins, maps)[0]
            shape = (maps, fired.shape[1] * fired.shape[2])
            rows = _free_winners(fired.reshape(shape), potential.reshape(shape), search, width)
        else:
            rows = stdp.winners(times[i], fast, search)
        for j in range(search.winners):
            f = int(rows[j, 0])
            if f >= 0:
                row, column = divmod(int(rows[j, 1]), width)
                pre = stdp.in_time(times[i], row, column, rows[j, 2], search.pad, weight[f].shape)
                add(change[f], weight[f], pre, rates, soft)
                touched[f] = True
    for f in range(maps):
        if touched[f]:
            weight[f] = np.minimum(np.maximum(weight[f] + change[f], np.float32(0)), np.float32(1))
            stdp.refresh(weight[f], fast[..., f])


def learn_stdp(network: Network, name: str, times: Tensor, rate: DoublingRate,
               on_images: OnImages = learning.ignore) -> None:
    """As `learning.learn_stdp`; keeps no record of winners."""
    registry.built_in(network.config, name)
    config, weight, soft = network.config, network.weights[name].numpy(), RULES[network.rule(name)]
    fast, search = conv.maps_last(weight), Search.of(network.layer(name), config.bins)
    for part in times.split(config.update_every):
        _show(part.contiguous().numpy(), weight, fast, search, config.competition == "free", (rate.plus, rate.minus),
              soft)
        for _ in range(len(part)):
            rate.advance(1)
        on_images(len(part))


@jit
def _learn_s3(times, winners, right, weight, rates, soft, search):
    """The winners (N, 2) of all images (N, C, H, W) learn from unchanged weights; then the sum is applied."""
    width = times.shape[3] + 2 * search.pad - weight.shape[3] + 1
    change = np.zeros_like(weight)
    for i in range(len(times)):
        f = winners[i, 0]
        if f >= 0:
            row, column = divmod(winners[i, 1], width)
            pre = stdp.in_time(times[i], row, column, search.bins - 1, search.pad, weight[f].shape)
            add(change[f], weight[f], pre, rates[0] if right[i] else rates[1], soft)
    for f in range(len(weight)):
        weight[f] = np.minimum(np.maximum(weight[f] + change[f], np.float32(search.low)), np.float32(search.high))


def learn_rstdp(network: Network, c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
    """As `learning.learn_rstdp`, with the changes of `update_every` images summed; returns winners (N, 2)."""
    registry.built_in(network.config, "s3")
    config, found = network.config, []
    search = s3.Search(config.s3.padding, config.bins, config.low, config.high)
    for part, target in zip(c2.split(config.update_every), labels.split(config.update_every)):
        winners = network.winners(part)
        right = classes_of(network, winners, part) == target
        _learn_s3(part.contiguous().numpy(), winners.numpy(), right.numpy(), network.weights["s3"].numpy(),
                  reward_rates(config, *phi), RULES[network.rule("s3")], search)
        found.append(winners)
    return torch.cat(found)


def neuron_classes(network: Network, c2: Tensor) -> Tensor | None:
    """What each neuron of S3 stands for, (maps, positions) int64; None where that is what its map stands for."""
    if network.config.decision == "map":
        return None
    maps, positions = network.potentials(c2[:1]).flatten(2).shape[1:]
    return torch.arange(maps * positions).reshape(maps, positions) % network.config.classes


def classes_of(network: Network, winners: Tensor, c2: Tensor) -> Tensor:
    """Winners (N, 2) as (map, position), found on C2 spike times (N, C, H, W) -> decisions (N,), -1 if silent."""
    table = neuron_classes(network, c2)
    if table is None:
        return network.class_of(winners)
    return torch.where(winners[:, 0] >= 0, table[winners[:, 0], winners[:, 1]], SILENT)


def check(config: StudentConfig) -> None:
    """Raise ValueError for a rule of one's own in a layer that learns by these compiled rules."""
    if config.update_every > 1:
        registry.built_in(config, "s1", "s2", "s3")
    elif config.competition == "free":
        registry.built_in(config, "s1", "s2")


@registry.passes("student", "decision", "competition", "update_every", "silent_is_miss", check=check)
class StudentPasses(Passes):
    """Passes by the rules that a `StudentConfig` switches on."""

    config = StudentConfig

    def stdp(self, network, name, times, rate, on_images):
        if network.config.update_every > 1 or network.config.competition == "free":
            return learn_stdp(network, name, times, rate, on_images)
        return learning.learn_stdp(network, name, times, rate, on_images)

    def rstdp(self, network, times, labels, phi, on_images):
        size, right = network.config.batch, 0
        learn = self.learner(network, times)
        for part, target in zip(times.split(size), labels.split(size)):
            decisions = classes_of(network, learn(part, target, phi), part)
            hits, misses = hits_and_misses(decisions, target)
            if network.config.silent_is_miss:
                misses = len(target) - hits
            phi, right = (misses / len(target), hits / len(target)), right + hits
            on_images(len(target))
        return right / len(labels), phi

    def learner(self, network: Network, times: Tensor) -> Learner:
        """How S3 is shown a batch."""
        if network.config.update_every > 1:
            return lambda part, target, phi: learn_rstdp(network, part, target, phi)
        return learning.rstdp_learner(network, neuron_classes(network, times))

    def accuracy(self, network, times, labels):
        decisions = classes_of(network, network.winners(times), times)
        return learning.shares(decisions, labels)
