"""What the page "Be the dopamine" carries: weights, digits and golden values, in files of JavaScript.

The page works from the file system too, where a program may not fetch, so they are scripts that define one constant.
S3's weights are rounded to 8 bits, which is what the page computes with; `rounded` does the same here.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rstdp import Network, load_pretrained
from rstdp.data import Dataset
from rstdp.encoding import dog_kernels
from rstdp.fast import screen
from rstdp.files import write_text
from rstdp.layers import on_grid
from rstdp.learning import learn_rstdp

from .. import ROOT
from ..lab.registry import result
from ..lab.runner import Job

FOLDER = "book/_static/live"
LESSONS = 60  #: images of each class to teach with
#: held-out images of each class: two digits are judged by 200 images, three by 200, ten by 200
HELD_OUT = (100, 100, 67, 20, 20, 20, 20, 20, 20, 20)
MAPS = 5  #: of S3 for each class that is taught
SEED, TAUGHT = 1, 100  #: of the golden lessons, 0 against 1
#: for so many digits, after how many lessons of a teacher who never errs the page tells the accuracy of how many pupils
COURSES, PUPILS = {2: (20, 30), 3: (30,), 10: (100, 500)}, 5
LAYERS = ("input", "s1", "c1", "s2", "c2")
SOURCE = ("Digits of MNIST: Y. LeCun, C. Cortes and C. J. C. Burges, from NIST's Special Databases 1 and 3; "
          "LeCun and Cortes hold the copyright, CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/")


def packed(array: np.ndarray) -> str:
    """The bytes of an array, deflated, in base64."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()


def unpacked(text: str, dtype: type) -> np.ndarray:
    """The inverse of `packed`, flat."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)


def levels(network: Network) -> np.ndarray:
    """S3's weights as levels of 8 bits, uint8 (F, C K K), as S3's screening has them."""
    return screen.rounded(network.weights["s3"].numpy(), *network.bounds("s3")).levels


def rounded(network: Network) -> Network:
    """The same network with S3's weights rounded to 8 bits: what the page computes with."""
    low, high = network.bounds("s3")
    copy = Network(network.config, network.seed)
    copy.restore(network.arrays(), "the page's weights")
    from_levels = low + levels(network).astype(np.float64) * (high - low) / 255
    copy.weights["s3"] = torch.from_numpy(from_levels.astype(np.float32).reshape(network.weights["s3"].shape))
    return copy


def initial_weights(count: int, seed: int, low: float, high: float) -> np.ndarray:
    """As `initialWeights` in model.js: sums of twelve numbers of mulberry32, float32 (count,)."""
    steps = np.arange(1, 12 * count + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5) + np.uint64(seed)
    state = steps.astype(np.uint32)
    x = (state ^ (state >> np.uint32(15))) * (state | np.uint32(1))
    x ^= x + (x ^ (x >> np.uint32(7))) * (x | np.uint32(61))
    sums = (x ^ (x >> np.uint32(14))).astype(np.float64).reshape(count, 12).sum(1)
    values = (0.8 + 0.05 * (sums / 2**32 - 6)).astype(np.float32)
    return np.minimum(np.float32(high), np.maximum(np.float32(low), values))


def fresh(network: Network, classes: int, seed: int) -> Network:
    """A network with the same S1 and S2 and an S3 that has learned nothing."""
    config = network.config.replace({"classes": classes, "s3.maps": MAPS * classes})
    taught = Network(config, seed)
    taught.weights |= {name: network.weights[name] for name in ("s1", "s2")}
    shape = taught.weights["s3"].shape
    taught.weights["s3"] = torch.from_numpy(initial_weights(shape.numel(), seed, *network.bounds("s3")).reshape(shape))
    return taught


def layers(network: Network, images: Tensor) -> dict[str, Tensor]:
    """Spike times (N, C, H, W) of every layer before S3."""
    times = {"input": network.encode(images)}
    times["s1"], times["c1"] = network.spike_times("s1", times["input"]), network.pooled("s1", times["input"])
    times["s2"], times["c2"] = network.spike_times("s2", times["c1"]), network.pooled("s2", times["c1"])
    return times


def checksum(array) -> int:
    """CRC-32 of an array's bytes."""
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def lessons(taught: Network, c2: Tensor, labels: Tensor) -> list[int]:
    """Teach one image at a time, reward where the decision is right and punishment where it is not; the decisions."""
    return [int(taught.class_of(learn_rstdp(taught, image[None], label[None], (1.0, 1.0)))[0])
            for image, label in zip(c2, labels)]


def golden(network: Network, digits: dict) -> dict:
    """What the page must compute: checksums of spike times, decisions, and weights after lessons."""
    images, labels = as_images(digits["heldOut"])
    first = torch.tensor([int((labels == label).nonzero()[0]) for label in range(10)])
    times = layers(network, images[first])
    decisions = network.decide(times["c2"])[0].tolist()
    samples = [{"index": int(index), "decision": decision, **{name: checksum(times[name][i]) for name in LAYERS}}
               for i, (index, decision) in enumerate(zip(first, decisions))]
    images, labels = as_images(digits["lessons"])
    two = labels < 2
    taught = fresh(network, 2, SEED)
    decided = lessons(taught, network.features(images[two][:TAUGHT]), labels[two][:TAUGHT])
    return {"samples": samples, "lessons": {"seed": SEED, "decisions": decided,
                                            "weights": checksum(taught.weights["s3"].numpy())}}


def as_images(part: dict) -> tuple[Tensor, Tensor]:
    """Images (N, 28, 28) uint8 and labels (N,) from digits.js."""
    pixels = unpacked(part["pixels"], np.uint8).reshape(-1, 28, 28).copy()
    return torch.from_numpy(pixels), torch.tensor(part["labels"])


def weights(network: Network) -> dict:
    """What weights.js holds. S1's and S2's weights lie on the grid on which the model sums them."""
    low, high = network.bounds("s3")
    return {"kernels": packed(dog_kernels(scale=network.config.dog_scale).numpy()),
            **{name: packed(on_grid(network.weights[name]).float().numpy()) for name in ("s1", "s2")},
            "s3": packed(levels(network)), "low": low, "high": high}


def spiked(network: Network, part: dict) -> str:
    """Which inputs of S3 have spiked by the end, a bit each: what lets the page judge a pupil at once."""
    return packed(np.packbits((network.features(as_images(part)[0]) < network.config.bins).numpy()))


def digits(data: Dataset) -> dict:
    """What digits.js holds: the first images of each class, in the order of the data set."""
    def first(images: Tensor, labels: Tensor, counts: tuple[int, ...]) -> dict:
        each = [(labels == label).nonzero()[:count, 0] for label, count in enumerate(counts)]
        chosen = sorted(torch.cat(each).tolist())
        return {"pixels": packed(images[chosen].numpy()), "labels": labels[chosen].tolist()}

    return {"source": SOURCE, "lessons": first(data.train_images, data.train_labels, (LESSONS,) * 10),
            "heldOut": first(data.test_images, data.test_labels, HELD_OUT)}


SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0))  #: (down, right)
CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def shifted(images: Tensor, pixels: int, directions: tuple[tuple[int, int], ...]) -> Iterator[Tensor]:
    """The images moved by so many pixels into each of the directions."""
    for down, right in directions:
        yield images.roll((down * pixels, right * pixels), (1, 2))  # MNIST's frame is empty: nothing comes in again


def progress(network: Network, content: dict) -> list[dict]:
    """Accuracy of pupils on the page's held-out digits, in per cent: mean, least and most, as the page teaches them."""
    (images, labels), (held, truth) = (as_images(content[part]) for part in ("lessons", "heldOut"))
    c2, tested, found = network.features(images), network.features(held), []
    for classes, stops in COURSES.items():
        mine, each = (labels < classes).nonzero()[:, 0], 200 // classes + (classes == 3)  # as pupil.js takes them
        chosen = torch.cat([(truth == label).nonzero()[:each, 0] for label in range(classes)])
        reached: dict[int, list[float]] = {stop: [] for stop in stops}
        for seed in range(1, PUPILS + 1):
            taught, at = fresh(network, classes, seed), mine.repeat(max(stops) // len(mine) + 1)
            for first, stop in zip((0, *stops), stops):
                lessons(taught, c2[at[first:stop]], labels[at[first:stop]])
                right = taught.decide(tested[chosen])[0] == truth[chosen]
                reached[stop].append(round(100 * float(right.double().mean()), 1))
        found += [{"classes": classes, "lessons": stop, "accuracy": round(sum(shares) / PUPILS),
                   "low": min(shares), "high": max(shares)} for stop, shares in reached.items()]
    return found


def facts(network: Network, data: Dataset, moved: int) -> dict:
    """What the page says of the network, in per cent: how often rounding changes a decision, how far shifts go."""
    exact = load_pretrained("mnist")
    c2 = network.features(data.test_images)
    decisions = network.decide(c2)[0]
    images, labels = data.test_images[:moved], data.test_labels[:moved]
    share = lambda right: round(100 * float(right.double().mean()), 2)
    shifts, corners = ([share(torch.cat([network.classify(part) == labels for part in shifted(images, pixels, where)]))
                        for pixels in range(1, 4)] for where in (SIDES, CORNERS))
    return {"images": len(data.test_labels), "agreement": share(decisions == exact.decide(c2)[0]),
            "accuracy": share(decisions == data.test_labels), "shiftImages": len(labels), "shifts": shifts,
            "corners": corners}


@result("live-page", FOLDER, needs=(), dataset="mnist", settings={"folder": FOLDER, "moved": 2000}, recorded=False)
def make(job: Job) -> None:
    """Write what the page on which the network runs carries. Settings: where to, and how many images to move about."""
    network, content = rounded(load_pretrained("mnist")), digits(job.data)
    content["heldOut"]["spiked"] = spiked(network, content["heldOut"])
    folder = ROOT / job.settings.folder
    said = facts(network, job.data, job.settings.moved) | {"pupils": PUPILS, "taught": progress(network, content)}
    wanted = golden(network, content) | {"facts": said}
    files = {"weights": ("liveWeights", weights(load_pretrained("mnist"))), "digits": ("liveDigits", content),
             "golden": ("liveGolden", wanted)}
    for name, (constant, value) in files.items():
        write(folder / f"{name}.js", constant, value)
        print(f"{folder / name}.js: {(folder / f'{name}.js').stat().st_size:,} bytes")


def write(path: Path, constant: str, value: dict) -> None:
    """A script that defines one constant, a line for each of its entries."""
    head = "// Written by `python -m report run live-page`, not by hand.\n"
    entries = "".join(f"{json.dumps(key)}: {json.dumps(entry)},\n" for key, entry in value.items())
    tail = f'if (typeof module === "object") module.exports = {constant};\n'
    write_text(path, f"{head}const {constant} = {{\n{entries}}};\n{tail}")


def read(path: Path) -> dict:
    """What `write` has written."""
    body = path.read_text(encoding="utf-8").partition(" = ")[2].partition("};\n")[0]
    return json.loads(body.rstrip().rstrip(",") + "}")
