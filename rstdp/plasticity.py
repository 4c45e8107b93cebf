r"""How weights change: STDP, reward-modulated STDP, and rules of one's own. Book chapters: 04 and 06.

One rule for both. For a winner that fires at :math:`t_i` and an input that fires at :math:`t_j` (silent: never),

.. math:: \delta = \begin{cases} \alpha\phi_r a_r^+ + \beta\phi_p a_p^- & t_j \le t_i \\
          \alpha\phi_r a_r^- + \beta\phi_p a_p^+ & \text{otherwise} \end{cases}

and :math:`\Delta w = \delta\, w(1-w)` (`stdp`: S1, S2), or :math:`\Delta w = \delta` (`additive`: S3), within the
layer's bounds. STDP: :math:`\alpha=\phi_r=1, \beta=0`. Reward: :math:`\alpha=1,\beta=0`; punishment:
:math:`\alpha=0,\beta=1`; a neutral signal changes nothing. A rule of one's own is a function under a name:

    @plasticity.register("mine")
    def mine(weight, pre, post, plus, minus): ...

    config = SPYKETORCH.replace({"s1.rule": "mine"})
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Layer

#: (weights (C, K, K) of one map, spike times of their inputs, spike time of the winner, a+, a-) -> new weights
Rule = Callable[[Tensor, Tensor, int, float, float], Tensor]


def receptive_field(times: Tensor, row: int, column: int, window: int, padding: int, bins: int) -> Tensor:
    """Spike times (C, K, K) of the inputs that the neuron at (row, column) sees; padding is silent."""
    padded = F.pad(times, (padding,) * 4, value=bins)
    return padded[:, row:row + window, column:column + window]


def delta(weight: Tensor, pre: Tensor, post, plus, minus) -> Tensor:
    """delta of the equation above: `plus` for inputs no later than the winner's spike, `minus` for the others; numbers,
    or tensors that go with `weight`. Raises ValueError where weights and inputs differ in shape."""
    if weight.shape != pre.shape:
        raise ValueError(f"weights {tuple(weight.shape)} and receptive field {tuple(pre.shape)} differ in shape")
    gain, loss = (torch.as_tensor(rate, dtype=weight.dtype, device=weight.device) for rate in (plus, minus))
    return torch.where(pre <= post, gain, loss)


def stdp(weight: Tensor, pre: Tensor, post: int, plus: float, minus: float) -> Tensor:
    """New weights of one winner: the factor w(1 - w) slows a weight down on its way to 0 or 1."""
    return weight + delta(weight, pre, post, plus, minus) * (weight * (1 - weight))


def additive(weight: Tensor, pre: Tensor, post: int, plus: float, minus: float) -> Tensor:
    """New weights of one winner without that factor: only the layer's bounds stop a weight."""
    return weight + delta(weight, pre, post, plus, minus)


BUILT_IN = ("stdp", "additive")
RULES: dict[str, Rule] = {}  #: rules of one's own


def register(name: str) -> Callable[[Rule], Rule]:
    """Decorator: make a rule known under a name that a configuration can use. Raises ValueError for a built-in name."""
    if name in BUILT_IN:
        raise ValueError(f"{name!r} is a built-in rule; choose another name")
    return lambda rule: RULES.update({name: rule}) or rule


def get_rule(name: str) -> Rule:
    """A rule by name, looked up now: `plasticity.stdp = mine` counts too. Raises ValueError with the known names."""
    if name not in (*BUILT_IN, *RULES):
        raise ValueError(f"unknown rule {name!r}; known are {', '.join((*BUILT_IN, *RULES))}; "
                         "plasticity.register makes a new one known")
    return globals()[name] if name in BUILT_IN else RULES[name]


def learn(rule: Rule, weight: Tensor, pre: Tensor, post: int, rates: tuple[float, float],
          bounds: tuple[float, float]) -> None:
    """Change the weights (C, K, K) of one winner in place, within the bounds. Raises ValueError for a broken rule."""
    new = rule(weight.clone(), pre.to(weight.device), post, *rates)
    if not torch.is_tensor(new) or new.shape != weight.shape or new.isnan().any():
        raise ValueError(f"the rule {getattr(rule, '__name__', rule)!r} must return new weights of shape "
                         f"{tuple(weight.shape)} without NaN, it returned {getattr(new, 'shape', type(new).__name__)}")
    weight[:] = new.clamp(*bounds)


@dataclass
class DoublingRate:
    """Learning rates of S1 and S2: a+ and a- double every `double_every` images until a+ reaches its limit.
    SpykeTorch doubles before it shows the 500th, 1000th, ... image and cuts a+ off at the limit, with a- = -0.75 a+;
    the paper doubles while a+ is under the limit, so the last doubling may pass it (`overshoot`)."""
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


def reward_rates(rates: Any, phi_r: float, phi_p: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """(plus, minus) for a rewarded and for a punished winner; rates: a configuration, or what else names the four.
    phi_r = misses / N and phi_p = hits / N of the last batch: rare outcomes weigh more, which keeps the network from
    unlearning what it already does right."""
    return ((rates.reward_plus * phi_r, rates.reward_minus * phi_r),
            (rates.punish_minus * phi_p, rates.punish_plus * phi_p))


def hits_and_misses(decisions: Tensor, labels: Tensor) -> tuple[int, int]:
    """How many decisions (N,) are right and how many wrong; a silent one, -1, is neither."""
    hits = int((decisions == labels).sum())
    return hits, int((decisions >= 0).sum()) - hits
