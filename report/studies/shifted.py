"""MNIST whose training images come shifted by a pixel too, as data sets to learn from and to choose by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from rstdp import data
from rstdp.data import Dataset
from rstdp.images import sources

CHOOSE = 5000  #: of MNIST's training images, those that "mnist-shifted-held-out" shows unshifted only, as its last


def shifted(images: Tensor) -> Iterator[Tensor]:
    """Images (N, H, W) moved by one pixel to each of eight sides, zero padded, and last as they are."""
    height, width = images.shape[1:]
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    for y, x in sorted(itertools.product((0, 1, 2), repeat=2), key=lambda at: at == (1, 1)):
        yield padded[:, y:y + height, x:x + width]


def nine_times(whole: Dataset, held_out: int = 0) -> Dataset:
    """A data set whose training images come shifted eight times, and then as they are; of the last `held_out` images
    there are no shifts."""
    shown = len(whole.train_images) - held_out
    *moved, _ = shifted(whole.train_images[:shown])
    return Dataset(whole.name, torch.cat([*moved, whole.train_images]),
                   torch.cat([*[whole.train_labels[:shown]] * len(moved), whole.train_labels]),
                   whole.test_images, whole.test_labels)


@data.register("mnist-shifted", here=sources.mnist_here)
def mnist_shifted(train: int, test: int) -> Dataset:
    """MNIST with each training image shown nine times, shifted by at most a pixel."""
    return nine_times(data.load("mnist", train, test))


@data.register("mnist-shifted-held-out", here=sources.mnist_here)
def mnist_shifted_held_out(train: int, test: int) -> Dataset:
    """The same to choose by: the last training images, to be held out, are in it once."""
    return nine_times(data.load("mnist", train, test), CHOOSE)
