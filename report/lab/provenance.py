"""Where a result comes from: code, versions, data, machine, time. Every recorded result carries this.

A result is stale when the code computes something else since. What the code computes is known by fingerprints of tiny
runs: `behaviour` of the core, and one of each study (`registry.fingerprint`), so that a changed study makes its own
results stale and no others.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

import rstdp
from rstdp.config import CONFIGS
from rstdp.files import write_text
from rstdp.learning import learn_stdp, rstdp_epoch
from rstdp.network import Network
from rstdp.plasticity import DoublingRate

from .. import REPORT, ROOT
from . import registry

PACKAGE = Path(rstdp.__file__).parent
CORE = "core"  #: the name of `behaviour` among the fingerprints that a result needs
LIBRARIES = ("torch", "spikingjelly", "torchvision", "numpy", "numba", "scikit-learn")


@functools.cache
def behaviour() -> str:
    """Fingerprint of what the code computes: a tiny run of both configurations, from pixels to weights.

    Results recorded under another fingerprint are stale. Faster or tidier code that computes the same keeps it.
    """
    digest, random = hashlib.sha256(), np.random.default_rng(0)
    images = torch.from_numpy(np.kron(random.integers(0, 256, (16, 7, 7)), np.ones((4, 4))).astype(np.uint8))
    labels = torch.arange(16) % 10
    for config in CONFIGS.values():  # with one kind of DoG kernel: the choice is younger than the first recorded runs
        network = Network(config.replace({"dog_scale": "maximum",
                                          "s1.maps": 8, "s2.maps": 12, "s3.maps": 20, "batch": 6, "s1.double_every": 5,
                                          "s2.double_every": 5, "s2.threshold": 4}))
        times = network.encode(images)
        digest.update(times.numpy().tobytes())
        for name in ("s1", "s2"):
            rate = DoublingRate.of(network.layer(name))
            for _ in range(3):
                learn_stdp(network, name, times, rate)
            times = network.pooled(name, times)
        phi = (1.0, 1.0)
        for _ in range(2):
            _, phi = rstdp_epoch(network, times, labels, phi)
        for part in (*network.weights.values(), network.classify(images)):
            digest.update(part.numpy().tobytes())
    return digest.hexdigest()[:12]


@functools.cache
def fingerprint(name: str) -> str:
    """Fingerprint of what a study computes, by the name it registered, or of the "core"."""
    return behaviour() if name == CORE else digest(registry.all_fingerprints()[name].probe())


@functools.cache
def remembered(name: str) -> str:
    """`fingerprint`, from report/work where the same source has computed it here before: for a quick look."""
    path, known = REPORT / "work" / "fingerprints.json", {}
    code = digest([source(PACKAGE, REPORT), versions(), processor()])
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(path.read_bytes())
    if known.get("code") != code:
        known = {"code": code}
    if name not in known:
        known[name] = fingerprint(name)
        with contextlib.suppress(OSError):
            write_json(path, known)
    return known[name]


def digest(parts: Iterable) -> str:
    """Arrays, tensors and plain values in one fingerprint of 12 digits."""
    found = hashlib.sha256()
    for part in parts:
        plain = not isinstance(part, torch.Tensor | np.ndarray)
        found.update(repr(part).encode() if plain else np.ascontiguousarray(part).tobytes())
    return found.hexdigest()[:12]


def stale(facts: dict, needs: Iterable[str], now: Callable[[str], str] | None = None) -> list[str]:
    """Why a result is not what this code would give, [] where it is current.

    facts: what `describe` gave when it was recorded; needs: the fingerprints that it depends on; now: what gives them,
    `fingerprint` or `remembered`. Results from before studies had fingerprints count as if they carried the first.
    """
    reasons, known = [], registry.all_fingerprints()
    for name in needs:
        if name == CORE:
            recorded, reason = facts.get("behaviour"), "the code computes something else since"
        elif name in known:
            recorded = facts.get("studies", {}).get(name, known[name].first)
            reason = f"what `{name}` computes has changed since"
        else:
            reasons.append(f"there is no `{name}` any more")
            continue
        if recorded != (now or fingerprint)(name):
            reasons.append(reason)
    return reasons


def source(*folders: Path) -> str:
    """Fingerprint of the source in these folders, by default the package's: is an executed notebook up to date?"""
    paths = sorted(path for folder in folders or (PACKAGE,) for path in folder.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def commit() -> str:
    """The git commit of the code, with "+changes" where the working tree differs; else its version and `source`.

    A repository that merely surrounds the code, or `rstdp` from elsewhere, has no commit that would name it.
    """
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, encoding="utf-8",
                              check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "rstdp/__init__.py", "report/__init__.py")
        if ROOT.samefile(git("rev-parse", "--show-toplevel")) and PACKAGE.samefile(ROOT / "rstdp"):
            changed = git("status", "--porcelain", "--", "rstdp", "report", ":!report/results")
            return git("rev-parse", "HEAD")[:12] + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        pass
    return f"none (no repository; version {rstdp.__version__}, source {source()})"


def processor() -> str:
    """The name of the CPU, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
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


def peak_memory_mb() -> int | None:
    """The most memory that this process has held so far, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if platform.system() == "Linux" else 2**20)


def write_json(path: Path, facts) -> None:
    """Write plain types as JSON, whole or not at all."""
    write_text(path, json.dumps(facts, indent=1))


def describe(needs: Iterable[str] = (), **facts) -> dict:
    """Provenance as plain types: the present code, versions, machine and time, and what the caller adds.

    needs: the fingerprints of studies that the result depends on.
    """
    return {
        "commit": commit(),
        "behaviour": behaviour(),
        "studies": {name: fingerprint(name) for name in needs if name != CORE},
        "versions": versions(),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform(terse=True)},
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **facts,
    }
