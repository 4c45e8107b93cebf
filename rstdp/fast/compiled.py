"""Where compiled functions are kept between two starts: numba's own places, or else a folder that can be written.

numba compiles anew what has changed itself, but not what takes in a function of another file that has: `drop_stale`
removes that.
"""

import contextlib
import os
import tempfile
from pathlib import Path

import numba


def fallback() -> str:
    """A folder of the present user's in the folder for temporary files; a new one where somebody else has its name."""
    folder = Path(tempfile.gettempdir(), f"rstdp-numba-{os.getuid() if hasattr(os, 'getuid') else ''}")
    folder.mkdir(mode=0o700, exist_ok=True)
    mine = not hasattr(os, "getuid") or (folder.lstat().st_uid == os.getuid() and not folder.is_symlink())
    return str(folder) if mine else tempfile.mkdtemp()


def drop_stale(folder: Path) -> None:
    """Remove what was compiled beside the sources in this folder before one of them, or of this package, changed."""
    sources = {*folder.rglob("*.py"), *Path(__file__).parent.glob("*.py")}
    newest = max(each.stat().st_mtime_ns for each in sources)
    for kept in folder.rglob("*.nb[ic]"):
        with contextlib.suppress(OSError):  # another process was first, or the folder cannot be written
            if kept.stat().st_mtime_ns < newest:
                kept.unlink()


drop_stale(Path(__file__).parent)
try:
    numba.njit(cache=True)(lambda: None)
except RuntimeError:  # neither __pycache__ nor the user's own cache can be written, as under another user's id
    numba.config.CACHE_DIR = fallback()
