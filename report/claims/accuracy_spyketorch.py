"""Claim 1b: the paper's accuracy with the parameters of SpykeTorch, the authors' public code."""

from ..lab.accuracy import choices, ending, judged
from ..lab.claim import Claim
from ..lab.published import on_mnist
from ..lab.results import LONG
from ..lab.statistics import SINGLE

CLAIM = Claim("1b. Accuracy on MNIST, SpykeTorch's parameters", on_mnist,
              lambda folders: judged(folders, "paper", "spyketorch"), SINGLE, LONG,
              (lambda page: ending(page, "spyketorch"),), "curves",
              lambda folders: choices(folders, "paper", "spyketorch"))
