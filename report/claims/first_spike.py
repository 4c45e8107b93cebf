"""Claim 3b: decisions by the first spike of S3 do not compete with decisions by its highest potential."""

from ..lab.additions import RULE, choices, judged, no_figure, variants
from ..lab.claim import Claim

CLAIM = Claim("3b. First-spike decisions do not compete", no_figure, lambda folders: judged(folders, "first-spike"),
              RULE, ("first-spike", "s3-rule"), (lambda page: variants(page, "first-spike"),), "first-spike",
              lambda folders: choices(folders, "first-spike"))
