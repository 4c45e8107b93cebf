"""Spike times on disk, computed once and then mapped into memory: little memory, and a quick start the next time."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .network import Network


def key(network: Network, data: str, layers: tuple[str, ...]) -> str:
    """Fingerprint of what spike times depend on: the data, the encoder, and configuration and weights of `layers`."""
    config = network.config
    parts = [data, config.bins, config.dog_threshold, config.dog_scale, config.normalisation, config.remainder]
    parts += [dataclasses.astuple(dataclasses.replace(network.layer(name), epochs=0)) for name in layers]
    digest = hashlib.sha256(repr(parts).encode())
    for name in layers:
        digest.update(network.weights[name].numpy().tobytes())
    return digest.hexdigest()[:16]


def stored(folder: Path, name: str, parts: Iterable[Tensor], images: int) -> Tensor:
    """The spike times (images, C, H, W) uint8 of folder/name.npy, mapped; made from `parts` where it is missing.

    parts: consecutive batches, drawn only when needed. A file appears whole or not at all; a damaged one is made again.
    Raises OSError where the folder cannot be written or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, unfinished = folder / f"{name}.npy", folder / f"{name}.{os.getpid()}.tmp"
    try:
        return torch.from_numpy(np.load(path, mmap_mode="c"))
    except (OSError, ValueError, EOFError):
        pass
    out, done = None, 0
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
    return torch.from_numpy(np.load(path, mmap_mode="c"))
