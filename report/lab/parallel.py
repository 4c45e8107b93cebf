"""Runs side by side, in processes that end with the one that has begun them, whatever ends it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import LokyBackend, get_active_backend


def spread(function: Callable, tasks: Iterable[tuple], jobs: int, ordered: bool = False) -> Iterator:
    """function(*task) of every task, `jobs` at a time (-1: one a core), in order or as they finish.

    Raises ChildProcessError where the system has killed a process.
    """
    # each process of joblib's own watches from its first moment; on a cluster processes are not ours to end
    own = isinstance(get_active_backend()[0], LokyBackend)
    ours = {"initializer": _watch, "initargs": (os.getpid(),)} if own else {}
    done = Parallel(n_jobs=jobs, return_as="generator" if ordered else "generator_unordered", **ours)(
        delayed(function)(*task) for task in tasks)
    try:
        yield from done
    except TerminatedWorkerError:
        raise ChildProcessError("a process of those that run side by side was killed, perhaps because memory ran out "
                                "(fewer --jobs need less); the same command goes on where it stopped") from None


def _watch(parent: int) -> None:
    """End this process when it has another parent, perhaps already."""
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the keyboard interrupts both, and the parent knows what to do
    threading.Thread(target=watch, daemon=True).start()
