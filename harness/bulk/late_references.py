"""Foreign keys that were NULL at first, as they refer to a table that was filled later: most of them are set now."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from harness.bulk.context import BulkContext, nullable, rows_of
from harness.bulk.inserting import raise_if_lost
from harness.catalog.model import ForeignKey, Table
from harness.probes.statement import identifier


def set_late_references(context: BulkContext, table: Table, keys: Sequence[ForeignKey], since: int) -> None:
    """Lets four of five rows that the transaction has inserted refer to a parent, by each of the keys.

    A key for which a rule refuses that stays NULL. ``since`` is the transaction's own id: older rows are not touched.
    """
    if not _set(context, table, keys, since) and len(keys) > 1:
        for key in keys:
            _set(context, table, [key], since)


def _set(context: BulkContext, table: Table, keys: Sequence[ForeignKey], since: int) -> bool:
    changes = ", ".join(
        f"{identifier(name)} = harness_l.{_column(number, place)}"
        for number, key in enumerate(keys)
        for place, name in enumerate(nullable(table, key))
    )
    try:
        with context.connection.transaction():
            # The planner takes unknown rows for few, and would go through all parents for each of them.
            context.connection.execute("set local enable_nestloop to off")
            context.connection.execute(_pairs(context, table, keys, since).encode())
            context.connection.execute("set local enable_nestloop to default")
            context.connection.execute(
                f"update {rows_of(table)} as harness_x set {changes} from pg_temp.harness_links as harness_l"
                f" where harness_x.ctid = harness_row and harness_x.tableoid = harness_table".encode()
            )
            context.connection.execute("drop table pg_temp.harness_links")
    except psycopg.Error as error:
        raise_if_lost(error)
        return False
    return True


def _pairs(context: BulkContext, table: Table, keys: Sequence[ForeignKey], since: int) -> str:
    """The statement that creates a temporary table of rows and the parents that they are to refer to."""
    shown, joins = [], []
    for number, key in enumerate(keys):
        pairs = dict(key.pairs)
        parent = f"harness_f{number}"
        shown += [
            f"{parent}.{identifier(pairs[name])} as {_column(number, place)}"
            for place, name in enumerate(nullable(table, key))
        ]
        joins.append(_join(context, table, key, number))
    return (
        f"create temp table harness_links on commit drop as"
        f" select harness_t.harness_table, harness_t.harness_row, {', '.join(shown)}"
        f" from (select t.*, t.tableoid as harness_table, t.ctid as harness_row, row_number() over () - 1 as harness_n"
        f" from {rows_of(table)} as t where age(t.xmin) <= age('{since}'::xid)) as harness_t {' '.join(joins)}"
    )


def _join(context: BulkContext, table: Table, key: ForeignKey, number: int) -> str:
    parent = context.catalog.table(key.references)
    free, alias = nullable(table, key), f"harness_f{number}"
    unique = any({*index.columns} <= {*key.columns} for index in table.unique_keys if index.columns)
    place = "harness_t.harness_n" if unique else f"harness_t.harness_n * 7919 % {max(context.count(parent), 1)}"
    same = "".join(
        f" and {alias}.{identifier(referenced)} = harness_t.{identifier(name)}"
        for name, referenced in key.pairs
        if name not in free
    )
    names = ", ".join(f"p.{identifier(name)}" for name in key.referenced_columns)
    return (
        f"left join (select {names}, row_number() over () - 1 as harness_place from {rows_of(parent)} as p) as {alias}"
        f" on {alias}.harness_place = case when (harness_t.harness_n + {number}) % 5 <> 0 then {place} end{same}"
    )


def _column(number: int, place: int) -> str:
    return f"harness_{number}_{place}"
