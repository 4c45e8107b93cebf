"""Learning from spike times: one pass of STDP or R-STDP over the images. Book chapters: 04 to 06.

Images come one by one in data order; each of them may change the weights that the next one meets. A network takes the
compiled twins of these functions where it can (`fast`); with a rule of one's own, the compiled search for winners only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import plasticity
from .competition import SILENT, Winner
from .config import Config

if TYPE_CHECKING:
    from .network import Network

OnImages = Callable[[int], object]  #: called with a number of images, as often as there is a chance to interrupt
#: shows spike times of C2 (N, C, H, W) with labels (N,) and phi; returns the winners (N, 2) as (map, position)
Learner = Callable[[Tensor, Tensor, tuple[float, float]], Tensor]
ignore: OnImages = lambda count: None


def learn_stdp(network: Network, name: str, times: Tensor, rate: plasticity.DoublingRate,
               on_images: OnImages = ignore) -> list[list[Winner]]:
    """Show spike times (N, C, H, W) once, in order, to S1 or S2; `network.weights[name]` learns in place.
    Returns the winners of each image."""
    if network.compiled(name):
        return network.fast.learn_stdp(network, name, times, rate, on_images)
    layer, weight, rule, bins = network.layer(name), network.weights[name], network.rule(name), network.config.bins
    record = []
    for image in times:
        chosen = network.find_winners(name, image)
        for winner in chosen:
            pre = plasticity.receptive_field(image, winner.row, winner.column, layer.window, layer.padding, bins)
            plasticity.learn(rule, weight[winner.feature], pre, winner.time, (rate.plus, rate.minus),
                             network.bounds(name))
        record.append(chosen)
        rate.advance(1)
        on_images(1)
    return record


def rstdp_learner(network: Network, classes: Tensor | None = None, readout: Any = None) -> Learner:
    """What shows images to S3, batch after batch. classes: (maps, positions), what each neuron stands for; by default
    what its map stands for. readout: of this network; who else changes S3's weights tells it (`learned`)."""
    if network.compiled("s3"):
        return network.fast.rstdp_learner(network, classes, readout)
    layer, weight, rule, bins = network.config.s3, network.weights["s3"], network.rule("s3"), network.config.bins
    readout = readout or network.readout()

    def learn(c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
        winners, width = [], c2.shape[3] + 2 * layer.padding - layer.window + 1
        reward, punishment = plasticity.reward_rates(network.config, *phi)
        for image, label in zip(c2, labels):
            feature, position = winner = readout.winners(image[None])[0].tolist()
            winners.append(winner)
            if feature == SILENT:
                continue
            stands_for = network.decision_map[feature] if classes is None else classes[feature, position]
            row, column = divmod(position, width)
            pre = plasticity.receptive_field(image, row, column, layer.window, layer.padding, bins)
            plasticity.learn(rule, weight[feature], pre, bins - 1, reward if stands_for == label else punishment,
                             network.bounds("s3"))
            readout.learned(feature)
        return torch.tensor(winners, dtype=torch.int64).reshape(-1, 2)

    return learn


def learn_rstdp(network: Network, c2: Tensor, labels: Tensor, phi: tuple[float, float]) -> Tensor:
    """Show spike times of C2 (N, C, H, W) once to S3, with fixed phi; returns winners (N, 2), map -1 where silent."""
    return rstdp_learner(network)(c2, labels, phi)


def rstdp_epoch(network: Network, c2: Tensor, labels: Tensor, phi: tuple[float, float],
                on_images: OnImages = ignore, learn: Learner | None = None) -> tuple[float, tuple[float, float]]:
    """One pass over all images in batches of N; phi_r = misses / N and phi_p = hits / N count in the next batch.
    learn: another way to show a batch. Returns the share of right decisions while learning, and phi after the last."""
    learn, right, size = learn or rstdp_learner(network), 0, network.config.batch
    for part, target in zip(c2.split(size), labels.split(size)):
        hits, misses = plasticity.hits_and_misses(network.class_of(learn(part, target, phi)), target)
        phi, right = (misses / len(target), hits / len(target)), right + hits
        on_images(len(target))
    return right / len(labels), phi


def accuracy(network: Network, c2: Tensor, labels: Tensor) -> tuple[float, float]:
    """Share of right decisions and share of silent ones, given the spike times of C2."""
    return shares(network.decide(c2)[0], labels)


def shares(decisions: Tensor, labels: Tensor) -> tuple[float, float]:
    """Share of right decisions (N,) and share of silent ones."""
    return float((decisions == labels).double().mean()), float((decisions == SILENT).double().mean())


class Passes:
    """What a training run repeats: a pass of STDP, a pass of R-STDP, and the test. Other rules override one of them."""
    config: type[Config] = Config  #: the class of configuration that these passes ask for
    consumes = "c2"  #: whose spike times `rstdp` and `accuracy` take: "c2", or "c1" where S2 goes on learning
    epoch = 0  #: how many passes over this layer are complete, also after an interrupt; the trainer keeps it
    stdp, rstdp, accuracy = staticmethod(learn_stdp), staticmethod(rstdp_epoch), staticmethod(accuracy)
