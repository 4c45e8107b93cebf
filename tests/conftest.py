"""Shared pieces: the golden values, MNIST where it is there, and a small trained network."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from report.studies.verify import agreement
from rstdp import data
from rstdp.training import Trainer

GOLDEN = Path(__file__).parent / "golden_spyketorch_digits.npz"
SMALL = agreement.GOLDEN.replace({"s1.epochs": 2, "s2.epochs": 3, "s3.epochs": 3})


@pytest.fixture(scope="session")
def golden():
    with np.load(GOLDEN) as data:
        return {key: torch.from_numpy(data[key]) for key in data.files}


@pytest.fixture(scope="session")
def small():
    return SMALL


@pytest.fixture(scope="session")
def digits():
    return data.load("digits")


@pytest.fixture(scope="session")
def mnist():
    if not (Path(os.environ.get("RSTDP_DATA", "/nowhere")) / "MNIST" / "raw").is_dir():
        pytest.skip("MNIST: RSTDP_DATA does not point to a folder with MNIST/raw")
    return data.load("mnist")


@pytest.fixture(scope="session")
def trained(digits):
    """The small network, trained on 300 digits."""
    return Trainer(SMALL, digits.subset(300, 60), seed=1, quiet=True).run()
