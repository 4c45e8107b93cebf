"""A Sphinx extension: a notebook that a reader downloads knows where it was published from.

The copies that the site offers begin with a cell that installs rstdp where it is missing (first_cell.py), from the git
address that this build comes from; the notebooks in the repository name no owner, so a fork's copies lead to the fork.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from first_cell import publish
from rstdp_site import repository


def source(environment: Mapping[str, str], folder: Path) -> str:
    """RSTDP_SOURCE, or the GitHub repository at the commit (in a workflow) or branch that is built; else nothing."""
    if environment.get("RSTDP_SOURCE"):
        return environment["RSTDP_SOURCE"]
    found = repository(environment, folder)
    if found is None:
        return ""
    address, branch = found
    on_branch = environment.get("GITHUB_SHA") and not environment.get("GITHUB_BASE_REF")  # else a trial merge
    return f"{address}@{environment['GITHUB_SHA'] if on_branch else branch}"


def fill(app, exception) -> None:
    """Let the notebooks beside the built pages install rstdp from there."""
    if exception is None:
        address = source(os.environ, Path(app.srcdir))
        copies = Path(app.outdir) / "_sources"
        for path in copies.rglob("*.ipynb"):  # a copy that an earlier build has left may be published already
            chapter = Path(app.srcdir) / path.relative_to(copies)
            path.write_text(publish(chapter.read_text(encoding="utf-8"), address), encoding="utf-8")


def setup(app) -> dict:
    app.connect("build-finished", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
