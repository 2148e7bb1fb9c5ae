"""Writes to a table that leave records in another, each with a look at what it left."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.catalog.model import ForeignKey, PrimaryKey, UniqueKey
from harness.generation.draft import Draft
from harness.kinds._changes import differs
from harness.kinds._records import Look, Occasion, Pair, Records
from harness.kinds._roads import upsert
from harness.kinds._updates import ordinary, updatable, updates
from harness.kinds.base import Subject, shorten
from harness.probes import Accepted, Delete, Execute, Postcondition, Probe, Statement, Update
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project import sql
from harness.project.model import NewRow, Values
from harness.solver.rules import Unfillable
from harness.values.candidates import sample

UNCHANGED = "nothing changed"
_OF_A_ROW = re.compile(r"\$(?:old|new|row)\s*\.\s*")


@dataclass(frozen=True)
class Writes:
    """Statements that write to the table; of ``on`` those that leave a record, by ``of`` and ``when`` not all."""

    subject: Subject
    records: Records
    on: tuple[str, ...]
    of: tuple[str, ...]
    when: str | None

    @cached_property
    def sides(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What ``when`` may be on a row alone, as predicates for rows that it speaks of and for others."""
        alone = _OF_A_ROW.sub("", self.when) if self.when else ""
        if not alone or sql.variables(alone):
            return (), ()
        sides = ((f"({alone}) is true",), (f"({alone}) is not true",))
        return self._drawn(sides[0]), self._drawn(sides[1])

    def _drawn(self, also: tuple[str, ...]) -> tuple[str, ...]:
        try:
            self.subject.pools.of(self.subject.table, also=also)
        except Unfillable:
            return ()
        return also

    def updates(self, draft: Draft, row: Values, other: Values, later: Sequence[Values]) -> Iterator[Probe]:
        """Each change to one row by itself, then one of them in two rows, and as an upsert."""
        table, key = self.subject.table, self.subject.key(row)
        residents = [row]
        if self.of or self.when:
            # A trigger may have something to change in a row as it is after an ordinary INSERT.
            residents += [other, draft.insert(table.name, ordinary(self.subject))]
        for resident in residents:
            for change in self._changes(draft, resident, later):
                update = Update(table.name, self.subject.key(resident), change)
                written = [(resident, {**resident, **change})]
                yield from self.probes("update", update, f"an update to {_set(change)}", written)
        plain = self._plain()
        change = self._for_both(plain, row, other, later) if plain is not None else {}
        if not change:
            return
        assignments = ", ".join(f"{identifier(column)} = {literal(value)}" for column, value in change.items())
        both = f"{condition(key)} or {condition(self.subject.key(other))}"
        update_both = Execute(f"update {qualified(table.name)} set {assignments} where {both}")
        changed = [(each, {**each, **change}) for each in (row, other)]
        value = f"an update of two rows to {_set(change)}"
        yield from self.probes("update", update_both, value, changed, "update of two")
        again = upsert(table, row, change)
        if again is not None:
            yield from self.probes("update", again, f"an upsert to {_set(change)}", changed[:1], "upsert")

    def unchanged(self, row: Values, leaves: str | None) -> Iterator[Probe]:
        """An update that changes nothing, if it is said what that leaves."""
        plain = self._plain()
        if leaves is not None and plain is not None:
            same = Update(self.subject.table.name, self.subject.key(row), {plain: row[plain]})
            silent = leaves == "none" or "update" not in self.on
            yield self._certain("update", same, "an update that changes nothing", [(row, row)], UNCHANGED, silent)

    def _changes(self, draft: Draft, row: Values, later: Sequence[Values]) -> Iterator[NewRow]:
        """What an update may set: columns one by one, and together those that rules tie together."""
        table = self.subject.table
        pools = self.subject.pools.of_changed_rows(table)
        tied = [pool.columns for pool in pools if len(pool.columns) > 1]
        single = [(column.name,) for column in table.columns]
        identifying = (each for each in table.constraints if isinstance(each, PrimaryKey | UniqueKey))
        keys = {column for each in identifying for column in each.columns}
        kept = keys | table.foreign_columns | self.subject.rewritten
        seen = []
        for columns, new in itertools.product([*single, *tied], later):
            told = (name for name in columns if name in new and differs(table.column(name), new[name], row[name]))
            change = {name: new[name] for name in told}
            if change and not kept & change.keys() and self.subject.may_update(change) and change not in seen:
                seen.append(change)
                yield change
        # A record of a row that has got another key is nothing that a trigger for whole statements can make.
        closed = set() if self.of else keys
        for _, change in updates(self.subject, draft, row, later[0]):
            if change not in seen and not closed & change.keys():
                seen.append(change)
                yield change

    def _for_both(self, plain: str, row: Values, other: Values, later: Sequence[Values]) -> NewRow:
        """A change of this column alone that is one for both rows."""
        column = self.subject.table.column(plain)
        ruled = any(plain in pool.columns for pool in self.subject.pools.of_changed_rows(self.subject.table))
        values = (*(each[plain] for each in later if plain in each), *(() if ruled else sample(column, 3)))
        both = [value for value in values if all(differs(column, value, each[plain]) for each in (row, other))]
        return {plain: both[0]} if both else {}

    def _plain(self) -> str | None:
        """A column that an update can change by itself, one of ``of`` if there is such a one."""
        table = self.subject.table
        bound = {column for each in table.constraints for column in each.columns} | self.subject.rewritten
        free = [column.name for column in table.columns if column.is_supplied and not column.identity]
        found = [name for name in free if name not in bound]
        return next(iter([*(name for name in self.of if name in found), *found]), None)

    def deletes(self, row: Values, other: Values) -> Iterator[Probe]:
        table, key = self.subject.table, self.subject.key(row)
        for each in (row, other) if self.when else (row,):
            delete = Delete(table.name, self.subject.key(each))
            yield from self.probes("delete", delete, "a delete", [(each, None)])
        both = f"{condition(key)} or {condition(self.subject.key(other))}"
        of_both = Execute(f"delete from {qualified(table.name)} where {both}")
        gone: list[Pair] = [(row, None), (other, None)]
        yield from self.probes("delete", of_both, "a delete of two rows", gone, "delete of two")

    def from_above(self, constraint: ForeignKey, row: Values) -> Iterator[Probe]:
        """The parent goes, and the row with it, or its reference."""
        parent = self.subject.catalog.table(constraint.references)
        delete = Delete(parent.name, constraint.referenced(row))
        touched = constraint.on_delete_columns or constraint.columns
        value = f"the end of its {parent.name}"
        if parent.name == self.subject.table.name or any(row[column] is None for column in constraint.columns):
            return
        if constraint.on_delete == "cascade":
            yield from self.probes("delete", delete, value, [(row, None)], value)
        elif constraint.on_delete == "set null":
            left: Values = {**row, **dict.fromkeys(touched)}
            yield from self.probes("update", delete, value, [(row, left)], value)

    def probes(
        self, command: str, statement: Statement, value: str, written: Sequence[Pair], aspect: str | None = None
    ) -> Iterator[Probe]:
        """A statement that writes these rows, and the records expected of it: one for each, or none.

        Where that hangs on the row as it is stored, both are tried, and the server says which of them it is about.
        """
        of = self.of if command == "update" else ()
        if command not in self.on or not (of or self.when):
            yield self._certain(command, statement, value, written, aspect, command not in self.on)
            return
        for leaves in (True, False):
            occasion = Occasion(of, self.when, leaves)
            look = Look(self.subject, self.records, command, written, occasion)
            changed = isinstance(statement, Update) and of and not {*of} & {*statement.set}
            words = _words(len(written) if leaves else 0) + (
                f" ({', '.join(of)} changed)" if changed and leaves else ""
            )
            idle = "nothing changed that leaves a record" if leaves else "each of them left a record"
            then = Postcondition(look.after(words, idle), words, f"records in {self.records.table}", idle)
            required = aspect is None and (leaves or self._leaves_none(command))
            of_aspect = (aspect or command) if leaves else f"{aspect or command} that leaves none"
            yield self._probe(statement, written, of_aspect, value, look, then, required)

    def _leaves_none(self, command: str) -> bool:
        """Whether there have to be writes by this command that leave no record."""
        if command != "update":
            return bool(self.when and self.sides[1])
        return bool(self.when or {*updatable(self.subject)} - {*self.of})

    def _certain(
        self,
        command: str,
        statement: Statement,
        value: str,
        written: Sequence[Pair],
        aspect: str | None,
        silent: bool,
    ) -> Probe:
        expected = 0 if silent else len(written)
        look = Look(self.subject, self.records, command, written, Occasion((), None, not silent))
        # Another rule may refuse the command: what is audited is what was done.
        required = (aspect is None and expected > 0) or aspect == UNCHANGED
        then = Postcondition(look.after(_words(expected), ""), _words(expected), f"records in {self.records.table}")
        return self._probe(statement, written, aspect or command, value, look, then, required)

    def _probe(
        self,
        statement: Statement,
        written: Sequence[Pair],
        aspect: str,
        value: str,
        look: Look,
        then: Postcondition,
        required: bool,
    ) -> Probe:
        return Probe(
            statement,
            Accepted(len(written)),
            aspect,
            value,
            then=then,
            before=look.before(),
            required=required,
            answers_for=(self.records.table,),
        )


def _words(count: int) -> str:
    return "none" if count == 0 else "1, as it says" if count == 1 else f"{count}, as they say"


def _set(values: Values) -> str:
    return ", ".join(f"{column} = {shorten(value)}" for column, value in values.items())
