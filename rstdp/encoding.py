"""From pixels to spike times: difference-of-Gaussians filters, local normalisation, intensity-to-latency. Chapter: 01.

All that follows sees one number per neuron: its spike time, 0..bins-1, and `bins` for a neuron that stays silent."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15
BATCH = 500  #: images encoded at a time
#: (window, centre sigma, surround sigma) of the on-centre filters in pixels; swapping the sigmas gives off-centre.
DOG_SCALES = ((3, 3 / 9, 6 / 9), (7, 7 / 9, 14 / 9), (13, 13 / 9, 26 / 9))


def dog_kernel(window: int, sigma_centre: float, sigma_surround: float, scale: str = "maximum") -> Tensor:
    r"""One difference-of-Gaussians kernel with zero mean, divided by its largest value or by the size of its centre.

    .. math:: D(x, y) \propto \frac{e^{-(x^2+y^2)/2\sigma_1^2}}{2\pi\sigma_1^2}
              - \frac{e^{-(x^2+y^2)/2\sigma_2^2}}{2\pi\sigma_2^2}

    Divided by the "maximum", as in SpykeTorch, off-centre kernels reach -6 to -10 in their centre and on-centre ones 1;
    divided by the "centre", both kinds are equally strong. Returns (window, window) float32. Raises ValueError."""
    if scale not in ("maximum", "centre") or window % 2 == 0 or min(sigma_centre, sigma_surround) <= 0:
        raise ValueError("a DoG kernel needs an odd window, positive sigmas and a scale 'maximum' or 'centre'; got "
                         f"{window}, {sigma_centre}, {sigma_surround}, {scale!r}")
    half = window // 2
    y, x = np.mgrid[-half:half + 1, -half:half + 1]
    centre, surround = (np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
                        for sigma in (sigma_centre, sigma_surround))
    kernel = centre - surround
    kernel -= kernel.mean()
    size = kernel.max() if scale == "maximum" else abs(kernel[half, half])
    return torch.from_numpy((kernel / size).astype(np.float32))


def dog_kernels(scales=DOG_SCALES, scale: str = "maximum") -> Tensor:
    """The six kernels (on and off centre at three scales), zero padded to the largest window: (6, 13, 13) float32."""
    largest = max(window for window, _, _ in scales)
    return torch.stack([F.pad(dog_kernel(window, *sigmas, scale), ((largest - window) // 2,) * 4)
                        for window, s1, s2 in scales for sigmas in ((s1, s2), (s2, s1))])


def dog_filter(images, threshold: float = 50.0, kernels: Tensor | None = None) -> Tensor:
    """Filter grey images (N, H, W), 0..255, and drop responses under the threshold (same units as the pixels).

    Returns (N, 6, H, W) float32, never negative. A convolution, zero padded, that adds one tap after the other, row by
    row, each with one rounding: the order of the oracle, on every machine."""
    kernels = dog_kernels() if kernels is None else kernels
    pixels = as_images(images).to(torch.float32)[:, None] / 255 * 255  # the oracle's ToTensor and back: same rounding
    responses = in_order(pixels, kernels.to(pixels.device))
    return torch.where(responses < threshold, torch.zeros_like(responses), responses)


def in_order(images: Tensor, kernels: Tensor) -> Tensor:
    """Convolve (N, 1, H, W) with kernels (F, K, K), zero padded, as a chain of fused multiply-adds: (N, F, H, W).
    A product of float32 numbers is exact in float64, so adding it there and rounding to float32 is one fused step."""
    height, width, size = *images.shape[2:], kernels.shape[-1]
    padded = F.pad(images, (size // 2,) * 4).double()
    total = images.new_zeros(len(images), len(kernels), height, width)
    for row, column in kernels.any(0).nonzero().tolist():  # the zeros around the smaller kernels add nothing
        window = padded[:, :, row:row + height, column:column + width]
        total = (total + kernels[:, row, column, None, None].double() * window).float()
    return total


def local_normalisation(responses: Tensor, radius: int = 8, eps: float = 1e-12) -> Tensor:
    """Divide each response by the mean of its channel in the (2 radius + 1)-wide square around it.
    Zero padded, shapes (N, C, H, W) in and out. `radius` 0 returns the input (the paper has no such step)."""
    if radius == 0:
        return responses
    square = torch.full((1, 2 * radius + 1, 2 * radius + 1), 1 / (2 * radius + 1)**2, device=responses.device)
    return responses / (in_order(responses.flatten(0, 1)[:, None], square).reshape(responses.shape) + eps)


def intensity_to_latency(values: Tensor, bins: int = BINS, remainder: str = "silent") -> Tensor:
    """Rank the positive values of each image, largest first, into `bins` equally full time bins.
    A bin holds floor(positive values / bins) spikes, at least one. What is left over by the division never fires
    (`remainder="silent"`, as in SpykeTorch) or joins the last bin (`"last"`). Equal values keep raster order.
    values: (N, C, H, W), not negative. Returns spike times (N, C, H, W) uint8; `bins` means silent."""
    check_latency(bins, remainder)
    flat = values.reshape(len(values), -1)
    order = torch.sort(flat, dim=1, descending=True, stable=True).indices
    positive = (flat > 0).sum(1, keepdim=True)
    per_bin = (positive // bins).clamp(min=1)
    rank = torch.arange(flat.shape[1], device=flat.device)[None]
    bin_of_rank = rank // per_bin
    if remainder == "last":
        bin_of_rank = bin_of_rank.clamp(max=bins - 1)
    bin_of_rank = torch.where(rank < positive, bin_of_rank, bins).clamp(max=bins).to(torch.uint8)
    return torch.empty_like(bin_of_rank).scatter_(1, order, bin_of_rank).reshape(values.shape)


def encode(images, bins: int = BINS, threshold: float = 50.0, radius: int = 8, remainder: str = "silent",
           scale: str = "maximum") -> Tensor:
    """Images (N, H, W) uint8 -> spike times (N, 6, H, W) uint8; `bins` means silent. The three steps above, in batches,
    where `images` lives. Compiled twin: `fast.encode`."""
    images, kernels = as_images(images), dog_kernels(scale=scale)
    times = [intensity_to_latency(local_normalisation(dog_filter(part, threshold, kernels), radius), bins, remainder)
             for part in images.split(BATCH)]
    return torch.cat([torch.empty(0, len(kernels), *images.shape[1:], dtype=torch.uint8, device=images.device), *times])


def check_latency(bins: int, remainder: str) -> None:
    if remainder not in ("silent", "last") or not 1 <= bins <= 254:
        raise ValueError(f"remainder must be 'silent' or 'last' and bins 1 to 254, got {remainder!r} and {bins}")


def as_images(images, side: int = 0) -> Tensor:
    """A tensor (N, H, W), 0..255. Raises ValueError that says what to do with others, or not `side` pixels large."""
    images = torch.as_tensor(images)
    if images.ndim != 3 or side and images.shape[1:] != (side, side):
        raise ValueError(f"the shape must be (N, {side or 'H'}, {side or 'W'}), not {(*images.shape,)}: images[None] "
                         "for one, images.squeeze(1) for a channel axis; grey, not colours; resize (load_image)")
    images = images if images.dtype == torch.uint8 else images.detach().float()
    low, high = images.aminmax() if images.numel() else (0, 0)
    if not 0 <= low <= high <= 255 or 0 < high <= 1:
        raise ValueError(f"pixel values must lie between 0 and 255, these lie between {low:.3g} and {high:.3g}: "
                         "multiply images in 0..1, or of True and False, by 255")
    return images


def spike_wave(times: Tensor, bins: int = BINS) -> Tensor:
    """Spike times (N, C, H, W) -> the spikes of each step (bins, N, C, H, W) float32, at most one per neuron."""
    steps = torch.arange(bins, device=times.device).view(-1, *[1] * times.ndim)
    return (times[None] == steps).to(torch.float32)


def first_spike(wave: Tensor) -> Tensor:
    """Spikes (bins, N, C, H, W) -> the time of each neuron's first spike (N, C, H, W) uint8; `bins` means silent."""
    seen = wave.ne(0).cumsum(0).ne(0)
    return (len(wave) - seen.sum(0)).to(torch.uint8)
