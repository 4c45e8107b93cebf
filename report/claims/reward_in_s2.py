"""Claim 3a: R-STDP in S2 beside S3 does not help on task 1."""

from ..lab.additions import claim

CLAIM = claim("3a. R-STDP in S2 as well does not help", "s2-reward")
