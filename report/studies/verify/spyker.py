"""Spyker as a peer of the benchmark, where it can be imported: this network as in its own example.

Spyker (https://github.com/ShahriarRezghi/Spyker, BSD-3) is no part of this package and not required.
"""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor

from rstdp import plasticity
from rstdp.competition import SILENT
from rstdp.encoding import DOG_SCALES
from rstdp.network import Network

from .oracle import PHI


def available() -> bool:
    """Whether the package spyker can be imported here."""
    return importlib.util.find_spec("spyker") is not None


class Spyker:
    """Spyker on one thread, with the weights of `network`; see `benchmark.Ours`.

    `batch` images at a time, (batch, bins, C, H, W) uint8 in which an input that has fired stays 1. All images of a
    batch find their winners with the weights from before it. The encoder is its own: one window for all kernels, no
    local normalisation.
    """

    def __init__(self, network: Network, batch: int):
        import spyker

        spyker.set_max_threads(1)
        self.spyker, self.config, self.batch = spyker, (config := network.config), batch
        self.dog = spyker.DoG(3, [spyker.DoGFilter(*sigmas) for _, s1, s2 in DOG_SCALES
                                  for sigmas in ((s1, s2), (s2, s1))], pad=3)
        self.convs = {}
        for name, weight in network.weights.items():
            maps, channels, window, _ = weight.shape
            self.convs[name] = spyker.Conv(channels, maps, window, pad=network.layer(name).padding)
            spyker.copy_array(weight, self.convs[name].kernel)
        for name, spec in (("s1", config.s1), ("s2", config.s2)):
            self.convs[name].stdpconfig = [spyker.STDPConfig(spec.plus, spec.minus)]
        self.convs["s3"].stdpconfig = [spyker.STDPConfig(*rates, False, config.low, config.high)
                                       for rates in plasticity.reward_rates(config, *PHI)]

    def given(self, images: Tensor) -> Tensor:
        return images[:, None].float() / 255

    def spikes(self, times: Tensor) -> Tensor:
        return (times[:, None] <= torch.arange(self.config.bins)[:, None, None, None]).to(torch.uint8)

    def times(self, spikes: Tensor) -> Tensor:
        return self.config.bins - spikes.sum(1, dtype=torch.uint8)

    def encode(self, images: Tensor) -> Tensor:
        return self.spyker.code(self.spyker.threshold(self.dog(images), 0.02), self.config.bins)

    def pooled(self, name: str, spikes: Tensor) -> Tensor:
        spec = getattr(self.config, name)
        return self.spyker.pool(self.spyker.fire(self.convs[name](spikes), spec.threshold), spec.pool)

    def decide(self, c2: Tensor) -> Tensor:
        return self._s3(c2)[0]

    def learn(self, name: str, spikes: Tensor, labels: Tensor) -> None:
        if name == "s3":
            decisions, winners, output = self._s3(spikes)
            for found, decision, label in zip(winners, decisions, labels):
                if found:
                    found[0].c = int(decision != label)  # which of the two rates it learns by
        else:
            spec = getattr(self.config, name)
            output = self.spyker.inhibit(self.spyker.threshold(self.convs[name](spikes), spec.threshold))
            winners = self.spyker.convwta(output, spec.radius, spec.winners)
        self.convs[name].stdp(spikes, winners, self.spyker.fire(output))

    def _s3(self, c2: Tensor) -> tuple[Tensor, list, Tensor]:
        """Decisions, -1 where silent, winners, and the potentials of the last step."""
        output = self.spyker.infinite(self.convs["s3"](c2))
        winners, per_class = self.spyker.convwta(output, 0, 1), self.config.s3.maps // self.config.classes
        return torch.tensor([found[0].z // per_class if found else SILENT for found in winners]), winners, output
