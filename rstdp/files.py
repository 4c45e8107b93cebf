"""Files of results and weights: written whole or not at all; weights are refused where they do not fit."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .config import Config


class CheckpointError(ValueError):
    """A file of weights cannot be used; the message says why and what to do."""


def check_digest(path: str | os.PathLike, stored: str, config: Config) -> None:
    """Raise CheckpointError where a file was written with other parameters."""
    if stored != config.digest():
        raise CheckpointError(f"{path} was written with another configuration (fingerprint {stored}, asked for "
                              f"{config.name!r} {config.digest()}); choose another folder or the same parameters")


def write_whole(path: str | os.PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file next to `path` and move it there: an interrupt or a full disk leaves the old one."""
    temporary = (path := Path(path)).with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path} ({error.strerror}); what was saved before is intact. Free "
                      "space or choose another folder, then run the same command again to resume") from error
    finally:
        if os.path.exists(temporary):
            temporary.unlink()


def write_text(path: str | os.PathLike, text: str) -> None:
    write_whole(path, lambda file: file.write(text.encode()))


def write_npz(path: str | os.PathLike, compressed: bool = False, **arrays) -> None:
    write_whole(path, lambda file: (np.savez_compressed if compressed else np.savez)(file, **arrays))


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz. Raises CheckpointError where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return {key: data[key] for key in data.files}
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        raise CheckpointError(f"{path} is not a readable .npz file ({error}); delete it and train again") from error
