"""Compare the fast path with the reference path, and with SpykeTorch where it can be imported, step by step.

The full-size network learns from the first MNIST images, layer by layer. Writes report/results/verify/agreement.csv,
one row for each layer and partner, and provenance.json. About a quarter of an hour for 2,000 images.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from tqdm import tqdm

from rstdp import encoding
from rstdp.config import SPYKETORCH, Config
from rstdp.data import Dataset
from rstdp.learning import learn_rstdp, learn_stdp
from rstdp.network import Network
from rstdp.plasticity import DoublingRate

from ...lab.registry import fingerprint, result
from ...lab.runner import Job
from . import agreement, oracle

COLUMNS = ["layer", "partner", "steps", "same", "ties", "different", "largest_weight_difference", "seconds"]
PHI = (0.5, 0.5)  #: reward and punishment both move S3's weights in the comparison of the two paths


def compare_paths(config: Config, data: Dataset, quiet: bool = False) -> list[tuple]:
    """Fast against reference path: each layer learns twice from the same input, and its winners and weights must be
    the same at every step."""
    network, rows = Network(config), []
    times = network.encode(data.train_images)
    for name in ("s1", "s2", "s3"):
        started, twin = time.perf_counter(), Network(config, fast=False)
        with tqdm(total=len(times), desc=f"{name} step by step through time", disable=quiet) as bar:
            if name == "s3":
                fast = learn_rstdp(network, times, data.train_labels, PHI).tolist()
                slow = []
                for part, labels in zip(times.split(100), data.train_labels.split(100)):
                    slow += learn_rstdp(twin, part, labels, PHI).tolist()
                    bar.update(len(part))
            else:
                rates = [DoublingRate.of(network.layer(name)) for _ in range(2)]
                fast = learn_stdp(network, name, times, rates[0])
                slow = learn_stdp(twin, name, times, rates[1], bar.update)
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


def compare_oracle(config: Config, data: Dataset) -> list[tuple]:
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


@fingerprint("verify", first="999f74624210")
def probe() -> Iterator:
    """Both paths on a few images, and the rules of agreement on records with a winner that is wrong, and one that ties.

    The records are of our own learning, so that this does not need SpykeTorch.
    """
    random = np.random.default_rng(0)
    images = torch.from_numpy(np.kron(random.integers(0, 256, (8, 7, 7)), np.ones((4, 4))).astype(np.uint8))
    config = agreement.GOLDEN.replace({"batch": 4})
    data = Dataset("probe", images, torch.arange(8) % 10, images[:1], torch.arange(1))
    yield from (row[:-1] for row in compare_paths(config, data, quiet=True))
    record = recorded(config, data)
    record["s2_winners"][3, 0, 0] = (record["s2_winners"][3, 0, 0] + 1) % config.s2.maps
    record["s3_winners"][2, 0] = (record["s3_winners"][2, 0] + 1) % config.s3.maps
    for found in (*(agreement.compare_stdp(record, name, 8, config=config) for name in ("s1", "s2")),
                  agreement.compare_rstdp(record, 8, config=config)):
        yield found.steps, found.same, found.ties, found.different, found.performance
    times = Network(config).encode(images)
    moved = times.clone()
    moved[0, 0, :2] = (moved[0, 0, :2] + 1) % config.bins
    yield encoder_ties(images[0], times[0], moved[0]), agreement.TIE, PHI
    yield agreement.resolution(record["c1_times"][0], record["w2"], config.s2.padding, config.bins)


def recorded(config: Config, data: Dataset) -> dict[str, torch.Tensor]:
    """One pass of our own over each layer, under the keys of `oracle.record`."""
    network, labels = Network(config), data.train_labels
    times = network.encode(data.train_images)
    record = {"spike_times": times, "labels": labels}
    for name in ("s1", "s2"):
        spec, start = network.layer(name), network.weights[name].clone()
        won = learn_stdp(network, name, times, DoublingRate.of(spec))
        rows = [[winner[:3] for winner in one] + [(-1, -1, -1)] * (spec.winners - len(one)) for one in won]
        times = network.pooled(name, times)
        record |= {f"w{name[1]}_init": start, f"{name}_winners": torch.tensor(rows), f"c{name[1]}_times": times,
                   f"w{name[1]}": network.weights[name].clone()}
    start, won = network.weights["s3"].clone(), []
    for batch in range(0, len(times), config.batch):
        part = slice(batch, batch + config.batch)
        won.append(learn_rstdp(network, times[part], labels[part], PHI))
    width = times.shape[3] + 2 * config.s3.padding - config.s3.window + 1
    rows = [(f, p // width, p % width) if f >= 0 else (-1, -1, -1) for f, p in torch.cat(won).tolist()]
    return record | {"w3_init": start, "s3_winners": torch.tensor(rows), "w3": network.weights["s3"].clone()}


@result("verify", "every step of the fast path against stepping through time and against SpykeTorch; a quarter of an "
        "hour", needs=("core", "verify"), dataset="mnist", settings={"images": 2000})
def make(job: Job) -> int:
    """Compare, write, print; exit code 1 where a step disagrees. Setting: images a layer."""
    data = job.data.subset(job.settings.images, 1)
    rows = compare_paths(SPYKETORCH, data)
    if oracle.available():
        rows += compare_oracle(SPYKETORCH, data)
    else:
        print("SpykeTorch cannot be imported here: compared with the reference path only", file=sys.stderr)
    table = pd.DataFrame(rows, columns=COLUMNS)
    job.write("agreement.csv", table)
    job.describe(data_md5=data.checksum(), images=job.settings.images, seed=0, spyketorch=oracle.available(),
                 vectors=torch.backends.cpu.get_cpu_capability())
    print(table.to_string(index=False))
    return int(table.different.sum() > 0)
