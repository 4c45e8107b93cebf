"""The handmade problem (figure 3 of the paper): which bars are worth learning? Book chapters: 06 and 10.

An image is 9 pixels wide and 3 high, with a bar of one of four orientations in its left-most and its right-most tile.
Three orientations are diagnostic: each pair of them is a target class; all else is a distractor, answered by a neutral
signal. The network has three maps of 3x3 in S1, global pooling, and three neurons behind, S2, one a class. White pixels
fire in the one time step there is, so "no later than the neuron" means white. R runs, one a seed, learn side by side.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .plasticity import additive, reward_rates, stdp

TILE, WIDTH, MAPS = 3, 9, 3
ORIENTATIONS = ("horizontal", "vertical", "falling", "rising")
#: the four bars, (4, 3, 3): the middle row, the middle column, the two diagonals; the first three are diagnostic
BARS = np.stack([np.eye(TILE)[[1]].T * np.ones(TILE), np.ones((TILE, 1)) * np.eye(TILE)[1], np.eye(TILE),
                 np.eye(TILE)[::-1]]).astype(np.uint8)
DIAGNOSTIC = (0, 1, 2)
DISTRACTOR = -1  #: the class of an image that no decision is asked for
RULES = ("r-stdp", "stdp")  #: how S1 learns; S2 always learns by R-STDP


class Problem(NamedTuple):
    """What the paper leaves open, with the values that agree with its figure; and the rates, which it states."""
    images: int = 20000  #: images shown, drawn at random with equal chances
    repeats: bool = False  #: whether the same bar on both sides is one of the combinations (a distractor)
    mean: float = 0.8  #: first weights
    std: float = 0.02
    stride: int = 3  #: pixels between positions of S1: 3 for the three tiles, 1 for everywhere
    threshold: float = 1.5  #: of S1, strictly above fires: an untrained map at every bar, a trained one at its own
    threshold2: float = 0.0  #: of S2; where it is not reached the decision is silent, and nothing is learned from it
    pointwise: bool = True  #: only the strongest map at a position fires, as in SpykeTorch's training
    winners: int = 2  #: k in S1; no two winners of one map or at one position
    adapt: bool = False  #: whether phi_r and phi_p scale the rates or stay at 1
    batch: int = 100  #: N, images over which phi_r and phi_p are counted
    targets_only: bool = True  #: whether distractors are left out of N
    low: float = 0.2  #: hard bounds of S2's weights, as in S3 of task 1; 0 and 1 with the factor w(1 - w) instead
    high: float = 0.8
    reward_plus: float = 0.004  #: a_r+, a_r-, a_p+ and a_p-
    reward_minus: float = -0.003
    punish_plus: float = 0.0005
    punish_minus: float = -0.004


class Runs(NamedTuple):
    """What R runs learned: weights at the start and after every batch."""
    s1: np.ndarray  #: (R, batches + 1, 3, 3, 3) float32, (run, batch, map, row, column)
    s2: np.ndarray  #: (R, batches + 1, 3, 3) float32, (run, batch, class, map of S1)
    hits: np.ndarray  #: (R, batches) share of right decisions among the targets shown


def stimuli(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """All images (n, 3, 9) uint8 and their classes (n,): 0 to 2 for pairs of diagnostic bars, -1 for distractors."""
    pairs = [pair for pair in itertools.product(range(len(BARS)), repeat=2) if problem.repeats or pair[0] != pair[1]]
    classes, gap = [set(pair) for pair in itertools.combinations(DIAGNOSTIC, 2)], np.zeros((TILE, TILE), np.uint8)
    images = np.stack([np.hstack([BARS[left], gap, BARS[right]]) for left, right in pairs])
    return images, np.array([classes.index(set(pair)) if set(pair) in classes else DISTRACTOR for pair in pairs])


def tiles(problem: Problem, images) -> Tensor:
    """What S1's positions see of images (n, 3, 9): (n, positions, 3, 3) float64."""
    return torch.as_tensor(images).double().unfold(2, TILE, problem.stride).transpose(1, 2)


def decide(problem: Problem, seen: Tensor, s1: Tensor, s2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """From tiles (R, positions, 3, 3), s1 (R, 3, 3, 3), s2 (R, 3, 3): decisions (R,), -1 for silence; which maps fire
    (R, 3); potentials (R, 3, positions), -1 where pointwise inhibition silences."""
    potential = s1.double().flatten(2) @ seen.flatten(2).mT
    if problem.pointwise:
        strongest = potential.argmax(1, keepdim=True)
        potential = torch.full_like(potential, -1.0).scatter(1, strongest, potential.gather(1, strongest))
    fires = potential.amax(2) > problem.threshold
    total = (fires[:, None] * s2.double()).sum(2)
    return torch.where(total.amax(1) > problem.threshold2, total.argmax(1), DISTRACTOR), fires, potential


def learn_s1(problem: Problem, seen: Tensor, potential: Tensor, s1: Tensor, rates: Tensor, who: Tensor) -> None:
    """In the runs `who` (R,) the strongest neurons that fire, up to k, learn: a map or a position once at most."""
    left, run = potential.clone(), torch.arange(len(s1))
    for _ in range(problem.winners):
        value, place = left.flatten(1).amax(1), left.flatten(1).argmax(1)  # both at once, max(1), wakes more threads
        feature, position = place // left.shape[2], place % left.shape[2]
        late = 1 - seen[run, position]  # white is time 0, black is later
        _change(s1, feature, late, rates, who & (value > problem.threshold), (0.0, 1.0))
        left[run, feature] = -1.0
        left[run, :, position] = -1.0


def _change(weights: Tensor, feature: Tensor, pre: Tensor, rates: Tensor, who: Tensor, bounds: tuple) -> None:
    """One neuron of each run in `who` learns; bounds 0 and 1 are soft (`stdp`), others hard (`additive`)."""
    run = torch.arange(len(weights))
    old = weights[run, feature]
    plus, minus = rates.reshape(2, -1, *[1] * (old.ndim - 1))
    new = (stdp if bounds[0] == 0 else additive)(old, pre, 0, plus, minus).clamp(*bounds)
    weights[run, feature] = torch.where(who.reshape(plus.shape), new, old)


def show(problem: Problem, seen: Tensor, targets: Tensor, s1: Tensor, s2: Tensor, rates: Tensor,
         plain: Tensor | None = None) -> Tensor:
    """One image a run, as tiles (R, positions, 3, 3) with targets (R,); both layers learn. Returns misses, hits (2, R).
    rates: (2, 2, R), plus and minus of reward and of punishment. plain: plus and minus (2, R) of S1's STDP, if it
    learns by that, from every image; else from the same signal as S2."""
    decision, fires, potential = decide(problem, seen, s1, s2)
    asked, hit = (targets >= 0) & (decision >= 0), decision == targets
    signal = torch.where(hit, rates[0], rates[1])  # a run that is not asked gets a neutral one
    learn_s1(problem, seen, potential, s1, *((signal, asked) if plain is None else (plain, torch.ones_like(asked))))
    _change(s2, decision.clamp(min=0), 1 - fires.byte(), signal, asked, (problem.low, problem.high))
    return torch.stack([asked & ~hit, asked & hit])


def learn(problem: Problem, rule: str = "r-stdp", seeds: Sequence[int] = (0,)) -> Runs:
    """R runs: first weights and the order of images follow from the seeds. Raises ValueError for an unknown rule."""
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    images, classes = stimuli(problem)
    views, targets, runs = tiles(problem, images), torch.as_tensor(classes), len(seeds)
    starts = zip(*(_start(problem, seed, len(views)) for seed in seeds))
    s1, s2, order = (torch.from_numpy(np.stack(each)) for each in starts)
    phi, kept = torch.ones(2, runs, dtype=torch.float64), [(s1.clone(), s2.clone(), torch.zeros(runs))]
    plain = torch.tensor([[problem.reward_plus], [problem.reward_minus]]).expand(2, runs) if rule == "stdp" else None
    for batch in order.split(problem.batch, dim=1):
        rates = torch.tensor(np.array(reward_rates(problem, *phi.numpy()))).float()  # (signal, sign, R)
        counts = torch.zeros(2, runs, dtype=torch.int64)  # misses and hits
        for shown in batch.T:
            counts += show(problem, views[shown], targets[shown], s1, s2, rates, plain)
        shown_targets = (targets[batch] >= 0).sum(1)
        kept.append((s1.clone(), s2.clone(), counts[1].double() / shown_targets))
        n = shown_targets if problem.targets_only else torch.full_like(shown_targets, batch.shape[1])
        if problem.adapt:
            phi = torch.where(n > 0, counts.double() / n.clamp(min=1), phi)
    found = [torch.stack(each, dim=1).numpy() for each in zip(*kept)]
    return Runs(found[0], found[1], found[2][:, 1:])


def _start(problem: Problem, seed: int, images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First weights of S1 and S2, and the order in which images are shown."""
    random = np.random.default_rng(seed)
    s1, s2 = (np.clip(random.normal(problem.mean, problem.std, shape), 0, 1).astype(np.float32)
              for shape in ((MAPS, TILE, TILE), (MAPS, MAPS)))
    return s1, np.clip(s2, problem.low, problem.high, dtype=np.float32), random.integers(images, size=problem.images)


def learned(s1: np.ndarray) -> list[str]:
    """What each map of S1 (3, 3, 3) has learned: the bar whose pixels alone have weights above 0.5, else "other"."""
    return [next((name for name, bar in zip(ORIENTATIONS, BARS) if np.array_equal(weight > 0.5, bar)), "other")
            for weight in s1]


def diagnostic(names: list[str]) -> bool:
    """Whether three maps stand for exactly the three diagnostic bars."""
    return sorted(names) == sorted(ORIENTATIONS[i] for i in DIAGNOSTIC)


def accuracy(problem: Problem, s1: np.ndarray, s2: np.ndarray) -> float:
    """The share of right decisions of one run over the six target images: s1 (3, 3, 3), s2 (3, 3)."""
    images, classes = stimuli(problem)
    images, classes = images[classes >= 0], classes[classes >= 0]
    weights = (torch.as_tensor(each).expand(len(images), *each.shape) for each in (s1, s2))
    return float((decide(problem, tiles(problem, images), *weights)[0].numpy() == classes).mean())
