"""Rules in Python: the condition under which a row keeps one, as a lambda of the row says it.

A column that is not known is UNSET on the row; the functions are those of ``runtime.py``.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import struct
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from harness.types.conditions import FALSE, TRUE, Condition, either, leaf
from harness.types.dialect import Absence, Dialect, WrittenValue
from harness.types.expressions import (
    ArrayOf,
    Calculation,
    Call,
    Coalesce,
    ColumnRead,
    ComparisonSign,
    ConstantValue,
    ContainedBy,
    Expression,
    FitsSchema,
    Matches,
)
from harness.types.logic import condition
from harness.types.patterns import for_python
from harness.types.python_names import quoted, raw
from harness.types.values import FLOATS

INTEGERS = ("int2", "int4", "int8", "oid")
_MIRRORED: Mapping[ComparisonSign, ComparisonSign] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SIGNS: Mapping[ComparisonSign, str] = {"=": "==", "<>": "!="}
_OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<", "in": "not in"}


def holds(rule: Expression, attributes: Mapping[str, str], sets: Mapping[tuple[str, ...], str]) -> str:
    """Returns the condition under which a rule holds; ``True`` if no row of these attributes can break it.

    ``attributes`` are those of the columns of a row; ``sets`` has names for sets of values, as Python writes them.
    """
    return condition(rule, PythonDialect(attributes, sets))


class PythonDialect(Dialect):
    """Writes conditions in Python. Each column may be UNSET: then nothing is known of it."""

    conjunction = " and "
    disjunction = " or "
    negation = "not "
    equivalence = (" == ", " != ")
    truth = ("False", "True")

    def __init__(self, attributes: Mapping[str, str], sets: Mapping[tuple[str, ...], str]) -> None:
        self._attributes, self._sets = attributes, sets

    def absence(self, column: ColumnRead) -> Absence:
        return Absence.UNKNOWN

    def is_null(self, column: ColumnRead) -> Condition:
        name = self._name(column)
        return leaf(f"{name} is None", f"{name} is not None")

    def is_absent(self, column: ColumnRead) -> Condition:
        name = self._name(column)
        return leaf(f"{name} is UNSET", f"{name} is not UNSET")

    def is_missing(self, column: ColumnRead) -> Condition:
        name = self._name(column)
        return leaf(f"missing({name})", f"not missing({name})")

    def is_empty(self, array: Expression) -> Condition:
        value = self.value(array)
        return leaf(f"len({value}) == 0", f"len({value}) != 0")

    def value(self, expression: Expression) -> str:
        match expression:
            case WrittenValue(text=text):
                return text
            case ColumnRead():
                return self._name(expression)
            case ConstantValue(type=type, text=text):
                return literal(type, text) or "None"
            case ArrayOf(items=items):
                return f"[{', '.join(map(self.value, items))}]"
            case Call():
                return self._call(expression)
            case Coalesce(arguments=arguments):
                return self.coalesce(arguments)
            case Calculation():
                return self._calculation(expression)
        raise AssertionError(f"no value: {expression}")

    def coalesce(self, arguments: tuple[Expression, ...]) -> str:
        return f"coalesce({', '.join(map(self.value, arguments))})"

    def count(self, conditions: Iterable[str]) -> str:
        return f"[{', '.join(conditions)}].count(True)"

    def compare(self, operator: ComparisonSign, left: Expression, right: Expression) -> Condition:
        if isinstance(left, ConstantValue) and not isinstance(right, ConstantValue):
            return self.compare(_MIRRORED[operator], right, left)
        if isinstance(right, ConstantValue) and beyond(right):
            return TRUE if operator in ("<>", *(("<", "<=") if beyond(right) > 0 else (">", ">="))) else FALSE
        if _is_nan(right) and operator in _SIGNS:
            same = f"is_nan({self.value(left)})"
            return leaf(same, f"not {same}") if operator == "=" else leaf(f"not {same}", same)
        one, other = self._operand(left), self._operand(right)
        plain = isinstance(right, ConstantValue) and operator in _SIGNS
        if left.type in (*FLOATS, "numeric") and not plain:
            one, other = f"ranked({one})", f"ranked({other})"
        return _comparison(one, _SIGNS.get(operator, operator), other)

    def contains(self, items: tuple[ConstantValue, ...], value: Expression) -> Condition:
        one = self._operand(value)
        if any(map(_is_nan, items)):
            others = tuple(each for each in items if not _is_nan(each))
            is_nan = leaf(f"is_nan({one})", f"not is_nan({one})")
            return either((is_nan, self.contains(others, value))) if others else is_nan
        if len(items) == 1:
            return _comparison(one, "==", self._operand(items[0]))
        return _comparison(one, "in", self._tuple(items))

    def matches(self, expression: Matches | FitsSchema) -> Condition:
        value = self.value(expression.value)
        if isinstance(expression, FitsSchema):
            text = f"fits({value}, {document(json.loads(expression.schema))})"
        else:
            text = f"matches({value}, {raw(for_python(expression.pattern))})"
        return leaf(text, f"not {text}")

    def contained(self, expression: ContainedBy) -> Condition:
        right = expression.right
        others = self._tuple(right.items) if isinstance(right, ArrayOf) else self.value(right)
        text = f"contained({self.value(expression.left)}, {others})"
        return leaf(text, f"not {text}")

    def _name(self, column: ColumnRead) -> str:
        return f"row.{self._attributes.get(column.name, column.name)}"

    def _operand(self, expression: Expression) -> str:
        """A value that is compared: what PostgreSQL compares of it."""
        if expression.type == "bpchar":
            if isinstance(expression, ConstantValue):
                return quoted((expression.text or "").rstrip(" "))
            return f"unpadded({self.value(expression)})"
        if expression.type == "float4" and not isinstance(expression, ConstantValue | Calculation):
            return f"real({self.value(expression)})"
        return self.value(expression)

    def _tuple(self, items: Iterable[Expression]) -> str:
        """Constants as a tuple, by the name of their set if they have one."""
        found = tuple(self._operand(each) for each in items)
        return self._sets.get(found) or (f"({found[0]},)" if len(found) == 1 else f"({', '.join(found)})")

    def _call(self, call: Call) -> str:
        (argument,) = call.arguments
        match call.function:
            case "char_length":
                return f"len({self._operand(argument)})"
            case "octet_length" if argument.type != "bytea":
                return f"octets({self.value(argument)})"
            case "btrim":
                return f"trimmed({self._operand(argument)})"
            case "cardinality" | "array_length" | "octet_length":
                return f"len({self.value(argument)})"
            case "jsonb_typeof":
                return f"json_type({self.value(argument)})"
            case "isempty":
                return f"is_empty({self.value(argument)})"
            case "abs":
                return f"{'EXACT.' if call.type == 'numeric' else ''}abs({self._operand(argument)})"
        raise AssertionError(f"no function: {call.function}")

    def _calculation(self, calculation: Calculation) -> str:
        left, right = self._operand(calculation.left), self._operand(calculation.right)
        operator = calculation.operator
        if calculation.type == "numeric":
            return f"EXACT.{_EXACTLY[operator]}({left}, {right})"
        if calculation.type in INTEGERS and operator in _DIVISIONS:
            return f"{_DIVISIONS[operator]}({left}, {right})"
        return f"real({left} {operator} {right})" if calculation.type == "float4" else f"({left} {operator} {right})"


_EXACTLY = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "remainder"}
_DIVISIONS = {"/": "quotient", "%": "remainder"}


def _comparison(one: str, sign: str, other: str) -> Condition:
    return leaf(f"{one} {sign} {other}", f"{one} {_OPPOSITES[sign]} {other}")


def _is_nan(expression: Expression) -> bool:
    numeric = expression.type in (*FLOATS, "numeric")
    return numeric and isinstance(expression, ConstantValue) and (expression.text or "").lower() == "nan"


def literal(type: str, text: str | None) -> str:
    """Returns a value as Python writes it. A date that Python does not have becomes its first or its last."""
    if text is None:
        return "None"
    return _WRITTEN.get(type, quoted)(text)


def document(value: Any) -> str:
    """Returns a JSON value as Python writes it."""
    match value:
        case str():
            return quoted(value)
        case list():
            return f"[{', '.join(map(document, value))}]"
        case dict():
            return f"{{{', '.join(f'{quoted(name)}: {document(each)}' for name, each in value.items())}}}"
    return repr(value)


def beyond(constant: ConstantValue) -> int:
    """Whether a date is before all that Python has (-1), or behind all (1)."""
    if constant.type not in _DATES or constant.text is None:
        return 0
    if constant.text.endswith(" BC") or constant.text == "-infinity":
        return -1
    return 1 if constant.text == "infinity" or re.match(r"\d{5,}-|24:", constant.text) else 0


def _number(text: str) -> str:
    try:
        return text if re.fullmatch(r"-?(0|[1-9]\d*)", text) else f'Decimal("{Decimal(text)}")'
    except InvalidOperation:
        raise AssertionError(f"no number: {text}") from None


def _float(text: str) -> str:
    found = float(text)
    return repr(found) if math.isfinite(found) else f'float("{found}")'


def _real(text: str) -> str:
    return _float(repr(struct.unpack("<f", struct.pack("<f", float(text)))[0]))


def _dated(name: str, read: Callable[[str], object]) -> Callable[[str], str]:
    def written(text: str) -> str:
        side = beyond(ConstantValue(name, text))
        if side:
            zone = ".replace(tzinfo=dt.UTC)" if name == "timestamptz" else ""
            return f"dt.{_DATES[name]}.{'max' if side > 0 else 'min'}{zone}"
        return re.sub(r"datetime\.(?=[a-z])", "dt.", repr(read(text))).replace("dt.timezone.utc", "dt.UTC")

    return written


_DATES = {"date": "date", "time": "time", "timestamp": "datetime", "timestamptz": "datetime"}
_WRITTEN: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(INTEGERS, lambda text: str(int(text))),
    "bool": lambda text: str(text in ("t", "true")),
    **dict.fromkeys(("json", "jsonb"), lambda text: document(json.loads(text))),
    "numeric": _number,
    "float4": _real,
    "float8": _float,
    "uuid": lambda text: f'UUID("{uuid.UUID(text)}")',
    "date": _dated("date", datetime.date.fromisoformat),
    "time": _dated("time", datetime.time.fromisoformat),
    "timestamp": _dated("timestamp", datetime.datetime.fromisoformat),
    "timestamptz": _dated("timestamptz", datetime.datetime.fromisoformat),
}
