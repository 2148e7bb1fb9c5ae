"""Escapes control characters of all that is printed: names and messages come from files and servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from harness.reports.words import visible


class Visible:
    """A stream that escapes control characters. Its ``raw`` stream is for rich, which styles escaped text."""

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw
        self.encoding = raw.encoding
        self.errors = raw.errors

    def write(self, text: str) -> int:
        self.raw.write(visible(text))
        return len(text)

    def flush(self) -> None:
        self.raw.flush()

    def isatty(self) -> bool:
        return self.raw.isatty()

    def fileno(self) -> int:
        return self.raw.fileno()


@contextmanager
def escaped() -> Iterator[None]:
    """Escapes everything that is printed meanwhile."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, stream and Visible(stream)) for stream in before)  # None if it is closed
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def raw() -> TextIO:
    """Returns standard output without escaping."""
    return sys.stdout.raw if isinstance(sys.stdout, Visible) else sys.stdout
