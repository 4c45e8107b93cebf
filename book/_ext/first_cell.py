"""The first cell of a chapter, where the chapter leaves the repository.

In the repository it has a few lines, which find `rstdp` beside the book. The copies that the site offers, those of
`make course` and those of `make colab-check` have this program before them: where `rstdp` is missing it installs it
from where the copy was published, and leaves torch, torchvision and numpy as the host has them.
"""

from __future__ import annotations

import json

INSTALL = '''\
SOURCE = ""  # git address that this copy was published from
import importlib.metadata, importlib.util, os, subprocess, sys
if not getattr(importlib.util.find_spec("rstdp"), "origin", None):  # a mere folder has none
    source = os.environ.get("RSTDP_SOURCE") or SOURCE
    if not source:
        raise RuntimeError("rstdp is missing, and this copy does not know where it was published. Write the git "
                           "address of its repository into SOURCE, the cell's first line, and run it again.")
    try:  # what the host has stays as it is
        host = [f"{name}=={importlib.metadata.version(name)}" for name in ("torch", "torchvision", "numpy")]
    except importlib.metadata.PackageNotFoundError as error:
        raise RuntimeError(f"Install {error.name} first (https://pytorch.org), then run this cell again.") from None
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "git+" + source.removeprefix("git+"), *host]
    if (done := subprocess.run(pip, capture_output=True, text=True)).returncode:
        raise RuntimeError(f"pip could not install rstdp from {source}. Check the address in SOURCE, the cell's "
                           f"first line, and the connection; git has to be there.\\n{done.stderr[-1500:]}")
    importlib.invalidate_caches()
'''


def published(cell: str, source: str) -> str:
    """A chapter's first cell as a copy has it that was published from the git address `source`; "" is unknown."""
    beside = next(line for line in cell.splitlines(keepends=True) if line.startswith("sys.path.append"))
    return INSTALL.replace('SOURCE = ""', f'SOURCE = "{source}"', 1) + cell.partition(beside)[2]


def publish(text: str, source: str) -> str:
    """A notebook's JSON with that cell, in the notebooks that have one."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if "install" in cell["metadata"].get("tags", []):
            cell["source"] = published("".join(cell["source"]), source).splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
