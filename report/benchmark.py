"""Time every stage, ours and SpykeTorch's in one run, alternating, on the same images and weights, one thread each.

    python report/benchmark.py --dataset mnist --images 60

SpykeTorch takes part where it can be imported; without it the columns stay empty. Writes benchmark.csv (milliseconds
an image and their ratio), scaling.csv (how the cost grows) and provenance.json to report/results/benchmark.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch
from tqdm import tqdm

from rstdp import datasets, encoding, learning, oracle, provenance
from rstdp.config import SPYKETORCH, Config
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
    """Our stages on `images` (N, 28, 28), each a function without arguments; weights learn in copies."""

    def __init__(self, network: Network, images, labels):
        self.network, self.images, self.labels = network, images, labels
        self.times = network.encode(images)
        self.c1 = network.pooled("s1", self.times)
        self.c2 = network.pooled("s2", self.c1)

    def copy(self) -> Network:
        copied = Network(self.network.config, self.network.seed)
        copied.weights = {name: weight.clone() for name, weight in self.network.weights.items()}
        return copied

    def all(self) -> dict[str, Callable[[], object]]:
        learner, config = self.copy(), self.network.config
        rates = [DoublingRate.of(config.s1), DoublingRate.of(config.s2)]
        return {
            "encoding": lambda: self.network.encode(self.images),
            "S1 learning": lambda: learning.learn_stdp(learner, "s1", self.times, rates[0]),
            "S2 learning": lambda: learning.learn_stdp(learner, "s2", self.c1, rates[1]),
            "S2 learning, S1 not kept": lambda: learning.learn_stdp(
                learner, "s2", self.network.pooled("s1", self.times), rates[1]),
            "S3 learning": lambda: learning.learn_rstdp(learner, self.c2, self.labels, (0.05, 0.95)),
            "S3 test": lambda: self.network.decide(self.c2),
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


def scaling(dataset: str) -> list[tuple]:
    """How our cost grows with images, maps and bins: rows (what, value, stage, ms an image)."""
    data, rows = datasets.load(dataset), []

    def measure(what: str, value: int, config: Config, images: int) -> None:
        stages = Stages(Network(config), data.train_images[:images], data.train_labels[:images]).all()
        for stage in ("encoding", "S1 learning", "S2 learning", "S3 learning", "inference, image to decision"):
            stages[stage]()
            rows.append((what, value, stage, round(milliseconds(stages[stage], images), 4)))

    for images in (100, 200, 400, 800):
        measure("images", images, SPYKETORCH, images)
    for factor in (1, 2, 4):
        maps = {"s1.maps": 30 * factor, "s2.maps": 250 * factor, "s3.maps": 200 * factor}
        measure("maps, times", factor, SPYKETORCH.replace(maps), 200)
    for bins in (8, 15, 30, 60):
        measure("bins", bins, SPYKETORCH.replace({"bins": bins}), 200)
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
    rows, growth = compare(options.dataset, options.images), scaling(options.dataset)
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "benchmark.csv", COLUMNS, rows)
    write(options.out / "scaling.csv", ("what", "value", "stage", "ours_ms"), growth)
    facts = provenance.describe(dataset=options.dataset, images=options.images, repeats=REPEATS, bins=encoding.BINS,
                                spyketorch=oracle.available(),
                                peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    (options.out / "provenance.json").write_text(json.dumps(facts, indent=1))
    for stage, mine, other, ratio, *_ in rows:
        print(f"{stage:32s} {mine:9.4f} ms" + (f"   SpykeTorch {other:8.3f} ms   {ratio:7.1f} times" if other else ""))
    print(f"written: {options.out}")


if __name__ == "__main__":
    main()
