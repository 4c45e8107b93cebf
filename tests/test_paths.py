"""The reference path (stepping through time with SpikingJelly) and the fast path (spike times) are one model."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rstdp import competition, encoding, kernels, layers, learning, plasticity, training
from rstdp.config import PAPER, SPYKETORCH, Layer
from rstdp.network import Network

BINS = 15


@st.composite
def cases(draw):
    """Random spike times and weights; half of the weights nearly binary, so that potentials land on thresholds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, maps, window = draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.sampled_from([1, 3, 5]))
    height, width = draw(st.integers(window, 9)), draw(st.integers(window, 9))
    times = rng.integers(0, BINS + 1, (2, channels, height, width)).astype(np.uint8)
    times[rng.random(times.shape) > draw(st.floats(0, 1))] = BINS
    weight = rng.random((maps, channels, window, window)).astype(np.float32)
    if draw(st.booleans()):
        weight = np.where(weight > 0.5, np.float32(1) - weight * np.float32(1e-7), weight * np.float32(1e-6))
    padding = draw(st.integers(0, window // 2))
    threshold = draw(st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.5, 10.0]))
    return torch.from_numpy(times), torch.from_numpy(weight.astype(np.float32)), threshold, padding


def test_a_threshold_of_0_is_crossed_by_the_smallest_weight():
    times, weight = torch.tensor([[[[7]], [[3]]]], dtype=torch.uint8), torch.tensor([[[[1.0]], [[4e-9]]]])
    for path in ("fast", "reference"):
        assert layers.conv_times(times, weight, 0.0, path=path).item() == 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 9, 256]), st.sampled_from([0, 1, 8]),
       st.sampled_from(["silent", "last"]), st.sampled_from([1, 15, 40]))
def test_encoder(seed, grey_levels, radius, remainder, bins):
    """Few grey levels make many equal responses: exact ties and near ties at the edges of the bins."""
    rng = np.random.default_rng(seed)
    images = np.kron(rng.integers(0, grey_levels, (4, 7, 7)), np.ones((4, 4))) * (255 // (grey_levels - 1))
    images[rng.random(images.shape) < 0.02] = 255
    images = torch.from_numpy(images.astype(np.uint8))
    steps = encoding.local_normalisation(encoding.dog_filter(images), radius)
    expected = encoding.intensity_to_latency(steps, bins, remainder)
    assert torch.equal(encoding.encode(images, bins, 50.0, radius, remainder), expected)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_spike_times(case):
    times, weight, threshold, padding = case
    fast = layers.conv_times(times, weight, threshold, padding)
    assert torch.equal(fast, layers.conv_times(times, weight, threshold, padding, path="reference"))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.sampled_from([0.0, 2.0**-40, 1e-10, 3e-8, 1e-6]))
def test_spike_times_of_converged_weights(seed, threshold, tiny):
    """After long learning sums lie a rounding error under a whole threshold; whether they fire must not be guessed."""
    rng = np.random.default_rng(seed)
    times = torch.from_numpy(rng.integers(0, BINS + 1, (2, 3, 9, 9)).astype(np.uint8))
    large = 1 - rng.integers(0, 4, (20, 3, 5, 5)) * 2.0**-24
    weight = np.where(rng.random(large.shape) < 0.4, large, tiny * rng.random(large.shape))
    weight[:3, 0, 0, 0] = rng.random(3)  # maps with a weight in between
    weight = torch.from_numpy(weight.astype(np.float32))
    fast = layers.conv_times(times, weight, float(threshold), 2)
    assert torch.equal(fast, layers.conv_times(times, weight, float(threshold), 2, path="reference"))


@settings(max_examples=50, deadline=None)
@given(cases())
def test_final_potentials_to_the_bit(case):
    times, weight, _, padding = case
    fast = layers.final_potentials(times, weight, padding)
    assert torch.equal(fast, layers.final_potentials(times, weight, padding, path="reference"))


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(1, 7), st.integers(-1, 3), st.booleans())
def test_winners(case, k, radius, pointwise):
    times, weight, threshold, padding = case
    spec = Layer(len(weight), weight.shape[2], padding, threshold, k, radius, 1, 1, pointwise=pointwise)
    for image in times:
        fast = learning.find_winners(image, weight, spec, BINS, "fast")
        assert fast == learning.find_winners(image, weight, spec, BINS, "reference")
        assert len({winner.feature for winner in fast}) == len(fast) <= k
        for i, one in enumerate(fast):
            for other in fast[:i]:
                assert max(abs(one.row - other.row), abs(one.column - other.column)) > radius


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_stdp_learning(seed, pointwise):
    rng = np.random.default_rng(seed)
    times = torch.from_numpy(rng.integers(0, BINS + 1, (12, 6, 8, 8)).astype(np.uint8))
    config = SPYKETORCH.replace({"s1.maps": 7, "s1.threshold": 9, "s1.double_every": 4, "s1.plus": 0.1,
                                 "s1.pointwise": pointwise, "s1.minus": -0.075})
    ends = []
    for path in ("fast", "reference"):
        network = Network(config, seed=seed % 1000)
        winners = training.learn_stdp(network, "s1", times, plasticity.DoublingRate.of(config.s1), path)
        ends.append((winners, network.weights["s1"]))
        assert 0 <= float(network.weights["s1"].min()) <= float(network.weights["s1"].max()) <= 1
    assert ends[0][0] == ends[1][0]
    assert torch.equal(ends[0][1], ends[1][1])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.sampled_from([4, 5]), st.sampled_from([1.0, 0.05]))
def test_rstdp_learning(seed, density, size, phi):
    rng = np.random.default_rng(seed)
    times = rng.integers(0, BINS, (20, 40, size, size)).astype(np.uint8)
    times[rng.random(times.shape) > density] = BINS
    times[3] = BINS  # an image of which nothing is left
    times, labels = torch.from_numpy(times), torch.from_numpy(rng.integers(0, 10, 20))
    config = SPYKETORCH.replace({"s2.maps": 40, "s3.maps": 20})
    ends = []
    for path in ("fast", "reference"):
        network = Network(config, seed=seed % 1000)
        ends.append((training.learn_rstdp(network, times, labels, (phi, 1 - phi), path), network.weights["s3"]))
        assert 0.2 <= float(network.weights["s3"].min()) <= float(network.weights["s3"].max()) <= np.float32(0.8)
    assert ends[0][0][3].tolist() == [-1, -1]
    assert torch.equal(ends[0][0], ends[1][0])
    assert torch.equal(ends[0][1], ends[1][1])


@pytest.mark.parametrize("size, window", [(1, 1), (2, 1), (2, 2)])
def test_rstdp_on_cells_of_one_place(size, window):
    """With one place a cell, screening once went on to a cell behind the last."""
    rng = np.random.default_rng(size)
    times, labels = torch.from_numpy(rng.integers(0, BINS + 1, (20, 70, size, size)).astype(np.uint8)), torch.arange(20)
    config = SPYKETORCH.replace({"s2.maps": 70, "s3.maps": 20, "s3.window": window, "s3.padding": 0})
    ends = []
    for path in ("fast", "reference"):
        network = Network(config, seed=1)
        ends.append((training.learn_rstdp(network, times, labels % 10, (0.5, 0.5), path), network.weights["s3"]))
    assert torch.equal(ends[0][0], ends[1][0]) and torch.equal(ends[0][1], ends[1][1])


def test_trained_network(trained, digits):
    images = digits.test_images[:20]
    times = trained.encode(images)
    for name in ("s1", "s2"):
        fast = trained.spike_times(name, times)
        assert torch.equal(fast, trained.spike_times(name, times, "reference"))
        times = trained.pooled(name, times)
    assert torch.equal(trained.potentials(times), trained.potentials(times, "reference"))
    exact = trained.potentials(times).flatten(1)
    decisions, winners = trained.decide(times)
    positions = exact.shape[1] // trained.config.s3.maps
    assert torch.equal(winners[:, 0] * positions + winners[:, 1], exact.argmax(1))
    assert torch.equal(decisions, trained.decision_map[winners[:, 0]])


def test_screening_of_s3_finds_every_exact_maximum_among_saturated_weights():
    """True ties: weights at their bounds only, many potentials exactly equal; the first index must win."""
    rng = np.random.default_rng(0)
    times = np.where(rng.random((64, 30, 4, 4)) < 0.3, 0, BINS).astype(np.uint8)
    weight = np.where(rng.random((20, 30, 5, 5)) < 0.5, np.float32(0.2), np.float32(0.8))
    weight[10:] = weight[:10]
    network = Network(SPYKETORCH.replace({"s2.maps": 30, "s3.maps": 20}))
    network.weights["s3"] = torch.from_numpy(weight)
    c2 = torch.from_numpy(times)
    _, winners = network.decide(c2)
    assert torch.equal(winners[:, 0] * 16 + winners[:, 1], network.potentials(c2).flatten(1).argmax(1))
    assert int(winners[:, 0].max()) < 10


@pytest.mark.parametrize("config", [SPYKETORCH, PAPER], ids=lambda config: config.name)
def test_shapes_of_both_configurations(config, digits):
    network = Network(config)
    c2 = network.features(digits.test_images[:3])
    side = 4 if config is SPYKETORCH else 5
    assert c2.shape == (3, 250, side, side)
    assert network.potentials(c2).shape == (3, 200, side, side)
    assert layers.pool_max_potential(network.potentials(c2)).shape == (3, 200)


def test_encoder_on_mnist(mnist):
    images = mnist.train_images[:1000]
    steps = encoding.local_normalisation(encoding.dog_filter(images))
    assert torch.equal(encoding.encode(images), encoding.intensity_to_latency(steps))


@pytest.mark.parametrize("images", [2000])
def test_mnist_full_size_winners(mnist, images):
    """The full-size network on 2,000 MNIST images a layer is in the report; here a tenth of it, step by step."""
    network = Network(SPYKETORCH)
    times = network.encode(mnist.train_images[:images // 10])
    for name in ("s1", "s2"):
        reference = Network(SPYKETORCH)
        reference.weights = {key: weight.clone() for key, weight in network.weights.items()}
        part = times[:images // 40]
        rates = [plasticity.DoublingRate.of(network.layer(name)) for _ in range(2)]
        fast = training.learn_stdp(network, name, part, rates[0])
        assert fast == training.learn_stdp(reference, name, part, rates[1], "reference")
        assert torch.equal(network.weights[name], reference.weights[name])
        training.learn_stdp(network, name, times, rates[0])
        times = network.pooled(name, times)


def test_competition_prefers_potential_only_among_equally_early():
    times = torch.tensor([[[3, 15]], [[2, 2]]], dtype=torch.uint8)
    potentials = torch.tensor([[[99.0, 0.0]], [[1.0, 2.0]]])
    assert competition.k_winners(times, potentials, 2, 0, 15)[0] == (1, 0, 1, 2, 2.0)
    assert kernels.BAND < 1e-3
