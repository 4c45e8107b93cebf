"""Runs: interrupt and resume, checkpoints, damaged input. What was computed is never lost."""

import copy
import dataclasses
import errno
import json
import pickle
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from report.lab import experiments, registry
from rstdp import config, files, load_image
from rstdp import data as datasets
from rstdp.fast import batched
from rstdp.files import CheckpointError
from rstdp.images import sources
from rstdp.learning import Passes
from rstdp.network import Network, load_pretrained
from rstdp.training import Trainer


@pytest.fixture(scope="module")
def data(digits):
    return digits.subset(120, 40)


@pytest.fixture(scope="module")
def uninterrupted(data, small, tmp_path_factory):
    trainer = Trainer(small, data, seed=3, folder=tmp_path_factory.mktemp("whole"), validation=20, quiet=True)
    return trainer.run(), trainer.rows


class Kill(BaseException):
    """Stands for a killed process: nothing in the package catches it."""


def without_seconds(rows):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.parametrize("phase, calls", [("stdp", 1), ("stdp", 2), ("stdp", 4), ("rstdp", 1), ("rstdp", 3),
                                          ("accuracy", 3)])
def test_killed_in_every_phase_and_resumed_to_the_same_bits(phase, calls, data, small, uninterrupted, tmp_path,
                                                            monkeypatch):
    real, count = getattr(Passes, phase), [0]

    def dying(*arguments, **options):
        count[0] += 1
        if count[0] == calls:
            raise Kill
        return real(*arguments, **options)

    monkeypatch.setattr(Passes, phase, staticmethod(dying))
    with pytest.raises(Kill):
        Trainer(small, data, seed=3, folder=tmp_path, validation=20, quiet=True).run()
    monkeypatch.undo()
    resumed = Trainer(small, data, seed=3, folder=tmp_path, validation=20, quiet=True)
    assert calls == 1 and phase == "stdp" or resumed.progress.layer + resumed.progress.epoch > 0
    resumed.run()
    whole, rows = uninterrupted
    for name, weight in whole.weights.items():
        assert torch.equal(weight, resumed.network.weights[name]), name
    assert without_seconds(resumed.rows) == without_seconds(rows)


def test_the_same_seed_repeats_and_another_does_not(data, small, uninterrupted):
    again = Trainer(small, data, seed=3, validation=20, quiet=True).run()
    other = Trainer(small, data, seed=4, validation=20, quiet=True).run()
    assert all(torch.equal(again.weights[name], uninterrupted[0].weights[name]) for name in again.weights)
    assert not torch.equal(other.weights["s3"], again.weights["s3"])


def test_stepping_through_time_trains_the_same_network(small, digits):
    few = digits.subset(16, 6)
    config = small.replace({"s1.epochs": 1, "s2.epochs": 1, "s3.epochs": 2, "batch": 10})
    compiled = Trainer(config, few, quiet=True)
    stepped = Trainer(config, few, quiet=True, fast=False, device="cpu")
    assert all(torch.equal(compiled.run().weights[name], stepped.run().weights[name]) for name in ("s1", "s2", "s3"))
    assert without_seconds(compiled.rows) == without_seconds(stepped.rows)


def test_more_epochs_continue_a_finished_run(data, small, uninterrupted, tmp_path):
    Trainer(small.replace({"s3.epochs": 1}), data, 3, tmp_path, 20, quiet=True).run()
    longer = Trainer(small, data, 3, tmp_path, 20, quiet=True)
    assert len(longer.rows) == 1
    assert torch.equal(longer.run().weights["s3"], uninterrupted[0].weights["s3"])


def test_what_a_run_writes(data, small, tmp_path):
    trainer = Trainer(dataclasses.replace(small, name="mine"), data, folder=tmp_path, quiet=True)
    trainer.run()
    lines = (tmp_path / "accuracy.csv").read_text().splitlines()
    assert lines[0] == "variant,seed,epoch,train_accuracy,validation_accuracy,test_accuracy,silent,seconds"
    assert len(lines) == 1 + small.s3.epochs and lines[1].startswith("mine,0,1,0.")
    loaded = Network.load(tmp_path / "weights.npz")
    assert loaded.config.digest() == small.digest()
    assert torch.equal(loaded.classify(data.test_images), trainer.network.classify(data.test_images))


def test_training_keeps_weights_in_bounds_and_learns(trained, digits):
    for name, low, high in (("s1", 0, 1), ("s2", 0, 1), ("s3", 0.2, np.float32(0.8))):
        assert low <= float(trained.weights[name].min()) <= float(trained.weights[name].max()) <= high
    part = digits.subset(300, 60)
    right = (trained.classify(part.train_images) == part.train_labels).double().mean()
    assert right > 0.3  # chance is 0.1


# --- checkpoints and files that do not fit ---


def test_a_checkpoint_of_another_configuration_seed_or_data_is_refused(data, small, tmp_path):
    Trainer(small.replace({"s3.epochs": 1}), data, folder=tmp_path, quiet=True).run()
    before = (tmp_path / "checkpoint.npz").read_bytes()
    for arguments, message in (((small.replace({"s2.threshold": 5}), data, 0), "another configuration"),
                               ((small, data, 1), "another seed"), ((small, data.subset(100), 0), "another data"),
                               ((small.replace({"s1.epochs": 9}), data, 0), "another passes")):
        with pytest.raises(CheckpointError, match=message):
            Trainer(*arguments, folder=tmp_path, quiet=True)
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


def test_a_damaged_checkpoint_is_named(data, small, tmp_path):
    np.savez(tmp_path / "checkpoint.npz", digest=small.digest())
    with pytest.raises(CheckpointError, match="no checkpoint of a training run"):
        Trainer(small, data, folder=tmp_path, quiet=True)
    (tmp_path / "checkpoint.npz").write_bytes(b"PK not a zip")
    with pytest.raises(CheckpointError, match="checkpoint.npz is not a readable"):
        Trainer(small, data, folder=tmp_path, quiet=True)
    with pytest.raises(CheckpointError, match="does not exist"):
        Network.load(tmp_path / "nothing.npz")
    np.savez(tmp_path / "other.npz", x=1)
    with pytest.raises(CheckpointError, match="holds no network"):
        Network.load(tmp_path / "other.npz")
    with pytest.raises(CheckpointError, match="known are.*mnist"):
        load_pretrained("minst")


def test_a_full_disk_leaves_the_last_checkpoint(data, small, tmp_path, monkeypatch):
    one = small.replace({"s3.epochs": 1})
    Trainer(one, data, folder=tmp_path, quiet=True).run()
    before = (tmp_path / "checkpoint.npz").read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.np, "savez", full)
    with pytest.raises(OSError, match="cannot write .*No space left.*intact"):
        Trainer(small, data, folder=tmp_path, quiet=True).run()
    assert (tmp_path / "checkpoint.npz").read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))


def test_an_unwritable_folder_is_named(data, small, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="cannot write"):
        Trainer(small, data, folder=tmp_path / "file" / "run", quiet=True).run()


# --- configurations and experiments ---


@pytest.mark.parametrize("changes, message", [
    ({"s2.treshold": 3}, "did you mean 's2.threshold'"), ({"s9.maps": 3}, "unknown parameter"),
    ({"s1.maps": "many"}, "'s1.maps'.*integer"), ({"s1.maps": 1.5}, "'s1.maps'.*integer"),
    ({"s1.ceil": "maybe"}, "'s1.ceil'.*boolean"), ({"name": "x"}, "unknown parameter"),
    ({"s1.maps": 0}, "'s1.maps'.*greater than or equal to 1, got 0"), ({"s2.threshold": "nan"}, "'s2.threshold'"),
    ({"remainder": "first"}, "'silent' or 'last', got 'first'"), ({"s1.std": -1}, "'s1.std'"), ({"low": 2}, "'low'"),
    ({"low": 0.9, "high": 0.1}, r"low \(0.9\) must lie under high \(0.1\)"), ({"high": 0.2}, "must lie under")])
def test_unknown_parameters_are_named(small, changes, message):
    with pytest.raises(ValueError, match=message):
        small.replace(changes)


def test_parameters_that_only_fit_together_are_taken_together(small):
    changed = small.replace({"low": 0.85, "high": 0.9})
    assert (changed.low, changed.high) == (0.85, 0.9)


def test_labels_without_a_class_are_refused(data, small):
    with pytest.raises(ValueError, match="labels up to 9, the configuration has 5 classes"):
        Trainer(small.replace({"classes": 5}), data)


def test_parameters_are_converted(small):
    changed = small.replace({"s1.ceil": "true", "s3.threshold": "inf", "bins": "30"})
    assert changed.s1.ceil is True and changed.s3.threshold == float("inf") and changed.bins == 30
    json.dumps(changed.to_dict(), allow_nan=False)
    assert changed.digest() != small.digest() == small.replace({"s3.epochs": 99}).digest()


def test_a_new_parameter_leaves_every_recorded_fingerprint_as_it_was(monkeypatch):
    """A field with a default in `Layer` and one in `Config`, as a later version would add them."""
    recorded = json.loads((Path(__file__).parent / "recorded_runs.json").read_text())
    code = compile(Path(config.__file__).read_text().replace(
        '    rule: str = "stdp"', '    leak: float = 0.0\n    rule: str = "stdp"').replace(
        "    batch: Count = 1000", "    jitter: float = 0.0\n    batch: Count = 1000"), "config.py", "exec")
    later = types.ModuleType("later")
    monkeypatch.setitem(sys.modules, "later", later)
    exec(code, vars(later))
    assert {"leak", "jitter"} <= {name.rpartition(".")[2] for name in later.parameter_names()}
    known = {name: kind.kind.config for name, kind in registry.all_passes().items()}
    seen = 0
    for name in experiments.names():
        chosen = experiments.load(name)
        for variant, one in chosen.variants.items():
            base = known[chosen.passes[variant]] if variant in chosen.passes else config.Config
            extra = {field.name: getattr(one, field.name) for field in dataclasses.fields(base)
                     if not hasattr(config.SPYKETORCH, field.name)}
            kind = later.dataclass(frozen=True)(type(base.__name__, (later.Config,), {
                "__annotations__": dict.fromkeys(extra, object),
                **{field.name: field.default for field in dataclasses.fields(base) if field.name in extra}}))
            before = recorded["variants"].get(f"{name}/{variant}", {"fingerprint": one.digest()})  # else a newer one
            assert kind.from_dict(one.to_dict()).digest() == before["fingerprint"]
            seen += 1
    assert seen >= 68
    for file, fingerprint in recorded["weights"].items():
        stored = files.read_npz(Path(__file__).parent.parent / file)
        assert str(stored["digest"]) == fingerprint
        assert later.Config.from_dict(json.loads(str(stored["config"]))).digest() == fingerprint


def test_a_threshold_of_s3_needs_passes_of_its_own(small, data):
    with pytest.raises(ValueError, match="s3.threshold is infinite"):
        Trainer(small.replace({"s3.threshold": 100}), data, quiet=True)


def test_a_network_can_be_copied_and_sent_to_another_process(trained, digits):
    for copied in (copy.deepcopy(trained), pickle.loads(pickle.dumps(trained))):
        assert torch.equal(copied.classify(digits.test_images[:5]), trained.classify(digits.test_images[:5]))


def test_many_seeds_in_one_batch_learn_what_each_learns_alone(small, digits, tmp_path):
    few, seeds = digits.subset(120, 40), (0, 1, 2)
    data = dataclasses.replace(few, train_images=few.train_images.clone())
    data.train_images[7] = 0  # a silent image
    alone = [Trainer(small, data, seed, validation=20, quiet=True) for seed in seeds]
    together = [Trainer(small, data, seed, tmp_path / str(seed), validation=20, quiet=True) for seed in seeds]
    for trainer in alone:
        trainer.run()
    together[1].run()  # it is ahead: the others catch up
    batched.learn_s3(together, "cpu")
    for one, other in zip(alone, together):
        assert torch.equal(one.network.weights["s3"], other.network.weights["s3"])
        assert [row[:-1] for row in one.progress.rows] == [row[:-1] for row in other.progress.rows]
        assert Network.load(other.folder / "weights.npz").seed == other.seed


def test_spike_times_kept_on_disk_train_the_same_network(small, digits, tmp_path):
    data, plain = digits.subset(100, 30), Trainer(small, digits.subset(100, 30), quiet=True)
    plain.run()
    kept = [Trainer(small, data, quiet=True, cache=tmp_path / "cache") for _ in range(2)]
    kept[0].run()
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert len(files) == 6 and all(path.suffix == ".npy" for path in files)  # three stages, training and test
    sorted(files)[0].write_bytes(b"damaged")
    kept[1].run()
    for trainer in kept:
        assert torch.equal(trainer.network.weights["s3"], plain.network.weights["s3"])
    changed = {path for path, when in files.items() if path.stat().st_mtime_ns != when}
    assert changed == {sorted(files)[0]} and len(list((tmp_path / "cache").iterdir())) == 6
    Trainer(small, data, seed=1, quiet=True, cache=tmp_path / "cache").run()
    assert len(list((tmp_path / "cache").iterdir())) == 10  # another seed shares the encoded images


def test_a_cache_that_cannot_be_written_leaves_the_checkpoint(small, digits, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        Trainer(small, digits.subset(60, 20), 0, tmp_path / "run", quiet=True, cache=tmp_path / "cache").run()
    assert not list((tmp_path / "cache").iterdir())
    monkeypatch.undo()
    Trainer(small, digits.subset(60, 20), 0, tmp_path / "run", quiet=True, cache=tmp_path / "cache").run()


# --- data ---


def test_digits_are_the_images_of_the_golden_values(digits, golden):
    assert torch.equal(digits.train_images[:300], golden["images"])
    assert len(digits.train_images) == 1437 and len(digits.test_images) == 360


def test_mnist_is_read_from_the_local_copy(mnist):
    assert mnist.train_images.shape == (60000, 28, 28) and mnist.test_labels.bincount().tolist()[0] == 980


def test_a_truncated_file_of_mnist_is_refused(mnist, tmp_path, monkeypatch):
    import os

    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in os.listdir(os.environ["RSTDP_DATA"] + "/MNIST/raw"):
        if name.endswith("ubyte"):
            os.symlink(os.path.abspath(os.environ["RSTDP_DATA"] + "/MNIST/raw/" + name), raw / name)
    labels = raw / "t10k-labels-idx1-ubyte"
    whole = labels.read_bytes()
    labels.unlink()
    labels.write_bytes(whole[:5000])
    monkeypatch.setenv("RSTDP_DATA", str(tmp_path))
    with pytest.raises(datasets.DataError, match="t10k-labels.* has 5000 bytes, 10008 were expected"):
        datasets.load("mnist")


def test_without_a_local_copy_torchvision_downloads(tmp_path, monkeypatch):
    monkeypatch.delenv("RSTDP_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    asked = []

    def no_connection(folder, train, download):
        asked.append((folder, download))
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr(sources.import_torchvision().datasets, "MNIST", no_connection)
    with pytest.raises(datasets.DataError, match="could not be loaded.*RSTDP_DATA.*'digits'"):
        datasets.load("mnist")
    assert asked == [(tmp_path / ".cache" / "rstdp", True)]


def test_missing_or_unknown_data_is_named_with_what_there_is(tmp_path, digits, monkeypatch):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    monkeypatch.setenv("RSTDP_DATA", str(tmp_path))
    with pytest.raises(datasets.DataError, match="train-images.* is missing.*'digits'"):
        datasets.load("mnist")
    with pytest.raises(ValueError, match="known are digits, mnist"):
        datasets.load("minst")
    with pytest.raises(ValueError, match="1437 train images, 2000"):
        digits.subset(2000)
    with pytest.raises(ValueError, match="hold out"):
        digits.split(1437)


@pytest.mark.parametrize("dark_on_light", [True, False])
def test_ones_own_image_becomes_light_on_dark_and_centred(tmp_path, dark_on_light):
    from PIL import Image

    pixels = np.full((90, 60), 255 if dark_on_light else 0, np.uint8)
    pixels[10:80, 25:35] = 0 if dark_on_light else 255
    Image.fromarray(pixels).save(tmp_path / "one.png")
    image = load_image(tmp_path / "one.png")
    assert image.shape == (28, 28) and image.dtype == torch.uint8
    assert image[14, 14] > 200 and image[0].max() == 0 and (image.max(1).values > 64).sum() == 20


def test_an_image_without_a_readable_digit_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(datasets.DataError, match="cannot be read as an image"):
        load_image(tmp_path / "text.png")
    with pytest.raises(datasets.DataError, match="does not exist"):
        load_image(tmp_path / "none.png")
    from PIL import Image

    Image.new("RGB", (5, 5), "white").save(tmp_path / "white.png")
    with pytest.raises(datasets.DataError, match="no digit to be seen"):
        load_image(tmp_path / "white.png")
    shutil.copy(tmp_path / "white.png", tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "white.png").read_bytes()[:40])
    with pytest.raises(datasets.DataError, match="cannot be read"):
        load_image(tmp_path / "cut.png")


def test_the_time_of_a_run_counts_all_its_sessions(data, small, tmp_path):
    first = Trainer(small.replace({"s3.epochs": 1}), data, 3, tmp_path, 20, quiet=True)
    first.run()
    second = Trainer(small, data, 3, tmp_path, 20, quiet=True)
    assert second.seconds == pytest.approx(first.seconds, abs=0.01) and first.seconds > first.rows[0]["seconds"] > 0
    second.run()
    assert second.seconds > first.seconds + second.rows[-1]["seconds"] - 0.01


