"""Predicates and rows that are drawn, of a few columns and small values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from hypothesis import strategies as st

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
from tests.types.three_valued import ABSENT

Expressions = st.SearchStrategy[Expression]

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "int4": ("-7", "0", "1", "2"),
    "numeric": ("NaN", "0", "1.5", "-2.25"),
    "float8": ("NaN", "0", "1.5", "Infinity"),
    "text": ("", "a", "b ", "\U0001f600"),
    "bpchar": ("a", "b"),
    "bool": ("true", "false"),
}
_VALUES: Mapping[str, tuple[Any, ...]] = {
    "int4": (-7, 0, 1, 2),
    "numeric": (Decimal("NaN"), Decimal(0), Decimal("1.5"), Decimal("-2.25")),
    "float8": (float("nan"), 0.0, 1.5, float("inf")),
    "text": ("", "a", "b ", " b", "\U0001f600\n"),
    "bpchar": ("a  ", "b  ", "   "),
    "bool": (True, False),
    "_text": ([], ["a"], ["a", "b "], [None], ["c"]),
    "jsonb": ({}, []),
    "bytea": (b"", b"a", b"\xff\x00"),
}
COLUMNS: Mapping[str, ColumnRead] = {
    f"{type.strip('_')}_{'array_' if type[0] == '_' else ''}{number}": ColumnRead(
        type, f"{type.strip('_')}_{'array_' if type[0] == '_' else ''}{number}", nullable=bool(number)
    )
    for type in _VALUES
    for number in range(3)
}
"""Of each type one that is NOT NULL, and two that are not."""

ROWS = st.fixed_dictionaries(
    {
        column.name: st.sampled_from([*_VALUES[column.type], ABSENT, *([None] if column.nullable else [])])
        for column in COLUMNS.values()
    }
)


def _column(type: str) -> Expressions:
    return st.sampled_from([each for each in COLUMNS.values() if each.type == type])


def _constant(type: str) -> Expressions:
    return st.sampled_from(_TEXTS[type]).map(partial(ConstantValue, type))


def _constants(type: str) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(_constant(type), min_size=1, max_size=3, unique=True).map(tuple)


def _value(type: str) -> Expressions:
    """Columns most of all; a value of two parts, of columns and constants only."""
    plain = _column(type) | _constant(type)
    coalesced = st.lists(plain, min_size=1, max_size=3).map(lambda each: Coalesce(type, tuple(each)))
    found = [_column(type), _constant(type), coalesced]
    if type == "int4":
        lengths = [
            ("char_length", "text"),
            ("char_length", "bpchar"),
            ("octet_length", "text"),
            ("octet_length", "bytea"),
        ]
        lengths += [("cardinality", "_text"), ("array_length", "_text")]
        found += [_column(of).map(partial(_called, "int4", name)) for name, of in lengths]
        some = st.lists(st.sampled_from(sorted(COLUMNS.values(), key=str)), min_size=1, max_size=3).map(tuple)
        found += [st.builds(CountNulls, st.just("int4"), some, st.booleans())]
        divisors = st.sampled_from(["-2", "3"]).map(partial(ConstantValue, "int4"))
        found += [st.builds(Calculation, st.just("int4"), st.sampled_from("/%"), plain, divisors)]
    if type in ("int4", "numeric"):
        found += [st.builds(Calculation, st.just(type), st.sampled_from("+-*"), plain, plain)]
        found += [plain.map(partial(_called, type, "abs"))]
    if type == "text":
        found += [
            plain.map(partial(_called, "text", "btrim")),
            _column("jsonb").map(partial(_called, "text", "jsonb_typeof")),
        ]
    return st.one_of(found)


def _called(type: str, function: str, argument: Expression) -> Call:
    return Call(type, function, (argument,))


def _tests(type: str) -> Expressions:
    signs = ["=", "<>"] if type in ("text", "bpchar") else ["=", "<>", "<", "<=", ">", ">="]
    found = [
        st.builds(Compare, st.just("bool"), st.sampled_from(signs), _value(type), _value(type)),
        st.builds(In, st.just("bool"), _value(type), _constants(type)),
        st.builds(IsDistinct, st.just("bool"), _value(type), _value(type)),
        _value(type).map(partial(IsNull, "bool")),
    ]
    if type == "text":
        patterns = st.sampled_from(["^a$", r"[^\x20]", r"^.{1,2}$", "a|b"])
        found += [st.builds(Matches, st.just("bool"), _value("text"), patterns)]
    return st.one_of(found)


def _contained() -> Expressions:
    constants = _constants("text").map(partial(ArrayOf, "_text"))
    return st.builds(ContainedBy, st.just("bool"), _column("_text"), constants | _column("_text"))


_LEAVES = st.one_of(
    *map(_tests, ("int4", "numeric", "float8", "text", "bpchar")), _contained(), _column("bool"), _constant("bool")
)


def _joined(parts: Expressions) -> Expressions:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        several.map(partial(And, "bool")),
        several.map(partial(Or, "bool")),
        parts.map(partial(Not, "bool")),
        parts.map(partial(IsTrue, "bool")),
        parts.map(partial(IsNull, "bool")),
        st.builds(Compare, st.just("bool"), st.sampled_from(["=", "<>"]), parts, parts),
        st.builds(IsDistinct, st.just("bool"), parts, parts),
    )


PREDICATES = st.recursive(_LEAVES, _joined, max_leaves=6)
