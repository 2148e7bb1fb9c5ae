"""audited"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import strategies as st

from harness.catalog.model import Constraint, Table
from harness.catalog.parts import Part
from harness.generation import Draft
from harness.generation.candidates import sample
from harness.kinds._changes import differs
from harness.kinds._records import VARIABLES, Look, Pair, Records
from harness.kinds._roads import present, upsert
from harness.kinds.base import Fact, Kind, Subject, shorten
from harness.kinds.owners.askers import (
    as_key,
    asked,
    askers,
    check_keys,
    claims_key,
    drawn_for,
    known,
    named,
    sees_key,
    variables_key,
)
from harness.probes import Accepted, Delete, Execute, Insert, Probe, Scenario, Statement, Then, Update, Values
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project import keys
from harness.project.keys import FrozenDict, choice, key, names, predicate_of, several
from harness.project.model import TableName

COMMANDS = ("insert", "update", "delete")
UNCHANGED = "nothing changed"
TWO = ("update of two", "delete of two")


@dataclass(frozen=True)
class Audited(Kind):
    """Whoever writes to the table leaves a record of it in another.

    ```yaml
    - audited: shop.audit_log
      on: [insert, update, delete]
      where: entity = 'ORDER'             # the records that are about this table; by default all
      row: >-
        entity_id = $row.id and action = $command
        and before_state is not distinct from to_jsonb($old)
        and after_state is not distinct from to_jsonb($new)
      unchanged: none
      trigger: orders_audit
    ```

    `row` is a predicate on the record; `$old` and `$new` are the written row before and after, as the table holds it
    (NULL where there is none), `$row` is the new one or else the old, `$command` is `insert`, `update` or `delete`;
    PostgreSQL evaluates it. Proven: each of the commands under `on`, with one row and with several, by an upsert
    and by what a parent's end does to the row, leaves exactly one record for each row, and it is as `row` says; other
    commands leave none. `unchanged` says whether an update that changes nothing leaves one; not said, it is not tried.
    With `as` it is these roles that write, with `claims`, each one row that it reaches.
    """

    about_triggers: ClassVar = True

    audited: TableName = key(keys.table, "the table that holds the records")
    row: str = key(
        predicate_of(*VARIABLES), "what a record says, as an SQL predicate with $old, $new, $row and $command"
    )
    on: tuple[str, ...] = key(several(choice(*COMMANDS)), "the commands that leave a record", default=COMMANDS)
    where: str | None = key(predicate_of(), "the records that are about this table", default=None)
    unchanged: str | None = key(choice("none", "one"), "what an update leaves that changes nothing", default=None)
    trigger: tuple[str, ...] = key(names, "the triggers that do it", default=())
    as_: tuple[str, ...] = as_key()
    claims: FrozenDict[Any] | None = claims_key()
    variables: FrozenDict[str] | None = variables_key()
    sees: str | None = sees_key()

    @property
    def subject(self) -> str:
        return f"{self.audited} on {', '.join(self.on)}"

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return tuple(Part("trigger", name) for name in self.trigger)

    def __post_init__(self) -> None:
        check_keys(self)

    def roles(self) -> tuple[str, ...]:
        return named(self)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        subject.catalog.table(self.audited)
        for trigger in self.trigger:
            yield subject.fires(trigger)
        yield from known(self, subject)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        subject.catalog.table(self.audited)
        table = subject.table

        asking = askers(self, subject)
        there = present(table, subject.pools.of(table))

        def build(draft: Draft) -> Scenario:
            fixed, theirs = drawn_for(asking, draft)
            row = draft.insert(table.name, fixed, (*there, *theirs))
            other = draft.insert(table.name, present=there)
            fixed, _ = drawn_for(asking, draft)
            fresh = draft.row(table.name, fixed, (*there, *theirs))
            writes = _Writes(self, subject, Records(self.audited, self.row, self.where))
            insert = writes.probe("insert", Insert(table.name, fresh), "an insert", [(None, fresh)])
            probes = [*asked(asking, draft, fresh, [insert], stands=False)]
            changes = [*writes.updates(row, other, [fresh, draft.grown(table.name, {})]), *writes.deletes(row, other)]
            # Whoever reaches one row may not reach another, or what is above it.
            probes += asked(asking, draft, row, [each for each in changes if not asking or each.aspect not in TWO])
            for constraint in () if asking else table.of_type("f"):
                probes += writes.from_above(subject.catalog.table(_parent(constraint)), constraint, row)
            return Scenario(tuple(draft.inserts), tuple(probes))

        return subject.scenarios(build)


@dataclass(frozen=True)
class _Writes:
    """Statements that write to the table, each with a look at what it left."""

    check: Audited
    subject: Subject
    records: Records

    def updates(self, row: Values, other: Values, later: Sequence[Values]) -> Iterator[Probe]:
        """Each change to one row by itself, then one of them in two rows, and as an upsert."""
        table, key = self.subject.table, self.subject.key(row)
        changes = list(self._changes(row, later))
        for change in changes:
            update = Update(table.name, key, change)
            yield self.probe("update", update, f"an update to {_set(change)}", [(row, {**row, **change})])
        plain = self._plain()
        if self.check.unchanged is not None and plain is not None:
            same = Update(table.name, key, {plain: row[plain]})
            none = self.check.unchanged == "none"
            yield self.probe("update", same, "an update that changes nothing", [(row, row)], none, UNCHANGED)
        change = self._for_both(plain, row, other, later) if plain is not None else {}
        if not change:
            return
        assignments = ", ".join(f"{identifier(column)} = {literal(value)}" for column, value in change.items())
        both = f"{condition(key)} or {condition(self.subject.key(other))}"
        update_both = Execute(f"update {qualified(table.name)} set {assignments} where {both}")
        changed = [(each, {**each, **change}) for each in (row, other)]
        value = f"an update of two rows to {_set(change)}"
        yield self.probe("update", update_both, value, changed, aspect="update of two")
        again = upsert(table, row, change)
        if again is not None:
            yield self.probe("update", again, f"an upsert to {_set(change)}", changed[:1], aspect="upsert")

    def _changes(self, row: Values, later: Sequence[Values]) -> Iterator[dict[str, str | None]]:
        """What an update may set: columns one by one, and together those that rules tie together."""
        table = self.subject.table
        pools = self.subject.pools.of(table, born=False)
        tied = [pool.columns for pool in pools if len(pool.columns) > 1]
        single = [(column.name,) for column in table.columns]
        kept = {column for each in table.constraints if each.type in "pu" for column in each.columns}
        kept |= {column for each in table.of_type("f") for column in each.columns} | self.subject.rewritten
        seen = []
        for columns, new in itertools.product([*single, *tied], later):
            told = (name for name in columns if name in new and differs(table.column(name), new[name], row[name]))
            change = {name: new[name] for name in told}
            if change and not kept & change.keys() and self.subject.may_update(change) and change not in seen:
                seen.append(change)
                yield change

    def _for_both(self, plain: str, row: Values, other: Values, later: Sequence[Values]) -> dict[str, str | None]:
        """A change of this column alone that is one for both rows."""
        table = self.subject.table
        column = table.column(plain)
        ruled = any(plain in pool.columns for pool in self.subject.pools.of(table, born=False))
        values = (*(each[plain] for each in later if plain in each), *(() if ruled else sample(column, 3)))
        both = [value for value in values if all(differs(column, value, each[plain]) for each in (row, other))]
        return {plain: both[0]} if both else {}

    def _plain(self) -> str | None:
        """A column that an update can change by itself."""
        table = self.subject.table
        bound = {column for each in table.constraints for column in each.columns} | self.subject.rewritten
        free = (column for column in table.columns if column.is_supplied and not column.identity)
        return next((column.name for column in free if column.name not in bound), None)

    def deletes(self, row: Values, other: Values) -> Iterator[Probe]:
        table, key = self.subject.table, self.subject.key(row)
        yield self.probe("delete", Delete(table.name, key), "a delete", [(row, None)])
        both = f"{condition(key)} or {condition(self.subject.key(other))}"
        delete = Execute(f"delete from {qualified(table.name)} where {both}")
        yield self.probe("delete", delete, "a delete of two rows", [(row, None), (other, None)], aspect="delete of two")

    def from_above(self, parent: Table, constraint: Constraint, row: Values) -> Iterator[Probe]:
        """The parent goes, and the row with it, or its reference."""
        pairs = list(zip(constraint.columns, constraint.referenced_columns, strict=True))
        delete = Delete(parent.name, {referenced: row[column] for column, referenced in pairs})
        touched = constraint.on_delete_columns or constraint.columns
        value = f"the end of its {parent.name}"
        if parent.name == self.subject.table.name or any(row[column] is None for column in constraint.columns):
            return
        if constraint.on_delete == "cascade":
            yield self.probe("delete", delete, value, [(row, None)], aspect=value)
        elif constraint.on_delete == "set null":
            left: Values = {**row, **dict.fromkeys(touched)}
            yield self.probe("update", delete, value, [(row, left)], aspect=value)

    def probe(
        self,
        command: str,
        statement: Statement,
        value: str,
        written: Sequence[Pair],
        silent: bool = False,
        aspect: str | None = None,
    ) -> Probe:
        """A statement that writes these rows, and the records wanted of it: one for each, or none."""
        wanted = len(written) if command in self.check.on and not silent else 0
        look = Look(self.subject, self.records, command, written)
        # Another rule may refuse the command: what is audited is what was done.
        required = (aspect is None and wanted > 0) or aspect == UNCHANGED
        words = "none" if wanted == 0 else "1, as it says" if wanted == 1 else f"{wanted}, as they say"
        then = Then(look.after(wanted, words), words, f"records in {self.records.table}")
        accepted, aspect = Accepted(len(written)), aspect or command
        return Probe(
            statement,
            accepted,
            aspect,
            value,
            then=then,
            before=look.before(),
            required=required,
            answers_for=(self.records.table,),
        )


def _parent(constraint: Constraint) -> TableName:
    assert constraint.references is not None
    return constraint.references


def _set(values: Values) -> str:
    return ", ".join(f"{column} = {shorten(value)}" for column, value in values.items())
