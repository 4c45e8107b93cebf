"""Who may learn: pointwise inhibition and k winners take all, as readable loops. Book chapter: 03.

The compiled twin is `kernels_stdp.winners`; tests hold the two equal.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Winner(NamedTuple):
    """A neuron allowed to learn: its place, the time of its spike, and its potential at that time."""

    feature: int
    row: int
    column: int
    time: int
    potential: float


def potential_at_spike(potentials: Tensor, times: Tensor) -> Tensor:
    """Potentials of every step (T, F, H, W) and spike times (F, H, W) -> the potential when each neuron fired.

    Silent neurons (time T) have their last potential, as behind an infinite threshold.
    """
    steps = times.long().clamp(max=len(potentials) - 1)
    return potentials.gather(0, steps[None])[0]


def pointwise_inhibition(times: Tensor, potentials: Tensor, bins: int) -> Tensor:
    """Keep one spike per position: the earliest, then the one of highest potential, then the first map.

    times, potentials (at the spike): (F, H, W). Returns times in which all others are silent.
    """
    earliest = times.amin(dim=0, keepdim=True)
    contenders = torch.where(times == earliest, potentials, -torch.inf)
    first_best = contenders.argmax(dim=0, keepdim=True)
    maps = torch.arange(len(times), device=times.device).view(-1, 1, 1)
    return torch.where(maps == first_best, times, bins).to(times.dtype)


def k_winners(times: Tensor, potentials: Tensor, k: int, radius: int, bins: int) -> list[Winner]:
    """Pick up to k winners: earliest spike first, then highest potential at the spike, then first index.

    Every winner silences its feature map and, in all maps, the square of `radius` around it.
    times (F, H, W), `bins` means silent; potentials (F, H, W) at the time of the spike.
    """
    times, chosen = times.clone(), []
    for _ in range(k):
        earliest = int(times.min()) if times.numel() else bins
        if earliest >= bins:
            break
        contenders = torch.where(times == earliest, potentials, -torch.inf)
        feature, row, column = (int(i) for i in torch.unravel_index(contenders.argmax(), times.shape))
        chosen.append(Winner(feature, row, column, earliest, float(potentials[feature, row, column])))
        times[feature] = bins
        times[:, max(0, row - radius):row + radius + 1, max(0, column - radius):column + radius + 1] = bins
    return chosen
