"""Three variants of the last layers, each as passes. Book chapter: 10.

`S2RewardPasses`: reward and punishment reach the winners of S2 as well as that of S3. `FirstSpikePasses`: S3 has a
threshold, and its first neuron to fire decides and learns. `S3StdpPasses`: S3 learns without reward, by plain STDP, and
its maps are labelled afterwards. The first two are variants that the paper tried on task 1.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from rstdp import learning
from rstdp.competition import SILENT
from rstdp.config import Config
from rstdp.fast import RULES, s3
from rstdp.fast.bounds import Bounds
from rstdp.fast.conv import maps_last
from rstdp.fast.forward import Pooling
from rstdp.fast.screen import rounded
from rstdp.fast.stdp import Search
from rstdp.learning import Learner, OnImages, Passes
from rstdp.network import Network
from rstdp.plasticity import reward_rates

from ...lab import registry
from .kernels import Three, Two, show_both, show_first_spike


def last_layer(network: Network, bins: int, low: float) -> Three:
    """What the kernels need of S3. low: from where the levels of its weights are counted."""
    config, weight = network.config, network.weights["s3"].numpy()
    return Three(rounded(weight, low, config.high), s3.Search(config.s3.padding, bins, low, config.high),
                 Bounds.of(0, weight), RULES[network.rule("s3")])


# --- reward in S2 -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class S2RewardConfig(Config):
    """A configuration with rates for R-STDP in S2."""

    s2_reward: float = 0.0  #: rates of R-STDP in S2 as a multiple of S3's, while S3 learns


def check_both(config: Config) -> None:
    """Raise ValueError for a configuration that `both_learner` does not know."""
    if math.isfinite(config.s3.threshold):
        raise ValueError("with reward in S2 the highest potential of S3 decides: s3.threshold must be infinite")
    registry.built_in(config, "s2", "s3")


def both_learner(network: Network) -> Learner:
    """As `learning.rstdp_learner`, for spike times of C1: S2 and S3 both learn by R-STDP."""
    check_both(network.config)
    two, weight = network.config.s2, network.weights["s2"].numpy()
    three = last_layer(network, 1, network.config.low)  # all that spikes does so in one step
    below = Two(weight, maps_last(weight), Search.of(two, network.config.bins), Pooling.of(two),
                network.config.s2_reward, RULES[network.rule("s2")])

    def learn(c1: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
        return torch.from_numpy(show_both(c1.contiguous().numpy(), labels.numpy(), network.decision_map.numpy(), below,
                                          three, reward_rates(network.config, *phi)))

    return learn


@registry.passes("s2-reward", "s2_reward", check=check_both)
class S2RewardPasses(Passes):
    """S2 goes on learning with S3, from the same signal."""

    config, consumes = S2RewardConfig, "c1"

    def rstdp(self, network, times, labels, phi, on_images):
        return learning.rstdp_epoch(network, times, labels, phi, on_images, both_learner(network))

    def accuracy(self, network, times, labels):
        return learning.accuracy(network, network.pooled("s2", times), labels)


# --- the first spike decides ------------------------------------------------------------------------------------------


def check_first_spike(config: Config) -> None:
    """Raise ValueError for a configuration that `first_spike_learner` does not know."""
    if math.isinf(config.s3.threshold):
        raise ValueError("where the first spike decides, s3.threshold must be finite")
    registry.built_in(config, "s3")


def first_spike_learner(network: Network, learns: bool = True) -> Learner:
    """As `learning.rstdp_learner`, behind the threshold of S3; or, if it does not learn, what finds its winners."""
    check_first_spike(network.config)
    config, three = network.config, last_layer(network, network.config.bins, 0.0)

    def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
        return torch.from_numpy(show_first_spike(c2.contiguous().numpy(), labels.numpy() if learns else None,
                                                 network.decision_map.numpy(), float(config.s3.threshold), three,
                                                 config.low, reward_rates(config, *phi)))

    return learn


@registry.passes("first-spike", "s3.threshold", check=check_first_spike)
class FirstSpikePasses(Passes):
    """The first neuron of S3 to reach its threshold decides, of equals that of the highest potential."""

    def rstdp(self, network, times, labels, phi, on_images):
        return learning.rstdp_epoch(network, times, labels, phi, on_images, first_spike_learner(network))

    def accuracy(self, network, times, labels):
        decisions = network.class_of(first_spike_learner(network, learns=False)(times, labels, (0.0, 0.0)))
        return learning.shares(decisions, labels)


# --- S3 without reward ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class S3StdpConfig(Config):
    """A configuration that says how S3 learns."""

    #: by reward, or by STDP without it, its maps labelled afterwards
    s3_rule: Literal["r-stdp", "stdp"] = "r-stdp"


def label_maps(network: Network, winners: Tensor, labels: Tensor) -> None:
    """Let each map of S3 stand for the class of most images (N,) that it won; -1 where it won none.

    winners: (N, 2) as (map, position), map -1 where silent.
    """
    maps, spoke = len(network.decision_map), winners[:, 0] >= 0
    votes = torch.zeros(maps, network.config.classes, dtype=torch.int64)
    votes.index_put_((winners[spoke, 0], labels[spoke].long()), torch.tensor(1), accumulate=True)
    network.decision_map = torch.where(votes.any(1), votes.argmax(1), SILENT)


def stdp_epoch(network: Network, times: Tensor, labels: Tensor, on_images: OnImages) -> float:
    """One pass in which every winner of S3 learns as if rewarded, with phi_r = 1; then its maps are labelled. Returns
    the share of images that the new labels get right."""
    positions = network.potentials(times[:1]).flatten(2).shape[2]
    stand_for = torch.zeros(network.config.s3.maps, positions, dtype=torch.int64)
    learn, found = learning.rstdp_learner(network, stand_for), []
    for part in times.split(network.config.batch):
        found.append(learn(part, torch.zeros(len(part), dtype=torch.int64), (1.0, 1.0)))  # always right
        on_images(len(part))
    winners = torch.cat(found)
    label_maps(network, winners, labels)
    return float((network.class_of(winners) == labels).double().mean())


@registry.passes("s3-stdp", "s3_rule")
class S3StdpPasses(Passes):
    """S3 learns by `stdp_epoch`, or by reward."""

    config = S3StdpConfig

    def rstdp(self, network, times, labels, phi, on_images):
        if network.config.s3_rule == "r-stdp":
            return super().rstdp(network, times, labels, phi, on_images)
        return stdp_epoch(network, times, labels, on_images), phi
