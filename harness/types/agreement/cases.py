"""Records that are put to the types, each with the word of PostgreSQL on it; and values that no driver brings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.project.model import TableName
from harness.types.model import Driver, Field, ShapeName


@dataclass(frozen=True)
class SentValue:
    """A value as PostgreSQL gives it away: its ``text`` and the ``oid`` of its type, its ``json``, and psycopg's.

    ``exact`` is the JSON with a text for each number of type numeric. ``python`` is an exception if psycopg cannot make
    a value of it.
    """

    text: str | None
    oid: int
    json: Any
    exact: Any
    python: Any


@dataclass(frozen=True)
class TriedRecord:
    """A record of a table; ``refused_by`` is the name of the rule that PostgreSQL refuses it by, None if it accepts.

    ``untold`` is the reason why types cannot know what the database makes of it, if they cannot.
    """

    table: TableName
    shape: ShapeName
    values: Mapping[str, SentValue]
    refused_by: str | None = None
    untold: str | None = None


_NULL_IN_JSON = "NULL in a JSON column, which looks like the JSON null"
_DATES = ("date", "timestamp", "timestamptz")
_BEYOND = re.compile(r"infinity| BC$|^\d{5,}-")
_MICROSECONDS = re.compile(r":\d\d\.\d{3}\d*[1-9]")


def unheld(field: Field, sent: SentValue, driver: Driver, shape: ShapeName) -> str | None:
    """Returns why a driver's type cannot hold a value as it is; None if it can."""
    column, text = field.column, sent.text
    if text is None:
        return _NULL_IN_JSON if column.is_json and not field.nullable and shape == "Row" else None
    names = {column.base_name, *(part.base_name for part in column.parts)}
    if names & {*_DATES} and _BEYOND.search(text):
        return "infinity, and dates before Christ or after the year 9999"
    if names & {"time", "timetz"} and "24:00:00" in text:
        return "24:00 as a time"
    if driver == "psycopg" and isinstance(sent.python, Exception):
        return "a value that psycopg cannot read"
    moment = field.constraints and names & {"timestamp", "timestamptz"}
    if driver == "node-postgres" and moment and _MICROSECONDS.search(text):
        return "microseconds, of which a Date has none"
    if column.is_json and text == "null" and (shape != "Row" or field.nullable or driver != "psycopg"):
        return "the JSON null, which looks like NULL"
    if driver == "postgrest" and _digits(names, text):
        return "digits that a number of JavaScript loses"
    return None


def _digits(names: set[str], text: str) -> bool:
    """Whether a number has more digits than JavaScript's keep."""
    return bool(names & {"int8", "numeric"}) and any(
        len(number.replace(".", "").strip("0")) > 15 for number in re.findall(r"\d+(?:\.\d+)?", text)
    )
