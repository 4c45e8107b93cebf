"""What was tried against the limits of S3: each idea is plain R-STDP where switched off, and does what it says."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from report.lab import experiments, registry
from report.lab.results import Missing, Result
from report.sections import capacity
from report.studies.limits import conscience, dropout
from report.studies.limits.conscience import ConsciencePasses
from report.studies.limits.dropout import DropoutPasses
from report.studies.limits.scaled import ScaledPasses
from report.studies.limits.shuffled import ShuffledPasses, order
from report.studies.limits.started import StartedPasses
from report.studies.reward import blocks
from report.studies.reward.rules import label_maps
from rstdp import SPYKETORCH, learning
from rstdp.network import Network
from rstdp.training import Trainer

SMALL = {"s1.maps": 8, "s2.maps": 12, "s3.maps": 20, "batch": 6, "s1.double_every": 5, "s2.double_every": 5,
         "s2.threshold": 4, "s1.epochs": 2, "s2.epochs": 2, "s3.epochs": 3}
IDEAS = [(DropoutPasses, {"dropout": 0.5}), (ConsciencePasses, {"conscience": 9.0, "conscience_epochs": 2}),
         (ScaledPasses, {"phi_floor": 0.2, "annealing": 0.5}), (ShuffledPasses, {}),
         (StartedPasses, {"stdp_epochs": 1})]


@pytest.fixture()
def c2():
    random = np.random.default_rng(2)
    times = np.where(random.random((60, 16, 4, 4)) < 0.3, random.integers(0, 15, (60, 16, 4, 4)), 15).astype(np.uint8)
    times[7] = 15  # silent
    return torch.from_numpy(times), torch.from_numpy(random.integers(0, 10, 60))


def network(passes, **changes):
    return Network(passes.config.of(SPYKETORCH).replace({"s2.maps": 16, "s3.maps": 20, "batch": 20, **changes}), seed=3)


def epoch(passes, mine, c2, phi=(1.0, 1.0)):
    return passes.rstdp(mine, *c2, phi, learning.ignore)


@pytest.mark.parametrize("passes", [DropoutPasses, ConsciencePasses, ScaledPasses, StartedPasses])
def test_switched_off_each_is_plain(passes, c2):
    mine, plain = network(passes), network(learning.Passes)
    for _ in range(2):
        assert epoch(passes(), mine, c2) == learning.rstdp_epoch(plain, *c2, (1.0, 1.0))
        assert torch.equal(mine.weights["s3"], plain.weights["s3"])


@pytest.mark.parametrize(("passes", "changes"), IDEAS)
def test_switched_on_each_learns_something_else_and_goes_on_after_an_interrupt(passes, changes, tmp_path):
    config = passes.config.of(SPYKETORCH).replace({**SMALL, **changes})
    straight = Trainer(config, blocks(), passes=passes(), quiet=True)
    straight.run()
    for count in (1, 2, 3):
        resumed = Trainer(config.replace({"s3.epochs": count}), blocks(), folder=tmp_path, passes=passes(), quiet=True)
        resumed.run()
    assert [row[2:-1] for row in resumed.progress.rows] == [row[2:-1] for row in straight.progress.rows]
    assert torch.equal(resumed.network.weights["s3"], straight.network.weights["s3"])
    plain = Trainer(SPYKETORCH.replace(SMALL), blocks(), quiet=True)
    plain.run()
    assert not torch.equal(straight.network.weights["s3"], plain.network.weights["s3"])


def test_the_winner_is_the_strongest_after_handicaps_and_learns(c2):
    mine = network(DropoutPasses)
    handicaps = np.random.default_rng(0).choice([0.0, 3.0, np.inf], (60, 20))
    potentials, before = mine.potentials(c2[0][:1]).flatten(2)[0].numpy(), mine.weights["s3"].clone()
    handicaps[0, potentials.max(1).argmax()] = 3.0
    left = potentials - handicaps[0][:, None]
    winner = dropout.learner(mine, lambda images: handicaps[:images])(c2[0][:1], c2[1][:1], (0.5, 0.5))[0].tolist()
    assert winner == list(divmod(int(left.argmax()), 16)) and winner[0] != potentials.max(1).argmax()
    assert (mine.weights["s3"] != before).flatten(1).any(1).nonzero().flatten().tolist() == [winner[0]]


def test_who_is_dropped_neither_wins_nor_learns_and_all_dropped_are_silent(c2):
    mine, start = network(DropoutPasses, dropout=1.0), network(DropoutPasses).weights["s3"]
    right, phi = epoch(DropoutPasses(), mine, c2)
    assert (right, phi) == (0, (0, 0)) and torch.equal(mine.weights["s3"], start)
    out = np.zeros((60, 20))
    out[:, :10] = np.inf
    winners = dropout.learner(mine, lambda images: out[:images])(*c2, (0.5, 0.5))
    assert set(winners[:, 0].tolist()) <= {-1, *range(10, 20)} and (winners[:, 0] >= 0).sum() == 59
    assert torch.equal(mine.weights["s3"][:10], start[:10])


def test_half_of_the_maps_are_dropped_others_in_each_pass(c2, monkeypatch):
    seen = []
    monkeypatch.setattr(dropout, "learner", lambda network, handicaps: lambda c2, labels, phi: (
        seen.append(handicaps(len(c2))), torch.full((len(c2), 2), -1))[1])
    for at in (0, 0, 1):
        passes = DropoutPasses()
        passes.epoch = at
        epoch(passes, network(DropoutPasses, dropout=0.5), c2)
    first, again, later = (np.isinf(np.concatenate(seen[start:start + 3])) for start in (0, 3, 6))
    assert first.shape == (60, 20) and abs(first.mean() - 0.5) < 0.05
    assert (first == again).all() and (first != later).any()


def test_who_wins_is_slowed_down_by_a_conscience_that_fades_out(c2, monkeypatch):
    def handicaps_at(at):
        """Of the three batches of a pass in which map 4 wins all images."""
        seen, passes = [], ConsciencePasses()
        monkeypatch.setattr(conscience, "learner", lambda network, handicaps: lambda c2, labels, phi: (
            seen.append(handicaps(len(c2))), torch.tensor([[4, 0]] * len(c2)))[1])
        passes.epoch = at
        epoch(passes, network(ConsciencePasses, conscience=5.0), c2)
        return np.stack([each[0] for each in seen])

    first = handicaps_at(0)
    assert first.shape == (3, 20) and not first[0].any()
    assert first[1, 4] == pytest.approx(5 * 0.1 * 19) and first[1, 5] == pytest.approx(-5 * 0.1)
    assert first[2, 4] > first[1, 4] and first[2, 5] < first[1, 5]
    assert np.allclose(handicaps_at(15), first / 2) and not handicaps_at(30).any() and not handicaps_at(31).any()


def test_scales_have_a_floor_and_fall_pass_after_pass(c2):
    passes, mine, plain = ScaledPasses(), network(ScaledPasses, phi_floor=0.2, annealing=0.5, batch=60), network(
        learning.Passes, batch=60)
    passes.epoch = 2
    epoch(passes, mine, c2, (0.25, 0.75))
    learning.learn_rstdp(plain, *c2, (0.25 * (0.2 + 0.8 * 0.25), 0.25 * (0.2 + 0.8 * 0.75)))
    assert torch.equal(mine.weights["s3"], plain.weights["s3"])


def test_shuffled_images_are_the_same_ones_in_another_order_each_pass(c2):
    assert sorted(order(60, 3, 0).tolist()) == list(range(60))
    assert (order(60, 3, 0) == order(60, 3, 0)).all()
    assert (order(60, 3, 0) != order(60, 3, 1)).any() and (order(60, 3, 0) != order(60, 4, 0)).any()
    mine, plain, now = network(ShuffledPasses), network(learning.Passes), order(60, 3, 0)
    epoch(ShuffledPasses(), mine, c2)
    learning.rstdp_epoch(plain, c2[0][now], c2[1][now], (1.0, 1.0))
    assert torch.equal(mine.weights["s3"], plain.weights["s3"])


def test_a_started_map_stands_for_what_it_won_most_or_for_what_it_stood_for(c2):
    mine, passes = network(StartedPasses, stdp_epochs=1, **{"s3.maps": 100}), StartedPasses()
    before = mine.decision_map.clone()
    right, phi = epoch(passes, mine, c2, (0.3, 0.7))
    assert phi == (0.3, 0.7) and 0 < right < 1
    plain = network(learning.Passes, **{"s3.maps": 100})
    winners = learning.rstdp_learner(plain, torch.zeros(100, 16, dtype=torch.int64))
    found = torch.cat([winners(part, torch.zeros(20, dtype=torch.int64), (1.0, 1.0)) for part in c2[0].split(20)])
    label_maps(plain, found, c2[1])
    won = plain.decision_map >= 0
    assert torch.equal(mine.decision_map[won], plain.decision_map[won]) and not won.all()
    assert torch.equal(mine.decision_map[~won], before[~won])
    passes.epoch, labels = 1, mine.decision_map.clone()
    epoch(passes, mine, c2)
    assert torch.equal(mine.decision_map, labels)


def test_compiled_passes_refuse_a_rule_of_ones_own():
    config = DropoutPasses.config.of(SPYKETORCH).replace({"s3.rule": "mine"})
    for name in ("dropout", "conscience"):
        with pytest.raises(ValueError, match="s3.rule = 'mine'"):
            registry.all_passes()[name].check(config)


def test_the_experiment_knows_every_idea():
    experiment = experiments.load("limits")
    assert set(experiment.passes.values()) == {"dropout", "conscience", "scaled", "shuffled", "started"}
    assert experiment.validation == 5000 and experiment.variants["plain"].digest() == SPYKETORCH.digest()


def told(monkeypatch, tmp_path, seeds, **held_out):
    """What the section says of such accuracies of variants on held-out images."""
    rows = [{"variant": name, "seed": seed, "epoch": 60, "train_accuracy": 0.98, "test_accuracy": 0.5,
             "validation_accuracy": value + 0.001 * (seed - 0.5)} for name, value in held_out.items() for seed in seeds]
    variants = {name: {"passes": name} if name in registry.all_passes() else {} for name in held_out}
    facts = {"parameters": {"validation": 5000, "variants": variants}}
    result, said = Result("limits", pd.DataFrame(rows), facts, tmp_path), []
    monkeypatch.setattr(capacity, "load", lambda name, recorded: result)
    capacity.ideas(SimpleNamespace(recorded=[], say=said.append, show=lambda figure, caption, name: said.append(name),
                                   table=lambda rows, columns: said.extend("|".join(map(str, row)) for row in rows)))
    return "\n".join(said)


def test_the_report_names_what_is_better_and_what_is_worse(monkeypatch, tmp_path):
    text = told(monkeypatch, tmp_path, (0, 1), plain=0.96, dropout=0.97, floor=0.9601, annealed=0.94)
    assert "better by an interval without zero: `dropout`; worse: `annealed`." in text
    assert "Ahead by the mean is `dropout`, +1.00" in text
    half = text.partition("a change of less than ")[2].partition(" points")[0]
    assert f"+1.00 ± {half} points" in text and 0 < float(half) < 1
    assert "`dropout`|passes = dropout|97.00 %" in text and "`floor`|none|" in text
    assert "+1.00" in text and "plain R-STDP reads **96.00 %" in text
    assert "Not run yet: shuffled, seed 0 (0 of 60 passes)" in text and "50.00" not in text  # nothing of the test set


def test_an_idea_that_collapses_is_not_compared(monkeypatch, tmp_path):
    text = told(monkeypatch, tmp_path, (0, 1), plain=0.96, dropout=0.961, symmetric=0.12)
    assert "Runs of `symmetric` collapse" in text and "worse: none" in text and "12.00 %" in text and "−84" not in text


def test_the_report_says_nothing_of_differences_with_one_seed_or_one_variant(monkeypatch, tmp_path):
    text = told(monkeypatch, tmp_path, (0,), plain=0.96, dropout=0.97)
    assert "nothing is said of differences before there are two seeds" in text and "better by" not in text
    with pytest.raises(Missing, match="all variants but `plain`"):
        told(monkeypatch, tmp_path, (0, 1), plain=0.96)
