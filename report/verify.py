"""Compare the fast path with the reference path, and with SpykeTorch where it can be imported, step by step.

    python report/verify.py --images 2000

The full-size network learns from the first MNIST images, layer by layer. Writes report/results/verify/agreement.csv,
one row for each layer and partner, and provenance.json. About a quarter of an hour for 2,000 images.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pandas as pd
import torch
import torch.nn.functional as F
from tqdm import tqdm

from rstdp import agreement, datasets, encoding, oracle, provenance
from rstdp.config import SPYKETORCH, Config
from rstdp.files import write_json
from rstdp.learning import learn_rstdp, learn_stdp
from rstdp.network import Network
from rstdp.plasticity import DoublingRate

COLUMNS = ["layer", "partner", "steps", "same", "ties", "different", "largest_weight_difference", "seconds"]
PHI = (0.5, 0.5)  #: reward and punishment both move S3's weights in the comparison of the two paths


def compare_paths(config: Config, data: datasets.Dataset) -> list[tuple]:
    """Fast against reference path: each layer learns twice from the same input, and its winners and weights must be
    the same at every step."""
    network, rows = Network(config), []
    times = network.encode(data.train_images)
    for name in ("s1", "s2", "s3"):
        started, twin = time.perf_counter(), Network(config)
        with tqdm(total=len(times), desc=f"{name} step by step through time") as bar:
            if name == "s3":
                fast = learn_rstdp(network, times, data.train_labels, PHI).tolist()
                slow = []
                for part, labels in zip(times.split(100), data.train_labels.split(100)):
                    slow += learn_rstdp(twin, part, labels, PHI, "reference").tolist()
                    bar.update(len(part))
            else:
                rates = [DoublingRate.of(network.layer(name)) for _ in range(2)]
                fast = learn_stdp(network, name, times, rates[0])
                slow = learn_stdp(twin, name, times, rates[1], "reference", bar.update)
        same = sum(a == b for a, b in zip(fast, slow))
        apart = float((network.weights[name] - twin.weights[name]).abs().max())
        rows.append((name, "reference path", len(times), same, 0, len(times) - same, apart,
                     round(time.perf_counter() - started, 1)))
        if name != "s3":
            times = network.pooled(name, times)
    return rows


def encoder_ties(image: torch.Tensor, mine: torch.Tensor, theirs: torch.Tensor) -> int:
    """How many differing spike times of one image rounding explains.

    All, where a filter response lies on the threshold, so that it counts or not and the ranks behind it move by one.
    Else those exchanged between two bins, as many each way, whose values lie within 1e-5 of each other.
    """
    threshold = SPYKETORCH.dog_threshold
    response = F.conv2d(image[None, None].double(), encoding.dog_kernels()[:, None].double(), padding=6)
    if (response - threshold).abs().min() < 1e-4:
        return int((mine != theirs).sum())
    values, ties = encoding.local_normalisation(torch.where(response < threshold, 0, response))[0], 0
    for early, late in {tuple(sorted(pair)) for pair in zip(mine[mine != theirs].tolist(),
                                                            theirs[mine != theirs].tolist())}:
        moved = ((mine == early) & (theirs == late)), ((mine == late) & (theirs == early))
        involved = values[moved[0] | moved[1]]
        if moved[0].sum() == moved[1].sum() and involved.max() - involved.min() < 1e-5 * involved.max():
            ties += len(involved)
    return ties


def compare_oracle(config: Config, data: datasets.Dataset) -> list[tuple]:
    """The fast path against SpykeTorch: spike times of the encoder, then along SpykeTorch's sequence of winners."""
    started = time.perf_counter()
    record = oracle.record(data.train_images, data.train_labels, passes=(1, 1, 1), config=config,
                           progress=functools.partial(tqdm, desc="SpykeTorch"))
    seconds = time.perf_counter() - started
    times = Network(config).encode(data.train_images)
    same = times == record["spike_times"]
    ties = sum(encoder_ties(image, mine, theirs) for image, mine, theirs, equal in zip(
        data.train_images, times, record["spike_times"], same) if not equal.all())
    rows = [("encoder", "SpykeTorch", times.numel(), int(same.sum()), ties, int((~same).sum()) - ties, None,
             round(seconds, 1))]
    for name in ("s1", "s2", "s3"):
        started = time.perf_counter()
        progress = functools.partial(tqdm, desc=f"{name} along SpykeTorch's winners")
        if name == "s3":
            found = agreement.compare_rstdp(record, len(data.train_images), config=config, progress=progress)
        else:
            found = agreement.compare_stdp(record, name, len(data.train_images), config=config, progress=progress)
        rows.append((name, "SpykeTorch", found.steps, found.same, found.ties, found.different,
                     max(found.weight_error.values()), round(time.perf_counter() - started, 1)))
    return rows


def main() -> int:
    """Compare, write, print; exit code 1 where a step disagrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist", choices=datasets.DATASETS)
    parser.add_argument("--images", type=int, default=2000, help="images a layer (default: 2000)")
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "verify")
    options = parser.parse_args()
    data = datasets.load(options.dataset).subset(options.images, 1)
    rows = compare_paths(SPYKETORCH, data)
    if oracle.available():
        rows += compare_oracle(SPYKETORCH, data)
    else:
        print("SpykeTorch cannot be imported here: compared with the reference path only", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_csv(options.out / "agreement.csv", index=False)
    facts = provenance.describe(dataset=options.dataset, data_md5=data.checksum(), images=options.images, seed=0,
                                spyketorch=oracle.available(), vectors=torch.backends.cpu.get_cpu_capability())
    write_json(options.out / "provenance.json", facts)
    print(table.to_string(index=False))
    return int(table.different.sum() > 0)


if __name__ == "__main__":
    sys.exit(main())
