"""The handmade problem (figure 3 of the paper): which bars are worth learning? Book chapter: 10.

An image is 9 pixels wide and 3 high; a bar of one of four orientations stands in its left-most and in its right-most
tile. Three orientations are diagnostic: each pair of them is a target class. Every other combination is a distractor,
answered by a neutral signal. The network has three maps of 3x3 in S1, global pooling, and three neurons behind, S2,
one a class. Three maps for four bars: STDP learns what repeats, R-STDP what is worth a reward.

All white pixels fire in the one time step there is, so "no later than the neuron" means white. What the paper does not
say is a field of `Problem`.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from .kernels import jit

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


#: every open choice the other way round, one at a time, to see which of them matter
VARIANTS = {
    "default": {}, "with repeats": {"repeats": True}, "every position": {"stride": 1},
    "S1 threshold 2": {"threshold": 2.0}, "S2 threshold 0.9": {"threshold2": 0.9},
    "no pointwise inhibition": {"pointwise": False}, "one winner": {"winners": 1},
    "adaptive rates": {"adapt": True},
    "adaptive rates, N with distractors": {"adapt": True, "targets_only": False},
    "S2 with w(1 - w)": {"low": 0.0, "high": 1.0}, "sigma 0.05": {"std": 0.05},
}


class Run(NamedTuple):
    """What a run learned, and on the way: weights at the start and after every batch."""

    s1: np.ndarray  #: (batches + 1, 3, 3, 3) float32, (map, row, column) at the end
    s2: np.ndarray  #: (batches + 1, 3, 3) float32, (class, map of S1) at the end
    hits: np.ndarray  #: (batches,) share of right decisions among the targets shown


def stimuli(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """All images (n, 3, 9) uint8 and their classes (n,): 0 to 2 for pairs of diagnostic bars, -1 for distractors."""
    pairs = [pair for pair in itertools.product(range(len(BARS)), repeat=2) if problem.repeats or pair[0] != pair[1]]
    classes = [set(pair) for pair in itertools.combinations(DIAGNOSTIC, 2)]
    images = np.zeros((len(pairs), TILE, WIDTH), dtype=np.uint8)
    for image, (left, right) in zip(images, pairs):
        image[:, :TILE], image[:, -TILE:] = BARS[left], BARS[right]
    return images, np.array([classes.index(set(pair)) if set(pair) in classes else DISTRACTOR for pair in pairs])


@jit
def potentials(image, s1, problem):
    """Potentials (3, positions) of S1's maps (3, 3, 3) on an image (3, 9); -1 where pointwise inhibition silences."""
    found = np.zeros((MAPS, (WIDTH - TILE) // problem.stride + 1))
    for x in range(found.shape[1]):
        for f in range(MAPS):
            for row in range(TILE):
                for column in range(TILE):
                    found[f, x] += image[row, x * problem.stride + column] * np.float64(s1[f, row, column])
        best = np.argmax(found[:, x])
        for f in range(MAPS):
            if problem.pointwise and f != best:
                found[f, x] = -1.0
    return found


@jit
def decide(potential, s2, problem):
    """From S1's potentials: the class, -1 for silence, and which maps of S1 fire (3,) and reach S2."""
    fires, total = np.zeros(MAPS, dtype=np.uint8), np.zeros(len(s2))
    for f in range(MAPS):
        fires[f] = potential[f].max() > problem.threshold
        for c in range(len(s2)):
            total[c] += fires[f] * np.float64(s2[c, f])
    best = np.argmax(total)
    return best if total[best] > problem.threshold2 else -1, fires


@jit
def change(weight, active, plus, minus, low, high):
    """Active inputs move by plus, the others by minus, in place; bounds 0 and 1 are soft (w(1 - w)), others hard."""
    flat, pre = weight.reshape(weight.size), active.reshape(active.size)
    for i in range(len(flat)):
        delta = np.float32(plus if pre[i] else minus)
        if low == 0:
            delta *= flat[i] * (np.float32(1) - flat[i])
        flat[i] = min(max(flat[i] + delta, np.float32(low)), np.float32(high))


@jit
def learn_s1(image, potential, s1, plus, minus, problem):
    """The strongest neurons that fire, up to k, learn: every map once at most, and one at a position."""
    left = potential.copy()
    for _ in range(problem.winners):
        f, x = divmod(np.argmax(left), left.shape[1])
        if left[f, x] <= problem.threshold:
            break
        seen = image[:, x * problem.stride:x * problem.stride + TILE].copy()
        change(s1[f], seen, plus, minus, 0.0, 1.0)
        left[f], left[:, x] = -1.0, -1.0


@jit
def show(images, classes, s1, s2, reward, punishment, plain, problem):
    """Show images (n, 3, 9) one by one; both layers learn in place. Returns (hits, misses) among the targets.

    reward, punishment: (plus, minus). S1 learns at every image if `plain`, by STDP, else from the same signal as S2.
    """
    hits = misses = 0
    for image, target in zip(images, classes):
        potential = potentials(image, s1, problem)
        decision, fires = decide(potential, s2, problem)
        asked, hit = target >= 0 and decision >= 0, decision == target
        plus, minus = reward if hit else punishment
        if plain:
            learn_s1(image, potential, s1, problem.reward_plus, problem.reward_minus, problem)
        if asked:  # all else is a neutral signal
            hits, misses = hits + hit, misses + (not hit)
            if not plain:
                learn_s1(image, potential, s1, plus, minus, problem)
            change(s2[decision], fires, plus, minus, problem.low, problem.high)
    return hits, misses


def learn(problem: Problem, rule: str = "r-stdp", seed: int = 0) -> Run:
    """One run: first weights and the order of images follow from the seed. Raises ValueError for an unknown rule."""
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    random = np.random.default_rng(seed)
    s1, s2 = (np.clip(random.normal(problem.mean, problem.std, shape), 0, 1).astype(np.float32)
              for shape in ((MAPS, TILE, TILE), (MAPS, MAPS)))
    s2 = np.clip(s2, problem.low, problem.high, dtype=np.float32)
    images, classes = stimuli(problem)
    order = random.integers(len(images), size=problem.images)
    phi = (1.0, 1.0)
    on_the_way: tuple[list, list, list] = ([s1.copy()], [s2.copy()], [])
    for shown in np.split(order, range(problem.batch, len(order), problem.batch)):
        hits, misses = show(images[shown], classes[shown], s1, s2,
                            (problem.reward_plus * phi[0], problem.reward_minus * phi[0]),
                            (problem.punish_minus * phi[1], problem.punish_plus * phi[1]), rule == "stdp", problem)
        targets = int((classes[shown] >= 0).sum())
        for kept, value in zip(on_the_way, (s1.copy(), s2.copy(), hits / targets if targets else np.nan)):
            kept.append(value)
        n = targets if problem.targets_only else len(shown)
        if problem.adapt and n:
            phi = (misses / n, hits / n)
    return Run(*map(np.array, on_the_way))


def learned(s1: np.ndarray) -> list[str]:
    """What each map of S1 (3, 3, 3) has learned: the bar whose pixels alone have weights above 0.5, else "other"."""
    return [next((name for name, bar in zip(ORIENTATIONS, BARS) if np.array_equal(weight > 0.5, bar)), "other")
            for weight in s1]


def preferred(s1: np.ndarray) -> list[str]:
    """The bar that gives each map of S1 (3, 3, 3) its highest potential, however blurred its weights are."""
    return [ORIENTATIONS[i] for i in np.einsum("fyx,byx->fb", s1.astype(float), BARS.astype(float)).argmax(1)]


def diagnostic(names: list[str]) -> bool:
    """Whether three maps stand for exactly the three diagnostic bars."""
    return sorted(names) == sorted(ORIENTATIONS[i] for i in DIAGNOSTIC)


def outcome(problem: Problem, rule: str, seed: int) -> dict:
    """One run as a row: the maps, whether they stand for the diagnostic bars, and whether the task is solved.

    `exact` asks for the bars' pixels, `preferred` for the highest potential only; `last_error`: how many images had
    been shown when the last batch with a wrong or silent decision ended.
    """
    run = learn(problem, rule, seed)
    s1, s2, names = run.s1[-1], run.s2[-1], learned(run.s1[-1])
    wrong = np.flatnonzero(run.hits < 1)
    return {"rule": rule, "seed": seed, "maps": " ".join(names), "exact": int(diagnostic(names)),
            "preferred": int(diagnostic(preferred(s1))), "accuracy": round(accuracy(problem, s1, s2), 4),
            "last_error": int((wrong[-1] + 1) * problem.batch) if len(wrong) else 0}


def accuracy(problem: Problem, s1: np.ndarray, s2: np.ndarray) -> float:
    """The share of right decisions over the six target images."""
    images, classes = stimuli(problem)
    asked = classes >= 0
    found = [decide(potentials(image, s1, problem), s2, problem)[0] for image in images[asked]]
    return float((np.array(found) == classes[asked]).mean())
