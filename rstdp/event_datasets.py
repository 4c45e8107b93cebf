"""N-MNIST, real or simulated, as data sets of spike times: "nmnist", "nmnist-simulated", "nmnist-transfer".

A name may end in an encoding, "nmnist/first"; without one it is `event_encoding.DEFAULT`. Nothing is downloaded.
"""

from __future__ import annotations

import dataclasses
import functools

import torch
from torch import Tensor

from . import event_encoding, nmnist, saccades
from .datasets import Dataset, load
from .encoding import BINS

NAMES = ("nmnist", "nmnist-simulated", "nmnist-transfer")
FITTED = 200  #: the first training images, whose recordings the simulator was fitted to
REAL = 1000  #: the first training images, whose real recordings test what was learned from simulated ones
PART = 1000  #: recordings held at a time


def parse(name: str) -> tuple[str, str]:
    """"nmnist/first" -> ("nmnist", "first"). Raises ValueError with the known names."""
    kind, _, encoding = name.partition("/")
    encoding = encoding or event_encoding.DEFAULT
    if kind not in NAMES or encoding not in event_encoding.ENCODINGS:
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(NAMES)}, each alone or with /"
                         + ", /".join(event_encoding.ENCODINGS))
    return kind, encoding


def recorded(part: str, encoding: str, root=None) -> tuple[Tensor, Tensor, Tensor]:
    """Real recordings of "Train" or "Test": spike times (N, C, H, W), labels (N,) and numbers (N,)."""
    function, parts = event_encoding.ENCODINGS[encoding], []
    for first in range(0, len(nmnist.files(part, root)), PART):
        recordings = nmnist.load(part, root, first, PART)
        parts.append((function(recordings), torch.from_numpy(recordings.labels), torch.from_numpy(recordings.numbers)))
    times, labels, numbers = (torch.cat(columns) for columns in zip(*parts))
    return times, labels, numbers


def simulated(images: Tensor, encoding: str, first: int = 0, seed: int = 0) -> Tensor:
    """Images (N, 28, 28) uint8 -> spike times (N, C, H, W) of their simulated recordings, about a millisecond each."""
    function = event_encoding.ENCODINGS[encoding]
    return torch.cat([function(saccades.simulate(part.numpy(), first=first + PART * i, seed=seed))
                      for i, part in enumerate(images.split(PART))])


@functools.lru_cache(maxsize=1)
def load_events(name: str, train: int = 0, test: int = 0) -> Dataset:
    """A data set of spike times, see NAMES.

    "nmnist": the real recordings at hand. "nmnist-simulated": from all of MNIST, test images with noise of their own.
    "nmnist-transfer": trained on the simulated recordings of MNIST's training images but the first 1,000, tested on the
    real recordings that the simulator was not fitted to. train, test: the first so many only, 0 for all. Raises
    ValueError for an unknown name, DataError for missing recordings.
    """
    kind, encoding = parse(name)
    if kind == "nmnist":
        parts = [recorded(part, encoding) for part in nmnist.FULL]
        return Dataset(name, *parts[0][:2], *parts[1][:2], bins=BINS).subset(train, test)
    mnist = load("mnist")
    if kind == "nmnist-simulated":
        mnist = mnist.subset(train, test)
        return dataclasses.replace(mnist, name=name, train_images=simulated(mnist.train_images, encoding),
                                   test_images=simulated(mnist.test_images, encoding, seed=1), bins=BINS)
    (times, labels, numbers), (test_times, test_labels, _) = (recorded(part, encoding) for part in nmnist.FULL)
    mine = (numbers > FITTED) & (numbers <= REAL)
    last = REAL + train if train else len(mnist.train_images)
    made = simulated(mnist.train_images[REAL:last], encoding, first=REAL)
    return Dataset(name, made, mnist.train_labels[REAL:last], torch.cat([times[mine], test_times]),
                   torch.cat([labels[mine], test_labels]), bins=BINS).subset(train, test)
