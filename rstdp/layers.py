"""Spiking convolution and pooling, stepping through time with SpikingJelly. Book chapter: 03.

Spike times (N, C, H, W) uint8 in and out, `bins` for silent. Compiled twins: in `fast`.

Exactness. Potentials are sums of float64 weights on a grid of 2**-40 (`on_grid`), so no sum is rounded, its order does
not matter, and a tie is a true tie. Only where a potential comes within `BAND` of the threshold does rounding decide
whether the oracle fires; there its float32 sum is repeated in its order (`float32_potentials`).
"""

import numpy as np
import torch
import torch.nn.functional as F
from spikingjelly.activation_based import functional
from spikingjelly.activation_based.layer import Conv2d
from torch import Tensor, nn

from .config import Layer
from .encoding import BINS, first_spike, spike_wave
from .neuron import SingleSpikeIF

GRID = 2.0**40
BAND = 2.0**-14  #: potentials this close to a threshold are decided by the oracle's float32 sum


def on_grid(weight: Tensor) -> Tensor:
    """Weights as float64 multiples of 2**-40 (an error below 5e-13): their sums are then exact in any order."""
    return (weight.detach().double() * GRID).round() / GRID


class SpikingConv2d(nn.Module):
    """Convolution without bias, then `SingleSpikeIF`, stepping through time.
    Input and output: spikes (T, N, C, H, W); weight: (F, C, K, K) float32, summed as float64. After a call, `neuron.v`
    holds the final potentials (N, F, H', W') and `potentials` those of every step."""

    def __init__(self, weight: Tensor, threshold: float, padding: int = 0):
        super().__init__()
        maps, channels, window, _ = weight.shape
        self.conv = Conv2d(channels, maps, window, padding=padding, bias=False, step_mode="m")
        self.conv.weight = nn.Parameter(on_grid(weight), requires_grad=False)
        self.neuron = SingleSpikeIF(threshold, step_mode="s")

    def forward(self, wave: Tensor) -> Tensor:
        functional.reset_net(self)
        steps = [(self.neuron(current), self.neuron.v) for current in self.conv(wave.to(self.conv.weight.dtype))]
        spikes, self.potentials = (torch.stack(each) for each in zip(*steps))
        return spikes


def conv_times(times: Tensor, weight: Tensor, threshold: float, padding: int = 0, bins: int = BINS) -> Tensor:
    """Spike times (N, C, H, W) of a spiking convolution's input -> (N, F, H', W') uint8 of its output.
    weight: (F, C, K, K) float32, not negative; threshold: strictly above fires. Raises ValueError where these do not
    fit together."""
    return step_through(times, weight, threshold, padding, bins)[0]


def step_through(times: Tensor, weight: Tensor, threshold: float, padding: int, bins: int) -> tuple[Tensor, Tensor]:
    """`conv_times`, and the potentials of every step (bins, N, F, H', W') float64."""
    check_input(times, weight)
    conv = SpikingConv2d(weight, threshold, padding)
    spikes = conv(spike_wave(times, bins))
    near = (conv.potentials - threshold).abs() <= BAND
    if near.any():  # there the oracle's rounding decides
        spikes = conv.potentials > threshold
        spikes[near] = float32_potentials(times, weight, padding, near.nonzero()) > torch.tensor(threshold).float()
    return first_spike(spikes), conv.potentials


def float32_potentials(times: Tensor, weight: Tensor, padding: int, places: Tensor) -> Tensor:
    """The potentials (n,) float32 of some neurons as torch's convolution sums them: by row, column, then channel.
    places: (n, 5) int64 rows (step, image, map, row, column)."""
    window, padded, weight = weight.shape[-1], F.pad(times, (padding,) * 4, value=255), on_grid(weight).float()
    fields = padded.unfold(2, window, 1).unfold(3, window, 1)  # (N, C, H', W', K, K), a view
    found = []
    for part in places.split(2000):  # a few hundred numbers each
        step, image, feature, row, column = part.T
        in_time = fields[image, :, row, column] <= step[:, None, None, None]
        taps = torch.where(in_time, weight[feature], 0).permute(0, 2, 3, 1).flatten(1)
        found.append(taps.numpy(force=True).cumsum(1)[:, -1])  # one after the other; torch.cumsum would sum in float64
    return torch.from_numpy(np.concatenate(found)).to(times.device)


def final_potentials(times: Tensor, weight: Tensor, padding: int = 0, bins: int = BINS) -> Tensor:
    """Potentials (N, F, H', W') float64 after the last step: what an infinite threshold leaves to read out."""
    check_input(times, weight)
    conv = SpikingConv2d(weight, float("inf"), padding)
    conv(spike_wave(times, bins))
    return conv.neuron.v


def pool_first_spike(times: Tensor, window: int, stride: int, ceil: bool = False) -> Tensor:
    """Earliest-spike pooling: a C cell repeats the first spike of its window, so its time is the window's minimum.
    (N, C, H, W) -> (N, C, H', W') uint8. Without `ceil` an incomplete window at the border is dropped."""
    return 255 - F.max_pool2d(255 - times, window, stride, ceil_mode=ceil)


def pooled_times(times: Tensor, weight: Tensor, layer: Layer, bins: int = BINS) -> Tensor:
    """Spike times (N, C, H, W) of an S layer's input -> (N, F, H', W') uint8 of the pooling behind it."""
    fired = conv_times(times, weight, layer.threshold, layer.padding, bins)
    return pool_first_spike(fired, layer.pool, layer.stride, layer.ceil)


def pool_max_potential(potentials: Tensor) -> Tensor:
    """Maximum-potential pooling over each feature map (C3): (N, F, H, W) -> (N, F)."""
    return potentials.amax(dim=(2, 3))


def check_input(times: Tensor, weight: Tensor) -> None:
    """Raise ValueError unless spike times (N, C, H, W) and weights (F, C, K, K), none negative, fit together."""
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3]:
        raise ValueError(f"weights must have the shape (maps, channels, K, K), got {tuple(weight.shape)}")
    if weight.numel() and not float(weight.min()) >= 0:
        raise ValueError("weights must not be negative or NaN: the model's potentials never fall")
    if times.ndim != 4 or times.dtype != torch.uint8:
        raise ValueError(f"spike times must be uint8 of shape (N, C, H, W), got {times.dtype} {tuple(times.shape)}")
    if times.shape[1] != weight.shape[1]:
        raise ValueError(f"the input has {times.shape[1]} channels, the weights expect {weight.shape[1]}")
