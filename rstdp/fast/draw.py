"""First weights that are the same on every processor: what `torch.normal` draws on one with AVX2 and fused steps.

torch's normal numbers come from a vectorised Box-Muller transform where AVX2 is there, and from libm elsewhere, which
differ in the last bit. This repeats the vectorised one (the polynomials are those of Moshier's Cephes), each step with
one rounding, so that a seed means the same weights everywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

float32 = np.float32
LOG = [float32(c) for c in (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                            -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)]
LOG_TWO = float32(-2.12194440e-4), float32(0.693359375)  # a small and a large part
SINE = [float32(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)]
COSINE = [float32(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)]
QUARTER = [float32(c) for c in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)]  # -pi / 4, in parts
LANES = 16  # numbers that are drawn together


def fused(a, b, c) -> np.ndarray:
    """a b + c with one rounding: a product of float32 numbers is exact in float64."""
    return (np.asarray(a, np.float64) * b + c).astype(float32)


def polynomial(x: np.ndarray, coefficients: list) -> np.ndarray:
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total = fused(total, x, np.float64(c))
    return total


def log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive float32 numbers."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < float32(0.707106781186547524)
    x = np.where(small, mantissa - float32(1) + mantissa, mantissa - float32(1))
    exponent = (exponent - small).astype(float32)
    square = x * x
    tail = fused(polynomial(x, LOG) * x, square, (exponent * LOG_TWO[0]).astype(np.float64))
    return fused(exponent, LOG_TWO[1], (x + fused(-square, float32(0.5), tail)).astype(np.float64))


def cosine_and_sine(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of float32 angles that are not negative."""
    octant = ((x * float32(1.27323954473516)).astype(np.int32) + 1) & ~1
    for part in QUARTER:
        x = fused(octant.astype(float32), part, x.astype(np.float64))
    square = x * x
    half = (square * float32(0.5)).astype(np.float64)
    cosine = fused(polynomial(square, COSINE) * square, square, -half) + float32(1)
    sine = fused(polynomial(square, SINE) * square, x, x.astype(np.float64))
    turned = (octant & 2) != 0
    cosine, sine = np.where(turned, sine, cosine), np.where(turned, cosine, sine)
    return np.where((octant + 2) & 4, -cosine, cosine), np.where(octant & 4, -sine, sine)


def normal(mean: float, std: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Independent normal numbers of a shape, float32; `generator` moves on as by `torch.normal`."""
    size = int(np.prod(shape))
    if size < LANES:  # torch draws so few one by one, in float64
        return torch.normal(mean, std, shape, generator=generator)
    uniform = torch.rand(size, generator=generator).numpy()
    whole = size - size % LANES
    parts = [uniform[:whole]] if whole == size else [uniform[:whole], torch.rand(LANES, generator=generator).numpy()]
    pairs = np.concatenate(parts).reshape(-1, 2, LANES // 2)
    radius = np.sqrt(float32(-2) * log(float32(1) - pairs[:, 0]))
    cosine, sine = cosine_and_sine(float32(2) * float32(np.pi) * pairs[:, 1])
    drawn = fused(np.stack([radius * cosine, radius * sine], axis=1), float32(std), np.float64(float32(mean)))
    drawn = drawn.reshape(-1)
    if whole != size:  # the last ones are drawn anew, all together
        drawn = np.concatenate([drawn[:size - LANES], drawn[-LANES:]])
    return torch.from_numpy(drawn.reshape(shape))
