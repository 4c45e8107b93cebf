"""Intervals and verdicts of the report, and the results that they are computed from."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from report.claims.accuracy_chosen import SWITCHES
from report.lab import additions, experiments
from report.lab.results import Result
from report.lab.statistics import Estimate, difference, main_effects, share, verdict


@pytest.mark.parametrize("mean, half, n, word", [
    (0.975, 0.001, 5, "reproduced"), (0.970, 0.003, 5, "reproduced"), (0.970, 0.001, 5, "partly"),
    (0.970, None, 1, "partly"), (0.975, None, 1, "partly"), (0.960, 0.02, 5, "not")])
def test_verdicts_follow_the_rule(mean, half, n, word):
    assert verdict(Estimate(mean, half, n), 0.972) == word


@pytest.mark.parametrize("apart, word", [
    (Estimate(-0.01, 0.005, 3), "reproduced"), (Estimate(0.004, 0.02, 3), "partly"), (Estimate(0.03, 0.01, 3), "not"),
    (Estimate(-0.1, None, 1), "partly"), (Estimate(0.1, None, 1), "not")])
def test_that_an_addition_does_not_help_is_judged_by_the_interval(apart, word):
    assert additions.verdict(apart) == word


def test_intervals_are_those_of_scipy():
    values = [0.91, 0.93, 0.92, 0.95]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    ours = Estimate.of(values)
    assert (ours.low, ours.high) == (pytest.approx(low), pytest.approx(high))
    welch = stats.ttest_ind(values, [0.9, 0.91, 0.9], equal_var=False).confidence_interval()
    apart = difference(values, [0.9, 0.91, 0.9])
    assert (apart.low, apart.high) == (pytest.approx(welch.low), pytest.approx(welch.high))


def test_shares_have_exact_intervals():
    for hits, n in ((600, 600), (153, 600), (0, 20)):
        found, exact = share(hits, n), stats.binomtest(hits, n).proportion_ci(0.95, "exact")
        assert (found.mean, found.low, found.high) == (hits / n, exact.low, exact.high)


def test_main_effects_of_a_factorial():
    true = dict(zip(SWITCHES, (0.01, 0, -0.02, 0.005, 0, 0, 0.03, 0)))
    values = {name: np.array([0.9 + sum(true.get(switch, 0) for switch in name.split("-"))])
              for name in experiments.load("search").variants}
    found = main_effects(values, SWITCHES)
    assert {name: round(effect.mean, 9) for name, effect in found.items()} == true
    with pytest.raises(ValueError, match="too few variants"):
        main_effects(dict(list(values.items())[:4]), SWITCHES)


def test_runs_of_the_same_configuration_are_joined():
    rows = pd.DataFrame({"variant": "a", "seed": [0, 0], "epoch": [1, 2], "test_accuracy": [0.5, 0.6]})

    def result(name, seed, **changes):
        facts = {"data_md5": "x", "parameters": {"variants": {name: {"s3.epochs": 2, **changes}}}}
        return Result(name, rows.assign(variant=name, seed=seed), facts, Path())

    first = result("a", 0)
    assert list(first.joined(result("b", 1)).at("a")) == [0.6, 0.6]
    for other in (result("b", 0), result("b", 1, bins=30), result("b", 1, **{"s3.epochs": 3})):
        assert list(first.joined(other).at("a")) == [0.6]
