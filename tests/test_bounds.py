"""Bounds that outlive a pass: they exclude no winner, and what they remember changes no result."""

import gc
import weakref

import numpy as np
import pytest
import torch

from rstdp import learning
from rstdp.config import SPYKETORCH
from rstdp.fast import bounds
from rstdp.network import Network

CONFIG = SPYKETORCH.replace({"s2.maps": 12, "s3.maps": 20, "batch": 60})
IMAGES, PASSES = 120, 8


def network():
    """Maps that differ: each prefers some inputs."""
    made = Network(CONFIG)
    rng = np.random.default_rng(1)
    made.weights["s3"] = torch.from_numpy(np.where(rng.random((20, 12, 5, 5)) < 0.3, 0.75, 0.3).astype(np.float32))
    return made


@pytest.fixture(params=[4, 5, 9], ids=lambda size: f"{size}x{size}")
def c2(request):
    """Images of ten classes, one of them silent; in words of 8 bytes, of 16, and too wide for either."""
    rng, shape = np.random.default_rng(0), (12, request.param, request.param)
    kinds = rng.random((10, *shape))
    share = kinds[np.arange(IMAGES) % 10] + 0.2 * rng.standard_normal((IMAGES, *shape))
    times = np.where(share < 0.25, rng.integers(0, 15, share.shape), 15).astype(np.uint8)
    times[3] = 15
    return torch.from_numpy(times)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bounds, "SMALL", 10)


def one_pass(net, c2, p):
    return learning.rstdp_epoch(net, c2, torch.arange(IMAGES) % 10, (0.5 / (1 + p), 0.5))


def test_every_pass_gives_what_it_gives_without_bounds(small, monkeypatch, c2):
    net, without, screened = network(), network(), []
    for p in range(PASSES):
        found = one_pass(net, c2, p), net.winners(c2)
        with monkeypatch.context() as patched:
            patched.setattr(bounds, "SMALL", 10**9)
            expected = one_pass(without, c2, p), without.winners(c2)
        assert found[0] == expected[0] and torch.equal(found[1], expected[1])
        assert torch.equal(net.weights["s3"], without.weights["s3"])
        screened += [int(kept.bounds.screened[0]) for kept in bounds.memory(net.weights["s3"]).batches.values()
                     if kept.bounds]
    if c2.shape[2] == 9:
        assert not screened  # positions in a row of more than eight
    else:
        assert min(screened) < 30 <= max(screened)


def test_no_potential_exceeds_its_bound(small, c2):
    net = network()
    for p in range(PASSES):
        one_pass(net, c2, p)
        if p == 5:
            net.weights["s3"][4].add_(0.01).clamp_(max=0.8)  # whoever changes weights in between need not say so
        parts = net.potentials(c2).flatten(2).numpy().reshape(2, 60, 20, -1)
        for kept, part in zip(bounds.memory(net.weights["s3"]).batches.values(), parts):
            if kept.bounds:
                bounds.catch_up(kept.bounds, net.weights["s3"].numpy())
                upper, winner, place, *_ = kept.bounds
                known = np.flatnonzero(np.isfinite(upper).all(1) & (winner >= 0))
                won = known, winner[known], place[known]
                assert (part[won] >= [bounds.at_least(kept.bounds, i) for i in known]).all()
                part[won] = 0  # the winner's bound is for where it did not win
                bound = np.maximum(upper + kept.bounds.risen, kept.bounds.outside[:, None])
                assert (bound >= part.max(2)).all()
    assert c2.shape[2] == 9 or any(np.isfinite(kept.bounds.upper).all() for kept in
                                   bounds.memory(net.weights["s3"]).batches.values() if kept.bounds)


def test_images_of_another_size_in_between_and_maps_changed_by_hand_are_noticed(small):
    net, rng = network(), np.random.default_rng(2)
    readout, few = net.readout(), [torch.from_numpy(np.where(rng.random((40, 12, size, size)) < 0.3, 3, 15).astype(
        np.uint8)) for size in (4, 5)]
    for feature in range(6):  # from the third time on with bounds
        for c2 in few:
            expected = net.potentials(c2).flatten(1).argmax(1)
            positions = net.potentials(c2).shape[2] * net.potentials(c2).shape[3]
            found = readout.winners(c2)
            assert torch.equal(found[:, 0] * positions + found[:, 1], expected)
        net.weights["s3"][feature] = 0.8 - 0.1 * feature
        readout.learned(feature)


def test_a_network_without_memories_goes_on_to_the_same_bits(small, c2):
    net = network()
    for p in range(PASSES):
        if p == PASSES // 2:
            copy = Network(CONFIG)
            copy.weights["s3"] = net.weights["s3"].clone()
        one_pass(net, c2, p)
        if p >= PASSES // 2:
            one_pass(copy, c2, p)
            assert torch.equal(net.weights["s3"], copy.weights["s3"])


def test_what_is_remembered_is_little_and_goes_with_the_network(small, monkeypatch, c2):
    net = network()
    monkeypatch.setattr(bounds, "MOST", 0)
    for p in range(4):
        one_pass(net, c2, p)
    kept = bounds.memory(net.weights["s3"])
    assert kept.bytes == 0 and not any(each.bounds for each in kept.batches.values())
    gone = weakref.ref(kept)
    del net, kept
    gc.collect()
    assert gone() is None


def test_bounds_that_exclude_little_are_left_alone_for_longer_and_longer():
    kept, used = bounds.Kept(bounds.Bounds.of(100, np.zeros((20, 1, 1, 1), np.float32))), []
    kept.bounds.screened[0] = 26
    for time in range(40):
        if kept.idle:
            kept.idle -= 1
            continue
        used.append(time)
        kept.judge()
    assert used == [4, 5, 7, 8, 11, 12, 17, 18, 27, 28]  # made, then found wanting; pauses of 1, 2, 4, 8, 16
    kept.bounds.screened[0], kept.idle, kept.fresh = 25, 0, False
    kept.judge()
    assert kept.idle == 0 and not kept.fresh
