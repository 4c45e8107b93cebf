"""Step-by-step agreement with SpykeTorch: recorded golden values, or the framework itself where it can be imported.

One flipped winner changes every later one, so each step starts from the oracle's weights: the recorded winner is
applied, and the winner found here must be the recorded one or tie with it: equal spike times and potentials closer
than rounding lets SpykeTorch tell apart (`resolution`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rstdp import competition, fast, layers, plasticity
from rstdp.config import SPYKETORCH, Config, Layer

TIE = 1e-3  #: potentials closer than this are never told apart


@dataclass
class Agreement:
    """What a comparison of `steps` steps found."""

    steps: int
    same: int = 0  #: steps whose winners are the recorded ones
    ties: int = 0  #: steps decided by rounding
    different: int = 0  #: steps with another winner; must be 0
    weight_error: dict[int, float] = field(default_factory=dict)  #: largest difference of a weight after so many steps
    performance: list[tuple[float, float]] = field(default_factory=list)  #: hits and misses per batch (S3)


GOLDEN = SPYKETORCH.replace({  # the small network that wrote the golden values
    "s1.maps": 8, "s1.winners": 3, "s1.radius": 2, "s1.double_every": 100,
    "s2.maps": 16, "s2.winners": 5, "s2.threshold": 4, "s2.double_every": 100, "s3.maps": 20, "batch": 50})
INPUTS = {"s1": "spike_times", "s2": "c1_times", "s3": "c2_times"}


def resolution(image: Tensor, weight: Tensor, padding: int, bins: int) -> float:
    """How close two potentials of one image, spike times (C, H, W), must be that SpykeTorch may take either.

    It compares them as float32 after adding `bins` times the largest one: two steps of float32 at that size. Before,
    torch's float32 convolution has made a rounding error on each: its largest one on this image counts twice.
    """
    exact = fast.final_potentials(image[None], weight, padding, bins)
    rounded = F.conv2d((image[None] < bins).float(), weight, padding=padding)
    step = float(np.spacing(np.float32((bins + 1) * exact.max())))
    return max(TIE, 2 * step + 2 * float((rounded - exact).abs().max()))


def within_rounding(found: Tensor, inputs: Tensor, weight: Tensor, spec: Layer, bins: int) -> Tensor:
    """Which spike times of a pooled layer (N, F, H, W), found with float32 sums, rounding explains: they lie between
    those of a threshold that is lower and of one that is higher by as much as such a sum may be off."""
    off = weight[0].numel() * 2.0**-24 * spec.threshold
    early, late = (fast.pooled_times(inputs, weight, dataclasses.replace(spec, threshold=spec.threshold + by), bins)
                   for by in (-off, off))
    return (early <= found) & (found <= late)


def tie(image: Tensor, weight: Tensor, spec: Layer, bins: int, recorded: list[int],
        found: competition.Winner | None) -> bool:
    """Whether a recorded (feature, row, column) and the winner found instead differ by rounding only."""
    feature, row, column = recorded
    if found is None or feature < 0:
        return False
    map_weight = weight[feature:feature + 1]
    time = int(fast.conv_times(image[None], map_weight, spec.threshold, spec.padding, bins)[0, 0, row, column])
    until = torch.where(image <= time, image, bins)
    potential = float(fast.final_potentials(until[None], map_weight, spec.padding, bins)[0, 0, row, column])
    return time == found.time and abs(potential - found.potential) < resolution(until, weight, spec.padding, bins)


def compare_stdp(record: dict[str, Tensor], name: str, steps: int, compiled: bool = True,
                 config: Config = GOLDEN, progress=iter) -> Agreement:
    """Follow the recorded winners of S1 or S2 for `steps` images and compare winners and weights.

    record: spike times of the input, initial weights, winners and weights on the way, under the keys of the golden
    values. compiled: find winners by `fast` or step by step through time. `progress` may wrap the range of steps, for
    example tqdm.
    """
    spec, bins, find_winners = getattr(config, name), config.bins, (fast if compiled else competition).find_winners
    inputs, weight = record[INPUTS[name]], record[f"w{name[1]}_init"].clone()
    snapshots = _snapshots(record, name[1], len(record[f"{name}_winners"]))
    rate, result = plasticity.DoublingRate.of(spec), Agreement(steps)
    for step in progress(range(steps)):
        image = inputs[step % len(inputs)]
        found = find_winners(image, weight, spec, bins)
        recorded = [row for row in record[f"{name}_winners"][step].tolist() if row[0] >= 0]
        mine = [[winner.feature, winner.row, winner.column] for winner in found]
        if mine == recorded:
            result.same += 1
        else:
            first = next((j for j, (a, b) in enumerate(zip(mine, recorded)) if a != b), min(len(mine), len(recorded)))
            both = first < min(len(mine), len(recorded))
            if both and tie(image, weight, spec, bins, recorded[first], found[first]):
                result.ties += 1
            else:
                result.different += 1
        for feature, row, column in recorded:
            time = int(fast.conv_times(image[None], weight[feature:feature + 1], spec.threshold, spec.padding,
                                       bins)[0, 0, row, column])
            pre = plasticity.receptive_field(image, row, column, spec.window, spec.padding, bins)
            plasticity.learn(plasticity.stdp, weight[feature], pre, time, (rate.plus, rate.minus), (0.0, 1.0))
        if recorded:
            weight = weight.clamp(0, 1)  # the oracle clamps all maps at every step; its initial weights may exceed 1
        rate.advance(1)
        if step + 1 in snapshots:
            result.weight_error[step + 1] = float((weight - snapshots[step + 1]).abs().max())
    return result


def compare_rstdp(record: dict[str, Tensor], steps: int, compiled: bool = True, config: Config = GOLDEN,
                  progress=iter) -> Agreement:
    """The same for S3: one winner an image, blocks of maps for the classes, phi from the last `config.batch` images."""
    inputs, labels, weight = record["c2_times"], record["labels"].long(), record["w3_init"].clone()
    snapshots = _snapshots(record, "3", len(record["s3_winners"]))
    decision = torch.arange(len(weight)) // (len(weight) // config.classes)
    phi, hits, misses, result = (1.0, 1.0), 0, 0, Agreement(steps)
    final_potentials = (fast if compiled else layers).final_potentials
    for step in progress(range(steps)):
        image, label = inputs[step % len(inputs)], int(labels[step % len(inputs)])
        potential = final_potentials(image[None], weight, config.s3.padding, config.bins)[0]
        mine = [int(i) for i in torch.unravel_index(potential.argmax(), potential.shape)]
        recorded = record["s3_winners"][step].tolist()
        if recorded[0] < 0:
            silent = not potential.any()
            result.same, result.different = result.same + silent, result.different + (not silent)
            continue
        if mine == recorded:
            result.same += 1
        elif abs(float(potential[tuple(mine)] - potential[tuple(recorded)])) < resolution(
                image, weight, config.s3.padding, config.bins):
            result.ties += 1
        else:
            result.different += 1
        feature, row, column = recorded
        hit = int(decision[feature]) == label
        hits, misses = hits + hit, misses + (not hit)
        rates = plasticity.reward_rates(config, *phi)[0 if hit else 1]
        pre = plasticity.receptive_field(image, row, column, config.s3.window, config.s3.padding, config.bins)
        plasticity.learn(plasticity.additive, weight[feature], pre, config.bins - 1, rates, (config.low, config.high))
        weight = weight.clamp(config.low, config.high)  # the oracle clamps all maps, which matters after the first step
        if step + 1 in snapshots:
            result.weight_error[step + 1] = float((weight - snapshots[step + 1]).abs().max())
        if (step + 1) % config.batch == 0:
            result.performance.append((hits / config.batch, misses / config.batch))
            phi, hits, misses = (misses / config.batch, hits / config.batch), 0, 0
    return result


def _snapshots(record: dict[str, Tensor], layer: str, last: int) -> dict[int, Tensor]:
    found = {steps: record[f"w{layer}_after_{steps}"] for steps in (1, 10, 100) if f"w{layer}_after_{steps}" in record}
    return {**found, last: record[f"w{layer}"]}
