"""Second tries: who is rewarded after a wrong decision, and by how much."""

import copy

import pytest
import torch

from report.studies import second_try
from report.studies.second_try import SecondTryConfig
from rstdp import SPYKETORCH, learning, plasticity
from rstdp.network import Network


@pytest.fixture(scope="module")
def network():
    config = SecondTryConfig.of(SPYKETORCH).replace({"s2.maps": 6, "s3.maps": 20, "s3.window": 1, "s3.padding": 0})
    network = Network(config, seed=3)
    random = torch.Generator().manual_seed(3)
    network.weights["s3"] = torch.rand(network.weights["s3"].shape, generator=random) * 0.6 + 0.2
    return network


@pytest.fixture(scope="module")
def c2():
    return torch.randint(0, 20, (12, 6, 1, 1), generator=torch.Generator().manual_seed(1)).clamp(max=15).to(torch.uint8)


def classes_by_potential(network, image):
    """Classes in the order in which they would be named."""
    best = network.potentials(image[None])[0].reshape(10, -1).amax(1)
    return best.argsort(descending=True).tolist()


def shown(network, image, label, tries, phi=(0.25, 0.75)):
    """Weights of S3 after one image, with so many tries."""
    mine = copy.deepcopy(network)
    mine.config = mine.config.replace({"second_tries": tries})
    second_try.learner(mine)(image[None], torch.tensor([label]), phi)
    return mine.weights["s3"]


def test_the_second_class_named_is_rewarded_if_it_is_right(network, c2):
    image = c2[0]
    first, second, third, *_ = classes_by_potential(network, image)
    plain = copy.deepcopy(network)
    learning.learn_rstdp(plain, image[None], torch.tensor([second]), (0.25, 0.75))
    found = shown(network, image, second, 1)
    changed = [f for f in range(20) if not torch.equal(found[f], plain.weights["s3"][f])]
    potentials = plain.potentials(image[None]).flatten(1)[0]
    assert changed == [int(potentials[2 * second:2 * second + 2].argmax()) + 2 * second]
    expected = plain.weights["s3"][changed[0]].clone()
    pre = plasticity.receptive_field(image, 0, 0, 1, 0, 15)
    plasticity.learn(plain.rule("s3"), expected, pre, 14, (0.004 * 0.75, -0.003 * 0.75), plain.bounds("s3"))
    assert torch.equal(found[changed[0]], expected)


def test_nobody_is_rewarded_by_a_wrong_second_try_and_a_third_may_be_right(network, c2):
    image = c2[0]
    first, second, third, *_ = classes_by_potential(network, image)
    plain = shown(network, image, third, 0)
    assert torch.equal(shown(network, image, third, 1), plain)
    changed = (shown(network, image, third, 2) != plain).flatten(1).any(1).nonzero().flatten().tolist()
    assert len(changed) == 1 and changed[0] // 2 == third


def test_a_right_first_decision_has_no_second_try(network, c2):
    first = classes_by_potential(network, c2[0])[0]
    plain = copy.deepcopy(network)
    learning.learn_rstdp(plain, c2[:1], torch.tensor([first]), (0.25, 0.75))
    assert torch.equal(shown(network, c2[0], first, 9), plain.weights["s3"])


def test_a_silent_network_names_nobody(network):
    image = torch.full((6, 1, 1), 15, dtype=torch.uint8)
    assert torch.equal(shown(network, image, 4, 9), network.weights["s3"])


def test_without_tries_a_pass_is_plain(network, c2):
    mine, plain, labels = copy.deepcopy(network), copy.deepcopy(network), torch.arange(12) % 10
    assert second_try.SecondTryPasses().rstdp(mine, c2, labels, (1.0, 1.0), learning.ignore) == learning.rstdp_epoch(
        plain, c2, labels, (1.0, 1.0))
    assert torch.equal(mine.weights["s3"], plain.weights["s3"])


def test_a_later_batch_meets_what_second_tries_have_learned(network, c2):
    """One learner for all batches gives what a learner made anew for each would."""
    kept, anew, labels = copy.deepcopy(network), copy.deepcopy(network), torch.arange(12) % 10
    for each in (kept, anew):
        each.config = each.config.replace({"second_tries": 9, "reward_plus": 0.3, "reward_minus": -0.3})
    show = second_try.learner(kept)
    for _ in range(3):
        for part, truth in zip(c2.split(4), labels.split(4)):
            assert torch.equal(show(part, truth, (0.5, 0.5)), second_try.learner(anew)(part, truth, (0.5, 0.5)))
    assert torch.equal(kept.weights["s3"], anew.weights["s3"])
