"""Every way to write to the rows that a lock protects, and whether the lock forbids it.

Not here: the deletion of rows above, and the order of locking and writing (``scenarios.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.catalog.model import ForeignKey, Table
from harness.kinds.base import NewRow, Subject, TableName, Values, qualified, shorten
from harness.kinds.row_access.acting_roles import ActingRole
from harness.kinds.toolkit.changes import nulls, other_values, smallest
from harness.kinds.toolkit.statements import (
    MERGES,
    insert_or_nothing,
    merge_delete,
    merge_insert,
    merge_update,
    past_guards,
    upserts,
)
from harness.probes import Delete, Execute, Insert, Refused, SqlStatement, Update

VARIANTS = 4
"""New values tried for one column."""


@dataclass(frozen=True)
class Lock:
    """Rows of the check's table, locked by rows of ``holder`` that ``reference`` refers to, or by themselves.

    ``locked`` are values of the locking row for which the condition is true, ``open`` those for which it is not.
    ``columns`` and ``rows`` are protected; deletions in the tables of ``excepted`` pass. ``roles`` try the writes, if
    not the connection's user.
    """

    subject: Subject
    holder: Table
    reference: ForeignKey | None
    through: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    excepted: tuple[TableName, ...]
    refused: Refused
    locked: Sequence[Values]
    open: Sequence[Values]
    roles: tuple[ActingRole, ...] = ()

    def referring(self, holder: Values) -> NewRow:
        """Returns the values that refer to a locking row."""
        return self.reference.referring(holder) if self.reference else {}

    def past_triggers(self, statement: Insert | Update | Delete) -> str:
        """Returns SQL that brings rows into a state: past the triggers, if a superuser connects."""
        return past_guards(statement) if self.subject.roles.may_disable_triggers else statement.sql


@dataclass(frozen=True)
class WritePath:
    """A statement, what it does in words, and the locking rows that are locked while it is tried.

    ``locks`` are of ``first`` and ``second``. ``forbidden`` means that the lock refuses the statement. ``before`` are
    statements that come before the lock.
    """

    aspect: str
    what: str
    statement: SqlStatement
    forbidden: bool
    locks: tuple[str, ...] = ("first",)
    before: tuple[str, ...] = ()
    rows: int | None = 1

    def by(self, command: str, statement: SqlStatement) -> WritePath:
        """Returns the same write by another command."""
        return replace(
            self, aspect=f"{self.aspect} by {command}", what=f"{self.what} by {command}", statement=statement
        )


@dataclass(frozen=True)
class WritePaths:
    """The rows around a lock, none of them locked, and the ways to write to ``target``.

    The locking row of ``target`` is ``first``, or the target itself; ``fresh`` is a row to insert below it, and
    ``second`` is another locking row. ``pointers`` are the values of the locking row's foreign keys in a state.
    ``state`` are the values that lock a row or leave it open. ``turn`` says with which values to begin.
    """

    lock: Lock
    target: NewRow
    fresh: NewRow
    first: NewRow
    second: NewRow
    pointers: NewRow
    turn: int
    state: NewRow = field(default_factory=dict)

    @property
    def subject(self) -> Subject:
        return self.lock.subject

    @property
    def table(self) -> Table:
        return self.lock.subject.table

    @property
    def locks_itself(self) -> bool:
        """Whether a row is its own locking row."""
        return self.lock.reference is None

    def in_state(self, state: Values) -> WritePaths:
        """Returns the same rows with values of the locking row; the values of foreign keys come from its parents."""
        values = {
            column: self.pointers.get(column, value) if value is not None else None for column, value in state.items()
        }
        return replace(self, state=values)

    def row_of(self, path: WritePath) -> NewRow:
        """Returns the row that a statement writes, as it is before."""
        return self._fresh if path.aspect.startswith("insert") else self._row

    @property
    def _row(self) -> NewRow:
        """The target in its state: that of the lock, if the row locks itself."""
        return {**self.target, **self.state} if self.locks_itself else self.target

    @property
    def _fresh(self) -> NewRow:
        return {**self.fresh, **self.state} if self.locks_itself else self.fresh

    def all(self) -> Iterator[WritePath]:
        """Yields every way to write to the target, both those that the lock forbids and those that it allows."""
        for column in self.lock.columns:
            yield from self._updates(column)
        yield from self._inserts()
        yield from self._deletes()
        if not self.locks_itself:
            yield from self._moves()
        if "truncate" in self.lock.rows:
            for table in dict.fromkeys((self.table.name, self.lock.holder.name)):
                truncate = Execute(f"truncate {qualified(table)} cascade")
                yield WritePath("truncate", f"truncate of {table}", truncate, forbidden=True, rows=None)
        yield from self._unprotected()

    def _updates(self, column: str) -> Iterator[WritePath]:
        row, table = self._row, self.table
        for changes in self._changes(column, row):
            what = f"change of {_to(changes)}"
            path = WritePath("update", what, self.subject.update(self.target, changes), forbidden=True)
            yield path
            yield from self._other_commands(path, changes)
        if not table.column(column).not_null and not self.locks_itself:
            for to_null in self._some(nulls(self.subject, table, column, row)):
                empty = self.subject.update(self.target, to_null)
                yield WritePath("update to null", f"change of {_to(to_null)}", empty, forbidden=True)
                filled = {name: row[name] for name in to_null}
                change, what = self.subject.update(self.target, filled), f"change from null of {_to(filled)}"
                yield WritePath("update of null", what, change, forbidden=True, before=(empty.sql,))

    def _other_commands(self, path: WritePath, changes: Values, aspect: str = "") -> Iterator[WritePath]:
        """Yields the same change by upsert and by MERGE."""
        path = replace(path, aspect=aspect or path.aspect)
        for insert in upserts(self.table, self._row, changes) if self.subject.may_update(changes) else ():
            yield path.by("upsert", insert)
        if self.subject.catalog.version >= MERGES:
            yield path.by("merge", merge_update(self.table, self.subject.key(self.target), changes))

    def _inserts(self) -> Iterator[WritePath]:
        forbidden = "insert" in self.lock.rows
        if self.locks_itself and not forbidden:
            return
        row = self._fresh
        locks = () if self.locks_itself else ("first",)
        insert = WritePath("insert", "an insert", Insert(self.table.name, row), forbidden, locks)
        yield insert
        for by_upsert in upserts(self.table, row, {name: row[name] for name in self._plain}):
            yield insert.by("upsert", by_upsert)
        if self.subject.catalog.version >= MERGES:
            yield insert.by("merge", merge_insert(self.table, row))

    def _deletes(self) -> Iterator[WritePath]:
        delete = WritePath("delete", "a delete", self.subject.delete(self.target), "delete" in self.lock.rows)
        yield delete
        if self.subject.catalog.version >= MERGES:
            yield delete.by("merge", merge_delete(self.table, self.subject.key(self.target)))

    def _moves(self) -> Iterator[WritePath]:
        """Yields moves from a locked row, to one, and from one to another; alone and together with a change."""
        table = self.table
        forbidden = "move" in self.lock.rows or bool(set(self.lock.through) & set(self.lock.columns))
        there = self.lock.referring(self.second)
        away = {column: value for column, value in there.items() if self.target[column] != value}
        for way, locked in {"out": ("first",), "in": ("second",), "across": ("first", "second")}.items():
            path = WritePath(f"move {way}", f"a move {way}", self.subject.update(self.target, away), forbidden, locked)
            yield path
            yield from self._other_commands(path, away)
            for column in self.lock.columns[:1]:
                for changes in self._changes(column, self.target)[:1]:
                    if forbidden or way != "in":
                        what = f"a move {way} with a change of {_to(changes)}"
                        both = self.subject.update(self.target, {**away, **changes})
                        yield WritePath(f"move {way} with a change", what, both, forbidden=True, locks=locked)
        if all(not table.column(column).not_null for column in self.lock.through):
            nowhere = dict.fromkeys(self.lock.through)
            back = {column: self.target[column] for column in nowhere}
            leave, come = (self.subject.update(self.target, changes) for changes in (nowhere, back))
            yield WritePath("move to nowhere", "a move to nowhere", leave, forbidden)
            yield WritePath("move from nowhere", "a move from nowhere", come, forbidden, before=(leave.sql,))

    def _unprotected(self) -> Iterator[WritePath]:
        """Yields changes of other columns, and of nothing."""
        row, table = self._row, self.table
        guarded = {*self.lock.columns, *(self.lock.reference.columns if self.lock.reference else ())}
        free = [each.name for each in table.columns if each.is_supplied and self.subject.may_update([each.name])]
        # The key comes last: a change of another column makes a better report.
        for name in sorted(free, key=lambda name: name in table.primary_key):
            if name not in guarded and name not in self.subject.rewritten:
                for changes in self._changes(name, row)[:1]:
                    if not guarded & changes.keys():
                        yield self._free(f"change of {_to(changes)}", self.subject.update(self.target, changes))
        for name in self._plain:
            for changes in self._changes(name, row)[:1]:
                change = self._free(f"change of {_to(changes)}", self.subject.update(self.target, changes))
                yield from self._other_commands(change, changes, "update")
        same = {name: row[name] for name in free}
        yield self._free("an update of all columns to what they are", self.subject.update(self.target, same))
        for again in upserts(table, row, {name: row[name] for name in self.lock.columns or self._plain}):
            yield self._free("an upsert that changes nothing", again)
        yield replace(self._free("an insert on conflict do nothing", insert_or_nothing(table, row)), rows=0)

    @staticmethod
    def _free(what: str, statement: SqlStatement) -> WritePath:
        return WritePath("free", what, statement, forbidden=False)

    def beside_locked(self) -> Iterator[WritePath]:
        """Yields writes to a row whose locking row is open, while another one is locked."""
        for column in self.lock.columns[:1]:
            for changes in self._changes(column, self.target)[:1]:
                change = self._free(f"change of {_to(changes)} beside one", self.subject.update(self.target, changes))
                yield replace(change, locks=("second",))
        if "delete" in self.lock.rows:
            yield replace(self._free("a delete beside one", self.subject.delete(self.target)), locks=("second",))

    @property
    def _plain(self) -> tuple[str, ...]:
        """A column that is neither protected nor tied to others by a key or a rule, if there is one."""
        table = self.table
        bound = {*self.lock.columns, *self.subject.rewritten, *self.lock.locked[0], *table.key_columns}
        plain = (column for column in table.columns if column.name not in bound and column.is_supplied)
        return tuple(column.name for column in plain if not column.identity)[:1]

    def _changes(self, column: str, row: NewRow) -> list[NewRow]:
        """Returns changes that give a column another value, with as few other columns as possible."""
        keys = [key.columns for key in self.table.foreign_keys if column in key.columns]
        if self.locks_itself and column in self.lock.locked[0]:
            states = [self.in_state(state).state for state in (*self.lock.open, *self.lock.locked)]
            return self._some(smallest(self.table, column, row, states))
        if keys:
            changes = {name: self.fresh[name] for name in itertools.chain(*keys) if self.fresh[name] != row[name]}
            return [changes] if column in changes else []
        return self._some(other_values(self.subject, self.table, column, row))

    def _some(self, changes: list[NewRow]) -> list[NewRow]:
        """Returns a few changes, others in each scenario: to draw each of them would cost more than all else."""
        turn = self.turn % len(changes) if changes else 0
        return [*changes[turn:], *changes[:turn]][:VARIANTS]

    def first_forbidden(self) -> WritePath | None:
        """Returns the simplest way that the lock forbids."""
        return next((path for path in self.all() if path.forbidden), None)


def _to(changes: Mapping[str, str | None]) -> str:
    return ", ".join(f"{column} to {shorten(value)}" for column, value in changes.items())
