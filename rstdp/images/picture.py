"""One's own picture of a digit, prepared as MNIST prepares its digits. Book chapter: 07."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor

from ..data import DataError


def load_image(path: str | os.PathLike) -> Tensor:
    """One's own picture as MNIST prepares its digits: (28, 28) uint8, white on black, 20 pixels large, centre of mass
    in the middle.

    A light background is inverted. Raises DataError where the file is no readable image or shows nothing.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        grey = ImageOps.exif_transpose(Image.open(path)).convert("L")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}); a PNG or JPEG of one digit is needed") from error
    pixels = np.asarray(grey, dtype=np.float32)
    if np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])) > 127:
        pixels = 255 - pixels
    pixels = pixels - pixels.min()
    if pixels.max() < 1:
        raise DataError(f"{path} has one colour all over: there is no digit to see")
    pixels *= 255 / pixels.max()
    rows, columns = np.where(pixels > 64)
    digit = Image.fromarray(pixels[rows.min():rows.max() + 1, columns.min():columns.max() + 1].astype(np.uint8))
    scale = 20 / max(digit.size)
    digit = digit.resize([max(1, round(side * scale)) for side in digit.size], Image.Resampling.LANCZOS)
    canvas, weight = Image.new("L", (28, 28)), np.asarray(digit, dtype=np.float64) + 1e-9
    corner = [round(14 - float(np.average(np.arange(size) + 0.5, weights=weight.sum(axis))))
              for size, axis in ((digit.width, 0), (digit.height, 1))]
    left, top = (min(max(0, at), 28 - size) for at, size in zip(corner, digit.size))
    canvas.paste(digit, (left, top))
    return torch.from_numpy(np.asarray(canvas).copy())
