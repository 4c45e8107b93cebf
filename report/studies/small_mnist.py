"""The images of MNIST that come with `rstdp`, as the data set "mnist-small": their features look like digits."""

from __future__ import annotations

import numpy as np

from rstdp.data import Dataset
from rstdp.files import write_npz
from rstdp.images.sources import SMALL

from ..lab.registry import result
from ..lab.runner import Job
from .live_page import SOURCE

TRAIN, TEST = 1600, 400  #: the first of MNIST's


def arrays(data: Dataset) -> dict[str, np.ndarray]:
    """What the file holds: images and labels, unchanged, uint8, and whose they are."""
    few = data.subset(TRAIN, TEST)
    return {"train_images": few.train_images.numpy(), "train_labels": few.train_labels.numpy().astype(np.uint8),
            "test_images": few.test_images.numpy(), "test_labels": few.test_labels.numpy().astype(np.uint8),
            "source": np.array(SOURCE)}


@result("mnist-small", "rstdp/images", needs=(), dataset="mnist", recorded=False)
def make(job: Job) -> None:
    """Write the file that `load("mnist-small")` reads."""
    write_npz(SMALL, compressed=True, **arrays(job.data))
    print(f"{SMALL}: {SMALL.stat().st_size:,} bytes")
