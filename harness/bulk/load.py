"""Fills tables, one group after the other, and says what came of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from harness.bulk.knots import tie
from harness.bulk.links import link
from harness.bulk.order import Group, groups
from harness.bulk.recipe import Draftsman, Wish
from harness.bulk.rounds import Tally, described, insert
from harness.bulk.site import Site, is_optional, nullable
from harness.catalog.model import ForeignKey, Table
from harness.project.model import TableName
from harness.solver.rules import Unfillable
from harness.values.types import Unsupported

Size = Callable[[Table], int]


@dataclass(frozen=True)
class Filled:
    """A table that got ``rows`` of the rows that were ``wanted``; the ``reason`` says why not all of them.

    It had ``before``: some that triggers have brought in while other tables were filled among them.
    """

    table: TableName
    wanted: int
    rows: int
    before: int
    seconds: float
    reason: str | None = None


def load(site: Site, tables: Sequence[Table], size: Size) -> Iterator[Filled]:
    """Inserts rows into the tables, parents first; each group of them is one transaction, and then told of.

    Rows that stand are not touched. ``size`` says how many rows a table gets.
    """
    for group in groups(tables, lambda table, key: is_optional(site, table, key)):
        yield from _Filling(site, size, group).run()


class _Filling:
    def __init__(self, site: Site, size: Size, group: Group) -> None:
        self._site = site
        self._group = group
        self._wanted = {table.name: size(table) for knot in group.knots for table in knot}

    def run(self) -> list[Filled]:
        import psycopg

        started = time.perf_counter()
        try:
            with self._site.connection.transaction():
                return self._fill()
        except psycopg.Error as error:  # a constraint that is looked at when all is done
            reason, seconds = described(error), time.perf_counter() - started
            tables = [table for knot in self._group.knots for table in knot]
            return [Filled(table.name, self._wanted[table.name], 0, 0, seconds, reason) for table in tables]

    def _fill(self) -> list[Filled]:
        connection = self._site.connection
        connection.execute("set constraints all immediate")
        row = connection.execute("select pg_current_xact_id()::xid::text").fetchone()
        assert row is not None
        if not self._site.born:
            connection.execute("set local session_replication_role to replica")
        found = [filled for knot in self._group.knots for filled in self._knot(knot)]
        for table in dict.fromkeys(table.name for table, _ in self._group.later):
            keys = [key for other, key in self._group.later if other.name == table]
            link(self._site, self._site.catalog.table(table), keys, int(row[0]))
        return found

    def _knot(self, knot: tuple[Table, ...]) -> Iterator[Filled]:
        started = time.perf_counter()
        before = {table.name: self._site.count(table) for table in knot}
        if len(knot) == 1:
            tallies = [self._table(knot[0])]
        else:
            with self._told(tallies := [Tally() for _ in knot]):
                tie(self._site, knot, min(self._wanted[table.name] for table in knot), self._absent, tallies)
        seconds = (time.perf_counter() - started) / len(knot)
        for table, tally in zip(knot, tallies, strict=True):
            wanted = self._wanted[table.name]
            reason = tally.reason or "no more rows were found" if tally.rows < wanted else None
            yield Filled(table.name, wanted, tally.rows, before[table.name], seconds, reason)

    def _table(self, table: Table) -> Tally:
        tally, rows = Tally(), self._wanted[table.name]
        with self._told([tally]) if rows else nullcontext():
            advance(self._site, table)
            low = self._site.count(table)
            absent = self._absent(table)
            itself = {key.name for key in _to_itself(table)}
            # A few rows without a parent in their own table come first: the others may refer to them.
            first = min(max(rows // 10, 1), rows) if itself else 0
            for share, leaving in ((first, absent | itself), (rows - first, absent)):
                if share > 0 and (tally.rows or not tally.refused):
                    recipe = Draftsman(self._site, Wish(table, low, low + share - 1, leaving)).recipe()
                    low = insert(self._site.connection, recipe, low, share, tally)
        return tally

    def _absent(self, table: Table) -> frozenset[str]:
        return frozenset(key.name for other, key in self._group.later if other.name == table.name)

    @contextmanager
    def _told(self, tallies: Sequence[Tally]) -> Iterator[None]:
        """What stops a table from being filled is what there is to tell of it."""
        import psycopg

        try:
            with self._site.connection.transaction():
                yield
        except (Unfillable, Unsupported) as reason:
            message = str(reason)
        except psycopg.Error as error:
            message = described(error)
        else:
            return
        for tally in tallies:
            tally.rows = 0
            tally.refused.clear()
            tally.refused[message] += 1


def advance(site: Site, table: Table) -> None:
    """Moves the sequences of a table behind the rows that stand: seeds may have brought numbers of their own."""
    for column in table.columns:
        sequence = site.sequence(table, column) if column.is_supplied else None
        if sequence and column.base_name in ("int2", "int4", "int8"):
            name = sequence.removeprefix("nextval(").removesuffix(")")
            largest = site.largest(table, column.name)
            site.connection.execute(
                f"select setval(s, {largest}) from (select {name}::regclass as s) as harness_s"
                f" where {largest} > coalesce(pg_sequence_last_value(s), 0)".encode()
            )


def _to_itself(table: Table) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.references == table.name and nullable(table, key)]
