"""Claim 1a: the paper's accuracy with the paper's parameters."""

from ..lab.accuracy import ending, judged
from ..lab.published import on_mnist
from . import Claim

CLAIM = Claim("1a. Accuracy on MNIST, the paper's parameters", on_mnist,
              lambda folders: judged(folders, "paper", "paper"),
              "learning curves", (lambda page: ending(page, "paper"),), "curves")
