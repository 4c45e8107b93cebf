"""Claim 1a: the paper's accuracy with the paper's parameters."""

from ..lab.accuracy import choices, ending, judged
from ..lab.claim import Claim
from ..lab.published import on_mnist
from ..lab.results import LONG
from ..lab.statistics import SINGLE

CLAIM = Claim("1a. Accuracy on MNIST, the paper's parameters", on_mnist,
              lambda folders: judged(folders, "paper", "paper"), SINGLE, LONG,
              (lambda page: ending(page, "paper"),), "curves", lambda folders: choices(folders, "paper", "paper"))
