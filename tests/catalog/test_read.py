"""The picture of a schema with everything in it, the same on two versions of PostgreSQL."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from harness.catalog import Catalog, read
from harness.catalog.model import Missing
from harness.project.model import TableName
from harness.server.connection import Server

HERE = Path(__file__).parent
ROLES = ("catalog_reader", "catalog_writer")


@pytest.fixture(params=["server", "system_server"])
def everything(request: pytest.FixtureRequest) -> Iterator[Catalog]:
    server: Server = request.getfixturevalue(request.param)
    with server.connect() as maintenance:
        for role in ROLES:
            if maintenance.execute("select from pg_roles where rolname = %s", [role]).fetchone() is None:
                maintenance.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        maintenance.execute("create database catalog_everything template template0")
        try:
            with server.connect("catalog_everything") as connection:
                connection.execute((HERE / "everything.sql").read_bytes())
                connection.execute("set search_path to t")
                yield read(connection)
                assert connection.execute("show search_path").fetchone() == ("t",)
        finally:
            maintenance.execute("drop database catalog_everything with (force)")


def picture(catalog: Catalog) -> str:
    """One line for each thing, and one for each field of it that says something."""
    lines: list[str] = []
    for table in catalog.tables.values():
        lines.append(f"table {table.name}: {_said(table)}")
        for field in dataclasses.fields(table):
            found = getattr(table, field.name)
            if isinstance(found, tuple):
                lines += [f"  {type(item).__name__} {_said(item)}" for item in found]
    lines += [f"view {_said(view)}" for view in catalog.views]
    lines += [f"definer {_said(function)}" for function in catalog.definers]
    return "\n".join(lines) + "\n"


def _said(thing: object) -> str:
    assert dataclasses.is_dataclass(thing)
    values = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
    values = {name: value for name, value in values.items() if value not in (None, (), "", False)}
    kept = {name: _named(value) for name, value in values.items()}
    parts = [f"{name}={value!r}" for name, value in kept.items() if not (isinstance(value, tuple) and _nested(value))]
    return " ".join(parts)


def _named(value: object) -> object:
    if isinstance(value, tuple) and all(isinstance(item, TableName) for item in value):
        return tuple(map(str, value))
    return str(value) if isinstance(value, TableName) else value


def _nested(value: tuple[object, ...]) -> bool:
    return any(dataclasses.is_dataclass(item) for item in value)


def test_everything(everything: Catalog) -> None:
    assert picture(everything) == (HERE / "everything.txt").read_text(encoding="utf-8")


def test_who_refers_to_a_table(everything: Catalog) -> None:
    found = everything.referencing(TableName("t", "parents"))
    assert [(str(table.name), key.name) for table, key in found] == [('t."Odd ""Names"""', "fk_parent")]


def test_who_reads_a_table_through_views(everything: Catalog) -> None:
    found = everything.views_reading(TableName("t", "parents"))
    assert [str(view.name) for view in found] == ["t.seen_by_all", "t.kept"]
    assert everything.views_reading(TableName("t", "parts")) == ()


def test_the_root_of_a_partition(everything: Catalog) -> None:
    part, whole = TableName("t", "parts_2024"), TableName("t", "parts")
    assert everything.root(part, "parts_2024_pkey") == (whole, "parts_pkey")
    assert everything.root(part, "chk") == (whole, "chk")
    assert everything.root(whole, "parts_pkey") == (whole, "parts_pkey")


def test_a_rule_of_a_partition_is_that_of_the_topmost_table_which_has_it(server: Server) -> None:
    schema = """
        create table public.p (id int, k int, v text) partition by list (k);
        create table public.q partition of public.p for values in (1) partition by hash (id);
        create table public.r partition of public.q for values with (modulus 1, remainder 0);
        alter table public.q add constraint few check (id < 9), alter v set not null, add constraint once unique (id);
        alter table public.r add constraint one check (id = 1), alter id set not null;
        create function public.no() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger never before insert on public.q for each row execute function public.no();
    """
    with server.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(schema.encode())
        catalog = read(connection)
    p, q, r = (TableName("public", name) for name in "pqr")
    assert catalog.above == {q: (p,), r: (q, p)}
    assert catalog.with_partitions(p) == (p, q, r)
    assert [catalog.root(r, name) for name in ("few", "r_id_key", "one", "raised")] == [
        (q, "few"),
        (q, "once"),
        (r, "one"),
        (p, "raised"),
    ]
    assert [catalog.root(r, "", column)[0] for column in ("v", "id", "k", "")] == [q, r, p, p]
    assert [[each.name for each in catalog.tables[table].triggers] for table in (p, q, r)] == [[], ["never"], []]
    # Numbers of tables are those of one database.
    assert """satisfies_hash_partition('"public"."q"'::regclass, 1, 0, id)""" in (catalog.tables[r].bounds or "")


def test_a_key_to_a_partitioned_table_is_one(server: Server) -> None:
    schema = """
        create table public.days (day int primary key) partition by range (day);
        create table public.days_1 partition of public.days for values from (0) to (9) partition by range (day);
        create table public.days_11 partition of public.days_1 for values from (0) to (9);
        create table public.notes (day int constraint dated references public.days) partition by list (day);
        create table public.notes_1 partition of public.notes default;
    """
    asked = """
        select c.relname, k.conname from pg_constraint as k inner join pg_class as c on c.oid = k.conrelid
        where k.contype = 'f'
    """
    with server.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute(schema.encode())
        catalog, made = read(connection), connection.execute(asked).fetchall()
    notes = TableName("public", "notes")
    assert [key.name for key in catalog.tables[notes].foreign_keys] == ["dated"]
    assert len(made) > 2
    assert {catalog.root(TableName("public", table), name) for table, name in made} == {(notes, "dated")}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda c: c.table(TableName("t", "parent")), "no table t.parent; did you mean 't.parents'?"),
        (
            lambda c: c.table(TableName("t", "parents")).column("moods"),
            "no column in t.parents: moods; did you mean 'mood'?",
        ),
        (lambda c: c.table(TableName("t", "parents")).constraint("x"), "no constraint on t.parents: x"),
        (lambda c: c.table(TableName("t", "parents")).index("x"), "no index on t.parents: x"),
        (lambda c: c.table(TableName("t", "parents")).trigger("x"), "no trigger on t.parents: x"),
        (lambda c: c.table(TableName("t", "parents")).policy("x"), "no policy on t.parents: x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_missing_is_said_with_the_nearest(everything: Catalog, ask: object, message: str) -> None:
    assert callable(ask)
    with pytest.raises(Missing) as missing:
        ask(everything)
    assert str(missing.value) == message
