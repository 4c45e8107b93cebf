"""The same bits on every processor: without AVX2 in torch, and without AVX and fused multiply-add in compiled code."""

import os
import subprocess
import sys

import pytest
import torch

from rstdp import fast

CODE = """
import hashlib
import torch
from rstdp import SPYKETORCH, Network, fast, load

images, network = load("digits").train_images[:200], Network(SPYKETORCH, 3)
parts = [fast.encode(images), fast.encode(images, radius=0, scale="centre"), *network.weights.values()]
print(hashlib.md5(b"".join(part.numpy().tobytes() for part in parts)).hexdigest())
"""
#: of the code that made the recorded results, on a processor with AVX2 and fused multiply-add
RECORDED = "494e133126e6cec7916712192c020213"


@pytest.mark.parametrize("processor", [
    {}, {"ATEN_CPU_CAPABILITY": "default"}, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}],
    ids=["this one", "no vectors in torch", "plain x86-64 in numba"])
def test_encoder_and_first_weights(processor):
    run = subprocess.run([sys.executable, "-c", CODE], env={**os.environ, **processor}, capture_output=True, text=True)
    assert run.stdout.strip() == RECORDED, run.stderr


@pytest.mark.parametrize("shape", [(2, 3), (16,), (17,), (30, 6, 5, 5), (4, 3, 5, 5)])
def test_the_generator_moves_on_as_by_torch_and_few_numbers_are_torchs(shape):
    mine, theirs = (torch.Generator().manual_seed(1) for _ in range(2))
    drawn, expected = fast.normal(0.8, 0.05, shape, mine), torch.normal(0.8, 0.05, shape, generator=theirs)
    assert drawn.shape == expected.shape and drawn.dtype == torch.float32
    assert torch.allclose(drawn, expected, atol=2e-7)  # to the bit where torch has AVX2
    assert torch.equal(torch.rand(3, generator=mine), torch.rand(3, generator=theirs))
