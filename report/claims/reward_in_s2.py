"""Claim 3a: R-STDP in S2 beside S3 does not help on task 1."""

from ..lab.additions import RULE, choices, judged, no_figure, variants
from ..lab.claim import Claim

CLAIM = Claim("3a. R-STDP in S2 as well does not help", no_figure, lambda folders: judged(folders, "s2-reward"),
              RULE, ("s2-reward", "s3-rule"), (lambda page: variants(page, "s2-reward"),), "s2-reward",
              lambda folders: choices(folders, "s2-reward"))
