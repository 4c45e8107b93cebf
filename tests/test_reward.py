"""Reward in S2 too, decisions by first spike, S3 without reward: against the readable rules, and by hand."""

import dataclasses

import numpy as np
import pytest
import torch

from report.studies.reward import kernels, rules
from report.studies.reward.rules import FirstSpikePasses, S2RewardConfig, S2RewardPasses, S3StdpConfig, S3StdpPasses
from rstdp import competition, fast, layers, learning, plasticity
from rstdp.config import SPYKETORCH
from rstdp.fast import batched, conv, forward
from rstdp.network import SILENT, Network
from rstdp.training import Trainer

BINS = 15
SMALL = SPYKETORCH.replace({"s1.maps": 6, "s2.maps": 12, "s3.maps": 20, "s2.threshold": 3, "s2.winners": 3,
                            "batch": 20})
REWARDED = S2RewardConfig.of(SMALL)


@pytest.fixture()
def c1():
    rng = np.random.default_rng(3)
    return torch.from_numpy(np.where(rng.random((30, 6, 14, 14)) < 0.3, rng.integers(0, BINS, (30, 6, 14, 14)), BINS)
                            .astype(np.uint8))


@pytest.fixture()
def labels():
    return torch.from_numpy(np.random.default_rng(4).integers(0, 10, 30))


def test_defaults_leave_the_fingerprints_of_recorded_runs():
    for kind in (S2RewardConfig, S3StdpConfig):
        assert kind.of(SPYKETORCH).digest() == SPYKETORCH.digest()
    assert S2RewardConfig.of(SPYKETORCH).replace({"s2_reward": 1}).digest() != SPYKETORCH.digest()


# --- first spike ---


@pytest.fixture()
def c2(c1):
    return Network(SMALL).pooled("s2", c1)


def slow_first_spikes(network, c2, labels, phi):
    """The readable rule: step through time, the first neuron to fire learns. Winning maps (N,)."""
    layer, bins, found = network.config.s3, network.config.bins, []
    for image, label in zip(c2, labels):
        times, potentials = layers.step_through(image[None], network.weights["s3"], layer.threshold, layer.padding,
                                                bins)
        at_spike = competition.potential_at_spike(potentials[:, 0], times[0])
        best = competition.k_winners(times[0], at_spike, 1, 0, bins)
        found.append(best[0].feature if best else SILENT)
        if best and phi:
            reward, punishment = plasticity.reward_rates(network.config, *phi)
            rates = reward if network.decision_map[best[0].feature] == label else punishment
            pre = plasticity.receptive_field(image, best[0].row, best[0].column, layer.window, layer.padding, bins)
            plasticity.learn(plasticity.additive, network.weights["s3"][best[0].feature], pre, best[0].time, rates,
                             network.bounds("s3"))
    return torch.tensor(found)


def test_first_spikes_with_and_without_learning(c2, labels):
    config = SMALL.replace({"s3.threshold": 40})
    c2[3] = BINS  # silent
    compiled, slow = Network(config, 5), Network(config, 5)
    still = rules.first_spike_learner(compiled, learns=False)(c2, labels, (0.0, 0.0))
    assert torch.equal(still[:, 0], slow_first_spikes(slow, c2, labels, None))
    assert torch.equal(compiled.weights["s3"], Network(config, 5).weights["s3"])
    found = rules.first_spike_learner(compiled)(c2, labels, (0.7, 0.3))
    assert torch.equal(found[:, 0], slow_first_spikes(slow, c2, labels, (0.7, 0.3))) and found[3, 0] == SILENT
    assert len(set(found[:, 0].tolist())) > 3
    assert torch.equal(compiled.weights["s3"], slow.weights["s3"])


def test_a_potential_at_the_threshold_is_summed_in_float32(c2, labels):
    fired, otherwise, weight = [], 0, Network(SMALL, 5).weights["s3"]
    neurons = torch.cartesian_prod(torch.tensor([BINS - 1]), torch.tensor([0]), *map(torch.arange, (20, 4, 4)))
    c2[:, 2:] = BINS  # a few dozen spikes
    for i, image in enumerate(c2):
        most = layers.float32_potentials(image[None], weight, SMALL.s3.padding, neurons).numpy().max()
        limit = float(np.nextafter(most, np.float32(0))) if i % 2 else float(most)
        network = Network(SMALL.replace({"s3.threshold": limit}), 5)
        found = rules.first_spike_learner(network, learns=False)(image[None], labels[:1], (0.0, 0.0))[:, 0]
        assert torch.equal(found, slow_first_spikes(network, image[None], labels[:1], None))
        fired.append(int(found) != SILENT)
        otherwise += (float(network.potentials(image[None]).max()) > limit) != fired[-1]
    assert 0 < sum(fired) < len(fired) and otherwise > 3  # exact sums would have decided otherwise


def test_the_first_spike_decides_not_the_highest_potential():
    times = torch.full((1, 2, 1, 1), BINS, dtype=torch.uint8)
    times[0, 0], times[0, 1] = 3, 9
    config = dataclasses.replace(SMALL.replace({"s3.maps": 2, "s3.window": 1, "s3.padding": 0, "s2.maps": 2,
                                                "s3.threshold": 0.5}), classes=2)
    network, passes = Network(config), FirstSpikePasses()
    network.weights["s3"] = torch.tensor([[0.6, 0.2], [0.45, 0.8]]).reshape(2, 2, 1, 1)
    # 0.6 at step 3; map 1 has 0.45 then and 1.25 in the end
    assert passes.accuracy(network, times, torch.tensor([0])) == (1.0, 0.0)
    assert network.decide(times)[0].tolist() == [1]
    passes.rstdp(network, times, torch.tensor([0]), (1.0, 1.0), learning.ignore)  # the input at 9 came too late
    assert torch.allclose(network.weights["s3"].flatten(), torch.tensor([0.604, 0.2, 0.45, 0.8]))


# --- reward in S2 ---


def almost_converged(shape):
    """Weights (F, C, K, K) near 0 and 1: a map in four counts, one never does, one is about to, one to cease."""
    random, maps = torch.Generator().manual_seed(3), torch.arange(shape[0]) % 4
    one = torch.rand(shape, generator=random) < 0.3
    one[:, 0, 1, 1] = True
    short = torch.full(shape, 2.0**-12)
    short[maps == 1] = 2.0**-3
    short[maps == 2, 0, 1, 1], short[maps == 3] = 2.0**-10 * 1.005, 2.0**-10 * 0.995
    return torch.where(one, 1 - short, 2.0**-27 * torch.rand(shape, generator=random))


def counting(network):
    """Which maps of S2 count."""
    weight = network.weights["s2"].numpy()
    return forward.split(weight, conv.maps_last(weight), network.config.s2.threshold).counting


@pytest.mark.parametrize("converged, factor", [(False, 10), (True, 3000)])
def test_both_layers_learn_as_the_readable_rules_say(c1, labels, converged, factor):
    config = REWARDED.replace({"s2_reward": factor, "s2.threshold": 5 if converged else 13,
                               "s2.maps": 40})  # so many that only some are summed
    network, twin, phi = Network(config, 2), Network(config, 2), (0.7, 0.3)
    for each in (network, twin) if converged else ():
        each.weights["s2"] = almost_converged(each.weights["s2"].shape)
        c1, labels = torch.cat([c1] * 2), torch.cat([labels] * 2)
    before = counting(network)
    winners = rules.both_learner(network)(c1, labels, phi)
    for image, label, found in zip(c1, labels, winners.tolist()):
        c2 = twin.pooled("s2", image[None])
        assert twin.winners(c2)[0].tolist() == found
        outcome = 0 if twin.decision_map[found[0]] == label else 1
        plus, minus = plasticity.reward_rates(config, *phi)[outcome]
        chosen = fast.find_winners(image, twin.weights["s2"], config.s2, BINS)
        learning.learn_rstdp(twin, c2, label[None], phi)
        for winner in chosen:
            pre = plasticity.receptive_field(image, winner.row, winner.column, 3, 1, BINS)
            plasticity.learn(plasticity.stdp, twin.weights["s2"][winner.feature], pre, winner.time,
                             (factor * plus, factor * minus), (0.0, 1.0))
    after = counting(network)
    assert len(winners) == len(c1) and (winners[:, 0] != SILENT).any()
    assert (before & ~after).any() == converged
    for name in ("s2", "s3"):
        assert torch.equal(network.weights[name], twin.weights[name])


@pytest.mark.parametrize("before, after, kept", [
    ([1, 1, 0], [1 - 2**-12, 1, 0], True), ([1, 1, 0], [1, 0, 0], False), ([1, 1, 0], [1, 1, 2**-24], False),
    ([1, 1, 2**-24], [1, 1, 2**-23], True), ([1, 1, 0], [1, 0.6, 0], False), ([1, 0.6, 0], [1, 1, 0], False),
    ([1, 0.6, 0], [1, 0.7, 0.1], True)])
def test_a_map_that_has_learned_keeps_its_part_or_not(before, after, kept):
    weight = torch.tensor([[1.0, 0.0, 1.0], [0.7, 0.0, 0.0], before]).float().reshape(3, 3, 1, 1).numpy()
    parts = forward.split(weight, conv.maps_last(weight), 2.0)
    weight[2] = np.float32(after).reshape(3, 1, 1)
    now = conv.maps_last(weight)
    assert kernels.keeps_its_part(parts, weight, now, 2, 2.0) == kept
    same = [np.array_equal(one, other) for one, other in zip(parts, forward.split(weight, now, 2.0))]
    assert all(same) == kept


def test_nothing_is_learned_from_silence(labels):
    network, start = Network(REWARDED.replace({"s2_reward": 1})), Network(SMALL)
    silent = torch.full((30, 6, 14, 14), BINS, dtype=torch.uint8)
    assert (rules.both_learner(network)(silent, labels, (1.0, 1.0))[:, 0] == SILENT).all()
    for name in ("s2", "s3"):
        assert torch.equal(network.weights[name], start.weights[name])


def test_what_does_not_go_together_is_refused(digits):
    with pytest.raises(ValueError, match="s3.threshold must be infinite"):
        rules.both_learner(Network(REWARDED.replace({"s2_reward": 1, "s3.threshold": 40})))
    with pytest.raises(ValueError, match="s3.threshold must be finite"):
        rules.first_spike_learner(Network(SMALL))
    with pytest.raises(ValueError, match="S2RewardConfig"):
        Trainer(SMALL, digits.subset(20, 10), passes=S2RewardPasses(), quiet=True)


@pytest.mark.parametrize("passes", [S2RewardPasses(), FirstSpikePasses(), S3StdpPasses()])
def test_none_has_a_batched_form(passes, digits):
    trainer = Trainer(passes.config.of(SMALL), digits.subset(20, 10), passes=passes, quiet=True)
    with pytest.raises(ValueError, match="no batched form"):
        batched.learn_s3([trainer], "cpu")


def test_a_run_with_reward_in_s2_is_resumed_to_the_same_result(digits, tmp_path):
    config = REWARDED.replace({"s2_reward": 2, "s1.epochs": 1, "s2.epochs": 1, "s3.epochs": 2})
    data, rewarded = digits.subset(120, 40), {"passes": S2RewardPasses(), "quiet": True}
    whole = Trainer(config, data, 1, **rewarded)
    whole.run()
    Trainer(config.replace({"s3.epochs": 1}), data, 1, tmp_path, **rewarded).run()
    rest = Trainer(config, data, 1, tmp_path, **rewarded)
    rest.run()
    for name, weight in whole.network.weights.items():
        assert torch.equal(weight, rest.network.weights[name])
    assert [row["test_accuracy"] for row in whole.rows] == [row["test_accuracy"] for row in rest.rows]
    before = Trainer(config.replace({"s3.epochs": 0}), data, 1, quiet=True).run()
    assert (before.weights["s2"] != whole.network.weights["s2"]).any()


# --- S3 without reward ---


def test_s3_without_reward_learns_as_if_always_rewarded_and_is_labelled_afterwards(c2, labels, tmp_path):
    config, ends = S3StdpConfig.of(SMALL).replace({"s3_rule": "stdp"}), []
    for compiled in (True, False):
        network = Network(config, fast=compiled)
        share, _ = S3StdpPasses().rstdp(network, c2, labels, (0.2, 0.4), learning.ignore)
        ends.append((share, network.weights["s3"], network.decision_map))
    assert ends[0][0] == ends[1][0] and all(torch.equal(a, b) for a, b in zip(ends[0][1:], ends[1][1:]))
    by_hand = Network(SMALL)
    for image in c2:
        feature, position = by_hand.winners(image[None])[0].tolist()
        pre = plasticity.receptive_field(image, *divmod(position, image.shape[2]), 5, 2, BINS)
        plasticity.learn(plasticity.additive, by_hand.weights["s3"][feature], pre, BINS - 1, (0.004, -0.003),
                         (0.2, 0.8))
    assert torch.equal(by_hand.weights["s3"], network.weights["s3"])
    same = Network(config)  # with other labels the same weights: nobody rewards
    S3StdpPasses().rstdp(same, c2, (labels + 1) % 10, (1.0, 1.0), learning.ignore)
    assert torch.equal(same.weights["s3"], network.weights["s3"])
    assert not torch.equal(same.decision_map, network.decision_map)
    network.save(tmp_path / "weights.npz")
    assert torch.equal(Network.load(tmp_path / "weights.npz", config).decision_map, network.decision_map)


def test_a_map_gets_the_label_of_most_images_that_it_won():
    network = Network(SPYKETORCH.replace({"s3.maps": 20}))
    rules.label_maps(network, torch.tensor([[3, 0], [3, 5], [3, 1], [7, 2], [-1, 0]]), torch.tensor([4, 4, 9, 8, 1]))
    assert (network.decision_map[3], network.decision_map[7]) == (4, 8)
    assert (network.decision_map >= 0).sum() == 2
