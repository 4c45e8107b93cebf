"""MNIST's four IDX files: found under either spelling, packed or not, and told from what is not MNIST."""

from __future__ import annotations

import gzip
import hashlib
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..data import DataError

COUNTS = {"train": 60000, "t10k": 10000}
CHECKSUMS = {"train-images": "6bbc9ace898e44ae57da46a324031adb", "train-labels": "a25bea736e30d166cdddb491f175f624",
             "t10k-images": "2646ac647ad5339dbf082846283269ea", "t10k-labels": "27ae3e4e09519cfbb04c329615203637"}
AGAIN = "Delete it and load MNIST again"


def names(part: str) -> list[str]:
    """How the file of a part ("t10k-images") may be called; the first is the usual name."""
    kind = "idx3" if part.endswith("images") else "idx1"
    return [f"{part}{mark}{kind}-ubyte{end}" for end in ("", ".gz") for mark in ("-", ".")]


def find(raw: Path, part: str) -> Path | None:
    """The file of a part in the folder `raw`, if it is there."""
    return next((raw / name for name in names(part) if (raw / name).is_file()), None)


def missing(raw: Path, split: str | None = None) -> list[str]:
    """The parts that the folder lacks, of "train" or "t10k" or of both."""
    return [part for part in CHECKSUMS if (not split or part.startswith(split)) and find(raw, part) is None]


def load(raw: Path, split: str) -> tuple[Tensor, Tensor]:
    """Images (N, 28, 28) uint8 and labels (N,) int64 of "train" or "t10k".

    Raises DataError that names the file where one is missing, damaged or not MNIST's. Files that may be MNIST by shape
    and labels, and are not by checksum, are taken with a warning.
    """
    for part in missing(raw, split):
        others = sorted(path.name for path in raw.glob("*ubyte*"))[:8]
        raise DataError(f"{raw / names(part)[0]} is missing{'; beside it are ' + ', '.join(others) if others else ''}. "
                        "Put MNIST's four IDX files there, unpacked or as .gz, or use the data set 'digits', which "
                        "needs no download")
    (image_file, pixels), (label_file, labels) = (read(raw, f"{split}-{kind}") for kind in ("images", "labels"))
    known = [hashlib.md5(content).hexdigest() == CHECKSUMS[f"{split}-{kind}"]
             for kind, content in (("images", pixels), ("labels", labels))]
    images, targets = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28), labels[8:]
    if not all(known):
        counts = np.bincount(np.frombuffer(targets, np.uint8), minlength=10)
        if len(counts) > 10 or not counts.all():
            raise DataError(f"{label_file} has the labels {', '.join(map(str, np.flatnonzero(counts)[-3:]))}, MNIST "
                            "has 0 to 9: it is of another data set, perhaps EMNIST, or damaged")
        if len(set(counts)) == 1:
            raise DataError(f"{label_file} has {counts[0]} of every label, as Fashion-MNIST, KMNIST and EMNIST have, "
                            "and MNIST has not: these files are of another data set")
        turned = hashlib.md5(pixels[:16] + images.transpose(0, 2, 1).tobytes()).hexdigest()
        if turned == CHECKSUMS[f"{split}-images"]:
            raise DataError(f"{image_file} holds MNIST's images with rows and columns exchanged, as EMNIST stores "
                            "them; every image has to be transposed")
        if any(known):
            wrong, right = (label_file, image_file) if known[0] else (image_file, label_file)
            raise DataError(f"{wrong} is not MNIST's by its checksum, {right.name} beside it is: it is damaged or of "
                            f"another data set. {AGAIN}")
        warnings.warn(f"{image_file} and {label_file.name} have MNIST's shape and labels, but not its checksums: what "
                      "follows holds for them, not for MNIST", stacklevel=2)
    return torch.from_numpy(images.copy()), torch.from_numpy(np.frombuffer(targets, np.uint8).astype(np.int64))


def read(raw: Path, part: str) -> tuple[Path, bytes]:
    """The file of a part and its unpacked content, with as many bytes and the header that MNIST's has."""
    path, axes = find(raw, part) or raw / names(part)[0], 3 if part.endswith("images") else 1
    shape = (COUNTS[part.split("-")[0]], 28, 28)[:axes]
    start, size = 4 + 4 * axes, 4 + 4 * axes + int(np.prod(shape))
    try:
        with open(path, "rb") as file:  # what is packed is told by its first bytes: browsers unpack and keep the name
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}). If it is damaged, delete it and load MNIST again") from error
    found = tuple(np.frombuffer(content[4:start], ">u4").tolist()) if len(content) >= start else shape
    if len(content) >= start and content[:4] != bytes((0, 0, 8, axes)):
        raise DataError(f"{path} does not begin as an IDX file of {part.split('-')[1]} does: it is damaged or another "
                        f"file. {AGAIN}")
    if found != shape:
        cut = found[0] < shape[0] and found[1:] == shape[1:]
        raise DataError(f"{path} holds {' x '.join(map(str, found))}, MNIST's has {' x '.join(map(str, shape))}: it is "
                        f"{'cut' if cut else 'of another data set, perhaps EMNIST'}. {AGAIN}")
    if len(content) != size:
        length = f"{'more' if len(content) > size else len(content)} bytes unpacked" if packed else (
            f"{path.stat().st_size} bytes")
        raise DataError(f"{path} has {length}, {size} were expected: it is truncated or another file. {AGAIN}")
    return path, content
