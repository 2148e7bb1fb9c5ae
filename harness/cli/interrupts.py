"""Ctrl-C and its like end a run the way an exception does: what was begun is undone on the way out."""

from __future__ import annotations

import gc
import signal
from types import FrameType

_AGAIN_SECONDS = 0.001
_seen: list[int] = []


def install() -> None:
    """SIGINT, SIGTERM and SIGHUP raise :class:`KeyboardInterrupt`, unless whoever started us wants them ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _would_be_lost(frame):
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        return
    _seen.append(number)
    raise KeyboardInterrupt


def seen() -> bool:
    """Whether a run was interrupted: what it ends with may be another exception, raised on the way out."""
    return bool(_seen)


def _would_be_lost(frame: FrameType | None) -> bool:
    """Whether Python would print and forget an exception here: in what the garbage collector calls.

    Hypothesis has it call a function each time, so this is where a signal often finds a run.
    """
    callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None:
        if frame.f_code in callbacks or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
