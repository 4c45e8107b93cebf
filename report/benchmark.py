"""Time every stage, ours and SpykeTorch's in one run, alternating, on the same images and weights, one thread each.

    python report/benchmark.py --dataset mnist --images 60

SpykeTorch takes part where it can be imported; without it the columns stay empty. Writes benchmark.csv (milliseconds
an image and their ratio), scaling.csv (how the cost grows) and provenance.json to report/results/benchmark. What a
training run sets up once an epoch (the 8-bit copy of S3's weights) is set up before the clock starts.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch
from tqdm import tqdm

from rstdp import datasets, encoding, learning, oracle, provenance
from rstdp.files import write_json
from rstdp.network import Network, load_pretrained
from rstdp.plasticity import DoublingRate

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
        learned, tested = learner.screening(), self.network.screening()
        rates = [DoublingRate.of(config.s1), DoublingRate.of(config.s2)]
        return {
            "encoding": lambda: self.network.encode(self.images),
            "S1 learning": lambda: learning.learn_stdp(learner, "s1", self.times, rates[0]),
            "S2 learning": lambda: learning.learn_stdp(learner, "s2", self.c1, rates[1]),
            "S2 learning, S1 not kept": lambda: learning.learn_stdp(
                learner, "s2", self.network.pooled("s1", self.times), rates[1]),
            "S3 learning": lambda: learning.learn_rstdp(learner, self.c2, self.labels, (0.05, 0.95),
                                                        screening=learned),
            "S3 test": lambda: self.network.winners(self.c2, screening=tested),
            "inference, image to decision": lambda: self.network.classify(self.images),
        }


def compare(dataset: str, images: int) -> list[tuple]:
    """Rows of COLUMNS. Ours and SpykeTorch's stages alternate, so that a noisy machine disturbs both alike."""
    data, network = datasets.load(dataset), load_pretrained("mnist")
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
    machine = f"{provenance.processor()}, {sys.platform}"
    rows = []
    for stage, (mine, other) in measured.items():
        mine, other = statistics.median(mine), statistics.median(other) if other else None
        rows.append(row(stage, mine, other, machine))
    by_stage = {line[0]: line for line in rows}
    learn, test = by_stage["S3 learning"], by_stage["S3 test"]
    # as in an epoch of MNIST: 60,000 images to learn, 10,000 to test
    mine, other = ((6 * learn[i] + test[i]) / 7 if learn[i] else None for i in (1, 2))
    rows.append(row("S3 learning with test", mine, other, machine))
    return rows


def row(stage: str, mine: float, other: float | None, machine: str) -> tuple:
    return stage, round(mine, 4), other and round(other, 3), other and round(other / mine, 1), 1, machine


def widened(network: Network, name: str, factor: int) -> Network:
    """A network whose layer `name` has its trained maps `factor` times; only that layer is of use."""
    wide = Network(network.config.replace({f"{name}.maps": factor * network.layer(name).maps}))
    wide.weights = {**network.weights, name: network.weights[name].repeat(factor, 1, 1, 1)}
    return wide


def scaling(dataset: str) -> list[tuple]:
    """How our cost grows with images, maps of the learning layer, and bins: rows (what, value, stage, ms an image)."""
    data, trained, rows = datasets.load(dataset), load_pretrained("mnist"), []
    learning_stages = {"s1": "S1 learning", "s2": "S2 learning", "s3": "S3 learning"}
    everything = ("encoding", *learning_stages.values(), "inference, image to decision")

    def measure(what: str, value: int, network: Network, stages: Sequence[str], images: int = 400, lower=None) -> None:
        functions = Stages(network, data.train_images[:images], data.train_labels[:images], lower).all()
        for stage in stages:
            functions[stage]()
            repeats = [milliseconds(functions[stage], images) for _ in range(REPEATS)]
            rows.append((what, value, stage, round(statistics.median(repeats), 4)))

    for images in (100, 200, 400, 800):
        measure("images", images, trained, everything, images)
    for factor in (1, 2, 4):
        for name, stage in learning_stages.items():
            measure("times the maps", factor, widened(trained, name, factor), [stage], lower=trained)
    for bins in (8, 15, 30, 60):
        timed = Network(trained.config.replace({"bins": bins}))
        timed.weights = trained.weights
        measure("bins", bins, timed, everything)
    return rows


def write(path: Path, columns: tuple, rows: list[tuple]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="digits", choices=datasets.DATASETS)
    parser.add_argument("--images", type=int, default=40, help="images a round for SpykeTorch (default: 40)")
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "benchmark")
    options = parser.parse_args()
    torch.set_num_threads(1)
    growth, peak = scaling(options.dataset), provenance.peak_memory_mb()  # of ours, before SpykeTorch joins
    rows = compare(options.dataset, options.images)
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "benchmark.csv", COLUMNS, rows)
    write(options.out / "scaling.csv", ("what", "value", "stage", "ours_ms"), growth)
    facts = provenance.describe(dataset=options.dataset, images=options.images, repeats=REPEATS, bins=encoding.BINS,
                                spyketorch=oracle.available(),
                                peak_memory_mb=peak)
    write_json(options.out / "provenance.json", facts)
    for stage, mine, other, ratio, *_ in rows:
        print(f"{stage:32s} {mine:9.4f} ms" + (f"   SpykeTorch {other:8.3f} ms   {ratio:7.1f} times" if other else ""))
    print(f"written: {options.out}")


if __name__ == "__main__":
    main()
