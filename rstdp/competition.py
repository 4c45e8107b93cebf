"""Who may learn: pointwise inhibition and k winners take all in S1 and S2, the highest potential in S3. Book: 03, 06.

The compiled twins of `find_winners` and `Readout` are in `fast`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .config import Layer
from .layers import final_potentials, step_through

SILENT = -1  #: the map, and the decision, where no neuron of S3 received a spike


class Winner(NamedTuple):
    """A neuron allowed to learn: its place, the time of its spike, and its potential at that time."""
    feature: int
    row: int
    column: int
    time: int
    potential: float


def potential_at_spike(potentials: Tensor, times: Tensor) -> Tensor:
    """Potentials of every step (T, F, H, W) and spike times (F, H, W) -> the potential when each neuron fired; silent
    neurons (time T) have their last potential, as behind an infinite threshold."""
    return potentials.gather(0, times.long().clamp(max=len(potentials) - 1)[None])[0]


def pointwise_inhibition(times: Tensor, potentials: Tensor, bins: int) -> Tensor:
    """Keep one spike per position: the earliest, then the one of highest potential, then the first map. times,
    potentials at them: (F, H, W). Returns times in which all others are silent."""
    contenders = torch.where(times == times.amin(dim=0, keepdim=True), potentials, -torch.inf)
    maps = torch.arange(len(times), device=times.device).view(-1, 1, 1)
    return torch.where(maps == contenders.argmax(dim=0, keepdim=True), times, bins).to(times.dtype)


def k_winners(times: Tensor, potentials: Tensor, k: int, radius: int, bins: int) -> list[Winner]:
    """Pick up to k winners: earliest spike first, then highest potential at the spike, then first index. Every winner
    silences its map and, in all maps, the square of `radius` around it. times, potentials at them: (F, H, W)."""
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


def find_winners(image: Tensor, weight: Tensor, layer: Layer, bins: int) -> list[Winner]:
    """The neurons of S1 or S2 that may learn from one image, spike times (C, H, W), in the order of winning."""
    times, potentials = step_through(image[None], weight, layer.threshold, layer.padding, bins)
    times, potentials = times[0].cpu(), potential_at_spike(potentials[:, 0].cpu(), times[0].cpu())
    if layer.pointwise:
        times = pointwise_inhibition(times, potentials, bins)
    return k_winners(times, potentials, layer.winners, layer.radius, bins)


class Readout:
    """S3's winner: the neuron with the highest potential at the end, of equals the first.
    weight: (F, C, K, K), between `low` and `high` (which the twin needs); say `learned(map)` after changing a map's."""

    def __init__(self, weight: Tensor, padding: int, bins: int, low: float, high: float):
        self.weight, self.padding, self.bins = weight, padding, bins

    def winners(self, c2: Tensor) -> Tensor:
        """Spike times (N, C, H, W) -> rows (map, position) (N, 2) int64; map SILENT where no input spikes."""
        potentials = final_potentials(c2, self.weight, self.padding, self.bins).flatten(2).cpu()
        best, positions = potentials.flatten(1).argmax(1), potentials.shape[2]
        rows = torch.stack([best // positions, best % positions], dim=1)
        return torch.where((c2 < self.bins).flatten(1).any(1, keepdim=True).cpu(), rows, SILENT)

    def learned(self, feature: int) -> None:
        """The weights of map `feature` have changed; nothing is to be done here."""
