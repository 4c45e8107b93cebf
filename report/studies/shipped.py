"""How good the weights are that come with `rstdp`: their accuracy on MNIST's test images, in seconds."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from rstdp.learning import shares
from rstdp.network import PRETRAINED, load_pretrained

from ..lab.registry import result
from ..lab.runner import Job


def weights_md5() -> str:
    """md5 over the shipped weights, layer by layer."""
    with np.load(PRETRAINED / "mnist.npz") as stored:
        return hashlib.md5(b"".join(stored[name].tobytes() for name in ("s1", "s2", "s3"))).hexdigest()


@result("shipped", "the accuracy of the weights that come with rstdp; seconds", needs=("core",), dataset="mnist")
def make(job: Job) -> None:
    """Classify all test images; one row."""
    network, data = load_pretrained("mnist"), job.data
    accuracy, silent = shares(network.classify(data.test_images), data.test_labels)
    job.write("accuracy.csv", pd.DataFrame([{"passes": network.config.s3.epochs, "images": len(data.test_labels),
                                             "test_accuracy": accuracy, "silent": silent}]))
    job.describe(data_md5=data.checksum(), weights_md5=weights_md5())
