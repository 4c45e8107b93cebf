"""The data sets of images that come along: "mnist", and scikit-learn's "digits" as the offline default."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import torch

from ..data import DataError, Dataset, register

DIGITS_TEST = 360  #: the last of scikit-learn's 1,797 digits, by other writers than the first


def folders() -> list[Path]:
    """Where MNIST may be: in the folder that RSTDP_DATA names, and where torchvision downloads it to."""
    named = os.environ.get("RSTDP_DATA")
    return [*([Path(named)] if named else []), Path.home() / ".cache" / "rstdp"]


def mnist_here() -> bool:
    return any((root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").exists() for root in folders())


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
    """From the first of `folders` if it holds MNIST/raw, else from the last, where torchvision downloads it to."""
    local = (folders()[0] / "MNIST" / "raw").is_dir() and len(folders()) > 1
    folder = folders()[0 if local else -1]
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
