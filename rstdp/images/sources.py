"""The data sets of images: "mnist"; and, without a download, scikit-learn's "digits" and a small part of MNIST."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path

import numpy as np
import torch

from ..data import DataError, Dataset, register
from . import idx

#: written by `python -m report run mnist-small`
#:
#: :meta hide-value:
SMALL = Path(__file__).with_name("mnist-small.npz")
DIGITS_TEST = 360  #: the last of scikit-learn's 1,797 digits, by other writers than the first


def named() -> Path | None:
    """The folder that RSTDP_DATA names, None where it is not set. Raises DataError where there is no such folder."""
    name = os.environ.get("RSTDP_DATA")
    if name and not os.path.isdir(name):
        tip = "no shell has replaced the ~, so write the whole path" if name.startswith("~") else (
            "correct it, or unset it")
        raise DataError(f"RSTDP_DATA is {name!r}, and there is no such folder: {tip}")
    return Path(name) if name else None


def cache() -> Path:
    """Where torchvision downloads MNIST to. Raises DataError where there is no home directory."""
    try:
        return Path.home() / ".cache" / "rstdp"
    except RuntimeError as error:
        raise DataError("there is no home directory to download MNIST to: set RSTDP_DATA to a folder with MNIST/raw, "
                        "or use the data set 'digits', which needs no download") from error


def mnist_folder() -> Path:
    """The folder that holds MNIST/raw: what RSTDP_DATA names, else `cache`.

    Raises DataError where RSTDP_DATA names something else; then nothing is downloaded behind the reader's back.
    """
    root = named()
    if root is None or (root / "MNIST" / "raw").is_dir():
        return root or cache()
    with contextlib.suppress(DataError):
        if not idx.missing(cache() / "MNIST" / "raw"):
            return cache()  # RSTDP_DATA is for recordings, and MNIST was downloaded before
    whole, tip = root.resolve(), ""
    for raw in (whole / "MNIST", whole / "raw", whole):
        if len(idx.missing(raw)) < len(idx.CHECKSUMS):
            tip = f"MNIST's files are in {raw}: " + (
                f"set RSTDP_DATA to {raw.parents[1]}" if raw.parts[-2:] == ("MNIST", "raw") else
                f"move them to {whole / 'MNIST' / 'raw'}")
    raise DataError(f"RSTDP_DATA names {root}, which has no folder MNIST/raw. "
                    f"{tip or 'Put the four IDX files of MNIST there'}; or unset RSTDP_DATA, then torchvision "
                    "downloads them; or use the data set 'digits', which needs no download")


def mnist_here() -> bool:
    """Whether all of MNIST is on this machine."""
    try:
        return not idx.missing(mnist_folder() / "MNIST" / "raw")
    except DataError:
        return False


@register("digits")
def digits(train: int, test: int) -> Dataset:
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


@register("mnist", here=mnist_here)
def mnist(train: int, test: int) -> Dataset:
    """From MNIST/raw in `mnist_folder`, where it is downloaded to first if RSTDP_DATA is not set.

    Without the training files `train` 1, as an evaluation asks, gives no training images; else they are missing."""
    folder = mnist_folder()
    raw = folder / "MNIST" / "raw"
    if not named() and idx.missing(raw):
        torchvision = import_torchvision()
        try:
            torchvision.datasets.MNIST(folder, train=True, download=True)
        except (RuntimeError, OSError, ValueError, AssertionError) as error:
            raise DataError(f"MNIST could not be loaded from or downloaded to {folder}: {error}. Without a connection, "
                            "set RSTDP_DATA to a folder with MNIST/raw/, or use the data set 'digits'") from error
    if train == 1 and len(idx.missing(raw, "train")) == 2:
        images, labels = idx.load(raw, "t10k")
        return Dataset("mnist", images[:0], labels[:0], images, labels).subset(0, test)
    return Dataset("mnist", *idx.load(raw, "train"), *idx.load(raw, "t10k")).subset(train, test)


@register("mnist-small")
def mnist_small(train: int, test: int) -> Dataset:
    """The first 1,600 training and 400 test images of MNIST, which come with rstdp (CC BY-SA 3.0; LICENSE-text)."""
    with np.load(SMALL) as stored:
        part = {name: torch.from_numpy(stored[name]) for name in stored.files if name != "source"}
    return Dataset("mnist-small", part["train_images"], part["train_labels"].long(), part["test_images"],
                   part["test_labels"].long()).subset(train, test)


def import_torchvision():
    """Return the torchvision module, also where its compiled operators do not load.

    PyPI's torchvision is built against CUDA; beside a CPU build of torch its import stops at `operator torchvision::nms
    does not exist`. Data sets need no such operator, so declaring two schemas is enough; elsewhere nothing is touched.
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
