"""Takes from rules all that they say of a single column, and puts constants into rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from harness.types.expressions import (
    And,
    ColumnRead,
    Compare,
    ConstantValue,
    ContainedBy,
    Expression,
    In,
    IsNull,
    Or,
    columns,
    rebuilt,
)
from harness.types.model import StatedRule

_LITERAL = re.compile(
    r"^(?:'((?:[^']|'')*)'(?:::.*)?|(-?\d+(?:\.\d+)?)|\(?'?(-?\d+(?:\.\d+)?)'?\)?::\w+|(true|false))$"
)


def bound(rule: StatedRule, fixed: Mapping[str, ConstantValue], renamed: Mapping[str, str]) -> StatedRule:
    """Returns a rule with constants for some of its columns, and other names for some (those can be NULL)."""

    def of(part: Expression) -> Expression:
        if not isinstance(part, ColumnRead):
            return _decided(part)
        name = renamed.get(part.name)
        return fixed.get(part.name, part) if name is None else replace(part, name=name, nullable=True)

    expression = rebuilt(rule.expression, of)
    return StatedRule(rule.name, expression, columns(expression))


def _decided(part: Expression) -> Expression:
    """A test of a constant text as its result; any other expression stays."""
    match part:
        case Compare(operator="=" | "<>", left=ConstantValue("text", str()), right=ConstantValue("text", str())):
            same = part.left == part.right
            return ConstantValue("bool", "true" if same == (part.operator == "=") else "false")
        case In(value=ConstantValue("text", str()), items=items):
            return ConstantValue("bool", "true" if part.value in items else "false")
        case _:
            return part


def value_set(expression: Expression) -> tuple[str, ...] | None:
    """Returns the values of a predicate that says no more than which values a column has."""
    match expression:
        case Or(parts=(IsNull(value=ColumnRead()), In() as rest)) | Or(parts=(In() as rest, IsNull())):
            return value_set(rest) if columns(expression) == columns(rest) else None
        case In(value=ColumnRead(), items=items):
            return tuple(each.text for each in items if each.text is not None)
        case _:
            return None


def forbids_null_elements(expression: Expression, column: str) -> bool:
    """Whether a predicate, true or null, means that an array has no NULL: it is contained in constants."""
    parts = expression.parts if isinstance(expression, And) else (expression,)
    return any(
        isinstance(part, ContainedBy) and isinstance(part.left, ColumnRead) and part.left.name == column
        for part in parts
    )


def literal_default(text: str | None) -> str | None:
    """Returns the value of a default that is a literal, as PostgreSQL prints values; None for any other."""
    found = _LITERAL.match(text or "")
    if not found:
        return None
    quoted, *others = found.groups()
    return quoted.replace("''", "'") if quoted is not None else next(each for each in others if each is not None)


def bare_type(type: str) -> str:
    """Returns a type without its length: ``numeric`` for ``numeric(5,2)``."""
    return re.sub(r"\(.*\)$", "", type)
