"""A second try: after a wrong decision the network may name another class, and is judged again. Ours, not the paper's.

The image is shown once more at the end of its batch, with the class that was named kept silent; if the next best
decision is right, its winner is rewarded. No label reaches a synapse and nobody tells the right answer: there is one
more "yes" or nothing. What it changes is who learns: a map of the right class that nearly won is rewarded just where
it failed, where plain R-STDP only punishes the map that was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.dataclasses import dataclass
from torch import Tensor

from rstdp import learning, plasticity
from rstdp.competition import SILENT
from rstdp.config import Config, Natural
from rstdp.learning import Learner, Passes
from rstdp.network import Network

from ..lab import registry
from .reward import short_run


@dataclass(frozen=True)
class SecondTryConfig(Config):
    """A configuration with second tries."""

    second_tries: Natural = 0  #: further classes that may be named after a wrong decision; of 10, 9 find the right one


def learner(network: Network) -> Learner:
    """As `learning.rstdp_learner`, with second tries at the end of each batch; returns the first decisions' winners.

    A right second decision earns the reward that is scaled by phi_p, the share of hits: it counts as much as the
    punishment of the first one did. All second tries of a batch meet the weights at its end.
    """
    layer, config, stands_for, readout = network.config.s3, network.config, network.decision_map, network.readout()
    show = learning.rstdp_learner(network, readout=readout)
    if not config.second_tries:
        return show

    def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
        winners, rewarded = show(c2, labels, phi), set()
        decided = network.class_of(winners)
        wrong = ((decided != labels) & (decided != SILENT)).nonzero().flatten()
        reward = plasticity.reward_rates(config, phi[1], phi[0])[0]
        potentials = network.potentials(c2[wrong])
        width = potentials.shape[3]
        for i, potential in zip(wrong.tolist(), potentials.flatten(2)):
            named = stands_for == decided[i]
            for _ in range(config.second_tries):
                feature, position = divmod(int(potential.masked_fill(named[:, None], -1).argmax()), potential.shape[1])
                if stands_for[feature] == labels[i]:
                    pre = plasticity.receptive_field(c2[i], *divmod(position, width), layer.window, layer.padding,
                                                     config.bins)
                    plasticity.learn(network.rule("s3"), network.weights["s3"][feature], pre, config.bins - 1, reward,
                                     network.bounds("s3"))
                    rewarded.add(feature)
                    break
                named |= stands_for == stands_for[feature]
        for feature in rewarded:
            readout.learned(feature)
        return winners

    return learn


@registry.passes("second-try", "second_tries")
class SecondTryPasses(Passes):
    """S3 learns by R-STDP and from second tries."""

    config = SecondTryConfig

    def rstdp(self, network, times, labels, phi, on_images):
        return learning.rstdp_epoch(network, times, labels, phi, on_images, learner(network))


@registry.fingerprint("second-try")
def probe() -> Iterator:
    """A short run with up to three further tries."""
    yield from short_run(SecondTryPasses(), second_tries=3)
