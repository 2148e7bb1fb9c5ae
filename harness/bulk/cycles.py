"""Inserts rows into tables that refer to each other in a cycle without NULLs, all by one statement.

Not here: which tables form such a cycle (``load.py``), and cycles of drawn rows (``generation/statements.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from harness.bulk.builder import TableRequest
from harness.bulk.context import BulkContext, nullable
from harness.bulk.inserting import InsertQuery, InsertTally, describe
from harness.bulk.planning import insert_query
from harness.catalog.model import Table
from harness.probes.statement import identifier, qualified
from harness.project.model import TableName
from harness.solver.rules import Unfillable


@dataclass(frozen=True)
class _Member:
    """A table of the cycle. ``references`` are its columns that refer to other members, with table and column there."""

    number: int
    query: InsertQuery
    references: dict[str, tuple[TableName, str]]

    @property
    def rows(self) -> str:
        """The temporary table with its rows, without the columns that refer to other members."""
        return f"harness_cycle_{self.number}"


def insert_cycle(
    context: BulkContext,
    tables: Sequence[Table],
    rows: int,
    absent: Callable[[Table], frozenset[str]],
    tallies: Sequence[InsertTally],
) -> None:
    """Inserts ``rows`` rows into each table: the first of one refers to the first of the others, and so on.

    ``absent`` names the foreign keys of a table that are NULL.
    """
    names = {table.name for table in tables}
    members = {}
    for number, table in enumerate(tables):
        context.advance_sequences(table)
        members[table.name] = _member(context, number, table, names, rows, absent(table))
    for member in members.values():
        _create_rows(context, member, rows)
    _insert(context, members, tallies)
    for member in members.values():
        context.connection.execute(f"drop table pg_temp.{member.rows}".encode())


def _member(
    context: BulkContext, number: int, table: Table, names: set[TableName], rows: int, absent: frozenset[str]
) -> _Member:
    inside = [
        key
        for key in table.foreign_keys
        if key.references in names and key.references != table.name and key.name not in absent
    ]
    references = {column: (key.references, referenced) for key in inside for column, referenced in key.pairs}
    own = {key.name for key in table.foreign_keys if key.references == table.name and nullable(table, key)}
    low = context.count(table)
    request = TableRequest(table, low, low + rows - 1, absent | own, frozenset(key.name for key in inside))
    return _Member(number, insert_query(context, request), references)


def _create_rows(context: BulkContext, member: _Member, rows: int) -> None:
    low = context.count(member.query.table)
    query = member.query.rows(low, low + rows - 1)
    context.connection.execute(
        f"create temp table {member.rows} on commit drop as"
        f" select *, row_number() over () as harness_k from ({query}) as harness_rows".encode()
    )


def _insert(context: BulkContext, members: dict[TableName, _Member], tallies: Sequence[InsertTally]) -> None:
    """Inserts all rows in one statement: PostgreSQL checks foreign keys at its end."""
    rows = " join ".join(
        f"pg_temp.{member.rows}" if n == 0 else f"pg_temp.{member.rows} using (harness_k)"
        for n, member in enumerate(members.values())
    )
    parts = [_part(members, member, rows) for member in members.values()]
    counts = ", ".join(f"(select count(*) from harness_in_{member.number})" for member in members.values())
    try:
        with context.connection.transaction():
            found = context.connection.execute(f"with {', '.join(parts)} select {counts}".encode()).fetchone()
    except psycopg.Error as error:
        for tally in tallies:
            tally.refused[describe(error)] += 1
        return
    for tally, count in zip(tallies, found or (), strict=True):
        tally.rows = count


def _part(members: dict[TableName, _Member], member: _Member, rows: str) -> str:
    query = member.query
    values = {name: f"{member.rows}.{identifier(name)}" for name in (*query.inner, *query.outer)}
    values |= {name: _value(members, *where, depth=0) for name, where in member.references.items()}
    return (
        f"harness_in_{member.number} as (insert into {qualified(query.table.name)}"
        f" ({', '.join(map(identifier, values))}) overriding system value"
        f" select {', '.join(values.values())} from {rows} returning 1)"
    )


def _value(members: dict[TableName, _Member], table: TableName, column: str, depth: int) -> str:
    """The expression for a column of a member, which may be the column of another member."""
    member = members[table]
    if column not in member.references:
        return f"{member.rows}.{identifier(column)}"
    if depth > len(members):
        raise Unfillable(f"{table} and the tables around it take their keys from each other in a cycle")
    return _value(members, *member.references[column], depth=depth + 1)
