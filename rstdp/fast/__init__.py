"""The compiled twins: same names, arguments and results as the readable functions, equal to the bit. Book chapter: 08.

| here | readable twin |
|---|---|
| `encode` | `encoding.encode` |
| `conv_times`, `pooled_times`, `final_potentials` | `layers` |
| `find_winners`, `Readout` | `competition` |
| `learn_stdp`, `rstdp_learner` | `learning` |

Layouts, grids and numba stay in here: what goes in and out are tensors. `layers` tells how sums stay exact, `forward`
where counting does, `s3` how most sums are left out. `batched` trains many seeds at once on a device, `cache` keeps
spike times on disk; `normal` draws first weights that are the same on every processor.
"""

from . import cache, compiled  # noqa: F401  # before the others: it finds a place for what numba compiles
from .conv import final_potentials
from .draw import normal
from .encoding import encode
from .forward import conv_times, pooled_times
from .s3 import Readout, rstdp_learner
from .stdp import RULES, find_winners, learn_stdp

__all__ = ["RULES", "Readout", "cache", "conv_times", "encode", "final_potentials", "find_winners", "learn_stdp",
           "normal", "pooled_times", "rstdp_learner"]
