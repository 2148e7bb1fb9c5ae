"""Random predicates and records for the JavaScript dialect, and what PostgreSQL's three-valued logic says of them."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from harness.types import expressions as e
from harness.types.model import Field
from tests.types.javascript_samples import array, column, field
from tests.types.three_valued import columns_read

ABSENT = object()
"""The value of a column that a record leaves out."""

FIELDS: tuple[Field, ...] = (
    field("j", "integer", "int4"),
    field("i", "integer", "int4", null=True, insert="optional", has_default=True, default="2"),
    field("big", "bigint", "int8", null=True, insert="optional"),
    field("n", "numeric", null=True, insert="optional", has_default=True, default="1.50"),
    field("f", "double precision", "float8", null=True, insert="optional"),
    field("t", "text", null=True, insert="optional"),
    field("u", "text", insert="optional", has_default=True, default="a"),
    field("c", "character(3)", "bpchar", null=True, insert="optional"),
    field("b", "boolean", "bool", null=True, insert="optional"),
    field("k", "boolean", "bool", insert="optional", has_default=True),
    field("d", "date", null=True, insert="optional"),
    field("at", "timestamp with time zone", "timestamptz", null=True, insert="optional", has_default=True),
    Field(array("a", column("", "text")), nullable=True, insert="optional"),
    field("doc", "jsonb", null=True, insert="optional", has_default=True, default="{}"),
    field("raw", "bytea", null=True, insert="optional"),
    field("gone", "integer", "int4", null=True, insert="absent", update=False),
)

TEXTS: Mapping[str, tuple[str, ...]] = {
    "int4": ("0", "1", "2", "-3"),
    "int8": ("0", "1", "9007199254740993", "-9223372036854775808"),
    "numeric": ("0", "1.5", "1.50", "-0.05", "NaN", "99999999999999999999.1"),
    "float8": ("0", "1.5", "-2", "NaN", "Infinity"),
    "text": ("", "a", "b ", " a", "\U0001f600", "\uffff"),
    "bpchar": ("a  ", "   ", "abc"),
    "bool": ("true", "false"),
    "date": ("2026-01-01", "2026-03-29", "2025-12-31"),
    "timestamptz": ("2026-01-01 00:00:00+00", "2026-01-01 01:00:00+01", "2025-12-31 23:59:59.5+00"),
    "_text": ("{}", "{a}", '{a,"b "}', "{a,NULL}"),
    "jsonb": ("{}", "[]", '"x"', "1", "true"),
    "bytea": ("\\x", "\\x61", "\\xff00"),
}
"""Values of each type as PostgreSQL prints them."""

ORDERED = ("int4", "int8", "numeric", "float8", "date", "timestamptz")
_PATTERNS = ("^a$", "a|b", "^.$", "^[^a]*$")


@dataclass(frozen=True)
class Drawn:
    """A predicate with a record of texts; None is NULL, a column that is not there is left out."""

    predicate: e.Expression
    record: Mapping[str, str | None]


class Drawing:
    """Draws predicates and records at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def drawn(self, shape: str) -> Drawn:
        return Drawn(self.predicate(3), self.record(shape))

    def record(self, shape: str) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for each in FIELDS:
            if shape != "Row" and each.insert == "absent":
                continue
            optional = shape == "Update" or (shape == "Insert" and each.insert == "optional")
            if optional and self._random.random() < 0.4:
                continue
            null = each.nullable and self._random.random() < 0.3
            found[each.name] = None if null else self._random.choice(TEXTS[each.column.base_name])
        return found

    def predicate(self, depth: int) -> e.Expression:
        choices = ["compare", "compare", "in", "null", "matches", "contained", "column", "distinct", "count"]
        if depth > 0:
            choices += ["and", "or", "not", "and", "or", "true", "equal", "null of", "coalesce"]
        return self._of(self._random.choice(choices), depth - 1)

    def _of(self, choice: str, depth: int) -> e.Expression:
        type = self._random.choice([*TEXTS][:9])
        match choice:
            case "and" | "or":
                parts = tuple(self.predicate(depth) for _ in range(self._random.choice((2, 2, 3))))
                return e.And("bool", parts) if choice == "and" else e.Or("bool", parts)
            case "not":
                return e.Not("bool", self.predicate(depth))
            case "true":
                return e.IsTrue("bool", self.predicate(depth))
            case "null of":
                return e.IsNull("bool", self.predicate(depth))
            case "equal":
                operator: Any = self._random.choice(("=", "<>"))
                return e.Compare("bool", operator, self.predicate(depth), self.predicate(depth))
            case "coalesce":
                return e.Coalesce(
                    "bool", (self._column("bool"), self._random.choice((self._constant("bool"), self._column("bool"))))
                )
            case "null":
                return e.IsNull("bool", self.value(self._random.choice([*TEXTS]), 1))
            case "matches":
                return e.Matches("bool", self.value("text", 1), self._random.choice(_PATTERNS))
            case "contained":
                return e.ContainedBy("bool", self._column("_text"), self._array())
            case "column":
                return self._column("bool")
            case "distinct":
                return e.IsDistinct("bool", self.value(type, 1), self.value(type, 1))
            case "count":
                values = tuple(self._column(self._random.choice([*TEXTS])) for _ in range(2))
                counted = e.CountNulls("int4", values, self._random.random() < 0.5)
                return e.Compare("bool", self._random.choice(("=", ">")), counted, e.ConstantValue("int4", "1"))
            case "in":
                items = tuple(self._constant(type) for _ in range(self._random.choice((1, 2))))
                return e.In("bool", self.value(type, 1), items)
            case _:
                operator = self._random.choice(("=", "<>", "<", "<=", ">", ">=") if type in ORDERED else ("=", "<>"))
                return e.Compare("bool", operator, self.value(type, 2), self.value(type, 2))

    def value(self, type: str, depth: int) -> e.Expression:
        choices = ["column", "column", "constant" if type not in ("_text", "jsonb", "bytea") else "column"]
        if depth > 0 and type not in ("_text", "jsonb", "bytea", "bool"):
            choices += ["coalesce"]
            choices += {
                "int4": ["length", "bytes", "sum", "items"],
                "text": ["trim", "typeof"],
                "numeric": ["sum", "abs"],
                "int8": ["sum"],
            }.get(type, [])
        match self._random.choice(choices):
            case "constant":
                return self._constant(type)
            case "coalesce":
                last = self._random.choice((self._constant(type), self._column(type)))
                return e.Coalesce(type, (self.value(type, depth - 1), last))
            case "length":
                return e.Call("int4", "char_length", (self.value("text", depth - 1),))
            case "bytes":
                return e.Call("int4", "octet_length", (self._column("bytea"),))
            case "items":
                name = self._random.choice(("cardinality", "array_length"))
                return e.Call("int4", name, (self._column("_text"),))
            case "trim":
                return e.Call("text", "btrim", (self.value("text", depth - 1),))
            case "typeof":
                return e.Call("text", "jsonb_typeof", (self._column("jsonb"),))
            case "abs":
                return e.Call(type, "abs", (self.value(type, depth - 1),))
            case "sum":
                return self._calculation(type, depth)
            case _:
                return self._column(type)

    def _calculation(self, type: str, depth: int) -> e.Expression:
        left = self.value(type, depth - 1)
        if type != "numeric" and self._random.random() < 0.4:
            operator: Any = self._random.choice("/%")
            return e.Calculation(type, operator, left, e.ConstantValue(type, self._random.choice(("2", "-3"))))
        operator = self._random.choice("+-*") if type == "numeric" else self._random.choice("+-")
        return e.Calculation(type, operator, left, self.value(type, depth - 1))

    def _constant(self, type: str) -> e.ConstantValue:
        return e.ConstantValue(type, self._random.choice(TEXTS[type]))

    def _column(self, type: str) -> e.ColumnRead:
        found = self._random.choice([each for each in FIELDS if each.column.base_name == type])
        return e.ColumnRead(type, found.name, found.nullable)

    def _array(self) -> e.ArrayOf:
        return e.ArrayOf(
            "_text", tuple(e.ConstantValue("text", each) for each in self._random.sample(("a", "b ", "c"), 2))
        )


def holds(drawn: Drawn, shape: str) -> bool:
    """Whether a predicate is true or null of a record."""
    return _Record(drawn.record, shape).truth(drawn.predicate) is not False


class _Record:
    """A record with the meaning of what it leaves out."""

    def __init__(self, record: Mapping[str, str | None], shape: str) -> None:
        self._values: dict[str, Any] = {each.name: _given(each, record, shape) for each in FIELDS}

    def truth(self, predicate: e.Expression) -> bool | None:
        """True, false, or None for null."""
        match predicate:
            case e.And(parts=parts):
                found = [self.truth(each) for each in parts]
                return False if False in found else None if None in found else True
            case e.Or(parts=parts):
                found = [self.truth(each) for each in parts]
                return True if True in found else None if None in found else False
            case e.Not(part=part):
                one = self.truth(part)
                return None if one is None else not one
            case e.Compare(operator=operator, left=left, right=right) if left.type == right.type == "bool":
                one, other = self.truth(left), self.truth(right)
                return None if one is None or other is None else (one == other) == (operator == "=")
            case e.IsTrue(value=value) if self.truth(value) is True:
                return True  # whatever the columns are that it leaves out
        if any(self._values[name] is ABSENT for name in columns_read(predicate)):
            return None
        return self._test(predicate)

    def _test(self, test: e.Expression) -> bool | None:
        match test:
            case e.IsNull(value=value):
                return self._any(value) is None
            case e.IsTrue():
                return False
            case e.IsDistinct(left=left, right=right):
                one, other = self._any(left), self._any(right)
                return (one is None) != (other is None) or (one is not None and not _compared("=", one, other))
            case e.In(value=value, items=items):
                one = self._any(value)
                return None if one is None else any(_compared("=", one, self._any(each)) for each in items)
            case e.Matches(value=value, pattern=pattern):
                one = self._any(value)
                return None if one is None else re.search(pattern.replace("$", r"\Z"), one, re.DOTALL) is not None
            case e.ContainedBy(left=left, right=right):
                one, other = self._any(left), self._any(right)
                return None if one is None else all(each is not None and each in other for each in one)
            case e.Compare(operator=operator, left=left, right=right):
                one, other = self._any(left), self._any(right)
                return None if one is None or other is None else _compared(operator, one, other)
        found = self._any(test)
        return None if found is None else bool(found)

    def _any(self, value: e.Expression) -> Any:
        """The value of a value or predicate."""
        match value:
            case e.ColumnRead(name=name):
                return self._values[name]
            case e.ConstantValue(type=type, text=text):
                return parsed(type, text)
            case e.ArrayOf(items=items):
                return [self._any(each) for each in items]
            case e.Coalesce(arguments=arguments):
                return next((found for each in arguments if (found := self._any(each)) is not None), None)
            case e.CountNulls(arguments=arguments, null=null):
                return sum((self._any(each) is None) == null for each in arguments)
            case e.Call(function=function, arguments=(argument,)):
                given = self._any(argument)
                return None if given is None else _called(function, given)
            case e.Calculation(operator=operator, left=left, right=right):
                one, other = self._any(left), self._any(right)
                return None if one is None or other is None else _calculated(operator, one, other)
        return self.truth(value)


def _given(field: Field, record: Mapping[str, str | None], shape: str) -> Any:
    type = field.column.base_name
    if field.name in record:
        return parsed(type, record[field.name])
    if shape == "Update" or field.insert == "absent":
        return ABSENT
    if field.default is not None:
        return parsed(type, field.default)
    return ABSENT if field.has_default else None


def parsed(type: str, text: str | None) -> Any:
    """A value of Python; all numbers are exact but floats."""
    match type:
        case _ if text is None:
            return None
        case "int4" | "int8":
            return int(text)
        case "numeric":
            return Decimal(text)
        case "float8":
            return float(text)
        case "bool":
            return text == "true"
        case "bpchar":
            return text.rstrip(" ")
        case "bytea":
            return bytes.fromhex(text.removeprefix("\\x"))
        case "timestamptz":
            return {"2026-01-01 00:00:00+00": 0, "2026-01-01 01:00:00+01": 0}.get(text, -1)
        case "_text":
            return {"{}": [], "{a}": ["a"], '{a,"b "}': ["a", "b "], "{a,NULL}": ["a", None]}[text]
        case _:
            return text


def _called(function: str, given: Any) -> Any:
    match function:
        case "char_length" | "octet_length" | "cardinality":
            return len(given)
        case "array_length":
            return len(given) or None
        case "btrim":
            return given.strip(" ")
        case "jsonb_typeof":
            return {"{": "object", "[": "array", '"': "string", "1": "number", "t": "boolean"}[given[0]]
        case _:
            return abs(given)


def _calculated(operator: str, one: Any, other: Any) -> Any:
    match operator:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case "/":
            return int(abs(one) // abs(other)) * (1 if (one < 0) == (other < 0) else -1)
        case _:
            return (
                math.copysign(1, one) * (abs(one) % abs(other))
                if isinstance(one, float)
                else (abs(one) % abs(other)) * (-1 if one < 0 else 1)
            )


def _compared(operator: str, one: Any, other: Any) -> bool:
    """NaN equals NaN, and is greater than all others."""
    if isinstance(one, float | Decimal):
        keys = [(math.isnan(each), Decimal(0) if math.isnan(each) else Decimal(each)) for each in (one, other)]
        one, other = keys
    found: dict[str, bool] = {
        "=": one == other,
        "<>": one != other,
        "<": operator == "<" and one < other,
        "<=": operator == "<=" and one <= other,
        ">": operator == ">" and one > other,
        ">=": operator == ">=" and one >= other,
    }
    return found[operator]
