"""Rows that are only valid together: one statement inserts, changes or deletes all of them.

Companions are what ``together`` of the table's ``rows:`` makes of a row as it is stored, and the rows that refer to it
and that its ``requires`` names. Decides in which columns of keys they get values of their own.
Not here: probes of such rows (``kinds/row_groups.py``), and rows that refer to one another (``statements.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg
from hypothesis import reject

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.generation.setup import new_rows
from harness.probes.statement import (
    Delete,
    Execute,
    Insert,
    SqlStatement,
    Update,
    equal,
    identifier,
    literal,
    qualified,
)
from harness.project import TableName, Values, sql
from harness.solver import Pools, is_same, refers_to_it

FIRST = "harness_first"
OTHER = "harness_other"


@dataclass(frozen=True)
class Companion:
    """A row that is inserted together with another: like that one, but for some columns, or one of a table ``below``.

    ``given`` are expressions on the other row, ``own`` are values of its own: for the columns of its keys, or for all
    that are not given.
    """

    given: Mapping[str, str]
    own: Values
    below: TableName | None = None


@dataclass(frozen=True)
class RowGroup:
    """A row that is inserted, and its companions with their values."""

    row: Insert
    companions: tuple[tuple[Companion, Values], ...]


def companions_of(pools: Pools, table: TableName) -> tuple[Mapping[str, str], ...]:
    """The expressions for the companions of each row of a table."""
    return pools.hints(table).together


class GroupBuilder:
    """Draws the keys of companions, and the rows that those refer to."""

    def __init__(self, draft: Draft, pools: Pools) -> None:
        self.draft = draft
        self.pools = pools
        self.groups: list[RowGroup] = []

    def complete(self, statements: Iterable[SqlStatement]) -> Iterator[SqlStatement]:
        """The statements, with the companions of each row inserted together with it, and their parents before."""
        for statement in statements:
            if not isinstance(statement, Insert) or not companions_of(self.pools, statement.table):
                yield statement
                continue
            before, companions = self.companions(statement)
            yield from before
            group = RowGroup(statement, tuple((each, self._values(statement, each)) for each in companions))
            self.groups.append(group)
            others = tuple(Insert(statement.table, row) for _, row in group.companions)
            yield replace(insert_group(statement, companions), leaves=statement, beside=others)

    def companions(self, row: Insert) -> tuple[list[SqlStatement], tuple[Companion, ...]]:
        """The inserts of the companions' parents, and the companions."""
        table, before = self.pools.catalog.table(row.table), len(self.draft.inserts)
        drawn = tuple(Companion(given, self._own(table, row, given)) for given in companions_of(self.pools, row.table))
        return [*self.complete(new_rows(self.draft, self.draft.inserts[before:]))], drawn

    def children(self, above: TableName) -> Iterator[Companion]:
        """The rows below a new row of a table that it requires, each like the last one that was drawn."""
        for name, values in self.pools.hints(above).requires:
            table = self.pools.catalog.table(name)
            if refers_to_it(table, above, values):
                given = {to: value for to, value in values.items() if value and value.startswith("$")}
                like = self._required(above, name, {to: value for to, value in values.items() if to not in given})
                own = (
                    {*itertools.chain(*(key.columns for key in table.unique_keys))} - {*values} - table.foreign_columns
                )
                drawn = self.draft.row(name, {to: value for to, value in like.items() if to not in own})
                yield Companion(given, {to: value for to, value in drawn.items() if to not in given}, name)

    def _required(self, above: TableName, name: TableName, constants: Values) -> Values:
        """A row with these values that a row above requires; one is inserted if there is none."""
        for _ in range(2):
            for row in reversed(self.draft.rows(name)):
                if constants.items() <= row.items():
                    return row
            self.draft.insert(above)
        return reject()

    def _values(self, row: Insert, companion: Companion) -> Values:
        """The values of a companion of this row."""
        table = self.pools.catalog.table(row.table)
        found = {**row.values, **companion.own}
        for name, text in companion.given.items():
            columns = map(table.column, sql.variables(text))
            values = {each.name: f"{literal(row.values.get(each.name))}::{each.type}" for each in columns}
            try:
                found[name] = self.pools.oracle.scalar(table, f"({sql.bind(text, values)})::{table.column(name).type}")
            except psycopg.Error:  # beyond what its type can hold
                reject()
        return found

    def _own(self, table: Table, row: Insert, given: Mapping[str, str]) -> Values:
        own = _own_columns(table, given)
        if not own:
            return {}
        kept = {name: value for name, value in row.values.items() if name not in own and is_same(name, given)}
        drawn = self.draft.row(row.table, kept, own)
        return {name: drawn[name] for name in own}


def _own_columns(table: Table, given: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that need a value of the companion's own, so that it does not repeat the row's key.

    They are columns of the key that are no foreign keys, if there are any.
    """
    found: dict[str, None] = {}
    foreign = table.foreign_columns
    for key in table.unique_keys:
        if all(is_same(name, given) for name in key.columns):
            loose = [name for name in key.columns if name not in given and table.column(name).is_supplied]
            found |= dict.fromkeys([name for name in loose if name not in foreign] or loose)
    keys = (each.columns for each in table.foreign_keys if found.keys() & {*each.columns})
    found |= dict.fromkeys(name for columns in keys for name in columns if name not in given)
    return tuple(found)


def insert_group(insert: Insert, companions: Sequence[Companion]) -> Execute:
    """One statement that inserts a row and its companions. It counts the row alone."""
    parts = []
    for companion in companions:
        same = () if companion.below else insert.values
        columns = tuple(dict.fromkeys((*same, *companion.given, *companion.own)))
        names = ", ".join(map(identifier, columns))
        values = ", ".join(_value(name, companion) for name in columns)
        into = f"insert into {qualified(companion.below or insert.table)} ({names}) overriding system value"
        parts.append(f"{into} select {values} from {FIRST}")
    return _together(insert, parts)


def update_group(table: Table, update: Update, group: RowGroup) -> Execute | None:
    """One statement that updates a row, and its companions accordingly; None if those do not change."""
    parts = []
    for companion, row in group.companions:
        names = [name for name in update.set if name not in companion.given and name not in companion.own]
        names += [name for name, text in companion.given.items() if {*sql.variables(text)} & update.set.keys()]
        if names:
            changes = ", ".join(f"{identifier(name)} = {_value(name, companion)}" for name in names)
            updated = f"update {qualified(table.name)} as {OTHER} set {changes} from {FIRST}"
            parts.append(f"{updated} where {_matches(table, row)}")
    return _together(update, parts) if parts else None


def delete_group(table: Table, delete: Delete, group: RowGroup) -> Execute:
    """One statement that deletes a row and its companions."""
    deleted = f"delete from {qualified(table.name)} as {OTHER} using {FIRST}"
    return _together(delete, [f"{deleted} where {_matches(table, row)}" for _, row in group.companions])


def _together(one: Insert | Update | Delete, parts: Sequence[str]) -> Execute:
    others = ", ".join(f"harness_{number} as ({part})" for number, part in enumerate(parts, 1))
    return Execute(f"with {FIRST} as ({one.sql} returning *), {others} select from {FIRST}", instead_of=one)


def _value(name: str, companion: Companion) -> str:
    """The value of a companion's column, as an expression on the row that was written."""
    if name in companion.own:
        return literal(companion.own[name])
    if is_same(name, companion.given):
        return f"{FIRST}.{identifier(name)}"
    text = companion.given[name]
    return f"({sql.bind(text, {each: f'{FIRST}.{identifier(each)}' for each in sql.variables(text)})})"


def _matches(table: Table, row: Values) -> str:
    """A condition that only a companion meets: by its primary key, another unique key, or else all its values."""
    keys = (table.primary_key, *(key.columns for key in table.unique_keys if key.is_plain))
    known = (columns for columns in keys if columns and all(row.get(name) is not None for name in columns))
    every = tuple(column.name for column in table.columns if column.is_comparable and column.name in row)
    pairs = ((f"{OTHER}.{identifier(name)}", row[name]) for name in next(known, every))
    return " and ".join(equal(name, value) for name, value in pairs)
