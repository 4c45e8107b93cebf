"""Train the earlier replication's model by the rules of `as_run`, each group of them a switch, compiled.

With every switch on it is their program, with every switch off our exact model (tests hold it against both). A cell of
C1 that spikes again is as many inputs as its window has places, each with a spike of its own or silent
(`spikes_of_windows`); all have the cell's weight, and our forward pass computes S2 as well. S3 only needs to know how
often each cell of C2 has spiked.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rstdp import fast
from rstdp.competition import SILENT
from rstdp.config import SPYKETORCH, Config
from rstdp.encoding import BINS
from rstdp.fast import conv, stdp
from rstdp.fast.conv import jit
from rstdp.fast.stdp import ADDITIVE, STDP, Search
from rstdp.network import Network
from rstdp.plasticity import DoublingRate, hits_and_misses, reward_rates

from . import as_run
from .rules import add


class Rules(NamedTuple):
    """Which rules of their program hold, else those of the exact model."""

    again: bool = True  #: pooled cells spike again; an input was in time by the sum of what its spikes leave
    competition: bool = True  #: maps win freely, the last win counts, the final potential breaks ties, radius 2 in S2
    batches: bool = True  #: 100 images meet the same weights; their rates, and silence counts as a miss
    settings: bool = True  #: index's decision; thresholds of 15, reached; first weights; no padding of S1

    def config(self) -> Config:
        """Sizes, first weights and thresholds."""
        changes = {f"{name}.std": 0.02 for name in ("s1", "s2", "s3")}
        changes |= {"s1.padding": 0, "s1.threshold": JUST_BELOW, "s2.threshold": JUST_BELOW}
        return SPYKETORCH.replace(changes if self.settings else {})


#: a float32 sum that is above this number has reached their threshold
JUST_BELOW = float(np.nextafter(np.float32(as_run.THRESHOLD), np.float32(0)))
SMALLEST = torch.finfo(torch.float32).tiny  #: of the normal numbers


def spikes_of_windows(fired: Tensor, size: int, again: bool = True) -> Tensor:
    """Spike times (N, C, H, W) -> of each window, its distinct ones: (N, C size^2, H / size, W / size); without
    `again` the first only, (N, C, H / size, W / size)."""
    times = fired.unfold(2, size, size).unfold(3, size, size).flatten(4).sort(-1).values
    if not again:
        return times[..., 0].contiguous()
    repeated = torch.zeros_like(times, dtype=torch.bool)
    repeated[..., 1:] = times[..., 1:] == times[..., :-1]
    return times.masked_fill(repeated, BINS).permute(0, 1, 4, 2, 3).flatten(1, 2).contiguous()


@jit
def _reaching(blocked, sizes, needed):
    """Which cells of the input reach a position that is not blocked."""
    for y in range(sizes.height):
        for x in range(sizes.width):
            rows = conv.reach(y, sizes.height, sizes.pad, sizes.kernel_h, sizes.out_h)
            columns = conv.reach(x, sizes.width, sizes.pad, sizes.kernel_w, sizes.out_w)
            found = False
            for row in range(rows[0], rows[1]):
                for column in range(columns[0], columns[1]):
                    found = found or not blocked[row * sizes.out_w + column]
            needed[y * sizes.width + x] = found


@jit
def _steps_left(times, weight, sizes, threshold):
    """How many steps the first neuron, of map 0 at position 0, has left when it fires; 0 if it does not."""
    for t in range(BINS):
        potential = 0.0
        for c in range(len(times)):
            for y in range(sizes.kernel_h - sizes.pad):
                for x in range(sizes.kernel_w - sizes.pad):
                    if times[c, y, x] <= t:
                        potential += weight[c, -1 - y - sizes.pad, -1 - x - sizes.pad, 0]
        if potential > threshold:
            return BINS - t
    return 0


@jit
def _free_winners(times, weight, final, highest, search, rows):
    """As `as_run.winners`, of one image (C, H, W), weights from `maps_last`; the search ends with the last winner.

    final (F, H, W): last potentials, highest: the highest of the batch. Fills rows (k, 3) with (map, position, steps
    left) in the order of winning, map -1 for those that learn nothing.
    """
    sizes = conv.geometry(times, weight, search.pad)
    positions, padded, last = sizes.out_h * sizes.out_w, sizes.maps, final.reshape(final.size)
    potential, flat = np.zeros(positions * padded), weight.reshape(weight.size)
    touched, blocked = np.zeros(positions, dtype=np.bool_), np.zeros(positions, dtype=np.bool_)
    fired = np.zeros((positions, padded), dtype=np.bool_)
    found = np.empty(fired.size, np.int64)
    events, starts = np.empty(times.size, np.int64), np.empty(BINS + 1, np.int64)
    conv.sort_events(times, BINS, events, starts)
    needed, cells = np.ones(sizes.height * sizes.width, dtype=np.bool_), sizes.height * sizes.width
    factor, won = np.float32(2) * highest + np.float32(1), 0
    for t in range(BINS):
        for e in range(starts[t], starts[t + 1]):
            if needed[events[e] % cells]:
                conv.add_event(events[e], sizes, flat, potential, touched)
        count = 0
        for p in range(positions):
            now = potential[p * padded:(p + 1) * padded]
            if not touched[p] or blocked[p] or conv.maximum(now) <= search.threshold:
                continue
            for f in range(padded):
                if now[f] > search.threshold and not fired[p, f]:
                    found[count], fired[p, f] = f * positions + p, True
                    count += 1
        touched[:] = False
        before = won
        while won < search.winners:
            best, place, most = -1, 0, np.float32(0)
            for c in range(count):
                index, at = found[c], found[c] % positions
                rank = np.float32(BINS - t) * factor + last[index]
                if not blocked[at] and (rank > most or (rank == most and index < best)):
                    best, place, most = index, at, rank
            if best < 0:
                break
            rows[won, 0], rows[won, 1], rows[won, 2] = best // positions, place, BINS - t
            won += 1
            for p in range(positions):
                apart = max(abs(p // sizes.out_w - place // sizes.out_w), abs(p % sizes.out_w - place % sizes.out_w))
                blocked[p] = blocked[p] or apart <= search.radius
        if won == search.winners:
            break
        if won > before:
            _reaching(blocked, sizes, needed)
    if won < search.winners:  # nobody is left: the first neuron, if it has any potential
        left = _steps_left(times, weight, sizes, search.threshold)
        for j in range(won, search.winners):
            rows[j, 0], rows[j, 1], rows[j, 2] = 0 if last[0] > 0 else -1, 0, left


@jit
def _in_time(times, copies, place, post, pad, shape):
    """Which inputs (C, K, K) have spikes that leave, in sum, at least `post` steps; times (C copies, H, W)."""
    left = np.zeros(shape, dtype=np.int64)
    for c in range(shape[0] * copies):
        for ky in range(shape[1]):
            for kx in range(shape[2]):
                y, x = place[0] + ky - pad, place[1] + kx - pad
                if 0 <= y < times.shape[1] and 0 <= x < times.shape[2]:
                    left[c // copies, ky, kx] += BINS - times[c, y, x]
    return left >= post


@jit
def _apply(change, touched, weight, fast, copies, low, high):
    """Maps that are touched take their changes, which begin at 0 again; `fast`, with `copies` of each input, follows.
    """
    for f in np.flatnonzero(touched):
        weight[f] = np.minimum(np.maximum(weight[f] + change[f], np.float32(low)), np.float32(high))
        change[f], touched[f] = 0, False
        for copy in range(copies):
            stdp.refresh(weight[f], fast[copy::copies, :, :, f])


@jit
def show(times, weight, fast, copies, search, final, rates, size):
    """Show images (N, C copies, H, W) to S1 or S2, `size` at a time. final: last potentials (N, F, H, W), where they
    compete by the rules of `as_run.winners`; else None."""
    maps, width = len(weight), times.shape[3] + 2 * search.pad - weight.shape[3] + 1
    rows, change, touched = np.full((search.winners, 3), -1), np.zeros_like(weight), np.zeros(maps, dtype=np.bool_)
    for begin in range(0, len(times), size):
        part = times[begin:begin + size]
        if final is not None:
            highest = final[begin:begin + size].max()
        for i in range(len(part)):
            if final is not None:
                _free_winners(part[i], fast, final[begin + i], highest, search, rows)
            else:
                found = stdp.winners(part[i], fast, search)
                for j in range(search.winners):
                    rows[j, 0], rows[j, 1], rows[j, 2] = int(found[j, 0]), int(found[j, 1]), BINS - int(found[j, 2])
            for j in range(search.winners):
                f = rows[j, 0]
                if f >= 0 and not np.any(rows[j + 1:, 0] == f):  # the last win of a map
                    early = _in_time(part[i], copies, divmod(rows[j, 1], width), rows[j, 2], search.pad,
                                     weight[f].shape)
                    add(change[f], weight[f], early, rates, STDP)
                    touched[f] = True
        _apply(change, touched, weight, fast, copies, 0, 1)


@jit
def _add_counted(index, count, sizes, weight, potential):
    """As `conv.add_event`, of an input that has spiked `count` times."""
    channel, rest = divmod(index, sizes.height * sizes.width)
    y, x = divmod(rest, sizes.width)
    first_row, last_row, top = conv.reach(y, sizes.height, sizes.pad, sizes.kernel_h, sizes.out_h)
    first, last, left = conv.reach(x, sizes.width, sizes.pad, sizes.kernel_w, sizes.out_w)
    run, times = conv.unsigned((last - first) * sizes.maps), potential.dtype.type(count)
    for row in range(first_row, last_row):
        a = conv.unsigned((row * sizes.out_w + first) * sizes.maps)
        b = conv.unsigned(((channel * sizes.kernel_h + row - top) * sizes.kernel_w + first - left) * sizes.maps)
        for f in range(run):
            potential[a + f] += times * weight[b + f]


@jit
def show_s3(counts, right, classes, weight, fast, potential, pad, bounds, rates, size):
    """Show counts of spikes (N, C, H, W) to S3, `size` at a time; returns decisions (N,). right (N,): the labels, or
    all -1 to learn nothing; classes (F, positions); potential: room for (positions, F'), in the type that sums have;
    rates: (plus, minus) of reward and of punishment."""
    sizes, maps, decisions = conv.geometry(counts, fast, pad), len(weight), np.full(len(counts), SILENT)
    positions, flat = sizes.out_h * sizes.out_w, fast.reshape(fast.size)
    shape = weight[0].shape
    change, touched = np.zeros_like(weight), np.zeros(maps, dtype=np.bool_)
    for begin in range(0, len(counts), size):
        for i in range(begin, min(begin + size, len(counts))):
            potential[:] = 0
            for index, count in enumerate(counts[i].reshape(-1)):
                if count:
                    _add_counted(index, count, sizes, flat, potential)
            most, f, p = 0.0, -1, 0
            for position in range(positions):
                best = np.argmax(potential[position * sizes.maps:position * sizes.maps + maps])
                now = potential[position * sizes.maps + best]
                if now > most or (now == most and best < f):
                    most, f, p = now, best, position
            if f < 0:
                continue
            decisions[i] = classes[f, p]
            if right[i] >= 0:
                early = _in_time(BINS - counts[i], 1, divmod(p, sizes.out_w), 1, pad, shape)
                add(change[f], weight[f], early, rates[0] if decisions[i] == right[i] else rates[1], ADDITIVE)
                touched[f] = True
        _apply(change, touched, weight, fast, 1, bounds[0], bounds[1])
    return decisions


class Model:
    """Weights, float32 as theirs, and the rules by which they learn."""

    def __init__(self, rules: Rules, weights: dict[str, Tensor]):
        self.rules, self.config, self.weights = rules, rules.config(), weights

    def copies(self, name: str) -> int:
        """How many inputs stand for one: the places of a window of C1 whose spikes all count."""
        return as_run.POOL["s1"]**2 if name == "s2" and self.rules.again else 1

    def fast(self, name: str) -> np.ndarray:
        """Weights as our kernels take them, with copies of each input."""
        weight = self.weights[name].repeat_interleave(self.copies(name), 1).numpy()
        return conv.maps_last(weight)

    def learn(self, name: str, times: Tensor, passes: int) -> None:
        """Passes of S1 or S2 over all images; times: of C1's windows for S2."""
        layer, weight, fast = getattr(self.config, name), self.weights[name].numpy(), self.fast(name)
        search, images = Search.of(layer, BINS), times.numpy()
        if self.rules.competition:
            winners, radius = as_run.LAYERS[name]
            search = search._replace(winners=winners, radius=radius, pointwise=False)
        rate, plus = DoublingRate.of(layer), as_run.FIRST_RATE
        for _ in range(passes):
            begin, number = 0, 0
            while begin < len(images):
                size = as_run.BATCH if self.rules.batches else 1 if self.rules.competition else rate.until_next()
                rates = as_run.both(plus) if self.rules.batches else (rate.plus, rate.minus)
                part = images[begin:begin + size]
                final = self.last_potentials(name, times[begin:begin + size]) if self.rules.competition else None
                show(part, weight, fast, self.copies(name), search, final, rates, size if self.rules.batches else 1)
                plus = as_run.later(plus, number)
                if not self.rules.batches:
                    rate.advance(len(part))
                begin, number = begin + len(part), number + 1

    def last_potentials(self, name: str, times: Tensor) -> np.ndarray:
        """Of S1, or of S2 from the spikes of C1's windows: (N, F, H, W) float32.

        Depressed weights go on shrinking below the smallest normal number, where a processor takes ten times as long;
        as that number itself they change no sum that reaches a threshold, and stay above 0.
        """
        counts, weight = (times < BINS).unflatten(1, (-1, self.copies(name))).sum(2).float(), self.weights[name]
        weight = torch.where((weight > 0) & (weight < SMALLEST), SMALLEST, weight)
        return F.conv2d(counts, weight, padding=getattr(self.config, name).padding).numpy()

    def pooled(self, name: str, times: Tensor) -> Tensor:
        """Of S1 the spikes of C1's windows; of S2 how often each cell of C2 has spiked, uint8."""
        layer, size = getattr(self.config, name), as_run.POOL[name]
        weight, again = self.weights[name].repeat_interleave(self.copies(name), 1), self.rules.again
        parts = [spikes_of_windows(fast.conv_times(part, weight, layer.threshold, layer.padding), size, again)
                 for part in times.split(as_run.BATCH)]
        if name == "s1":
            return torch.cat(parts)
        copies = size**2 if again else 1
        return torch.cat([(part < BINS).unflatten(1, (-1, copies)).sum(2).to(torch.uint8) for part in parts])

    def classes(self, positions: int) -> np.ndarray:
        """What each neuron of S3 stands for, (maps, positions)."""
        maps = len(self.weights["s3"])
        if self.rules.settings:
            return np.arange(maps * positions).reshape(maps, positions) % as_run.CLASSES
        return np.repeat(np.arange(maps) // (maps // as_run.CLASSES), positions).reshape(maps, positions)

    def readout(self) -> fast.Readout | np.ndarray:
        """What shows images to S3: our own readout where an input counts once and a weight as it is now, else the
        weights as `show_s3` takes them."""
        if self.rules.again or self.rules.batches:
            return self.fast("s3")
        config = self.config
        return fast.Readout(self.weights["s3"], config.s3.padding, BINS, config.low, config.high)

    def s3(self, counts: Tensor, phi: tuple[float, float], labels: Tensor | None = None, by=None) -> Tensor:
        """Decisions (N,); with labels S3 learns. by: what `readout` gives."""
        layer, by = self.config.s3, self.readout() if by is None else by
        edge, rates = counts.shape[-1] + 2 * layer.padding - layer.window + 1, reward_rates(self.config, *phi)
        classes = self.classes(edge**2)
        if isinstance(by, fast.Readout):
            won = by.show(torch.where(counts > 0, 0, BINS).to(torch.uint8), None if labels is None else labels.numpy(),
                          classes, rates, ADDITIVE)
            return torch.where(won[:, 0] >= 0, torch.from_numpy(classes)[won[:, 0], won[:, 1]], SILENT)
        asked = torch.full((len(counts),), SILENT) if labels is None else labels
        potential = np.empty(edge**2 * by.shape[3], np.float32 if self.rules.batches else np.float64)  # theirs, or ours
        return torch.from_numpy(show_s3(counts.numpy(), asked.numpy(), classes, self.weights["s3"].numpy(), by,
                                        potential, layer.padding, (self.config.low, self.config.high), rates,
                                        as_run.BATCH if self.rules.batches else 1))

    def learn_s3(self, counts: Tensor, labels: Tensor, phi: tuple[float, float]) -> tuple[float, tuple[float, float]]:
        """One pass of S3: the share of right decisions, and phi after it."""
        hits, by, batch = 0, self.readout(), as_run.BATCH if self.rules.batches else self.config.batch
        for part, target in zip(counts.split(batch), labels.split(batch)):
            right, wrong = hits_and_misses(self.s3(part, phi, target, by), target)
            if self.rules.batches:
                wrong = len(target) - right
            hits, phi = hits + right, (wrong / len(target), right / len(target))
        return hits / len(labels), phi


def trained(rules: Rules, seed: int, passes: tuple[int, int, int], images: np.ndarray, labels: np.ndarray,
            test: np.ndarray, test_labels: np.ndarray, weights: dict[str, Tensor] | None = None,
            tested: Collection[int] | None = None) -> list[dict]:
    """A row for each pass of S3, or for those that are tested. images, test: grey ones, or spike times; passes: over
    S1, S2 and S3; weights: the first ones, by default the seed's, which change in place."""
    started = time.process_time()
    images, labels, test, test_labels = map(torch.tensor, (images, labels, test, test_labels))
    parts = [part if part.ndim == 4 else fast.encode(part) for part in (images, test)]
    weights = weights or Network(rules.config(), seed, parts[0].shape[1]).weights
    model, rows, phi = Model(rules, weights), [], (1.0, 1.0)
    for name, count in zip(("s1", "s2"), passes):
        model.learn(name, parts[0], count)
        parts = [model.pooled(name, part) for part in parts]
    for epoch in range(1, passes[2] + 1):
        right, phi = model.learn_s3(parts[0], labels, phi)
        if tested is None or epoch in tested:
            decisions = model.s3(parts[1], phi)
            rows.append({"seed": seed, "epoch": epoch, "train_accuracy": right,
                         "test_accuracy": float((decisions == test_labels).float().mean()),
                         "silent": float((decisions < 0).float().mean()),
                         "seconds": round(time.process_time() - started, 1)})  # of the processor, since the run began
    return rows
