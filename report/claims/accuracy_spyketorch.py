"""Claim 1b: the paper's accuracy with the parameters of SpykeTorch, the authors' public code."""

from ..lab.accuracy import ending, judged
from ..lab.published import on_mnist
from . import Claim

CLAIM = Claim("1b. The same, SpykeTorch's parameters", on_mnist,
              lambda folders: judged(folders, "paper", "spyketorch"),
              "learning curves", (lambda page: ending(page, "spyketorch"),), "curves")
