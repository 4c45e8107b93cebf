"""Every variant of every experiment learns what it learned before the code was redrawn, to the bit.

recorded_runs.json holds the fingerprint of each variant, and the weights and accuracies of a short run of it, by the
code of November 2026; and the fingerprints of the weights that are shipped or kept with results. It is never rewritten.
"""

import functools
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import rstdp
from report import RESULTS, ROOT
from report.lab import experiments, provenance, registry
from rstdp.data import ENCODERS, Dataset, load
from rstdp.events import encodings, simulator
from rstdp.learning import Passes
from rstdp.network import LAYERS, Network
from rstdp.training import Trainer

RECORDED = json.loads((Path(__file__).parent / "recorded_runs.json").read_text())
NAMES = [f"{name}/{variant}" for name in experiments.names() for variant in experiments.load(name).variants]
COLUMNS = ("train_accuracy", "validation_accuracy", "test_accuracy", "silent")


@functools.cache
def few(name: str) -> Dataset:
    """A few digits, or events simulated from them where the data set has events."""
    digits, (kind, _, encoding) = load("digits").subset(200, 60), name.partition("/")
    if kind in ("digits", "mnist"):
        return digits
    encode = ENCODERS[encoding or encodings.DEFAULT][0]
    train, test = (encode(simulator.simulate(images.numpy(), first=first)) for images, first in
                   ((digits.train_images[:100], 0), (digits.test_images, 5000)))
    return Dataset("events", train, digits.train_labels[:100], test, digits.test_labels, bins=15)


def md5(*arrays) -> str:
    digest = hashlib.md5()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def done():
    """Short runs by configuration and kind of data, because some experiments share variants."""
    torch.set_num_threads(1)
    return {}


def short_run(experiment, variant: str, done: dict) -> dict:
    config = experiment.variants[variant]
    config = config.replace({f"{name}.epochs": min(getattr(config, name).epochs, 2) for name in LAYERS} | {
        "s1.double_every": 40, "s2.double_every": 40, "batch": min(config.batch, 50)})
    epochs = tuple(getattr(config, name).epochs for name in LAYERS)
    kind = experiment.dataset if experiment.dataset.startswith("nmnist") else "digits"
    if (config.digest(), epochs, kind) not in done:
        passes = experiment.passes.get(variant)
        trainer = Trainer(config, few(experiment.dataset), 3, validation=20, quiet=True,
                          passes=registry.all_passes()[passes].kind() if passes else Passes())
        network = trainer.run()
        done[config.digest(), epochs, kind] = {
            "short": config.digest(), "weights": md5(*(network.weights[name].numpy() for name in LAYERS)),
            "decision_map": md5(network.decision_map.numpy()),
            "rows": [[row[column] for column in COLUMNS] for row in trainer.rows]}
    return done[config.digest(), epochs, kind]


@pytest.mark.parametrize("name", sorted(RECORDED["variants"]))
def test_a_variant_keeps_its_fingerprint_and_what_it_learns(name, done):
    experiment, variant = experiments.load(name.partition("/")[0]), name.partition("/")[2]
    recorded = dict(RECORDED["variants"][name])
    assert experiment.variants[variant].digest() == recorded.pop("fingerprint")
    assert short_run(experiment, variant, done) == recorded


def test_no_recorded_variant_is_missing():
    assert set(RECORDED["variants"]) <= set(NAMES)  # a new experiment has nothing recorded before the redraw


@pytest.mark.parametrize("path", RECORDED["weights"])
def test_weights_that_are_kept_are_read_and_keep_their_fingerprint(path):
    assert Network.load(ROOT / path).config.digest() == RECORDED["weights"][path]


def test_the_core_behaves_as_before():
    assert provenance.behaviour() == RECORDED["behaviour"]
    assert Path(rstdp.__file__).parent == ROOT / "rstdp" and RESULTS.is_dir()
