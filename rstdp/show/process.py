"""How a command runs and ends: alone in its folder; a mistake in one line; a signal as an interrupt."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ..data import DataError

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def alone(folder: Path, wait: float = 0) -> Iterator[None]:
    """Keep other processes out of a folder for a while; what a killed one has left half written there is removed.

    wait: seconds to give another that is about to end. Raises OSError that names the folder where it is in use. The
    system frees the folder of a process that is killed; the file that holds the lock is then removed by the next.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=wait)
    try:
        lock.acquire()
    except Timeout:
        raise OSError(f"{folder} is in use by another run: wait until that ends, or choose another folder") from None
    try:
        for left in folder.glob(".*.tmp"):  # as `files.write_whole` names them
            left.unlink()
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


class Interrupted(SystemExit):
    """A signal came. No KeyboardInterrupt: where that has passed through `exec`, Python ends with another code."""


@contextlib.contextmanager
def interruptible() -> Iterator[list[int]]:
    """Within, TERM and HUP interrupt as the keyboard does, whatever is running; a second one ends the process at once.

    Yields a list that gets the signal's number; raises Interrupted, whose code is 128 and that number. What is
    ignored, as HUP under nohup, stays ignored.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}

    came: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        came.append(number)
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        raise Interrupted(128 + number)

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(command: Callable[[], int | None], resumes: str = "") -> int:
    """The exit code of a command: 2 after an expected mistake, 128 and the signal's number after a signal.

    Either ends in one line on standard error; resumes: what it says of an interrupted command.
    """
    came: list[int] = []
    try:
        with interruptible() as came:
            return command() or 0
    except BaseException as error:
        if came or isinstance(error, KeyboardInterrupt):  # joblib, about to start, raises its own
            code, line = 128 + (came or [signal.SIGINT])[0], f"\ninterrupted{resumes and '; '}{resumes}"
        elif isinstance(error, ValueError | DataError | OSError):
            code, line = 2, f"error: {error}"
        else:
            raise
    with contextlib.suppress(OSError):  # the terminal may be what has gone
        print(line, file=sys.stderr, flush=True)
    return code
