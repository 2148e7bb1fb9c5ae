"""The truth values that an expression can have at all, as far as its form decides.

``a = null`` is null whatever ``a`` is, ``a in (1, null)`` is never false, and neither is an OR with one of them. So it
is with ``a = a``, ``a > 0 or a <= 0``, ``length(a) >= 0``, and a list of both booleans. What is not decided so may be
anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import grammar
from harness.grammar import enum_name, strings
from harness.project.sql.contents import without_casts
from harness.project.sql.parsing import expression

Truth = frozenset[bool | None]
_ANY: Truth = frozenset((True, False, None))
_NULL: Truth = frozenset((None,))
_NEVER_FALSE: Truth = frozenset((True, None))
_OPPOSITES = {"<": ">=", ">": "<=", "=": "<>", ">=": "<", "<=": ">", "<>": "="}
_REFLEXIVE = ("=", "<=", ">=")
_SIZES = ("length", "char_length", "character_length", "octet_length", "bit_length", "cardinality")
_OF_EVERY_SIZE = ((">=", "0"), (">", "-1"), ("<>", "-1"))
_LISTS = {"AEXPR_OP_ANY": True, "AEXPR_OP_ALL": False}
"""Comparisons with the elements of an array, each with the answer for which one element is enough."""


def can_be_false(text: str) -> bool:
    """Whether an expression can be false: a CHECK that never is lets every row pass."""
    return False in _truth(expression(text))


def _truth(node: Any) -> Truth:
    node = grammar.unwrap(node)
    match type(node).__name__:
        case "BoolExpr":
            parts = [_truth(each) for each in node.args]
            # An AND is false where the OR of its negated parts is true; NOT has one part.
            is_or = enum_name(node, "boolop") == "OR_EXPR"
            if is_or and _has_opposites(node.args):
                return _NEVER_FALSE
            return _any_of(parts) if is_or else _not(_any_of(parts if len(parts) == 1 else [*map(_not, parts)]))
        case "A_Const" | "TypeCast":
            return _constant(without_casts(node))
        case "A_Expr":
            return _compared(node)
        case _:
            return _ANY


def _not(values: Truth) -> Truth:
    return frozenset(None if each is None else not each for each in values)


def _any_of(parts: Sequence[Truth]) -> Truth:
    """The values of an OR."""
    found: set[bool | None] = {True} if any(True in part for part in parts) else set()
    if all(part - {True} for part in parts):
        found |= {None} if any(None in part for part in parts) else set()
        found |= {False} if all(False in part for part in parts) else set()
    return frozenset(found)


def _constant(node: Any) -> Truth:
    """The value of a constant; without a look at casts, which keep a NULL and a boolean as they are."""
    if type(node).__name__ != "A_Const":
        return _ANY
    if node.isnull:
        return _NULL
    return frozenset((bool(node.boolval.boolval),)) if node.WhichOneof("val") == "boolval" else _ANY


def _compared(node: Any) -> Truth:
    kind = enum_name(node, "kind")
    if kind == "AEXPR_OP":
        # The operators that compare are strict.
        if _NULL in (_truth(node.lexpr), _truth(node.rexpr)):
            return _NULL
        return _NEVER_FALSE if _is_trivial(node) else _ANY
    if kind == "AEXPR_IN":
        items, enough = node.rexpr.list.items, strings(node.name) == ("=",)
    elif kind in _LISTS:
        items, enough = getattr(without_casts(node.rexpr), "elements", ()), _LISTS[kind]
    else:
        return _ANY
    found = {*map(_truth, items)}
    both = enough and strings(node.name) == ("=",) and {frozenset((True,)), frozenset((False,))} <= found
    return frozenset((enough, None)) if _NULL in found or both else _ANY


def _is_trivial(node: Any) -> bool:
    """Whether a comparison is of a column with itself, or of a size with a number below all sizes."""
    left, operator = grammar.unwrap(node.lexpr), strings(node.name)[-1]
    if type(left).__name__ == "FuncCall":
        return strings(left.funcname)[-1] in _SIZES and (operator, grammar.deparse(node.rexpr)) in _OF_EVERY_SIZE
    same = type(left).__name__ == "ColumnRef" and grammar.deparse(node.lexpr) == grammar.deparse(node.rexpr)
    return same and operator in _REFLEXIVE


def _has_opposites(parts: Sequence[Any]) -> bool:
    """Whether one of some expressions is true where another one is false."""
    nodes = (each for each in map(grammar.unwrap, parts) if type(each).__name__ == "A_Expr")
    found = {
        (strings(each.name)[-1], grammar.deparse(each.lexpr), grammar.deparse(each.rexpr))
        for each in nodes
        if enum_name(each, "kind") == "AEXPR_OP" and each.HasField("lexpr")
    }
    return any((_OPPOSITES.get(operator), *sides) in found for operator, *sides in found)
