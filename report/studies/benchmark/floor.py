"""What a stage costs beside its floor: the additions that the spikes force, and how many of them a second are done."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from rstdp.encoding import dog_kernels
from rstdp.fast.conv import jit
from rstdp.network import Network

COLUMNS = ["stage", "additions", "ms", "billions_a_second"]
LANES = ("uint8", "int16", "float32", "float64")  #: the numbers that stages add
ROW, ROUNDS, REPEATS = 2048, 20_000, 5  #: numbers in a row of the probe of the core; how often it is added to another


def reached(inputs: Tensor, windows: Tensor, padding: int) -> float:
    """Additions an image if every input (N, C, H, W) that is not 0 adds to all places whose window (F, K, K) holds it,
    at the taps that are not 0."""
    taps = (windows != 0).float().sum(0)[None, None]
    return float(conv2d((inputs != 0).float().sum(1, keepdim=True), taps, padding=padding).sum()) / len(inputs)


def forced(network: Network, images: Tensor) -> dict[str, float]:
    """By stage: additions an image (N, 28, 28) of its pixels or spikes, one for each weight that an input meets.

    A rule without a clock cannot do with fewer unless it knows beforehand which sums do not matter.
    """
    kernels = dog_kernels()
    found = {"encoding": reached(images[:, None].float(), kernels, kernels.shape[-1] // 2)}
    times = network.encode(images)
    for name in ("s1", "s2", "s3"):
        weight = network.weights[name]
        count = reached((times < network.config.bins).float(), torch.ones(len(weight), *weight.shape[2:]),
                        network.layer(name).padding)
        if name == "s3":
            found |= {"S3 learning": count, "S3 test": count}
        else:
            times = network.pooled(name, times)
            found |= {f"{name.upper()} learning": count, f"{name.upper()} forward": count}
    return found | {"image to decision": sum(found[stage] for stage in ("encoding", "S1 forward", "S2 forward",
                                                                        "S3 test"))}


@jit
def _add(target, source, rounds):
    for _ in range(rounds):
        for i in range(len(target)):
            target[i] += source[i]


def core(kind: str) -> float:
    """Billions of additions a second of one core, of a row of numbers to another in its nearest cache."""
    target, source = np.zeros(ROW, kind), np.ones(ROW, kind)
    _add(target, source, 1)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        _add(target, source, ROUNDS)
        seconds.append(time.perf_counter() - started)
    return ROW * ROUNDS / min(seconds) / 1e9


def rows(network: Network, images: Tensor, ours: pd.DataFrame) -> Iterator[tuple]:
    """COLUMNS for each stage that adds, then what the core can do. ours: our rows of benchmark.csv."""
    additions = forced(network, images)
    for stage, ms in ours.drop_duplicates("stage").set_index("stage").ms.items():
        if count := additions.get(str(stage).partition(",")[0]):
            yield stage, round(count), ms, round(count / ms / 1e6, 2)
    for kind in LANES:
        yield f"core, {kind}", None, None, round(core(kind), 2)
