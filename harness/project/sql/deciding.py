"""The rows by which one condition of a predicate alone decides, said in SQL: they show a condition that is missing.

A condition is what AND, OR, NOT, BETWEEN and CASE join. It is taken away, or made a little wider: the next number,
``<=`` for ``<``, one character more. Not here: which values such rows have (``kinds/toolkit/deciding_rows.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from harness.grammar import deparse, enum_name, strings, unwrap
from harness.project.sql.contents import without_casts
from harness.project.sql.parsing import KEPT, expression


class _Answers(NamedTuple):
    """The value of an expression for such rows, and its value without the condition or with a wider one."""

    now: str
    else_: str


_CHECK, _WHERE = _Answers("is false", "is not false"), _Answers("is not true", "is true")
_UNDER_NOT = MappingProxyType(
    {_CHECK: _Answers("is true", "is not true"), _WHERE: _Answers("is not false", "is false")}
)
_NEGATED = MappingProxyType({**_UNDER_NOT, **{side: each for each, side in _UNDER_NOT.items()}})

_WIDER = MappingProxyType({"<": ("<=",), ">": (">=",), "=": ("<=", ">=")})
"""Not every type that has ``=`` has an order: it is widened for numbers."""
_STEPS = MappingProxyType({"<=": 1, ">=": -1})

_RANGE = re.compile(r"\[(\w)-(\w)\]")
_TIMES = re.compile(r"\{(\d+)(,?)(\d*)\}")
_PLUS = re.compile(r"(?<!\\)(?<=[\w\])])\+")


@lru_cache(maxsize=KEPT)
def deciding(text: str, of: Literal["check", "where"]) -> tuple[tuple[str, ...], ...]:
    """For each condition of a predicate, and each way to widen it, the predicates that are true of rows that show it.

    A CHECK refuses such a row, and would accept it; WHERE leaves it out, and would take it.
    """
    return tuple(dict.fromkeys(_deciding(expression(text), _CHECK if of == "check" else _WHERE, ())))


def _deciding(wrapped: Any, side: _Answers, others: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    node = unwrap(wrapped)
    kind = type(node).__name__
    if kind == "BoolExpr" and enum_name(node, "boolop") == "NOT_EXPR":
        yield from _deciding(node.args[0], _NEGATED[side], others)
    elif kind == "BoolExpr":
        is_and = enum_name(node, "boolop") == "AND_EXPR"
        beside = side.now if is_and is (side in _UNDER_NOT.values()) else side.else_
        texts = [f"({deparse(each)}) {beside}" for each in node.args]
        for place, each in enumerate(node.args):
            yield from _deciding(each, side, (*others, *texts[:place], *texts[place + 1 :]))
    elif kind == "CaseExpr":
        yield from _of_case(node, side, others)
    elif joined := _joined(node):
        yield from _deciding(expression(joined), side, others)
    elif kind != "A_Const":
        found = (*others, f"({deparse(wrapped)}) {side.now}")
        yield found
        yield from ((*found, f"({each}) {side.else_}") for each in _wider(wrapped) if side not in _UNDER_NOT.values())


def _joined(node: Any) -> str:
    """A comparison that is an AND of others, written as one; empty for all others."""
    if type(node).__name__ != "A_Expr":
        return ""
    if enum_name(node, "kind") == "AEXPR_BETWEEN":
        value, (low, high) = deparse(node.lexpr), map(deparse, node.rexpr.list.items)
        return f"({value}) >= ({low}) and ({value}) <= ({high})"
    keys = without_casts(node.rexpr)
    if strings(node.name)[-1] != "?&" or type(keys).__name__ != "A_ArrayExpr":
        return ""
    return " and ".join(f"({deparse(node.lexpr)}) ? ({deparse(each)})" for each in keys.elements)


def _of_case(node: Any, side: _Answers, others: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    arms = [each.case_when for each in node.args]
    value = f"({deparse(node.arg)}) = " if node.HasField("arg") else ""
    before: tuple[str, ...] = ()
    for arm in arms:
        condition = f"({value}({deparse(arm.expr)}))"
        yield from _deciding(arm.result, side, (*others, *before, f"{condition} is true"))
        before = (*before, f"{condition} is not true")
    if node.HasField("defresult"):
        yield from _deciding(node.defresult, side, (*others, *before))


def _wider(wrapped: Any) -> Iterator[str]:
    """Yields a comparison that a few more values keep."""
    node = unwrap(wrapped)
    if type(node).__name__ != "A_Expr" or enum_name(node, "kind") != "AEXPR_OP" or not node.HasField("lexpr"):
        return
    operator = strings(node.name)[-1]
    for other in _WIDER.get(operator, ()) if operator != "=" or _is(without_casts(node.rexpr), "ival") else ():
        copied = _copied(wrapped)
        unwrap(copied).name[-1].string.sval = other
        yield deparse(copied)
    for side, step in ("rexpr", _STEPS.get(operator, 0)), ("lexpr", -_STEPS.get(operator, 0)):
        if step and _is(without_casts(getattr(node, side)), "ival"):
            copied = _copied(wrapped)
            without_casts(getattr(unwrap(copied), side)).ival.ival += step
            yield deparse(copied)
    pattern = without_casts(node.rexpr)
    for wider in (
        dict.fromkeys(_patterns(pattern.sval.sval)) if operator in ("~", "~*") and _is(pattern, "sval") else ()
    ):
        copied = _copied(wrapped)
        without_casts(unwrap(copied).rexpr).sval.sval = wider
        yield deparse(copied)


def _copied(node: Any) -> Any:
    copied = type(node)()
    copied.CopyFrom(node)
    return copied


def _is(node: Any, field: str) -> bool:
    return type(node).__name__ == "A_Const" and node.WhichOneof("val") == field


def _patterns(pattern: str) -> Iterator[str]:
    """Yields regular expressions of texts that a wider one matches: open at one end, another character, more times."""
    if pattern.startswith("^"):
        yield pattern[1:]
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        yield pattern[:-1]
    for found in _RANGE.finditer(pattern):
        yield f"{pattern[: found.start()]}{chr(ord(found[2]) + 1)}{pattern[found.end() :]}"
    for found in _TIMES.finditer(pattern):
        least, most = int(found[1]), int(found[3] or found[1])
        for times in (least - 1, most + 1) if found[3] or not found[2] else (least - 1,):
            yield f"{pattern[: found.start()]}{{{max(times, 0)}}}{pattern[found.end() :]}"
    for found in _PLUS.finditer(pattern):
        yield f"{pattern[: found.start()]}*{pattern[found.end() :]}"
