"""Agreement with SpykeTorch, spike by spike, from values that it wrote (tests/golden_spyketorch_digits.npz)."""

import numpy as np
import pytest
import torch

from rstdp import agreement, encoding, layers

PATHS = ("fast", "reference")


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


@pytest.mark.parametrize("batch", [1, 300])
def test_every_spike_time_of_the_encoder(golden, batch):
    times = encoding.encode(golden["images"], batch=batch)
    assert times.numel() == 1_411_200
    assert int((times != golden["spike_times"]).sum()) == 0


@pytest.mark.parametrize("path", PATHS)
def test_spike_times_of_s1_and_s2(golden, path):
    s1 = layers.conv_times(golden["spike_times"][:50], golden["w1"], 15.0, 2, path=path)
    s2 = layers.conv_times(golden["c1_times"][:50], golden["w2"], 4.0, 1, path=path)
    assert torch.equal(s1, golden["s1_times"])
    assert torch.equal(s2, golden["s2_times"])


def test_spike_times_of_c1_and_c2_for_all_images(golden):
    c1 = layers.pool_first_spike(layers.conv_times(golden["spike_times"], golden["w1"], 15.0, 2), 2, 2)
    c2 = layers.pool_first_spike(layers.conv_times(c1, golden["w2"], 4.0, 1), 3, 3)
    assert torch.equal(c1, golden["c1_times"])
    assert torch.equal(c2, golden["c2_times"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name, steps, share", [("s1", 600, 0), ("s2", 900, 1 / 50)])
def test_every_step_of_stdp(golden, name, steps, share, path):
    if path == "reference":
        steps //= 3  # stepping through time takes 20 times as long
    found = agreement.compare_stdp(golden, name, steps, path)
    assert found.different == 0, "a winner differs that is no rounding tie"
    assert found.ties <= share * steps
    assert found.weight_error and max(found.weight_error.values()) <= 1e-6


@pytest.mark.parametrize("path, steps", [("fast", 3000), ("reference", 300)])
def test_every_step_of_rstdp(golden, path, steps):
    found = agreement.compare_rstdp(golden, steps, path)
    assert found.different == 0
    assert found.ties < steps / 50
    assert max(found.weight_error.values()) <= 1e-6
    expected = golden["s3_performance"][:steps // 50, :2].numpy()
    np.testing.assert_allclose(found.performance, expected)


def test_a_wrong_rule_is_noticed(golden):
    broken = {**golden, "s1_winners": golden["s1_winners"].clone()}
    broken["s1_winners"][50, 0, 0] = (broken["s1_winners"][50, 0, 0] + 1) % 8
    assert agreement.compare_stdp(broken, "s1", 60, "fast").different > 0
