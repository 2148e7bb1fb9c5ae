"""Writes after which a query might find a row: single statements, and pairs for two sessions.

Decides which values and rows are worth writing: those of other rows, the constants of the query, their neighbours.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.kinds.base import Draft, NewRow, Rule, Subject, Table, TableName, Values, shorten
from harness.kinds.toolkit.changes import filled_references
from harness.probes import Insert, SqlStatement
from harness.project import sql

VICTIMS = 4
"""Rows of a table that are changed: some that other rows refer to, some that none refers to."""

CANDIDATES = 16
"""Values tried for a column that the query names, besides those of other rows."""

LOOKED_AT = 60
"""Pairs of statements of each sort that are returned."""


@dataclass(frozen=True)
class Write:
    """A statement, with its command and table, and the change in words; ``row`` is there before it, or is inserted."""

    command: str
    change: str
    statement: SqlStatement
    row: Values = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.command}{': ' if self.change else ''}{self.change}"


@dataclass(frozen=True)
class QueryWrites:
    """Draws writes for a query, whose columns and constants are those of ``condition``; ``named`` are the columns."""

    subject: Subject
    draft: Draft
    condition: Rule
    named: Sequence[str]

    def of(self, table: Table, fresh: Values, existing: Sequence[Insert]) -> Iterator[Write]:
        """Yields inserts of the fresh row, updates and deletes of existing rows, with values that may matter."""
        rows = [insert.values for insert in existing if insert.table == table.name]
        yield Write(f"insert into {table.name}", "", Insert(table.name, fresh))
        changes = [*self._of_other_rows(table, existing), *self._constants(table)]
        for change in {tuple(change.items()): change for change in changes}.values():
            words = ", ".join(f"{column} = {shorten(value)}" for column, value in change.items())
            yield Write(f"insert into {table.name}", words, Insert(table.name, {**fresh, **change}))
            updatable = all(table.column(column).identity != "a" for column in change)
            for row in rows[:VICTIMS]:
                if updatable and any(row[column] != value for column, value in change.items()):
                    yield Write(f"update of {table.name}", words, self.subject.update(row, change, table))
        for row in rows[:VICTIMS]:
            yield Write(f"delete from {table.name}", "", self.subject.delete(row, table))

    def _of_other_rows(self, table: Table, existing: Sequence[Insert]) -> Iterator[NewRow]:
        """Yields values of other rows: of each foreign key, of each named column, and of all named columns."""
        single = table.foreign_columns | {*self.named}
        supplied = [each.name for each in table.columns if each.is_supplied and each.name not in table.primary_key]
        groups = [key.columns for key in table.foreign_keys]
        groups += [(column,) for column in supplied if column in single]
        groups.append(tuple(column for column in supplied if column in self.named))
        for columns in groups:
            for insert in existing:
                change = {column: insert.values[column] for column in columns if column in insert.values}
                if len(change) == len(columns) > 0:
                    yield change

    def _constants(self, table: Table) -> Iterator[NewRow]:
        """Yields the constants of the query and of all rules, and their neighbours."""
        for column in table.columns:
            if column.name in self.named and column.is_supplied and column.name not in table.foreign_columns:
                rules = (self.condition, *self.subject.pools.rules(table))
                values = self.draft.sample(self.subject.pools.finder.candidates(table, column.name, rules), CANDIDATES)
                yield from ({column.name: value} for value in values if value is not None or not column.not_null)


def similar_rows(
    subject: Subject, draft: Draft, tables: Sequence[Table], condition: Rule
) -> dict[TableName, list[NewRow]]:
    """Has two rows of each table inserted, and returns two others; each two agree in columns of the query."""
    named = sql.columns(condition.predicate)

    def similar(table: Table, draw: Callable[..., NewRow]) -> list[NewRow]:
        present = filled_references(table, subject.pools.of(table))
        first = draw(table.name, present=present)
        return [first, draw(table.name, _in_common(table, draft, first, named), present)]

    for table in tables:
        similar(table, draft.insert)
    return {table.name: similar(table, draft.row) for table in tables}


def pairs_of_writes(
    writes: QueryWrites,
    tables: Sequence[Table],
    fresh: Mapping[TableName, Sequence[NewRow]],
    existing: Sequence[Insert],
    chance: random.Random,
) -> list[tuple[Write, Write]]:
    """Returns pairs of writes: first those with the same command and change, then any two, some of each sort."""
    left, right = (
        [write for table in tables for write in writes.of(table, fresh[table.name][place], existing)]
        for place in (0, 1)
    )
    sorts: list[list[tuple[Write, Write]]] = [[], [], []]
    for one_write, other in itertools.product(left, right):
        if one_write.statement != other.statement:
            sort = (one_write.command != other.command) + (one_write.change != other.change)
            sorts[sort].append((one_write, other))
    return [
        sort[place] for sort in sorts for place in sorted(chance.sample(range(len(sort)), min(LOOKED_AT, len(sort))))
    ]


def _in_common(table: Table, draft: Draft, row: Values, named: Sequence[str]) -> NewRow:
    """Draws columns of the query that a second row has in common with the first, but no whole key."""
    keys = [set(key.columns) for key in table.unique_keys]
    found: NewRow = {}
    for column in table.columns:
        offered = column.name in named and column.is_supplied and draft.choose((True, False))
        if offered and not any(key and key <= {*found, column.name} for key in keys):
            found[column.name] = row[column.name]
    return found
