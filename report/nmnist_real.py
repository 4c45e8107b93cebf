"""Cross-validated accuracy on the real N-MNIST recordings at hand (1,100 beside this project's data, or all 70,000).

    python report/nmnist_real.py --lower report/results/nmnist5k/saccades-0.npz

S3 learns from real recordings only, on features of S1 and S2 that learned, without labels, from simulated recordings
(--lower; their images are not among the real ones). The recordings are dealt into folds, each of which is tested once
by a network that learned from the others. With --fine-tune S3 starts from the weights in --lower instead of from
nothing. Writes accuracy.csv (a row for each fold, seed and pass) and provenance.json to report/results/nmnist-real;
runs that are there already are kept. About two minutes on one core for 1,100 recordings and five folds.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch

from rstdp import event_datasets, event_encoding, nmnist, provenance
from rstdp.learning import accuracy, rstdp_epoch
from rstdp.network import Network

COLUMNS = ["variant", "fold", "seed", "epoch", "recordings", "train_accuracy", "test_accuracy", "silent", "seconds"]


def run(lower: Path, fine_tune: bool, c2: torch.Tensor, labels: torch.Tensor, fold: torch.Tensor, which: int, seed: int,
        epochs: int) -> list[tuple]:
    """Rows of COLUMNS but the first, for one fold."""
    network = Network.load(lower)
    if not fine_tune:
        network.weights["s3"] = Network(network.config, seed).weights["s3"]
    order = torch.randperm(int((fold != which).sum()), generator=torch.Generator().manual_seed(seed))
    train, target = c2[fold != which][order].contiguous(), labels[fold != which][order]
    test, phi, rows = (c2[fold == which].contiguous(), labels[fold == which]), (1.0, 1.0), []
    if fine_tune:
        right = accuracy(network, train, target)[0]
        phi = (1 - right, right)
        rows.append((which, seed, 0, len(test[0]), right, *accuracy(network, *test), 0.0))
    for epoch in range(epochs):
        started = time.perf_counter()
        right, phi = rstdp_epoch(network, train, target, phi)
        rows.append((which, seed, epoch + 1, len(test[0]), right, *accuracy(network, *test),
                     round(time.perf_counter() - started, 2)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lower", type=Path, required=True, help="weights.npz of a network trained on simulated ones")
    parser.add_argument("--encoding", default=event_encoding.DEFAULT, help="that the network was trained with")
    parser.add_argument("--fine-tune", action="store_true", help="start from the S3 of --lower")
    parser.add_argument("--variant", help="name in accuracy.csv (default: s3-real, or s3-fine-tuned)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "nmnist-real")
    options = parser.parse_args()
    variant = options.variant or ("s3-fine-tuned" if options.fine_tune else "s3-real")
    parts = [event_datasets.recorded(part, options.encoding) for part in nmnist.FULL]
    times, labels, numbers = (torch.cat(columns) for columns in zip(*parts))
    c2 = Network.load(options.lower).features(times)
    fold = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)) % options.folds)
    path, rows = options.out / "accuracy.csv", []
    if path.exists():
        with open(path, newline="") as file:
            rows = list(csv.reader(file))[1:]
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for which in range(options.folds):
            if any(row[:3] == [variant, str(which), str(seed)] for row in rows):
                continue
            found = run(options.lower, options.fine_tune, c2, labels, fold, which, seed, options.epochs)
            rows += [[str(value) for value in (variant, *row)] for row in found]
            print(variant, "fold", which, "seed", seed, f"{found[-1][5]:.1%} of {found[-1][3]}", flush=True)
            with open(path, "w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
            facts = provenance.describe(dataset=f"nmnist/{options.encoding}", recordings=len(labels),
                                        folds=options.folds, lower=str(options.lower),
                                        configuration=Network.load(options.lower).config.digest(),
                                        numbers=[int(numbers.min()), int(numbers.max())])
            (options.out / "provenance.json").write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
