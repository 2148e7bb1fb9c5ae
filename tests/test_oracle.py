"""The oracle answers for many rows at once as SQL does for each alone."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.catalog import read
from harness.oracle import Answer, Introspection, Oracle
from harness.probes.statement import literal
from harness.project.model import TableName
from harness.server.connection import Server

X = TableName("t", "x")
SCHEMA = """
create schema t;
create function t.half(n integer) returns integer immutable language sql return n / 2;
create domain t.positive as integer check (value > 0);
create table t.x (
    n integer, word text, doc jsonb, amount t.positive, price numeric(4,1),
    twice integer generated always as (n * 2) stored
);
"""
PREDICATES = (
    "n > 0",
    "n is null",
    "100 / n > 3",
    "word::integer = n",
    "word like '%a_' or word ~ '^[0-9]+$'",
    "length(word) % 2 = 0",
    "doc ? 'a'",
    "(doc ->> 'a')::integer > n",
    "twice > 100",
    "x.n = half(n) + 1 -- a remark",
    "amount > 0",
    "price = 1.5",
    "(case when n = 3 then 1 / (n - 3) else n end) > 1",
)
INTEGERS = st.none() | st.sampled_from(["0", "1", "-1", "3", "50", "51", "2147483647"])
WORDS = (
    st.none()
    | st.sampled_from(["", "a", "ab%", "12", "3", "ä'\\", "%s", "{}"])
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
)
DOCUMENTS = st.none() | st.sampled_from(["{}", '{"a": 3}', '{"a": "x"}', "[1]", '{"a": 60}'])
ROWS = st.lists(st.tuples(INTEGERS, WORDS, DOCUMENTS, INTEGERS, st.sampled_from([None, "1.5", "-2"])), max_size=12)


def test_many_rows_at_once_as_each_alone(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA)
        table = read(connection).table(X)
        oracle = Oracle(connection)

        @settings(max_examples=40, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(ROWS, st.lists(st.sampled_from(PREDICATES), min_size=1, max_size=4))
        def agree(rows: list[tuple[str | None, ...]], predicates: list[str]) -> None:
            found = oracle.answers(table, ("n", "word", "doc", "amount", "price"), rows, predicates)
            assert found == [tuple(_alone(connection, row, predicate) for predicate in predicates) for row in rows]

        agree()
        assert connection.execute("select count(*) from pg_type where typname = 'harness_row'").fetchone() == (0,)


def _alone(connection: psycopg.Connection[tuple[object, ...]], row: tuple[str | None, ...], predicate: str) -> Answer:
    kinds = ("integer", "text", "jsonb", "integer", "numeric")
    cells = ", ".join(f"{literal(value)}::{kind}" for value, kind in zip(row, kinds, strict=True))
    twice = predicate.replace("twice", "(n * 2)")
    query = f"select (({twice}\n)::boolean)::text from (values ({cells})) as x (n, word, doc, amount, price)"
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set local search_path to t, public")
            found = connection.execute(query.encode()).fetchone()
    except psycopg.DataError:
        return Answer.ERROR
    assert found is not None
    return Answer(found[0] or "null")


def test_a_predicate_that_is_wrong_for_any_values(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA)
        table = read(connection).table(X)
        with pytest.raises(psycopg.errors.UndefinedFunction):
            Oracle(connection).answers(table, ("n",), [("1",), ("2",)], ["halve(n)"])
        with pytest.raises(psycopg.errors.UndefinedColumn):
            Oracle(connection).answers(table, ("n",), [("1",), ("2",)], ["m > 1"])


def test_an_expression_without_columns(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA)
        table = read(connection).table(X)
        assert Oracle(connection).scalar(table, "half(7) % 2 = 1 -- a remark") == "true"
        assert Oracle(connection).scalar(table, "null") is None


def test_the_columns_that_a_query_returns(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA)
        introspection = Introspection(connection)
        described = introspection.result_columns(
            "select x.*, pg_notify('a', 'b') as done, 1 / 0 as never from t.x as x"
        )
        assert described == [
            ("n", "integer"),
            ("word", "text"),
            ("doc", "jsonb"),
            ("amount", "integer"),
            ("price", "numeric(4,1)"),
            ("twice", "integer"),
            ("done", "text"),
            ("never", "integer"),
        ]
        with pytest.raises(psycopg.errors.UndefinedFunction):
            introspection.result_columns("select t.third(1)")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            introspection.result_columns("select 'a'::integer")
        assert introspection.result_columns("select") == []


def test_functions_are_found_where_the_connection_looks_for_them(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA)
        connection.execute(
            "create schema s; create function s.third(n integer) returns integer language sql return n / 3"
        )
        introspection = Introspection(connection)
        assert introspection.function_sources("t", [(None, "third")]) == []
        connection.execute("set search_path = public, s")
        assert len(introspection.function_sources("t", [(None, "third")])) == 1


def test_columns_that_are_called_as_plpgsql_calls_its_variables(database: tuple[Server, str]) -> None:
    """Rows of which one fails are asked for one by one, within a function."""
    server, name = database
    with server.connect(name) as connection:
        connection.execute("create schema t; create table t.x (found integer, harness_answer boolean)")
        rows = [("0", "t"), ("2", "t"), ("-2", "f")]
        answers = Oracle(connection).answers(
            read(connection).table(X), ("found", "harness_answer"), rows, ["10 / found > 0", "harness_answer"]
        )
    assert answers == [(Answer.ERROR, Answer.TRUE), (Answer.TRUE, Answer.TRUE), (Answer.FALSE, Answer.FALSE)]
