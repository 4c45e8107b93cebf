"""Images in a new order in every pass over S3. SpykeTorch shows them in data order; an earlier script shuffles.

The order follows from the seed and the pass, so that a run that resumes goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from rstdp import learning
from rstdp.learning import Passes

from ...lab import registry
from ..reward import short_run


def order(images: int, seed: int, epoch: int) -> torch.Tensor:
    """In which order so many images are shown."""
    return torch.from_numpy(np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(images))


@registry.passes("shuffled")
class ShuffledPasses(Passes):
    """S3 learns by R-STDP from shuffled images."""

    def rstdp(self, network, times, labels, phi, on_images):
        now = order(len(times), network.seed, self.epoch)
        return learning.rstdp_epoch(network, times[now], labels[now], phi, on_images)


@registry.fingerprint("shuffled")
def probe() -> Iterator:
    """A short run."""
    yield from short_run(ShuffledPasses())
