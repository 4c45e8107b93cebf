"""The page that lives: what it carries is not stale, and its model, run in Node, is equal to `rstdp` to the bit."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import PIL
import pytest
import torch

from report import ROOT
from report.studies import live_page, small_mnist
from rstdp import load, load_pretrained
from rstdp.encoding import dog_kernels
from rstdp.files import read_npz
from rstdp.images.picture import centred
from rstdp.images.sources import SMALL
from rstdp.learning import learn_rstdp
from rstdp.network import Network
from rstdp.show.reconstruction import reconstruct

LIVE = ROOT / live_page.FOLDER
node = pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")


@pytest.fixture(scope="module")
def network():
    return live_page.rounded(load_pretrained("mnist"))


@pytest.fixture(scope="module")
def carried():
    return live_page.read(LIVE / "digits.js")


def ask(images=(), thresholds=None, lessons=None, pads=(), painted=None):
    """What the page's model in Node says."""
    encoded = lambda array: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    task = {"images": [encoded(image) for image in images], "thresholds": thresholds or {}, "lessons": lessons,
            "pads": [encoded(ink) for ink in pads], "painted": painted}
    done = subprocess.run(["node", "tests/live_model.js"], cwd=ROOT, input=json.dumps(task), capture_output=True,
                          text=True, encoding="utf-8")
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def decoded(text, dtype=np.uint8):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_weights_of_the_page_are_those_of_the_package(network):
    assert live_page.read(LIVE / "weights.js") == live_page.weights(load_pretrained("mnist")), "run live-page again"
    found = live_page.read(LIVE / "weights.js")
    exact = load_pretrained("mnist").weights
    step = (found["high"] - found["low"]) / 255
    assert (network.weights["s3"] - exact["s3"]).abs().max() <= 0.5001 * step
    assert np.array_equal(live_page.unpacked(found["kernels"], np.float32), dog_kernels().flatten().numpy())


def test_what_the_page_must_compute_is_what_the_package_computes(network, carried):
    found = live_page.read(LIVE / "golden.js")
    facts = found.pop("facts")
    assert found == live_page.golden(network, carried), "run live-page again"
    assert carried["heldOut"]["spiked"] == live_page.spiked(network, carried["heldOut"])
    assert facts["images"] == 10000 and facts["shiftImages"] == 2000 and facts["agreement"] > 99.5
    assert 90 < facts["accuracy"] < 97 and sorted(facts["shifts"], reverse=True) == facts["shifts"]


def test_digits_of_the_page_are_mnists(mnist, carried):
    found = dict(carried, heldOut={name: value for name, value in carried["heldOut"].items() if name != "spiked"})
    assert found == live_page.digits(mnist)


def test_small_mnist_is_a_part_of_mnist_and_says_whose_it_is(mnist):
    stored = read_npz(SMALL)
    assert stored.keys() == (wanted := small_mnist.arrays(mnist)).keys(), "run mnist-small again"
    assert all(np.array_equal(stored[name], wanted[name]) for name in wanted)


def test_small_mnist_loads_without_a_download(monkeypatch):
    monkeypatch.setenv("RSTDP_DATA", "/nowhere")
    data = load("mnist-small")
    assert data.train_images.shape == (1600, 28, 28) and data.test_images.shape == (400, 28, 28)
    assert torch.equal(data.test_labels.unique(), torch.arange(10)) and data.train_labels.dtype == torch.int64
    assert "CC BY-SA 3.0" in str(read_npz(SMALL)["source"])
    assert SMALL.name in (ROOT / "LICENSE-text").read_text(encoding="utf-8")


def test_the_model_file_is_short_and_has_the_names_of_the_package():
    text = (LIVE / "model.js").read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    order = ["dog_filter", "local_normalisation", "intensity_to_latency", "encode", "on_grid", "conv_times",
             "final_potentials", "pool_first_spike", "reward_rates", "learn", "learn_rstdp", "Network", "decide",
             "classify"]
    names = [re.sub(r"_(\w)", lambda letter: letter[1].upper(), name) for name in order]
    places = [re.search(rf"(?:function|class)? ?\b{name}\b ?[({{]", text).start() for name in names]
    assert all(places)
    files = sorted(LIVE.iterdir())
    assert sum(path.stat().st_size for path in files) < 4_000_000
    assert "http" not in "".join(re.sub(r'"source":.*', "", path.read_text(encoding="utf-8")) for path in files)


@node
@pytest.mark.parametrize("thresholds", [{}, {"s1": 12, "s2": 7}, {"s1": 14.5, "s2": 10}, {"s1": 20, "s2": 4}])
def test_spike_times_of_every_layer_and_decisions_are_equal(network, carried, digits, thresholds):
    kept, _ = live_page.as_images(carried["heldOut"])
    noise = torch.randint(0, 256, (2, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    images = torch.cat([kept[::100], digits.test_images[:5], noise, torch.zeros(1, 28, 28, dtype=torch.uint8)])
    other = Network(network.config.replace({f"{name}.threshold": value for name, value in thresholds.items()}))
    other.restore(network.arrays(), "here")
    times, found = live_page.layers(other, images), ask(images, thresholds)
    for i, layers in enumerate(found["layers"]):
        for name in live_page.LAYERS:
            assert np.array_equal(decoded(layers[name]), times[name][i].flatten().numpy()), (i, name)
    assert found["decisions"] == other.decide(times["c2"])[0].tolist()
    assert found["decisions"][-1] == -1
    for spiked, pixels in zip(found["spiked"], kept):
        c2 = network.features(pixels[None])[0]
        assert np.array_equal(decoded(spiked), (c2 < 15).flatten().numpy())


@node
@pytest.mark.parametrize("phi", [(1.0, 1.0), (0.35, 0.65)])
def test_lessons_give_the_same_weights_to_the_bit(network, carried, phi):
    images, labels = live_page.as_images(carried["lessons"])
    images, labels = images[labels < 3][:30], labels[labels < 3][:30]
    taught = live_page.fresh(network, 3, 5)
    before, c2 = taught.weights["s3"].clone(), network.features(images)
    said = []
    for i, label in enumerate(labels):
        if i % 10 == 9:  # a neutral signal changes nothing
            said.append(int(taught.decide(c2[i:i + 1])[0][0]))
        else:
            said.append(int(taught.class_of(learn_rstdp(taught, c2[i:i + 1], label[None], phi))[0]))
    lessons = {"classes": 3, "maps": live_page.MAPS, "seed": 5, "phi": phi, "features": [
        {"index": i, "label": -1 if i % 10 == 9 else int(label)} for i, label in enumerate(labels)]}
    found = ask(images, lessons=lessons)
    assert found["taught"] == said
    assert np.array_equal(decoded(found["weights"], np.float32), taught.weights["s3"].flatten().numpy())
    assert not torch.equal(before, taught.weights["s3"])


@node
def test_a_drawing_is_prepared_as_load_image_prepares_it():
    generator, pads = np.random.default_rng(0), []
    for width, height, top in [(90, 200, 255), (201, 57, 255), (20, 20, 255), (3, 150, 120), (280, 280, 255),
                               (133, 77, 90)]:
        ink = np.zeros((280, 280), np.uint8)
        row, column = generator.integers(0, 281 - height), generator.integers(0, 281 - width)
        ink[row:row + height, column:column + width] = generator.integers(0, top + 1, (height, width))
        pads.append(ink)
    found = ask(pads=[*pads, np.zeros((280, 280), np.uint8)])["pads"]
    for prepared, ink in zip(found, pads):
        mine, wanted = decoded(prepared).reshape(28, 28), centred(ink.astype(float))
        tall = np.ptp(ink.nonzero()[0]) > 2 * np.ptp(ink.nonzero()[1])
        if int(PIL.__version__.partition(".")[0]) >= 13 or not tall:  # earlier ones round tall pictures otherwise
            assert np.array_equal(mine, wanted)
    assert not decoded(found[-1]).any()


@node
def test_features_are_painted_as_the_book_paints_them(network):
    wanted = [("s1", 3), ("s2", 17), ("s3", 152)]
    for (name, feature), text in zip(wanted, ask(painted=wanted)["painted"]):
        picture = reconstruct(network, name, [feature])[0].flatten().numpy()
        assert np.allclose(decoded(text, np.float32), picture, atol=1e-3 * np.abs(picture).max()), name
