"""Each door as one owner uses it: calls, reads and writes, as statements.

Decides which rows a write is tried on: rows of others, and those above them whose foreign keys pass a change on.
Not here: which doors there are (``doors.py``), and what the statements show (``door_calls.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from harness.catalog import Column
from harness.catalog.code import ACTIONS
from harness.kinds.base import Draft, Subject, Table, TableName, Values, condition, identifier, literal, qualified
from harness.kinds.row_access.arguments import KnownRows
from harness.kinds.row_access.door_calls import Caller
from harness.kinds.row_access.doors import Doors
from harness.kinds.row_access.ownership import OwnedRows, OwnerColumn, paths
from harness.kinds.row_access.principal import says
from harness.kinds.row_access.reachable import owner_row
from harness.kinds.toolkit.statements import past_guards
from harness.probes import Insert, Probe, Update
from harness.solver import Unfillable
from harness.values.types import Unsupported

KNOWN, ABOVE = 6, 2
"""Rows of others whose values are passed to functions, and foreign keys followed from them."""

BORROWED = 8
"""Columns of which values of others are written."""

FEWEST = 4
"""Calls of a function that computes statements, and does not name the table."""


@dataclass(frozen=True)
class DoorUses:
    """The probes of the owner at one ``place``; ``mine`` are its rows.

    Each function is called ``most`` times, and the arguments follow from a ``drawn`` number.
    """

    doors: Doors
    caller: Caller
    draft: Draft
    rows: OwnedRows
    place: int
    mine: Sequence[Values]
    most: int
    drawn: int

    def probes(self) -> Iterator[Probe]:
        """Yields the uses of all doors."""
        yield from self._functions()
        for relation, query in self.doors.read.items():
            yield self._probe(self.doors.label(relation), [query], refresh=self.doors.refreshed)
        for relation, label in self.doors.written.items():
            for write, before in self._writes(relation):
                yield replace(self._probe(label, [write]), before=before)
            if alike := self._alike(relation):
                changes = [*self._column_by_column(relation, self.mine[0])]
                yield replace(self.caller.probe(label, changes, (), (), ["alone"]), before=alike)
            if borrowed := [*self._borrowed(relation)]:
                # That a value is taken is told by a trigger as by a key.
                yield self.caller.probe(label, borrowed, (), (), ["alone"])
        yield from self._actions()
        yield from self._keys()

    def _probe(self, label: str, calls: Sequence[str], reads: Sequence[str] = (), refresh: Sequence[str] = ()) -> Probe:
        return self.caller.probe(label, calls, reads, refresh)

    @property
    def _subject(self) -> Subject:
        return self.doors.subject

    @cached_property
    def _others(self) -> list[Values]:
        """The rows of others, first one of another owner."""
        return [each for each in self.rows.existing if each not in self.mine]

    @property
    def _fresh(self) -> Values:
        return self.rows.fresh[self.place]

    def _functions(self) -> Iterator[Probe]:
        owners = [value for owner in reversed(self.rows.owners) for value in owner.values()]
        subject, columns = self._subject, dict[str, Column]()
        others = [self._with_those_above(row, columns) for row in self._others[:KNOWN]]
        columns |= {each.name: each for each in subject.table.columns}
        others = self._with_bounds(others, columns)
        own = self.mine or [self._fresh]
        known = KnownRows(subject.table, [*columns.values()], own, others, owners, subject.oracle)
        for routine in self.doors.routines:
            reads = self.doors.filled(routine)
            refresh = self.doors.refresh(self.doors.code.of_routine(routine))
            outputs = routine.kind == "p" and bool({"o", "b"} & {*routine.modes})
            also = ["cursor"] * routine.is_cursor + ["outputs"] * outputs
            label = f"{'procedure' if routine.kind == 'p' else 'function'} {routine.signature}"
            calls = known.calls(routine, self.most if self.doors.names(routine) else FEWEST, self.drawn)
            yield self.caller.probe(label, calls, reads, refresh, also)

    def _with_those_above(self, row: Values, columns: dict[str, Column]) -> Values:
        """Returns a row with the values of the rows that it refers to, and adds the columns of these."""
        found: dict[str, str | None] = {}
        for path in paths(self._subject, self._subject.table):
            if len(path) < ABOVE + 1 and (
                above := owner_row(self._subject, self.draft, row, OwnerColumn(path, "", ""))
            ):
                table = self._subject.catalog.table(path[-1][1].references)
                for column in table.columns:
                    found.setdefault(column.name, above.get(column.name))
                    columns.setdefault(column.name, column)
        return {**found, **row}

    def _with_bounds(self, rows: Sequence[Values], columns: dict[str, Column]) -> list[Values]:
        """Returns rows with the bounds of their ranges: a function may ask for a moment within."""
        table, found = self._subject.table, [{**row} for row in rows]
        for column, bound in itertools.product(table.columns, ("lower", "upper")):
            if column.base_kind == "r":
                name = f"{bound} of {column.name}"
                values = [(row.get(column.name),) for row in rows]
                texts = self._subject.oracle.texts(table, (column.name,), values, f"{bound}({identifier(column.name)})")
                for row, (_, text) in zip(found, texts, strict=True):
                    row[name] = text
                columns[name] = replace(column.parts[0], name=name)
        return [*found]

    def _writes(self, relation: TableName) -> Iterator[tuple[str, str | None]]:
        """Yields writes to a view, to a table that holds rows of the table, or to one whose triggers fire.

        Beside each stands what is to be run before it.
        """
        table = self._subject.catalog.tables.get(relation)
        if table is None or relation in self.doors.near_tables:
            names = self.doors.columns(relation)
            another = self._others[0] if self._others else {}
            yield from ((each, None) for each in self._changes(relation, names, another, self._fresh))
        elif relation == self._subject.table.name:
            for own in self.mine[:1] or [self._fresh]:
                yield from ((each, None) for each in self._changes(relation, [*own], own, self._fresh))
        else:
            yield from self._beside(table)

    def _beside(self, table: Table) -> Iterator[tuple[str, str | None]]:
        """Yields writes to another table, of rows that are of the owner where that table says so."""
        values = self.rows.owners[self.place]
        known = {each.name for each in table.columns}
        columns = self.caller.principal.owners.owner_columns
        fixed = {each.column: values[each.variable] for each in columns if each.column in known}
        try:
            row = self.draft.row(table.name, fixed)
            fresh = self.draft.row(table.name, fixed)
        except (Unfillable, Unsupported):
            return
        # What its triggers do is to be seen of the write alone.
        insert = Insert(table.name, row)
        silent, back = (f"set local session_replication_role = {role}" for role in ("replica", "origin"))
        before = f"{silent}; {insert.sql}; {back}" if self._subject.roles.may_disable_triggers else insert.sql
        yield from ((each, before) for each in self._changes(table.name, [*fresh], row, fresh))
        for key in table.foreign_keys if self._others else ():
            if key.references == self._subject.table.name:
                other = key.referring(self._others[0])
                back = " returning *" if self.doors.reads_all(table.name) else ""
                if self.doors.may(table.name, "insert"):
                    yield f"{Insert(table.name, {**fresh, **other}).sql}{back}", before
                if self.doors.may(table.name, "update"):
                    yield f"{self._subject.update(row, other, table).sql}{back}", before

    def _changes(self, relation: TableName, names: Sequence[str], row: Values, fresh: Values) -> Iterator[str]:
        """Yields an UPDATE, a DELETE and an INSERT, as far as the role may send them."""
        may, name = self.doors.may, qualified(relation)
        given = {column: value for column, value in fresh.items() if column in names}
        key = {column: value for column, value in self._key(relation, row).items() if column in names}
        # WHERE needs the privilege to read.
        where = f" where {condition(key)}" if key and may(relation, "select") else ""
        back = " returning *" if self.doors.reads_all(relation) else ""
        marked = [column for column in (*self.caller.columns, *given) if column in given and column not in key]
        for column in marked[:1] if may(relation, "update") else ():
            yield f"update {name} set {identifier(column)} = {literal(given[column])}{where}{back}"
        if may(relation, "delete"):
            yield f"delete from {name}{where}{back}"
        if may(relation, "insert"):
            yield f"{Insert(relation, given).sql}{back}"

    def _column_by_column(self, relation: TableName, row: Values) -> Iterator[str]:
        """Yields updates of an own row in one column each, to a value that another's row has not, and a delete."""
        name, names, another = qualified(relation), self.doors.columns(relation), self._others[0]
        key = {column: value for column, value in self._key(relation, row).items() if column in names}
        left_out = {*key, *self.caller.principal.owners.columns}
        changed = [each for each in names if each not in left_out and each in self._fresh]
        for column in changed[:BORROWED] if self.doors.may(relation, "update") else ():
            others = [each for each in (self._fresh[column], row[column]) if each != another.get(column)]
            if others:
                yield f"update {name} set {identifier(column)} = {literal(others[0])} where {condition(key)}"
        if self.doors.may(relation, "delete"):
            yield f"delete from {name} where {condition(key)}"

    def _alike(self, relation: TableName) -> str | None:
        """Returns what gives an own row the values of another's, but for keys and owners, before it is written to."""
        table, subject = self._subject.table, self._subject
        if not (
            self.mine and self._others and subject.roles.may_disable_triggers and self.doors.may(relation, "select")
        ):
            return None
        if relation in subject.catalog.tables and relation != table.name:
            return None
        left_out = {*table.key_columns, *self.caller.principal.owners.columns}
        another = {name: value for name, value in self._others[0].items() if name not in left_out}
        changed = {name: value for name, value in another.items() if self.mine[0].get(name) != value}
        return past_guards(subject.update(self.mine[0], changed)) if changed else None

    def _borrowed(self, relation: TableName) -> Iterator[str]:
        """Yields writes of an own row, and of a new one, with the value of another's row in one column."""
        own = relation == self._subject.table.name
        if not self._others or not (own or relation not in self._subject.catalog.tables):
            return
        names = [*self._fresh] if own else self.doors.columns(relation)
        another, key, may = self._others[0], self._subject.table.primary_key, self.doors.may
        left_out = {*key, *self.caller.principal.owners.columns}
        borrowed = {name: another[name] for name in names if name in another and name not in left_out}
        given = {column: value for column, value in self._fresh.items() if column in names}
        for name, value in [*borrowed.items()][:BORROWED]:
            for row in self.mine[:1] if may(relation, "update") and may(relation, "select") else ():
                where = condition({column: row[column] for column in self._key(relation, row) if column in names})
                yield f"update {qualified(relation)} set {identifier(name)} = {literal(value)} where {where}"
            if may(relation, "insert"):
                yield Insert(relation, {**given, name: value}).sql

    def _key(self, relation: TableName, row: Values) -> Values:
        return self._subject.key(row, self._subject.catalog.tables.get(relation)) if row else {}

    def _actions(self) -> Iterator[Probe]:
        """Yields writes to rows above rows of others, where foreign keys pass them on."""
        subject = self._subject
        for path in paths(subject, subject.table):
            keys = [key for _, key in path]
            # Whose the rows of a table with policies are is said there.
            if subject.catalog.table(keys[-1].references).row_security:
                continue
            above, label = keys[-1].references, f"foreign key {keys[0].name} of {subject.table.name}"
            for row in self._others:
                parent = owner_row(subject, self.draft, row, OwnerColumn(path, "", ""))
                if not parent:
                    continue
                table = subject.catalog.table(above)
                key = subject.key(parent, table)
                passed_on = all(key.on_delete == "cascade" for key in keys[1:]) and keys[0].on_delete in ACTIONS
                if passed_on and self.doors.may(above, "delete"):
                    yield self._probe(label, [f"delete from {qualified(above)} where {condition(key)}"])
                if len(keys) == 1 and keys[0].on_update in ACTIONS and self.doors.may(above, "update"):
                    column = keys[0].referenced_columns[-1]
                    other = self.draft.other_value(above, column, parent)
                    yield self._probe(label, [Update(above, key, {column: other}).sql])
                break

    def _keys(self) -> Iterator[Probe]:
        """Yields inserts with a key of another's row: they are refused, and that tells that the row is there."""
        principal, table = self.caller.principal, self._subject.table
        if says(principal.may.insert, "false") or not self._others:
            return
        keys = self.doors.telling_keys(principal.owners.columns)
        for index in table.unique_keys:
            # What else it does is of a trigger.
            trigger = self.doors.written.get(table.name)
            if index.name in keys or trigger:
                row = {**self._fresh, **{name: self._others[0].get(name) for name in index.columns}}
                yield self._probe(trigger or f"unique key {index.name}", [Insert(table.name, row).sql])
