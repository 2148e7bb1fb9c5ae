"""Workers as processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")

_OF_A_TERMINAL = {signal.SIGINT, *({signal.SIGHUP} if hasattr(signal, "SIGHUP") else ())}
_ENDING = _OF_A_TERMINAL | {signal.SIGTERM}


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """``count`` processes, all ended when this is left, in the middle of whatever they do.

    Each is on a leash, a pipe that nobody writes to: when this process lets go of its end, by killing too, they end.
    Interrupts are for this process alone. They are spawned, as Windows and macOS have it, so they inherit nothing.
    """
    context = multiprocessing.get_context("spawn")
    end, leash = context.Pipe(duplex=False)
    with _undisturbed():  # Python starts a process of its own with it
        executor = _Uninterrupted(count, context, _leashed, (end,))
    try:
        yield executor
    finally:
        with _no_word_of_what_is_cancelled():
            leash.close()
            executor.shutdown(wait=True, cancel_futures=True)
        end.close()


@contextmanager
def _no_word_of_what_is_cancelled() -> Iterator[None]:
    """Before Python 3.12 the pool's thread tells also cancelled work that the processes ended, and stumbles over it."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, InvalidStateError):
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


class _Uninterrupted(ProcessPoolExecutor):
    """Starts its processes undisturbed."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        with _undisturbed():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Starts processes that Ctrl-C and a closed terminal, which are for all in the foreground, leave alone.

    A mask is inherited. A signal that comes meanwhile is delivered afterwards, so that none parts the two halves of
    starting a process: it would complain of what it was not told.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leashed(end: Connection) -> None:
    """The first thing that a worker does."""
    for number in _OF_A_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    threading.Thread(target=_end_with, args=(end,), daemon=True).start()


def _end_with(end: Connection) -> None:
    try:
        end.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)  # nothing of a worker is worth keeping; its databases are dropped by whoever began the run


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1
