"""What a feature looks for, painted through the layers below it. Book chapter: 05; drawn by `figures.features`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..encoding import dog_kernels


def reconstruct(network, name: str, maps: Sequence[int] | None = None) -> Tensor:
    """What makes the features of layer `name` ("s1", "s2", "s3") fire, as pictures (F, H, W) float32, zero for grey.

    S1: the sum over its channels of weight times DoG kernel, each kernel set down where the weight looks. S2: the sum
    over S1's features of weight times S1's picture, at C1's stride; S3 likewise from S2. A C cell repeats a spike from
    anywhere in its window, so the pictures are averaged over the pooling window. Above S1 each feature's median weight
    is subtracted first: what a feature asks of most of its inputs alike says nothing about its shape. A map of S3 that
    has hardly learned shows a regular pattern. `maps` chooses features; published sizes: 17, 22 and 50 pixels.
    """
    layers = ("s1", "s2", "s3")
    if name not in layers:
        raise ValueError(f"there is no layer {name!r}; known are {', '.join(layers)}")
    pictures, pixels = dog_kernels(scale=network.config.dog_scale)[:, None], 1  # pixels between neighbours of the input
    for below, layer in zip((None, *layers), layers[:layers.index(name) + 1]):
        weight = network.weights[layer].detach().cpu()
        if layer == name and maps is not None:
            weight = weight[list(maps)]
        if below:
            pool, stride = network.layer(below).pool, network.layer(below).stride
            window = torch.zeros(1, 1, (pool - 1) * pixels + 1, (pool - 1) * pixels + 1)
            window[..., ::pixels, ::pixels] = 1 / pool**2
            pictures = F.conv_transpose2d(pictures, window)
            pixels *= stride
            weight = weight - weight.flatten(1).median(dim=1).values[:, None, None, None]
        pictures = F.conv_transpose2d(weight, pictures, stride=pixels)
    return pictures[:, 0]


def reconstruct_pixels(s1: Tensor, s2: Tensor) -> Tensor:
    """The same for S2's maps where S1 sees pixels (book, chapter 10): (x, 34, 34) float32.

    s1: (F, 1, 5, 5); s2: (x, F, 15, 15). The sum over S1's maps of weight times S1's picture, averaged over C1's 2x2
    window.
    """
    pictures = F.conv_transpose2d(s1, torch.full((1, 1, 2, 2), 0.25))
    return F.conv_transpose2d(torch.as_tensor(s2, dtype=torch.float32), pictures, stride=2)[:, 0]
