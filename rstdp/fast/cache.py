"""Spike times on disk, computed once and then mapped into memory: little memory, and a quick start the next time."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from ..config import LAYERS

if TYPE_CHECKING:
    from ..network import Network


def kept(folder: Path, network: Network, name: str, data: str, parts: Iterable[Tensor], images: int) -> Tensor:
    """What the encoder ("encode"), C1 ("s1") or C2 ("s2") gives for the images of `data`; from `parts` if missing."""
    below = () if name == "encode" else LAYERS[:LAYERS.index(name) + 1]
    split = data.rpartition("-")[2]
    return mapped(folder / f"{name}-{split}-{key(network, data, below)}.npy", parts, images)


def key(network: Network, data: str, layers: tuple[str, ...]) -> str:
    """Fingerprint of what spike times depend on: the data, all parameters but those of layers above, and weights."""
    values: dict[str, Any] = network.config.to_dict() | {"name": ""}
    for name in LAYERS:
        values[name] = values[name] | {"epochs": 0} if name in layers else None
    digest = hashlib.sha256(repr((data, values)).encode())
    for name in layers:
        digest.update(network.weights[name].numpy(force=True).tobytes())
    return digest.hexdigest()[:16]


def mapped(path: Path, parts: Iterable[Tensor], images: int) -> Tensor:
    """The spike times (images, C, H, W) uint8 of a .npy file, mapped into memory; made from `parts` if missing.

    parts: consecutive batches, drawn only when needed. A damaged file is made again. Raises OSError where the folder
    cannot be written or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not usable(path):
        lock = FileLock(path.with_suffix(".lock"))
        try:
            with lock:  # of several processes one makes it, and the others wait
                if not usable(path):
                    make(path, parts, images)
        finally:  # also where a signal came while the lock was being taken; not where somebody else has it
            with contextlib.suppress(Timeout), lock.acquire(timeout=0):
                Path(lock.lock_file).unlink(missing_ok=True)
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def usable(path: Path) -> bool:
    """Whether there is such a file, and whole."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        return np.load(path, mmap_mode="r").ndim == 4
    return False


def make(path: Path, parts: Iterable[Tensor], images: int) -> None:
    """Write the file beside its place and move it there; what a killed process has left beside it is written over."""
    unfinished, out, done = path.with_suffix(".tmp"), None, 0
    try:
        for part in parts:
            if out is None:
                shape = (images, *part.shape[1:])
                out = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
                with open(unfinished, "r+b") as file:  # a mapped write on a full disk would kill the process
                    os.posix_fallocate(file.fileno(), 0, unfinished.stat().st_size)
            out[done:done + len(part)] = part.numpy()
            done += len(part)
        assert out is not None, "there are no images"
        out.flush()
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
