"""Values as PostgreSQL prints them, and as each driver returns them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from harness.catalog import Column
from harness.types.agreement.cases import SentValue

_INTEGERS = ("int2", "int4", "int8")
_OIDS = {"int2": 21, "int4": 23, "int8": 20, "float4": 700, "varchar": 1043}
"""OIDs of types that values were sent without, for their limits."""


def free_type(column: Column) -> str:
    """Returns the type of a column without what limits it."""
    if column.base_name in _INTEGERS:
        return "numeric"
    if column.base_name == "float4":
        return "float8"
    if column.base_kind == "e":
        return "text"
    return {"varchar": "text", "numeric": "numeric", "bpchar": "bpchar"}.get(column.base_name, column.base_type)


def as_of_column(column: Column, sent: SentValue) -> SentValue:
    """Returns a value that was sent without its limits as one of the column."""
    oid = _OIDS.get(column.base_name, sent.oid)
    if column.base_name not in _INTEGERS or sent.python is None:
        return replace(sent, oid=oid)
    return SentValue(sent.text, oid, sent.json, sent.json, int(sent.python))


def read(cursor: psycopg.Cursor[Any], columns: Iterable[Column]) -> dict[str, SentValue]:
    """Reads a row of some of the columns, and of its JSON behind them."""
    result = cursor.pgresult
    assert result is not None and cursor.description is not None, "it returns a row"
    *texts, document = [
        None if (value := result.get_value(0, place)) is None else value.decode() for place in range(result.nfields)
    ]
    names = [each.name for each in cursor.description][:-1]
    try:
        python: Sequence[Any] = cursor.fetchone() or ()
    except (psycopg.DataError, ValueError, OverflowError):
        python = [_alone(cursor, place) for place in range(len(names))]
    documents: Mapping[str, Any] = json.loads(document or "{}")
    digits: Mapping[str, Any] = json.loads(document or "{}", parse_int=str, parse_float=str)
    known = {column.name: column for column in columns}
    found = {}
    for place, (name, text) in enumerate(zip(names, texts, strict=True)):
        exact = _exact(known[name], documents[name], digits[name])
        found[name] = SentValue(text, result.ftype(place), documents[name], exact, python[place])
    return found


def _exact(column: Column, document: Any, digits: Any) -> Any:
    """The JSON of a value with a text for each number of type numeric; ``digits`` has texts for all numbers."""
    match document:
        case list() if column.base_name.startswith("_") and column.parts:
            (part,) = column.parts
            # The rows of an array of several dimensions have no type of their own.
            pairs = zip(document, digits, strict=True)
            return [_exact(column if _is_row(each, part) else part, each, exact) for each, exact in pairs]
        case dict() if column.base_kind == "c":
            return {part.name: _exact(part, document[part.name], digits[part.name]) for part in column.parts}
        case _:
            return digits if column.base_name == "numeric" else document


def _is_row(document: Any, part: Column) -> bool:
    return isinstance(document, list) and not (part.is_json or part.base_name.startswith("_"))


def _alone(cursor: psycopg.Cursor[Any], place: int) -> Any:
    """One value of a row of which psycopg cannot read another."""
    result = cursor.pgresult
    assert result is not None, "it returned a row"
    value = result.get_value(0, place)
    if value is None:
        return None
    try:
        return psycopg.adapt.Transformer(cursor).get_loader(result.ftype(place), psycopg.pq.Format.TEXT).load(value)
    except (psycopg.DataError, ValueError, OverflowError) as error:
        return error
