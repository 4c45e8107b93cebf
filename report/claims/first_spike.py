"""Claim 3b: decisions by the first spike of S3 do not compete with decisions by its highest potential."""

from ..lab.additions import judged, no_figure, variants
from . import Claim

CLAIM = Claim("3b. First-spike decisions do not compete", no_figure, lambda folders: judged(folders, "first-spike"),
              "task 1", (lambda page: variants(page, "first-spike"),), "first-spike")
