"""Data sets by name: MNIST, scikit-learn's digits, and whatever else is registered. Importing this downloads nothing.

A data set is a function under a name, and so is an encoder, which turns what a data set holds into spike times:

    @data.encoder("mine")
    def mine(images): ...          # (N, 28, 28) uint8 -> spike times (N, C, H, W) uint8, `encoding.BINS` for silence

    data.load("digits/mine")

Without an encoder a data set of images stays what it is, and the network's own filters encode it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .encoding import BINS

DIGITS_TEST = 360  #: the last of scikit-learn's 1,797 digits, by other writers than the first


class DataError(RuntimeError):
    """A data set is missing or damaged; the message names the file and says what to do."""


@dataclass(frozen=True)
class Dataset:
    """Grey images (N, 28, 28) uint8 and labels (N,) int64, for training and for testing.

    Data of an event camera have spike times (N, C, H, W) in the images' place, and say how many `bins` these have.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    bins: int = 0  #: of spike times; 0 for grey images

    @property
    def channels(self) -> int:
        """What the network's first layer sees: the encoder's six channels, or those of the spike times."""
        return self.train_images.shape[1] if self.bins else 6

    def subset(self, train: int | None = None, test: int | None = None) -> Dataset:
        """The first `train` and `test` images; None or 0 takes all. Raises ValueError where there are fewer."""
        for name, wanted, have in (("train", train, len(self.train_images)), ("test", test, len(self.test_images))):
            if wanted and not 0 < wanted <= have:
                raise ValueError(f"{self.name} has {have} {name} images, {wanted} were asked for")
        train, test = train or len(self.train_images), test or len(self.test_images)
        return dataclasses.replace(self, train_images=self.train_images[:train], train_labels=self.train_labels[:train],
                                   test_images=self.test_images[:test], test_labels=self.test_labels[:test])

    def split(self, validation: int) -> tuple[Dataset, Tensor, Tensor]:
        """Hold out the last `validation` training images: (the rest, their images, their labels)."""
        if not 0 <= validation < len(self.train_images):
            raise ValueError(f"cannot hold out {validation} of {len(self.train_images)} training images")
        keep = len(self.train_images) - validation
        rest = dataclasses.replace(self, train_images=self.train_images[:keep], train_labels=self.train_labels[:keep])
        return rest, self.train_images[keep:], self.train_labels[keep:]

    def checksum(self) -> str:
        """md5 over all images and labels, for the provenance of results."""
        digest = hashlib.md5()
        for part in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(part.contiguous().numpy().tobytes())
        return digest.hexdigest()


class Source(NamedTuple):
    """A data set that is registered: how to load it, what it holds before encoding, and its usual encoder, if any."""

    load: Callable[..., Dataset]
    holds: str
    encoder: str


DATASETS: dict[str, Source] = {}
ENCODERS: dict[str, tuple[Callable[[Any], Tensor], str]] = {}  #: name -> (function, what it reads)


def register(name: str, holds: str = "images", encoder: str = "") -> Callable:
    """Decorator: make a data set known, a function (train, test) -> `Dataset` of the first so many images, 0 for all.

    One that holds something else than images names what, and its usual encoder; its function then takes the encoder's
    function as a third argument.
    """
    return lambda function: DATASETS.setdefault(name, Source(function, holds, encoder)) and function


def encoder(name: str, reads: str = "images") -> Callable:
    """Decorator: make an encoder known, a function of what data sets hold (`reads`) -> spike times (N, C, H, W) uint8."""
    return lambda function: ENCODERS.update({name: (function, reads)}) or function


def load(name: str = "digits", train: int | None = None, test: int | None = None) -> Dataset:
    """A data set by name, with or without an encoder: "digits", "mnist", "nmnist", "digits/mine".

    MNIST comes from the folder that RSTDP_DATA names if it holds MNIST/raw, else torchvision downloads it to
    ~/.cache/rstdp. train, test: only the first so many images. Raises DataError for a missing or damaged file and
    ValueError for an unknown name.
    """
    kind, _, encoding = name.partition("/")
    source = DATASETS.get(kind, Source(Dataset, "", ""))
    encode, reads = ENCODERS.get(encoding or source.encoder, (None, ""))
    if kind not in DATASETS or ((encoding or source.encoder) and reads != source.holds):
        fitting = [each for each, (_, reads) in ENCODERS.items() if kind not in DATASETS or reads == source.holds]
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(DATASETS)}"
                         + (f", with an encoder as in {kind if source.holds else 'digits'}/{fitting[0]}: "
                            + ", ".join(fitting) if fitting else ""))
    if source.holds != "images":
        return dataclasses.replace(source.load(train or 0, test or 0, encode), name=name)
    found = source.load(train or 0, test or 0)
    if encode is None:
        return found
    return dataclasses.replace(found, name=name, bins=BINS, train_images=encode(found.train_images),
                               test_images=encode(found.test_images))


def _cache() -> Path:
    """Where torchvision downloads MNIST to."""
    return Path.home() / ".cache" / "rstdp"


def at_hand(name: str) -> bool:
    """Whether `load` finds a data set on this machine, without a download."""
    named, kind = Path(os.environ.get("RSTDP_DATA", "")), name.partition("/")[0]
    if kind in ("nmnist", "nmnist-transfer") and not (named / "NMNIST" / "Train").is_dir():
        return False
    return kind in ("digits", "nmnist") or any(
        (root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").exists() for root in (named, _cache()))


@register("digits")
def _digits(train: int, test: int) -> Dataset:
    """scikit-learn's 8x8 digits, enlarged to 20x20 and centred in 28x28 as MNIST's are."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = np.round(digits.images * 255 / 16).astype(np.uint8)
    large = np.zeros((len(small), 28, 28), dtype=np.uint8)
    for image, target in zip(small, large):
        target[4:24, 4:24] = np.asarray(Image.fromarray(image).resize((20, 20), Image.Resampling.BILINEAR))
    images, labels = torch.from_numpy(large), torch.from_numpy(digits.target.astype(np.int64))
    return Dataset("digits", images[:-DIGITS_TEST], labels[:-DIGITS_TEST], images[-DIGITS_TEST:],
                   labels[-DIGITS_TEST:]).subset(train, test)


@register("mnist")
def _mnist(train: int, test: int) -> Dataset:
    named = os.environ.get("RSTDP_DATA")
    local = named if named and (Path(named) / "MNIST" / "raw").is_dir() else None
    folder = Path(local) if local else _cache()
    raw = folder / "MNIST" / "raw"
    for split, count in (("train", 60000), ("t10k", 10000)):
        for kind, size in (("images-idx3", 16 + 784 * count), ("labels-idx1", 8 + count)):
            file = raw / f"{split}-{kind}-ubyte"
            if file.exists() and file.stat().st_size != size:
                raise DataError(f"{file} has {file.stat().st_size} bytes, {size} were expected: it is truncated or "
                                "another file. Delete it and load MNIST again")
            if local and not file.exists():
                raise DataError(f"{file} is missing. Put MNIST's four IDX files there; without the folder MNIST/raw "
                                "torchvision downloads them; or use the data set 'digits', which needs no download")
    torchvision = import_torchvision()
    try:
        parts = [torchvision.datasets.MNIST(folder, train=part, download=not local) for part in (True, False)]
    except (RuntimeError, OSError, ValueError, AssertionError) as error:
        raise DataError(f"MNIST could not be loaded from or downloaded to {folder}: {error}. Without a connection, set "
                        "RSTDP_DATA to a folder with MNIST/raw/, or use the data set 'digits'") from error
    return Dataset("mnist", *(each for part in parts for each in (part.data, part.targets))).subset(train, test)


def import_torchvision():
    """Return the torchvision module, also where its compiled operators do not load.

    torchvision's wheels on PyPI are built against CUDA; beside a CPU build of torch their import stops at
    `operator torchvision::nms does not exist`. Datasets and transforms need none of these operators, so declaring
    the two missing schemas is enough. Where torchvision imports by itself, nothing is touched.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    module = importlib.import_module("torchvision")
    vars(module)["_schemas"] = library  # the declarations live as long as the library object
    return module
