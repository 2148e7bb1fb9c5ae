"""Turns Ctrl-C and similar signals into an exception, so that a run cleans up when it ends.

Waits a moment where Python would drop the exception, and remembers that there was a signal.
"""

from __future__ import annotations

import gc
import signal
from types import FrameType

_AGAIN_SECONDS = 0.001
_seen: list[int] = []


def install() -> None:
    """Makes SIGINT, SIGTERM and SIGHUP raise :class:`KeyboardInterrupt`, unless the parent has them ignored."""
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
    """Whether a run was interrupted: it may end with another exception, raised during the cleanup."""
    return bool(_seen)


def _would_be_lost(frame: FrameType | None) -> bool:
    """Whether Python would print an exception here and drop it: in a function that the garbage collector calls.

    Hypothesis registers such a function, so a signal often comes while it runs.
    """
    callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None:
        if frame.f_code in callbacks or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
