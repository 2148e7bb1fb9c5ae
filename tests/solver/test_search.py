"""Values for columns that many rules tie together."""

from __future__ import annotations

import pytest

from harness.catalog import read
from harness.project import sql
from harness.project.model import TableName
from harness.server.connection import Server
from harness.solver.pools import Pools
from harness.solver.rules import Unfillable

X = TableName("t", "x")

KEPT = {
    "one of ten is there": (
        ", ".join(f"c{n} integer" for n in range(10)),
        [f"num_nonnulls({', '.join(f'c{n}' for n in range(10))}) = 1"],
    ),
    "states with what belongs to them": (
        "state text not null, a integer, b text, c date, d integer, e boolean",
        [
            "(state = 'new' and a is null and b is null and c is null and d is null) or"
            " (state = 'sent' and a > 1000 and b ~ '^[A-Z]{3}-[0-9]{4}$' and c is null and d = 7) or"
            " (state = 'done' and a > 1000 and b is not null and c > '2020-01-01' and d between 70 and 72)",
            "e is not true or state = 'done'",
            "state <> 'new'",
        ],
    ),
    "a chain of comparisons": (
        "a integer not null, b integer not null, c integer not null, d integer not null, e integer not null",
        ["a < b", "b < c", "c < d", "d < e", "e = a + 4"],
    ),
    "a case": (
        "kind text not null, size integer, weight numeric(6, 2)",
        ["case kind when 'box' then size between 17 and 19 and weight > 20.5 else size is null end", "kind ~ '^b'"],
    ),
    "the clock": (
        "at timestamptz not null, until date not null",
        ["at > now()", "at < now() + interval '8 days'", "until > at"],
    ),
    "json": ("doc jsonb not null", ["doc ? 'kind' and doc ->> 'kind' = 'big' and jsonb_typeof(doc) = 'object'"]),
    "arrays": ("tags text[] not null", ["cardinality(tags) = 3", "not 'x' = any (tags)"]),
    "a length in bytes": ("hash bytea not null", ["octet_length(hash) = 32"]),
    "a pattern and a length": ("code text not null", ["code ~ '^[0-9a-f]+$'", "length(code) = 40"]),
}


@pytest.mark.parametrize("what", KEPT)
def test_found(what: str, database: tuple[Server, str]) -> None:
    server, name = database
    columns, checks = KEPT[what]
    constraints = ", ".join(f"check ({check})" for check in checks)
    with server.connect(name) as connection:
        connection.execute(f"create schema t; create table t.x ({columns}, {constraints})".encode())
        catalog = read(connection)
        pools = Pools(connection, catalog, {})
        for pool in pools.of(catalog.tables[X]):
            listed = ", ".join(pool.columns)
            kinds = [catalog.tables[X].column(column).type for column in pool.columns]
            assert pool.rows, what
            for row in pool.rows[:50]:
                values = ", ".join(
                    "null" if value is None else f"$harness${value}$harness$::{kind}"
                    for value, kind in zip(row, kinds, strict=True)
                )
                others = [
                    each.name for each in catalog.tables[X].columns if each.not_null and each.name not in pool.columns
                ]
                assert not others
                connection.execute(f"insert into t.x ({listed}) values ({values})".encode())


def test_contradicting_rules_are_named(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(
            "create schema t; create table t.x (a integer not null, b integer not null,"
            " constraint up check (a > b), constraint down check (a < b))"
        )
        catalog = read(connection)
        with pytest.raises(Unfillable, match=r"^no values of a, b found that keep down, up; supply some"):
            Pools(connection, catalog, {}).of(catalog.tables[X])


def test_the_parts_of_an_expression() -> None:
    assert sql.conjuncts("a > 1 and (b is null and c) and (d or e)") == ("a > 1", "b IS NULL", "c", "d OR e")
    assert sql.disjuncts("a or (b or c and d)") == ("a", "b", "c AND d")
    assert sql.disjuncts("a and b") == ("a and b",)
