"""Task 2 of the paper (figures 4 and 5): two target digits among eight distractors, S2 by STDP or R-STDP. Chapter: 10.

Pixels -> S1 (10 maps) -> C1 -> S2 (x maps that see the whole digit) -> C2, one spike a map -> S3, one neuron a target.
The first neuron of S3 to fire decides. A decision on a target is rewarded or punished; distractors get a neutral
signal. S3 always learns by R-STDP; S2 by R-STDP together with it, or by STDP from every image. What the paper leaves
open is a field of `Task`.

S1's output is the same for all pairs, sizes and rules of a seed and computed once (`encoded`), and so is S2's after
STDP for all pairs (`stdp_features`). By R-STDP one image costs one pass over the spikes of C1 until S3 has decided,
compiled in `kernels`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from rstdp.config import SPYKETORCH, Config, Layer
from rstdp.data import Dataset
from rstdp.encoding import intensity_to_latency
from rstdp.layers import pool_first_spike
from rstdp.learning import learn_stdp
from rstdp.network import Network
from rstdp.plasticity import DoublingRate, hits_and_misses, reward_rates

from .kernels import (
    Layers,
    Learning,
    Numbers,
    Spikes,
    first_maps,
    in_units,
    inhibited,
    show,
    show_c2,
    sort_spikes,
    survey,
)

SIZES = (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 30, 40)  #: maps of S2 in figure 4
PAIRS = tuple((a, b) for a in range(10) for b in range(a + 1, 10))
FEW = ((0, 1), (4, 9), (3, 5))  #: some of the pairs, for pictures and for comparing choices
FIGURE5 = 4  #: maps of S2 in figure 5
RULES = ("r-stdp", "stdp")  #: how S2 learns
SILENT, NEVER = -1, 10**9


class Task(NamedTuple):
    """The parameters of task 2: those that the paper states, and named choices where it states nothing."""

    coding: str = "rank"  #: pixels become latencies by "rank", in equally full bins, or by "intensity", linearly
    dark: int = 0  #: pixels up to this grey value stay silent
    bins: int = 30  #: time steps
    padding1: int = 2  #: around the image before S1: C1 has 14x14 cells; 0 leaves 12x12
    padding2: int = 7  #: around C1 before S2: 14x14 neurons, as many as C2 pools; 8 does so for 12x12 cells
    threshold1: float = 5.0  #: of S1, S2, S3; strictly above fires
    threshold2: float = 40.0
    threshold3: float = 0.9
    inhibit1: bool = False  #: pointwise inhibition in S1: only the first map to fire at a position does, as in training
    inhibit2: bool = False  #: the same in S2
    mean: float = 0.8  #: first weights of all layers
    std: float = 0.02
    doubling: bool = True  #: whether S1's rates double every 500 images, as in task 1
    images: int = 10000  #: training images, the first of the data set, targets and distractors
    stdp_images: int = 10000  #: how many of them S1 and S2 see for STDP, targets and distractors alike
    passes: int = 5  #: times that they are shown where reward counts: then 10,000 decisions are about targets
    stdp_passes: int = 1  #: times that they are shown to S2 for STDP
    together: bool = False  #: by STDP, S2 learns while S3 does, in `passes`; else S2 learns first
    batch: int = 100  #: N, images over which hits and misses are counted
    count_distractors: bool = False  #: whether distractors count in N
    silent_is_miss: bool = True  #: whether a silent decision about a target counts as a miss
    adapt: bool = True  #: whether phi_r and phi_p scale the rates or stay at 1
    s2_plus: float = 0.04  #: a_r+ and a_r- of S2, also the rates of its STDP
    s2_minus: float = -0.03
    s2_punish_plus: float = 0.005  #: a_p+ and a_p- of S2; the paper prints a_p- without its sign
    s2_punish_minus: float = -0.04
    s3_plus: float = 0.004  #: the same of S3
    s3_minus: float = -0.003
    s3_punish_plus: float = 0.0005
    s3_punish_minus: float = -0.004
    low: float = 0.0  #: S3's weights lie between them; 0 and 1 with the factor w(1 - w), other bounds are hard
    high: float = 1.0


class Encoded(NamedTuple):
    """What all runs of a seed share: S1's weights (10, 1, 5, 5), C1's spikes (N, 10, 14, 14) and labels (N,)."""

    s1: Tensor
    train: Spikes
    train_labels: np.ndarray
    test: Spikes
    test_labels: np.ndarray


def config(task: Task, size: int) -> Config:
    """The network as a configuration, for its first weights and for S1; C2 pools all neurons of a map of S2."""
    layer: dict[str, Any] = {"winners": 1, "radius": 0, "mean": task.mean, "std": task.std}
    s1 = Layer(maps=10, window=5, padding=task.padding1, threshold=task.threshold1, pool=2, stride=2,
               double_every=500 if task.doubling else NEVER, **layer)
    neurons = 12 + task.padding1 + 2 * task.padding2 - 14  # along an edge of S2
    s2 = Layer(maps=size, window=15, padding=task.padding2, threshold=task.threshold2, pool=neurons, stride=neurons,
               **layer)
    s3 = Layer(maps=2, window=1, padding=0, threshold=task.threshold3, pool=1, stride=1, **layer)
    return dataclasses.replace(SPYKETORCH, name="task2", s1=s1, s2=s2, s3=s3, bins=task.bins, classes=2, low=task.low,
                               high=task.high)


def encode(task: Task, images: Tensor) -> Tensor:
    """Images (N, 28, 28) uint8 -> spike times (N, 1, 28, 28) uint8, bright pixels early. Raises ValueError."""
    values = torch.where(images > task.dark, images, 0)[:, None]
    if task.coding == "rank":
        return intensity_to_latency(values.float(), task.bins, "last")
    if task.coding == "intensity":
        return torch.where(values > 0, (255 - values.int()) * task.bins // 255, task.bins).to(torch.uint8)
    raise ValueError(f"coding must be 'rank' or 'intensity', got {task.coding!r}")


def encoded(task: Task, seed: int, data: Dataset, s1_images: int = 0) -> Encoded:
    """Train S1 by STDP on the training images of `data`, and compute C1's spike times for all its images.

    s1_images: how many images S1 sees, instead of the task's `stdp_images`.
    """
    network = Network(config(task, 2), seed, channels=1)
    train, test = (encode(task, images) for images in (data.train_images[:task.images], data.test_images))
    seen = encode(task, data.train_images[:s1_images]) if s1_images else train[:task.stdp_images]
    learn_stdp(network, "s1", seen, DoublingRate.of(network.config.s1))
    c1_train, c1_test = (sort_spikes(pooled(task, network, times), task.bins) for times in (train, test))
    return Encoded(network.weights["s1"], c1_train, data.train_labels[:task.images].numpy(), c1_test,
                   data.test_labels.numpy())


def pooled(task: Task, network: Network, times: Tensor) -> np.ndarray:
    """C1's spike times (N, 10, 14, 14) uint8 from those of the pixels (N, 1, 28, 28)."""
    if not task.inhibit1:
        return network.pooled("s1", times).numpy()
    fast = in_units(network.weights["s1"].numpy())
    return torch.cat([pool_first_spike(torch.from_numpy(inhibited(
        part.contiguous().numpy(), fast, task.threshold1, task.padding1, task.bins)), 2, 2)
        for part in times.split(500)]).numpy()


class Features(NamedTuple):
    """What STDP gives for all pairs of a seed: S2's weights (x, 10, 15, 15), C2's spike times (N, x) uint8, and the
    `preferences` of the maps (x,)."""

    s2: np.ndarray
    train: np.ndarray
    test: np.ndarray
    preferred: np.ndarray


class Trained(NamedTuple):
    """A run: S2's weights (x, 10, 15, 15) and S3's (2, x); decisions (n,) about the test images of the targets.

    `forced`: the same, with the highest potential instead of silence. targets: 0 or 1.
    """

    s2: np.ndarray
    s3: np.ndarray
    decisions: np.ndarray
    forced: np.ndarray
    targets: np.ndarray


def numbers(task: Task) -> Numbers:
    """What the kernels need of a task."""
    return Numbers(task.threshold2, task.threshold3, task.low, task.high, task.inhibit2, task.padding2)


def first_weights(task: Task, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """S2's (size, 10, 15, 15) and S3's (2, size) before learning."""
    network = Network(config(task, size), seed, channels=1)
    return network.weights["s2"].numpy(), network.weights["s3"].reshape(2, size).numpy().copy()


def stdp_features(task: Task, inputs: Encoded, size: int, seed: int, double_every: int = 0) -> Features:
    """S2 after STDP from all training images: it asks for no label, so it is the same for every pair.

    double_every: images after which S2's rates double, as S1's do; 0 for never.
    """
    s2, _ = first_weights(task, size, seed)
    nobody = np.full(len(inputs.train_labels[:task.stdp_images]), SILENT)
    at_once = Layers(s2, in_units(s2), np.ones((1, size), dtype=np.float32))
    rate = DoublingRate(task.s2_plus, task.s2_minus, double_every or NEVER, SPYKETORCH.s2.plus_limit)
    first_spike = numbers(task._replace(threshold3=0.0, low=0.0, high=1.0))  # of S2: it lets S3 decide, so all stops
    left = np.tile(np.arange(len(nobody)), task.stdp_passes)
    while len(left):
        part, left = np.split(left, [rate.until_next()])
        stdp = Learning(s2=True, plain=(rate.plus, rate.minus))
        show(inputs.train, part, nobody[part], at_once, stdp, first_spike)
        rate.advance(len(part))
    train, test = (survey(spikes, np.arange(len(spikes.times)), at_once.fast, numbers(task))
                   for spikes in (inputs.train, inputs.test))
    return Features(s2, train, test, preferences(task, inputs, s2))


class Rates(NamedTuple):
    """The four rates of a layer, by the names that `reward_rates` knows."""

    reward_plus: float
    reward_minus: float
    punish_plus: float
    punish_minus: float


def rates(task: Task, phi: tuple[float, float]) -> tuple[tuple, tuple]:
    """((plus, minus) of reward, the same of punishment) of S2 and of S3, scaled by (phi_r, phi_p)."""
    s2 = Rates(task.s2_plus, task.s2_minus, task.s2_punish_plus, task.s2_punish_minus)
    s3 = Rates(task.s3_plus, task.s3_minus, task.s3_punish_plus, task.s3_punish_minus)
    return reward_rates(s2, *phi), reward_rates(s3, *phi)


def learn(task: Task, inputs: Encoded, pair: tuple[int, int], size: int, rule: str, seed: int,
          features: Features | None = None) -> Trained:
    """Train S2 and S3 of one network and test it. Raises ValueError for an unknown rule.

    features: what `stdp_features` gave before for this size and seed, to save making it again.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    targets, test_targets = (np.select([labels == pair[0], labels == pair[1]], [0, 1], SILENT)
                             for labels in (inputs.train_labels, inputs.test_labels))
    (s2, s3), tested = first_weights(task, size, seed), np.flatnonzero(test_targets >= 0)
    fixed, plain, phi = rule == "stdp" and not task.together, (0.0, 0.0), (1.0, 1.0)
    if fixed:
        s2, c2_train, c2_test, _ = stdp_features(task, inputs, size, seed) if features is None else features
    elif rule == "stdp":
        plain = (task.s2_plus, task.s2_minus)
    layers = Layers(s2, in_units(s2), s3)
    for shown in task.passes * batches(task, targets):
        if plain[0] == 0:  # a neutral signal changes nothing, so these images need not be shown
            shown = shown[targets[shown] >= 0]
        learning = Learning(not fixed, True, *rates(task, phi), plain)
        if fixed:
            decisions = show_c2(c2_train[shown], targets[shown], s3, learning, numbers(task), task.bins)
        else:
            decisions = show(inputs.train, shown, targets[shown], layers, learning, numbers(task))
        if task.adapt:
            phi = factors(task, decisions, targets[shown])
    asked = test_targets[tested]
    if fixed:
        decisions = show_c2(c2_test[tested], asked, s3, Learning(), numbers(task), task.bins)
    else:
        decisions = show(inputs.test, tested, asked, layers, Learning(), numbers(task))
    silent, forced = np.flatnonzero(decisions == SILENT), decisions.copy()
    c2 = c2_test[tested[silent]] if fixed else survey(inputs.test, tested[silent], layers.fast, numbers(task))
    forced[silent] = ((c2 < task.bins) @ s3.T).argmax(1)
    return Trained(s2, s3, decisions, forced, asked)


def preferences(task: Task, inputs: Encoded, s2: np.ndarray, images: int = 100) -> np.ndarray:
    """The digit that each map of S2 answers to most, -1 where it answers to none, from the first test images of each.

    That is the digit for which the map most often wins, that is fires first of all.
    """
    wins, fast = np.zeros((len(s2), 10), dtype=int), in_units(s2)
    for digit in range(10):
        shown = np.flatnonzero(inputs.test_labels == digit)[:images]
        found = first_maps(inputs.test, shown, fast, numbers(task))
        wins[:, digit] = np.bincount(found[found >= 0], minlength=len(s2))
    return np.where(wins.any(1), wins.argmax(1), SILENT)


def batches(task: Task, targets: np.ndarray) -> list[np.ndarray]:
    """Indices of the training images (N,) in order, cut after every `batch` images that count in phi's N."""
    counted = np.ones(len(targets), dtype=bool) if task.count_distractors else targets >= 0
    ends = np.flatnonzero(counted)[task.batch - 1::task.batch] + 1
    return [part for part in np.split(np.arange(len(targets)), ends) if len(part)]


def factors(task: Task, decisions: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """phi_r = misses / N and phi_p = hits / N after a batch of decisions (n,) about targets and perhaps distractors."""
    asked = targets >= 0
    hits, misses = hits_and_misses(decisions[asked], targets[asked])
    if task.silent_is_miss:
        misses = int(asked.sum()) - hits
    return misses / task.batch, hits / task.batch


def outcome(task: Task, inputs: Encoded, pair: tuple[int, int], size: int, rule: str, seed: int,
            features: Features | None = None) -> dict:
    """One run as a row: accuracy on the first 100 test images of each target, as in the paper, and on all of them.

    `silent`: the share of the first without an answer, which counts as wrong; `forced`: the accuracy if the highest
    potential answers for them. `aware`: the share of S2's winning maps that prefer one of the two targets.
    """
    run = learn(task, inputs, pair, size, rule, seed, features)
    first = np.concatenate([np.flatnonzero(run.targets == target)[:100] for target in (0, 1)])
    right = run.decisions == run.targets
    fixed = rule == "stdp" and not task.together
    preferred = features.preferred if fixed and features is not None else preferences(task, inputs, run.s2)
    shares = {"accuracy": right[first], "accuracy_all": right, "silent": run.decisions[first] == SILENT,
              "forced": (run.forced == run.targets)[first], "aware": np.isin(preferred, pair)[preferred != SILENT]}
    return {"pair": f"{pair[0]}{pair[1]}", "size": size, "rule": rule, "seed": seed,
            **{name: round(float(each.mean()), 4) if len(each) else 0.0 for name, each in shares.items()}}


def overlaps(features: np.ndarray, shifts: int = 7) -> np.ndarray:
    """How far sets of features (n, x, 10, 15, 15) are the same: (n, n) from 0 to 1, 1 on the diagonal.

    A feature is the set of its strong synapses, weights above 0.5. Two features overlap by the size of their
    intersection over that of their union (Jaccard; 1 for two empty ones), at the shift of up to `shifts` cells where
    that is largest: what matters is what is seen, not where. The features of two sets are paired off one to one so
    that their mean overlap is highest.
    """
    n, maps, edge = len(features), features.shape[1], features.shape[-1]
    strong = (features > 0.5).reshape(n * maps, -1, edge, edge)
    count, size = strong.sum((1, 2, 3)), 2 * edge  # no wrapping around
    waves, best = np.fft.rfft2(strong, (size, size)), np.empty((n * maps, n * maps))
    near = np.r_[:shifts + 1, size - shifts:size]
    for i, wave in enumerate(waves):
        shared = np.fft.irfft2((waves.conj() * wave).sum(1), (size, size))[:, near][..., near].max((1, 2))
        every = count[i] + count - np.rint(shared)
        best[i] = np.where(every > 0, np.rint(shared) / np.maximum(1, every), 1)
    best = best.reshape(n, maps, n, maps).swapaxes(1, 2)
    found = np.empty((n, n))
    for i, j in np.ndindex(n, n):
        found[i, j] = best[i, j][linear_sum_assignment(best[i, j], maximize=True)].mean()
    return found
