"""Writes to a table that leave records in another table, each with the records expected of it.

Decides how many records a write has to leave: one for each row, or none.
Not here: the counting on the server (``records.py``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from harness.catalog.model import ForeignKey, PrimaryKey, UniqueKey
from harness.kinds.audited_parts.records import Comparison, Occasion, Records, RowChange
from harness.kinds.base import Draft, NewRow, Subject, Values, condition, qualified, shorten
from harness.kinds.toolkit.changes import defaults, differs, pools_of, updatable, updates
from harness.kinds.toolkit.statements import assigned, upserts
from harness.probes import Accepted, Delete, Execute, Postcondition, Probe, SqlStatement, Update
from harness.project import sql
from harness.values.candidates import sample

UNCHANGED = "nothing changed"
_OF_A_ROW = re.compile(r"\$(?:old|new|row)\s*\.\s*")


@dataclass(frozen=True)
class AuditedWrites:
    """Statements that write to the table; those of the commands ``on`` leave a record, as ``of`` and ``when`` say."""

    subject: Subject
    records: Records
    on: tuple[str, ...]
    of: tuple[str, ...]
    when: str | None

    @cached_property
    def sides(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Predicates of rows for which ``when`` is true, and of other rows; empty if ``when`` compares two states."""
        alone = _OF_A_ROW.sub("", self.when) if self.when else ""
        if not alone or sql.variables(alone):
            return (), ()
        inside, outside = (f"({alone}) is true",), (f"({alone}) is not true",)
        can = self.subject.can_have_rows
        return inside if can(inside) else (), outside if can(outside) else ()

    def updates(self, draft: Draft, row: Values, other: Values, later: Sequence[Values]) -> Iterator[Probe]:
        """Yields each change of one row, then one change of two rows, and as an upsert."""
        table, subject = self.subject.table, self.subject
        residents = [row]
        if self.of or self.when:
            # A trigger may change a row that has only defaults.
            residents += [other, draft.insert(table.name, defaults(subject))]
        for resident in residents:
            for change in self._changes(draft, resident, later):
                update = subject.update(resident, change)
                written = [(resident, {**resident, **change})]
                yield from self.probes("update", update, f"an update to {_set(change)}", written)
        change = self._for_both(row, other, later)
        if not change:
            return
        update_both = Execute(f"update {qualified(table.name)} set {assigned(change)} where {self._both(row, other)}")
        changed = [(each, {**each, **change}) for each in (row, other)]
        value = f"an update of two rows to {_set(change)}"
        yield from self.probes("update", update_both, value, changed, "update of two")
        for again in upserts(table, row, change):
            yield from self.probes("update", again, f"an upsert to {_set(change)}", changed[:1], "upsert")

    def _both(self, row: Values, other: Values) -> str:
        return f"{condition(self.subject.key(row))} or {condition(self.subject.key(other))}"

    def unchanged(self, row: Values, leaves: str | None) -> Iterator[Probe]:
        """Yields an update that changes nothing, if the check says what it leaves."""
        plain = self._plain
        if leaves is not None and plain is not None:
            same = self.subject.update(row, {plain: row[plain]})
            records = 1 if leaves == "one" and "update" in self.on else 0
            yield self._certain("update", same, "an update that changes nothing", [(row, row)], UNCHANGED, records)

    def _changes(self, draft: Draft, row: Values, later: Sequence[Values]) -> Iterator[NewRow]:
        """Yields what an update may set: each column alone, and columns that rules tie together."""
        table = self.subject.table
        tied = [pool.columns for pool in self.subject.pools.of_changed_rows(table) if len(pool.columns) > 1]
        identifying = (each for each in table.constraints if isinstance(each, PrimaryKey | UniqueKey))
        keys = {column for each in identifying for column in each.columns}
        kept = keys | table.foreign_columns | self.subject.rewritten
        seen = []
        for columns, new in itertools.product([*((column.name,) for column in table.columns), *tied], later):
            differing = (name for name in columns if name in new and differs(table.column(name), new[name], row[name]))
            change = {name: new[name] for name in differing}
            if change and not kept & change.keys() and self.subject.may_update(change) and change not in seen:
                seen.append(change)
                yield change
        # A trigger for whole statements cannot record a row that gets another key.
        closed = set() if self.of else keys
        for _, change in updates(self.subject, draft, row, later[0]):
            if change not in seen and not closed & change.keys():
                seen.append(change)
                yield change

    def _for_both(self, row: Values, other: Values, later: Sequence[Values]) -> NewRow:
        """Returns a change of one column that changes both rows."""
        plain = self._plain
        if plain is None:
            return {}
        column = self.subject.table.column(plain)
        ruled = pools_of(self.subject, self.subject.table, plain)
        values = (*(each[plain] for each in later if plain in each), *(() if ruled else sample(column, 3)))
        both = [value for value in values if all(differs(column, value, each[plain]) for each in (row, other))]
        return {plain: both[0]} if both else {}

    @property
    def _plain(self) -> str | None:
        """A column that an update can change by itself, at best one of ``of``."""
        table = self.subject.table
        bound = {column for each in table.constraints for column in each.columns} | self.subject.rewritten
        free = [column.name for column in table.columns if column.is_supplied and not column.identity]
        found = [name for name in free if name not in bound]
        return next(iter([*(name for name in self.of if name in found), *found]), None)

    def deletes(self, row: Values, other: Values) -> Iterator[Probe]:
        table = self.subject.table
        for each in (row, other) if self.when else (row,):
            yield from self.probes("delete", self.subject.delete(each), "a delete", [(each, None)])
        delete_both = Execute(f"delete from {qualified(table.name)} where {self._both(row, other)}")
        gone: list[RowChange] = [(row, None), (other, None)]
        yield from self.probes("delete", delete_both, "a delete of two rows", gone, "delete of two")

    def from_above(self, constraint: ForeignKey, row: Values) -> Iterator[Probe]:
        """Yields the deletion of a parent, which deletes the row or sets its foreign key to NULL."""
        parent = self.subject.catalog.table(constraint.references)
        delete = Delete(parent.name, constraint.referenced(row))
        value = f"the end of its {parent.name}"
        if parent.name == self.subject.table.name or any(row[column] is None for column in constraint.columns):
            return
        if constraint.on_delete == "cascade":
            yield from self.probes("delete", delete, value, [(row, None)], value)
        elif constraint.on_delete == "set null":
            yield from self.probes(
                "update", delete, value, [(row, {**row, **dict.fromkeys(constraint.cleared)})], value
            )

    def probes(
        self, command: str, statement: SqlStatement, value: str, written: Sequence[RowChange], aspect: str | None = None
    ) -> Iterator[Probe]:
        """Yields a statement that writes these rows, with the records expected of it: one for each row, or none.

        Where that depends on the stored row, both are tried, and the server decides which of the two probes counts.
        """
        of = self.of if command == "update" else ()
        if command not in self.on or not (of or self.when):
            yield self._certain(command, statement, value, written, aspect, len(written) if command in self.on else 0)
            return
        for leaves in (True, False):
            comparison = Comparison(self.subject, self.records, command, written, Occasion(of, self.when, leaves))
            changed = isinstance(statement, Update) and of and not {*of} & {*statement.set}
            words = _words(len(written) if leaves else 0) + (
                f" ({', '.join(of)} changed)" if changed and leaves else ""
            )
            idle = "nothing changed that leaves a record" if leaves else "each of them left a record"
            of_aspect = (aspect or command) if leaves else f"{aspect or command} that leaves none"
            probe = self._probe(statement, of_aspect, value, comparison, words, idle)
            yield replace(probe, required=aspect is None and (leaves or self._must_leave_none(command)))

    def _must_leave_none(self, command: str) -> bool:
        """Whether some writes by this command have to leave no record."""
        if command != "update":
            return bool(self.when and self.sides[1])
        return bool(self.when or {*updatable(self.subject)} - {*self.of})

    def _certain(
        self,
        command: str,
        statement: SqlStatement,
        value: str,
        written: Sequence[RowChange],
        aspect: str | None,
        records: int,
    ) -> Probe:
        """Returns a statement that leaves this number of records, whatever the rows are."""
        comparison = Comparison(self.subject, self.records, command, written, Occasion((), None, leaves=records > 0))
        # Another rule may refuse the command: only what was done is audited.
        required = (aspect is None and records > 0) or aspect == UNCHANGED
        return replace(self._probe(statement, aspect or command, value, comparison, _words(records)), required=required)

    def _probe(
        self,
        statement: SqlStatement,
        aspect: str,
        value: str,
        comparison: Comparison,
        words: str,
        idle: str | None = None,
    ) -> Probe:
        """Returns a statement, and that the records which it leaves are as the ``words`` say."""
        then = Postcondition(comparison.after(words, idle or ""), words, f"records in {self.records.table}", idle)
        accepted, before = Accepted(len(comparison.written)), comparison.before()
        return Probe(statement, accepted, aspect, value, then=then, before=before, not_masked_by=(self.records.table,))


def _words(count: int) -> str:
    return "none" if count == 0 else "1, as it says" if count == 1 else f"{count}, as they say"


def _set(values: Values) -> str:
    return ", ".join(f"{column} = {shorten(value)}" for column, value in values.items())
