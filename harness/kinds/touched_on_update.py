"""touched_on_update"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import reject
from hypothesis import strategies as st

from harness.catalog.parts import TableRule
from harness.generation.draft import Draft
from harness.kinds._refused_by import unnoticed
from harness.kinds._updates import updatable, updates, why_none
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.probes import Accepted, Insert, Postcondition, Probe, Scenario, SqlStatement, Update
from harness.probes.statement import condition, identifier, qualified
from harness.project.keys import ColumnForm, boolean, choice, key, name
from harness.project.model import TableName, Values

PAST, FORGED, FUTURE = "2001-01-01 00:00:00+00", "2002-02-02 00:00:00+00", "2999-01-01 00:00:00+00"

_CLOCKS = {"clock_timestamp": "{0} > now() and {0} <= clock_timestamp()", "now": "{0} = now()"}
"""Whether a column was read from that clock, in the transaction that asks."""
_RECENT = "{0} >= now() - interval '1 second' and {0} <= clock_timestamp()"


@dataclass(frozen=True)
class TouchedOnUpdateKind(Kind):
    """The column is the moment of the last change, and nobody can forge it.

    ```yaml
    columns:
      updated_at: {type: timestamptz, touched_on_update: true}
      changed_at: {type: timestamptz, touched_on_update: {on_insert: true, by: clock_timestamp, trigger: orders_touch}}
    ```

    Proven: after an update it is now, where it was long ago before: of every column that may be updated, references and
    keys among them, each by itself or with the fewest others that rules tie to it, to another value and to NULL, and of
    all of them at once. What no rule lets change (`immutable`, generated columns, identities) is left out. A value that
    the UPDATE sends for it, past or future, does not win; with `on_insert`, neither does one that the INSERT sends.
    With `by: clock_timestamp` it is later than the beginning of the transaction, so that two updates in one transaction
    differ; with `by: now` it is that beginning.
    The row's past is made with triggers switched off, by a superuser or whoever was granted SET on the parameter
    session_replication_role: without one, that no value can be forged has to be proof enough.
    """

    column_form: ClassVar = ColumnForm(column="touched_on_update")
    about_triggers: ClassVar = True

    touched_on_update: str = key(name, "the column")
    on_insert: bool = key(boolean, "whether INSERT sets it too, whatever the client sends", default=False)
    by: str | None = key(choice(*_CLOCKS), "the clock it is read from, where it has to be that one", default=None)
    trigger: str | None = key(name, "the trigger that does it", default=None)

    @property
    def subject(self) -> str:
        return self.touched_on_update

    def declares(self, table: TableName) -> tuple[TableRule, ...]:
        return (TableRule("trigger", self.trigger),) if self.trigger else ()

    def facts(self, subject: Subject) -> Iterator[Fact]:
        subject.table.column(self.touched_on_update)
        if self.trigger is not None:
            yield subject.fires(self.trigger)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        table, column = subject.table.name, self.touched_on_update
        if not updatable(subject):
            raise Unreliable(why_none(subject))
        silent = subject.roles.may_disable_triggers

        def build(draft: Draft) -> Scenario:
            row = draft.insert(table)
            fresh = draft.row(table)
            key = subject.key(row)
            changes = list(updates(subject, draft, row, fresh))
            if not changes:
                reject()
            plain = changes[0][1]
            if subject.key(fresh) == key:  # nothing keeps them apart
                fresh |= plain
            past = Update(table, key, {column: PAST})
            setup: tuple[SqlStatement, ...] = (*draft.inserts, *(unnoticed(past) if silent else ()))
            probes = [self._moves(subject, key, change, name) for name, change in changes]
            probes += self._forged(subject, key, plain, fresh)
            return Scenario(setup, tuple(probes))

        return subject.scenarios(build)

    @property
    def _trigger(self) -> str:
        return f"{self.trigger}: " if self.trigger else ""

    def _moves(self, subject: Subject, key: Values, change: Values, name: str) -> Probe:
        beside = [other for other in change if other != name] if name in change else []
        words = f"{self._trigger}an update of {' and '.join([name, *beside])}"
        update = Update(subject.table.name, key, change)
        return Probe(update, Accepted(1), "moves", words, then=self._then(subject, {**key, **_of(key, change)}))

    def _forged(self, subject: Subject, key: Values, change: Values, fresh: Values) -> Iterator[Probe]:
        """What clients send for the column does not win."""
        table, column = subject.table.name, self.touched_on_update
        for value in (FORGED, FUTURE):
            forged = Update(table, key, {**change, column: value})
            then = self._then(subject, {**key, **_of(key, change)})
            words = f"{self._trigger}an update that says '{value}'"
            yield Probe(forged, Accepted(1), "forged by update", words, then=then)
            if self.on_insert:
                sent = Insert(table, {**fresh, column: value})
                words = f"{self._trigger}an insert that says '{value}'"
                then = self._then(subject, subject.key(fresh))
                yield Probe(sent, Accepted(1), "forged by insert", words, then=then)

    def _then(self, subject: Subject, key: Values) -> Postcondition:
        column = identifier(self.touched_on_update)
        # Of this transaction: not the past, not a value that was sent, and not later than this moment.
        read = {f"of {name}()": test for name, test in _CLOCKS.items()} if self.by else {"now": _RECENT}
        cases = " ".join(f"when {test.format(column)} then '{what}'" for what, test in read.items())
        found = f"select case {cases} else {column}::text end from {qualified(subject.table.name)}"
        expected = f"of {self.by}()" if self.by else "now"
        return Postcondition(f"{found} where {condition(key)}", expected, f"{self.touched_on_update} is")


def _of(key: Values, change: Values) -> dict[str, str | None]:
    """The part of a change that the key has."""
    return {name: value for name, value in change.items() if name in key}
