"""PostgreSQL's parser, kept from what it or its reader cannot bear: trees that go very deep.

Its parse tree comes through protobuf, which reads a hundred levels and no more. A chain of some twenty thousand
operators even ends the process: it is written by recursion in C.
"""

from __future__ import annotations

from typing import Any

_OPENING, _CLOSING, _COMMA, _SEMICOLON = ("(", "["), (")", "]"), ",", ";"
_SAFE = 20_000
"""Tokens, one in the other at worst, of which a tree can be made; so many characters hold no more of them."""


class TooDeep(ValueError):
    """SQL that is nested more deeply than can be read."""


def parse(text: str) -> Any:
    """The statements of a text, with postgast's trees; raises ``PgQueryError`` and :class:`TooDeep`."""
    import postgast
    from google.protobuf.message import DecodeError

    if len(text) > _SAFE and _most_levels(text) > _SAFE:
        raise TooDeep
    try:
        return postgast.parse(text).stmts
    except DecodeError:
        raise TooDeep from None
    except postgast.PgQueryError as error:
        if error.message.startswith("memory exhausted"):
            raise TooDeep from None
        raise


def _most_levels(text: str) -> int:
    """As many levels as the tree can have at most: a comma begins anew what stands beside it."""
    import postgast

    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError:  # no SQL: nothing of it becomes a tree
        return 0
    kinds = {ord(each): each for each in (*_OPENING, *_CLOSING, _COMMA, _SEMICOLON)}
    around: list[int] = []
    here = most = outside = 0
    for token in tokens:
        kind = kinds.get(token.token)
        if (kind == _SEMICOLON and not around) or kind == _COMMA:
            most, here = max(most, outside + here), 0
        elif kind in _OPENING:
            around.append(here + 1)
            outside, here = outside + here + 1, 0
        elif kind in _CLOSING and around:
            most = max(most, outside + here)
            here = around.pop()
            outside -= here
        else:
            here += 1
    return max(most, outside + here)
