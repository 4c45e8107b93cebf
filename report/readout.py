"""What STDP's features know: S1 and S2 learn without labels, and a linear classifier of scikit-learn reads them out.

    python report/readout.py --seeds 0 1 2

The same classifiers on pixels and on the encoder's spikes say what the two layers add. The strength of regularisation
is chosen on the last training images, held out. Writes readout.csv and provenance.json to report/results/readout, after
every seed; seeds that are there already are kept. About a quarter of an hour a seed on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.linear_model import RidgeClassifier
from sklearn.svm import LinearSVC
from tqdm import tqdm

from rstdp import datasets, provenance
from rstdp.config import SPYKETORCH
from rstdp.files import write_json, write_text
from rstdp.training import Trainer

COLUMNS = ["seed", "features", "classifier", "strength", "validation_accuracy", "test_accuracy", "silent", "seconds"]
CLASSIFIERS = {
    "ridge regression": (lambda strength: RidgeClassifier(alpha=strength, solver="cholesky"), (100.0, 1000.0)),
    "linear SVM": (lambda strength: LinearSVC(C=strength, dual=False, tol=1e-3, max_iter=200), (0.001, 0.01)),
}


def features(data: datasets.Dataset, seed: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, training, test) of each kind of input, float32 (N, inputs)."""
    trainer = Trainer(SPYKETORCH, data, seed)
    bins = trainer.config.bins
    if seed == 0:  # these do not depend on the seed
        images = data.train_images, data.test_images
        yield "pixels", *(each.flatten(1).numpy() / np.float32(255) for each in images)
        encoded = [trainer.network.encode(each) for each in images]
        yield "encoder: spikes or not", *((times < bins).flatten(1).numpy().astype(np.float32) for times in encoded)
    train, _, test = trainer.prepare()
    yield "C2: spikes or not", *((times < bins).flatten(1).numpy().astype(np.float32) for times in (train, test))
    yield "C2: how early", *((bins - times.flatten(1).numpy().astype(np.float32)) / bins for times in (train, test))


def fitted(make, strengths, x: np.ndarray, y: np.ndarray, held_out: int) -> tuple[ClassifierMixin, float, float]:
    """The classifier of the best strength, its strength, and its accuracy on the images held out."""
    best = None
    for strength in strengths:
        classifier = make(strength).fit(x[:-held_out], y[:-held_out])
        accuracy = classifier.score(x[-held_out:], y[-held_out:])
        if best is None or accuracy > best[2]:
            best = classifier, strength, accuracy
    return best


def rows(data: datasets.Dataset, seed: int, held_out: int) -> list[tuple]:
    """Rows of COLUMNS for one seed of the first weights."""
    found, y, target = [], data.train_labels.numpy(), data.test_labels.numpy()
    for name, train, test in features(data, seed):
        for classifier, (make, strengths) in tqdm(CLASSIFIERS.items(), desc=f"seed {seed}, {name}"):
            started = time.perf_counter()
            best, strength, validated = fitted(make, strengths, train, y, held_out)
            found.append((seed, name, classifier, strength, validated, best.score(test, target),
                          float((test == 0).all(1).mean()), round(time.perf_counter() - started, 1)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist", choices=datasets.DATASETS)
    parser.add_argument("--train", type=int, default=0, help="training images, 0 for all (default: 0)")
    parser.add_argument("--held-out", type=int, default=5000, help="of these, to choose the strength (default: 5000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the first weights (default: 0 1 2)")
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "readout")
    options = parser.parse_args()
    data, path = datasets.load(options.dataset).subset(options.train, 0), options.out / "readout.csv"
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
    for seed in options.seeds:
        if seed in set(table.seed):
            print(f"seed {seed} is in {path} already; delete its rows to repeat it")
            continue
        more = pd.DataFrame(rows(data, seed, options.held_out), columns=COLUMNS)
        table = more if table.empty else pd.concat([table, more])
        write_text(path, table.to_csv(index=False))
        facts = provenance.describe(dataset=options.dataset, data_md5=data.checksum(), train=len(data.train_images),
                                    held_out=options.held_out, passes=[SPYKETORCH.s1.epochs, SPYKETORCH.s2.epochs],
                                    seeds=sorted(map(int, set(table.seed))),
                                    configuration=SPYKETORCH.digest())
        write_json(options.out / "provenance.json", facts)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
