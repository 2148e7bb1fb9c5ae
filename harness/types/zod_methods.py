"""Rules over one column that Zod's own methods say exactly: bounds, lengths, patterns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.types.expressions import (
    And,
    Call,
    ColumnRead,
    Compare,
    ComparisonSign,
    ConstantValue,
    Expression,
    FitsSchema,
    Matches,
)
from harness.types.javascript import NODE, is_array, is_text_array
from harness.types.javascript_names import string
from harness.types.javascript_sets import LiteralSet, conjuncts, contained_in
from harness.types.model import Field, StatedRule

_MIRRORED: Mapping[ComparisonSign, ComparisonSign] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_BOUNDS: Mapping[str, str] = {"<": "lt", "<=": "max", ">": "gt", ">=": "min"}
_LENGTHS: Mapping[str, tuple[str, int]] = {
    "<": ("max", -1),
    "<=": ("max", 0),
    ">": ("min", 1),
    ">=": ("min", 0),
    "=": ("length", 0),
}
_LOWER, _UPPER = ("min", "gt"), ("max", "lt")


def split(
    field: Field, rules: Sequence[StatedRule], literals: LiteralSet | None, driver: str
) -> tuple[str, list[StatedRule]]:
    """Returns the methods that say rules over one field, and what they do not say of these rules."""
    methods, left = [], []
    for rule in rules:
        # The schema of a field with a shape says it already.
        parts = [each for each in conjuncts(rule.expression) if field.shape is None or not isinstance(each, FitsSchema)]
        if literals is not None and literals.rule == rule.name:
            parts = [each for each in parts if literals.of_elements and contained_in(each, field.name) is None]
            known = field.values.values if field.values is not None else ()
            if field.default is not None and not literals.of_elements and field.default not in known:
                parts = [rule.expression]  # the default breaks it: another value has to be given
        found = [_method(each, field, driver) for each in parts]
        if None in found or not _one_at_a_time([each[0] for each in found if each]) or not _keeps(field, parts):
            left.append(replace(rule, expression=parts[0] if len(parts) == 1 else And("bool", tuple(parts))))
        else:
            methods += [f".{each[0]}({each[1]}, {{ error: {string(rule.name)} }})" for each in found if each]
    return "".join(methods), left


def _one_at_a_time(methods: list[str]) -> bool:
    """Whether a value breaks one of the methods at most: a single one, or a lower and an upper bound."""
    if len(methods) < 2:
        return True
    return len(methods) == 2 and any({*methods} == {one, other} for one in _LOWER for other in _UPPER)


def _method(part: Expression, field: Field, driver: str) -> tuple[str, str] | None:
    """The method that says a predicate, and its argument."""
    match part:
        case Compare(operator=operator, left=ConstantValue() as left, right=right) if not isinstance(
            right, ConstantValue
        ):
            return _method(Compare("bool", _MIRRORED[operator], right, left), field, driver)
        case Compare(operator=operator, left=ColumnRead(), right=ConstantValue(text=str(text))):
            return _bound(operator, text, field, driver)
        case Compare(operator=operator, left=Call() as call, right=ConstantValue(text=str(text))) if (
            operator in _LENGTHS
        ):
            return _length(operator, int(text)) if _is_length(call, field, driver) else None
        case Matches(value=ColumnRead(), pattern=pattern) if _is_text(field):
            return "regex", f'new RegExp({string(pattern)}, "us")'
        case _:
            return None


def _length(operator: ComparisonSign, length: int) -> tuple[str, str] | None:
    method, more = _LENGTHS[operator]
    return (method, str(length + more)) if length + more >= 0 else None


def _bound(operator: str, text: str, field: Field, driver: str) -> tuple[str, str] | None:
    """The bound of a number, or that a text is not empty."""
    if _is_integer(field, driver) and operator in _BOUNDS and abs(int(text)) < 2**53:
        return _BOUNDS[operator], text
    return ("min", "1") if _is_text(field) and operator == "<>" and text == "" else None


def _is_integer(field: Field, driver: str) -> bool:
    return field.column.base_name in ("int2", "int4") or (field.column.base_name == "int8" and driver != NODE)


def _is_text(field: Field) -> bool:
    return field.column.base_name in ("text", "varchar")


def _is_length(call: Call, field: Field, driver: str) -> bool:
    if not isinstance(call.arguments[0], ColumnRead):
        return False
    if call.function == "char_length":
        return _is_text(field)
    return call.function == "cardinality" and is_array(field.column) and not is_text_array(field.column, driver)


def _keeps(field: Field, parts: Sequence[Expression]) -> bool:
    """Whether a literal default keeps rules that methods say: to leave a value out is not to break them."""
    return field.default is None or all(_is_kept(each, field.default) for each in parts)


def _is_kept(part: Expression, default: str) -> bool:
    match part:
        case Matches(pattern=pattern):
            return re.search(pattern.replace("$", r"\Z"), default, re.DOTALL) is not None
        case Compare(operator="<>", left=ColumnRead(), right=ConstantValue(text=text)):
            return default != text
        case Compare(operator=operator, left=ColumnRead(), right=ConstantValue(text=str(text))):
            return _ordered(operator, int(default), int(text))
        case Compare(operator=operator, left=Call(function="char_length"), right=ConstantValue(text=str(text))):
            return _ordered(operator, len(default), int(text))
        case _:
            return False


def _ordered(operator: str, one: int, other: int) -> bool:
    return {"=": one == other, "<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[operator]
