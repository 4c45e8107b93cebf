"""The rules of an earlier replication, against the plain rules where both must agree and by hand where they differ."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from report.__main__ import main
from report.sections import student
from report.sections.student import shapley
from report.studies.student import agreement as their_program
from report.studies.student import as_run, factorial, rules, training
from report.studies.student.rules import StudentConfig, StudentPasses
from rstdp import competition, data, fast, layers, learning, plasticity
from rstdp.config import SPYKETORCH
from rstdp.encoding import spike_wave
from rstdp.network import Network
from rstdp.training import Trainer

BINS = 15


@pytest.fixture()
def times():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, BINS + 1, (6, 6, 8, 8)).astype(np.uint8))


STUDENT = StudentConfig.of(SPYKETORCH)
PASSES = StudentPasses()
CONFIG = STUDENT.replace({"s1.maps": 7, "s1.threshold": 9, "s1.plus": 0.1, "s1.minus": -0.075, "s1.winners": 3,
                          "s1.double_every": 4, "s1.radius": 1})


def test_changes_of_a_batch_are_summed_on_unchanged_weights_and_clipped_once(times):
    config = CONFIG.replace({"update_every": 3})
    network, start = Network(config), Network(config).weights["s1"]
    PASSES.stdp(network, "s1", times[:3], plasticity.DoublingRate.of(config.s1), learning.ignore)
    change = torch.zeros_like(start)
    for image in times[:3]:
        for winner in competition.find_winners(image, start, config.s1, BINS):
            pre = plasticity.receptive_field(image, winner.row, winner.column, 5, 2, BINS)
            rate = torch.where(pre <= winner.time, 0.1, -0.075)
            change[winner.feature] += rate * start[winner.feature] * (1 - start[winner.feature])
    assert (change != 0).any()
    assert torch.allclose(network.weights["s1"], (start + change).clamp(0, 1), atol=1e-6)


def test_free_winners_are_those_of_the_highest_final_potential(times):
    config = CONFIG.replace({"competition": "free", "s1.pointwise": False})
    network, weight = Network(config), Network(config).weights["s1"].clone()
    rate, seen = plasticity.DoublingRate.of(config.s1), []
    PASSES.stdp(network, "s1", times, plasticity.DoublingRate.of(config.s1), learning.ignore)
    for image in times:
        fired = layers.conv_times(image[None], weight, config.s1.threshold, 2)[0]
        potential = fast.final_potentials(image[None], weight, 2)[0]
        free, chosen = torch.ones(fired.shape, dtype=torch.bool), []
        for _ in range(config.s1.winners):
            order = [(int(fired[place]), -float(potential[place]), place) for place in
                     map(tuple, (free & (fired < BINS)).nonzero().tolist())]
            if not order:
                break
            when, _, (feature, row, column) = min(order)
            free[:, max(0, row - 1):row + 2, max(0, column - 1):column + 2] = False
            chosen.append((feature, row, column, when))
        change = weight.clone()
        for feature, row, column, when in chosen:
            pre = plasticity.receptive_field(image, row, column, 5, 2, BINS)
            new = plasticity.stdp(weight[feature], pre, when, rate.plus, rate.minus).clamp(0, 1)
            change[feature] += new - weight[feature]
        weight, seen = change.clamp(0, 1), seen + [len({one[0] for one in chosen}) < len(chosen)]
        rate.advance(1)
    assert any(seen)  # a map did win twice
    assert torch.allclose(network.weights["s1"], weight, atol=1e-5)


def epoch(network, c2, labels, phi):
    return PASSES.rstdp(network, c2, labels, phi, learning.ignore)


@pytest.fixture()
def s3():
    rng = np.random.default_rng(1)
    c2 = np.where(rng.random((40, 16, 4, 4)) < 0.3, 0, BINS).astype(np.uint8)
    c2[5] = BINS  # silent
    config = STUDENT.replace({"s2.maps": 16, "s3.maps": 20, "batch": 10})
    return config, torch.from_numpy(c2), torch.from_numpy(rng.integers(0, 10, 40))


def test_the_class_of_an_index_changes_with_the_position(s3):
    config, c2, labels = s3
    network = Network(config.replace({"decision": "index"}))
    winners = network.winners(c2)
    decisions = rules.classes_of(network, winners, c2)
    for (feature, position), decision in zip(winners.tolist(), decisions.tolist()):
        assert decision == ((feature * 16 + position) % 10 if feature >= 0 else -1)
    right, silent = PASSES.accuracy(network, c2, labels)
    assert (right, silent) == (float((decisions == labels).double().mean()), 1 / 40)
    ends = []
    for compiled in (True, False):
        network = Network(config.replace({"decision": "index"}), fast=compiled)
        ends.append((epoch(network, c2, labels, (1.0, 1.0)), network.weights["s3"]))
    assert ends[0][0] == ends[1][0] and torch.equal(ends[0][1], ends[1][1])


def test_s3_sums_the_changes_of_a_batch(s3):
    config, c2, labels = s3
    plain, single = Network(config), Network(config)
    network = Network(config.replace({"update_every": 10}))
    start, winners = network.weights["s3"].clone(), network.winners(c2[:10])
    epoch(network, c2[:10], labels[:10], (0.5, 0.5))
    reward, punishment = plasticity.reward_rates(config, 0.5, 0.5)
    change = torch.zeros_like(start)
    for image, label, (feature, position) in zip(c2, labels, winners.tolist()):
        if feature >= 0:
            pre = plasticity.receptive_field(image, position // 4, position % 4, 5, 2, BINS)
            plus, minus = reward if network.decision_map[feature] == label else punishment
            change[feature] += torch.where(pre < BINS, plus, minus)
    assert torch.allclose(network.weights["s3"], (start + change).clamp(0.2, 0.8), atol=1e-6)
    # with one image a batch both ways are the same rule
    learning.learn_rstdp(plain, c2[:1], labels[:1], (0.5, 0.5))
    rules.learn_rstdp(single, c2[:1], labels[:1], (0.5, 0.5))
    assert torch.equal(plain.weights["s3"], single.weights["s3"])


def test_a_silent_decision_as_a_miss(s3):
    config, c2, labels = s3
    _, (misses, hits) = epoch(Network(config), c2[:10], labels[:10], (1.0, 1.0))
    _, (more, same) = epoch(Network(config.replace({"silent_is_miss": True})), c2[:10], labels[:10], (1.0, 1.0))
    assert (more, same) == (pytest.approx(misses + 0.1), hits)


def test_with_all_switches_off_the_passes_are_the_models_own(s3, times):
    config, c2, labels = s3
    ends = []
    for passes in (PASSES, learning.Passes()):
        network = Network(config)
        rate = plasticity.DoublingRate.of(config.s1)
        passes.stdp(network, "s1", times, rate, learning.ignore)
        ends.append((passes.rstdp(network, c2, labels, (1.0, 1.0), learning.ignore),
                     passes.accuracy(network, c2, labels), network.weights))
    assert ends[0][:2] == ends[1][:2]
    assert all(torch.equal(ends[0][2][name], ends[1][2][name]) for name in ("s1", "s3"))


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match="'decision': input should be 'map' or 'index', got 'position'"):
        STUDENT.replace({"decision": "position"})


def test_defaults_leave_the_fingerprint():
    assert STUDENT.digest() == SPYKETORCH.digest() != STUDENT.replace({"update_every": 10}).digest()


# --- as their program runs ---


def steps(*fired):
    """Spikes (T, 1, 1, 2, 2) of one map; fired: (step, row, column)."""
    spikes = torch.zeros(15, 1, 1, 2, 2)
    for step, row, column in fired:
        spikes[step, 0, 0, row, column] = 1
    return spikes


def test_a_cell_passes_on_every_spike_of_its_window_and_late_ones_add_up():
    cells = as_run.pooled(steps((3, 0, 0), (3, 1, 1), (9, 0, 1)), "s1")
    assert cells.shape == (15, 1, 1, 3, 3) and cells.sum() == 2  # steps 3 and 9, in the middle; two at once are one
    assert as_run.left(cells)[0, 0, 1, 1] == (15 - 3) + (15 - 9)
    assert as_run.read_out(cells.sum(0), torch.full((1, 1, 3, 3), 0.5))[0, 0, 0, 0] == 2 * 0.5


def test_a_neuron_fires_once_at_its_threshold():
    spikes, last = as_run.fire(torch.tensor([7.0, 8.0, 1.0]).view(3, 1, 1, 1, 1))
    assert spikes.flatten().tolist() == [0, 1, 0] and last.item() == 16


def test_winners_are_early_then_strong_then_first_and_the_first_of_all_where_nobody_is_left():
    spikes, potential = steps((4, 0, 0), (2, 1, 0), (2, 1, 1)), torch.tensor([[[[9.0, 0.0], [5.0, 6.0]]]])
    assert as_run.winners(as_run.left(spikes), potential, 3, 0).tolist() == [[3, 2, 0]]
    assert as_run.winners(as_run.left(spikes), potential, 2, 1).tolist() == [[3, 0]]


def test_a_map_that_wins_twice_learns_from_its_last_win():
    pre, post = torch.tensor([[[[8.0, 3.0, 8.0]]]]), torch.tensor([[[[5.0, 5.0, 5.0]]]])
    arguments = torch.zeros(1, 1, 1, 1), pre, post, torch.ones(1, 1, 1, 3)
    both, last = (as_run.change(*arguments, torch.tensor([won]), [(1.0, -2.0)], soft=False).item()
                  for won in ([0, 1], [1, 0]))
    assert (both, last) == (-2, 1)  # not -1, their sum
    assert as_run.change(*arguments[:3], torch.zeros(1, 1, 1, 3), torch.tensor([[0]]), [(1.0, -2.0)], False).item() == 0


def test_rates_double_after_every_fifth_batch_but_the_first():
    plus = [0.004]
    for batch in range(39):
        plus.append(as_run.later(plus[-1], batch))
    assert plus[:6] == [0.004] * 6 and plus[6:11] == [0.008] * 5 and plus[11] == 0.016 and plus[-1] == 0.15


class Pretended:
    """`as_run` itself in place of their program, in float32; fault: added to every weight it learns."""

    def __init__(self, weights, fault=0.0):
        self.weights, self.fault = {name: weight.clone() for name, weight in weights.items()}, fault
        self.net = SimpleNamespace(get_decision=lambda: self.decisions)

    def weight(self, name):
        return self.weights[name].double()

    def show(self, frames):
        seen = {"image": frames}
        for name, before in (("s1", "image"), ("s2", "c1")):
            seen[name], seen[f"v{name[1]}"] = as_run.layer(seen[before], self.weights[name])
            seen[f"c{name[1]}"] = as_run.pooled(seen[name], name)
        seen["v3"] = as_run.read_out(seen["c2"].sum(0), self.weights["s3"])
        self.decisions = as_run.decide(seen["v3"])
        return seen

    def winners(self, name, seen):
        return as_run.winners(as_run.left(seen[name].double()), seen[f"v{name[1]}"].double(), *as_run.LAYERS[name])

    def learn(self, name, seen, plus):
        pre, post = as_run.left(seen["image" if name == "s1" else "c1"]), as_run.left(seen[name])
        self.weights[name] = as_run.learned(self.weights[name], name, pre, post, seen[f"v{name[1]}"], plus)
        self.weights[name] -= self.fault

    def learn_s3(self, seen, right, phi):
        counts = seen["c2"].sum(0)
        self.weights["s3"] = as_run.learned_s3(self.weights["s3"], counts, seen["v3"], right, phi) - self.fault


@pytest.mark.parametrize("fault", [0.0, 1e-4])
def test_what_differs_from_their_program_is_counted_where_it_arises(fault, monkeypatch):
    monkeypatch.setattr(as_run, "BATCH", 4)
    random = torch.Generator().manual_seed(1)
    weights = {name: 0.5 + 0.3 * torch.rand(shape, generator=random) for name, shape in (
        ("s1", (3, 6, 5, 5)), ("s2", (4, 3, 3, 3)), ("s3", (20, 4, 3, 3)))}
    times = torch.randint(0, 20, (8, 6, 18, 18), generator=random).clamp(max=15).to(torch.uint8)
    rows = list(their_program.compared(Pretended(weights, fault), times, torch.arange(8)))
    wrong = {(layer, what): sum(row[-1] for row in rows if row[:2] == (layer, what)) for layer, what, *_ in rows}
    learned = [("S1", "weights after a batch"), ("S2", "weights after a batch"), ("S3", "weights after a batch")]
    assert all(bool(wrong[key]) == bool(fault) for key in learned)
    assert not any(count for (_, what), count in wrong.items() if what in ("spikes", "decisions", "images' winners"))
    assert sum(row[2] for row in rows if row[:2] == ("S3", "decisions")) == 8


def test_winners_that_rounding_exchanges_are_ties_and_others_are_not():
    spikes, potential = steps((2, 0, 0), (2, 0, 1), (5, 1, 0)), torch.tensor([[[[20.0, 20.0 + 1e-5], [30.0, 0.0]]]])
    apart = [their_program.winners_apart(torch.tensor([[1, 2]]), torch.tensor([other]), as_run.left(spikes), potential)
             for other in ([1, 2], [0, 2], [2, 1])]
    assert [counted for counted, _ in apart] == [(1, 0, 0), (1, 1, 0), (1, 0, 1)]
    assert [maps.tolist() for _, maps in apart] == [[], [0], []]


def test_without_their_program_the_study_says_where_it_comes_from(monkeypatch, capsys, tmp_path, mnist):
    monkeypatch.delenv("STUDENT_SRC", raising=False)
    assert main(["run", "student-agreement", "--out", str(tmp_path / "out")]) == 2
    assert "let STUDENT_SRC name its folder src" in capsys.readouterr().err


def test_what_trains_computes_what_the_readable_rules_say(monkeypatch):
    """Spikes, cells that spike again, counts, and weights after two batches of each layer."""
    monkeypatch.setattr(as_run, "BATCH", 4)
    random = torch.Generator().manual_seed(2)
    weights = {name: 0.5 + 0.3 * torch.rand(shape, generator=random) for name, shape in (
        ("s1", (5, 6, 5, 5)), ("s2", (6, 5, 3, 3)), ("s3", (20, 6, 5, 5)))}
    weights["s1"] = (4 * weights["s1"]).round() / 4  # potentials that lie on the threshold
    times = torch.randint(0, 140, (8, 6, 28, 28), generator=random).clamp(max=15).to(torch.uint8)
    readable, rules = {name: weight.clone() for name, weight in weights.items()}, training.Rules()
    model = training.Model(rules, {name: weight.clone() for name, weight in weights.items()})
    inputs, mine = spike_wave(times), times
    for name in ("s1", "s2"):
        spikes, _ = as_run.layer(inputs, readable[name])
        assert 0 < spikes.sum(0).mean() < 1, name
        for passes in range(2):
            plus = as_run.FIRST_RATE
            for number, batch in enumerate(inputs.split(4, 1)):
                spikes, potential = as_run.layer(batch, readable[name])
                pre, post = as_run.left(batch), as_run.left(spikes)
                readable[name] = as_run.learned(readable[name], name, pre, post, potential, plus)
                plus = as_run.later(plus, number)
        model.learn(name, mine, 2)
        assert torch.allclose(model.weights[name], readable[name]) and not torch.equal(readable[name], weights[name])
        inputs, mine = as_run.pooled(as_run.layer(inputs, readable[name])[0], name), model.pooled(name, mine)
        if name == "s2":
            pad = as_run.PADDING["s2"]
            inputs = inputs[..., pad:-pad, pad:-pad]
    counts, labels = inputs.sum(0), torch.arange(8)
    assert torch.equal(counts, mine.float()) and counts.max() > 1
    counts = torch.nn.functional.pad(counts, (as_run.PADDING["s2"],) * 4)
    assert torch.equal(model.s3(mine, (1.0, 1.0)), as_run.decide(as_run.read_out(counts, readable["s3"])))
    _, phi = model.learn_s3(mine, labels, (1.0, 1.0))
    known = (1.0, 1.0)
    for part, target in zip(counts.split(4), labels.split(4)):
        potential = as_run.read_out(part, readable["s3"])
        hit = as_run.decide(potential) == target
        readable["s3"] = as_run.learned_s3(readable["s3"], part, potential, hit, known)
        known = 1 - float(hit.float().mean()), float(hit.float().mean())
    assert phi == known and torch.allclose(model.weights["s3"], readable["s3"])
    assert not torch.equal(readable["s3"], weights["s3"])


def test_without_its_rules_what_trains_is_the_exact_model():
    """Accuracies and weights of a whole run, with one batch of phi and with several."""
    for size in (1000, 40):
        off = training.Rules(False, False, False, False)
        config = off.config().replace({"s1.epochs": 2, "s2.epochs": 3, "s3.epochs": 4, "batch": size})
        digits = data.load("digits").subset(130, 60)
        trainer = Trainer(config, digits, 3, quiet=True)
        trainer.run()
        weights = Network(config, 3).weights
        model = training.Model(off, weights)
        model.config = config
        parts = [fast.encode(images) for images in (digits.train_images, digits.test_images)]
        for name in ("s1", "s2"):
            model.learn(name, parts[0], getattr(config, name).epochs)
            parts, phi = [model.pooled(name, part) for part in parts], (1.0, 1.0)
        for row in trainer.rows:
            right, phi = model.learn_s3(parts[0], digits.train_labels, phi)
            decisions = model.s3(parts[1], phi)
            assert (right, learning.shares(decisions, digits.test_labels)) == (
                row["train_accuracy"], (row["test_accuracy"], row["silent"]))
        for name, weight in weights.items():
            assert torch.equal(weight, trainer.network.weights[name])


def test_every_group_of_rules_changes_what_is_learned():
    ends = {}
    assert list(factorial.COMBINATIONS)[0] == "none" and len(factorial.COMBINATIONS) == 16
    for name in ("none", *training.Rules._fields, "+".join(training.Rules._fields)):
        rules = factorial.COMBINATIONS[name]
        weights = Network(rules.config(), 0).weights
        rows = training.trained(rules, 0, (1, 1, 1), *factorial.arrays(data.load("digits").subset(220, 20)),
                                weights=weights, tested=(1,))
        assert len(rows) == 1
        ends[name] = b"".join(weight.numpy().tobytes() for weight in weights.values())
    assert len(set(ends.values())) == len(ends) == 6


def test_spike_times_are_taken_as_they_are():
    """Grey images and their own spike times are the same run; events bring their own channels."""
    grey = factorial.arrays(data.load("digits").subset(120, 20))
    encoded = [fast.encode(torch.from_numpy(part)).numpy() if part.ndim == 3 else part for part in grey]
    runs = [[{**row, "seconds": 0} for row in training.trained(training.Rules(), 0, (1, 1, 2), *part)]
            for part in (grey, encoded)]
    assert runs[0] == runs[1]
    encoded[::2] = [part[:, :2] for part in encoded[::2]]
    assert training.trained(training.Rules(), 0, (1, 1, 1), *encoded)[0]["test_accuracy"] >= 0


def test_shares_add_up_and_split_what_two_do_together():
    found = shapley({frozenset(): 0.9, frozenset("a"): 0.8, frozenset("b"): 0.9, frozenset("ab"): 0.6})
    assert found == pytest.approx({"a": -0.2, "b": -0.1})
    values = {frozenset(group): len(group)**2 for count in range(4) for group in itertools.combinations("abc", count)}
    assert shapley(values) == pytest.approx(dict.fromkeys("abc", 3))


def test_the_report_shows_combinations_and_says_which_are_missing(tmp_path, monkeypatch):
    said = []
    (tmp_path / "student-factorial").mkdir()
    rows = pd.DataFrame([dict(rules=name, seed=seed, epoch=20, test_accuracy=0.9 - 0.02 * ("again" in name) -
                              0.5 * (name == "batches" and seed == 1)) for name in factorial.COMBINATIONS
                         for seed in (0, 1)])
    page = SimpleNamespace(recorded=[tmp_path], say=said.append, source=lambda name: name,
                           table=lambda rows, columns: said.append(str(list(rows))))
    rows.to_csv(tmp_path / "student-factorial" / "runs.csv", index=False)
    (tmp_path / "student-factorial" / "provenance.json").write_text('{"train": 10000}')
    monkeypatch.setattr(student, "stale", lambda name, facts: "")
    student.factorial(page)
    text = "\n".join(said)
    assert "10,000 training images" in text and "-2.00" in text.replace("−", "-")
    assert "2 of 8 planned). 1 of 32 runs collapsed" in text
    rows[rows.rules != "again"].to_csv(tmp_path / "student-factorial" / "runs.csv", index=False)
    with pytest.raises(student.Missing, match="1 of the 16 combinations"):
        student.factorial(page)
