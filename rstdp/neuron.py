"""The neuron of every layer: integrate-and-fire, no leak, at most one spike an image. Book chapter: 02."""

from __future__ import annotations

import torch
from spikingjelly.activation_based import neuron
from torch import Tensor


class SingleSpikeIF(neuron.SimpleBaseNode):
    r"""Non-leaky integrate-and-fire neuron that fires once and is not reset by its spike.

    .. math:: V_i(t) = V_i(t-1) + \sum_j w_{ij} s_j(t), \qquad s_i(t) = 1 \text{ the first time that } V_i(t) > \theta

    Input: synaptic currents, (N, *) in step mode "s" (one step a call), (T, N, *) in "m" (all at once); output: spikes
    0 or 1 of the same shape. v_threshold: in units of synaptic weight; with infinity the neuron never fires and `v` is
    read out at the end. The potential `v` keeps growing after the spike (winners are compared by it);
    `functional.reset_net` starts a new image."""

    v: Tensor
    fired: Tensor

    def __init__(self, v_threshold: float = 1.0, step_mode: str = "s"):
        super().__init__(v_threshold=float(v_threshold), v_reset=None, step_mode=step_mode)
        self.register_memory("fired", 0.0)

    def neuronal_charge(self, x: Tensor) -> None:
        self.v = self.v + x

    def neuronal_fire(self) -> Tensor:
        fired = torch.as_tensor(self.fired, device=self.v.device)
        spike = ((self.v > self.v_threshold) & (fired == 0)).to(self.v.dtype)
        self.fired = fired + spike
        return spike

    def neuronal_reset(self, spike: Tensor) -> None:
        """No reset after a spike: the potential goes on integrating."""
