"""Fills tables in batches, parents before children, and reports how many rows each got.

Decides the order of the tables, and which of them one transaction or one statement fills. Foreign keys to a table that
is filled later are NULL at first; most of them are set afterwards. A table that fails is rolled back, with the reason.
Not here: how many rows (``growth.py``), and the single row that is refused (``inserting.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import psycopg

from harness.bulk.builder import TableRequest
from harness.bulk.context import BulkContext, is_optional, nullable, rows_of
from harness.bulk.cycles import insert_cycle
from harness.bulk.inserting import InsertTally, describe, insert, raise_if_lost
from harness.bulk.planning import insert_query
from harness.catalog import ForeignKey, Table, parents_first
from harness.probes.statement import identifier
from harness.project.model import TableName
from harness.server.connection import value
from harness.solver.rules import Unfillable
from harness.values.types import Unsupported

IsOptional = Callable[[Table, ForeignKey], bool]
"""Whether a foreign key may be NULL in a new row."""


@dataclass(frozen=True)
class Batch:
    """Tables that one transaction fills, in this order. One statement fills the tables of a cycle without NULLs.

    ``late`` are the foreign keys that refer to a table which is filled after their own: they are NULL at first.
    """

    cycles: tuple[tuple[Table, ...], ...]
    late: tuple[tuple[Table, ForeignKey], ...]


def batches(tables: Iterable[Table], is_optional: IsOptional) -> list[Batch]:
    """The tables in batches, each only referring to those before it."""
    known = {table.name: table for table in tables}
    found = []
    for members in _cycles(known, lambda table, key: True):
        cycles = _cycles({name: known[name] for name in members}, lambda table, key: not is_optional(table, key))
        place = {name: n for n, cycle in enumerate(cycles) for name in cycle}
        late = [
            (known[name], key)
            for name in members
            for key in _references(known[name])
            if key.references in place and place[key.references] > place[name]
        ]
        found.append(Batch(tuple(tuple(known[name] for name in cycle) for cycle in cycles), tuple(late)))
    return found


def _references(table: Table) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.references != table.name]


def _cycles(tables: dict[TableName, Table], counts: Callable[[Table, ForeignKey], bool]) -> list[tuple[TableName, ...]]:
    """The tables with parents first, by the references that count; tables of a cycle come together."""
    parents = {
        name: {key.references for key in _references(table) if key.references in tables and counts(table, key)}
        for name, table in tables.items()
    }
    return parents_first(parents)


Size = Callable[[Table], int]


@dataclass(frozen=True)
class FillResult:
    """A table that got ``rows`` of the ``requested`` rows; the ``reason`` says why it got no more.

    It had ``before``, among them rows that triggers inserted while other tables were filled.
    """

    table: TableName
    requested: int
    rows: int
    before: int
    seconds: float
    reason: str | None = None


def load(context: BulkContext, tables: Sequence[Table], size: Size) -> Iterator[FillResult]:
    """Inserts rows into the tables, parents first. One transaction inserts each batch, and then reports it.

    Existing rows stay as they are. ``size`` says how many rows a table gets.
    """
    for batch in batches(tables, lambda table, key: is_optional(context, table, key)):
        yield from _Filling(context, size, batch).run()


class _Filling:
    def __init__(self, context: BulkContext, size: Size, batch: Batch) -> None:
        self._context = context
        self._batch = batch
        self._requested = {table.name: size(table) for cycle in batch.cycles for table in cycle}

    def run(self) -> list[FillResult]:
        started = time.perf_counter()
        try:
            with self._context.connection.transaction():
                return self._fill()
        except psycopg.Error as error:  # a constraint that is deferred to the commit
            reason, seconds = describe(error), time.perf_counter() - started
            return [FillResult(name, rows, 0, 0, seconds, reason) for name, rows in self._requested.items()]

    def _fill(self) -> list[FillResult]:
        connection = self._context.connection
        connection.execute("set constraints all immediate")
        since = int(value(connection, "select pg_current_xact_id()::xid::text"))
        if not self._context.with_triggers:
            connection.execute("set local session_replication_role to replica")
        found = [result for cycle in self._batch.cycles for result in self._fill_cycle(cycle)]
        for table in dict.fromkeys(table.name for table, _ in self._batch.late):
            keys = [key for other, key in self._batch.late if other.name == table]
            set_late_references(self._context, self._context.catalog.table(table), keys, since)
        return found

    def _fill_cycle(self, cycle: tuple[Table, ...]) -> Iterator[FillResult]:
        started = time.perf_counter()
        before = {table.name: self._context.count(table) for table in cycle}
        if len(cycle) == 1:
            tallies = [self._fill_table(cycle[0])]
        else:
            with self._recording(tallies := [InsertTally() for _ in cycle]):
                fewest = min(self._requested[table.name] for table in cycle)
                insert_cycle(self._context, cycle, fewest, self._late, tallies)
        seconds = (time.perf_counter() - started) / len(cycle)
        for table, tally in zip(cycle, tallies, strict=True):
            requested = self._requested[table.name]
            reason = tally.reason or "no more rows were found" if tally.rows < requested else None
            yield FillResult(table.name, requested, tally.rows, before[table.name], seconds, reason)

    def _fill_table(self, table: Table) -> InsertTally:
        tally, rows = InsertTally(), self._requested[table.name]
        with self._recording([tally]) if rows else nullcontext():
            self._context.advance_sequences(table)
            low = self._context.count(table)
            absent = self._late(table)
            own = {key.name for key in table.foreign_keys if key.references == table.name and nullable(table, key)}
            # A few rows without a parent in their own table come first: the others may refer to them.
            first = min(max(rows // 10, 1), rows) if own else 0
            for share, null in ((first, absent | own), (rows - first, absent)):
                if share > 0 and (tally.rows or not tally.refused):
                    query = insert_query(self._context, TableRequest(table, low, low + share - 1, null))
                    low = insert(self._context.connection, query, low, share, tally)
        return tally

    def _late(self, table: Table) -> frozenset[str]:
        return frozenset(key.name for other, key in self._batch.late if other.name == table.name)

    @contextmanager
    def _recording(self, tallies: Sequence[InsertTally]) -> Iterator[None]:
        """Records an error as the reason why tables got no rows, and rolls back what they got."""
        try:
            with self._context.connection.transaction():
                yield
        except (Unfillable, Unsupported) as reason:
            message = str(reason)
        except psycopg.Error as error:
            message = describe(error)
        else:
            return
        for tally in tallies:
            tally.rows = 0
            tally.refused.clear()
            tally.refused[message] += 1


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
