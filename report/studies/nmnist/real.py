"""Cross-validated accuracy on the real N-MNIST recordings at hand (1,100 beside this project's data, or all 70,000).

    python report/nmnist_real.py --lower report/results/nmnist/saccades-0.npz --seeds 0 1 2

The recordings are dealt into folds, each of which is tested once by a network that learned from the others:

- all-real: every layer learns from real recordings only;
- s3-real: S1 and S2 are those of --lower, which learned without labels from simulated recordings of other images;
- fine-tuned: S3 too is that of --lower, and goes on learning from real recordings.

Writes folds.csv (a row for each variant, seed, fold and pass) and provenance.json to report/results/nmnist-real;
runs that are there already are kept. The folds are dealt anew for each seed. About five minutes a seed on one core for
1,100 recordings and five folds.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from rstdp import event_datasets, event_encoding, nmnist, provenance
from rstdp.datasets import Dataset
from rstdp.files import write_json, write_text
from rstdp.learning import accuracy, rstdp_epoch
from rstdp.network import Network
from rstdp.training import Trainer

COLUMNS = ["variant", "seed", "fold", "epoch", "recordings", "train_accuracy", "test_accuracy", "silent", "seconds"]
VARIANTS = ("all-real", "s3-real", "fine-tuned")
PASSES = {"s1.epochs": 20, "s2.epochs": 40}  #: of S1 and S2 where they learn from the few real recordings


def run(variant: str, lower: Network, data: Dataset, seed: int, epochs: int) -> list[tuple]:
    """Rows of COLUMNS from `epoch` on for one fold; `lower` is changed where it learns on."""
    config, network = lower.config.replace({**PASSES, "batch": 100}), lower
    started, phi, rows = time.perf_counter(), (1.0, 1.0), []
    if variant == "all-real":
        trainer = Trainer(config, data, seed, quiet=True)
        train, _, test = trainer.prepare()
        network = trainer.network
    else:
        train, test = lower.features(data.train_images), lower.features(data.test_images)
    if variant == "s3-real":
        network.weights["s3"] = Network(config, seed, data.channels).weights["s3"]
    if variant == "fine-tuned":  # epoch 0: before it has seen any real recording
        right = accuracy(network, train, data.train_labels)[0]
        phi = (1 - right, right)
        rows.append((0, len(test), right, *accuracy(network, test, data.test_labels)))
    for epoch in range(epochs):
        right, phi = rstdp_epoch(network, train, data.train_labels, phi)
        rows.append((epoch + 1, len(test), right, *accuracy(network, test, data.test_labels)))
    return [(*row, round(time.perf_counter() - started, 2)) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lower", type=Path, required=True,
                        help="weights of a network trained on simulated recordings")
    parser.add_argument("--encoding", default=event_encoding.DEFAULT, help="that the network was trained with")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS, help="default: all")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=100, help="passes of S3 (default: 100)")
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "nmnist-real")
    options = parser.parse_args()
    parts = [event_datasets.recorded(part, options.encoding) for part in nmnist.FULL]
    checksum = Dataset("nmnist", *parts[0][:2], *parts[1][:2]).checksum()
    times, labels, numbers = (torch.cat(columns) for columns in zip(*parts))
    path = options.out / "folds.csv"
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
    runs = [(variant, seed, fold) for seed in options.seeds for variant in options.variants
            for fold in range(options.folds)]
    have = set(done[["variant", "seed", "fold"]].itertuples(index=False, name=None))
    for variant, seed, fold in tqdm([one for one in runs if one not in have], desc="runs", unit="fold"):
        lot = np.random.default_rng(seed).permutation(len(labels))
        mine = np.arange(len(lot)) % options.folds == fold
        test, train = (torch.from_numpy(lot[which]) for which in (mine, ~mine))
        data = Dataset("nmnist", times[train], labels[train], times[test], labels[test], bins=event_encoding.BINS)
        lower = Network.load(options.lower)
        found = [(variant, seed, fold, *row) for row in run(variant, lower, data, seed, options.epochs)]
        done = pd.concat([one for one in (done, pd.DataFrame(found, columns=COLUMNS)) if len(one)], ignore_index=True)
        write_text(path, done.to_csv(index=False, float_format="%.6g"))
        facts = provenance.describe(
            dataset=f"nmnist/{options.encoding}", data_md5=checksum, recordings=len(labels), folds=options.folds,
            lower="/".join(options.lower.parts[-2:]), configuration=lower.config.digest(),
            numbers=[int(numbers.min()), int(numbers.max())], parameters={**PASSES, "batch": 100})
        write_json(options.out / "provenance.json", facts)


if __name__ == "__main__":
    main()
