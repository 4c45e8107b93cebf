"""Claim 3b: decisions by the first spike of S3 do not compete with decisions by its highest potential."""

from ..lab.additions import claim

CLAIM = claim("3b. First-spike decisions do not compete", "first-spike")
