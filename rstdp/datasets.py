"""MNIST, and scikit-learn's digits as the offline default. Importing this module downloads nothing.

N-MNIST, which is spikes already, is read or simulated by `event_datasets`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ._compat import import_torchvision

DATASETS = ("digits", "mnist")
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


def load(name: str = "digits", root: str | os.PathLike | None = None, train: int | None = None,
         test: int | None = None) -> Dataset:
    """A data set by name: "digits" (in scikit-learn, offline), "mnist", or one of `event_datasets.NAMES`.

    MNIST comes from `root`, else from the folder that RSTDP_DATA names if it holds MNIST/raw, else torchvision
    downloads it to ~/.cache/rstdp. train, test: only the first so many images, as `subset`; simulated recordings are
    then made for these alone. Raises DataError for a missing or damaged file and ValueError for an unknown name.
    """
    if name == "digits":
        return _digits().subset(train, test)
    if name == "mnist":
        return _mnist(root).subset(train, test)
    from . import event_datasets  # here, because it builds on this module

    if name.partition("/")[0] in event_datasets.NAMES:
        return event_datasets.load_events(name, train or 0, test or 0)
    raise ValueError(f"unknown data set {name!r}; known are {', '.join(DATASETS + event_datasets.NAMES)}")


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


def _digits() -> Dataset:
    """scikit-learn's 8x8 digits, enlarged to 20x20 and centred in 28x28 as MNIST's are."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = np.round(digits.images * 255 / 16).astype(np.uint8)
    large = np.zeros((len(small), 28, 28), dtype=np.uint8)
    for image, target in zip(small, large):
        target[4:24, 4:24] = np.asarray(Image.fromarray(image).resize((20, 20), Image.Resampling.BILINEAR))
    images, labels = torch.from_numpy(large), torch.from_numpy(digits.target.astype(np.int64))
    return Dataset("digits", images[:-DIGITS_TEST], labels[:-DIGITS_TEST], images[-DIGITS_TEST:], labels[-DIGITS_TEST:])


def _mnist(root: str | os.PathLike | None) -> Dataset:
    named = os.environ.get("RSTDP_DATA")
    local = root or (named if named and (Path(named) / "MNIST" / "raw").is_dir() else None)
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
        train, test = (torchvision.datasets.MNIST(folder, train=part, download=not local) for part in (True, False))
    except (RuntimeError, OSError, ValueError, AssertionError) as error:
        raise DataError(f"MNIST could not be loaded from or downloaded to {folder}: {error}. Without a connection, set "
                        "RSTDP_DATA to a folder with MNIST/raw/, or use the data set 'digits'") from error
    return Dataset("mnist", train.data, train.targets, test.data, test.targets)


def load_image(path: str | os.PathLike) -> Tensor:
    """One's own picture as MNIST prepares its digits: (28, 28) uint8, white on black, 20 pixels large, centre of mass
    in the middle.

    A light background is inverted. Raises DataError where the file is no readable image or shows nothing.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        grey = ImageOps.exif_transpose(Image.open(path)).convert("L")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}); a PNG or JPEG of one digit is needed") from error
    pixels = np.asarray(grey, dtype=np.float32)
    if np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])) > 127:
        pixels = 255 - pixels
    pixels = pixels - pixels.min()
    if pixels.max() < 1:
        raise DataError(f"{path} has one colour all over: there is no digit to see")
    pixels *= 255 / pixels.max()
    rows, columns = np.where(pixels > 64)
    digit = Image.fromarray(pixels[rows.min():rows.max() + 1, columns.min():columns.max() + 1].astype(np.uint8))
    scale = 20 / max(digit.size)
    digit = digit.resize([max(1, round(side * scale)) for side in digit.size], Image.Resampling.LANCZOS)
    canvas, weight = Image.new("L", (28, 28)), np.asarray(digit, dtype=np.float64) + 1e-9
    corner = [round(14 - float(np.average(np.arange(size) + 0.5, weights=weight.sum(axis))))
              for size, axis in ((digit.width, 0), (digit.height, 1))]
    left, top = (min(max(0, at), 28 - size) for at, size in zip(corner, digit.size))
    canvas.paste(digit, (left, top))
    return torch.from_numpy(np.asarray(canvas).copy())
