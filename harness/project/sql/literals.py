"""The literals of an expression, and the patterns that it matches texts against."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness import grammar
from harness.project.sql.parsing import expression

_TYPES = {"int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean", "float8": "double precision"}
_MATCHES = {
    "~": ("regex", False),
    "~*": ("regex", True),
    "~~": ("like", False),
    "~~*": ("like", True),
    "similar_to_escape": ("similar", False),
    "similar_escape": ("similar", False),
    "like_escape": ("like", False),
    **dict.fromkeys(("regexp_like", "regexp_match", "regexp_matches", "regexp_count", "textregexeq"), ("regex", False)),
    **dict.fromkeys(("regexp_replace", "regexp_substr", "substring"), ("regex", False)),
}
"""Operators and functions that match a text: the kind of their pattern, and whether it ignores case."""


@dataclass(frozen=True)
class Constant:
    """A literal of an expression. ``type`` is that of its cast or of its form; None for a string without a cast."""

    text: str
    type: str | None = None


@dataclass(frozen=True)
class Pattern:
    """A pattern that an expression matches texts against; ``kind`` is ``regex``, ``like`` or ``similar``."""

    text: str
    kind: str
    ignores_case: bool = False


def constants(text: str) -> tuple[Constant, ...]:
    """The literals of an expression, each once, also the elements of array literals; NULL is none of them."""
    return tuple(dict.fromkeys(_constants(expression(text), None)))


def patterns(text: str) -> tuple[Pattern, ...]:
    """The patterns of an expression, each once."""
    found: dict[Pattern, None] = {}
    for node in grammar.walk(expression(text), "A_Expr", "FuncCall"):
        is_call = type(node).__name__ == "FuncCall"
        names = node.funcname if is_call else node.name
        kind = _MATCHES.get(names[-1].string.sval.removeprefix("!"))
        if kind is not None:
            constants = (each for side in (node.args if is_call else [node.rexpr]) for each in _constants(side, None))
            found |= {Pattern(constant.text, *kind): None for constant in constants}
    return tuple(found)


def type_name(node: Any) -> str:
    """A type as an expression names it, with the aliases that ``format_type`` prints: ``smallint[]``."""
    names = [part for part in grammar.strings(node.names) if part != "pg_catalog"]
    names = [_TYPES.get(names[0], names[0])] if len(names) == 1 else names
    return ".".join(names) + "[]" * len(node.array_bounds)


def _constants(node: Any, cast: str | None) -> Iterator[Constant]:
    node = grammar.unwrap(node)
    name = type(node).__name__
    if name == "A_Const":
        yield from _constant(node, cast)
    elif name == "TypeCast":
        yield from _constants(node.arg, type_name(node.type_name))
    elif name == "A_ArrayExpr":
        element = cast.removesuffix("[]") if cast else None
        for item in node.elements:
            yield from _constants(item, element)
    else:
        for field, value in node.ListFields():
            if field.message_type is not None:
                for child in [value] if hasattr(value, "ListFields") else value:
                    yield from _constants(child, None)


def _constant(node: Any, cast: str | None) -> Iterator[Constant]:
    kind = node.WhichOneof("val")
    if kind == "ival":
        yield Constant(str(node.ival.ival), cast or "integer")
    elif kind == "fval":
        yield Constant(node.fval.fval, cast or "numeric")
    elif kind == "boolval":
        yield Constant("true" if node.boolval.boolval else "false", cast or "boolean")
    elif kind == "bsval":
        yield Constant(node.bsval.bsval[1:], cast or "bit")
    elif kind == "sval":
        text = node.sval.sval
        yield Constant(text, cast)
        if text[:1] == "{" and text[-1:] == "}" and (cast is None or cast.endswith("[]")):
            yield from _elements(text, cast.removesuffix("[]") if cast else None)


def _elements(text: str, cast: str | None) -> Iterator[Constant]:
    """The elements of an array literal of one dimension."""
    for row in csv.reader([text[1:-1].replace("\n", " ")], doublequote=False, escapechar="\\", skipinitialspace=True):
        for element in row:
            if element and element.upper() != "NULL":
                yield Constant(element, cast)
