"""Agreement with SpykeTorch, spike by spike, from values that it wrote (tests/golden_spyketorch_digits.npz)."""

import numpy as np
import pytest
import torch

from report.studies.verify import agreement
from rstdp import encoding, fast, layers

TWINS = pytest.mark.parametrize("twin", [fast, layers], ids=["fast", "readable"])


def test_dog_kernels(golden):
    assert torch.allclose(encoding.dog_kernels(), golden["kernels"], atol=1e-6)


def test_dog_kernels_of_equal_centres():
    kernels = encoding.dog_kernels(scale="centre")
    assert kernels[:, 6, 6].tolist() == [1, -1, 1, -1, 1, -1]
    assert torch.allclose(kernels[::2], -kernels[1::2], atol=1e-6)
    assert torch.equal(kernels[::2], encoding.dog_kernels()[::2])  # on-centre kernels are the same either way


def test_filter_and_normalisation_of_the_first_image(golden):
    response = encoding.dog_filter(golden["images"][:1])
    assert torch.equal(response[0], golden["dog_first"])
    assert torch.equal(encoding.local_normalisation(response)[0], golden["normalised_first"])


@pytest.mark.parametrize("encode, images", [(fast.encode, 300), (encoding.encode, 60)], ids=["fast", "readable"])
def test_every_spike_time_of_the_encoder(golden, encode, images):
    times = encode(golden["images"][:images])
    assert times.numel() == images * 4704
    assert int((times != golden["spike_times"][:images]).sum()) == 0


@TWINS
def test_spike_times_of_s1_and_s2(golden, twin):
    s1 = twin.conv_times(golden["spike_times"][:50], golden["w1"], 15.0, 2)
    s2 = twin.conv_times(golden["c1_times"][:50], golden["w2"], 4.0, 1)
    assert torch.equal(s1, golden["s1_times"])
    assert torch.equal(s2, golden["s2_times"])


def test_spike_times_of_c1_and_c2_for_all_images(golden):
    c1 = layers.pool_first_spike(fast.conv_times(golden["spike_times"], golden["w1"], 15.0, 2), 2, 2)
    c2 = layers.pool_first_spike(fast.conv_times(c1, golden["w2"], 4.0, 1), 3, 3)
    assert torch.equal(c1, golden["c1_times"])
    assert torch.equal(c2, golden["c2_times"])


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name, steps, share", [("s1", 600, 0), ("s2", 900, 1 / 50)])
def test_every_step_of_stdp(golden, name, steps, share, compiled):
    if not compiled:
        steps //= 6  # stepping through time takes 20 times as long
    found = agreement.compare_stdp(golden, name, steps, compiled)
    assert found.different == 0, "a winner differs that is no rounding tie"
    assert found.ties <= share * steps
    assert found.weight_error and max(found.weight_error.values()) <= 1e-6


@pytest.mark.parametrize("compiled, steps", [(True, 3000), (False, 300)])
def test_every_step_of_rstdp(golden, compiled, steps):
    found = agreement.compare_rstdp(golden, steps, compiled)
    assert found.different == 0
    assert found.ties < steps / 50
    assert max(found.weight_error.values()) <= 1e-6
    expected = golden["s3_performance"][:steps // 50, :2].numpy()
    np.testing.assert_allclose(found.performance, expected)


def test_a_wrong_rule_is_noticed(golden):
    broken = {**golden, "s1_winners": golden["s1_winners"].clone()}
    broken["s1_winners"][50, 0, 0] = (broken["s1_winners"][50, 0, 0] + 1) % 8
    assert agreement.compare_stdp(broken, "s1", 60).different > 0
