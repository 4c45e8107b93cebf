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
    "s1.maps=8", "s2.maps=20", "s3.maps=20", "s1.epochs=2", "s2.epochs=2", "s3.epochs=12")
    for word in ("--set", change))]
CODES = {"INT": 130, "TERM": 143, "HUP": 129, "KILL": -9}


def start(*arguments, package="rstdp"):
    """The command in a process of its own, which a signal from the keyboard reaches also where pytest ignores it."""
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); " \
           f"from {package}.__main__ import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, text=True,
                            env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
                            stdout=subprocess.DEVNULL)


def wait_for(seen, running):
    """Until something is there."""
    while not seen() and running.poll() is None:
        time.sleep(0.01)


def weights(path):
    with np.load(path) as data:
        return {name: data[name].tobytes() for name in ("s1", "s2", "s3", "decision_map")}


def half_files(folder):
    return [path for path in folder.rglob("*") if path.suffix in (".tmp", ".lock") or path.name == ".lock"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert start(*TRAIN, "--out", folder).wait() == 0
    return weights(folder / "weights.npz")


@pytest.mark.parametrize("name", CODES)
def test_a_signal_at_any_moment_costs_nothing_that_was_saved(name, undisturbed, tmp_path):
    """Each after a random number of checkpoints, of which there are seventeen."""
    command, path = [*TRAIN, "--out", tmp_path / "run", "--cache", tmp_path / "cache"], tmp_path / "run/checkpoint.npz"
    written, moments = 0, set(random.Random(name).sample(range(1, 18), 2))
    for moment in sorted(moments):
        running = start(*command)
        before = path.stat().st_mtime_ns if path.exists() else 0
        while written < moment and running.poll() is None:
            now = path.stat().st_mtime_ns if path.exists() else 0
            written, before = written + (now != before), now
            time.sleep(0.001)
        running.send_signal(getattr(signal, f"SIG{name}"))
        error = running.communicate()[1]
        assert running.returncode in (CODES[name], 0)
        if name != "KILL" and running.returncode:
            assert error.strip().splitlines()[-1].startswith("interrupted; the same command goes on")
            assert "Traceback" not in error and not half_files(tmp_path)
    assert start(*command).wait() == 0
    assert weights(tmp_path / "run" / "weights.npz") == undisturbed
    assert not half_files(tmp_path)


@pytest.mark.parametrize("name", ["TERM", "KILL"])
def test_workers_end_with_the_command_that_began_them(name, tmp_path):
    """Also where they are in a pass that would take minutes, and the next command is not kept out by them."""
    (tmp_path / "x.toml").write_text(
        'train = 300\ntest = 50\nseeds = [0, 1]\n[variants.a]\n"s1.maps" = 8\n"s2.maps" = 20\n"s3.maps" = 20\n'
        '"s1.epochs" = 1\n"s2.epochs" = 1\n"s3.epochs" = 100000\n', encoding="utf-8")
    command = ["run", tmp_path / "x.toml", "--out", tmp_path / "out", "--work", tmp_path / "work", "--jobs", "2"]
    running = start(*command, package="report")
    wait_for(lambda: len(list(tmp_path.glob("work/*/accuracy.csv"))) == 2, running)
    assert main(list(map(str, command))) == 2  # the folder is in use
    workers = psutil.Process(running.pid).children(recursive=True)
    assert len(workers) >= 2
    running.send_signal(getattr(signal, f"SIG{name}"))
    assert name == "KILL" or "Traceback" not in running.communicate()[1]
    assert running.wait() == CODES[name]
    assert not psutil.wait_procs(workers, timeout=60)[1]
    with process.alone(tmp_path / "out"), process.alone(tmp_path / "work" / "a-0"):
        pass
    assert not half_files(tmp_path / "out")


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
    ("1 / 0", "02-second.ipynb stopped in cell 2: ZeroDivisionError: division by zero"),
    ("import os; os.kill(os.getpid(), 9)", "02-second.ipynb stopped because its kernel was killed")])
def test_a_chapter_that_stops_is_named_and_the_others_are_kept(code, message, tmp_path, monkeypatch, capsys):
    for folder in ("book", "presets"):
        (tmp_path / folder).mkdir()
    notebook(tmp_path / "book" / "01-first.ipynb", "print(seed)")
    notebook(tmp_path / "book" / "02-second.ipynb", code)
    (tmp_path / "presets" / "tiny.toml").write_text("experiments = []", encoding="utf-8")
    monkeypatch.setattr(build, "BOOK", tmp_path / "book")
    monkeypatch.setattr(build, "REPORT", tmp_path)
    for _ in range(2):
        assert main(["build", "--preset", "tiny", "--jobs", "1"]) == 1
        error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
        assert len(error) == 1 and message in error[0]
    kept = json.loads((tmp_path / "output" / "tiny" / "01-first.ipynb").read_text(encoding="utf-8"))
    assert kept["metadata"]["rstdp"]["seconds"] >= 0


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
