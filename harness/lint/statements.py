"""The statements of a file as PostgreSQL's own grammar reads them, also while it is being written.

Leaves out what cannot be read, and looks into DO blocks. Not here: the judgement of such statements (``unread.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness import grammar

NameParts = tuple[str, ...]
"""A name in its parts, as they are written: ``("shop", "orders")``."""


_MAYBE_RELEVANT = re.compile(r"\b(?:table|column|schema|search_path)\b", re.IGNORECASE)


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


@lru_cache(maxsize=256)
def all_statements(text: str) -> tuple[tuple[Any, int | None], ...]:
    """The parse tree of each statement and the byte at which it begins, None in a DO block."""
    return tuple(found for each in statements(text) for found in _with_blocks(each.tree, each.start))


def _with_blocks(tree: Any, start: int | None) -> Iterator[tuple[Any, int | None]]:
    if tree.HasField("do_stmt"):
        inner = (each.tree for query in _queries(tree.do_stmt) for each in statements(query))
        yield from (found for each in inner for found in _with_blocks(each, None))
    else:
        yield tree, start


def _queries(block: Any) -> Iterator[str]:
    """The statements that a DO block writes out; each of them is taken to run."""
    import postgast

    options = {each.def_elem.defname: each.def_elem.arg.string.sval for each in block.args}
    body = options.get("as", "")
    if options.get("language", "plpgsql") != "plpgsql" or not _MAYBE_RELEVANT.search(body):
        return
    quote = "$body_of_do$"
    try:
        parsed = postgast.parse_plpgsql(f"create function f() returns void language plpgsql as {quote}{body}{quote}")
    except (postgast.PgQueryError, RecursionError):
        return
    yield from _executed(parsed)


def _executed(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        yield from (query for each in node for query in _executed(each))
    elif isinstance(node, dict):
        for kind, each in node.items():
            if kind == "PLpgSQL_stmt_execsql":
                yield each["sqlstmt"]["PLpgSQL_expr"]["query"]
            else:
                yield from _executed(each)
