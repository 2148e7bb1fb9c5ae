"""Worker processes of this machine: starts them, keeps signals from them, and ends them with the run.

Not here: other machines (``dask_cluster.py``), and what a worker does (``job.py``).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")

_FROM_TERMINAL = {signal.SIGINT, signal.SIGHUP}
_ENDING = _FROM_TERMINAL | {signal.SIGTERM}


@dataclass(frozen=True)
class WorkerPool:
    """An executor with ``size`` workers; ``alive`` tells whether any worker is left."""

    executor: Executor
    size: int
    alive: Callable[[], bool] = lambda: True


@contextmanager
def processes(count: int) -> Iterator[WorkerPool]:
    """Starts ``count`` processes, and ends them at the end, in the middle of their work if need be.

    Each waits at a pipe that is never written to: when this process closes its end, or is killed, they end too.
    Only this process is interrupted by Ctrl-C. The processes are spawned, as on macOS, so they inherit nothing.
    """
    context = multiprocessing.get_context("spawn")
    end, kept = context.Pipe(duplex=False)
    with _signals_blocked():  # Python starts a process of its own with it
        executor = _SignalSafeExecutor(count, context, _begin, (end,))
    try:
        yield WorkerPool(executor, count)
    finally:
        with _cancellation_errors_hidden():
            kept.close()
            executor.shutdown(wait=True, cancel_futures=True)
        end.close()


@contextmanager
def _cancellation_errors_hidden() -> Iterator[None]:
    """Hides an error of Python before 3.12, whose pool thread sets an exception on cancelled work."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, InvalidStateError):
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


class _SignalSafeExecutor(ProcessPoolExecutor):
    """Starts its processes with signals blocked."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        with _signals_blocked():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Blocks signals while processes start, so that Ctrl-C and a closed terminal do not reach them.

    Processes inherit the mask. A signal that comes meanwhile is delivered afterwards: it must not interrupt the start
    of a process half way.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(end: Connection) -> None:
    """Prepares a worker process before its first work."""
    for number in _FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    threading.Thread(target=_end_with, args=(end,), daemon=True).start()


def _end_with(end: Connection) -> None:
    try:
        end.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)  # nothing of a worker has to be kept; the process that began the run drops its databases


def cores() -> int:
    """Returns the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1
