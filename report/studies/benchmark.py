"""Time every stage, ours and SpykeTorch's in one run, alternating, on the same images and weights, one thread each.

SpykeTorch takes part where it can be imported; without it the columns stay empty. Writes benchmark.csv (milliseconds
an image and their ratio), scaling.csv (how the cost grows) and provenance.json to report/results/benchmark. What a
training run sets up once an epoch (the 8-bit copy of S3's weights) is set up before the clock starts.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from rstdp import encoding, learning
from rstdp.config import SPYKETORCH
from rstdp.data import Dataset
from rstdp.network import Network, load_pretrained
from rstdp.plasticity import DoublingRate

from ..lab import provenance
from ..lab.registry import fingerprint, result
from ..lab.runner import Job
from .verify import oracle

COLUMNS = ("stage", "ours_ms", "spyketorch_ms", "ratio", "threads", "machine")
REPEATS = 5  #: rounds of the alternating measurement; the median counts
OURS_MORE = 10  #: our stages are so short that they run on this many times the images


def milliseconds(function: Callable[[], object], images: int) -> float:
    started = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - started) / images


class Stages:
    """Our stages on `images` (N, 28, 28), each a function without arguments; weights learn in copies.

    lower: the network that computes what the layers receive, if it is another one.
    """

    def __init__(self, network: Network, images, labels, lower: Network | None = None):
        self.network, self.images, self.labels, lower = network, images, labels, lower or network
        self.times = lower.encode(images)
        self.c1 = lower.pooled("s1", self.times)
        self.c2 = lower.pooled("s2", self.c1)

    def copy(self) -> Network:
        copied = Network(self.network.config, self.network.seed)
        copied.weights = {name: weight.clone() for name, weight in self.network.weights.items()}
        return copied

    def all(self) -> dict[str, Callable[[], object]]:
        learner, config = self.copy(), self.network.config
        learn, readout = learning.rstdp_learner(learner), self.network.readout()
        rates = [DoublingRate.of(config.s1), DoublingRate.of(config.s2)]
        return {
            "encoding": lambda: self.network.encode(self.images),
            "S1 learning": lambda: learning.learn_stdp(learner, "s1", self.times, rates[0]),
            "S2 learning": lambda: learning.learn_stdp(learner, "s2", self.c1, rates[1]),
            "S2 learning, S1 not kept": lambda: learning.learn_stdp(
                learner, "s2", self.network.pooled("s1", self.times), rates[1]),
            "S3 learning": lambda: learn(self.c2, self.labels, (0.05, 0.95)),
            "S3 test": lambda: readout.winners(self.c2),
            "inference, image to decision": lambda: self.network.classify(self.images),
        }


def compare(data: Dataset, images: int) -> list[tuple]:
    """Rows of COLUMNS. Ours and SpykeTorch's stages alternate, so that a noisy machine disturbs both alike."""
    network = load_pretrained("mnist")
    ours = Stages(network, data.train_images[:OURS_MORE * images], data.train_labels[:OURS_MORE * images]).all()
    theirs = {}
    if oracle.available():
        theirs = oracle.stages(network, data.train_images[:images], data.train_labels[:images])
    theirs["S2 learning, S1 not kept"] = theirs.get("S2 learning")
    measured: dict[str, tuple[list, list]] = {stage: ([], []) for stage in ours}
    for function in ours.values():  # compile first
        function()
    for _ in tqdm(range(REPEATS), desc="rounds"):
        for stage, function in ours.items():
            measured[stage][0].append(milliseconds(function, OURS_MORE * images))
            if theirs.get(stage):
                measured[stage][1].append(milliseconds(theirs[stage], images))
    return rows(measured, f"{provenance.processor()}, {sys.platform}")


def rows(measured: dict[str, tuple[list, list]], machine: str) -> list[tuple]:
    """Rows of COLUMNS from milliseconds an image, ours and SpykeTorch's, of every stage."""
    found = []
    for stage, (mine, other) in measured.items():
        found.append(row(stage, statistics.median(mine), statistics.median(other) if other else None, machine))
    by_stage = {line[0]: line for line in found}
    learn, test = by_stage["S3 learning"], by_stage["S3 test"]
    # as in an epoch of MNIST: 60,000 images to learn, 10,000 to test
    mine, other = ((6 * learn[i] + test[i]) / 7 if learn[i] else None for i in (1, 2))
    found.append(row("S3 learning with test", mine, other, machine))
    return found


def row(stage: str, mine: float, other: float | None, machine: str) -> tuple:
    return stage, round(mine, 4), other and round(other, 3), other and round(other / mine, 1), 1, machine


def widened(network: Network, name: str, factor: int) -> Network:
    """A network whose layer `name` has its trained maps `factor` times; only that layer is of use."""
    wide = Network(network.config.replace({f"{name}.maps": factor * network.layer(name).maps}))
    wide.weights = {**network.weights, name: network.weights[name].repeat(factor, 1, 1, 1)}
    return wide


def scaling(data: Dataset) -> list[tuple]:
    """How our cost grows with images, maps of the learning layer, and bins: rows (what, value, stage, ms an image)."""
    trained, found = load_pretrained("mnist"), []
    learning_stages = {"s1": "S1 learning", "s2": "S2 learning", "s3": "S3 learning"}
    everything = ("encoding", *learning_stages.values(), "inference, image to decision")

    def measure(what: str, value: int, network: Network, stages: Sequence[str], images: int = 400, lower=None) -> None:
        functions = Stages(network, data.train_images[:images], data.train_labels[:images], lower).all()
        for stage in stages:
            functions[stage]()
            repeats = [milliseconds(functions[stage], images) for _ in range(REPEATS)]
            found.append((what, value, stage, round(statistics.median(repeats), 4)))

    for images in (100, 200, 400, 800):
        measure("images", images, trained, everything, images)
    for factor in (1, 2, 4):
        for name, stage in learning_stages.items():
            measure("times the maps", factor, widened(trained, name, factor), [stage], lower=trained)
    for bins in (8, 15, 30, 60):
        timed = Network(trained.config.replace({"bins": bins}))
        timed.weights = trained.weights
        measure("bins", bins, timed, everything)
    return found


@fingerprint("benchmark", first="ac62a8b01f30")
def probe() -> Iterator:
    """What every stage gives on a few images, and the table of made-up times."""
    network = Network(SPYKETORCH.replace({"s1.maps": 6, "s2.maps": 8, "s3.maps": 20, "s2.threshold": 4}))
    random = np.random.default_rng(0)
    images = torch.from_numpy(np.kron(random.integers(0, 256, (6, 7, 7)), np.ones((4, 4))).astype(np.uint8))
    stages = Stages(network, images, torch.arange(6)).all()
    for stage, function in stages.items():
        yield stage
        yield function()
    yield network.winners(Stages(network, images, torch.arange(6), widened(network, "s2", 1)).c2)
    made_up = {stage: ([float(i), i + 0.5, i + 7.0], [10.0 * i] if i > 3 else []) for i, stage in enumerate(stages, 1)}
    yield from rows(made_up, "")
    yield REPEATS, OURS_MORE


@result("benchmark", "milliseconds an image of every stage, against SpykeTorch where it can be imported",
        needs=("core", "benchmark"), dataset="mnist", settings={"images": 40})
def make(job: Job) -> None:
    """Measure, write, print."""
    torch.set_num_threads(1)
    images = job.settings.images  # a round for SpykeTorch
    growth, peak = scaling(job.data), provenance.peak_memory_mb()  # of ours, before SpykeTorch joins
    found = compare(job.data, images)
    job.write("benchmark.csv", pd.DataFrame(found, columns=COLUMNS))
    job.write("scaling.csv", pd.DataFrame(growth, columns=["what", "value", "stage", "ours_ms"]))
    job.describe(images=images, repeats=REPEATS, bins=encoding.BINS, spyketorch=oracle.available(),
                 peak_memory_mb=peak)
    for stage, mine, other, *_ in found:
        against = f"   SpykeTorch {other:8.3f} ms   {other / mine:7.1f} times" if other else ""
        print(f"{stage:32s} {mine:9.4f} ms{against}")
    print(f"written: {job.out}")
