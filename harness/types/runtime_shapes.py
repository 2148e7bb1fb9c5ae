"""The shapes of documents: JSON values as JSON Schemas say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final


def fits(value: Any, schema: Any) -> bool:
    """Whether a JSON value is as a JSON Schema says."""
    if isinstance(schema, bool):
        return schema
    kinds = _kinds(value)
    types = schema.get("type", kinds)
    if kinds.isdisjoint([types] if isinstance(types, str) else types):
        return False
    options = [schema["const"]] if "const" in schema else schema.get("enum")
    if options is not None and not any(_same(value, each) for each in options):
        return False
    return all(_CHECKS[each](value, schema) for each in kinds if each in _CHECKS)


def _kinds(value: Any) -> frozenset[str]:
    """The types that JSON Schema has for a value."""
    match value:
        case None:
            return frozenset(["null"])
        case bool():
            return frozenset(["boolean"])
        case int() | float():
            return frozenset(["number", "integer"] if value % 1 == 0 else ["number"])
        case str():
            return frozenset(["string"])
        case _:
            return frozenset(["object" if isinstance(value, dict) else "array"])


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, but not true."""
    if _kinds(one) != _kinds(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(each, other[name]) for name, each in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _object(value: dict[str, Any], schema: Mapping[str, Any]) -> bool:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    return all(name in value for name in schema.get("required", ())) and all(
        fits(each, known.get(name, more)) for name, each in value.items()
    )


def _array(value: list[Any], schema: Mapping[str, Any]) -> bool:
    return _is_within(len(value), schema, "minItems", "maxItems") and all(
        fits(each, schema.get("items", True)) for each in value
    )


def _string(value: str, schema: Mapping[str, Any]) -> bool:
    if not _is_within(len(value), schema, "minLength", "maxLength"):
        return False
    return "pattern" not in schema or re.search(schema["pattern"], value) is not None


def _number(value: float, schema: Mapping[str, Any]) -> bool:
    if value <= schema.get("exclusiveMinimum", float("-inf")) or value >= schema.get("exclusiveMaximum", float("inf")):
        return False
    if "multipleOf" in schema and Decimal(str(value)) % Decimal(str(schema["multipleOf"])):
        return False
    return _is_within(value, schema, "minimum", "maximum")


def _is_within(number: float, schema: Mapping[str, Any], least: str, most: str) -> bool:
    return bool(schema.get(least, number) <= number <= schema.get(most, number))


_CHECKS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], bool]]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
}
