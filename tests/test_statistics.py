"""Intervals and verdicts of the report, and the results that they are computed from."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from report import RESULTS
from report.claims import accuracy_chosen
from report.claims.accuracy_chosen import SWITCHES
from report.lab import additions, experiments
from report.lab import results as lab_results
from report.lab.results import Missing, Result
from report.lab.statistics import (
    Estimate,
    collapsed,
    difference,
    dunnett,
    equivalence,
    main_effects,
    over_pairs,
    over_recordings,
    reaching,
    share,
    verdict,
)


def spread(mean, half, n):
    """An estimate whose 90 % interval has this half-width."""
    return Estimate(mean, half * stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.95, n - 1), n)


@pytest.mark.parametrize("mean, half, n, word", [
    (0.972, 0.001, 5, "reproduced"), (0.968, 0.005, 5, "reproduced"),  # 0.963 to 0.973; one more run: within 0.016
    (0.966, 0.001, 5, "partly"),  # equivalent, but one more run would lie within 0.003
    (0.968, 0.0061, 5, "undecided"),  # the interval leaves the band by a hair
    (0.972, 0.02, 5, "undecided"),  # scattered runs about the very figure
    (0.972, 0.0001, 2, "undecided"), (0.940, 0.002, 5, "not"), (0.999, 0.002, 5, "not"),
    (0.950, 0.011, 5, "undecided")])  # different, but a run might reach it
def test_one_figure_of_a_single_run_is_judged_by_equivalence_and_prediction(mean, half, n, word):
    assert verdict(spread(mean, half, n), 0.972) == word


def test_one_run_is_undecided():
    assert verdict(Estimate(0.972, None, 1), 0.972) == "undecided"


def test_noise_never_earns_reproduced():
    """The same mean, scattered more and more, is undecided in the end, not reproduced."""
    words = [verdict(spread(0.966, half, 4), 0.972) for half in (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.1)]
    assert words[0] == "partly" and set(words[4:]) == {"undecided"}


def test_equivalence_is_two_one_sided_tests():
    values, target = np.array([0.961, 0.965, 0.968, 0.963]), 0.972
    for tolerance in (0.005, 0.01, 0.012, 0.02):
        p = max(stats.ttest_1samp(values, target - tolerance, alternative="greater").pvalue,
                stats.ttest_1samp(values, target + tolerance, alternative="less").pvalue)
        assert (equivalence(Estimate.of(values), target, tolerance) == "equivalent") == (p < 0.05)


@pytest.mark.parametrize("apart, word", [
    ([Estimate(-0.01, 0.005, 3)], "reproduced"), ([Estimate(0.004, 0.02, 3)], "undecided"),
    ([Estimate(0.03, 0.01, 3)], "not"), ([Estimate(-0.1, None, 1)], "undecided"),
    ([Estimate(-0.01, 0.005, 3), Estimate(0.03, 0.01, 3)], "not"),
    ([Estimate(-0.01, 0.005, 3), Estimate(0.0, 0.02, 3)], "undecided")])
def test_that_an_addition_does_not_help_is_judged_by_all_intervals(apart, word):
    assert additions.verdict(dict(zip("ab", apart))) == word


def test_the_probability_of_a_figure():
    """Hand-made: mean 0.96 and standard deviation 0.01 of four runs; the figure lies one of them above the mean."""
    values = 0.96 + 0.01 * np.array([1.5, 0.5, -0.5, -1.5]) / np.std([1.5, 0.5, -0.5, -1.5], ddof=1)
    found = reaching(values, 0.97)
    assert found.point == pytest.approx(stats.t.sf(1 / np.sqrt(1.25), 3))
    for bound, part in ((found.low, 0.975), (found.high, 0.025)):  # what was seen is as improbable under either end
        assert stats.nct.sf(2.0, 3, 2 * stats.norm.isf(bound)) == pytest.approx(part, abs=1e-6)
    assert found.low < stats.norm.sf(1) < found.high and found.counted.mean == 0.25
    exact = stats.binomtest(1, 4).proportion_ci(0.95, "exact")
    assert (found.counted.low, found.counted.high) == pytest.approx((exact.low, exact.high))
    assert reaching(values[:2], 0.97) is None and reaching([0.9, 0.9, 0.9], 0.97) is None


def test_the_prediction_interval_holds_one_more_run():
    found = Estimate.of([0.96, 0.97, 0.98])
    assert found.one_more() == pytest.approx(stats.t.ppf(0.975, 2) * 0.01 * np.sqrt(4 / 3))
    assert found.holds(0.97 + 0.99 * found.one_more()) and not found.holds(0.97 + 1.01 * found.one_more())


def test_many_comparisons_have_the_pooled_variance_and_dunnetts_interval():
    random = np.random.default_rng(0)
    control, samples = random.normal(0, 1, 6), {name: random.normal(shift, 1, 4) for name, shift in
                                                (("a", 0), ("b", 1), ("c", -2))}
    found = dunnett(samples, control)
    pooled = sum(((each - each.mean()) ** 2).sum() for each in (control, *samples.values())) / (6 + 12 - 4)
    one = stats.t.ppf(0.975, 14) * np.sqrt(pooled * (1 / 4 + 1 / 6))
    many = stats.t.ppf(1 - 0.025 / 3, 14) * np.sqrt(pooled * (1 / 4 + 1 / 6))
    for name, each in found.items():
        assert each.mean == pytest.approx(samples[name].mean() - control.mean())
        assert one < each.half < many  # wider than without a correction, narrower than Bonferroni's
    assert found == dunnett(samples, control)  # scipy integrates by chance, with the same numbers here
    assert dunnett({"a": [0.5]}, control)["a"].half is None and dunnett({}, control) == {}


def test_pairs_that_share_a_digit_are_not_independent():
    pairs = [f"{a}{b}" for a in range(10) for b in range(a)]
    hard = dict(zip("0123456789", [0.3, 0, 0, 0, 0, 0, 0, 0, 0, -0.2]))  # what digits do to all of their pairs
    values = {pair: 0.5 + sum(hard[digit] for digit in pair) for pair in pairs}
    found, naive = over_pairs(values), Estimate.of(list(values.values()))
    assert found.mean == naive.mean and found.half > 1.5 * naive.half and found.freedom == 9


def test_recordings_widen_an_interval():
    found = over_recordings(Estimate(0.9, 0.003, 3), 900)
    assert found.half == pytest.approx(np.hypot(0.003, 1.959964 * np.sqrt(0.09 / 900)))
    assert over_recordings(Estimate(0.9, None, 1), 900).half == pytest.approx(1.959964 * 0.01)


def test_a_run_far_below_has_collapsed():
    assert collapsed([0.9, 0.44], [0.9, 0.9]) and not collapsed([0.9, 0.46], [0.9, 0.9])


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
        wider, exact = found.bounds(0.9), stats.binomtest(hits, n).proportion_ci(0.9, "exact")
        assert wider == (exact.low, exact.high)


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


def test_the_search_with_power_is_the_search_once_it_is_whole(monkeypatch):
    known = experiments.load("search-power")
    assert main_effects({name: np.array([0.9, 0.91]) for name in known.variants}, SWITCHES)["radius"].n == 32 + 2

    def recorded(count):
        rows = [{"variant": name, "seed": seed, "epoch": 100} for name, seed in known.runs()[:count]]
        facts = {"parameters": {}, "complete": False}
        results = {"search": Result("search", pd.DataFrame(), facts, Path())}
        if count:
            results["search-power"] = Result("search-power", pd.DataFrame(rows), facts, Path())

        def load(name, folders):
            if name not in results:
                raise Missing(name, name)
            return results[name]
        for place in (accuracy_chosen, lab_results):
            monkeypatch.setattr(place, "load", load)
        return accuracy_chosen.searched([]).name, lab_results.lacking("search-power", [])

    runs = len(known.runs())
    assert runs == 2 * 18
    assert [recorded(count) for count in (0, runs - 1, runs)] == [("search", runs), ("search", 1), ("search-power", 0)]


def write_runs(folder, name, runs, accuracy):
    """An experiment's result files whose runs (variant, seed) end at accuracy[variant], each seed a little apart."""
    known = experiments.load(name)
    (folder / name).mkdir(exist_ok=True)
    pd.DataFrame([{"variant": variant, "seed": seed, "epoch": known.variants[variant].s3.epochs,
                   "test_accuracy": accuracy[variant] + seed / 10_000} for variant, seed in runs]).to_csv(
        folder / name / "accuracy.csv", index=False)
    shutil.copy(RESULTS / "s3-rule" / "provenance.json", folder / name)
    facts = json.loads((folder / name / "provenance.json").read_text())
    facts |= {"experiment": name, "parameters": {"variants": known.parameters["variants"], "seeds": known.seeds},
              "runs": []}
    (folder / name / "provenance.json").write_text(json.dumps(facts))


@pytest.mark.parametrize("name, helps", [("s2-reward", "after-stdp"), ("first-spike", "threshold-400")])
def test_claims_3_rest_on_all_images_once_every_run_is_there(tmp_path, name, helps):
    for each in ("s3-rule", name):
        shutil.copytree(RESULTS / each, tmp_path / each)
    few = additions.judged([tmp_path], name)
    assert not additions.whole([tmp_path], name)
    full, base = (experiments.load(each) for each in (f"{name}-full", "s3-rule-full"))
    reads = dict.fromkeys(full.variants, 0.95) | {helps: 0.97}
    write_runs(tmp_path, "s3-rule-full", base.runs(), {"r-stdp": 0.96})
    for runs, there in ((full.runs()[:-1], False), (full.runs(), True)):
        write_runs(tmp_path, full.name, runs, reads)
        assert additions.whole([tmp_path], name) == there
        assert (additions.judged([tmp_path], name) == few) != there
    assert additions.judged([tmp_path], name).verdict == "not"  # one way helps by a point
    assert "60,000 training images" in additions.judged([tmp_path], name).told
    assert [each.what for each in additions.choices([tmp_path], name)][-1] == "10,000 training images"
    write_runs(tmp_path, "s3-rule-full", base.runs()[1:], {"r-stdp": 0.96})
    assert not additions.whole([tmp_path], name)
