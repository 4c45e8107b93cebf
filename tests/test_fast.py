"""The contract of `rstdp.fast`: every name that it exports does what its readable twin does, to the bit."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rstdp import competition, encoding, fast, layers, learning, plasticity
from rstdp.config import PAPER, SPYKETORCH, Layer
from rstdp.fast import filters, latency, normalisation
from rstdp.network import Network

BINS = 15
READABLE = (encoding, layers, competition, learning)
RULES = st.sampled_from(plasticity.BUILT_IN)
NO_TWIN = {"RULES", "cache", "normal"}  #: which rules are compiled, where spike times are kept, first weights


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


@st.composite
def layer_cases(draw):
    """The same with a layer to search for winners in."""
    times, weight, threshold, padding = draw(cases())
    layer = Layer(len(weight), weight.shape[2], padding, threshold, draw(st.integers(0, 7)), draw(st.integers(-1, 3)),
                  1, 1, pointwise=draw(st.booleans()))
    return times[0], weight, layer


@st.composite
def pooled_cases(draw):
    """The same with a pooling layer behind, whose window fits."""
    times, weight, threshold, padding = draw(cases())
    smallest = min(times.shape[2:]) + 2 * padding - weight.shape[2] + 1
    return times, weight, Layer(1, 1, padding, threshold, 1, 0, draw(st.integers(1, min(3, smallest))),
                                draw(st.integers(1, 4)), draw(st.booleans()))


@st.composite
def images(draw):
    """Few grey levels make many equal responses: exact ties and near ties at the edges of the bins. Blank images, and
    rows that end within the 32 places that the filters meet at once, or behind them."""
    rng, levels = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(st.sampled_from([2, 3, 9, 256]))
    size = draw(st.sampled_from([(7, 7), (3, 9), (9, 8), (1, 1), (5, 17)]))
    grey = np.kron(rng.integers(0, levels, (4, *size)), np.ones((4, 4))) * (255 // (levels - 1))
    grey[rng.random(grey.shape) < 0.02] = 255
    grey[0], grey[1, 0, 0] = grey[0] * draw(st.booleans()), 255
    return (torch.from_numpy(grey.astype(draw(st.sampled_from([np.uint8, np.float32])))),
            draw(st.sampled_from([1, 15, 40, 254])), draw(st.sampled_from([50.0, 0.5])),
            draw(st.sampled_from([0, 1, 3, 8])), draw(st.sampled_from(["silent", "last"])),
            draw(st.sampled_from(["maximum", "centre"])))


@st.composite
def networks(draw, **changes):
    """A network of random size, rule and rates, readable and compiled: the same twice."""
    config = SPYKETORCH.replace({
        "s1.maps": 7, "s1.threshold": draw(st.sampled_from([5, 9])), "s1.double_every": 4, "s1.plus": 0.1,
        "s1.minus": -0.075, "s1.pointwise": draw(st.booleans()), "s1.rule": draw(RULES),
        "s2.maps": 40, "s3.maps": 20, "s3.rule": draw(RULES),
        "low": draw(st.sampled_from([0.0, 0.2])), **changes})
    seed = draw(st.integers(0, 1000))
    return Network(config, seed), Network(config, seed, fast=False)


@st.composite
def s3_cases(draw):
    """C2's spike times, dense or sparse, an image of which nothing is left, and labels."""
    rng, size = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(st.sampled_from([4, 5]))
    times = rng.integers(0, BINS, (12, 40, size, size)).astype(np.uint8)
    times[rng.random(times.shape) > draw(st.floats(0, 1))] = BINS
    times[3] = BINS
    phi = draw(st.sampled_from([1.0, 0.5, 0.05]))
    return torch.from_numpy(times), torch.from_numpy(rng.integers(0, 10, 12)), (phi, 1 - phi)


def check_functions(mine, theirs, case):
    assert torch.equal(mine(*case), theirs(*case))


def check_find_winners(mine, theirs, case):
    image, weight, layer = case
    found = mine(image, weight, layer, BINS)
    assert found == theirs(image, weight, layer, BINS)
    assert len({winner.feature for winner in found}) == len(found) <= layer.winners
    for i, one in enumerate(found):
        for other in found[:i]:
            assert max(abs(one.row - other.row), abs(one.column - other.column)) > layer.radius


def check_learn_stdp(mine, theirs, case):
    (compiled, readable), (times, *_) = case
    winners = [function(network, "s1", times, plasticity.DoublingRate.of(network.config.s1))
               for function, network in ((mine, compiled), (theirs, readable))]
    assert winners[0] == winners[1] and len(winners[0]) == len(times)
    assert torch.equal(compiled.weights["s1"], readable.weights["s1"])
    assert 0 <= float(compiled.weights["s1"].min()) <= float(compiled.weights["s1"].max()) <= 1


def check_rstdp_learner(mine, theirs, case):
    (compiled, readable), (c2, labels, phi) = case
    learn, read = mine(compiled), theirs(readable)
    for part in (slice(0, 7), slice(7, 12)):  # what is kept between two batches must be up to date
        winners = learn(c2[part], labels[part], phi)
        assert torch.equal(winners, read(c2[part], labels[part], phi))
        assert part.start or winners[3].tolist() == [-1, -1]
    assert torch.equal(compiled.weights["s3"], readable.weights["s3"])
    low, high = (np.float32(bound) for bound in compiled.bounds("s3"))
    assert low <= float(compiled.weights["s3"].min()) <= float(compiled.weights["s3"].max()) <= high


def check_readout(mine, theirs, case):
    (network, _), (c2, *_) = case
    readouts = [kind(network.weights["s3"], 2, BINS, *network.bounds("s3")) for kind in (mine, theirs)]
    for feature in (0, 11):  # before and after a map has changed
        assert torch.equal(*(readout.winners(c2) for readout in readouts))
        network.weights["s3"][feature] = network.bounds("s3")[1]
        for readout in readouts:
            readout.learned(feature)
    assert torch.equal(*(readout.winners(c2) for readout in readouts))


S1_TIMES = st.integers(0, 2**32 - 1).map(lambda seed: (torch.from_numpy(
    np.random.default_rng(seed).integers(0, BINS + 1, (12, 6, 8, 8)).astype(np.uint8)),))
CHECKS = {
    "encode": (check_functions, images()), "conv_times": (check_functions, cases()),
    "final_potentials": (check_functions, cases().map(lambda case: (*case[:2], case[3]))),
    "pooled_times": (check_functions, pooled_cases()),
    "find_winners": (check_find_winners, layer_cases()), "Readout": (check_readout, st.tuples(networks(), s3_cases())),
    "learn_stdp": (check_learn_stdp, st.tuples(networks(), S1_TIMES)),
    "rstdp_learner": (check_rstdp_learner, st.tuples(networks(), s3_cases())),
}


def twin(name):
    return next(getattr(module, name) for module in READABLE if hasattr(module, name))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_are_as_exact_as_they_are_given(dtype):
    """Of float32 nothing is lost where they are laid out as float32, and float64 stays float64."""
    random = torch.Generator().manual_seed(0)
    weight = torch.rand(4, 3, 3, 3, generator=random, dtype=torch.float64).pow(8).to(dtype)  # small ones too
    times = torch.randint(0, BINS + 1, (20, 3, 6, 6), generator=random).to(torch.uint8)
    assert torch.equal(fast.final_potentials(times, weight), layers.final_potentials(times, weight))
    assert torch.equal(fast.conv_times(times, weight, 1.5), layers.conv_times(times, weight, 1.5))


def arguments(function):
    return [(each.name, each.default, each.kind) for each in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", sorted(set(fast.__all__) - NO_TWIN))
def test_each_name_takes_what_its_twin_takes_and_gives_what_it_gives(name):
    mine, theirs = getattr(fast, name), twin(name)
    assert arguments(mine) == arguments(theirs)
    assert mine is not theirs and name in CHECKS, f"fast.{name} has no check against its twin"
    check, strategy = CHECKS[name]

    @settings(max_examples=40, deadline=None)
    @given(strategy)
    def holds(case):
        check(mine, theirs, case)

    holds()


def test_every_built_in_rule_is_compiled_and_no_other():
    assert set(fast.RULES) == {plasticity.get_rule(name) for name in plasticity.BUILT_IN}
    assert len(set(fast.RULES.values())) == len(fast.RULES)


def test_a_threshold_of_0_is_crossed_by_the_smallest_weight():
    times, weight = torch.tensor([[[[7]], [[3]]]], dtype=torch.uint8), torch.tensor([[[[1.0]], [[4e-9]]]])
    for module in (fast, layers):
        assert module.conv_times(times, weight, 0.0).item() == 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.sampled_from([0.0, 2.0**-40, 1e-10, 3e-8, 1e-6]))
def test_spike_times_of_converged_weights(seed, threshold, tiny):
    """After long learning sums lie a rounding error under a whole threshold; whether they fire must not be guessed."""
    rng = np.random.default_rng(seed)
    times = torch.from_numpy(rng.integers(0, BINS + 1, (2, 3, 9, 9)).astype(np.uint8))
    large = 1 - rng.integers(0, 4, (40, 3, 5, 5)) * 2.0**-24  # so many that only some are summed
    weight = np.where(rng.random(large.shape) < 0.4, large, tiny * rng.random(large.shape))
    weight[:6, 0, :2, 0] = rng.random((6, 2)) * np.logspace(0, -9, 6)[:, None]  # maps with weights in between
    weight = torch.from_numpy(weight.astype(np.float32))
    assert torch.equal(fast.conv_times(times, weight, float(threshold), 2),
                       layers.conv_times(times, weight, float(threshold), 2))


def test_a_window_that_does_not_fit_is_refused():
    layer, times = SPYKETORCH.replace({"s1.pool": 9}).s1, torch.zeros(1, 6, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match="a window of 9 is larger than its maps, 8 x 8"):
        fast.pooled_times(times, torch.ones(2, 6, 5, 5), layer)
    with pytest.raises(ValueError, match="a window of 13 is larger than its input, 8 x 8"):
        fast.pooled_times(times, torch.ones(2, 6, 13, 13), layer)


@pytest.mark.parametrize("threshold", [1, 255, 256, 257, 299, 299.5, 300])
def test_counts_that_do_not_fit_into_a_byte(threshold):
    rng = np.random.default_rng(int(threshold))
    times = torch.from_numpy(rng.integers(0, BINS + 1, (3, 12, 7, 7)).astype(np.uint8))
    times[0] = 3  # all at once
    weight = torch.ones(4, 12, 5, 5)
    weight[1].view(-1)[255:], weight[2].view(-1)[254:] = 0, 1e-9
    weight[3] = torch.from_numpy(rng.random((12, 5, 5)) < 0.9)
    assert torch.equal(fast.conv_times(times, weight, float(threshold), 2),
                       layers.conv_times(times, weight, float(threshold), 2))


@pytest.mark.parametrize("size, window", [(1, 1), (2, 1), (2, 2)])
def test_rstdp_on_cells_of_one_place(size, window):
    """With one place a cell, screening once went on to a cell behind the last."""
    rng = np.random.default_rng(size)
    times, labels = torch.from_numpy(rng.integers(0, BINS + 1, (20, 70, size, size)).astype(np.uint8)), torch.arange(20)
    config = SPYKETORCH.replace({"s2.maps": 70, "s3.maps": 20, "s3.window": window, "s3.padding": 0})
    ends = []
    for compiled in (True, False):
        network = Network(config, seed=1, fast=compiled)
        ends.append((learning.learn_rstdp(network, times, labels % 10, (0.5, 0.5)), network.weights["s3"]))
    assert torch.equal(ends[0][0], ends[1][0]) and torch.equal(ends[0][1], ends[1][1])


def readable(network):
    """The same network, which steps through time."""
    twin = Network(network.config, network.seed, network.weights["s1"].shape[1], fast=False)
    twin.restore({name: array.copy() for name, array in network.arrays().items()}, "memory")
    return twin


def test_trained_network(trained, digits):
    slow, images = readable(trained), digits.test_images[:20]
    times = trained.encode(images)
    assert torch.equal(times, slow.encode(images))
    for name in ("s1", "s2"):
        assert torch.equal(trained.spike_times(name, times), slow.spike_times(name, times))
        times = trained.pooled(name, times)
    assert torch.equal(trained.potentials(times), slow.potentials(times))
    exact = trained.potentials(times).flatten(1)
    decisions, winners = trained.decide(times)
    positions = exact.shape[1] // trained.config.s3.maps
    assert torch.equal(winners[:, 0] * positions + winners[:, 1], exact.argmax(1))
    assert torch.equal(decisions, trained.decision_map[winners[:, 0]])
    assert torch.equal(decisions, slow.classify(images))


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


@pytest.mark.parametrize("spread, radius", [
    (0, 0), (0, 8), (1e-7, 8), (3e-6, 8), (0.02, 8), (1, 8), (1, 0), (0.2, 200)])
@pytest.mark.parametrize("count, bins, repeats", [(1, 15, 1), (14, 15, 1), (900, 15, 30), (900, 254, 1), (2000, 15, 1)])
def test_values_too_close_to_tell_are_ranked_by_the_oracles(spread, radius, count, bins, repeats):
    """Values up to rounding, some or all in doubt, against the readable rank of the exact ones. Without normalisation
    few at a time are equal; with a radius of 200 rounding reaches farther than a box."""
    rng, side, bins = np.random.default_rng(count + bins), 100, bins if radius < 200 else 15
    planes, boxes = filters.empty_planes(1, side, side, radius), latency.empty_boxes(count)
    places = np.arange(side**2).reshape(side, side)[8:-8, 8:-8].flatten()[:count].astype(np.int32)  # means all alike
    for _ in range(repeats if radius < 200 else 1):
        drawn = rng.random((side, side)) if radius else rng.integers(0, 400, (side, side)) / 400
        response = (100 * (1 + spread * drawn)).astype(np.float32)
        for y in range(side):
            planes.values[0, planes.first + y * planes.stride:][:side] = response[y]
        exact = np.array([normalisation.exact(planes, radius, place) if radius else response.flat[place]
                          for place in places])
        error = (2 * radius + 1)**2 * 2.0**-24 * (radius > 0)
        rough, times = exact * (1 + error * rng.uniform(-1, 1, count)), np.full(side**2, bins, np.uint8)
        latency.latencies(rough.astype(np.float32), places, boxes, planes, radius, bins, bins, times)
        expected = encoding.intensity_to_latency(torch.from_numpy(exact.astype(np.float32))[None, None, None], bins)
        assert times[places].tolist() == expected.flatten().tolist()


def test_encoder_on_mnist(mnist):
    images = mnist.train_images[:100]
    assert torch.equal(fast.encode(images), encoding.encode(images))


def test_mnist_full_size_winners(mnist):
    """The full-size network on 2,000 MNIST images a layer is in the report; here a tenth of it, step by step."""
    network = Network(SPYKETORCH)
    times = network.encode(mnist.train_images[:200])
    for name in ("s1", "s2"):
        slow, part = readable(network), times[:50]
        rates = [plasticity.DoublingRate.of(network.layer(name)) for _ in range(2)]
        assert learning.learn_stdp(network, name, part, rates[0]) == learning.learn_stdp(slow, name, part, rates[1])
        assert torch.equal(network.weights[name], slow.weights[name])
        learning.learn_stdp(network, name, times, rates[0])
        times = network.pooled(name, times)


def test_competition_prefers_potential_only_among_equally_early():
    times = torch.tensor([[[3, 15]], [[2, 2]]], dtype=torch.uint8)
    potentials = torch.tensor([[[99.0, 0.0]], [[1.0, 2.0]]])
    assert competition.k_winners(times, potentials, 2, 0, 15)[0] == (1, 0, 1, 2, 2.0)
    assert layers.BAND < 1e-3
