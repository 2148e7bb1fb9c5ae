"""What is drawn for a column is read by the server, and means the same to it the next time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.catalog import Column, read
from harness.probes.statement import literal
from harness.project.model import TableName
from harness.server.connection import Server
from harness.solver.pools import Pools
from harness.values.candidates import candidates
from harness.values.constants import RuleConstants
from harness.values.literals import array, fixed_point
from harness.values.types import Unsupported, needs_server, numeric_limits, scalar, values

TYPES = (
    "smallint",
    "integer",
    "bigint",
    "oid",
    "numeric",
    "numeric(10,2)",
    "numeric(5,0)",
    "numeric(3,3)",
    "numeric(4,-2)",
    "real",
    "double precision",
    "boolean",
    "uuid",
    "date",
    "time",
    "time(0)",
    "timetz",
    "timestamp",
    "timestamp(3)",
    "timestamptz",
    "interval",
    "interval day to second",
    "bytea",
    "json",
    "jsonb",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "money",
    "tsvector",
    "tsquery",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "jsonpath",
    "pg_lsn",
    "pg_snapshot",
    "tid",
    "xid",
    "xid8",
    '"char"',
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regnamespace",
    "regrole",
    "regconfig",
    "regdictionary",
    "regcollation",
    "regoper",
    "regoperator",
    "int2vector",
    "oidvector",
    "refcursor",
    "text",
    "varchar",
    "varchar(3)",
    "char",
    "char(4)",
    "name",
    "bit",
    "bit(9)",
    "bit varying(5)",
    "bit varying",
    "text[]",
    "integer[]",
    "jsonb[]",
    "numeric(6,2)[]",
    "varchar(2)[]",
    "box[]",
    "point[]",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "int4multirange",
    "t.pair",
    "t.pair[]",
    "t.word[]",
    "t.mood",
    "t.mood[]",
    "t.word",
    "t.small",
    "citext",
    "hstore",
    "ltree",
)
SCHEMA = """
create extension citext schema public; create extension hstore schema public; create extension ltree schema public;
create schema t;
create type t.mood as enum ('sad', 'it''s ok', 'happy');
create domain t.word as varchar(5);
create type t.pair as (one t.word, two numeric(4,2));
create domain t.inner as numeric(6,1); create domain t.small as t.inner;
"""


def _columns(server: Server, name: str) -> tuple[Column, ...]:
    with server.connect(name) as connection:
        connection.execute(SCHEMA)
        columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(TYPES))
        connection.execute(f"create table t.everything (n serial, {columns})".encode())
        return read(connection).tables[TableName("t", "everything")].columns[1:]


def _drawn(column: Column, count: int) -> list[str]:
    found: list[str] = []

    @settings(max_examples=count, database=None, deadline=None, derandomize=True)
    @given(values(column))
    def collect(value: str) -> None:
        found.append(value)

    collect()
    return found


def test_every_drawn_value_is_read_and_comes_back_the_same(database: tuple[Server, str]) -> None:
    server, name = database
    for column in _columns(server, name):
        drawn = [
            *_drawn(column, 40),
            *(value for value in candidates(column, RuleConstants(("7", "0.5", "'a'"))) if value is not None),
        ]
        with server.connect(name) as connection, connection.cursor() as cursor:
            rows = ", ".join(f"({literal(value)})" for value in drawn)
            cursor.execute(f"insert into t.everything ({column.name}) values {rows}".encode())
            # json and xml have no equality; their text is kept as it came.
            again = f"{column.name}::text::{column.type}::text is distinct from {column.name}::text"
            cursor.execute(
                f"select {column.name}::text from t.everything where {column.name} is null or {again}".encode()
            )
            assert cursor.fetchall() == [], column.type
            cursor.execute("select count(*) from t.everything")
            assert cursor.fetchone() == (len(drawn),), column.type
            cursor.execute("truncate t.everything")


def test_values_mean_the_same_with_any_settings(database: tuple[Server, str]) -> None:
    server, name = database
    columns = [column for column in _columns(server, name) if column.base_name in {"date", "timestamptz", "timestamp"}]
    assert columns
    with server.connect(name) as connection:
        for column in columns:
            drawn = ", ".join(f"({literal(value)})" for value in _drawn(column, 40))
            found = []
            for style, zone in (("ISO, MDY", "UTC"), ("SQL, DMY", "Asia/Kolkata")):
                connection.execute(f"set datestyle to '{style}'; set timezone to '{zone}'".encode())
                query = f"select array_agg(extract(epoch from v::{column.type})) from (values {drawn}) as d (v)"
                found.append(connection.execute(query.encode()).fetchone())
            assert found[0] == found[1], column.type


def test_types_of_which_the_server_has_to_check_values(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            "create extension cube; create schema t; create domain t.short as text check (length(value) = 3);"
            " create type t.pair as (a t.short, b integer);"
            " create table t.x (known line, unknown cube, inside t.pair, deep t.short[], plain int[])"
        )
        catalog = read(connection)
        table = catalog.tables[TableName("t", "x")]
        assert [column.name for column in table.columns if needs_server(column)] == ["unknown", "inside", "deep"]
        pools = Pools(connection, catalog, {})
        found = {column: pools.finder.candidates(table, column, ()) for column in ("unknown", "inside", "deep")}
        for column, values in found.items():
            assert len(values) > 2, column
            kind = table.column(column).type
            connection.execute(f"select {', '.join(f'{literal(value)}::{kind}' for value in values)}".encode())


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(Unsupported, match=r"^no values can be drawn of type uid; did you mean 'uuid'\?$"):
        scalar("uid")


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_fixed_point_says_the_number(units: int, scale: int) -> None:
    from decimal import Decimal

    assert Decimal(fixed_point(units, scale)) == Decimal(units).scaleb(-scale)


@pytest.mark.parametrize(
    ("typmod", "limits"), [(-1, (9, 4)), ((10 << 16) + 2 + 4, (8, 2)), ((3 << 16) + 3 + 4, (0, 3))]
)
def test_numeric_limits(typmod: int, limits: tuple[int, int]) -> None:
    assert numeric_limits(typmod) == limits


def test_an_array_splits_no_element() -> None:
    assert array(["a,b", 'c"d', "e\\f", "NULL", ""]) == '{"a,b","c\\"d","e\\\\f","NULL",""}'
