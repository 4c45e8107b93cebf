"""Run every chapter as Colab or a plain Jupyter would: `make colab-check`.

A new virtual environment holds only what Colab has, as the newest tests/colab-DATE.txt says. Each chapter runs in an
empty folder, and its first cell installs rstdp from this repository's last commit. rstdp and what came with it are
removed before the next chapter starts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from first_cell import publish

COLAB = sorted((ROOT / "tests").glob("colab-*.txt"))[-1]
PYTHON = re.search(r"Python (\d+\.\d+)", COLAB.read_text())[1]


def call(*command: str | Path, cwd: Path = ROOT, **variables: str) -> str:
    """Standard output; a failure ends the check. In the environment nothing leads to this checkout."""
    inherited = {name: value for name, value in os.environ.items()
                 if name not in ("PYTHONPATH", "JUPYTER_PATH", "VIRTUAL_ENV", "RSTDP_DATA", "RSTDP_SOURCE")}
    done = subprocess.run(command, cwd=cwd, env=inherited | variables, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def installed(python: Path) -> dict[str, str]:
    return {package["name"]: package["version"] for package in
            json.loads(call(python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"))}


def run(chapter: Path, python: Path, folder: Path, source: str) -> float:
    """Seconds that the chapter took. Raises where a cell fails or the first one prints anything; in a student copy, as
    `make course` writes it, where nothing is missing."""
    copy = folder / chapter.stem / chapter.name
    shutil.rmtree(copy.parent, ignore_errors=True)
    copy.parent.mkdir()
    text = chapter.read_text(encoding="utf-8")
    copy.write_text(text if "RSTDP_SOURCE" in text else publish(text, source), encoding="utf-8")
    started = time.perf_counter()
    student = "raise NotImplementedError" in text
    call(python.with_name("jupyter-execute"), "--inplace", "--timeout=600", "--startup_timeout=300",
         *(["--allow-errors"] if student else []), copy.name, cwd=copy.parent, RSTDP_SOURCE=source)
    cells = [cell for cell in json.loads(copy.read_text())["cells"] if cell["cell_type"] == "code"]
    assert not cells[0]["outputs"], f"the first cell is not quiet: {cells[0]['outputs']}"
    raised = {output["ename"] for cell in cells for output in cell["outputs"] if output["output_type"] == "error"}
    assert ("NotImplementedError" in raised) == student, f"a student copy asks for what is missing: {raised}"
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", type=Path, help="notebooks; all chapters by default")
    parser.add_argument("--folder", type=Path, help="an empty or new folder to keep the environment and the executed "
                        "chapters in; given again, the environment is used again")
    options = parser.parse_args()
    chapters = options.chapters or sorted((ROOT / "book").glob("[0-9]*.ipynb"))
    source = f"git+{ROOT.as_uri()}@{call('git', 'rev-parse', 'HEAD').strip()}"
    if call("git", "status", "--porcelain", "--", "rstdp", "pyproject.toml"):
        print("note: changes in rstdp that are not committed are not tested")
    if sys.version_info[:2] != tuple(map(int, PYTHON.split("."))):
        print(f"note: Colab has Python {PYTHON}, this is {sys.version.split()[0]} (make colab-check PYTHON=...)")
    started = time.perf_counter()
    with contextlib.nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as name:
        folder, python = Path(name).resolve(), Path(name).resolve() / "venv" / "bin" / "python"
        if not python.exists():
            call(sys.executable, "-m", "venv", folder / "venv")
            call(python, "-m", "pip", "install", "--no-compile", "-r", COLAB)
        host = installed(python)
        print(f"environment: {len(host)} packages, {time.perf_counter() - started:.0f} s", flush=True)
        for chapter in chapters:
            print(f"{chapter.stem}: {run(chapter, python, folder, source):.0f} s", flush=True)
            now = installed(python)
            assert "rstdp" in now and host.items() <= now.items(), "a package of the host was replaced or removed"
            call(python, "-m", "pip", "uninstall", "--yes", *(now.keys() - host.keys()))
    print(f"{len(chapters)} chapters passed in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
