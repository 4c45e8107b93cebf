"""Task 2: the compiled passes against dense convolutions step by step, the rules by hand, and the resumable grid."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from report.__main__ import main
from report.claims.two_targets import figure4
from report.sections import choices
from report.studies.task2 import blocks, leads, model, run
from report.studies.task2.kernels import (
    UNIT,
    Layers,
    Learning,
    first_maps,
    in_units,
    inhibited,
    show,
    show_c2,
    sort_spikes,
    survey,
)
from report.studies.task2.model import SILENT, Task
from rstdp import competition, layers, plasticity
from rstdp.config import SPYKETORCH
from rstdp.network import Network

TASK = Task(bins=6, threshold2=36.0, threshold3=0.9, low=0.0, high=1.0, padding2=4)


@pytest.fixture()
def c1():
    rng = np.random.default_rng(0)
    times = np.where(rng.random((24, 3, 8, 8)) < 0.4, rng.integers(0, 6, (24, 3, 8, 8)), 6).astype(np.uint8)
    times[7] = 6  # silent
    return times


@pytest.fixture()
def weights():
    rng = np.random.default_rng(1)
    s2 = np.clip(rng.normal(0.5, 0.2, (5, 3, 9, 9)), 0, 1).astype(np.float32)
    return s2, rng.uniform(0.2, 0.8, (2, 5)).astype(np.float32)


def slow(times, s2, s3, inhibit):
    """One image by dense convolutions: (decision, its time, winner of S2, its time, C2's times up to the decision)."""
    rounded = torch.from_numpy(np.rint(s2.astype(float) * UNIT) / UNIT)
    potential = torch.stack([F.conv2d(torch.from_numpy(times <= t).double()[None], rounded, padding=4)[0]
                             for t in range(TASK.bins)])
    fired = TASK.bins - (potential > TASK.threshold2).sum(0)
    at_spike = competition.potential_at_spike(potential, fired)
    best = competition.k_winners(fired, at_spike, 1, 0, TASK.bins)
    if inhibit:
        fired = competition.pointwise_inhibition(fired, at_spike, TASK.bins)
    c2 = fired.amin((1, 2)).numpy()
    for t in range(TASK.bins):
        total = (s3.astype(float) * (c2 <= t)).sum(1)
        if total.max() > TASK.threshold3:
            return int(total.argmax()), t, best[0], np.where(c2 <= t, c2, TASK.bins)
    return SILENT, TASK.bins, best[0] if best else None, c2


@pytest.mark.parametrize("inhibit", [False, True])
@pytest.mark.parametrize("rule", model.RULES)
def test_decisions_and_learning_are_those_of_the_slow_rules(c1, weights, inhibit, rule):
    (s2, s3), targets = weights, np.random.default_rng(2).integers(-1, 2, len(c1))
    mine2, mine3, fast = s2.copy(), s3.copy(), in_units(s2)
    rates2, rates3 = ((0.4, -0.3), (-0.4, 0.05)), ((0.04, -0.03), (-0.04, 0.005))
    plain = (0.4, -0.3) if rule == "stdp" else (0.0, 0.0)
    decisions = show(sort_spikes(c1, TASK.bins), np.arange(len(c1)), targets, Layers(mine2, fast, mine3),
                     Learning(True, True, rates2, rates3, plain), model.numbers(TASK._replace(inhibit2=inhibit)))
    seen, partial = set(), 0
    for image, target, found in zip(c1, targets, decisions):
        decision, decided, winner, c2 = slow(image, s2, s3, inhibit)
        assert decision == found
        outcome = 0 if decision == target else 1
        signal = target >= 0 and decision >= 0
        seen.add((decision, target))
        partial += 0 < (c2 < TASK.bins).sum() < len(c2)
        if winner and (signal or rule == "stdp"):
            pre = plasticity.receptive_field(torch.from_numpy(image), winner.row, winner.column, 9, 4, TASK.bins)
            rates = plain if rule == "stdp" else rates2[outcome]
            plasticity.learn(plasticity.stdp, torch.from_numpy(s2[winner.feature]), pre, winner.time, rates, (0, 1))
        if signal:
            plasticity.learn(plasticity.stdp, torch.from_numpy(s3[decision]), torch.from_numpy(c2), decided,
                             rates3[outcome], (0, 1))
    assert np.array_equal(mine2, s2) and np.array_equal(mine3, s3)
    assert np.array_equal(fast, in_units(mine2))
    assert len(seen) >= 5 and partial >= 8  # hits, misses, distractors; and not all maps had fired


def test_hard_bounds_leave_out_the_factor(c1, weights):
    s2, s3 = weights
    before, fast = s3.copy(), in_units(s2)
    decision, _, _, c2 = slow(c1[1], s2, s3, False)
    assert decision >= 0 and 0 < (c2 < TASK.bins).sum() < len(c2)
    show(sort_spikes(c1, TASK.bins), np.array([1]), np.array([decision]), Layers(s2, fast, s3),
         Learning(s3=True, rates3=((0.9, -0.9), (0.0, 0.0))), model.numbers(TASK._replace(low=0.2, high=0.8)))
    assert np.array_equal(s3[decision], np.where(c2 < TASK.bins, np.float32(0.8), np.float32(0.2)))
    assert np.array_equal(s3[1 - decision], before[1 - decision])


def test_without_learning_nothing_changes(c1, weights):
    s2, s3 = weights
    before = s2.copy(), s3.copy()
    show(sort_spikes(c1, TASK.bins), np.arange(len(c1)), np.zeros(len(c1), int), Layers(s2, in_units(s2), s3),
         Learning(plain=(0.4, -0.3)), model.numbers(TASK))
    assert np.array_equal(s2, before[0]) and np.array_equal(s3, before[1])


@pytest.mark.parametrize("inhibit", [False, True])
def test_a_survey_walks_to_the_end_and_decides_alike_afterwards(c1, weights, inhibit):
    (s2, s3), spikes, n = weights, sort_spikes(c1, TASK.bins), model.numbers(TASK._replace(inhibit2=inhibit))
    shown, targets = np.arange(len(c1))[::-1].copy(), np.random.default_rng(2).integers(-1, 2, len(c1))
    c2, first = (find(spikes, shown, in_units(s2), n) for find in (survey, first_maps))
    for i, times, won in zip(shown, c2, first):
        _, _, winner, all_of_them = slow(c1[i], s2, 0 * s3, inhibit)  # never decides
        assert np.array_equal(times, all_of_them) and won == (winner.feature if winner else -1)
    learning, mine, other = Learning(s3=True, rates3=((0.04, -0.03), (-0.04, 0.005))), s3.copy(), s3.copy()
    decisions = show_c2(c2, targets, mine, learning, n, TASK.bins)
    assert np.array_equal(decisions, show(spikes, shown, targets, Layers(s2, in_units(s2), other), learning, n))
    assert np.array_equal(mine, other) and (mine != s3).any() and len(set(decisions)) == 3


def test_potentials_cannot_overflow():
    every = np.zeros((1, 10, 14, 14), np.uint8)  # all inputs spike at once, all weights are 1
    ones = in_units(np.ones((2, 10, 15, 15), np.float32))
    assert survey(sort_spikes(every, 2), np.array([0]), ones, model.numbers(Task(bins=2))).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="2047 inputs"):
        sort_spikes(np.zeros((1, 10, 15, 15), np.uint8), 2)


def test_pointwise_inhibition_in_s1_is_that_of_the_reference_path():
    rng = np.random.default_rng(5)
    times = torch.from_numpy(rng.integers(0, 7, (4, 1, 12, 12)).astype(np.uint8))
    weight = torch.from_numpy(np.clip(rng.normal(0.7, 0.2, (6, 1, 5, 5)), 0, 1).astype(np.float32))
    weight = (weight * UNIT).round() / UNIT
    found = inhibited(times.numpy(), in_units(weight.numpy()), 5.0, 2, 6)
    for image, mine in zip(times, found):
        fired, potential = layers.step_through(image[None], weight, 5.0, 2, 6)
        at_spike = competition.potential_at_spike(potential[:, 0], fired[0])
        assert np.array_equal(mine, competition.pointwise_inhibition(fired[0], at_spike, 6).numpy())
    assert ((found < 6).sum(1) <= 1).all() and (found < 6).any()


def test_layers_have_the_sizes_of_the_paper():
    network = Network(model.config(Task(), 12), 0, channels=1)
    assert [tuple(network.weights[name].shape) for name in ("s1", "s2", "s3")] == [
        (10, 1, 5, 5), (12, 10, 15, 15), (2, 12, 1, 1)]
    times = model.encode(Task(), torch.randint(0, 256, (2, 28, 28), dtype=torch.uint8))
    c1 = network.pooled("s1", times)
    assert c1.shape[1:] == (10, 14, 14) and network.spike_times("s2", c1).shape[2:] == (14, 14)
    assert network.pooled("s2", c1).shape[2:] == (1, 1)
    other = Network(model.config(Task(padding1=0, padding2=8), 4), 0, channels=1)  # 14x14 neurons in S2 as well
    assert other.pooled("s1", times).shape[2:] == (12, 12)
    assert other.pooled("s2", other.pooled("s1", times)).shape[2:] == (1, 1)
    for size in (4, 40):  # S1 starts alike for all sizes of a seed
        assert torch.equal(Network(model.config(Task(), size), 0, channels=1).weights["s1"], network.weights["s1"])
    assert SPYKETORCH.bins == 15 and network.config.bins == Task().bins


def test_bright_pixels_fire_first_and_black_ones_never():
    image = torch.tensor([[[0, 255], [128, 1]]], dtype=torch.uint8)
    assert model.encode(Task(bins=15), image).flatten().tolist() == [15, 0, 1, 2]
    assert model.encode(Task(bins=15, coding="intensity"), image).flatten().tolist() == [15, 0, 7, 14]
    assert model.encode(Task(bins=15, dark=128), image).flatten().tolist() == [15, 0, 15, 15]
    with pytest.raises(ValueError, match="'rank' or 'intensity'"):
        model.encode(Task(coding="loud"), image)


def test_batches_end_with_the_nth_image_that_counts():
    targets = np.array([0, -1, 1, 1, -1, 0, 0])
    assert [part.tolist() for part in model.batches(Task(batch=2), targets)] == [[0, 1, 2], [3, 4, 5], [6]]
    counted = model.batches(Task(batch=3, count_distractors=True), targets)
    assert [part.tolist() for part in counted] == [[0, 1, 2], [3, 4, 5], [6]]


def test_silence_counts_as_a_miss_only_if_asked_for():
    decisions, targets = np.array([0, 1, SILENT, 1]), np.array([0, 0, 1, -1])
    assert model.factors(Task(batch=4, silent_is_miss=False), decisions, targets) == (0.25, 0.25)
    assert model.factors(Task(batch=4), decisions, targets) == (0.5, 0.25)


def test_features_overlap_wherever_they_lie_and_in_any_order():
    rng = np.random.default_rng(0)
    some = (rng.random((3, 2, 15, 15)) < 0.1).astype(float)
    some[:, :, :, -3:] = some[:, :, -2:] = 0
    moved = np.roll(some, (2, 3), (2, 3))[::-1]  # the same, elsewhere and in another order
    half = some.copy()
    for one in half:  # without every second of the synapses
        one.reshape(-1)[np.flatnonzero(one)[::2]] = 0
    silent = np.zeros_like(some)
    found = model.overlaps(np.stack([some, moved, half, silent]))
    assert found[0, 1] == 1 and np.array_equal(np.diag(found), np.ones(4))
    shares = [np.count_nonzero(b) / np.count_nonzero(a) for a, b in zip(some, half)]
    assert found[0, 2] == found[2, 0] == pytest.approx(np.mean(shares)) and found[0, 3] == 0
    far = model.overlaps(np.stack([some, np.roll(some, 3, 3)]), shifts=1)
    assert far[0, 1] < 0.5


def test_an_interrupted_grid_goes_on_and_refuses_other_parameters(tmp_path, monkeypatch, capsys):
    command = ["run", "task2", "--dataset", "digits", "--seeds", "0", "--jobs", "1", "--set", "pairs=01", "--set",
               "sizes=2,4", "--set", "images=150", "--set", "passes=1"]
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    whole, started = pd.read_csv(tmp_path / "whole" / "runs.csv", dtype={"pair": str}), []

    def counted(task, inputs, pair, size, rule, seed, features):
        started.append((size, rule))
        if len(started) == 3:
            raise KeyboardInterrupt
        return one(task, inputs, pair, size, rule, seed, features)

    one = run.one
    monkeypatch.setattr(run, "one", counted)
    assert main([*command, "--out", str(tmp_path / "killed")]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert len(pd.read_csv(tmp_path / "killed" / "runs.csv")) == 2
    assert main([*command, "--out", str(tmp_path / "killed")]) == 0
    assert started == [(2, "r-stdp"), (2, "stdp"), (4, "r-stdp"), (4, "r-stdp"), (4, "stdp")]
    killed = pd.read_csv(tmp_path / "killed" / "runs.csv", dtype={"pair": str})
    assert killed.drop(columns="seconds").equals(whole.drop(columns="seconds")) and len(whole) == 4
    features = pd.read_csv(tmp_path / "killed" / "features.csv")
    assert features.rule.tolist() == ["r-stdp", "stdp"] and features.others.tolist() == [1, 1]
    assert (tmp_path / "killed" / "features.npz").exists()
    facts = json.loads((tmp_path / "killed" / "provenance.json").read_text())
    assert len(facts["sessions"]) == 2 and list(facts["studies"]) == ["task2"]
    capsys.readouterr()
    assert main([*command, "--set", "batch=7", "--out", str(tmp_path / "killed")]) == 2
    assert "other parameters" in capsys.readouterr().err
    assert main(["run", "task2", "--set", "bach=7", "--out", str(tmp_path / "x")]) == 2
    assert "threshold2" in capsys.readouterr().err


def test_leads_add_up_and_unknown_ones_are_named():
    found = leads.lead("sigma 0.05 + S2 doubles + targets in turn")
    assert found == leads.Lead({"std": 0.05}, True, 500, 0)
    assert leads.rewarded("sigma 0.05 + S2 doubles") == "sigma 0.05" and leads.rewarded("S2 doubles") == "default"
    with pytest.raises(ValueError, match="unknown lead 'louder'; known are default"):
        leads.lead("sigma 0.05 + louder")


def test_a_threshold_that_is_reached_fires():
    at = np.full((1, 1, 1, 40), 30, np.uint8)
    at[..., :40] = 0  # forty inputs of weight 1: a potential of exactly 40
    ones = np.ones((1, 1, 1, 40), np.float32)
    for task, times in ((leads.BASE, [30]), (leads.BASE._replace(**leads.REACHED), [0])):
        found = survey(sort_spikes(at, 30), np.array([0]), in_units(ones), model.numbers(task._replace(padding2=0)))
        assert found.tolist() == [times]


def test_targets_come_in_turn_and_equally_often():
    labels = np.array([3, 5, 3, 7, 3, 5])
    times = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    train = sort_spikes(times, 9)
    inputs = model.Encoded(torch.zeros(1), train, labels, train, labels)
    features = model.Features(np.zeros(1), np.arange(6)[:, None], np.zeros(1), np.zeros(1))
    found, kept = leads.in_turn(inputs, features, (5, 3))
    assert found.train_labels.tolist() == [5, 3, 5, 3]
    assert found.train.times.ravel().tolist() == kept.train.ravel().tolist() == [1, 0, 5, 2]
    starts = found.train.starts
    assert [found.train.events[row[0]:row[9]].tolist() for row in starts] == [[0]] * 4 and starts[2, 6] > starts[2, 5]


def test_rates_of_s2_double(monkeypatch):
    data = blocks()
    inputs, seen = model.encoded(leads.BASE, 0, data), []
    monkeypatch.setattr(model, "show", lambda spikes, shown, targets, layers, learning, numbers: seen.append(
        (len(shown), learning.plain)))
    model.stdp_features(leads.BASE, inputs, 4, 0, double_every=20)
    assert [count for count, _ in seen] == [19, 20, 20, 1]  # the 20th image is the first of the next rates
    assert np.allclose([rates for _, rates in seen], [(0.04, -0.03), (0.08, -0.06), (0.15, -0.1125), (0.15, -0.1125)])


def test_leads_go_on_and_take_over_what_they_do_not_change(tmp_path, monkeypatch):
    command = ["run", "task2-leads", "--dataset", "digits", "--seeds", "0", "1", "--jobs", "1", "--set", "sizes=2",
               "--out", str(tmp_path / "out")]
    monkeypatch.setattr(model, "PAIRS", ((0, 1),))
    monkeypatch.setattr(leads, "BASE", leads.BASE._replace(images=120, passes=1))
    made, rows = [], leads.rows
    monkeypatch.setattr(leads, "rows", lambda name, *rest: made.append((name, *rest[4:])) or rows(name, *rest))
    assert main([*command, "--set", "leads=default"]) == 0
    assert main([*command, "--set", "leads=default,S2 doubles,sigma 0.05"]) == 0
    assert [one for one in made if len(one) == 2] == [  # not those of the fingerprint
        *2 * [("default", model.RULES)], *2 * [("S2 doubles", ("stdp",)), ("sigma 0.05", model.RULES)]]
    table = pd.read_csv(tmp_path / "out" / "leads.csv").set_index(["lead", "seed", "rule"]).accuracy
    assert len(table) == 12 and table["S2 doubles", 0, "r-stdp"] == table["default", 0, "r-stdp"]


def test_a_lead_is_added_only_where_it_is_worth_it():
    """From the nearest alone; a combination that does not hold the nearest so far does not count."""
    a, b, c = list(leads.LEADS)[1:4]
    far = pd.Series({leads.DEFAULT: 5.0, a: 2.0, b: 4.0, c: 3.0, f"{b} + {c}": 0.1, f"{a} + {b}": 1.5,
                     f"{a} + {c}": 1.7, f"{a} + {b} + {c}": 1.31})
    assert choices.nearest_of(far) == [a, f"{a} + {b}"]
    far[f"{a} + {b} + {c}"] = 1.29
    assert choices.nearest_of(far)[2:] == [f"{a} + {b} + {c}"]


def test_the_distance_to_the_paper_is_a_mean_over_sizes_and_rules(tmp_path, monkeypatch):
    def row(lead, seed, size, rule, above):
        accuracy = figure4(rule)[size] + above
        return dict(lead=lead, seed=seed, size=size, rule=rule, accuracy=accuracy, accuracy_all=accuracy)

    rows = pd.DataFrame([row(lead, 0, size, rule, 0.02 if rule == "stdp" else -0.06)
                         for lead in (*leads.LEADS, *leads.TOGETHER) for size in model.SIZES for rule in model.RULES])
    assert choices.distances(rows)["default", 0] == pytest.approx(4)
    said, drawn = [], []
    page = SimpleNamespace(recorded=[tmp_path], say=said.append, show=lambda figure, *rest: drawn.append(rest[1]),
                           table=lambda rows, columns: said.append(str(list(rows))))
    monkeypatch.setattr(choices, "stale", lambda name, facts: "")

    def write(folder, file, rows):
        (tmp_path / folder).mkdir(exist_ok=True)
        rows.to_csv(tmp_path / folder / file, index=False)
        (tmp_path / folder / "provenance.json").write_text('{"parameters": {"passes": 15}}')

    write("task2-leads", "leads.csv", rows)
    choices.leads(page)
    assert "'4.0', '−6.0 (−6.0 to −6.0)', '+2.0" in said[1]
    write("task2-leads", "leads.csv", rows[rows.lead != "sigma 0.05"])
    with pytest.raises(choices.Missing, match=f"1 of {10 + len(leads.TOGETHER)} leads and combinations"):
        choices.leads(page)
    for name, far in (("task2-passes", 0.04), ("task2-nearest", 0.01)):
        write(name, "runs.csv", pd.DataFrame([{**row(name, seed, size, rule, far), "pair": pair}
                                              for seed in (0, 1, 2) for size in model.SIZES for rule in model.RULES
                                              for pair in ("01", "23", "49")]))
    choices.nearest(page)
    assert "its distance is 1.0 ± 0.0 points over 3 seeds (R-STDP +1.0 (+1.0 to +1.0)" in said[-1]
    assert "that of the default 4.0 ± 0.0" in said[-1] and drawn == ["nearest"]
