"""Time every stage against SpykeTorch and Spyker, like for like, in one run, one thread each.

A peer takes part where it can be imported; where not, its cells stay empty, and so does the row for a GPU. All see the
same images and start with the same weights, each stage starts from the same on all sides (the column `cached`), and
rounds alternate. Before anything is timed every peer must agree with us, given the same spikes and weights. Writes
agreement.csv, benchmark.csv (milliseconds an image), passes.csv (whole passes of S3, early and late in training),
scaling.csv (how our cost grows), floor.csv (`floor`) and provenance.json to report/results/benchmark. What a training
run sets up once an epoch (the 8-bit copy of S3's weights) is set up before the clock starts; the whole training run
includes it.
"""

from __future__ import annotations

import copy
import functools
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from rstdp import encoding, learning
from rstdp.config import SPYKETORCH, Config
from rstdp.data import Dataset
from rstdp.fast import batched
from rstdp.network import Network, load_pretrained
from rstdp.plasticity import DoublingRate

from ... import RESULTS
from ...lab import provenance
from ...lab.registry import fingerprint, result
from ...lab.runner import Job
from ..verify import agreement as rules
from ..verify import oracle, spyker
from . import floor

STAGE, OURS = ["stage", "cached"], "rstdp"
COLUMNS = [*STAGE, "peer", "batch", "ms", "ratio", "threads", "machine", "peak_memory_mb"]
PASSES = ["start", "pass", "learn_ms", "test_ms", "right", "accuracy"]
AGREEMENT = ["peer", "batch", "what", "values", "ties", "different"]
TRAINING = ("whole training run", "nothing")
LATER = {stage: (f"{stage}, pass after pass", "C2") for stage in ("S3 learning", "S3 test")}
PEERS = {  #: by name and images at a time: whether it is there, and what makes one
    ("SpykeTorch", 1): (oracle.available, oracle.SpykeTorch),
    ("Spyker", 1): (spyker.available, functools.partial(spyker.Spyker, batch=1)),
    ("Spyker", 64): (spyker.available, functools.partial(spyker.Spyker, batch=64)),
}
GPU, SEEDS = "rstdp on a GPU", 10  #: S3 of so many seeds learns there in one batch
CHECKED = 960  #: images on which a peer must agree with us
REPEATS = 5  #: rounds of the alternating measurement; the median counts
OURS_MORE = 5  #: our stages are so short that a round shows them the images so many times
SHIPPED = "20 passes"  #: what the weights that come with rstdp have behind them
FIRST_PASSES = 6  #: of those shown in a row: S3 waits four, and makes its bounds in the next


class Ours:
    """The fast path in the form of a peer, with a copy of the weights, which `learn` changes.

    A peer takes `batch` images at a time (0 for all). `given` makes of images (N, 28, 28) uint8 what `encode` takes,
    before the clock starts; `spikes` and `times` translate spike times (N, C, H, W) to the peer's form and back.
    `pooled` is one layer with the pooling behind it, `decide` (N,) the decisions from C2, -1 where silent.
    """

    batch = 0

    def __init__(self, network: Network):
        self.network = copy.deepcopy(network)
        self.rates = {name: DoublingRate.of(network.layer(name)) for name in ("s1", "s2")}
        self.encode, self.pooled = self.network.encode, self.network.pooled

    learn_s3 = functools.cached_property(lambda self: learning.rstdp_learner(self.network))
    readout = functools.cached_property(lambda self: self.network.readout())

    def given(self, images: Tensor) -> Tensor:
        return images

    spikes = times = given

    def learn(self, name: str, times: Tensor, labels: Tensor) -> Any:
        if name == "s3":
            return self.learn_s3(times, labels, oracle.PHI)
        return learning.learn_stdp(self.network, name, times, self.rates[name])

    def decide(self, c2: Tensor) -> Tensor:
        return self.network.class_of(self.readout.winners(c2))


def stages(make: Callable[[Network], Any], network: Network, images: Tensor, labels: Tensor,
           lower: Network | None = None) -> dict[tuple[str, str], Callable[[], Any]]:
    """By name and what it starts from: a function that shows a peer all images (N, 28, 28) once.

    What learns has weights of its own. lower: the network that computes what the layers receive, if it is another one.
    """
    peer, learner, under = make(network), make(network), make(lower or network)
    size = peer.batch or len(images)
    pictures, targets = peer.given(images).split(size), labels.split(size)
    spikes = [peer.encode(each) for each in pictures]
    c1 = [under.pooled("s1", each) for each in spikes]
    c2 = [under.pooled("s2", each) for each in c1]
    fresh = Network(network.config, network.seed)

    def each(step: Callable, *inputs: Sequence) -> Callable[[], Any]:
        def run():
            for batch in zip(*inputs):
                last = step(*batch)
            return last
        return run

    def features(pictures):
        return under.pooled("s2", under.pooled("s1", peer.encode(pictures)))

    return {
        ("encoding", "nothing"): each(peer.encode, pictures),
        ("S1 learning", "spike times"): each(functools.partial(learner.learn, "s1"), spikes, targets),
        ("S1 forward", "spike times"): each(functools.partial(peer.pooled, "s1"), spikes),
        ("S2 learning", "C1"): each(functools.partial(learner.learn, "s2"), c1, targets),
        ("S2 forward", "C1"): each(functools.partial(peer.pooled, "s2"), c1),
        ("S3 learning", "C2"): each(functools.partial(learner.learn, "s3"), c2, targets),
        ("S3 test", "C2"): each(peer.decide, c2),
        ("S3 learning", "nothing"): each(lambda some, labels: learner.learn("s3", features(some), labels),
                                         pictures, targets),
        ("image to decision", "nothing"): each(lambda some: peer.decide(features(some)), pictures),
        TRAINING: lambda: train(make(fresh), images, labels),
    }


def train(peer: Any, images: Tensor, labels: Tensor) -> Any:
    """From images to weights: one pass over each layer, what is below it computed once. Returns the peer."""
    size = peer.batch or len(images)
    spikes = [peer.encode(each) for each in peer.given(images).split(size)]
    for name in ("s1", "s2", "s3"):
        for each, targets in zip(spikes, labels.split(size)):
            peer.learn(name, each, targets)
        if name != "s3":
            spikes = [peer.pooled(name, each) for each in spikes]
    return peer


def agree(whose: str, peer: Any, network: Network, images: Tensor) -> list[tuple]:
    """Rows of AGREEMENT: each step of a peer, given our spikes and the same weights.

    Ties are spike times that the rounding of float32 sums explains. Raises ValueError where others differ.
    """
    times, rows = network.encode(images), []
    for what, name in (("C1", "s1"), ("C2", "s2"), ("decisions", "")):
        spikes = (peer.spikes(part) for part in times.split(peer.batch or len(times)))
        if name:
            found = torch.cat([peer.times(peer.pooled(name, each)) for each in spikes])
            expected = network.pooled(name, times)
            explained = rules.within_rounding(found, times, network.weights[name], network.layer(name),
                                              network.config.bins)
        else:
            found, expected = torch.cat([peer.decide(each) for each in spikes]), network.decide(times)[0]
            explained = found == expected
        ties, different = int((explained & (found != expected)).sum()), int((~explained).sum())
        if different:
            raise ValueError(f"{whose} gives other {what} than ours, {different:,} of {found.numel():,} values; "
                             "what computes something else is not timed")
        rows.append((whose, peer.batch, what, found.numel(), ties, different))
        times = expected
    return rows


def peak(make: Callable[[Network], Any], network: Network, images: Tensor, labels: Tensor) -> int | None:
    """MiB that a process of its own needs for a whole training run in small."""
    # forked from a small server: a child of this process would begin with the peak of this one
    with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool:
        return pool.submit(_peak, make, network.config, network.seed, images.numpy(), labels.numpy()).result()


def _peak(make: Callable[[Network], Any], config: Config, seed: int, *data: np.ndarray) -> int | None:
    torch.set_num_threads(1)
    train(make(Network(config, seed)), *map(torch.from_numpy, data))
    return provenance.peak_memory_mb()


def milliseconds(function: Callable[[], object], images: int) -> float:
    started = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - started) / images


def compare(network: Network, images: Tensor, labels: Tensor, makers: dict, device: str = "") -> list[tuple]:
    """Rows (stage, cached, peer, batch, ms) of every round; ours and the peers' stages alternate, so that a noisy
    machine disturbs all alike.

    makers: by (peer, batch) what makes one, None where it is missing; device: of a GPU, "" for none.
    """
    ours = stages(Ours, network, images, labels)
    theirs = {peer: stages(make, network, images, labels) if make else {} for peer, make in makers.items()}
    for function in ours.values():  # compile first, and make the 8-bit copies
        function()
    measured = []
    for _ in tqdm(range(REPEATS), desc="rounds"):
        for stage, function in ours.items():
            mine = [milliseconds(function, len(images)) for _ in range(OURS_MORE)]
            measured.append((*stage, OURS, len(images), statistics.mean(mine)))
            for peer, functions in theirs.items():
                theirs_ms = milliseconds(functions[stage], len(images)) if functions else None
                measured.append((*stage, *peer, theirs_ms))
    gpu = [milliseconds(many_seeds(network, images, labels, device), SEEDS * len(images)) for _ in range(REPEATS)
           ] if device else [None]
    return measured + [("S3 learning", "C2", GPU, SEEDS, ms) for ms in gpu]


def passes(start: str, network: Network, c2: tuple[Tensor, Tensor], labels: tuple[Tensor, Tensor], count: int
           ) -> Iterator[tuple]:
    """Rows PASSES of `count` passes over C2 and its labels (learned, tested), as a training run shows them.

    start: what the weights of `network` are called; they change. From one pass to the next S3 keeps what rules out maps
    (`fast.bounds`), which does not come into play where images are shown once.
    """
    phi = oracle.PHI
    for number in range(1, count + 1):
        started = time.perf_counter()
        right, phi = learning.rstdp_epoch(network, c2[0], labels[0], phi)
        learned = time.perf_counter()
        accuracy, _ = learning.accuracy(network, c2[1], labels[1])
        spent = (learned - started) / len(c2[0]), (time.perf_counter() - learned) / len(c2[1])
        yield start, number, *(round(1000 * seconds, 4) for seconds in spent), right, accuracy


def long_run(data: Dataset, count: int) -> pd.DataFrame:
    """PASSES from first weights, from the shipped network and from the recorded one that saw 680 passes."""
    shipped, long = load_pretrained("mnist"), Network.load(RESULTS / "paper" / "spyketorch-0.npz")
    fresh, found, labels = copy.deepcopy(shipped), [], (data.train_labels, data.test_labels)
    fresh.weights["s3"] = Network(fresh.config, fresh.seed).weights["s3"]
    for below, starts in ((shipped, {SHIPPED: shipped, "first weights": fresh}), (long, {"680 passes": long})):
        c2 = below.features(data.train_images), below.features(data.test_images)
        for start, network in starts.items():
            found += tqdm(passes(start, network, c2, labels, count), desc=f"passes, {start}", total=count)
    return pd.DataFrame(found, columns=PASSES)


def later(measured: list[tuple], found: pd.DataFrame, images: int) -> list[tuple]:
    """Rows as `compare` gives them of the shipped network's passes but the first ones. A peer looks at every map in
    every pass, so what it takes is what it took for the images of the other stages."""
    mine = found[(found.start == SHIPPED) & (found["pass"] > FIRST_PASSES)]
    rows = [(*LATER[stage], OURS, images, ms) for stage, column in (("S3 learning", "learn_ms"), ("S3 test", "test_ms"))
            for ms in mine[column]]
    return rows + [(*LATER[stage], *rest) for stage, cached, *rest in measured
                   if stage in LATER and cached == "C2" and rest[0] not in (OURS, GPU)]


def many_seeds(network: Network, images: Tensor, labels: Tensor, device: str) -> Callable[[], object]:
    """S3 of SEEDS networks learns from all images at once on a device."""
    c2, networks = network.features(images), [copy.deepcopy(network) for _ in range(SEEDS)]
    batch = batched.Batch(networks, device)
    return lambda: batch.epoch([c2] * SEEDS, labels, [oracle.PHI] * SEEDS)


def table(measured: list[tuple], memory: dict[tuple, int | None], machine: str) -> pd.DataFrame:
    """COLUMNS: medians of rows (stage, cached, peer, batch, ms), and the ratio to ours of the same stage and the same
    cached. memory: by (peer, batch), shown beside the run that needed it."""
    keys = [*STAGE, "peer", "batch"]
    found = pd.DataFrame(measured, columns=[*keys, "ms"]).astype({"ms": float})
    found = found.groupby(keys, sort=False, as_index=False).ms.median()
    ours = found.ms.where(found.peer == OURS).groupby([found[key] for key in STAGE]).transform("first")
    used = [memory.get(row[2:4]) if row[:2] == TRAINING else None for row in found.itertuples(index=False, name=None)]
    return found.assign(ratio=(found.ms / ours).round(1), ms=found.ms.round(4), threads=1, machine=machine,
                        peak_memory_mb=pd.array(used, "Int64"))[COLUMNS]


def widened(network: Network, name: str, factor: int) -> Network:
    """A network whose layer `name` has its trained maps `factor` times; only that layer is of use."""
    wide = Network(network.config.replace({f"{name}.maps": factor * network.layer(name).maps}))
    wide.weights = {**network.weights, name: network.weights[name].repeat(factor, 1, 1, 1)}
    return wide


def scaling(data: Dataset) -> list[tuple]:
    """How our cost grows with images, maps of the learning layer, and bins: rows (what, value, stage, ms an image)."""
    trained, found = load_pretrained("mnist"), []
    learning_stages = {"s1": ("S1 learning", "spike times"), "s2": ("S2 learning", "C1"), "s3": ("S3 learning", "C2")}
    everything = (("encoding", "nothing"), *learning_stages.values(), ("image to decision", "nothing"))

    def measure(what: str, value: int, network: Network, chosen: Sequence, images: int = 400, lower=None) -> None:
        functions = stages(Ours, network, data.train_images[:images], data.train_labels[:images], lower)
        for stage in chosen:
            functions[stage]()
            repeats = [milliseconds(functions[stage], images) for _ in range(REPEATS)]
            found.append((what, value, stage[0], round(statistics.median(repeats), 4)))

    for images in (100, 200, 400, 800):
        measure("images", images, trained, everything, images)
    for factor in (1, 2, 4):
        for name, stage in learning_stages.items():
            measure("times the maps", factor, widened(trained, name, factor), [stage], lower=trained)
    for bins in (8, 15, 30, 60):
        timed = Network(trained.config.replace({"bins": bins}))
        timed.weights = trained.weights
        measure("bins", bins, timed, everything)
    return found


@fingerprint("benchmark")
def probe() -> Iterator:
    """What every stage gives on a few images, and the table of made-up times."""
    network = Network(SPYKETORCH.replace({"s1.maps": 6, "s2.maps": 8, "s3.maps": 20, "s2.threshold": 4}))
    random = np.random.default_rng(0)
    images = torch.from_numpy(np.kron(random.integers(0, 256, (6, 7, 7)), np.ones((4, 4))).astype(np.uint8))
    functions = stages(Ours, network, images, torch.arange(6))
    for stage, function in functions.items():
        yield stage
        gives = function()
        yield from gives.network.weights.values() if stage == TRAINING else [gives]
    yield agree(OURS, Ours(network), network, images)
    yield stages(Ours, widened(network, "s2", 1), images, torch.arange(6), network)["S3 test", "C2"]()
    made_up = [(*stage, peer, batch, ms * i) for i, stage in enumerate(functions, 1)
               for peer, batch, ms in ((OURS, 6, 1.0), (OURS, 6, 3.0), (OURS, 6, 1.5), ("other", 1, 9.0))]
    yield table(made_up, {("other", 1): 7}, "").to_csv(index=False)
    c2, labels = network.features(images), torch.arange(6)
    in_a_row = pd.DataFrame(passes(SHIPPED, network, (c2, c2), (labels, labels), 8), columns=PASSES)
    yield from in_a_row[["start", "pass", "right", "accuracy"]].to_numpy().tolist()
    yield [row[:4] for row in later([("S3 learning", "C2", "other", 1, 9.0)], in_a_row, 6)]
    yield floor.forced(network, images)
    yield CHECKED, REPEATS, OURS_MORE, SEEDS, FIRST_PASSES


@result("benchmark", "milliseconds an image of every stage, against SpykeTorch and Spyker where they can be imported",
        needs=("core", "benchmark"), dataset="mnist", settings={"images": 100, "passes": 10})
def make(job: Job) -> None:
    """Compare what is computed, measure, write, print. Settings: images that everyone sees; passes of S3 in a row over
    all images, from each start."""
    torch.set_num_threads(1)
    network = load_pretrained("mnist")
    images, labels = job.data.train_images[:job.settings.images], job.data.train_labels[:job.settings.images]
    makers = {peer: maker if available() else None for peer, (available, maker) in PEERS.items()}
    agreed = [row for (name, _), maker in makers.items() if maker
              for row in agree(name, maker(network), network, job.data.train_images[:CHECKED])]
    memory = {peer: peak(maker, network, images, labels)
              for peer, maker in {(OURS, len(images)): Ours, **makers}.items() if maker}
    growth = scaling(job.data)
    measured = compare(network, images, labels, makers, "cuda" if torch.cuda.is_available() else "")
    in_a_row = long_run(job.data, job.settings.passes)
    measured += later(measured, in_a_row, len(job.data.train_images))
    found = table(measured, memory, f"{provenance.processor()}, {sys.platform}")
    job.write("agreement.csv", pd.DataFrame(agreed, columns=AGREEMENT))
    job.write("benchmark.csv", found)
    job.write("passes.csv", in_a_row)
    job.write("floor.csv", pd.DataFrame(floor.rows(network, images, found[found.peer == OURS]),
                                        columns=floor.COLUMNS).astype({"additions": "Int64"}))
    job.write("scaling.csv", pd.DataFrame(growth, columns=["what", "value", "stage", "ours_ms"]))
    job.describe(images=len(images), repeats=REPEATS, bins=encoding.BINS,
                 missing=sorted({name for (name, _), maker in makers.items() if not maker}))
    print(found.drop(columns=["threads", "machine"]).to_string(index=False, na_rep="—"))
    print(f"written: {job.out}")
