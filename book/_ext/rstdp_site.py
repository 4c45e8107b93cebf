"""A Sphinx extension: a button that leads to the repository the book is built from.

Where the book is built from a GitHub repository, each page gets a button to it; elsewhere it gets none, because there
is nothing that the button could open.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

REMOTE = re.compile(r"(?:https?://(?:[^/@]*@)?|ssh://git@|git@)github\.com(?::\d+)?[:/]"
                    r"([\w.-]+)/([\w.-]+?)(?:\.git)?/?$")


def git(folder: Path, *arguments: str) -> str:
    """What git prints, or an empty string where there is no git, no repository or no such thing."""
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def repository(environment: Mapping[str, str], folder: Path) -> tuple[str, str] | None:
    """(address, branch) of the GitHub repository that `folder` belongs to, or None.

    GITHUB_REPOSITORY comes first, then git's remote "origin". On a pull request GITHUB_REF_NAME is "N/merge", which
    is no branch, so the branch that it wants to change is taken.
    """
    name = environment.get("GITHUB_REPOSITORY", "")
    if name and environment.get("GITHUB_SERVER_URL", "https://github.com") == "https://github.com":
        branch = environment.get("GITHUB_BASE_REF") or ""
        if not branch and environment.get("GITHUB_REF_TYPE", "branch") == "branch":
            branch = environment.get("GITHUB_REF_NAME", "")
        return f"https://github.com/{name}", branch or "main"
    match = REMOTE.match(git(folder, "remote", "get-url", "origin"))
    if match is None:
        return None
    default = git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    return f"https://github.com/{match[1]}/{match[2]}", default or "main"


def configure(app, config) -> None:
    """Set the theme's options before the theme reads them."""
    found = repository(os.environ, Path(app.srcdir))
    options = config.html_theme_options
    if found is None:
        options.pop("repository_url", None)
        return
    options["repository_url"], options["repository_branch"] = found
    options["path_to_docs"] = ""
    options["use_repository_button"] = True


def setup(app) -> dict:
    app.connect("config-inited", configure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
