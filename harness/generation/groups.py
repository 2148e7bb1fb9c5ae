"""Rows that are only valid together, written together: an INSERT, UPDATE or DELETE of one takes the others along.

The others are what ``together`` of the table's ``rows:`` makes of a row as it is stored, in the same statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg
from hypothesis import reject

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.generation.room import added
from harness.probes.statement import Delete, Execute, Insert, SqlStatement, Update, identifier, literal, qualified
from harness.project import sql
from harness.project.model import TableName, Values
from harness.solver.pools import Pools
from harness.solver.row_hints import NOTHING, is_same

FIRST = "harness_first"
OTHER = "harness_other"


@dataclass(frozen=True)
class Other:
    """A row that comes with another: ``given`` are expressions on that one, ``own`` are the values of its keys.

    In all else it is like the other.
    """

    given: Mapping[str, str]
    own: Values


@dataclass(frozen=True)
class Group:
    """A row, which stands, and those that came with it, with their values."""

    row: Insert
    others: tuple[tuple[Other, Values], ...]


def others_of(pools: Pools, table: TableName) -> tuple[Mapping[str, str], ...]:
    """What comes with each row of a table."""
    return pools.row_hints.get(table, NOTHING).together


class Grouping:
    """Draws the keys of the others, and what those lead to."""

    def __init__(self, draft: Draft, pools: Pools) -> None:
        self.draft = draft
        self.pools = pools
        self.groups: list[Group] = []

    def stand(self, statements: Iterable[SqlStatement]) -> Iterator[SqlStatement]:
        """The statements that have rows stand, with the others, behind what those lead to."""
        for statement in statements:
            if not isinstance(statement, Insert) or not others_of(self.pools, statement.table):
                yield statement
                continue
            ahead, others = self.others(statement)
            yield from ahead
            group = Group(statement, tuple((other, self._values(statement, other)) for other in others))
            self.groups.append(group)
            beside = tuple(Insert(statement.table, row) for _, row in group.others)
            yield replace(inserted(statement, others), leaves=statement, beside=beside)

    def others(self, row: Insert) -> tuple[list[SqlStatement], tuple[Other, ...]]:
        """The rows that have to stand before, and the others."""
        table, before = self.pools.catalog.table(row.table), len(self.draft.inserts)
        drawn = tuple(Other(given, self._own(table, row, given)) for given in others_of(self.pools, row.table))
        return [*self.stand(added(self.draft, self.draft.inserts[before:]))], drawn

    def _values(self, row: Insert, other: Other) -> Values:
        """What the other row is, beside this one."""
        table = self.pools.catalog.table(row.table)
        found = {**row.values, **other.own}
        for name, text in other.given.items():
            columns = map(table.column, sql.variables(text))
            values = {each.name: f"{literal(row.values.get(each.name))}::{each.type}" for each in columns}
            written = f"({sql.bind(text, values)})::{table.column(name).type}"
            try:
                found[name] = self.pools.oracle.scalar(table, written)
            except psycopg.Error:  # beyond what its type can hold
                reject()
        return found

    def _own(self, table: Table, row: Insert, given: Mapping[str, str]) -> Values:
        own = _told_apart(table, given)
        if not own:
            return {}
        kept = {name: value for name, value in row.values.items() if name not in own and is_same(name, given)}
        drawn = self.draft.row(row.table, kept, own)
        return {name: drawn[name] for name in own}


def _told_apart(table: Table, given: Mapping[str, str]) -> tuple[str, ...]:
    """The columns in which another row has to differ, as it has the row's key if not.

    In keys that lead somewhere those that do not, if there are any.
    """
    found: dict[str, None] = {}
    foreign = table.foreign_columns
    for key in table.unique_keys:
        if all(is_same(name, given) for name in key.columns):
            loose = [name for name in key.columns if name not in given and table.column(name).is_supplied]
            found |= dict.fromkeys([name for name in loose if name not in foreign] or loose)
    led = (each.columns for each in table.foreign_keys if found.keys() & {*each.columns})
    found |= dict.fromkeys(name for columns in led for name in columns if name not in given)
    return tuple(found)


def inserted(insert: Insert, others: Sequence[Other]) -> Execute:
    """One statement that inserts the row and the others; it counts the row alone."""
    parts = []
    for other in others:
        columns = tuple(dict.fromkeys((*insert.values, *other.given, *other.own)))
        names = ", ".join(map(identifier, columns))
        values = ", ".join(_value(name, other) for name in columns)
        into = f"insert into {qualified(insert.table)} ({names}) overriding system value"
        parts.append(f"{into} select {values} from {FIRST}")
    return _together(insert, parts)


def updated(table: Table, update: Update, group: Group) -> Execute | None:
    """The change of the row and those of the others that follow from it; None where none does."""
    parts = []
    for other, row in group.others:
        names = [name for name in update.set if name not in other.given and name not in other.own]
        names += [name for name, text in other.given.items() if {*sql.variables(text)} & update.set.keys()]
        if names:
            changes = ", ".join(f"{identifier(name)} = {_value(name, other)}" for name in names)
            of_other = f"update {qualified(table.name)} as {OTHER} set {changes} from {FIRST}"
            parts.append(f"{of_other} where {_told(table, row)}")
    return _together(update, parts) if parts else None


def deleted(table: Table, delete: Delete, group: Group) -> Execute:
    of_other = f"delete from {qualified(table.name)} as {OTHER} using {FIRST}"
    return _together(delete, [f"{of_other} where {_told(table, row)}" for _, row in group.others])


def _together(one: Insert | Update | Delete, parts: Sequence[str]) -> Execute:
    others = ", ".join(f"harness_{number} as ({part})" for number, part in enumerate(parts, 1))
    return Execute(f"with {FIRST} as ({one.sql} returning *), {others} select from {FIRST}", instead_of=one)


def _value(name: str, other: Other) -> str:
    """What another row has in a column, beside the row as it is stored."""
    if name in other.own:
        return literal(other.own[name])
    if is_same(name, other.given):
        return f"{FIRST}.{identifier(name)}"
    text = other.given[name]
    return f"({sql.bind(text, {each: f'{FIRST}.{identifier(each)}' for each in sql.variables(text)})})"


def _told(table: Table, row: Values) -> str:
    """What tells another row from those that stand: its primary key, another unique one, else all that it has."""
    keys = (table.primary_key, *(key.columns for key in table.unique_keys if key.is_plain))
    known = (columns for columns in keys if columns and all(row.get(name) is not None for name in columns))
    every = tuple(column.name for column in table.columns if column.is_comparable and column.name in row)
    pairs = ((f"{OTHER}.{identifier(name)}", row[name]) for name in next(known, every))
    return " and ".join(f"{name} is null" if value is None else f"{name} = {literal(value)}" for name, value in pairs)
