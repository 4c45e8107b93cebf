"""N-MNIST, real or simulated, as data sets of spike times: "nmnist", "nmnist-simulated", "nmnist-transfer".

A name may end in an encoding, "nmnist/first"; without one it is `encodings.DEFAULT`. Nothing is downloaded.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import torch
from torch import Tensor

from ..data import Dataset, load, register
from ..encoding import BINS
from ..images.sources import mnist_here
from . import nmnist, simulator
from .encodings import DEFAULT
from .nmnist import Recordings

FITTED = 200  #: the first training images, whose recordings the simulator was fitted to
REAL = 1000  #: the first training images, whose real recordings test what was learned from simulated ones
PART = 1000  #: recordings held at a time

Encoder = Callable[[Recordings], Tensor]


def recorded(part: str, encode: Encoder) -> tuple[Tensor, Tensor, Tensor]:
    """Real recordings of "Train" or "Test": spike times (N, C, H, W), labels (N,) and numbers (N,)."""
    parts = []
    for first in range(0, len(nmnist.files(part)), PART):
        recordings = nmnist.load(part, first=first, count=PART)
        parts.append((encode(recordings), torch.from_numpy(recordings.labels), torch.from_numpy(recordings.numbers)))
    times, labels, numbers = (torch.cat(columns) for columns in zip(*parts))
    return times, labels, numbers


def simulated(images: Tensor, encode: Encoder, first: int = 0, seed: int = 0) -> Tensor:
    """Images (N, 28, 28) uint8 -> spike times (N, C, H, W) of their simulated recordings, about a millisecond each."""
    return torch.cat([encode(simulator.simulate(part.numpy(), first=first + PART * i, seed=seed))
                      for i, part in enumerate(images.split(PART))])


@register("nmnist", holds="recordings", encoder=DEFAULT, here=nmnist.here)
def real(train: int, test: int, encode: Encoder) -> Dataset:
    """The real recordings at hand. Raises DataError where there are none."""
    parts = [recorded(part, encode) for part in nmnist.FULL]
    return Dataset("nmnist", *parts[0][:2], *parts[1][:2], bins=BINS).subset(train, test)


@register("nmnist-simulated", holds="recordings", encoder=DEFAULT, here=mnist_here)
@functools.lru_cache(maxsize=1)
def from_mnist(train: int, test: int, encode: Encoder) -> Dataset:
    """Simulated from all of MNIST, test images with noise of their own."""
    mnist = load("mnist", train, test)
    return dataclasses.replace(mnist, bins=BINS, train_images=simulated(mnist.train_images, encode),
                               test_images=simulated(mnist.test_images, encode, seed=1))


@register("nmnist-transfer", holds="recordings", encoder=DEFAULT,
          here=lambda: nmnist.here() and mnist_here())
@functools.lru_cache(maxsize=1)
def transfer(train: int, test: int, encode: Encoder) -> Dataset:
    """Trained on the simulated recordings of MNIST's training images but the first 1,000, tested on the real recordings
    that the simulator was not fitted to."""
    mnist = load("mnist")
    (times, labels, numbers), (test_times, test_labels, _) = (recorded(part, encode) for part in nmnist.FULL)
    mine = (numbers > FITTED) & (numbers <= REAL)
    last = REAL + train if train else len(mnist.train_images)
    made = simulated(mnist.train_images[REAL:last], encode, first=REAL)
    return Dataset("nmnist-transfer", made, mnist.train_labels[REAL:last], torch.cat([times[mine], test_times]),
                   torch.cat([labels[mine], test_labels]), bins=BINS).subset(train, test)
