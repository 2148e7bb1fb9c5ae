"""Predicates as PostgreSQL evaluates them: true, false or None; a value that nobody knows is ABSENT."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce
from typing import Any

from harness.types.expressions import (
    And,
    ArrayOf,
    Calculation,
    Call,
    Coalesce,
    ColumnRead,
    Compare,
    ConstantValue,
    ContainedBy,
    CountNulls,
    Expression,
    In,
    IsDistinct,
    IsNull,
    IsTrue,
    Matches,
    Not,
    Or,
)
from harness.types.patterns import for_python

Row = Mapping[str, Any]

ABSENT = object()
"""The value of a column that nobody knows; what reads it is not known either."""

_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_READ: Mapping[str, Callable[[str], Any]] = {
    "bool": lambda text: text == "true",
    "numeric": Decimal,
    "float8": float,
    **dict.fromkeys(("int2", "int4", "int8"), int),
}


def columns_read(expression: Expression) -> set[str]:
    """The columns that decide what an expression is: COALESCE reads none behind what is never NULL."""
    if isinstance(expression, ColumnRead):
        return {expression.name}
    parts = [each for value in vars(expression).values() for each in (value if isinstance(value, tuple) else (value,))]
    if isinstance(expression, Coalesce):
        last = next((place for place, each in enumerate(parts) if _is_never_null(each)), len(parts))
        parts = parts[: last + 1]
    return {name for each in parts if isinstance(each, Expression) for name in columns_read(each)}


def _is_never_null(value: object) -> bool:
    match value:
        case ColumnRead(nullable=nullable):
            return not nullable
        case ConstantValue(text=text):
            return text is not None
        case Coalesce(arguments=arguments):
            return any(map(_is_never_null, arguments))
        case Call(function=function, arguments=arguments):
            return function != "array_length" and all(map(_is_never_null, arguments))
        case Calculation(left=left, right=right):
            return _is_never_null(left) and _is_never_null(right)
    return isinstance(value, CountNulls | ArrayOf)


def truth(predicate: Expression, row: Row) -> bool | None:
    """Returns whether a predicate is true of a row; None if it is null, or not known."""
    match predicate:
        case And(parts=parts):
            return reduce(_both, (truth(each, row) for each in parts))
        case Or(parts=parts):
            return _opposite(reduce(_both, (_opposite(truth(each, row)) for each in parts)))
        case Not(part=part):
            return _opposite(truth(part, row))
        case IsTrue(value=value):
            return True if truth(value, row) else None if _is_unknown(value, row) else False
        case IsNull(value=value):
            return None if _is_unknown(value, row) else _value(value, row) is None
        case IsDistinct(left=left, right=right):
            if _is_unknown(left, row) or _is_unknown(right, row):
                return None
            one, other = (_value(each, row) for each in (left, right))
            return one is not other if one is None or other is None else _key(left, one) != _key(right, other)
        case _:
            return _test(predicate, row)


def _test(predicate: Expression, row: Row) -> bool | None:
    match predicate:
        case Compare(operator=sign, left=left, right=right):
            one, other = (_value(each, row) for each in (left, right))
            return None if _undecided(one, other) else _COMPARED[sign](_key(left, one), _key(right, other))
        case In(value=value, items=items):
            one = _value(value, row)
            return None if _undecided(one) else any(_key(value, one) == _key(each, _value(each, row)) for each in items)
        case Matches(value=value, pattern=pattern):
            one = _value(value, row)
            return None if _undecided(one) else re.search(for_python(pattern), one, re.DOTALL) is not None
        case ContainedBy(left=left, right=right):
            one, other = (_value(each, row) for each in (left, right))
            return None if _undecided(one, other) else all(each is not None and each in other for each in one)
        case _:
            found = _value(predicate, row)
            return None if _undecided(found) else found


def _value(value: Expression, row: Row) -> Any:
    """The value of an expression, None if it is NULL."""
    if _is_unknown(value, row) and not isinstance(value, And | Or | Not | IsTrue | Compare):
        return ABSENT
    match value:
        case ColumnRead(name=name):
            return row[name]
        case ConstantValue(type=type, text=text):
            return None if text is None else _READ.get(type, str)(text)
        case ArrayOf(items=items):
            return [_value(each, row) for each in items]
        case Coalesce(arguments=arguments):
            return next((found for each in arguments if (found := _value(each, row)) is not None), None)
        case CountNulls(arguments=arguments, null=null):
            return sum((_value(each, row) is None) == null for each in arguments)
        case Call(function=function, arguments=(argument,)):
            found = _value(argument, row)
            if argument.type == "bpchar" and found is not None:
                found = found.rstrip(" ")
            return None if found is None else _CALLED[function](found)
        case Calculation(operator=sign, left=left, right=right):
            one, other = (_value(each, row) for each in (left, right))
            return None if one is None or other is None else _calculated(sign, one, other)
        case _:
            return truth(value, row)


_CALLED: Mapping[str, Callable[[Any], Any]] = {
    "char_length": len,
    "octet_length": lambda value: len(value.encode("utf-8") if isinstance(value, str) else value),
    "btrim": lambda text: re.sub("^ +| +$", "", text),
    "cardinality": len,
    "array_length": lambda array: len(array) or None,
    "jsonb_typeof": lambda document: "object" if isinstance(document, dict) else "array",
    "abs": abs,
}


def _calculated(sign: str, one: Any, other: Any) -> Any:
    match sign:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case "/":
            return math.trunc(Decimal(one) / Decimal(other))
        case _:
            return int(math.fmod(one, other))


def _key(expression: Expression, value: Any) -> Any:
    """A value as it is compared."""
    if expression.type in ("float8", "numeric"):
        return (1, 0) if value != value else (0, value)
    return value.rstrip(" ") if expression.type == "bpchar" else value


def _is_unknown(value: Expression, row: Row) -> bool:
    return any(row[name] is ABSENT for name in columns_read(value))


def _undecided(*values: Any) -> bool:
    return any(each is None or each is ABSENT for each in values)


def _both(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _opposite(value: bool | None) -> bool | None:
    return None if value is None else not value
