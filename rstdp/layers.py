"""Spiking convolution and pooling, on both paths. Book chapter: 03.

The reference path steps through time with SpikingJelly; the fast path computes spike times directly (`kernels`).
Both take spike times (N, C, H, W) uint8 and return spike times, `bins` for silent, and agree to the bit.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from spikingjelly.activation_based import functional, layer
from torch import Tensor, nn

from . import kernels
from .encoding import BINS, first_spike, spike_wave
from .neuron import SingleSpikeIF


class SpikingConv2d(nn.Module):
    """Convolution without bias, then `SingleSpikeIF`, stepping through time: the reference path.

    Input and output: spikes (T, N, C, H, W). After a call, `neuron.v` holds the final potentials (N, F, H', W') and
    `potentials` those of every step. Weights are summed as float64 on the grid of `kernels.on_grid`, where sums are
    exact; the stored weight stays float32 (F, C, K, K).
    """

    def __init__(self, weight: Tensor, threshold: float, padding: int = 0):
        super().__init__()
        check_weight(weight)
        maps, channels, window, _ = weight.shape
        self.conv = layer.Conv2d(channels, maps, window, padding=padding, bias=False, step_mode="m")
        exact = torch.from_numpy(kernels.on_grid(weight.detach().cpu().numpy())).to(weight.device)
        self.conv.weight = nn.Parameter(exact, requires_grad=False)
        self.neuron = SingleSpikeIF(threshold, step_mode="s")

    def forward(self, wave: Tensor) -> Tensor:
        functional.reset_net(self)
        currents = self.conv(wave.to(self.conv.weight.dtype))
        potentials, spikes = [], []
        for current in currents:
            spikes.append(self.neuron(current))
            potentials.append(self.neuron.v)
        self.potentials = torch.stack(potentials)
        return torch.stack(spikes)


def conv_times(times: Tensor, weight: Tensor, threshold: float, padding: int = 0, bins: int = BINS,
               path: str = "fast") -> Tensor:
    """Spike times (N, C, H, W) of a spiking convolution's input -> (N, F, H', W') uint8 of its output.

    weight: (F, C, K, K) float32, not negative; threshold: strictly above fires. `path` "fast" or "reference".
    """
    check_input(times, weight)
    if path == "reference":
        return step_through(times, weight, threshold, padding, bins)[0]
    if np.isinf(threshold):
        return torch.full((len(times), *_output_shape(times, weight, padding)), bins, dtype=torch.uint8)
    fast = kernels.maps_last(weight.numpy())
    return torch.from_numpy(kernels.conv_times(times.contiguous().numpy(), fast, float(threshold), padding, bins,
                                               len(weight)))


def step_through(times: Tensor, weight: Tensor, threshold: float, padding: int, bins: int) -> tuple[Tensor, Tensor]:
    """The reference path: spike times (N, F, H', W') uint8 and the potentials of every step (bins, N, F, H', W')."""
    conv = SpikingConv2d(weight, threshold, padding)
    found = first_spike(conv(spike_wave(times, bins)))
    near = (conv.potentials - threshold).abs() <= kernels.BAND
    if near.any():  # there the oracle's rounding decides
        settled = kernels.settle(conv.potentials.numpy(force=True), times.numpy(force=True),
                                 kernels.maps_last(weight.numpy(force=True)), float(threshold), padding)
        found = torch.where(near.any(0), torch.from_numpy(settled).to(found.device), found)
    return found, conv.potentials


def final_potentials(times: Tensor, weight: Tensor, padding: int = 0, bins: int = BINS, path: str = "fast") -> Tensor:
    """Potentials (N, F, H', W') float64 after the last step: what an infinite threshold leaves to read out."""
    check_input(times, weight)
    if path == "reference":
        conv = SpikingConv2d(weight, float("inf"), padding)
        conv(spike_wave(times, bins))
        return conv.neuron.v
    fast = kernels.maps_last(weight.numpy())
    return torch.from_numpy(kernels.final_potentials(times.contiguous().numpy(), fast, padding, bins, len(weight)))


def pool_first_spike(times: Tensor, window: int, stride: int, ceil: bool = False) -> Tensor:
    """Earliest-spike pooling: a C cell repeats the first spike of its window, so its time is the window's minimum.

    (N, C, H, W) -> (N, C, H', W') uint8. Without `ceil` an incomplete window at the border is dropped.
    """
    return 255 - F.max_pool2d(255 - times, window, stride, ceil_mode=ceil)


def pool_max_potential(potentials: Tensor) -> Tensor:
    """Maximum-potential pooling over each feature map (C3): (N, F, H, W) -> (N, F)."""
    return potentials.amax(dim=(2, 3))


def check_weight(weight: Tensor) -> None:
    """Raise ValueError unless `weight` is (F, C, K, K) and not negative (potentials must not fall)."""
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3]:
        raise ValueError(f"weights must have the shape (maps, channels, K, K), got {tuple(weight.shape)}")
    if weight.numel() and not float(weight.min()) >= 0:
        raise ValueError("weights must not be negative or NaN: the model's potentials never fall")


def check_input(times: Tensor, weight: Tensor) -> None:
    """Raise ValueError unless spike times and weights fit together."""
    check_weight(weight)
    if times.ndim != 4 or times.dtype != torch.uint8:
        raise ValueError(f"spike times must be uint8 of shape (N, C, H, W), got {times.dtype} {tuple(times.shape)}")
    if times.shape[1] != weight.shape[1]:
        raise ValueError(f"the input has {times.shape[1]} channels, the weights expect {weight.shape[1]}")


def _output_shape(times: Tensor, weight: Tensor, padding: int) -> tuple[int, int, int]:
    height, width = (size + 2 * padding - weight.shape[-1] + 1 for size in times.shape[2:])
    return len(weight), height, width
