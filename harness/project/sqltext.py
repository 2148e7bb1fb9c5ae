"""The text of an SQL file: its lexemes as psql sees them, places in it, and excerpts for messages.

Hides passwords in excerpts.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import HarnessError, MigrationError, Place

E = TypeVar("E", bound=HarnessError)

_LEXEME = re.compile(
    r"""
      (?P<space> \s+ | --[^\n]* )
    | (?P<block> /\* )
    | (?P<quoted> [eE]'(?: [^'\\] | \\. | '' )*' | '[^']*' | "[^"]*" | (?P<tag> \$(?:[^\W\d]\w*)?\$ ).*?(?P=tag) )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<end> ; )
    | (?P<meta> \\[^\n]* )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_PASSWORD = re.compile(r"(\bpassword\s+)((?:[eEuU]&?)?'(?:[^'\n]|'')*'?|\$(\w*)\$.*?\$\3\$)", re.IGNORECASE)
_WIDTH = 120
"""Characters of a line that an excerpt shows."""
END_OF_DATA = re.compile(r"^\\\.[ \t]*$", re.MULTILINE)
"""The line that ends the rows behind ``copy … from stdin``."""


def lexemes(path: Path, text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of each lexeme of a file.

    The kinds: ``word``, ``quoted``, ``end`` (a semicolon), ``meta`` (a command of psql, to the end of its line),
    ``data`` (the rows behind ``copy … from stdin``), ``space``, ``block`` (a comment) and ``other``. Raises
    :class:`MigrationError` for COPY data that has no end; ``path`` is the name of the file in messages.
    """
    words: list[str] = []
    offset: int | None = 0
    while offset is not None:
        begin, offset = offset, None
        for kind, start, end in _lexemes(text, begin):
            yield kind, start, end
            if kind == "word":
                words.append(text[start:end].lower())
            elif kind == "end":
                from_stdin = words[:1] == ["copy"] and ("from", "stdin") in itertools.pairwise(words)
                words = []
                if from_stdin:
                    data, offset = _copy_data(path, text, start, end)
                    yield "data", data, offset
                    break


def _lexemes(text: str, offset: int) -> Iterator[tuple[str, int, int]]:
    while match := _LEXEME.match(text, offset):
        kind, start, offset = str(match.lastgroup), match.start(), match.end()
        if kind == "block":
            offset = _block_end(text, offset)
        yield kind, start, offset


def _block_end(text: str, offset: int) -> int:
    """The offset behind the comment that is open at ``offset``; comments nest."""
    depth = 1
    for edge in _BLOCK_EDGE.finditer(text, offset):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def _copy_data(path: Path, text: str, start: int, end: int) -> tuple[int, int]:
    """Start and end of the rows behind a COPY whose semicolon is at ``start``, the line that ends them included."""
    begin = text.find("\n", end) + 1 or len(text)
    close = END_OF_DATA.search(text, begin)
    if text[end:begin].strip() or close is None:
        message = "the data of this COPY must begin on the next line and end with a line \\."
        raise error_at(MigrationError, path, text, start, message)
    return begin, close.end()


def next_word(text: str, offset: int) -> int:
    """The offset of the next word, behind white space and comments; the length of the text if there is none."""
    for kind, start, _ in _lexemes(text, offset):
        if kind not in ("space", "block"):
            return start
    return len(text)


def line_comments(text: str, end: int) -> Iterator[tuple[int, str]]:
    """Offset and text of each ``--`` comment that begins before ``end``."""
    for _, start, stop in _lexemes(text, 0):
        if start >= end:
            return
        if text.startswith("--", start):
            yield start, text[start:stop]


def blank(text: str) -> str:
    """White space of the same shape, so that the text behind it keeps its position."""
    return re.sub(r"[^\n]", " ", text)


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def error_at(kind: type[E], path: Path, text: str, offset: int, message: str, **more: Any) -> E:
    """An error of this kind at a character of a file, with an excerpt; ``more`` are its other arguments (``hint``)."""
    line, column = position(text, offset)
    return kind(message, place=Place(path, line, column), excerpt=excerpt(text, line, column), **more)


def without_passwords(text: str) -> str:
    """SQL with a star for each letter of a role's password, so that everything keeps its place."""
    return _PASSWORD.sub(lambda found: found[1] + "*" * len(found[2]), text)


def excerpt(text: str, line: int, column: int | None = None) -> str:
    """The line with its number, and a caret below the column; without passwords."""
    lines = without_passwords(text).split("\n")
    shown, indent = window(lines[line - 1] if line <= len(lines) else "", column or 1)
    numbered = f"{line:>5} | {shown}"
    return numbered if column is None else f"{numbered}\n{'':>5} | {indent}^"


def window(source: str, column: int) -> tuple[str, str]:
    """The part of a line around a column that fits into a message, and the blanks that lead to that column."""
    cut = max(0, column - _WIDTH // 2) if len(source) > _WIDTH else 0
    shown = source[cut : cut + _WIDTH]
    if cut:
        shown = "…" + shown[1:]
    if len(source) > cut + _WIDTH:
        shown += "…"
    return shown, "".join(map(_blank_like, source[cut : column - 1].ljust(column - 1 - cut)))


def _blank_like(character: str) -> str:
    """White space that is as wide on a terminal as this character."""
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "
