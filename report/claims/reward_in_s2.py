"""Claim 3a: R-STDP in S2 beside S3 does not help on task 1."""

from ..lab.additions import judged, no_figure, variants
from . import Claim

CLAIM = Claim("3a. R-STDP in S2 as well does not help", no_figure, lambda folders: judged(folders, "s2-reward"),
              "task 1", (lambda page: variants(page, "s2-reward"),), "s2-reward")
