"""Text of any kind survives being written into a statement."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.probes import Delete, Insert, Update
from harness.probes.statement import condition, identifier, literal
from harness.project.model import TableName
from harness.server.connection import Server

ANY = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
AWKWARD = st.text("'\"\\äß%s\n;-$E ", max_size=8)
IN_PARENTHESES = AWKWARD.map("({})".format)
NAMES = (ANY | AWKWARD).filter(lambda text: 0 < len(text.encode()) < 64)
QUICK = settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_literals_and_names_come_back(conforming: str, server: Server) -> None:
    with server.connect() as connection:
        connection.execute(f"set standard_conforming_strings to {conforming}".encode())
        connection.execute("set escape_string_warning to off")

        @QUICK
        @given(st.none() | ANY | AWKWARD, NAMES)
        def same(value: str | None, name: str) -> None:
            cursor = connection.execute(f"select {literal(value)} as {identifier(name)}".encode())
            assert cursor.description is not None
            assert (cursor.fetchone(), cursor.description[0].name) == ((value,), name)

        same()


def test_statements_do_what_they_say_to_rows_with_any_text(database: tuple[Server, str]) -> None:
    server, name = database
    table = TableName('od"d', "ta ble's")
    with server.connect(name) as connection:
        connection.execute('create schema "od""d"')
        connection.execute('''create table "od""d"."ta ble's" ("k'1" text, "v""" text)''')

        @QUICK
        @given(ANY | AWKWARD | IN_PARENTHESES, st.none() | ANY | IN_PARENTHESES, st.none() | AWKWARD)
        def tried(key: str, value: str | None, changed: str | None) -> None:
            rows = """select * from "od""d"."ta ble's" """
            with connection.transaction(force_rollback=True):
                connection.execute(Insert(table, {"k'1": key, 'v"': value}).sql.encode())
                assert connection.execute(rows).fetchall() == [(key, value)]
                update = Update(table, {"k'1": key, 'v"': value}, {'v"': changed}).sql
                assert connection.execute(update.encode()).rowcount == 1
                assert connection.execute(rows).fetchall() == [(key, changed)]
                delete = Delete(table, {"k'1": key, 'v"': changed}).sql
                assert connection.execute(delete.encode()).rowcount == 1

        tried()


def test_a_row_without_values_takes_its_defaults() -> None:
    assert Insert(TableName("t", "x"), {}).sql == 'insert into "t"."x" default values'


def test_null_is_not_compared() -> None:
    assert condition({"a": None, "b": "1"}) == '"a" is null and "b" = \'1\''
