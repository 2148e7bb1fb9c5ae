"""PostgreSQL's parser, imported when it is first used; refuses SQL that is nested too deeply.

The parse tree comes through protobuf, which reads a hundred levels and no more. A chain of some twenty thousand
operators even ends the process: the parser walks it by recursion in C.
Not here: files (``project/sqlfile.py``), and SQL in check files (``project/sql``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

_SAFE = 20_000
"""Nested tokens of which a tree can be made; a text of so many characters cannot hold more."""


class SqlError(ValueError):
    """A text that is not the SQL it should be; ``offset`` counts its characters, None if the place is unknown."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class TooDeep(SqlError):
    """SQL that is nested more deeply than can be read."""

    def __init__(self) -> None:
        super().__init__("nested too deeply to be read")


class Token(NamedTuple):
    """A word, sign, literal or comment of a text; ``start`` and ``end`` count characters."""

    text: str
    start: int
    end: int


def _postgast() -> Any:
    """The module, which takes a while to import."""
    import postgast

    return postgast


def parse(text: str) -> Any:
    """The statements of a text as postgast's parse trees; raises :class:`SqlError` and :class:`TooDeep`."""
    from google.protobuf.message import DecodeError

    if len(text) > _SAFE and _most_levels(text) > _SAFE:
        raise TooDeep
    try:
        return _postgast().parse(text).stmts
    except DecodeError:
        raise TooDeep from None
    except _postgast().PgQueryError as error:
        if error.message.startswith("memory exhausted"):
            raise TooDeep from None
        # Unlike all other positions of libpg_query this one counts characters.
        raise SqlError(error.message, error.cursorpos - 1 if error.cursorpos else None) from None


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens that PostgreSQL's scanner finds in a text, comments among them; raises :class:`SqlError`."""
    try:
        scanned = _postgast().scan(text).tokens
    except _postgast().PgQueryError as error:
        raise SqlError(error.message, max(error.cursorpos - 1, 0)) from None
    offsets = characters(text, (offset for token in scanned for offset in (token.start, token.end)))
    return tuple(Token(text[start:end], start, end) for start, end in zip(offsets, offsets, strict=True))


def characters(text: str, offsets: Iterable[int]) -> Iterator[int]:
    """Offsets in a text's UTF-8, in ascending order, as offsets in its characters: libpg_query counts bytes."""
    if text.isascii():
        yield from offsets
        return
    encoded = text.encode()
    counted = done = 0
    for offset in offsets:
        counted, done = counted + len(encoded[done:offset].decode()), offset
        yield counted


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """The texts between the semicolons, each with its offset; none if the scanner cannot read the text."""
    offset = 0
    try:
        found = _postgast().split(text, method="scanner")
    except _postgast().PgQueryError:  # a quote that is never closed
        return
    for piece in found:
        offset = text.index(piece, offset)
        yield offset, piece
        offset += len(piece)


def walk(tree: Any, *kinds: str) -> Iterator[Any]:
    """The nodes of these kinds in a parse tree, parents before their children: ``walk(tree, "FuncCall")``."""
    return (node for _, node in _postgast().walk(tree) if type(node).__name__ in kinds)


def unwrap(node: Any) -> Any:
    """The node itself, without the ``Node`` message that the grammar wraps around it."""
    return _postgast().unwrap_node(node)


@lru_cache(maxsize=8192)
def quoted(name: str) -> str:
    """A name as PostgreSQL writes it: in quotes where it would be read as another one, or as a keyword."""
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) is not None
    if plain and enum_name(_postgast().scan(name).tokens[0], "keyword_kind") in ("NO_KEYWORD", "UNRESERVED_KEYWORD"):
        return name
    return '"' + name.replace('"', '""') + '"'


def unquoted(name: str) -> str:
    """A name as it is, of one that may be in quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def deparse(expression: Any) -> str:
    """An expression's parse tree as SQL text."""
    tree = _postgast().parse("select 1")
    tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.CopyFrom(expression)
    return str(_postgast().deparse(tree)).removeprefix("SELECT ")


def enum_name(node: Any, field: str) -> str:
    """The name of an enum field's value: ``AND_EXPR``."""
    return str(node.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(node, field)].name)


def strings(nodes: Any) -> tuple[str, ...]:
    """The parts of a name that the grammar has as a list."""
    return tuple(node.string.sval for node in nodes)


def _most_levels(text: str) -> int:
    """An upper bound of the levels of the tree. A comma ends the chain of operators before it."""
    try:
        found = tokens(text)
    except SqlError:  # no SQL: nothing of it becomes a tree
        return 0
    around: list[int] = []
    here = most = outside = 0
    for token in found:
        if (token.text == ";" and not around) or token.text == ",":
            most, here = max(most, outside + here), 0
        elif token.text in ("(", "["):
            around.append(here + 1)
            outside, here = outside + here + 1, 0
        elif token.text in (")", "]") and around:
            most = max(most, outside + here)
            here = around.pop()
            outside -= here
        else:
            here += 1
    return max(most, outside + here)
