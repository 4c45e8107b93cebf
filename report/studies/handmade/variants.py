"""The handmade problem with every open choice the other way round, and what becomes of it as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rstdp import handmade
from rstdp.handmade import BARS, ORIENTATIONS, Problem

#: every open choice the other way round, one at a time, to see which of them matter
VARIANTS = {
    "default": {}, "with repeats": {"repeats": True}, "every position": {"stride": 1},
    "S1 threshold 2": {"threshold": 2.0}, "S2 threshold 0.9": {"threshold2": 0.9},
    "no pointwise inhibition": {"pointwise": False}, "one winner": {"winners": 1},
    "adaptive rates": {"adapt": True},
    "adaptive rates, N with distractors": {"adapt": True, "targets_only": False},
    "S2 with w(1 - w)": {"low": 0.0, "high": 1.0}, "sigma 0.05": {"std": 0.05},
}


def preferred(s1: np.ndarray) -> list[str]:
    """The bar that gives each map of S1 (3, 3, 3) its highest potential, however blurred its weights are."""
    return [ORIENTATIONS[i] for i in np.einsum("fyx,byx->fb", s1.astype(float), BARS.astype(float)).argmax(1)]


def outcomes(problem: Problem, rule: str, seeds: Sequence[int]) -> list[dict]:
    """Each run as a row: the maps, whether they stand for the diagnostic bars, and whether the task is solved.

    `exact` asks for the bars' pixels, `preferred` for the highest potential only; `last_error`: how many images had
    been shown when the last batch with a wrong or silent decision ended.
    """
    rows, runs = [], handmade.learn(problem, rule, seeds)
    for seed, s1, s2, hits in zip(seeds, runs.s1[:, -1], runs.s2[:, -1], runs.hits):
        names, wrong = handmade.learned(s1), np.flatnonzero(hits < 1)
        rows.append({"rule": rule, "seed": seed, "maps": " ".join(names), "exact": int(handmade.diagnostic(names)),
                     "preferred": int(handmade.diagnostic(preferred(s1))),
                     "accuracy": round(handmade.accuracy(problem, s1, s2), 4),
                     "last_error": int((wrong[-1] + 1) * problem.batch) if len(wrong) else 0})
    return rows
