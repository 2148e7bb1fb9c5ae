"""A failure is shown with the rows that it takes, its own row last; values are drawn, tables and references are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.reports import words
from harness.server.connection import Connection, Server
from tests.cases import Case
from tests.test_cases import counterexamples, prove

SCHEMA = """
create table t.halls (id bigint primary key, name text not null);
create table t.stalls (id bigint primary key, hall_id bigint not null references t.halls);
create table t.bookings (
    id bigint primary key,
    hall_id bigint not null references t.halls,
    stall_id bigint not null references t.stalls,
    opens integer not null,
    closes integer,
    note text,
    constraint bookings_order check (closes > opens)
);
alter table t.bookings enable row level security;
alter table t.bookings force row level security;
grant usage on schema t to case_user;
grant select, insert, update, delete on t.bookings to case_user;
create policy bookings_seen on t.bookings for select to case_user
    using (hall_id = nullif(current_setting('app.hall', true), '')::bigint);
create policy bookings_new on t.bookings for insert to case_user with check (true);
"""
CHECKS = """
table: t.bookings
checks:
  - primary_key: [id]
  - not_null: hall_id
  - not_null: stall_id
  - not_null: opens
  - check: closes is not null and closes > opens
    constraint: bookings_order
  - row_security: a hall sees its own bookings
    as: case_user
    claims: {app.hall: $hall}
    sees: hall_id = $hall
    may_delete: {may_delete}
    may_insert: {may_insert}
"""


@pytest.fixture(scope="module")
def maintenance(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        yield connection


def shown(
    kind: str, server: Server, maintenance: Connection, place: Path, may_delete: str = "false", may_insert: str = "true"
) -> tuple[list[str], list[dict[str, str | None]], list[str]]:
    """The tables of the rows of the first counterexample, these rows, and the lines of the report."""
    check = CHECKS.replace("{may_delete}", may_delete).replace("{may_insert}", may_insert)
    case = Case(kind, "rows", "rows", check, SCHEMA, ("case_user",))
    scratch, outcomes = prove(case, server, maintenance, place)
    scratch.drop_all()
    found = counterexamples(outcomes)[0]
    return [table for table, _ in found.rows], [row for _, row in found.rows], words.lines(outcomes[0])


def test_a_check_shows_one_row_with_its_parents(server: Server, maintenance: Connection, tmp_path: Path) -> None:
    tables, (hall, stall, row), lines = shown("check", server, maintenance, tmp_path)
    assert tables == ["t.halls", "t.stalls", "t.bookings"]
    assert stall["hall_id"] == hall["id"] == row["hall_id"], "one parent for both"
    assert row["stall_id"] == stall["id"]
    (line,) = [line for line in lines if line.startswith("row:")]
    assert " closes=null" in line
    assert "note=null" not in line, "no column of the rule"


def test_a_write_that_reaches_nothing_shows_the_row_that_it_should_have(
    server: Server, maintenance: Connection, tmp_path: Path
) -> None:
    tables, rows, lines = shown("row_security", server, maintenance, tmp_path, may_delete="hall_id = $hall")
    assert lines[0].startswith("expected: delete by case_user with $hall = ")
    assert "(no policy for DELETE)" in lines[0]
    assert tables == ["t.halls", "t.stalls", "t.bookings"]
    assert f"$hall = {rows[-1]['hall_id']} " in lines[0]


def test_an_insert_shows_its_own_row(server: Server, maintenance: Connection, tmp_path: Path) -> None:
    tables, rows, lines = shown("row_security", server, maintenance, tmp_path, may_insert="hall_id = $hall")
    assert lines[0].startswith("expected: insert for another by case_user with $hall = ")
    assert tables == ["t.halls", "t.stalls", "t.bookings"]
    assert f"$hall = {rows[-1]['hall_id']} " not in lines[0]


def test_what_a_rule_looks_for_stays(server: Server, maintenance: Connection, tmp_path: Path) -> None:
    """A second row with a key is refused for the sake of the first one, which no part of the probe names."""
    schema = "create table t.a (id integer primary key, b integer not null); create table t.c (id integer primary key);"
    check = "table: t.a\nchecks:\n  - primary_key: [id]\n  - unique: [b]\n"
    scratch, outcomes = prove(Case("unique", "rows", "rows", check, schema), server, maintenance, tmp_path)
    scratch.drop_all()
    rows = [row for table, row in counterexamples(outcomes)[0].rows if table == "t.a"]
    assert len({row["b"] for row in rows}) < len(rows)
