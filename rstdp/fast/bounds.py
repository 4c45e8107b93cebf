"""What S3 need not look at: upper bounds of its potentials that outlive a pass over the images. Book chapter: 08.

From one pass to the next a map's weights change little, so its potential on an image can have grown by no more than
the sum of what its weights have gained. Kept for each image and map, such a bound rules out most maps before anything
is summed, exactly, as the triangle inequality does for k-means (Elkan 2003). A batch of images keeps the weights it
started from, its *base*. A map's potential P(w) at weights w obeys

    P(now) <= P(then) + sum max(0, now - then) <= P(then) + sum max(0, base - then) + sum max(0, now - base),

so what is stored is P(then) plus how far the map had *fallen* below the base, and what it has *risen* above it is
added when the bound is used: net changes, however long the way. The last winner's potential is bounded from below in
the same way. Where all others stay under it, it wins again and nothing is summed; where a few maps may reach it, each
is summed alone, all positions at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from .conv import jit, jit_any_order, unsigned
from .screen import exact_potential, field_sizes

FEW = 6  #: maps that remain may be this many, or the image is screened anew
SMALL = 100  #: images; a smaller batch is not worth weights of its own
MOST = 2**30  #: bytes that the bounds of one S3 may take
FALL = 1e-3  #: the base is drawn after a map that has fallen by more than this a weight, else its bounds wear out


class Bounds(NamedTuple):
    """Of one batch of N images and the F maps of S3. Without bounds N is 0."""

    upper: np.ndarray  #: (N, F) float32, at least the map's potential (where it has not won), plus what it had fallen
    winner: np.ndarray  #: (N,) the map that won last, -1 for an image that no neuron responds to
    place: np.ndarray  #: (N,) the position at which it won
    floor: np.ndarray  #: (N,) its potential there, less what it had risen then
    outside: np.ndarray  #: (N,) what no neuron can exceed at the positions that `upper` leaves out
    base: np.ndarray  #: (F, C, KH, KW) float32
    risen: np.ndarray  #: (F,) sum of max(0, weight - base)
    fallen: np.ndarray  #: (F,) sum of max(0, base - weight)
    screened: np.ndarray  #: (1,) how many images had to be screened in the last pass

    @classmethod
    def of(cls, images: int, weight: np.ndarray) -> Bounds:
        """Bounds that exclude nothing yet."""
        maps = len(weight) if images else 0
        return cls(np.full((images, maps), np.inf, np.float32), np.zeros(images, np.int64), np.zeros(images, np.int64),
                   np.zeros(images), np.full(images, np.inf), weight[:maps].copy(), np.zeros(maps), np.zeros(maps),
                   np.zeros(1, np.int64))


@dataclass
class Kept:
    """A batch that has been shown before. Bounds that exclude too little, as early in training, cost more than they
    save; then it is shown without for a while, each time for longer."""

    bounds: Bounds | None = None
    pause: int = 1  #: times that it is shown without after the next disappointment
    idle: int = 4  #: times that are left of the present pause; in the first passes weights change too much
    fresh: bool = True  #: whether the bounds are yet to be made

    def judge(self) -> None:
        """After the batch was shown with bounds."""
        assert self.bounds is not None
        if not self.fresh and self.bounds.screened[0] > len(self.bounds.winner) // 4:
            self.idle, self.pause = self.pause, min(2 * self.pause, 32)
        self.fresh = self.idle > 0


class Memory:
    """The bounds of all batches that one S3 is shown, found by which inputs spike."""

    def __init__(self) -> None:
        self.batches: dict[bytes, Kept] = {}
        self.bytes = 0

    def find(self, c2: np.ndarray, bins: int, weight: np.ndarray) -> Kept | None:
        """The batch, if it is to be shown with bounds, which then agree with the weights."""
        if len(c2) < SMALL:
            return None
        key = hashlib.blake2b(np.packbits(c2 < bins).tobytes(), digest_size=16).digest()
        kept = self.batches.setdefault(key, Kept())
        if kept.idle:
            kept.idle -= 1
            return None
        if kept.bounds is None:
            needed = weight.nbytes + 4 * len(c2) * len(weight)
            if self.bytes + needed > MOST:
                return None
            kept.bounds, self.bytes = Bounds.of(len(c2), weight), self.bytes + needed
        if kept.fresh:
            kept.bounds.upper[:] = np.inf
        catch_up(kept.bounds, weight)
        return kept


#: weights of S3 -> `Memory`; forgotten with the weights
memories = WeakTensorKeyDictionary()


def memory(weight: Tensor) -> Memory:
    """The memory of the S3 with these weights."""
    if weight not in memories:
        memories[weight] = Memory()
    return memories[weight]


@jit_any_order
def changes(weight, base):
    """By how much the weights of one map have risen above the base and fallen below it, in all."""
    risen, fallen = 0.0, 0.0
    for i in range(len(weight)):
        change = np.float64(weight[i]) - np.float64(base[i])
        risen += max(change, 0.0)
        fallen += max(-change, 0.0)
    return risen, fallen


@jit
def may_have_moved(bounds, f, most):
    """Note that the weights of map f have changed by no more than so much in all; `moved` says exactly how far."""
    bounds.risen[f] += most
    bounds.fallen[f] += most


@jit
def moved(bounds, weight, f):
    """Note that the weights of map f have changed; 1e-6 is for the rounding of the sums."""
    risen, fallen = changes(weight[f].reshape(weight[f].size), bounds.base[f].reshape(weight[f].size))
    bounds.risen[f], bounds.fallen[f] = risen + 1e-6, fallen + 1e-6


@jit
def catch_up(bounds, weight):
    """Bring the bounds up to date with the weights; maps that have fallen far get a new base."""
    for f in range(len(weight)):
        moved(bounds, weight, f)
        if bounds.fallen[f] > FALL * weight[f].size:
            for i in range(len(bounds.upper)):
                bounds.upper[i, f] = above(bounds.upper[i, f] + bounds.risen[f])
                if bounds.winner[i] == f:
                    bounds.floor[i] -= bounds.fallen[f]
            bounds.base[f] = weight[f]
            bounds.risen[f], bounds.fallen[f] = 0.0, 0.0


@jit
def above(value):
    """The value as a float32 that is not below it."""
    return np.float32(value + 1e-6 + 1e-7 * value)


@jit
def at_least(bounds, i):
    """What the last winner of image i has at least, at the place where it won."""
    return bounds.floor[i] - bounds.fallen[bounds.winner[i]]


@jit
def rivals(bounds, i, value):
    """How many maps may reach this potential on image i, its last winner at another position included."""
    maps, count = bounds.upper.shape[1], 0
    for f in range(maps):
        count += bounds.upper[i, f] + bounds.risen[f] >= value
    return maps if bounds.outside[i] >= value else count


@jit
def won(bounds, i, feature, position, value):
    """Note the winner of image i and its potential now, before it learns."""
    bounds.winner[i], bounds.place[i] = feature, position
    bounds.floor[i] = value - bounds.risen[feature] if feature >= 0 else np.inf


@jit
def look_again(i, bounds, times, weights, search, sizes):
    """The last winner of image i as (feature, position, potential now); feature -1 if no input spikes."""
    feature, position, value = bounds.winner[i], bounds.place[i], np.inf
    if feature >= 0:
        row, column = divmod(position, sizes.out_w)
        value = exact_potential(times, search.bins, weights.exact[feature], row, column, search.pad)
        won(bounds, i, feature, position, value)
    return feature, position, value


@jit
def too_many(i, bounds, times, weights, search, sizes):
    """Whether image i is to be screened: more than a few maps may reach its last winner, whatever that has lost."""
    if rivals(bounds, i, at_least(bounds, i)) <= FEW:
        return False
    return rivals(bounds, i, look_again(i, bounds, times, weights, search, sizes)[2]) > FEW


def fit(shape: tuple[int, ...], padding: int, height: int, width: int) -> bool:
    """Whether `rows_of` can hold weights (F, C, KH, KW) of this shape: at most 8 positions and 16 bytes in a row."""
    out_w = width + 2 * padding - shape[3] + 1
    return out_w <= 8 and width + out_w - 1 <= 16 and min(height - shape[2], width - shape[3]) + padding >= 0


def rows_of(levels: np.ndarray, padding: int, height: int, width: int) -> np.ndarray:
    """Levels (F, C, KH, KW) -> (F, C, H + H' - 1, 8 or 16) uint8, flipped, so that an input in row y and column x adds
    the H' rows from H - 1 - y on, and of each the W' bytes from W - 1 - x on. For weights that `fit`."""
    maps, channels, kernel_h, kernel_w = levels.shape
    top, left, across = height + padding - kernel_h, width + padding - kernel_w, 2 * (width + padding) - kernel_w
    rows = np.zeros((maps, channels, 2 * (height + padding) - kernel_h, 8 if across <= 8 else 16), np.uint8)
    rows[:, :, top:top + kernel_h, left:left + kernel_w] = levels[:, :, ::-1, ::-1]
    return rows


@jit
def first_rows(sizes):
    """Where an input (H W,) begins in `rows_of` its channel: 64 times the row, plus how many bits to skip in it."""
    first = np.empty(sizes.height * sizes.width, np.int64)
    for place in range(len(first)):
        y, x = divmod(place, sizes.width)
        first[place] = 64 * (sizes.height - 1 - y) + 8 * (sizes.width - 1 - x)
    return first


@jit
def list_spikes(times, bins, first, deep, events):
    """List the inputs (C, H, W) that spike, by where they begin in the rows, `deep` a channel; returns how many."""
    flat, at, i = times.reshape(times.size), 0, unsigned(0)
    for c in range(len(times)):
        for each in first:
            events[at] = 64 * deep * c + each
            at += flat[i] < bins
            i += unsigned(1)
    return at


@jit
def level_sums(rows, events, count, sizes, total):
    """Sums of the levels of one map at all positions: rows (C, H + H' - 1, 8 or 16), total (positions,) int32.

    Eight levels are a word of 64 bits, added as four 16-bit lanes of its even bytes and four of its odd ones.
    """
    mask, lane, one, byte = np.uint64(0x00FF00FF00FF00FF), np.uint64(0xFFFF), unsigned(1), unsigned(8)
    words, wide, out_w = rows.reshape(rows.size).view(np.uint64), rows.shape[2] == 16, sizes.out_w
    total[:] = 0
    for row in range(unsigned(sizes.out_h)):
        for first in range(0, count, 256):  # 256 levels fit into 16 bits
            even = odd = np.uint64(0)
            for event in events[first:min(count, first + 256)]:
                at, shift = (unsigned(event) >> unsigned(6)) + row, unsigned(event) & unsigned(63)
                if wide:
                    word = words[at << one] >> shift | (words[(at << one) + one] << one) << (unsigned(63) - shift)
                else:
                    word = words[at] >> shift
                even += word & mask
                odd += word >> byte & mask
            for column in range(out_w):
                word = (odd if column % 2 else even) >> unsigned(16 * (column // 2))
                total[row * out_w + column] += np.int32(word & lane)


@jit_any_order
def _at_least(upper, base, step, total):
    for f in range(len(upper)):
        upper[f] = max(upper[f], np.float32(base + step * total[f]))


@jit
def renew(bounds, i, total, field, spikes, window, search, error, fallen, sizes, winner):
    """Bounds of image i from a screening: total (positions, F'), error and fallen (F,) are of the weights then.
    winner: (feature, position, potential now)."""
    step, upper = (search.high - search.low) / 255, bounds.upper[i]
    bounds.outside[i] = 0.0
    upper[:] = 0
    for p in range(len(total)):
        row, column = divmod(p, sizes.out_w)
        if window[0] <= row < window[1] and window[2] <= column < window[3]:
            before = upper[winner[0]]
            _at_least(upper, search.low * field[p], step, total[p])
            if p == winner[1]:
                upper[winner[0]] = before
        else:
            bounds.outside[i] = max(bounds.outside[i], search.high * field[p] + 1e-3)
    for f in range(len(upper)):
        upper[f] = above(above(upper[f]) + min(error[f], spikes * step / 2) + fallen[f])
    won(bounds, i, *winner)


@jit
def _look(f, found, times, events, count, field, weights, search, sizes, total):
    """Sum map f alone. found: (feature, position, potential) so far. Returns the better, and the map's upper bound at
    all positions but the one that is the better."""
    feature, position, value = found
    low, step, front, top = search.low, (search.high - search.low) / 255, 0, 0.0
    level_sums(weights.rows[f], events, count, sizes, total)
    slack = min(weights.error[f], count * step / 2) + weights.drift[f] + 1e-6
    for p in range(len(field)):
        if low * field[p] + step * total[p] > top:
            front, top = p, low * field[p] + step * total[p]
    for turn in range(-1, len(field)):  # the position in front first: its exact value rules out most others
        p = front if turn < 0 else turn
        if turn == front or field[p] == 0 or low * field[p] + step * total[p] + slack < value:
            continue
        exact = exact_potential(times, search.bins, weights.exact[f], p // sizes.out_w, p % sizes.out_w, search.pad)
        if exact > value or (exact == value and (f < feature or (f == feature and p < position))):
            feature, position, value = f, p, exact
    if feature == f:
        top = 0.0
        for p in range(len(field)):
            if p != position:
                top = max(top, low * field[p] + step * total[p])
    return (feature, position, value), top + slack


@jit
def among_few(i, bounds, times, found, weights, search, sizes, first, field, events, total):
    """As `screen.best`, looking only at maps whose bounds reach the last winner, `found` as it is now.

    first: from `first_rows`; field and total (positions,) and events (C H W + 1,) are scratch space.
    """
    field_sizes(times, search.bins, sizes, field)
    count = list_spikes(times, search.bins, first, weights.rows.shape[2], events)
    every = bounds.outside[i] >= found[2]  # then positions count that the bounds have left out
    for f in range(len(weights.exact)):
        if every or bounds.upper[i, f] + bounds.risen[f] >= found[2]:
            leader, value = found[0], found[2]
            found, top = _look(f, found, times, events, count, field, weights, search, sizes, total)
            bounds.upper[i, f] = above(top + bounds.fallen[f])
            if found[0] != leader:  # who leads no longer is bounded where it led, too
                bounds.upper[i, leader] = max(bounds.upper[i, leader], above(value + bounds.fallen[leader]))
    return found


@jit
def find(i, bounds, times, weights, search, sizes, first, field, events, total):
    """The winner (feature, position) of image i: the last one if none can reach it, else the best among few."""
    if not rivals(bounds, i, at_least(bounds, i)):
        return bounds.winner[i], bounds.place[i]
    found = look_again(i, bounds, times, weights, search, sizes)
    if rivals(bounds, i, found[2]):
        found = among_few(i, bounds, times, found, weights, search, sizes, first, field, events, total)
        won(bounds, i, *found)
    return found[0], found[1]
