"""One's own picture of a digit, prepared as MNIST prepares its digits. Book chapter: 07.

The steps in order are `read_grey`, `without_paper`, `find_digit` and `centred`; `load_image` takes them all. Lengths
are shares of the picture's longer side, so that they hold for large and small pictures.
"""

from __future__ import annotations

import os
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops
from torch import Tensor

from ..data import DataError

SIDE = 400  #: a picture is shrunk to this many pixels on its longer side: enough for 20, and noise averages out
MOST = 50_000_000  #: pixels; a picture that claims more is not unpacked
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "ICO", "TGA")
FAINTEST = 10  #: grey levels by which ink differs from paper at least


class SeveralDigits(UserWarning):
    """A picture seems to show more than one digit."""


def load_image(path: str | os.PathLike) -> Tensor:
    """One's own picture as MNIST prepares its digits: (28, 28) uint8, light on black, 20 pixels large, centre of mass
    in the middle.

    It may be dark on light or light on dark; one that is prepared already is left as it is. Raises DataError where the
    file is no readable picture or shows no digit; warns with SeveralDigits where it seems to show more than one.
    """
    grey = read_grey(path)
    if is_prepared(grey):
        return torch.from_numpy(grey.astype(np.uint8))
    digit, others = find_digit(*without_paper(grey))
    if not digit.any():
        raise DataError(f"{path}: no digit to be seen; one is needed, dark on light or light on dark")
    if others:
        warnings.warn(f"{path} seems to show several digits: the largest is taken", SeveralDigits, stacklevel=2)
    return torch.from_numpy(centred(digit))


def read_grey(path: str | os.PathLike) -> np.ndarray:
    """The picture (H, W) from 0, black, to 255, at most SIDE large: upright, on white paper where it is transparent.

    Raises DataError, in one line with the file's name, where it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a decoder finds odd does not matter if there is a picture
            with Image.open(path, formats=FORMATS) as image:
                image.draft("RGB", (2 * SIDE, 2 * SIDE))  # unpacks a large JPEG at a half, a quarter or an eighth
                if image.width * image.height > MOST:
                    raise ValueError(f"{image.width} x {image.height} pixels are too many")
                grey = grey_levels(ImageOps.exif_transpose(image))
        scale = min(1, SIDE / max(grey.size))  # every pixel becomes the mean of those that it stands for
        grey = grey.resize([max(1, round(side * scale)) for side in grey.size], Image.Resampling.BOX)
        return np.asarray(grey, dtype=np.float64)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} cannot be read as an image ({reason}); "
                        "a PNG or JPEG of one digit is needed") from error


def grey_levels(image: Image.Image) -> Image.Image:
    """In grey: transparent is white paper, and 12, 16 or more bits are scaled, not cut off."""
    if image.mode[0] in "IF":
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        white = next((white for white in (1, 255, 4095, 65535) if values.max() <= white), values.max())
        return Image.fromarray((values.clip(0) * (255 / white)).astype(np.float32))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("L")


def is_prepared(grey: np.ndarray) -> bool:
    """Whether this is an image of MNIST already: 28 x 28, on black, its centre of mass in the middle."""
    if grey.shape != (28, 28) or not grey.any():
        return False
    frame = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return bool(np.median(frame) == 0 and np.abs(np.subtract(ndimage.center_of_mass(grey), 13.5)).max() < 1.1)


def without_paper(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """How much each pixel (H, W) differs from the paper, or the board, at its place; and what counts as noise in it.

    Light is uneven, so paper is what is left when all that is narrow is taken away (a morphological opening), once a
    smooth surface through it has been subtracted. Lines that run through most of the picture are paper too.
    """
    side = max(grey.shape)
    margin = max(1, side // 4)
    inner = (slice(margin, -margin),) * 2
    odd = lambda share: 2 * int(share * side / 2) + 1  # pixels
    rest = min(flattened(extended(grey, margin)), extended(flattened(grey), margin),
               key=lambda each: np.percentile(abs(each[inner]), 25))
    if (rest ** 3).sum() < 0:  # ink is the minority, and lies far from paper: here it is dark
        rest = -rest
    paper = ndimage.grey_opening(ndimage.gaussian_filter(rest, 0.015 * side), odd(0.5))[inner]
    rest = rest[inner]
    soft = ndimage.gaussian_filter(rest, side / SIDE)
    lines = np.zeros_like(rest)
    for turn, length in ((1, 0.6), (-1, 0.8)):  # lying lines, and standing ones, longer than any 1
        run = ndimage.grey_opening(ndimage.grey_dilation(soft, (odd(0.02), 1)[::turn]), (1, odd(length))[::turn])
        thin = rest - ndimage.grey_opening(rest, (odd(0.05), 1)[::turn])
        lines = np.maximum(lines, np.minimum(run, thin))
    return np.clip(rest - paper - lines, 0, None), float(np.percentile(abs(soft - paper), 25) / 0.32)


def extended(grey: np.ndarray, margin: int) -> np.ndarray:
    """With a margin as bright as the frame mostly is nearby: a tight crop has little paper of its own."""
    wide = np.pad(grey, 1, mode="edge")
    frame = wide[0, :-1], wide[:-1, -1], wide[-1, :0:-1], wide[:0:-1, 0]
    ring = np.concatenate(frame)
    ring = ndimage.median_filter(ring, len(ring) // 2, mode="wrap")
    for side, values in zip(frame, np.split(ring, np.cumsum([len(side) for side in frame])[:-1])):
        side[:] = values
    return np.pad(wide, margin - 1, mode="edge")


def flattened(grey: np.ndarray) -> np.ndarray:
    """Less a surface of second degree through the paper: fitted again and again, without what is far from it."""
    def terms(height: int, width: int) -> np.ndarray:
        y, x = (np.mgrid[:height, :width].T + 0.5).T / np.reshape([height, width], (2, 1, 1))
        return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)

    height, width = grey.shape
    small = Image.fromarray(grey.astype(np.float32)).resize((min(width, 64), min(height, 64)), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.float64).ravel()
    known, near = terms(small.height, small.width).reshape(-1, 6), np.ones(len(values), bool)
    for _ in range(10):
        surface = np.linalg.lstsq(known[near], values[near], rcond=None)[0]
        rest = values - known @ surface
        near = abs(rest) <= max(1.5 * np.sqrt(np.mean(rest[near] ** 2)), 3)
    return grey - terms(height, width) @ surface


def find_digit(ink: np.ndarray, noise: float = 0) -> tuple[np.ndarray, int]:
    """The ink (H, W) of the digit alone, all 0 if there is none, and how many more there seem to be.

    The strongest ink is looked at first; where none of it can be a digit, as at a table's edge, what is left is.
    """
    side = max(ink.shape)
    soft = ndimage.gaussian_filter(ink, side / SIDE)
    left = soft.copy()
    for _ in range(4):
        strong = left[left > max(FAINTEST, 4 * noise)]
        if len(strong) < 10:
            break
        mask = left > 0.8 * threshold_otsu(strong)
        if found := candidates(mask, soft):
            digit, *others = found
            whole = with_pieces(digit, mask)
            others = [each for each in others if not (each & whole).any() and size(each) > 0.5 * size(digit)
                      and soft[each].sum() > 0.3 * soft[digit].sum()]
            return np.where(ndimage.binary_dilation(whole, iterations=max(1, round(0.006 * side))), ink, 0), len(others)
        left[ndimage.binary_dilation(mask, iterations=max(1, round(0.02 * side)))] = 0
    return np.zeros_like(ink), 0


def candidates(mask: np.ndarray, soft: np.ndarray) -> list[np.ndarray]:
    """The connected parts of a mask that may be a digit, those with the most ink first."""
    side, found = max(mask.shape), []
    slope = ndimage.gaussian_gradient_magnitude(soft, 0.006 * side)
    parts = label(ndimage.binary_dilation(mask, iterations=max(1, round(0.008 * side))), connectivity=2)
    for region in regionprops(parts):
        (high, wide), part = region.image.shape, (parts == region.label) & mask
        edge = part & ~ndimage.binary_erosion(part)
        speck = max(high, wide) < max(6, 0.06 * side)
        line = wide > 2 * high or (high > 0.9 * mask.shape[0] and wide < 0.1 * mask.shape[1])
        table = sum(part[at].sum() for at in (0, -1, np.s_[:, 0], np.s_[:, -1])) > 0.75 * (high + wide)
        contrast = np.percentile(soft[part], 75)
        if speck or line or table or np.median(slope[edge]) < 22 / side * contrast:  # what fades slowly is a shadow
            continue
        around = soft[ndimage.binary_dilation(part, iterations=max(1, round(0.03 * side)))]
        if np.percentile(around, 95) < 1.5 * contrast:  # else it is the rim of something that was no digit
            found.append(part)
    return sorted(found, key=lambda part: -soft[part].sum())


def with_pieces(digit: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """With what lies beside it, as the bar of a 5: not mere specks."""
    near = ndimage.binary_dilation(digit, iterations=max(1, int(0.08 * size(digit))))
    pieces = label(mask, connectivity=2)
    inside, area = (np.bincount(pieces[where].ravel(), minlength=pieces.max() + 1) for where in (near, ...))
    wanted = (2 * inside > area) & (area > 0.02 * digit.sum()) & (np.arange(len(area)) > 0)
    return digit | wanted[pieces]


def size(mask: np.ndarray) -> int:
    """The longer side of what a mask holds."""
    return int(max(np.ptp(axis) for axis in np.nonzero(mask))) + 1


def centred(digit: np.ndarray) -> np.ndarray:
    """(28, 28) uint8 as MNIST's: 20 pixels large, centre of mass in the middle, and stretched to full contrast, which
    thin strokes lose when they are shrunk."""
    pixels = digit * (255 / digit.max())
    rows, columns = np.nonzero(pixels > 64)
    box = Image.fromarray(pixels[rows.min():rows.max() + 1, columns.min():columns.max() + 1].astype(np.uint8))
    scale = 20 / max(box.size)
    box = box.resize([max(1, round(side * scale)) for side in box.size], Image.Resampling.LANCZOS)
    small = np.asarray(box, dtype=np.float64)
    if small.max() < 250:
        small = np.clip(small * (255 / np.percentile(small[small > min(64, small.max() / 2)], 90)), 0, 255)
    canvas, weight = np.zeros((28, 28), np.uint8), small + 1e-9
    top, left = (min(max(0, round(14 - float(np.average(np.arange(length) + 0.5, weights=weight.sum(1 - axis))))),
                     28 - length) for axis, length in enumerate(small.shape))
    canvas[top:top + small.shape[0], left:left + small.shape[1]] = small
    return canvas
