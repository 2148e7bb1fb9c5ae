"""Types of values in predicates: what may be compared, calculated with and cast, as all languages do it alike."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from harness.types.expressions import ArrayOf, Calculation, Compare, ConstantValue, Expression
from harness.types.patterns import CannotState

INTEGERS = ("int2", "int4", "int8")
FLOATS = ("float4", "float8")
NUMBERS = (*INTEGERS, "numeric", *FLOATS)
ORDERED = (*NUMBERS, "date", "time", "timestamp", "timestamptz")
"""Types whose order other languages keep; that of text depends on the collation."""

COMPARED = (*ORDERED, "text", "varchar", "bpchar", "bool", "uuid")
CONTAINED = (*INTEGERS, "text", "varchar", "bool", "uuid", "time")
"""Types of which an array is searched alike in all languages: a value there is found by what it is."""

_MOMENTS = ("date", "time", "timestamp", "timestamptz")

_TAKES = {
    "char_length": ("text", "varchar"),
    "octet_length": ("text", "varchar", "bytea"),
    "btrim": ("text", "varchar"),
    "jsonb_typeof": ("jsonb",),
    "abs": ("int2", "int4", "numeric", "float8"),
}


def takes(function: str, type: str) -> bool:
    """Whether a function's argument may have that type, as all languages have it."""
    if function in ("cardinality", "array_length"):
        return type.startswith("_")
    return (function == "isempty" and type.endswith("range")) or type in _TAKES.get(function, ())


def typname(written: str) -> str:
    """Returns a type as it is written in a cast, as ``pg_type.typname``: ``_text`` for ``text[]``."""
    array = written.endswith("[]")
    bare = re.sub(r"\(.*\)", "", written.removesuffix("[]")).removeprefix("pg_catalog.").strip()
    return f"{'_' if array else ''}{_TYPNAMES.get(bare, bare)}"


_TYPNAMES = {
    "integer": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "boolean": "bool",
    "decimal": "numeric",
    "double precision": "float8",
}


def shown(type: str) -> str:
    """Returns a ``pg_type.typname`` as a person knows it: ``text[]`` for ``_text``."""
    return f"{type[1:]}[]" if type.startswith("_") else type


def retyped(value: Expression, type: str) -> Expression:
    """Returns a constant as one of another type; anything else stays."""
    if not isinstance(value, ConstantValue) or value.type == type:
        return value
    if type.startswith("_") and value.text is not None:
        return _array_constant(value.text, type)
    if value.type in NUMBERS and type in INTEGERS and value.text is not None and not value.text.lstrip("-").isdigit():
        raise CannotState(f"it casts {value.text} to {type}")
    if value.type in FLOATS and type in ("float8", "numeric"):
        raise CannotState(f"it casts {value.type} to {type}")  # 0.1 as real is 0.100000001490116… as another number
    if value.type == "bpchar" and value.text is not None:
        return ConstantValue(type, value.text.rstrip(" "))
    return ConstantValue(type, value.text)


def _array_constant(text: str, type: str) -> ArrayOf:
    """An array literal such as ``{a,"b c"}`` of one dimension, without NULL."""
    if not re.fullmatch(r'\{(?:(?:"(?:[^"\\]|\\.)*"|[^",{}\\\s]+)(?:,(?!\})|(?=\})))*\}', text):
        raise CannotState("it has an array literal of several dimensions")
    items = re.findall(r'"((?:[^"\\]|\\.)*)"|([^",{}\\]+)', text[1:-1])
    if any(bare.upper() == "NULL" for _, bare in items):
        raise CannotState("it has an array literal with NULL")
    texts = [bare or re.sub(r"\\(.)", r"\1", quoted) for quoted, bare in items]
    return ArrayOf(type, tuple(ConstantValue(type[1:], each) for each in texts))


def negative(value: Expression) -> Expression:
    """Returns the constant with the other sign."""
    if isinstance(value, ConstantValue) and value.text is not None and value.type in NUMBERS:
        return ConstantValue(
            value.type, value.text.removeprefix("-") if value.text.startswith("-") else f"-{value.text}"
        )
    raise CannotState("it has a minus before a value")


def alike(left: Expression, right: Expression) -> tuple[Expression, Expression]:
    """Returns two values with the type of one of them, if they can be given one; real and double keep their own."""
    if isinstance(left, ConstantValue) and left.type != right.type and right.type != "unknown":
        left = _widened(left, right.type)
    elif isinstance(right, ConstantValue) and right.type != left.type:
        right = _widened(right, left.type)
    return left, right


def _widened(constant: ConstantValue, type: str) -> Expression:
    if {constant.type, type} == {*FLOATS}:
        return constant
    if {constant.type, type} <= {*_MOMENTS} and (constant.type, type) != ("date", "timestamp"):
        raise CannotState(f"it compares {type} with {constant.type}")
    if constant.type in NUMBERS and type in INTEGERS and not (constant.text or "0").lstrip("-").isdigit():
        raise CannotState(f"it compares {type} with {constant.text}")
    return retyped(constant, type)


def comparison(operator: Any, left: Expression, right: Expression, enums: Collection[str]) -> Expression:
    """Returns a comparison; raises :class:`CannotState` if other languages compare such values otherwise."""
    families = (INTEGERS, FLOATS, ("text", "varchar"))
    if left.type != right.type and not any({left.type, right.type} <= {*each} for each in families):
        raise CannotState(f"it compares {shown(left.type)} with {shown(right.type)}")
    if left.type not in ((*COMPARED, *enums) if operator in ("=", "<>") else ORDERED):
        raise CannotState(f"it compares values of {shown(left.type)}")
    return Compare("bool", operator, left, right)


def calculation(operator: Any, left: Expression, right: Expression) -> Expression:
    """Returns a calculation; raises :class:`CannotState` if other languages calculate otherwise."""
    types = {left.type, right.type}
    type = left.type if len(types) == 1 else "float8" if types == {*FLOATS} else "int4"
    if not (len(types) == 1 or types == {*FLOATS} or types <= {*INTEGERS[:2]}) or type not in NUMBERS:
        raise CannotState(f"it calculates {shown(left.type)} {operator} {shown(right.type)}")
    if operator in "/%" and type not in INTEGERS:
        raise CannotState(f"it divides {type}")
    return Calculation("int4" if type == "int2" else type, operator, left, right)
