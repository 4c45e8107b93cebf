"""Learning from spike times: one pass of STDP or R-STDP, on both paths. Book chapters: 04 to 06.

Images come one by one in data order; each of them may change the weights that the next one meets.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from . import competition, kernels, kernels_reward, kernels_s3, kernels_stdp, layers, plasticity, student
from .competition import Winner
from .config import Layer
from .network import SILENT, Network

CHUNK = 250  #: images between two calls of `on_images`, that is between two chances to interrupt


def learn_stdp(network: Network, name: str, times: Tensor, rate: plasticity.DoublingRate, path: str = "fast",
               on_images: Callable[[int], object] = lambda count: None) -> list[list[Winner]]:
    """Show spike times (N, C, H, W) once, in order, to S1 or S2; `network.weights[name]` learns in place.

    Returns the winners of each image. `path` "reference" steps through time with SpikingJelly.
    """
    if network.config.update_every > 1 or network.config.competition == "free":
        return student.learn_stdp(network, name, times, rate, on_images)
    spec, weight = network.layer(name), network.weights[name]
    record: list[list[Winner]] = []
    fast, start = kernels.maps_last(weight.numpy()), 0
    while start < len(times):
        part = times[start:start + min(CHUNK, rate.until_next())]
        if path == "fast":
            found = kernels_stdp.learn_stdp(
                part.contiguous().numpy(), weight.numpy(), fast, spec.threshold, spec.padding, network.config.bins,
                spec.winners, spec.radius, spec.pointwise, rate.plus, rate.minus, 0.0, 1.0)
            record += [_winners(rows, spec, part.shape[3]) for rows in found]
        else:
            record += [_learn_stdp_reference(network, name, image, rate) for image in part]
        rate.advance(len(part))
        start += len(part)
        on_images(len(part))
    return record


def find_winners(image: Tensor, weight: Tensor, spec: Layer, bins: int, path: str = "fast") -> list[Winner]:
    """The neurons that may learn from one image, spike times (C, H, W), in S1 or S2, by either path."""
    if path == "fast":
        rows = kernels_stdp.winners(image.numpy(), kernels.maps_last(weight.numpy()), spec.threshold, spec.padding,
                                    bins, spec.winners, spec.radius, spec.pointwise)
        return _winners(rows, spec, image.shape[2])
    times, potentials = layers.step_through(image[None], weight, spec.threshold, spec.padding, bins)
    times, potentials = times[0].cpu(), competition.potential_at_spike(potentials[:, 0], times[0]).cpu()
    if spec.pointwise:
        times = competition.pointwise_inhibition(times, potentials, bins)
    return competition.k_winners(times, potentials, spec.winners, spec.radius, bins)


def _winners(rows, spec: Layer, input_width: int) -> list[Winner]:
    """Rows (feature, position, time, potential) of the compiled search as winners."""
    width = input_width + 2 * spec.padding - spec.window + 1
    return [Winner(int(f), int(p) // width, int(p) % width, int(t), v) for f, p, t, v in rows if f >= 0]


def _learn_stdp_reference(network: Network, name: str, image: Tensor, rate: plasticity.DoublingRate) -> list[Winner]:
    """One image (C, H, W), step by step through time: fire, compete, learn."""
    spec, weight, bins = network.layer(name), network.weights[name], network.config.bins
    placed_image, placed_weight = network.placed("reference", image, weight)
    chosen = find_winners(placed_image, placed_weight, spec, bins, "reference")
    for winner in chosen:
        pre = plasticity.receptive_field(image, winner.row, winner.column, spec.window, spec.padding, bins)
        weight[winner.feature] = plasticity.stdp(weight[winner.feature], pre, winner.time, rate.plus, rate.minus)
    return chosen


def learn_rstdp(network: Network, c2: Tensor, labels: Tensor, phi: tuple[float, float], path: str = "fast",
                screening: tuple | None = None) -> Tensor:
    """Show spike times of C2 (N, C, H, W) once to S3, with fixed phi; returns winners (N, 2), map -1 where silent.

    screening: what `network.screening()` gave before, kept up to date here; saves making it again for every batch.
    """
    config, weight = network.config, network.weights["s3"]
    reward, punishment = plasticity.reward_rates(config, *phi)
    if path == "fast" and network.first_spike:
        return torch.from_numpy(kernels_reward.learn_first_spike(
            c2.contiguous().numpy(), labels.numpy(), network.classes(network.positions(c2)).numpy(), weight.numpy(),
            kernels.maps_last(weight.numpy()), config.s3.threshold, config.s3.padding, config.bins, reward, punishment,
            *network.bounds(), True))
    if path == "fast":
        return torch.from_numpy(kernels_s3.learn_rstdp(
            c2.contiguous().numpy(), labels.numpy(), network.classes(network.positions(c2)).numpy(), weight.numpy(),
            *(screening or network.screening()), config.s3.padding, config.bins, reward, punishment,
            *network.bounds(), True))
    winners, classes = [], network.classes(network.positions(c2))
    for image, label in zip(c2, labels):
        feature, position = network.winners(image[None], path)[0].tolist()
        winners.append((feature, position))
        if feature == SILENT:
            continue
        row, column = divmod(position, image.shape[2] + 2 * config.s3.padding - config.s3.window + 1)
        plus, minus = reward if classes[feature, position] == label else punishment
        pre = plasticity.receptive_field(image, row, column, config.s3.window, config.s3.padding, config.bins)
        when = config.bins - 1
        if network.first_spike:
            when = int(layers.conv_times(image[None], weight[feature:feature + 1], config.s3.threshold,
                                         config.s3.padding, config.bins, path)[0, 0, row, column])
        weight[feature] = plasticity.stdp(weight[feature], pre, when, plus, minus, *network.bounds(),
                                          stabilise=False)
    return torch.tensor(winners, dtype=torch.int64).reshape(-1, 2)


def learn_both(network: Network, c1: Tensor, labels: Tensor, phi: tuple[float, float],
               copies: tuple | None = None) -> Tensor:
    """Show spike times of C1 (N, C, H, W) once; S2 and S3 both learn by R-STDP (`Config.s2_reward`), on the fast path.

    copies: S2's and S3's weights as `maps_last`, kept up to date here. Returns S3's winners (N, 2). Raises ValueError
    where the configuration asks for another rule that needs a loop of its own.
    """
    config, two, three = network.config, network.config.s2, network.config.s3
    if network.first_spike or (config.s3_rule, config.update_every, config.competition) != ("r-stdp", 1, "once"):
        raise ValueError("s2_reward goes with s3_rule r-stdp, an infinite s3.threshold, update_every 1 and "
                         "competition once only")
    s2, s3 = network.weights["s2"].numpy(), network.weights["s3"].numpy()
    fast2, fast3 = copies or (kernels.maps_last(s2), kernels.maps_last(s3))
    c2 = network.pooled("s2", c1[:1])
    return torch.from_numpy(kernels_reward.learn_both(
        c1.contiguous().numpy(), labels.numpy(), network.classes(network.positions(c2)).numpy(), s2, fast2, s3, fast3,
        (two.threshold, two.padding, two.winners, two.radius, two.pointwise), (two.pool, two.stride, two.ceil),
        three.padding, config.bins, *plasticity.reward_rates(config, *phi), config.s2_reward, *network.bounds()))


def accuracy(network: Network, c2: Tensor, labels: Tensor, path: str = "fast") -> tuple[float, float]:
    """Share of right decisions and share of silent ones, given the spike times of C2; of C1 where S2 still learns."""
    if network.config.s2_reward:
        c2 = network.pooled("s2", c2, path)
    decisions, _ = network.decide(c2, path)
    return float((decisions == labels).double().mean()), float((decisions == SILENT).double().mean())


def rstdp_epoch(network: Network, c2: Tensor, labels: Tensor, phi: tuple[float, float],
                path: str = "fast", on_images: Callable[[int], object] = lambda count: None,
                ) -> tuple[float, tuple[float, float]]:
    """One pass over all images in batches of N; phi_r = misses / N and phi_p = hits / N count in the next batch.

    Returns the share of right decisions while learning, and phi after the last batch. Where S3 learns without reward,
    its maps are labelled after the pass, and the share is that of these labels. Where S2 learns by reward too, `c2` is
    C1's spike times.
    """
    found, screening = [], network.screening() if path == "fast" and not network.first_spike else None
    both = network.config.s2_reward > 0
    copies = tuple(kernels.maps_last(network.weights[name].numpy()) for name in ("s2", "s3")) if both else None
    for start in range(0, len(c2), network.config.batch):
        batch = slice(start, start + network.config.batch)
        if both:
            winners = learn_both(network, c2[batch], labels[batch], phi, copies)
        elif network.config.update_every > 1:
            winners = student.learn_rstdp(network, c2[batch], labels[batch], phi)
        else:
            winners = learn_rstdp(network, c2[batch], labels[batch], phi, path, screening)
        hit = int((network.class_of(winners, c2) == labels[batch]).sum())
        # a silent decision is neither a hit nor a miss, unless the configuration says so
        counted = len(winners) if network.config.silent_is_miss else int((winners[:, 0] != SILENT).sum())
        phi = ((counted - hit) / len(winners), hit / len(winners))
        found.append(winners)
        on_images(len(winners))
    winners = torch.cat(found)
    if network.config.s3_rule == "stdp":
        network.label_maps(winners, labels)
    return float((network.class_of(winners, c2) == labels).double().mean()), phi
