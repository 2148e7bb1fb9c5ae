"""Two ways to write the same thing are printed alike, two things never."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.catalog import read
from harness.catalog.canonical import Canonical, Unprintable
from harness.catalog.model import Table
from harness.project.model import TableName
from harness.server.connection import Server

SCHEMA = """
create schema t; create type t.mood as enum ('sad', 'happy');
create function t.half(n numeric) returns numeric immutable language sql return n / 2;
create table t.x (id integer, word varchar(9), price numeric(6, 2), at timestamptz, mood t.mood, "Ä" integer);
"""


@pytest.fixture
def printer(database: tuple[Server, str]) -> Iterator[tuple[Canonical, Table]]:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(SCHEMA)
        connection.execute("set search_path to pg_catalog")
        yield Canonical(connection), read(connection).table(TableName("t", "x"))
        assert connection.execute("show search_path").fetchone() == ("pg_catalog",)
        left = connection.execute("select relname from pg_class where relname like 'harness%'").fetchall()
        assert left == []


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("int", "integer"),
        ("TIMESTAMPTZ", "timestamp with time zone"),
        ("numeric(10, 2)", "numeric(10,2)"),
        ("varchar(20)[]", "character varying(20)[]"),
        ("t.mood", "t.mood"),
        ("char", "character(1)"),
    ],
)
def test_types(printer: tuple[Canonical, Table], written: str, printed: str) -> None:
    assert printer[0].type(written) == printed


@pytest.mark.parametrize(
    ("column", "written", "printed"),
    [
        ("word", "'a'", "'a'::character varying"),
        ("id", "1 + 1", "(1 + 1)"),
        ("at", "current_timestamp", "CURRENT_TIMESTAMP"),
        ("mood", "'sad'", "'sad'::t.mood"),
        ("price", "half(3) -- a remark", "t.half((3)::numeric)"),
    ],
)
def test_defaults(printer: tuple[Canonical, Table], column: str, written: str, printed: str) -> None:
    assert printer[0].default(printer[1], column, written) == printed


def test_generated(printer: tuple[Canonical, Table]) -> None:
    assert printer[0].generated(printer[1], "price", "id*2") == "(id * 2)"


@pytest.mark.parametrize(
    ("keys", "where", "printed"),
    [
        (["id", "word desc"], None, (("id", "word desc"), None)),
        (["ID  DESC NULLS LAST"], None, (("id desc nulls last",), None)),
        (["id asc nulls first"], None, (("id nulls first",), None)),
        (["lower( word )"], "id>1", (("lower(word::text)",), "(id > 1)")),
        (['"Ä"'], "mood in ('sad')", (('"Ä"',), "(mood = 'sad'::t.mood)")),
    ],
)
def test_indexes(
    printer: tuple[Canonical, Table], keys: list[str], where: str | None, printed: tuple[tuple[str, ...], str | None]
) -> None:
    found = printer[0].index(printer[1], "btree", keys, where)
    assert (found.keys, found.predicate) == printed


def test_what_postgresql_cannot_read_is_told_in_its_words(printer: tuple[Canonical, Table]) -> None:
    canonical, table = printer
    with pytest.raises(Unprintable, match=r"""^type "moot" does not exist; did you mean 'mood'\?$"""):
        canonical.type("moot")
    with pytest.raises(Unprintable, match=r'^column "no" does not exist$'):
        canonical.index(table, "btree", ["no"], None)
    with pytest.raises(Unprintable, match=r'^access method "tree" does not exist$'):
        canonical.index(table, "tree", ["id"], None)
