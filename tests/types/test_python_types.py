"""Values that a real server gives away, in models: as psycopg returns them, as JSON has them, and at the limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from harness.catalog import Catalog, read
from harness.project.model import TableName
from harness.server.connection import Connection, Server
from harness.types.model import Field, TableShape, Unstated
from harness.types.pydantic_models import render
from harness.types.python_types import IN_PARTS, ONE_DIMENSION, TYPES, losses
from tests.types.python_package import imported, messages, of_tables, written

TABLE = TableName("app", "every")
SETUP = """
create extension citext;
create extension hstore;
create schema app;
set timezone to 'Europe/Amsterdam';
create type app.mood as enum ('sad', 'ok', 'b"d');
create domain app.positive as int check (value > 0);
create domain app.word as text;
create type app.pair as (a int, b text, mood app.mood);
create type app.floats as range (subtype = float8);
"""
VALUES: dict[str, tuple[str, ...]] = {
    "bool": ("true", "false"),
    "int2": ("-32768", "32767"),
    "int4": ("-2147483648", "2147483647"),
    "int8": ("-9223372036854775808", "9223372036854775807"),
    "oid": ("0", "4294967295"),
    "numeric": ("NaN", "Infinity", "-Infinity", "1e30", "0.000000000000000000001"),
    "numeric(10,2)": ("NaN", "99999999.99", "-0.01"),
    "float4": ("0.1", "NaN", "-Infinity", "3.4028235e38", "1e-45"),
    "float8": ("0.1", "NaN", "Infinity", "5e-324"),
    "text": ("", "\u00e9\U0001f600"),
    "varchar": ("",),
    "varchar(5)": ("\U0001f600" * 5, "a    "),
    "bpchar": ("a  ",),
    "char(5)": ("a", "\U0001f600" * 5),
    "citext": ("Aa",),
    "name": ("n",),
    '"char"': ("c",),
    "bytea": (r"\x", r"\x00ff"),
    "uuid": ("00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "date": ("0001-01-01", "9999-12-31"),
    "time": ("00:00", "23:59:59.999999"),
    "timetz": ("12:00:00.5+05:30:15", "00:00-12"),
    "timestamp": ("0001-01-01 00:00", "9999-12-31 23:59:59.999999"),
    "timestamptz": ("1900-01-01 00:00+00", "2026-07-01 00:00:00.000001+00"),
    "interval": ("1 year 2 mons -3 days 04:05:06.7", "0"),
    "json": ('{"a": [1, null, "x", 1.5, true]}', "5"),
    "jsonb": ('[{"b": {}}]', '"x"', "123456789012345678901234567890"),
    "bit(3)": ("101",),
    "varbit": ("", "1"),
    "varbit(5)": ("10101",),
    "inet": ("10.0.0.1", "10.0.0.1/24", "::1", "2001:db8::/32"),
    "cidr": ("10.0.0.0/8", "2001:db8::/32"),
    "macaddr": ("08:00:2b:01:02:03",),
    "macaddr8": ("08:00:2b:01:02:03:04:05",),
    "hstore": ('"a"=>"1", "b"=>NULL',),
    "int2vector": ("1 2",),
    "oidvector": ("1 2",),
    "int4range": ("empty", "[1,5)"),
    "int8range": ("[1,)",),
    "numrange": ("(,1.5]",),
    "daterange": ("[2026-01-01,2026-02-01)",),
    "tsrange": ("[2026-01-01,)",),
    "tstzrange": ("[1900-01-01,2027-01-01)",),
    "int4multirange": ("{[1,2),[5,9)}",),
    "int8multirange": ("{}",),
    "nummultirange": ("{[1.5,2)}",),
    "datemultirange": ("{[2026-01-01,2027-01-01)}",),
    "tsmultirange": ("{}",),
    "tstzmultirange": ("{[2026-01-01,2027-01-01)}",),
    "money": ("12.5",),
    "point": ("(1,2)",),
    "tsvector": ("a b",),
    "pg_lsn": ("0/16",),
    "xid": ("7",),
    "app.mood": ("sad", 'b"d'),
    "app.positive": ("5",),
    "app.word": ("w",),
    "app.pair": ('(1,"x,""y",ok)', "(,,)"),
    "app.floats": ("[1,2)",),
    "int4[]": ("{}", "{1,NULL}"),
    "text[]": ('{a,NULL,"NULL","b,c\\"\\\\"}',),
    "varchar(3)[]": ("{abc}",),
    "char(3)[]": ("{a}",),
    "numeric[]": ("{1.5,NaN}",),
    "date[]": ("{2026-01-01}",),
    "timestamptz[]": ('{"1900-01-01 00:00+00"}',),
    "bool[]": ("{t,f,NULL}",),
    "uuid[]": ("{00000000-0000-0000-0000-000000000001}",),
    "jsonb[]": ('{"{\\"a\\": 1}"}',),
    "inet[]": ("{::1}",),
    "bit(3)[]": ("{101}",),
    "interval[]": ('{"1 day"}',),
    "bytea[]": (r'{"\\x61"}',),
    "int4range[]": ('{"[1,2)"}',),
    "money[]": ("{$1.00}",),
    "point[]": ('{"(1,2)"}',),
}
"""Values of each type, whose NULL is tried as well. An array of these has a type that psycopg knows."""

TEXTS: dict[str, dict[str, list[Any]]] = {
    "app.mood[]": {'{sad,NULL,"b\\"d"}': ["sad", None, 'b"d']},
    "app.positive[]": {"{1,NULL,22}": [1, None, 22], "{}": []},
    "app.word[]": {'{"","a b",NULL,"NULL","q\\"\\\\,{}"}': ["", "a b", None, "NULL", 'q"\\,{}']},
    "app.pair[]": {'{"(1,x,ok)",NULL}': ["(1,x,ok)", None]},
    "app.floats[]": {'{"[1,2)"}': ["[1,2)"]},
}
"""Arrays that psycopg leaves as texts, with what the model of records makes of them."""


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    with server.connect() as maintenance:
        maintenance.execute("create database python_types template template0")
        try:
            with server.connect("python_types") as found:
                found.prepare_threshold = None  # a statement is of another table each time
                found.execute(SETUP)
                yield found
        finally:
            maintenance.execute("drop database python_types with (force)")


@contextmanager
def models(directory: Path, connection: Connection, columns: list[str], module: str = "app") -> Iterator[ModuleType]:
    """Makes a table of these columns, and its models."""
    connection.execute(f"drop table if exists {TABLE}".encode())
    connection.execute(f"create table {TABLE} ({', '.join(columns)})".encode())
    with imported(written(directory, of_tables(shape(read(connection)))), module) as found:
        yield found


def shape(catalog: Catalog) -> TableShape:
    columns = catalog.tables[TABLE].columns
    return TableShape(
        TABLE, "table", tuple(Field(each, nullable=not each.not_null, insert="optional") for each in columns)
    )


def rows(connection: Connection) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"select * from {TABLE}".encode()).fetchall()


def exact(connection: Connection) -> list[str]:
    """The rows as JSON, with a text for each number that is not an integer and not of a float."""
    found = connection.execute(f"select row_to_json(e, true)::text from {TABLE} as e".encode()).fetchall()
    return [text for (text,) in found]


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or repr(one) == repr(other))


@pytest.mark.parametrize("type", [*VALUES, *TEXTS])
def test_values_of_each_type(tmp_path: Path, connection: Connection, type: str) -> None:
    values = [*VALUES.get(type, TEXTS.get(type, {})), None]
    with models(tmp_path, connection, [f"x {type}"]) as module:
        for value in values:
            connection.execute(f"insert into {TABLE} values (%s::text::{type})".encode(), [value])
        for given in rows(connection):
            record = module.EveryRecord.model_validate(given)
            expected = TEXTS.get(type, {}).get(given["x"], given["x"]) if isinstance(given["x"], str) else given["x"]
            assert same(record.x, expected), given
            record.model_dump_json()
        for text in exact(connection):
            row = module.EveryRow.model_validate_json(as_texts(type, text))
            again = module.EveryRow.model_validate_json(row.model_dump_json())
            assert same(row.x, again.x), text
            assert module.EveryInsert.model_validate(row.model_dump()) is not None


def as_texts(type: str, document: str) -> str:
    """A document of one value, with a text for each number of type numeric, as JSON has to have it."""
    if not type.startswith("numeric"):
        return document
    found = json.loads(document, parse_float=str, parse_int=str)
    return json.dumps(found)


def test_each_type_of_the_table_is_tried(connection: Connection) -> None:
    asked = "select format_type(oid, null), typname from pg_type"
    names: dict[str, str] = dict(connection.execute(asked).fetchall())
    tried = {names.get(each, each).strip('"') for each in (each.partition("(")[0] for each in VALUES)}
    assert {*TYPES} - {"void", "record"} <= tried


LIMITS: dict[str, tuple[str, ...]] = {
    "numeric(3,1)": ("99.94", "99.95", "-99.95", "99.949999", "0.05", "-0.05", "0.04", "1e1", "1e2", "NaN", "Infinity"),
    "numeric(2,4)": ("0.0099", "0.00994", "0.00995", "0.00005", "0.01"),
    "numeric(2,-2)": ("9949", "9950", "50", "49", "-50", "1234"),
    "numeric(5)": ("99999.4", "99999.5", "0.5", "1.5", "-2.5"),
    "varchar(3)": ("abc", "abcd", "abc   ", "  a", "\U0001f600" * 3, "\U0001f600" * 4, ""),
    "char(3)": ("a", "abc ", "abcd", "", "\U0001f600" * 3),
    "bit(3)": ("101", "1", "1010"),
    "varbit(3)": ("101", "1", "1010", ""),
}
"""Texts at the limits of types, on both sides."""


@pytest.mark.parametrize("type", LIMITS)
def test_limits_are_those_of_the_server(tmp_path: Path, connection: Connection, type: str) -> None:
    with models(tmp_path, connection, [f"x {type}"]) as module:
        free = type.partition("(")[0].replace("char", "text").replace("vartext", "text").replace("bit", "varbit")
        for value in LIMITS[type]:
            stored, state = inserted(connection, f"%s::text::{free.replace('varvarbit', 'varbit')}", value)
            found = messages(module.EveryInsert, {"x": value})
            assert [message for _, message in found] == ([f"x ({state})"] if state else []), value
            if not state:
                row = module.EveryInsert.model_validate({"x": value})
                assert str(row.x) == str(stored), value


def inserted(connection: Connection, expression: str, value: str) -> tuple[Any, str | None]:
    """What the server stores of a value, or the SQLSTATE by which it refuses it."""
    try:
        with connection.transaction():
            found = connection.execute(f"insert into {TABLE} values ({expression}) returning x".encode(), [value])
            return (found.fetchone() or (None,))[0], None
    except psycopg.Error as error:
        return None, error.sqlstate


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("float4", 1e39),
        ("float4", 1e-50),
        ("int2", 2**15),
        ("int4", -(2**31) - 1),
        ("int8", 2**63),
        ("oid", 2**32),
    ],
)
def test_numbers_that_are_out_of_range(tmp_path: Path, connection: Connection, type: str, value: float) -> None:
    with models(tmp_path, connection, [f"x {type}"]) as module:
        _, state = inserted(connection, f"%s::text::{'float8' if type == 'float4' else 'numeric'}::{type}", str(value))
        assert state in ("22003", "42846")
        assert messages(module.EveryInsert, {"x": value}) == [(("x",), "x (22003)")]


def test_what_models_cannot_tell_is_listed(connection: Connection) -> None:
    connection.execute(f"drop table if exists {TABLE}".encode())
    connection.execute(f"create table {TABLE} (a date, b int[], c app.pair, d text, e jsonb not null)".encode())
    types = of_tables(shape(read(connection)))
    assert losses(types) == (
        Unstated("app.every", "a", "infinity, and years before 1 or after 9999, have no value in Python", "value"),
        Unstated("app.every", "b", ONE_DIMENSION, "value"),
        Unstated("app.every", "c", IN_PARTS, "value"),
        Unstated("app.every", "e", "a JSON null is None, as NULL is", "value"),
        Unstated("app.every", "e", "a number with a fraction loses the digits that a float has no place for", "value"),
        Unstated("app.every", "e", "NOT NULL is not stated of rows: None is the JSON null there", "value"),
    )
    assert "class PairValue(Model):" in render(types)["app.py"]
