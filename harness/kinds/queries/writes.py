"""Inserts, updates and deletes of a table that may bring about what a query looks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.kinds.base import Subject, shorten
from harness.probes import Delete, Insert, Statement, Update
from harness.project.model import Values
from harness.solver.rules import Rule

VICTIMS = 4
"""Rows of a table that are changed: some that others refer to, some that nobody does."""

CANDIDATES = 16
"""Values tried for a column that the query names, besides those of other rows."""


def writes(
    subject: Subject,
    draft: Draft,
    table: Table,
    fresh: Values,
    standing: Sequence[Insert],
    named: Sequence[str],
    constants: Rule,
) -> Iterator[tuple[str, str, Statement]]:
    """Commands, with what they change and their statement."""
    rows = [insert.values for insert in standing if insert.table == table.name]
    yield "insert into", "", Insert(table.name, fresh)
    changes = [
        *_of_others(subject, table, rows, standing, named),
        *_constants(subject, draft, table, named, constants),
    ]
    for change in {tuple(change.items()): change for change in changes}.values():
        words = ", ".join(f"{column} = {shorten(value)}" for column, value in change.items())
        yield "insert into", words, Insert(table.name, {**fresh, **change})
        for row in rows[:VICTIMS]:
            if any(row[column] != value for column, value in change.items()) and _may_update(table, change):
                yield "update of", words, Update(table.name, subject.key(row, table), change)
    for row in rows[:VICTIMS]:
        yield "delete from", "", Delete(table.name, subject.key(row, table))


def _of_others(
    subject: Subject, table: Table, rows: Sequence[Values], standing: Sequence[Insert], named: Sequence[str]
) -> Iterator[dict[str, str | None]]:
    """What other rows have in the columns of a reference, in those that the query names, and in all of them at once."""
    foreign = [constraint.columns for constraint in table.foreign_keys]
    single = {column for columns in foreign for column in columns} | {*named}
    supplied = [column.name for column in table.columns if column.is_supplied and column.name not in table.primary_key]
    groups = [*foreign, *((column,) for column in supplied if column in single)]
    groups.append(tuple(column for column in supplied if column in named))
    for columns in groups:
        for insert in standing:
            change = {column: insert.values[column] for column in columns if column in insert.values}
            if len(change) == len(columns) > 0:
                yield change


def _constants(
    subject: Subject, draft: Draft, table: Table, named: Sequence[str], constants: Rule
) -> Iterator[dict[str, str | None]]:
    """The constants of the query and of all rules, and their neighbours."""
    foreign = {column for constraint in table.foreign_keys for column in constraint.columns}
    for column in table.columns:
        if column.name in named and column.is_supplied and column.name not in foreign:
            rules = (constants, *subject.pools.rules(table))
            for value in draft.sample(subject.pools.finder.candidates(table, column.name, rules), CANDIDATES):
                if value is not None or not column.not_null:
                    yield {column.name: value}


def _may_update(table: Table, change: Values) -> bool:
    return all(table.column(column).identity != "a" for column in change)
