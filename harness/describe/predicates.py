"""Makes predicates of a catalog readable, without changing their meaning.

Decides which parentheses go, and which CHECK is a plain list of accepted values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from harness.catalog.model import Column
from harness.grammar import enum_name, quoted, strings, unquoted, unwrap
from harness.project import sql

_TOKEN = re.compile(r"""(?:[eEbBxXnN]|[uU]&)?'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|.""", re.DOTALL)
_LOCATION = re.compile(r"^\s*(?:\w*location|list_start|list_end): -?\d+\n", re.MULTILINE)
_TEXTS = ("text", "varchar")
_LOOSE = re.compile(r"\b(and|or|not|between|case)\b", re.IGNORECASE)


@lru_cache(maxsize=8192)
def readable(text: str) -> str:
    """Keywords in small letters, and no parentheses or quotes that PostgreSQL's parser does not need.

    Those around AND and OR stay: not every reader knows which of them binds closer.
    """
    tokens = [_plain(token) for token in _TOKEN.findall(text)]
    tree = _tree("".join(tokens))
    if tree is None:
        return text
    for opening, closing in _pairs(tokens):
        inside = "".join(tokens[opening + 1 : closing])
        outermost = not "".join(tokens[:opening] + tokens[closing + 1 :]).strip()
        if outermost or not _LOOSE.search(inside):
            without = [*tokens]
            without[opening] = without[closing] = ""
            if _tree("".join(without)) == tree:
                tokens = without
    return "".join(tokens).strip()


def _plain(token: str) -> str:
    if token[0] == '"':
        return quoted(unquoted(token))
    return token if token[-1] in "'\"" else token.lower()


def _pairs(tokens: list[str]) -> list[tuple[int, int]]:
    """The places of parentheses that belong together, the outer ones first."""
    found, pending = [], []
    for place, token in enumerate(tokens):
        if token == "(":
            pending.append(place)
        elif token == ")" and pending:
            found.append((pending.pop(), place))
    return sorted(found)


def _tree(text: str) -> str | None:
    """The parse tree of an expression, without positions; None if it cannot be parsed."""
    try:
        return _LOCATION.sub("", str(sql.expression(text)))
    except sql.SqlError:
        return None


def accepted_values(text: str, column: Column) -> tuple[str, ...] | None:
    """The values of a CHECK like ``column = any (array[…])``; None if a plain list does not mean the same."""
    try:
        tree = unwrap(sql.expression(text))
    except sql.SqlError:
        return None
    if type(tree).__name__ != "A_Expr" or strings(tree.name) != ("=",) or enum_name(tree, "kind") != "AEXPR_OP_ANY":
        return None
    if not _is_column(unwrap(tree.lexpr), column):
        return None
    array = unwrap(tree.rexpr)
    if type(array).__name__ == "TypeCast":
        array = unwrap(array.arg)
    if type(array).__name__ != "A_ArrayExpr":
        return None
    values = [_value(unwrap(element)) for element in array.elements]
    known = [value for value in values if value is not None]
    return tuple(dict.fromkeys(known)) if known and len(known) == len(values) else None


def _is_column(node: Any, column: Column) -> bool:
    """The column itself, or cast to text where that changes nothing about it."""
    if type(node).__name__ == "TypeCast" and column.base_name in _TEXTS:
        node = unwrap(node.arg) if strings(node.type_name.names)[-1] in _TEXTS else node
    return type(node).__name__ == "ColumnRef" and strings(node.fields) == (column.name,)


def _value(node: Any) -> str | None:
    """The text of a literal, without its cast: the column's type reads it."""
    while type(node).__name__ == "TypeCast":
        node = unwrap(node.arg)
    if type(node).__name__ != "A_Const" or node.isnull:
        return None
    match node.WhichOneof("val"):
        case "sval":
            return str(node.sval.sval)
        case "ival":
            return str(node.ival.ival)
        case "fval":
            return str(node.fval.fval)
    return None
