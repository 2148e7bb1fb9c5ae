"""Tables that refer to one another in a cycle."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from harness.catalog import read
from harness.catalog.graph import circular
from harness.generation.choices import Draw
from harness.generation.draft import Draft
from harness.generation.statements import merge_cycles
from harness.inference import HintFinder
from harness.probes import Scenario, Session
from harness.probes.statement import Execute, Insert
from harness.project.model import TableName
from harness.server.connection import Server
from harness.solver.pools import Pools
from harness.values.examples import examples

CIRCLES = {
    "two tables": """
        create table t.teams (id integer primary key, lead integer not null);
        create table t.people (id integer primary key, team integer not null references t.teams (id));
        alter table t.teams add foreign key (lead) references t.people (id);
    """,
    "three tables and a deferrable key": """
        create table t.a (id integer primary key, c integer not null);
        create table t.b (id integer primary key, a integer not null references t.a (id));
        create table t.c (id integer primary key, b integer not null references t.b (id));
        alter table t.a add foreign key (c) references t.c (id) deferrable initially deferred;
    """,
    "a table that refers to itself twice": """
        create table t.nodes (
            id uuid primary key, root uuid not null references t.nodes (id), parent uuid references t.nodes (id)
        );
    """,
    "a composite key": """
        create table t.x (one integer, two text, y integer not null, primary key (one, two));
        create table t.y (id integer primary key, x_one integer not null, x_two text not null,
            foreign key (x_one, x_two) references t.x (one, two));
        alter table t.x add foreign key (y) references t.y (id);
    """,
    "a cycle with a nullable reference": """
        create table t.users (id integer primary key, home integer);
        create table t.homes (id integer primary key, owner integer not null references t.users (id));
        alter table t.users add foreign key (home) references t.homes (id);
    """,
}


@pytest.mark.parametrize("what", CIRCLES)
def test_every_table_of_a_cycle_is_filled(what: str, database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {CIRCLES[what]}".encode())
        catalog = read(connection)
        assert circular(catalog) == set(catalog.tables)
        finder = HintFinder(Session(connection, catalog), Pools(connection, catalog, {}))
        assert {table: finder.fill(table) for table in catalog.tables} == dict.fromkeys(catalog.tables)
        assert finder.found == {}


def test_a_chain_of_tables_is_no_cycle(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            "create schema t; create table t.a (id integer primary key);"
            " create table t.b (a integer references t.a (id))"
        )
        assert circular(read(connection)) == frozenset()


def test_rows_of_a_ring_are_one_statement() -> None:
    one, two, three = (Insert(TableName("t", name), {"id": "1"}) for name in "abc")
    found = merge_cycles((one, two, three), [(one, three)])
    assert found == (
        Execute(
            """with harness_1 as (insert into "t"."a" ("id") overriding system value values ('1'))"""
            """ insert into "t"."c" ("id") overriding system value values ('1')""",
            three,
            (one,),
        ),
        two,
    )


def test_ancestors_are_shared_where_they_are_many(database: tuple[Server, str]) -> None:
    server, name = database
    tables = ["create table t.t0 (id integer primary key)"]
    for n in range(1, 9):
        keys = ", ".join(f"p{m} integer not null references t.t{m} (id)" for m in range(n))
        tables.append(f"create table t.t{n} (id integer primary key, {keys})")
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {'; '.join(tables)}".encode())
        catalog = read(connection)
        pools = Pools(connection, catalog, {})
        counts: list[int] = []

        def build(draw: Draw) -> Scenario:
            draft = Draft(draw, pools)
            draft.row(TableName("t", "t8"))
            counts.append(len(draft.inserts))
            return Scenario((), ())

        examples(st.composite(build)(), 3)
        # One of each would be eight; every path a row of its own would be 255.
        assert counts and max(counts) < 40
