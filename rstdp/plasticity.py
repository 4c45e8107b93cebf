r"""STDP and reward-modulated STDP. Book chapters: 04 and 06.

One rule for both. For a winner that fires at :math:`t_i` and an input that fires at :math:`t_j` (silent: never),

.. math:: \delta = \begin{cases} \alpha\phi_r a_r^+ + \beta\phi_p a_p^- & t_j \le t_i \\
          \alpha\phi_r a_r^- + \beta\phi_p a_p^+ & \text{otherwise} \end{cases}

and :math:`\Delta w = \delta\, w(1-w)` (S1, S2), or :math:`\Delta w = \delta` within hard bounds (S3).
STDP: :math:`\alpha=\phi_r=1, \beta=0`. Reward: :math:`\alpha=1,\beta=0`; punishment: :math:`\alpha=0,\beta=1`;
a neutral signal changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Config, Layer


def receptive_field(times: Tensor, row: int, column: int, window: int, padding: int, bins: int) -> Tensor:
    """Spike times (C, K, K) of the inputs that the neuron at (row, column) sees; padding is silent."""
    padded = F.pad(times, (padding,) * 4, value=bins)
    return padded[:, row:row + window, column:column + window]


def stdp(weight: Tensor, pre: Tensor, post: int, plus: float, minus: float, low: float = 0.0, high: float = 1.0,
         stabilise: bool = True) -> Tensor:
    """New weights (C, K, K) of one winner; inputs no later than the spike gain `plus`, later or silent ones `minus`.

    weight: float32; pre: spike times of its receptive field, same shape; post: spike time of the winner.
    `stabilise` multiplies by (w - low)(high - w), w(1 - w) for the default bounds; weights stay in [low, high].
    """
    if weight.shape != pre.shape:
        raise ValueError(f"weights {tuple(weight.shape)} and receptive field {tuple(pre.shape)} differ in shape")
    change = torch.where(pre <= post, torch.tensor(plus, dtype=weight.dtype), torch.tensor(minus, dtype=weight.dtype))
    change = change.to(weight.device)
    if stabilise:
        change = change * ((weight - low) * (high - weight))
    return (weight + change).clamp(low, high)


@dataclass
class DoublingRate:
    """Learning rates of S1 and S2: a+ and a- double every `double_every` images until a+ reaches its limit.

    SpykeTorch doubles before it shows the 500th, 1000th, ... image and cuts a+ off at the limit, with
    a- = -0.75 a+; the paper doubles while a+ is under the limit, so the last doubling may pass it (`overshoot`).
    """

    plus: float
    minus: float
    double_every: int
    limit: float
    overshoot: bool = False
    seen: int = 0

    @classmethod
    def of(cls, layer: Layer) -> DoublingRate:
        return cls(layer.plus, layer.minus, layer.double_every, layer.plus_limit, layer.overshoot)

    def until_next(self) -> int:
        """How many images can be shown with the present rates; the 500th image is the first of the next rates."""
        return self.double_every - (self.seen + 1) % self.double_every

    def advance(self, images: int) -> None:
        """Count images; `images` must not exceed `until_next()`."""
        self.seen += images
        if (self.seen + 1) % self.double_every == 0 and self.plus < self.limit:
            ratio = self.minus / self.plus
            plus = np.float32(self.plus * 2 if self.overshoot else min(self.plus * 2, self.limit))
            self.plus, self.minus = float(plus), float(np.float32(ratio) * plus)  # rates are float32, as weights are


def reward_rates(config: Config, phi_r: float, phi_p: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """(plus, minus) for a rewarded and for a punished winner.

    phi_r = misses / N and phi_p = hits / N of the last batch: rare outcomes weigh more, which keeps the network from
    unlearning what it already does right. By plain STDP every winner learns as if rewarded, with phi_r = 1.
    """
    if config.s3_rule == "stdp":
        return 2 * ((config.reward_plus, config.reward_minus),)
    reward = (config.reward_plus * phi_r, config.reward_minus * phi_r)
    punishment = (config.punish_minus * phi_p, config.punish_plus * phi_p)
    return reward, punishment
