"""Where a result comes from: code, versions, data, machine, time. Every recorded result carries this."""

from __future__ import annotations

import ast
import datetime
import hashlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).parent
MODULES = ("competition", "config", "encoding", "kernels", "kernels_s3", "layers", "learning", "network", "neuron",
           "plasticity")
LIBRARIES = ("torch", "spikingjelly", "torchvision", "numpy", "numba", "scikit-learn")


def code_digest() -> str:
    """Fingerprint of the code that decides a result, comments and docstrings aside; with another one it is stale."""
    digest = hashlib.sha256()
    for name in MODULES:
        tree = ast.parse((PACKAGE / f"{name}.py").read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(
                    getattr(body[0], "value", None), ast.Constant):
                del body[0]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:12]


def commit() -> str:
    """The git commit of the code, with "+changes" where the working tree differs; "unknown" outside a checkout."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(PACKAGE.parent), *arguments], capture_output=True, text=True,
                              check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD")[:12] + ("+changes" if git("status", "--porcelain", "--", "rstdp") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def processor() -> str:
    """The name of the CPU, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Python and the libraries that a result depends on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def describe(**facts) -> dict:
    """Provenance as plain types: the present code, versions, machine and time, and what the caller adds."""
    return {
        "commit": commit(),
        "code": code_digest(),
        "versions": versions(),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform(terse=True)},
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **facts,
    }
