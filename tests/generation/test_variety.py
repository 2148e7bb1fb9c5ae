"""Variants of a drawn row keep all rules, and the values of the kept columns."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.catalog import read
from harness.generation.draft import Draft
from harness.generation.statements import merge_cycles
from harness.generation.variety import stock
from harness.probes import Insert, SqlStatement
from harness.server.connection import Server
from harness.solver.pools import Pools
from tests.generation.test_draft import SCHEMAS, X

QUICK = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_variant_of_a_row_is_accepted(schema: str, database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(f"create schema t; {SCHEMAS[schema]}".encode())
        catalog = read(connection)
        pools = Pools(connection, catalog, {})

        @QUICK
        @given(st.data())
        def accepted(data: st.DataObject) -> None:
            draft = Draft(data.draw, pools)
            draft.insert(X)
            row = draft.row(X)
            known = stock(pools, catalog.table(X), ())
            variants = [{**row, **dict(zip(known.columns, values, strict=True))} for values in known.part(row, 8)]
            _all_accepted(connection, merge_cycles(draft.inserts, draft.cycles), variants)

        accepted()


def _all_accepted(
    connection: psycopg.Connection[object], setup: Sequence[SqlStatement], variants: list[dict[str, str | None]]
) -> None:
    with connection.transaction(force_rollback=True):
        for statement in setup:
            connection.execute(statement.sql.encode())
        for variant in variants:
            with connection.transaction(force_rollback=True):
                connection.execute(Insert(X, variant).sql.encode())


TIED = """
    create schema t;
    create table t.parents (id integer primary key);
    create table t.x (
        id integer primary key, code text unique, parent integer references t.parents, kept integer not null,
        tied integer check (tied >= kept), free text not null, loose date, length integer check (length > 7),
        double integer generated always as (kept * 2) stored
    );
"""


def test_kept_columns_do_not_vary(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:
        connection.execute(TIED.encode())
        catalog = read(connection)
        pools = Pools(connection, catalog, {})
        table = catalog.table(X)
        known = stock(pools, table, ("kept",))
        assert sorted(known.columns) == ["free", "length", "loose"]
        assert sorted(stock(pools, table, ("free", "loose")).columns) == ["kept", "length", "tied"]
        assert len(known.rows) > 100
        assert known.part({"id": "1"}, 7) == known.part({"id": "1"}, 7) != known.part({"id": "2"}, 7)
        lengths = {row[known.columns.index("length")] for row in known.rows}
        assert None in lengths
        assert all(length is None or int(length) > 7 for length in lengths)
