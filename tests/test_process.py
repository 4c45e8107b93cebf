"""How commands end: signals, kills, folders in use, notebooks that stop. Resumed, they give the same bits."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import numpy as np
import psutil
import pytest

from report import ROOT, build
from report.__main__ import main
from rstdp.fast import cache, compiled
from rstdp.show import process

TRAIN = ["train", "--train", "300", "--test", "50", *(word for change in (
    "s1.maps=8", "s2.maps=20", "s3.maps=20", "s1.epochs=2", "s2.epochs=2", "s3.epochs=40")
    for word in ("--set", change))]
CODES = {"INT": 130, "TERM": 143, "HUP": 129, "KILL": -9}


#: a process that gets a signal soon after a checkpoint, and waits for it rather than end before
SIGNALLED = """
import os, threading, time
from rstdp.network import Network
save, saved = Network.save, []
def counted(*arguments, **more):
    saved.append(arguments)
    if len(saved) > {moment} + 2:
        time.sleep(120)
    save(*arguments, **more)
    if len(saved) == {moment}:
        threading.Timer({delay}, os.kill, (os.getpid(), signal.SIG{name})).start()
Network.save = counted
"""


def start(*arguments, package="rstdp", first=""):
    """The command in a process of its own, which signals reach also where pytest ignores them, as under nohup."""
    code = "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n" \
           f"signal.signal(signal.SIGHUP, signal.SIG_DFL)\n{first}\n" \
           f"from {package}.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, text=True,
                            env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
                            stdout=subprocess.DEVNULL)


def weights(path):
    with np.load(path) as data:
        return {name: data[name].tobytes() for name in ("s1", "s2", "s3", "decision_map")}


def half_files(folder):
    return [path for path in folder.rglob("*") if path.suffix in (".tmp", ".lock") or path.name == ".lock"]


def test_signals_at_any_moment_cost_nothing_that_was_saved(tmp_path):
    """Each comes a random while after a random checkpoint: between two passes, in one, or while the next is written."""
    assert start(*TRAIN, "--out", tmp_path / "whole").wait() == 0
    folder, chance = tmp_path / "killed", random.Random(0)
    command = [*TRAIN, "--out", folder, "--cache", tmp_path / "cache"]
    for name in CODES:
        running = start(*command, first=SIGNALLED.format(name=name, moment=chance.randint(1, 7),
                                                         delay=chance.choice((0, 0.002, 0.005, 0.02))))
        error = running.communicate()[1]
        assert running.returncode == CODES[name] and "Traceback" not in error
        if name != "KILL":
            assert error.strip().splitlines()[-1] == "interrupted; the same command goes on from the last checkpoint"
            # the file of a lock that was just being taken may stay; it locks nothing, and the next run removes it
            assert not [path for path in half_files(tmp_path) if path.suffix == ".tmp"]
    assert start(*command).wait() == 0
    assert weights(folder / "weights.npz") == weights(tmp_path / "whole" / "weights.npz")
    assert not half_files(tmp_path)


WORKERS = """
import sys, time
from report.lab import parallel
from rstdp.show import process
print("ready", flush=True)
sys.exit(process.run(lambda: list(parallel.spread(time.sleep, [(600,), (600,)], 2))))
"""


@pytest.mark.parametrize("name", ["TERM", "KILL"])
@pytest.mark.parametrize("busy", [False, True])
def test_workers_end_with_the_command_that_began_them(name, busy):
    """Also where they have only just been begun."""
    running = subprocess.Popen([sys.executable, "-c", WORKERS], cwd=ROOT, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    running.stdout.readline()
    workers = []
    while len(workers) < 2 or (busy and min(each.num_threads() for each in workers) < 2):  # the watch is one
        workers = [each for each in psutil.Process(running.pid).children() if "LokyProcess" in " ".join(each.cmdline())]
        time.sleep(0.01)
    running.send_signal(getattr(signal, f"SIG{name}"))
    assert running.wait() == CODES[name]
    assert not psutil.wait_procs(workers, timeout=60)[1]


def test_an_experiment_in_use_is_refused(tmp_path, capsys):
    (tmp_path / "x.toml").write_text(
        'train = 60\ntest = 20\n[variants.a]\n"s1.maps" = 4\n"s2.maps" = 6\n"s3.maps" = 10\n"s3.epochs" = 1',
        encoding="utf-8")
    command = ["run", str(tmp_path / "x.toml"), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    with process.alone(tmp_path / "out"):
        assert main(command) == 2
    assert capsys.readouterr().err == (f"error: {tmp_path / 'out'} is in use by another run: wait until that ends, or "
                                       "choose another folder\n")
    assert not (tmp_path / "work").exists()


def test_a_folder_in_use_is_refused_until_it_is_free(tmp_path, capsys):
    folder = tmp_path / "run"
    with process.alone(folder):
        (folder / ".checkpoint.npz.7.tmp").write_bytes(b"half")
        with pytest.raises(OSError, match="run is in use by another run: wait until"):
            process.alone(folder).__enter__()
        running = start(*TRAIN, "--out", folder)
        assert "in use" in running.communicate()[1] and running.returncode == 2
        assert list(folder.glob(".*.tmp"))  # only who is alone there tidies up
    with process.alone(folder):
        assert not list(folder.glob(".*.tmp"))
    assert not list(folder.iterdir())


def test_a_killed_process_does_not_keep_others_out(tmp_path):
    code = "import sys, time, pathlib; from rstdp.show import process\n" \
           "with process.alone(pathlib.Path(sys.argv[1])): print(1, flush=True); time.sleep(600)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    holder.stdout.readline()
    with pytest.raises(OSError, match="in use"):
        process.alone(tmp_path).__enter__()
    holder.kill()
    holder.wait()
    with process.alone(tmp_path):
        pass


def test_signals_are_as_before_after_a_command_and_stay_ignored_where_they_were():
    before = signal.getsignal(signal.SIGTERM)
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with process.interruptible():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            with pytest.raises(process.Interrupted) as caught:
                signal.raise_signal(signal.SIGTERM)
            assert caught.value.code == 143
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # a second one ends the process at once
        assert signal.getsignal(signal.SIGTERM) is before
        assert process.run(lambda: signal.raise_signal(signal.SIGTERM)) == 143
    finally:
        signal.signal(signal.SIGHUP, old)


def test_what_a_killed_process_left_of_a_cache_is_written_over(tmp_path):
    import torch

    path = tmp_path / "encode-train-0.npy"
    path.with_suffix(".tmp").write_bytes(b"half")
    times = torch.zeros(3, 6, 4, 4, dtype=torch.uint8)
    assert torch.equal(cache.mapped(path, [times], 3), times)
    assert list(tmp_path.iterdir()) == [path]


# --- notebooks that stop ---


def notebook(path, code):
    cells = [nbformat.v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(code)]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


@pytest.mark.parametrize("code, message", [
    ("1 / 0", "stopped in cell 2: ZeroDivisionError: division by zero"),
    ("import os; os.kill(os.getpid(), 9)", "stopped because its kernel was killed")])
def test_a_chapter_that_stops_is_named_and_the_others_are_kept(code, message, tmp_path, monkeypatch, capsys):
    book, output = tmp_path / "book", tmp_path / "output"
    book.mkdir(), output.mkdir()
    notebook(book / "01-first.ipynb", "print(seed)")
    notebook(book / "02-second.ipynb", code)
    monkeypatch.setattr(build, "chapters", lambda: sorted(book.glob("*.ipynb")))
    times, errors = build.run_chapters({"chapters": {}}, output, jobs=1)
    assert list(times) == ["01-first"] and list(errors) == ["02-second"] and message in errors["02-second"]
    monkeypatch.setattr(build, "build", lambda *_: (tmp_path, errors))
    assert main(["build", "--jobs", "1"]) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(error) == 1 and f"02-second {message}" in error[0]
    kept = json.loads((output / "01-first.ipynb").read_text(encoding="utf-8"))
    assert kept["metadata"]["rstdp"]["seconds"] >= 0
    written = (output / "01-first.ipynb").stat().st_mtime_ns
    assert build.run_chapters({"chapters": {}}, output, jobs=1)[1] == errors
    assert (output / "01-first.ipynb").stat().st_mtime_ns == written


def _die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_one_line():
    from report.lab import parallel

    with pytest.raises(ChildProcessError, match="fewer --jobs"):
        list(parallel.spread(_die, [(1,), (2,)], 2))


# --- other people's machines ---


def test_without_a_cache_that_can_be_written_numba_gets_a_folder_of_the_users_own(tmp_path):
    code = ("from numba.core import caching\n"
            "for each in (caching.InTreeCacheLocator, caching.UserWideCacheLocator):\n"
            "    each.from_function = classmethod(lambda *arguments: None)\n"
            "import rstdp, numba; print(numba.config.CACHE_DIR)")
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    found = subprocess.run([sys.executable, "-c", code], env={**environment, "TMPDIR": str(tmp_path)}, cwd=ROOT,
                           text=True, check=True, capture_output=True).stdout.strip()
    folder = tmp_path / f"rstdp-numba-{os.getuid()}"
    assert found == str(folder) and folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_somebody_else_is_not_taken_for_a_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"rstdp-numba-{os.getuid()}").symlink_to(tmp_path / "theirs")
    assert not compiled.fallback().startswith(str(tmp_path / "rstdp"))


def test_compiled_code_that_takes_in_a_function_changed_elsewhere_is_compiled_anew(tmp_path):
    def twice() -> int:
        code = (f"import pathlib, runpy; runpy.run_path({compiled.__file__!r})['drop_stale'](pathlib.Path('.'))\n"
                "import outer; print(outer.twice())")
        environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
        return int(subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, text=True, check=True,
                                  capture_output=True).stdout)

    jit = "from numba import njit\n\n\n@njit(cache=True)\n"
    (tmp_path / "inner.py").write_text(f"{jit}def value():\n    return 1\n")
    (tmp_path / "outer.py").write_text(f"import inner\n{jit}def twice():\n    return 2 * inner.value()\n")
    assert twice() == 2
    kept = {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*.nb[ic]")}
    assert kept and twice() == 2
    assert {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*.nb[ic]")} == kept  # nothing changed: kept
    (tmp_path / "inner.py").write_text(f"{jit}def value():\n    return 3\n")
    assert twice() == 6


PYTHON = """#!{interpreter}
import sys
sys.version_info = ({version}, 0, "final", 0)
if sys.argv[1] == "-c":
    exec(sys.argv[2])
else:  # python -m venv --clear .venv
    open("made", "a").write(" ".join(sys.argv[1:]))
    sys.exit(1)
"""


@pytest.fixture()
def make(tmp_path):
    """`make setup` in an empty folder, with a Python that says it is of some version."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()

    def run(version, *arguments):
        pretended(tmp_path / "python", version)
        return subprocess.run(["make", "setup", "PYTHON=./python", *arguments], cwd=tmp_path, text=True,
                              capture_output=True, env={**os.environ, "MAKEFLAGS": ""})
    return run


def pretended(path, version):
    path.write_text(PYTHON.format(interpreter=sys.executable, version=version), encoding="utf-8")
    path.chmod(0o755)


def test_setup_refuses_an_old_python_and_leaves_nothing(make, tmp_path):
    ran = make("3, 10")
    assert ran.returncode and "this needs Python 3.11 or newer, and ./python is 3.10" in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Makefile", "python", "requirements.txt"]


@pytest.mark.parametrize("state", ["missing", "no interpreter", "dead link", "too old", "sound"])
def test_setup_makes_a_broken_environment_anew(state, make, tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / ".ready").touch()  # it was sound once
    python = tmp_path / ".venv" / "bin" / "python"
    if state == "missing":
        shutil.rmtree(tmp_path / ".venv")
    elif state == "dead link":
        python.symlink_to("/nowhere/python3")
    elif state != "no interpreter":
        pretended(python, "3, 12" if state == "sound" else "3, 10")
    make("3, 13")
    assert (tmp_path / "made").exists() == (state != "sound")
    if state != "sound":
        assert (tmp_path / "made").read_text(encoding="utf-8") == "-m venv --clear .venv"


def test_a_signal_while_a_cache_is_locked_leaves_nothing_behind(tmp_path, monkeypatch):
    """As far as a program can tell: the file of the lock is there, and whoever was to hold it is interrupted."""
    class Interrupted(cache.FileLock):
        def __enter__(self):
            super().__enter__()
            self.release()
            raise SystemExit(129)

    monkeypatch.setattr(cache, "FileLock", Interrupted)
    with pytest.raises(SystemExit):
        cache.mapped(tmp_path / "times.npy", [], 0)
    assert not list(tmp_path.iterdir())
