"""Every road to the rows that a lock protects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.catalog.model import ForeignKey, Table
from harness.kinds._changes import fewest, other_values
from harness.kinds._roads import upsert
from harness.kinds._statements import MERGES, merge_delete, merge_insert, merge_update, or_nothing
from harness.kinds.base import Subject, shorten
from harness.kinds.owners.askers import Asker
from harness.probes import Delete, Execute, Insert, Refused, SqlStatement, Update
from harness.probes.statement import qualified
from harness.project.model import NewRow, TableName, Values

VARIANTS = 4
"""New values tried for one column."""


@dataclass(frozen=True)
class Lock:
    """What is locked: rows of the subject's table, by rows of ``holder`` that ``reference`` leads to, or by themselves.

    ``shut`` and ``ajar`` are values of the locking row for which the condition is true, and for which it is not;
    ``unnoticed`` says whether it may be changed behind the back of triggers; ``asking`` are the roles that try it, if
    not the connection's user, and ``silently`` whether policies may hide from them what is locked.
    """

    subject: Subject
    holder: Table
    reference: ForeignKey | None
    through: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    passing: tuple[TableName, ...]
    refused: Refused
    shut: Sequence[Values]
    ajar: Sequence[Values]
    unnoticed: bool
    asking: tuple[Asker, ...] = ()
    silently: bool = False

    def point(self, holder: Values) -> NewRow:
        """The values that lead to a locking row."""
        if self.reference is None:
            return {}
        return self.reference.referring(holder)


@dataclass(frozen=True)
class Road:
    """A statement, what it does in words, and whether a lock on the rows it touches is against it.

    ``shuts`` says which locking rows it meets, the ``first``, the ``second``; ``ahead`` is done before those shut.
    """

    aspect: str
    what: str
    statement: SqlStatement
    against: bool
    shuts: tuple[str, ...] = ("first",)
    ahead: tuple[str, ...] = ()
    rows: int | None = 1


@dataclass(frozen=True)
class Roads:
    """Rows around a lock, all open, and the roads to ``held``: the state of the locking row is what they meet.

    ``held`` hangs on the locking row ``first`` (or is it), ``fresh`` is to be inserted there, ``second`` is another
    locking row. ``pointers`` are the values of its foreign keys in a state, ``turn`` says with which values to begin.
    """

    lock: Lock
    held: NewRow
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
    def alone(self) -> bool:
        """Whether the row is its own locking row."""
        return self.lock.reference is None

    def in_state(self, state: Values) -> Roads:
        """The same rows with values of the locking row; a foreign key's value comes from its parent."""
        values = {
            column: self.pointers.get(column, value) if value is not None else None for column, value in state.items()
        }
        return replace(self, state=values)

    def row_of(self, road: Road) -> NewRow:
        """The row that a road is about, as it is when it is tried."""
        if not road.aspect.startswith("insert"):
            return self._row
        return {**self.fresh, **self.state} if self.alone else self.fresh

    @property
    def _row(self) -> NewRow:
        """The row as it is when it is tried: shut itself if the lock is on the row."""
        return {**self.held, **self.state} if self.alone else self.held

    def all(self) -> Iterator[Road]:
        """Every road to the row, those that are protected and those that are not."""
        key = self.subject.key(self.held)
        for column in self.lock.columns:
            yield from self._updates(column, key)
        yield from self._inserts()
        yield from self._deletes(key)
        if not self.alone:
            yield from self._moves(key)
        if "truncate" in self.lock.rows:
            for table in dict.fromkeys((self.table.name, self.lock.holder.name)):
                truncate = Execute(f"truncate {qualified(table)} cascade")
                yield Road("truncate", f"truncate of {table}", truncate, True, rows=None)
        yield from self._untouched(key)

    def _updates(self, column: str, key: Values) -> Iterator[Road]:
        row = self._row
        for changes in self._changes(column, row):
            what = f"change of {_to(changes)}"
            yield Road("update", what, Update(self.table.name, key, changes), True)
            yield from self._by(what, changes, True)
        if not self.table.column(column).not_null and not self.alone:
            for empty in self._changes(column, row, null=True):
                yield Road("update to null", f"change of {_to(empty)}", Update(self.table.name, key, empty), True)
                before = Update(self.table.name, key, empty).sql
                filled = {name: row[name] for name in empty}
                change = Update(self.table.name, key, filled)
                what = f"change from null of {_to(filled)}"
                yield Road("update of null", what, change, True, ahead=(before,))

    def _by(
        self, what: str, changes: Values, against: bool, shuts: tuple[str, ...] = ("first",), aspect: str = ""
    ) -> Iterator[Road]:
        """The same change by upsert and by MERGE."""
        aspect = aspect or "update"
        insert = upsert(self.table, self._row, changes)
        if insert is not None and self.subject.may_update(changes):
            yield Road(f"{aspect} by upsert", f"{what} by upsert", insert, against, shuts)
        if self.subject.catalog.version >= MERGES:
            merge = merge_update(self.table, self.subject.key(self.held), changes)
            yield Road(f"{aspect} by merge", f"{what} by merge", merge, against, shuts)

    def _inserts(self) -> Iterator[Road]:
        against = "insert" in self.lock.rows
        if self.alone and not against:
            return
        row = {**self.fresh, **self.state} if self.alone else self.fresh
        shuts = () if self.alone else ("first",)
        yield Road("insert", "an insert", Insert(self.table.name, row), against, shuts)
        by_upsert = upsert(self.table, row, {name: row[name] for name in self._plain})
        if by_upsert is not None:
            yield Road("insert by upsert", "an insert by upsert", by_upsert, against, shuts)
        if self.subject.catalog.version >= MERGES:
            yield Road("insert by merge", "an insert by merge", merge_insert(self.table, row), against, shuts)

    def _deletes(self, key: Values) -> Iterator[Road]:
        against = "delete" in self.lock.rows
        yield Road("delete", "a delete", Delete(self.table.name, key), against)
        if self.subject.catalog.version >= MERGES:
            yield Road("delete by merge", "a delete by merge", merge_delete(self.table, key), against)

    def _moves(self, key: Values) -> Iterator[Road]:
        """Out of a locked place, into one, from one to another; alone and together with a change."""
        against = "move" in self.lock.rows or bool(set(self.lock.through) & set(self.lock.columns))
        away = {column: value for column, value in self.lock.point(self.second).items() if self.held[column] != value}
        places = {"out": ("first",), "in": ("second",), "across": ("first", "second")}
        for way, shuts in places.items():
            what = f"a move {way}"
            yield Road(f"move {way}", what, Update(self.table.name, key, away), against, shuts)
            yield from self._by(what, away, against, shuts, f"move {way}")
            for column in self.lock.columns[:1]:
                for changes in self._changes(column, self.held)[:1]:
                    both = {**away, **changes}
                    if against or way != "in":
                        what = f"a move {way} with a change of {_to(changes)}"
                        yield Road(f"move {way} with a change", what, Update(self.table.name, key, both), True, shuts)
        if all(not self.table.column(column).not_null for column in self.lock.through):
            nowhere = dict.fromkeys(self.lock.through)
            back = {column: self.held[column] for column in nowhere}
            leave, come = (Update(self.table.name, key, changes) for changes in (nowhere, back))
            yield Road("move to nowhere", "a move to nowhere", leave, against)
            yield Road("move from nowhere", "a move from nowhere", come, against, ahead=(leave.sql,))

    def _untouched(self, key: Values) -> Iterator[Road]:
        """What is not protected: other columns, and nothing at all."""
        row, table = self._row, self.table
        guarded = {*self.lock.columns, *(self.lock.reference.columns if self.lock.reference else ())}
        # The key last: what a change of another column shows is easier to read.
        for column in sorted(table.columns, key=lambda column: column.name in table.primary_key):
            name = column.name
            if name in guarded or name in self.subject.rewritten:
                continue
            if not column.is_supplied or not self.subject.may_update([name]):
                continue
            for changes in self._changes(name, row)[:1]:
                if not guarded & changes.keys():
                    yield Road("free", f"change of {_to(changes)}", Update(table.name, key, changes), False)
        for name in self._plain:
            for changes in self._changes(name, row)[:1]:
                yield from self._by(f"change of {_to(changes)}", changes, False)
        same = {
            column.name: row[column.name]
            for column in table.columns
            if column.is_supplied and self.subject.may_update([column.name])
        }
        yield Road("free", "an update of all columns to what they are", Update(table.name, key, same), False)
        again = upsert(table, row, {name: row[name] for name in self.lock.columns or self._plain})
        if again is not None:
            yield Road("free", "an upsert that changes nothing", again, False)
        yield Road("free", "an insert on conflict do nothing", or_nothing(table, row), False, rows=0)

    def neighbours(self) -> Iterator[Road]:
        """What hangs on a row that is open while another is shut."""
        key = self.subject.key(self.held)
        for column in self.lock.columns[:1]:
            for changes in self._changes(column, self.held)[:1]:
                change = Update(self.table.name, key, changes)
                yield Road("free", f"change of {_to(changes)} beside one", change, False, ("second",))
        if "delete" in self.lock.rows:
            yield Road("free", "a delete beside one", Delete(self.table.name, key), False, ("second",))

    @property
    def _plain(self) -> tuple[str, ...]:
        """A column that is free and tied to nothing, if there is one."""
        table = self.table
        bound = {*self.lock.columns, *self.subject.rewritten, *self.lock.shut[0]}
        bound |= table.key_columns
        plain = (column for column in table.columns if column.name not in bound and column.is_supplied)
        return tuple(column.name for column in plain if not column.identity)[:1]

    def _changes(self, column: str, row: NewRow, null: bool = False) -> list[NewRow]:
        """Changes of a row that alter a column, with whatever rules tie to it; as few others as will do."""
        table = self.table
        if self.alone and column in self.lock.shut[0]:
            states = [*self.lock.ajar, *self.lock.shut]
            found = fewest(table, column, row, [dict(self.in_state(state).state) for state in states])
            return self._some(found)
        keys = [key for key in table.foreign_keys if column in key.columns]
        if keys and not null:
            changes = {name: self.fresh[name] for key in keys for name in key.columns}
            changes = {name: value for name, value in changes.items() if value != row[name]}
            return [changes] if column in changes else []
        return self._some(other_values(self.subject, table, column, row, null))

    def _some(self, changes: list[NewRow]) -> list[NewRow]:
        """A few of them, from another place in each scenario: a draw for each would cost more than all else."""
        turn = self.turn % len(changes) if changes else 0
        return [*changes[turn:], *changes[:turn]][:VARIANTS]

    def first_against(self) -> Road | None:
        """The simplest road that is protected."""
        return next((road for road in self.all() if road.against), None)


def _to(changes: Mapping[str, str | None]) -> str:
    return ", ".join(f"{column} to {shorten(value)}" for column, value in changes.items())
