"""touched_on_update"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st

from harness.catalog.parts import Part
from harness.generation import Draft
from harness.kinds._refused_by import unnoticed
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.probes import Accepted, Insert, Probe, Scenario, Statement, Then, Update
from harness.probes.statement import condition, identifier, qualified
from harness.project.keys import ColumnForm, boolean, key, name
from harness.project.model import TableName

PAST, FORGED, FUTURE = "2001-01-01 00:00:00+00", "2002-02-02 00:00:00+00", "2999-01-01 00:00:00+00"


@dataclass(frozen=True)
class TouchedOnUpdate(Kind):
    """The column is the moment of the last change, and nobody can forge it.

    ```yaml
    columns:
      updated_at: {type: timestamptz, touched_on_update: true}
      changed_at: {type: timestamptz, touched_on_update: {on_insert: true, trigger: orders_touch}}
    ```

    Proven: after an update of another column it is now, where it was long ago before; a value that the UPDATE sends
    for it, past or future, does not win; with `on_insert`, neither does one that the INSERT sends.
    The row's past is made with triggers switched off. Only a superuser may do that: without one, that no value can be
    forged has to be proof enough.
    """

    column_form: ClassVar = ColumnForm(column="touched_on_update")
    about_triggers: ClassVar = True

    touched_on_update: str = key(name, "the column")
    on_insert: bool = key(boolean, "whether INSERT sets it too, whatever the client sends", default=False)
    trigger: str | None = key(name, "the trigger that does it", default=None)

    @property
    def subject(self) -> str:
        return self.touched_on_update

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return (Part("trigger", self.trigger),) if self.trigger else ()

    def facts(self, subject: Subject) -> Iterator[Fact]:
        subject.table.column(self.touched_on_update)
        if self.trigger is not None:
            yield subject.fires(self.trigger)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        table, column = subject.table.name, self.touched_on_update
        touched = self._other_column(subject)
        superuser = subject.roles.is_superuser(subject.roles.current)

        def build(draft: Draft) -> Scenario:
            row = draft.insert(table)
            fresh = draft.row(table)
            key = subject.key(row)
            if subject.key(fresh) == key:  # nothing keeps them apart
                fresh[touched] = draft.value(table, touched, row)
            change = {touched: draft.value(table, touched, row)}
            past = Update(table, key, {column: PAST})
            setup: tuple[Statement, ...] = (*draft.inserts, *(unnoticed(past) if superuser else ()))
            moved = self._then(subject, {name: change.get(name, value) for name, value in key.items()})
            trigger = f"{self.trigger}: " if self.trigger else ""
            probes = [
                Probe(Update(table, key, change), Accepted(1), "moves", f"{trigger}an update of {touched}", then=moved)
            ]
            for value in (FORGED, FUTURE):
                forged = Update(table, key, {**change, column: value})
                words = f"{trigger}an update that says '{value}'"
                probes.append(Probe(forged, Accepted(1), "forged by update", words, then=moved))
                if self.on_insert:
                    sent = Insert(table, {**fresh, column: value})
                    then = self._then(subject, subject.key(fresh))
                    words = f"{trigger}an insert that says '{value}'"
                    probes.append(Probe(sent, Accepted(1), "forged by insert", words, then=then))
            return Scenario(setup, tuple(probes))

        return subject.scenarios(build)

    def _then(self, subject: Subject, key: dict[str, str | None]) -> Then:
        column = identifier(self.touched_on_update)
        # Of this transaction: not the past, not a value that was sent, and not later than this moment.
        now = f"{column} >= now() - interval '1 second' and {column} <= clock_timestamp()"
        found = f"select case when {now} then 'now' else {column}::text end from {qualified(subject.table.name)}"
        return Then(f"{found} where {condition(key)}", "now", f"{self.touched_on_update} is")

    def _other_column(self, subject: Subject) -> str:
        """A column that an update can change without a key, a reference or a generated column having its say."""
        table = subject.table
        bound = {column for constraint in table.constraints if constraint.type != "c" for column in constraint.columns}
        bound |= {column for index in table.unique_keys for column in index.columns}
        free = [
            column
            for column in table.columns
            if column.name not in bound | subject.rewritten and column.is_supplied and not column.identity
        ]
        if not free:
            raise Unreliable(f"{table.name} has no column that an update could change")
        # Texts first: a new value for them is always found.
        return min(free, key=lambda column: (column.base_name != "text", column.is_json)).name
