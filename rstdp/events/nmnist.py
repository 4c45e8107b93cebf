"""N-MNIST recordings (Orchard et al. 2015): reading, checking and writing them.

A silicon retina looked at each MNIST digit on a screen while a motor moved it along a triangle: three saccades of
105 ms. Every recording is one file, <part>/<label>/NNNNN.bin, and recording i was made from MNIST image i - 1. An event
is 40 bits, most significant first: column (8), row (8), polarity (1), time in microseconds (23).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..data import DataError
from ..images.sources import named

SIZE = 34  #: rows and columns of the sensor
SACCADES = 3
SACCADE = 105_000  #: duration of a saccade in microseconds
FULL = {"Train": 60000, "Test": 10000}  #: recordings in all of N-MNIST
GET = ("N-MNIST comes as Train.zip and Test.zip from Garrick Orchard's page (garrickorchard.com, datasets, N-MNIST) or "
       "from Mendeley Data; unpack both into the folder NMNIST of RSTDP_DATA, so that NMNIST/Train/0 to NMNIST/Train/9 "
       "and NMNIST/Test/0 to NMNIST/Test/9 hold .bin files. 'nmnist-simulated' needs no recordings")


@dataclass(frozen=True)
class Recordings:
    """The events of N recordings, one after the other, each in the order of time.

    x, y: column and row, uint8; polarity: uint8, 1 for "on"; t: int32, microseconds since the recording began;
    starts: (N + 1,) int64, recording i has the events starts[i]:starts[i + 1]; labels, numbers: (N,) int64.
    """

    x: np.ndarray
    y: np.ndarray
    polarity: np.ndarray
    t: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def counts(self) -> np.ndarray:
        """Events of each recording, (N,) int64."""
        return np.diff(self.starts)

    def events(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(x, y, polarity, t) of one recording."""
        part = slice(self.starts[index], self.starts[index + 1])
        return self.x[part], self.y[part], self.polarity[part], self.t[part]

    def split(self, size: int) -> Iterator[Recordings]:
        """Consecutive parts of `size` recordings, without copying events."""
        for first in range(0, len(self), size):
            last = min(first + size, len(self))
            part = slice(self.starts[first], self.starts[last])
            yield Recordings(self.x[part], self.y[part], self.polarity[part], self.t[part],
                             self.starts[first:last + 1] - self.starts[first], self.labels[first:last],
                             self.numbers[first:last])

    @classmethod
    def of(cls, parts: Sequence[tuple], labels, numbers) -> Recordings:
        """From one (x, y, polarity, t) for each recording."""
        columns = [np.concatenate([part[i] for part in parts]) if parts else np.empty(0) for i in range(4)]
        kinds = (np.uint8, np.uint8, np.uint8, np.int32)
        starts = np.concatenate([[0], np.cumsum([len(part[0]) for part in parts])]).astype(np.int64)
        x, y, polarity, t = (column.astype(kind) for column, kind in zip(columns, kinds))
        return cls(x, y, polarity, t, starts, np.asarray(labels, dtype=np.int64), np.asarray(numbers, dtype=np.int64))


def read(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One file -> (x, y, polarity) uint8 and t int32 (microseconds) of its events.

    Raises DataError that names the file where it is missing, empty or truncated, or holds an event outside of the
    34 x 34 sensor or earlier than the one before.
    """
    try:
        raw = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}). {GET}") from error
    if not len(raw) or len(raw) % 5:
        raise DataError(f"{path} has {len(raw)} bytes; events take 5 each, so it is "
                        f"{'truncated or no recording' if len(raw) else 'empty'}. Unpack it again")
    raw = raw.reshape(-1, 5)
    x, y, polarity = raw[:, 0], raw[:, 1], raw[:, 2] >> 7
    t = (raw[:, 2] & 127).astype(np.int32) << 16 | raw[:, 3].astype(np.int32) << 8 | raw[:, 4]
    outside = np.flatnonzero((x >= SIZE) | (y >= SIZE))
    if len(outside):
        at = outside[0]
        raise DataError(f"{path}: event {at} lies at column {x[at]}, row {y[at]}, outside of the {SIZE} x {SIZE} "
                        "sensor: the file is damaged or of another data set. Unpack it again")
    back = np.flatnonzero(np.diff(t) < 0)
    if len(back):
        raise DataError(f"{path}: event {back[0] + 1} is earlier than the one before: the file is damaged. "
                        "Unpack it again")
    return x, y, polarity, t


def write(path: str | os.PathLike, x, y, polarity, t) -> None:
    """Write events (see `read`) in the original format. Raises ValueError for values that it cannot hold."""
    x, y, polarity, t = (np.asarray(column).astype(np.int64) for column in (x, y, polarity, t))
    for name, column, limit in (("x", x, 256), ("y", y, 256), ("polarity", polarity, 2), ("t", t, 1 << 23)):
        if len(column) and not 0 <= column.min() <= column.max() < limit:
            raise ValueError(f"{name} must lie in 0..{limit - 1} to fit into an event")
    columns = (x, y, polarity << 7 | t >> 16, t >> 8 & 255, t & 255)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(np.stack(columns, axis=1).astype(np.uint8).tobytes())


def folder(root: str | os.PathLike | None = None) -> Path:
    """The folder NMNIST, in `root` or in what RSTDP_DATA names. Raises DataError that says where to get it."""
    root = root or named()
    if not root:
        raise DataError(f"RSTDP_DATA does not say where N-MNIST is. {GET}")
    if not (Path(root) / "NMNIST").is_dir():
        whole = Path(root).resolve()
        above = [each.parent for each in (whole, *whole.parents) if each.name == "NMNIST"]
        tip = f" It lies above: set RSTDP_DATA to {above[0]}." if above else ""
        raise DataError(f"{Path(root) / 'NMNIST'} is missing.{tip} {GET}")
    return Path(root) / "NMNIST"


def here() -> bool:
    """Whether RSTDP_DATA names a folder with recordings."""
    return (Path(os.environ.get("RSTDP_DATA", "/nowhere")) / "NMNIST" / "Train").is_dir()


def files(part: str, root: str | os.PathLike | None = None) -> list[tuple[int, int, Path]]:
    """(number, label, path) of all recordings of "Train" or "Test", in the order of their numbers.

    Raises DataError where there are none, a number appears twice, or a name or folder is not as it should be.
    """
    if part not in FULL:
        raise ValueError(f"part must be 'Train' or 'Test', got {part!r}")
    where = folder(root) / part
    found: dict[int, tuple[int, int, Path]] = {}
    for path in sorted(where.glob("[!.]*/[!.]*.bin")):  # ._00001.bin and the like are a Mac's, not recordings
        number, label = path.stem, path.parent.name
        if not (number.isdecimal() and label.isdecimal() and int(label) < 10 and 1 <= int(number) <= FULL[part]):
            raise DataError(f"{path} is no N-MNIST recording: <label>/<number>.bin is expected, with a label of 0 to 9 "
                            f"and a number of 1 to {FULL[part]}")
        if int(number) in found:
            raise DataError(f"{path} and {found[int(number)][2]} have the same number: one of them is misplaced")
        found[int(number)] = (int(number), int(label), path)
    if not found:
        raise DataError(f"{where} holds no recordings. {GET}")
    return [found[number] for number in sorted(found)]


def load(part: str, root: str | os.PathLike | None = None, first: int = 0, count: int | None = None) -> Recordings:
    """Recordings of "Train" or "Test", from the `first` on, `count` of them or all (all of N-MNIST take 1.7 GB)."""
    chosen = files(part, root)[first:None if count is None else first + count]
    return Recordings.of([read(path) for _, _, path in chosen], [label for _, label, _ in chosen],
                         [number for number, _, _ in chosen])


def check(root: str | os.PathLike | None = None,
          mnist_labels: dict[str, torch.Tensor] | None = None) -> dict[str, dict]:
    """Read every file, and say of each part how many recordings and events there are, and whether it is complete.

    mnist_labels: {"Train": (60000,), "Test": (10000,)}; with them the label of recording i must be that of image i - 1.
    Raises DataError for the first file that is damaged or misplaced.
    """
    report = {}
    for part, full in FULL.items():
        listed, events = files(part, root), []
        for number, label, path in listed:
            if mnist_labels and int(mnist_labels[part][number - 1]) != label:
                raise DataError(f"{path} has the label {label}, MNIST's image {number - 1} is a "
                                f"{int(mnist_labels[part][number - 1])}: it is misplaced or of another data set")
            events.append(len(read(path)[0]))
        report[part] = {"recordings": len(listed), "complete": len(listed) == full, "events": sum(events),
                        "fewest": min(events), "most": max(events)}
    return report
