"""Run SpykeTorch itself, where it can be imported, and record what it does in the form of the golden values.

SpykeTorch (https://github.com/miladmozafari/SpykeTorch, GPL-3) is no part of this package and not required.
"""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor

from rstdp import plasticity
from rstdp.competition import SILENT
from rstdp.config import Config
from rstdp.encoding import DOG_SCALES, first_spike
from rstdp.images.sources import import_torchvision
from rstdp.network import Network

from .agreement import GOLDEN

PHI = (0.05, 0.95)  #: shares of misses and hits late in training, by which a benchmark rewards and punishes


def available() -> bool:
    """Whether the package SpykeTorch can be imported here."""
    return importlib.util.find_spec("SpykeTorch") is not None


def record(images: Tensor, labels: Tensor, seed: int = 0, passes: tuple[int, int, int] = (2, 3, 3),
           config: Config = GOLDEN, progress=iter) -> dict[str, Tensor]:
    """Let SpykeTorch learn on images (N, 28, 28) uint8, by default with the small network of the golden values.

    passes: over the images for S1, S2 and S3; config: a variant of SPYKETORCH; `progress` may wrap the ranges of
    steps, for example tqdm. Returns spike times, winners and weights under the keys of the golden file. Raises
    ImportError where SpykeTorch is not installed.
    """
    import_torchvision()
    from SpykeTorch import functional as sf
    from SpykeTorch import snn, utils

    found = {"images": images, "labels": labels}
    kernels = [utils.DoGKernel(window, *sigmas) for window, s1, s2 in DOG_SCALES for sigmas in ((s1, s2), (s2, s1))]
    dog, latency = utils.Filter(kernels, padding=6, thresholds=50), utils.Intensity2Latency(config.bins)
    waves = []
    for image in images:
        response = sf.local_normalization(dog(image[None, None].float() / 255 * 255), 8)
        waves.append(latency(response).sign().float())
    found["spike_times"] = torch.stack([first_spike(wave) for wave in waves])

    torch.manual_seed(seed)
    for name, count in (("s1", passes[0]), ("s2", passes[1])):
        spec = getattr(config, name)
        conv = snn.Convolution(waves[0].shape[1], spec.maps, spec.window, spec.mean, spec.std)
        found[f"w{name[1]}_init"] = conv.weight.detach().clone()
        rule = snn.STDP(conv, (spec.plus, spec.minus))
        pads, plus, winners = (spec.padding,) * 4, torch.tensor(spec.plus), []
        for step in progress(range(count * len(waves))):
            if (step + 1) % spec.double_every == 0:
                plus = (plus * 2).clamp(max=spec.plus_limit)
                rule.update_all_learning_rate(plus.item(), (plus * -0.75).item())
            wave = sf.pad(waves[step % len(waves)], pads)
            potentials = sf.pointwise_inhibition(sf.fire(conv(wave), spec.threshold, True)[1])
            spikes = potentials.sign()
            chosen = sf.get_k_winners(potentials, spec.winners, spec.radius, spikes)
            rule(wave, potentials, spikes, chosen)
            winners.append(chosen + [(-1, -1, -1)] * (spec.winners - len(chosen)))
        found[f"{name}_winners"], found[f"w{name[1]}"] = torch.tensor(winners), conv.weight.detach().clone()
        waves = [sf.pooling(sf.fire(conv(sf.pad(wave, pads)), spec.threshold), spec.pool, spec.stride)
                 for wave in waves]
        found[f"c{name[1]}_times"] = torch.stack([first_spike(wave) for wave in waves])

    _record_s3(found, waves, labels, config, progress(range(passes[2] * len(waves))), snn, sf)
    return found


def _record_s3(found: dict[str, Tensor], waves: list[Tensor], labels: Tensor, config: Config, steps, snn, sf) -> None:
    maps, batch = config.s3.maps, config.batch
    conv = snn.Convolution(waves[0].shape[1], maps, config.s3.window, config.s3.mean, config.s3.std)
    found["w3_init"] = conv.weight.detach().clone()
    reward = snn.STDP(conv, (config.reward_plus, config.reward_minus), False, config.low, config.high)
    punish = snn.STDP(conv, (config.punish_minus, config.punish_plus), False, config.low, config.high)
    winners, hits, misses = [], 0, 0
    for step in steps:
        wave = sf.pad(waves[step % len(waves)], (config.s3.padding,) * 4)
        potentials = conv(wave)
        spikes, potentials = sf.fire(potentials, None, True)
        chosen = sf.get_k_winners(potentials, 1, 0, spikes)
        winners.append(chosen[0] if chosen else (-1, -1, -1))
        if chosen:
            hit = chosen[0][0] // (maps // config.classes) == int(labels[step % len(waves)])
            hits, misses = hits + hit, misses + (not hit)
            (reward if hit else punish)(wave, potentials, spikes, chosen)
        if (step + 1) % batch == 0:
            reward.update_all_learning_rate(config.reward_plus * misses / batch, config.reward_minus * misses / batch)
            punish.update_all_learning_rate(config.punish_minus * hits / batch, config.punish_plus * hits / batch)
            hits = misses = 0
    found["s3_winners"], found["w3"] = torch.tensor(winners), conv.weight.detach().clone()


class SpykeTorch:
    """SpykeTorch as a peer of the benchmark, with the weights of `network`; see `benchmark.Ours`.

    One image at a time, a tensor of steps in which an input that has fired stays 1, (bins, C, H, W) float32.
    """

    batch = 1

    def __init__(self, network: Network):
        import_torchvision()
        from SpykeTorch import functional as sf
        from SpykeTorch import snn, utils

        self.sf, self.config = sf, (config := network.config)
        kernels = [utils.DoGKernel(window, *sigmas) for window, s1, s2 in DOG_SCALES for sigmas in ((s1, s2), (s2, s1))]
        self.dog = utils.Filter(kernels, padding=6, thresholds=config.dog_threshold)
        self.latency = utils.Intensity2Latency(config.bins)
        self.convs = {}
        for name, weight in network.weights.items():
            self.convs[name] = snn.Convolution(weight.shape[1], weight.shape[0], weight.shape[2])
            self.convs[name].weight.data = weight.clone()
        self.rules = {name: snn.STDP(self.convs[name], (spec.plus, spec.minus))
                      for name, spec in (("s1", config.s1), ("s2", config.s2))}
        self.reward, self.punish = (snn.STDP(self.convs["s3"], rates, False, config.low, config.high)
                                    for rates in plasticity.reward_rates(config, *PHI))

    def given(self, images: Tensor) -> Tensor:
        return images[:, None].float()

    def spikes(self, times: Tensor) -> Tensor:
        return (times <= torch.arange(self.config.bins)[:, None, None, None]).float()

    def times(self, spikes: Tensor) -> Tensor:
        return first_spike(spikes)[None]

    def encode(self, image: Tensor) -> Tensor:
        return self.latency(self.sf.local_normalization(self.dog(image), self.config.normalisation)).sign()

    def padded(self, name: str, wave: Tensor) -> Tensor:
        return self.sf.pad(wave, (getattr(self.config, name).padding,) * 4)

    def pooled(self, name: str, wave: Tensor) -> Tensor:
        spec = getattr(self.config, name)
        return self.sf.pooling(self.sf.fire(self.convs[name](self.padded(name, wave)), spec.threshold), spec.pool,
                               spec.stride)

    def decide(self, c2: Tensor) -> Tensor:
        return torch.tensor([self._s3(c2)[0]])

    def learn(self, name: str, wave: Tensor, label: Tensor) -> None:
        if name == "s3":
            decision, seen = self._s3(wave)
            if decision != SILENT:
                (self.reward if decision == label else self.punish)(*seen)
            return
        sf, spec, wave = self.sf, getattr(self.config, name), self.padded(name, wave)
        potentials = sf.pointwise_inhibition(sf.fire(self.convs[name](wave), spec.threshold, True)[1])
        spikes = potentials.sign()
        self.rules[name](wave, potentials, spikes, sf.get_k_winners(potentials, spec.winners, spec.radius, spikes))

    def _s3(self, c2: Tensor) -> tuple[int, tuple]:
        """The decision, -1 where silent, and what its rules of learning take."""
        wave = self.padded("s3", c2)
        spikes, potentials = self.sf.fire(self.convs["s3"](wave), None, True)
        chosen = self.sf.get_k_winners(potentials, 1, 0, spikes)
        decision = chosen[0][0] // (self.config.s3.maps // self.config.classes) if chosen else SILENT
        return decision, (wave, potentials, spikes, chosen)
