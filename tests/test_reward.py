"""Reward in S2 too, and decisions by first spike: both paths against each other, and by hand."""

import dataclasses

import numpy as np
import pytest
import torch

from rstdp import batched, kernels_reward, layers, learning, plasticity
from rstdp.config import SPYKETORCH
from rstdp.network import SILENT, Network
from rstdp.training import Trainer

BINS = 15
SMALL = SPYKETORCH.replace({"s1.maps": 6, "s2.maps": 12, "s3.maps": 20, "s2.threshold": 3, "s2.winners": 3,
                            "batch": 20})


@pytest.fixture()
def c1():
    rng = np.random.default_rng(3)
    return torch.from_numpy(np.where(rng.random((30, 6, 14, 14)) < 0.3, rng.integers(0, BINS, (30, 6, 14, 14)), BINS)
                            .astype(np.uint8))


@pytest.fixture()
def labels():
    return torch.from_numpy(np.random.default_rng(4).integers(0, 10, 30))


def test_defaults_leave_the_fingerprints_of_recorded_runs():
    assert SPYKETORCH.digest() == SPYKETORCH.replace({"s2_reward": 0}).digest() != SPYKETORCH.replace(
        {"s2_reward": 1}).digest()
    assert "s2_reward" in SPYKETORCH.to_dict()


# --- first spike ---


@pytest.fixture()
def c2(c1):
    return Network(SMALL).pooled("s2", c1)


def test_first_spikes_on_both_paths_with_and_without_learning(c2, labels):
    config = SMALL.replace({"s3.threshold": 40})
    c2[3] = BINS  # silent
    fast, slow = Network(config, 5), Network(config, 5)
    assert torch.equal(fast.winners(c2)[:, 0], slow.winners(c2, "reference")[:, 0])
    found = [learning.learn_rstdp(network, c2, labels, (0.7, 0.3), path) for network, path in
             ((fast, "fast"), (slow, "reference"))]
    assert torch.equal(found[0][:, 0], found[1][:, 0]) and found[0][3, 0] == SILENT
    assert len(set(found[0][:, 0].tolist())) > 3
    assert torch.equal(fast.weights["s3"], slow.weights["s3"])


def test_the_first_spike_decides_not_the_highest_potential():
    times = torch.full((1, 2, 1, 1), BINS, dtype=torch.uint8)
    times[0, 0], times[0, 1] = 3, 9
    config = dataclasses.replace(SMALL.replace({"s3.maps": 2, "s3.window": 1, "s3.padding": 0, "s2.maps": 2,
                                                "s3.threshold": 0.5}), classes=2)
    network = Network(config)
    network.weights["s3"] = torch.tensor([[0.6, 0.2], [0.45, 0.8]]).reshape(2, 2, 1, 1)
    assert network.decide(times)[0].tolist() == [0]  # 0.6 at step 3; map 1 has 0.45 then and 1.25 in the end
    potential = Network(config.replace({"s3.threshold": "inf"}))
    potential.weights["s3"] = network.weights["s3"].clone()
    assert potential.decide(times, "reference")[0].tolist() == [1]
    learning.learn_rstdp(network, times, torch.tensor([0]), (1.0, 1.0))  # the input at 9 came too late
    assert torch.allclose(network.weights["s3"].flatten(), torch.tensor([0.604, 0.2, 0.45, 0.8]))


# --- reward in S2 ---


@pytest.mark.parametrize("window, stride, ceil", [(3, 3, False), (3, 3, True), (2, 2, False)])
def test_pooling_is_that_of_the_layers(c1, window, stride, ceil):
    mine = [kernels_reward.pool_first_spike(image, window, stride, ceil, BINS) for image in c1.numpy()]
    assert np.array_equal(np.stack(mine), layers.pool_first_spike(c1, window, stride, ceil).numpy())


def test_both_layers_learn_as_the_readable_rules_say(c1, labels):
    config = SMALL.replace({"s2_reward": 10})
    network, twin, phi = Network(config, 2), Network(config, 2), (0.7, 0.3)
    winners = learning.learn_both(network, c1, labels, phi)
    for image, label, found in zip(c1, labels, winners.tolist()):
        c2 = twin.pooled("s2", image[None])
        assert twin.winners(c2)[0].tolist() == found
        outcome = 0 if twin.decision_map[found[0]] == label else 1
        plus, minus = plasticity.reward_rates(config, *phi)[outcome]
        chosen = learning.find_winners(image, twin.weights["s2"], config.s2, BINS)
        learning.learn_rstdp(twin, c2, label[None], phi)
        for winner in chosen:
            pre = plasticity.receptive_field(image, winner.row, winner.column, 3, 1, BINS)
            twin.weights["s2"][winner.feature] = plasticity.stdp(twin.weights["s2"][winner.feature], pre, winner.time,
                                                                 10 * plus, 10 * minus)
    assert len(winners) == 30 and (network.weights["s2"] != Network(config, 2).weights["s2"]).any()
    for name in ("s2", "s3"):
        assert torch.equal(network.weights[name], twin.weights[name])


def test_nothing_is_learned_from_silence(labels):
    network, start = Network(SMALL.replace({"s2_reward": 1})), Network(SMALL)
    silent = torch.full((30, 6, 14, 14), BINS, dtype=torch.uint8)
    assert (learning.learn_both(network, silent, labels, (1.0, 1.0))[:, 0] == SILENT).all()
    for name in ("s2", "s3"):
        assert torch.equal(network.weights[name], start.weights[name])


@pytest.mark.parametrize("changes", [{"s3.threshold": 40}, {"s3_rule": "stdp"}, {"update_every": 10}])
def test_rules_that_do_not_go_together_are_refused(c1, labels, changes):
    with pytest.raises(ValueError, match="s2_reward"):
        learning.learn_both(Network(SMALL.replace({"s2_reward": 1, **changes})), c1, labels, (1.0, 1.0))


@pytest.mark.parametrize("changes", [{"s2_reward": 1}, {"s3.threshold": 40}])
def test_neither_has_a_batched_form(changes):
    with pytest.raises(ValueError, match="no batched form"):
        batched.Batch([Network(SMALL.replace(changes))], "cpu")


def test_a_run_with_reward_in_s2_is_resumed_to_the_same_result(digits, tmp_path):
    config = SMALL.replace({"s2_reward": 2, "s1.epochs": 1, "s2.epochs": 1, "s3.epochs": 2})
    data = digits.subset(120, 40)
    whole = Trainer(config, data, 1, quiet=True)
    whole.run()
    Trainer(config.replace({"s3.epochs": 1}), data, 1, tmp_path, quiet=True).run()
    rest = Trainer(config, data, 1, tmp_path, quiet=True)
    rest.run()
    for name, weight in whole.network.weights.items():
        assert torch.equal(weight, rest.network.weights[name])
    assert [row["test_accuracy"] for row in whole.rows] == [row["test_accuracy"] for row in rest.rows]
    before = Trainer(config.replace({"s2_reward": 0, "s3.epochs": 0}), data, 1, quiet=True).run()
    assert (before.weights["s2"] != whole.network.weights["s2"]).any()
