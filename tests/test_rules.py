"""Hand-computed cases of every rule: encoding, neuron, competition, plasticity."""

from pathlib import Path

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional

import rstdp
from rstdp import competition, encoding, fast, layers, learning, plasticity
from rstdp.config import PAPER, SPYKETORCH, Layer
from rstdp.network import Network
from rstdp.neuron import SingleSpikeIF

SILENT = 15


def image(*rows):
    return torch.tensor(rows, dtype=torch.uint8)[None]


# --- encoding ---


def test_bins_are_equally_full_and_the_remainder_never_fires():
    values = torch.arange(1.0, 48).reshape(1, 1, 1, 47)  # 47 values, 15 bins of 3, remainder 2
    times = encoding.intensity_to_latency(values)[0, 0, 0]
    assert times.bincount().tolist() == [3] * 15 + [2]
    assert times[-1] == 0 and times[:2].tolist() == [SILENT, SILENT]  # the smallest two are left over
    assert encoding.intensity_to_latency(values, remainder="last")[0, 0, 0].bincount().tolist() == [3] * 14 + [5]


def test_equal_values_keep_raster_order():
    assert encoding.intensity_to_latency(torch.ones(1, 1, 2, 2), bins=4).flatten().tolist() == [0, 1, 2, 3]


def test_fewer_values_than_bins_fire_one_a_bin():
    assert encoding.intensity_to_latency(torch.tensor([[[[5.0, 0.0, 7.0]]]])).flatten().tolist() == [1, SILENT, 0]


def test_an_all_black_image_is_silent_through_the_network():
    network = Network(SPYKETORCH)
    black = torch.zeros(2, 28, 28, dtype=torch.uint8)
    assert (encoding.encode(black) == SILENT).all()
    c2 = network.features(black)
    assert (c2 == SILENT).all() and not network.potentials(c2).any()
    assert network.classify(black).tolist() == [-1, -1]


def test_wave_and_times_are_two_views_of_the_same_spikes():
    times = torch.randint(0, 16, (2, 3, 4, 5), dtype=torch.uint8)
    wave = encoding.spike_wave(times)
    assert wave.shape == (15, 2, 3, 4, 5) and wave.sum(0).max() <= 1
    assert torch.equal(encoding.first_spike(wave), times)


@pytest.mark.parametrize("images, message", [
    (torch.zeros(28, 28), "shape"), (torch.zeros(1, 3, 28, 28), "shape"),
    (torch.full((1, 28, 28), 300.0), "0 and 255")])
def test_wrong_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        encoding.encode(images)


@pytest.mark.parametrize("call", [
    lambda: encoding.dog_kernel(4, 1, 2), lambda: encoding.dog_kernel(3, 0, 2),
    lambda: encoding.intensity_to_latency(torch.ones(1, 1, 2, 2), remainder="x"),
    lambda: encoding.intensity_to_latency(torch.ones(1, 1, 2, 2), bins=255)])
def test_wrong_parameters_of_the_encoder_are_refused(call):
    with pytest.raises(ValueError):
        call()


# --- neuron ---


def test_a_potential_equal_to_the_threshold_stays_silent():
    node = SingleSpikeIF(1.0)
    assert [float(node(torch.tensor([0.5]))) for _ in range(4)] == [0, 0, 1, 0]  # 0.5, 1.0, 1.5, 2.0
    assert float(node.v) == 2.0  # no reset: the potential goes on


def test_multi_step_equals_single_steps_and_reset_starts_a_new_image():
    currents = torch.rand(10, 3, 4)
    node, many = SingleSpikeIF(2.0), SingleSpikeIF(2.0, step_mode="m")
    single = torch.stack([node(current) for current in currents])
    assert torch.equal(single, many(currents)) and single.sum(0).max() <= 1
    functional.reset_net(many)
    assert torch.equal(single, many(currents))


def test_an_infinite_threshold_reads_out_the_potential():
    node = SingleSpikeIF(float("inf"), step_mode="m")
    assert not node(torch.full((5, 2), 100.0)).any() and node.v.tolist() == [500, 500]
    times, weight = torch.zeros(1, 1, 3, 3, dtype=torch.uint8), torch.ones(2, 1, 3, 3)
    for module in (fast, layers):
        assert (module.conv_times(times, weight, float("inf")) == SILENT).all()


# --- pooling ---


def test_first_spike_pooling_is_a_minimum_and_ceil_keeps_the_border():
    times = image([1, 2, 9], [3, 4, 15], [15, 15, 15])[None]
    assert layers.pool_first_spike(times, 2, 2).flatten().tolist() == [1]
    assert layers.pool_first_spike(times, 2, 2, ceil=True).flatten().tolist() == [1, 9, 15, 15]


# --- competition ---


def spec(k=3, radius=1, pointwise=True, maps=2):
    return Layer(maps, 1, 0, 0.5, k, radius, 1, 1, pointwise=pointwise)


@pytest.mark.parametrize("twin", [fast, competition], ids=["fast", "readable"])
def test_k_may_be_larger_than_the_number_of_maps(twin):
    times = torch.zeros(1, 9, 9, dtype=torch.uint8)
    found = twin.find_winners(times, torch.tensor([0.7, 0.9]).view(2, 1, 1, 1), spec(9, 0, False), 15)
    assert [(winner.feature, winner.row, winner.column) for winner in found] == [(1, 0, 0), (0, 0, 1)]


@pytest.mark.parametrize("twin", [fast, competition], ids=["fast", "readable"])
def test_inhibition_is_cut_off_at_the_border(twin):
    times = image([0, 9, 9, 1], [9, 9, 9, 9], [9, 9, 9, 9])
    found = twin.find_winners(times, torch.full((3, 1, 1, 1), 0.7), spec(3, 2, True, 3), 15)
    # pointwise inhibition leaves map 0 only, and one map wins once
    assert [tuple(winner)[:4] for winner in found] == [(0, 0, 0, 0)]
    found = twin.find_winners(times, torch.full((3, 1, 1, 1), 0.7), spec(3, 2, False, 3), 15)
    assert [tuple(winner)[:4] for winner in found] == [(0, 0, 0, 0), (1, 0, 3, 1)]


@pytest.mark.parametrize("twin", [fast, competition], ids=["fast", "readable"])
def test_no_winner_where_nothing_fires(twin):
    silent = torch.full((1, 4, 4), SILENT, dtype=torch.uint8)
    assert twin.find_winners(silent, torch.ones(2, 1, 1, 1), spec(), 15) == []


def test_pointwise_inhibition_keeps_the_earliest_then_the_strongest():
    times = torch.tensor([[[2, 4]], [[2, 3]], [[1, 15]]], dtype=torch.uint8)
    potentials = torch.tensor([[[9.0, 9.0]], [[9.0, 1.0]], [[0.1, 0.0]]])
    kept = competition.pointwise_inhibition(times, potentials, 15)
    assert kept.tolist() == [[[15, 15]], [[15, 3]], [[1, 15]]]


# --- plasticity ---


def test_ties_potentiate_and_late_or_silent_inputs_are_depressed():
    weight = torch.full((1, 2, 2), 0.5)
    pre = torch.tensor([[[3, 4], [5, SILENT]]], dtype=torch.uint8)
    new = plasticity.stdp(weight, pre, 4, 0.4, -0.2)
    assert torch.allclose(new, torch.tensor([[[0.6, 0.6], [0.45, 0.45]]]))


def test_saturated_weights_do_not_move_and_hard_bounds_hold():
    pre = torch.tensor([[[0, SILENT]]], dtype=torch.uint8)
    assert plasticity.stdp(torch.tensor([[[1.0, 0.0]]]), pre, 3, 0.1, -0.1).tolist() == [[[1.0, 0.0]]]
    bounded = torch.tensor([[[0.79, 0.21]]])
    plasticity.learn(plasticity.additive, bounded, pre, 3, (0.1, -0.1), (0.2, 0.8))
    assert torch.allclose(bounded, torch.tensor([[[0.8, 0.2]]]))


def test_the_receptive_field_at_the_border_is_padded_with_silence():
    field = plasticity.receptive_field(image([1, 2], [3, 4]), 0, 0, 3, 1, SILENT)
    assert field.tolist() == [[[15, 15, 15], [15, 1, 2], [15, 3, 4]]]


def test_rates_double_before_the_500th_image_up_to_the_limit():
    rate = plasticity.DoublingRate.of(SPYKETORCH.s1)
    seen, values = 0, []
    for _ in range(8):
        values.append((seen, round(rate.plus, 4), round(rate.minus, 4)))
        step = rate.until_next()
        rate.advance(step)
        seen += step
    assert values[:3] == [(0, 0.004, -0.003), (499, 0.008, -0.006), (999, 0.016, -0.012)]
    assert values[-1][1:] == (0.15, -0.1125)
    paper = plasticity.DoublingRate.of(PAPER.s1)
    for _ in range(10):
        paper.advance(paper.until_next())
    assert round(paper.plus, 4) == 0.256  # doubled while under 0.15


def test_few_misses_make_rewards_small_and_punishments_large():
    reward, punishment = plasticity.reward_rates(SPYKETORCH, phi_r=0.25, phi_p=0.75)
    assert reward == pytest.approx((0.001, -0.00075))  # few misses: rewards count little
    assert punishment == pytest.approx((-0.003, 0.000375))


@pytest.fixture()
def own_rules():
    """Rules that a test registers are forgotten behind it."""
    before = dict(plasticity.RULES)
    yield
    plasticity.RULES.clear()
    plasticity.RULES.update(before)


@pytest.fixture()
def spikes():
    generator = torch.Generator().manual_seed(0)
    return (torch.randint(0, 16, (8, 6, 8, 8), dtype=torch.uint8, generator=generator),
            torch.randint(0, 16, (8, 40, 4, 4), dtype=torch.uint8, generator=generator), torch.arange(8))


SMALL = SPYKETORCH.replace({"s1.maps": 7, "s1.threshold": 9, "s1.plus": 0.1, "s1.minus": -0.075, "s2.maps": 40,
                            "s3.maps": 20})


def test_a_rule_of_ones_own_learns_in_both_layers_by_its_name(own_rules, spikes):
    @plasticity.register("halves")
    def halves(weight, pre, post, plus, minus):
        return torch.where(pre <= post, (1 + weight) / 2, weight / 2)

    images, c2, labels = spikes
    config = SMALL.replace({"s1.rule": "halves", "s3.rule": "halves"})
    for compiled in (True, False):  # with the compiled search for winners, or step by step
        network, first = Network(config, fast=compiled), Network(config)
        (winners, *_) = learning.learn_stdp(network, "s1", images[:1], plasticity.DoublingRate.of(config.s1))
        moved = (network.weights["s1"] != first.weights["s1"]).flatten(1).any(1)
        assert {winner.feature for winner in winners} == set(moved.nonzero()[:, 0].tolist()) != set()
        for winner in winners:
            pre = plasticity.receptive_field(images[0], winner.row, winner.column, 5, 2, SILENT)
            assert torch.equal(network.weights["s1"][winner.feature],
                               halves(first.weights["s1"][winner.feature], pre, winner.time, 0, 0))
        found = learning.learn_rstdp(network, c2, labels, (1.0, 1.0))
        moved = (network.weights["s3"] != first.weights["s3"]).flatten(1).any(1).nonzero()[:, 0].tolist()
        assert moved == sorted(set(found[:, 0].tolist()))
        assert 0.2 <= float(network.weights["s3"].min()) <= float(network.weights["s3"].max()) <= np.float32(0.8)


def test_a_copy_of_a_built_in_rule_gives_its_weights_to_the_bit(own_rules, spikes):
    plasticity.register("soft")(lambda *arguments: plasticity.stdp(*arguments))
    plasticity.register("hard")(lambda *arguments: plasticity.additive(*arguments))
    images, c2, labels = spikes
    ends = []
    for changes in ({}, {"s1.rule": "soft", "s3.rule": "hard"}):
        network = Network(SMALL.replace(changes))
        record = learning.learn_stdp(network, "s1", images, plasticity.DoublingRate.of(SMALL.s1))
        ends.append((record, learning.learn_rstdp(network, c2, labels, (0.5, 0.5)), network.weights))
    assert ends[0][0] == ends[1][0] and torch.equal(ends[0][1], ends[1][1])
    assert all(torch.equal(ends[0][2][name], ends[1][2][name]) for name in ("s1", "s3"))


def test_a_built_in_rule_that_a_reader_replaces_counts(monkeypatch, spikes):
    images, _, _ = spikes
    monkeypatch.setattr(plasticity, "stdp", lambda weight, pre, post, plus, minus: weight * 0)
    network = Network(SMALL)
    winners = learning.learn_stdp(network, "s1", images[:1], plasticity.DoublingRate.of(SMALL.s1))[0]
    assert winners and all(not network.weights["s1"][winner.feature].any() for winner in winners)


@pytest.mark.parametrize("rule", [lambda weight, *rest: weight[0], lambda weight, *rest: weight / 0 * 0,
                                  lambda weight, *rest: 0.5])
def test_a_broken_rule_is_named(own_rules, spikes, rule):
    plasticity.register("broken")(rule)
    with pytest.raises(ValueError, match="must return new weights of shape"):
        learning.learn_stdp(Network(SMALL.replace({"s1.rule": "broken"})), "s1", spikes[0],
                            plasticity.DoublingRate.of(SMALL.s1))


def test_unknown_rules_and_built_in_names_are_refused():
    with pytest.raises(ValueError, match="unknown rule 'mine'; known are stdp, additive"):
        Network(SMALL.replace({"s1.rule": "mine"}))
    with pytest.raises(ValueError, match="'stdp' is a built-in rule"):
        plasticity.register("stdp")


def test_hits_and_misses():
    assert plasticity.hits_and_misses(torch.tensor([1, 2, -1, 3]), torch.tensor([1, 3, 1, 3])) == (2, 1)


def test_a_shape_mismatch_is_an_error():
    with pytest.raises(ValueError, match="differ in shape"):
        plasticity.stdp(torch.ones(1, 2, 2), torch.zeros(1, 3, 3, dtype=torch.uint8), 0, 0.1, -0.1)
    with pytest.raises(ValueError, match="channels"):
        layers.conv_times(torch.zeros(1, 2, 5, 5, dtype=torch.uint8), torch.ones(1, 3, 3, 3), 1.0)
    with pytest.raises(ValueError, match="uint8"):
        layers.conv_times(torch.zeros(1, 3, 5, 5), torch.ones(1, 3, 3, 3), 1.0)
    with pytest.raises(ValueError, match="negative"):
        layers.conv_times(torch.zeros(1, 3, 5, 5, dtype=torch.uint8), -torch.ones(1, 3, 3, 3), 1.0)


def test_the_model_stays_small():
    files = list(Path(rstdp.__file__).parent.glob("*.py"))
    assert len(files) <= 16 and sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) <= 1500
