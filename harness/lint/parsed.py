"""The statements of a file as PostgreSQL's own grammar reads them: all that it can, also while one is being written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class ParsedStatement:
    """A statement from byte ``start`` of the file's UTF-8 up to ``end``, without its semicolon.

    The locations in its ``tree`` are bytes after ``base``.
    """

    start: int
    end: int
    base: int
    tree: Any


@lru_cache(maxsize=256)
def statements(text: str) -> tuple[ParsedStatement, ...]:
    """The statements of a text, without those that PostgreSQL cannot read: in an editor, the one being written."""
    import postgast

    from harness.project import grammar

    try:
        return tuple(_read(text, 0))
    except (postgast.PgQueryError, grammar.TooDeep):
        return tuple(statement for base, piece in _pieces(text) for statement in _alone(piece, base))


def _read(text: str, base: int) -> Iterator[ParsedStatement]:
    from harness.project import grammar

    whole = text.encode()
    for raw in grammar.parse(text):
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(whole)
        start = end - len(whole[raw.stmt_location : end].lstrip())
        yield ParsedStatement(base + start, base + end, base, raw.stmt)


def _alone(piece: str, base: int) -> list[ParsedStatement]:
    import postgast

    from harness.project import grammar

    try:
        return list(_read(piece, base))
    except (postgast.PgQueryError, grammar.TooDeep):
        return []


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """What stands between the semicolons, each with its first byte."""
    import postgast

    try:
        pieces = postgast.split(text, method="scanner")
    except postgast.PgQueryError:  # a quote that is never closed
        return
    whole, at = text.encode(), 0
    for piece in pieces:
        at = whole.index(piece.encode(), at)
        yield at, piece
        at += len(piece.encode())
