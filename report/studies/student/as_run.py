"""The earlier replication as its program runs, step by step, in readable form; nothing of it is compiled.

Running that program beside ours (`agreement`) showed rules that reading it had not:

- A cell of C1 or C2 passes on every spike of its window, so it may spike several times, and each spike adds its weight
  to the potentials of the next layer again (`pooled`).
- Whether an input was in time is asked of the *sum* of the steps that its spikes leave until the end: two late spikes
  count as an early one (`left`, `change`).
- A map that wins several times in an image learns from its last win only (`change`).
- A neuron fires at its threshold already (`fire`).
- Winners of S2 inhibit their surroundings up to a distance of 2. Where nobody is left to win, the first neuron of the
  first map does (`winners`).
- Rates double after every fifth batch of 100, but not after a pass's first (`later`; read in the loop that trains).

As in that program all images of a batch meet the same weights. Spikes are (T, N, C, H, W), 0 or 1. `training`
trains by these rules.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from rstdp.competition import SILENT

LAYERS = {"s1": (5, 3), "s2": (8, 2)}  #: winners of an image, and how far they inhibit
THRESHOLD, POOL, PADDING = 15.0, {"s1": 2, "s2": 3}, {"s1": 1, "s2": 2}  #: padding comes behind the pooling
BATCH, FIRST_RATE = 100, 0.004  #: images; of potentiation in S1 and S2
BOUNDS, CLASSES = (0.2, 0.8), 10
REWARD, PUNISHMENT = (0.004, -0.003), (-0.004, 0.0005)  #: of inputs that have spiked, and of the others


def in_steps(function: Callable[[Tensor], Tensor], spikes: Tensor) -> Tensor:
    """A function of (N, C, H, W), applied to every step."""
    return function(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2])


def fire(currents: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes, one a neuron, in the first step in which its potential reaches the threshold; and the last potentials."""
    potential = currents.cumsum(0)
    reached = potential >= THRESHOLD
    return (reached & (reached.cumsum(0) == 1)).to(currents.dtype), potential[-1]


def pooled(spikes: Tensor, name: str) -> Tensor:
    """C1 or C2, padded: in every step, whether anybody in the window spikes."""
    return F.pad(in_steps(lambda step: F.max_pool2d(step, POOL[name]), spikes), (PADDING[name],) * 4)


def left(spikes: Tensor) -> Tensor:
    """(N, C, H, W): how many steps, its own counted, a spike leaves until the end; of several spikes the sum."""
    return (torch.arange(len(spikes), 0, -1, dtype=spikes.dtype).view(-1, 1, 1, 1, 1) * spikes).sum(0)


def layer(inputs: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and last potentials of a layer whose inputs are padded already."""
    return fire(in_steps(lambda step: F.conv2d(step, weight), inputs))


def read_out(counts: Tensor, weight: Tensor) -> Tensor:
    """Potentials of S3 (N, F, H, W) at the end, from how often each cell of C2 has spiked (N, C, H, W)."""
    return F.conv2d(counts, weight)


def winners(steps: Tensor, potential: Tensor, count: int, radius: int) -> Tensor:
    """Indices (N, count) of neurons: the earliest, of those the one with the highest last potential, then the first.
    steps: as `left` gives them."""
    height, width = potential.shape[2:]
    rank = torch.where(steps > 0, steps * (2 * potential.max() + 1) + potential, 0)
    found, rows, columns = [], torch.arange(height), torch.arange(width)
    for _ in range(count):
        found.append(rank.flatten(1).argmax(1))
        row, column = found[-1] // width % height, found[-1] % width
        near = [((line - at[:, None]).abs() <= radius) for line, at in ((rows, row), (columns, column))]
        rank = rank.masked_fill((near[0][:, :, None] & near[1][:, None])[:, None], 0)
    return torch.stack(found, 1)


def change(weight: Tensor, pre: Tensor, post: Tensor, potential: Tensor, won: Tensor,
           rates: list[tuple[float, float]], soft: bool) -> Tensor:
    """What a batch changes: pre and post as `left` gives them, won (N, count), rates of each image. soft: w (1 - w)."""
    size, (height, width), total = weight.shape[-1], potential.shape[2:], torch.zeros_like(weight)
    for image, indices in enumerate(won.tolist()):
        step = {}
        for f, row, column in ((i // (height * width), i // width % height, i % width) for i in indices):
            if potential[image, f, row, column] > 0:
                field = pre[image, :, row:row + size, column:column + size]
                in_time = field >= post[image, f, row, column]
                plus, minus = (torch.tensor(rate, dtype=weight.dtype) for rate in rates[image])
                step[f] = torch.where(in_time, plus, minus)  # not added to that of an earlier win of this map
        for f, rate in step.items():
            total[f] += rate * (weight[f] * (1 - weight[f]) if soft else 1)
    return total


def later(plus: float, batch: int) -> float:
    """The rate of potentiation after the batch of this number in its pass."""
    return min(2 * plus, 0.15) if batch and batch % 5 == 0 else plus


def both(plus: float) -> tuple[float, float]:
    """The rates of potentiation and of depression."""
    return plus, -0.75 * plus


def learned(weight: Tensor, name: str, pre: Tensor, post: Tensor, potential: Tensor, plus: float) -> Tensor:
    """New weights of S1 or S2 after a batch; pre and post as `left` gives them."""
    won = winners(post, potential, *LAYERS[name])
    step = change(weight, pre, post, potential, won, [both(plus)] * len(won), soft=True)
    return (weight + step).clamp(0, 1)


def decide(potential: Tensor) -> Tensor:
    """Decisions (N,): the index of the strongest neuron among all, modulo 10; -1 where no potential is positive."""
    most, index = potential.flatten(1).max(1)
    return torch.where(most > 0, index % CLASSES, SILENT)


def learned_s3(weight: Tensor, counts: Tensor, potential: Tensor, right: Tensor, phi: tuple[float, float]) -> Tensor:
    """New weights of S3 after a batch: the winners of right decisions (N,) are rewarded, all others punished.
    potential: what `read_out` gives."""
    scaled = [tuple(rate * factor for rate in pair) for pair, factor in zip((REWARD, PUNISHMENT), phi)]
    each = [scaled[0] if good else scaled[1] for good in right.tolist()]
    won = potential.flatten(1).argmax(1)[:, None]
    post = torch.ones_like(potential)  # an input that has spiked at all was in time
    return (weight + change(weight, counts, post, potential, won, each, soft=False)).clamp(*BOUNDS)
