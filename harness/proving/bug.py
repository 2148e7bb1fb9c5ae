"""An unexpected exception, in the words that a user can report it with.

Not here: which exceptions end one check and which the run (``prover.py``).
"""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Iterator
from pathlib import Path

from harness.proving.effort import Effort

PACKAGE = Path(__file__).parents[1]

MESSAGE = 300
"""Characters of an exception's own words that are shown."""

TRACEBACK = 20_000
"""Characters of a traceback that are kept, the last ones: an endless recursion repeats the others."""


def reason(error: BaseException) -> str:
    """Names the exception, and the innermost place in our own code that it came through."""
    # The lines that follow the first are notes.
    said = traceback.format_exception_only(error)[0].strip().splitlines()
    words = said[0] if said else type(error).__name__
    words = words if len(words) <= MESSAGE else f"{words[:MESSAGE]}…"
    *_, place = ("", *_places(error))
    return f"{words}{f', at {place}' if place else ''}: this is a bug in harness"


def text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-TRACEBACK:]


def again(name: str, effort: Effort) -> str:
    """The command that proves one check alone, with the traceback of its error."""
    words = ["harness", "--debug", "test", "--select", name, "--workers", "1"]
    if effort.profile is not None:
        words += ["--profile", effort.profile]
    return shlex.join([*words, "--seed", str(effort.seed)])


def _places(error: BaseException) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(PACKAGE):
            yield f"{path.relative_to(PACKAGE.parent).as_posix()}:{frame.lineno}"
