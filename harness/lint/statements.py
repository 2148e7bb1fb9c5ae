"""The statements of a file as PostgreSQL's own grammar reads them, also of a file that is being written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness import grammar

NameParts = tuple[str, ...]
"""A name in its parts, as they are written: ``("shop", "orders")``."""


@dataclass(frozen=True)
class ParsedStatement:
    """A statement that begins at byte ``start`` of the file's UTF-8.

    The locations in its ``tree`` are bytes after ``base``.
    """

    start: int
    base: int
    tree: Any


@lru_cache(maxsize=256)
def statements(text: str) -> tuple[ParsedStatement, ...]:
    """The statements of a text, without those that PostgreSQL cannot read: in an editor, the one being written."""
    try:
        return tuple(_parsed(text, 0))
    except grammar.SqlError:
        found: list[ParsedStatement] = []
        base = done = 0
        for offset, piece in grammar.pieces(text):
            base, done = base + len(text[done:offset].encode()), offset
            with suppress(grammar.SqlError):
                found += _parsed(piece, base)
        return tuple(found)


def _parsed(text: str, base: int) -> Iterator[ParsedStatement]:
    whole = text.encode()
    for raw in grammar.parse(text):
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(whole)
        start = end - len(whole[raw.stmt_location : end].lstrip())
        yield ParsedStatement(base + start, base, raw.stmt)


def written(relation: Any) -> NameParts:
    """The name of a table or view, with its schema if that is written."""
    return (relation.schemaname, relation.relname) if relation.schemaname else (relation.relname,)
