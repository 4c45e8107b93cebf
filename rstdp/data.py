"""Data sets by name. Those that come along are in `images` and `events`; importing them downloads nothing.

A data set is a function under a name, and so is an encoder, images (N, 28, 28) uint8 -> spike times (N, C, H, W) uint8:

    @data.encoder("mine")
    def mine(images): ...

    data.load("digits/mine")       # without an encoder the network's own filters encode what "digits" holds
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .encoding import BINS


class DataError(RuntimeError):
    """A data set is missing or damaged; the message names the file and says what to do."""


@dataclass(frozen=True)
class Dataset:
    """Grey images (N, 28, 28) uint8 and labels (N,) int64, for training and for testing.

    What is encoded already has spike times (N, C, H, W) in the images' place, and says how many `bins` these have."""
    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    bins: int = 0  #: of spike times; 0 for grey images

    def __post_init__(self):
        for part, labels in ((self.train_images, self.train_labels), (self.test_images, self.test_labels)):
            if (part.ndim, part.dtype, len(part)) != (4 if self.bins else 3, torch.uint8, len(labels)):
                raise ValueError(f"{self.name}: grey images are (N, H, W), spike times (N, C, H, W) with their `bins`, "
                                 f"both uint8; got {tuple(part.shape)} {part.dtype} and {len(labels)} labels")

    @property
    def channels(self) -> int:
        """What the network's first layer sees: the encoder's six channels, or those of the spike times."""
        return self.train_images.shape[1] if self.bins else 6

    def subset(self, train: int | None = None, test: int | None = None) -> Dataset:
        """The first `train` and `test` images; None or 0 takes all. Raises ValueError where there are fewer."""
        kept: dict[str, Any] = {}
        for part, wanted in (("train", train), ("test", test)):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if wanted and not 0 < wanted <= len(images):
                raise ValueError(f"{self.name} has {len(images)} {part} images, {wanted} were asked for")
            kept |= {f"{part}_images": images[:wanted or None], f"{part}_labels": labels[:wanted or None]}
        return dataclasses.replace(self, **kept)

    def split(self, validation: int) -> tuple[Dataset, Tensor, Tensor]:
        """Hold out the last `validation` training images: (the rest, their images, their labels)."""
        keep = len(self.train_images) - validation
        if not 0 < keep <= len(self.train_images):
            raise ValueError(f"cannot hold out {validation} of {len(self.train_images)} training images")
        return self.subset(keep), self.train_images[keep:], self.train_labels[keep:]

    def checksum(self) -> str:
        """md5 over all images and labels, for the provenance of results."""
        digest = hashlib.md5()
        for part in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(part.contiguous().numpy().tobytes())
        return digest.hexdigest()


class Source(NamedTuple):
    """A data set that is registered."""
    load: Callable[..., Dataset]
    holds: str  #: what is there before encoding
    encoder: str  #: the usual one, if any
    here: Callable[[], bool]  #: whether it is on this machine


DATASETS: dict[str, Source] = {}
ENCODERS: dict[str, tuple[Callable[[Any], Tensor], str]] = {}  #: name -> (function, what it reads)


def register(name: str, holds: str = "images", encoder: str = "", here: Callable[[], bool] = lambda: True) -> Callable:
    """Decorator: make a data set known, a function (train, test) -> `Dataset` of the first so many images, 0 for all.
    One that holds something else than images names what, and its usual encoder, which it takes as a third argument."""
    return lambda function: DATASETS.update({name: Source(function, holds, encoder, here)}) or function


def encoder(name: str, reads: str = "images") -> Callable:
    """Decorator: make an encoder known, a function of what data sets hold (`reads`) -> spike times (N, C, H, W)."""
    return lambda function: ENCODERS.update({name: (function, reads)}) or function


def load(name: str = "digits", train: int | None = None, test: int | None = None) -> Dataset:
    """A data set by name, with or without an encoder: "digits", "mnist", "nmnist", "digits/mine".
    train, test: only the first so many images. Raises DataError for a missing or damaged file and ValueError for an
    unknown name."""
    kind, _, encoding = name.partition("/")
    source = DATASETS.get(kind)
    encode, reads = ENCODERS.get(encoding or (source.encoder if source else ""), (None, ""))
    if source is None or (encoding and reads != source.holds):
        fitting = [each for each, (_, reads) in ENCODERS.items() if not source or reads == source.holds]
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(DATASETS)}, each also with an encoder that "
                         f"reads what it holds, as in NAME/ENCODER: {', '.join(fitting) or 'none is registered'}")
    found = source.load(train or 0, test or 0, *([] if source.holds == "images" else [encode]))
    found = dataclasses.replace(found, name=name)
    if encode and source.holds == "images":
        found = dataclasses.replace(found, bins=BINS, train_images=encode(found.train_images),
                                    test_images=encode(found.test_images))
    return found


def at_hand(name: str) -> bool:
    """Whether `load` finds a data set on this machine, without a download."""
    return DATASETS[name.partition("/")[0]].here()
