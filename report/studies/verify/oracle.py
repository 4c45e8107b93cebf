"""Run SpykeTorch itself, where it can be imported, and record what it does in the form of the golden values.

SpykeTorch (https://github.com/miladmozafari/SpykeTorch, GPL-3) is no part of this package and not required.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

from rstdp.config import Config
from rstdp.encoding import DOG_SCALES, first_spike
from rstdp.images.sources import import_torchvision

from .agreement import GOLDEN


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


def stages(network, images: Tensor, labels: Tensor) -> dict[str, Callable[[], None]]:
    """SpykeTorch's stages on images (N, 28, 28) with the weights of `network`, to be timed against ours.

    Keys as in `benchmark.Stages`. As in its example script, every step starts from the encoded image.
    """
    import_torchvision()
    from SpykeTorch import functional as sf
    from SpykeTorch import snn, utils

    config = network.config
    kernels = [utils.DoGKernel(window, *sigmas) for window, s1, s2 in DOG_SCALES for sigmas in ((s1, s2), (s2, s1))]
    dog, latency = utils.Filter(kernels, padding=6, thresholds=50), utils.Intensity2Latency(config.bins)
    convs, rules = {}, {}
    for name, spec in (("s1", config.s1), ("s2", config.s2), ("s3", config.s3)):
        maps, channels = network.weights[name].shape[:2]
        convs[name] = snn.Convolution(channels, maps, spec.window, spec.mean, spec.std)
        convs[name].weight.data = network.weights[name].clone()
        bounds = (False, config.low, config.high) if name == "s3" else ()
        rules[name] = snn.STDP(convs[name], (spec.plus, spec.minus), *bounds)

    def encode(image: Tensor) -> Tensor:
        return latency(sf.local_normalization(dog(image[None, None].float()), config.normalisation)).sign()

    def forward(name: str, wave: Tensor) -> Tensor:
        spec = getattr(config, name)
        spikes = sf.fire(convs[name](sf.pad(wave, (spec.padding,) * 4)), spec.threshold)
        return sf.pooling(spikes, spec.pool, spec.stride)

    def stdp(name: str, wave: Tensor) -> None:
        spec = getattr(config, name)
        wave = sf.pad(wave, (spec.padding,) * 4)
        potentials = sf.pointwise_inhibition(sf.fire(convs[name](wave), spec.threshold, True)[1])
        spikes = potentials.sign()
        rules[name](wave, potentials, spikes, sf.get_k_winners(potentials, spec.winners, spec.radius, spikes))

    def s3(wave: Tensor, learn: bool) -> None:
        wave = sf.pad(forward("s2", forward("s1", wave)), (config.s3.padding,) * 4)
        spikes, potentials = sf.fire(convs["s3"](wave), None, True)
        chosen = sf.get_k_winners(potentials, 1, 0, spikes)
        if learn:
            rules["s3"](wave, potentials, spikes, chosen)

    waves = [encode(image) for image in images]
    each = {"encoding": (encode, images), "S1 learning": (lambda wave: stdp("s1", wave), waves),
            "S2 learning": (lambda wave: stdp("s2", forward("s1", wave)), waves),
            "S3 learning": (lambda wave: s3(wave, True), waves), "S3 test": (lambda wave: s3(wave, False), waves),
            "inference, image to decision": (lambda image: s3(encode(image), False), images)}

    def run(step: Callable[[Tensor], object], inputs) -> None:
        for one in inputs:
            step(one)

    return {stage: functools.partial(run, step, inputs) for stage, (step, inputs) in each.items()}
