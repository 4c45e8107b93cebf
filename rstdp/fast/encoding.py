"""The encoder, compiled: `filters`, `normalisation` and `latency`, image by image. Twin: `encoding.encode`.

Of a response only the bin matters, not its exact rank. So means are summed in an order of our own; where that could
exchange two responses at the edge of a bin, they are computed again as the oracle does. The result is that of the three
steps in `encoding`, spike by spike.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from ..encoding import BINS, as_images, check_latency, dog_kernels
from .conv import jit
from .filters import PLACES, Filters, empty_planes, respond
from .latency import empty_boxes, latencies
from .normalisation import normalised


@jit
def spike_times(images, filters, radius, bins, last):
    """Images (N, H, W), 0..255 -> spike times (N, F, H, W) uint8; `bins` means silent.

    radius: of the local normalisation, 0 for none; last: the spikes left over by the division join the last bin.
    """
    n, height, width = images.shape
    channels, pad = 2 * len(filters.half), filters.half.max()
    planes, boxes = empty_planes(channels, height, width, radius), empty_boxes(channels * height * width)
    pixels = np.zeros((height + 2 * pad) * (width + 2 * pad) + PLACES, np.float32)
    room = np.empty((4, planes.values.shape[1]), np.float32)
    values, places = np.empty(len(boxes.box), np.float32), np.empty(len(boxes.box), np.int32)
    times = np.full((n, channels, height, width), bins, np.uint8)
    for i in range(n):
        respond(images[i], filters, pixels, planes)
        count = normalised(planes, radius, values, places, room)
        if count:
            latencies(values[:count], places[:count], boxes, planes, radius, bins, bins - 1 if last else bins,
                      times[i].reshape(times[i].size))
    return times


@functools.lru_cache
def _filters(scale: str, threshold: float) -> Filters:
    return Filters.of(dog_kernels(scale=scale).numpy(), threshold)


def encode(images, bins: int = BINS, threshold: float = 50.0, radius: int = 8, remainder: str = "silent",
           scale: str = "maximum") -> Tensor:
    """Images (N, H, W) uint8 -> spike times (N, 6, H, W) uint8, as `encoding.encode`, on the CPU."""
    images, filters = as_images(images), _filters(scale, threshold)
    check_latency(bins, remainder)
    return torch.from_numpy(spike_times(images.contiguous().numpy(), filters, radius, bins, remainder == "last"))
