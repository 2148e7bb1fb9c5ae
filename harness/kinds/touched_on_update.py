"""touched_on_update"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import reject

from harness.kinds.base import (
    Draft,
    Fact,
    Kind,
    ScenarioStrategy,
    Subject,
    Table,
    TableRule,
    Unreliable,
    Values,
    condition,
    identifier,
    qualified,
)
from harness.kinds.toolkit.changes import updatable, updates, why_none
from harness.kinds.toolkit.statements import without_triggers
from harness.probes import Accepted, Insert, Postcondition, Probe, Scenario, SqlStatement, Update
from harness.project.keys import ColumnForm, boolean, choice, key, name

PAST, FORGED, FUTURE = "2001-01-01 00:00:00+00", "2002-02-02 00:00:00+00", "2999-01-01 00:00:00+00"

_CLOCKS = {"clock_timestamp": "{0} > now() and {0} <= clock_timestamp()", "now": "{0} = now()"}
"""Conditions: a column was read from that clock, in this transaction."""
_RECENT = "{0} >= now() - interval '1 second' and {0} <= clock_timestamp()"


@dataclass(frozen=True)
class TouchedOnUpdateKind(Kind):
    """The column is the time of the last change, and no statement can set another one.

    ```yaml
    columns:
      updated_at: {type: timestamptz, touched_on_update: true}
      changed_at: {type: timestamptz, touched_on_update: {on_insert: true, by: clock_timestamp, trigger: orders_touch}}
    ```

    Proven: the column is long past before an update, and now after it. Every column that may be updated is tried, keys
    and references as well: each by itself or with as few others as the rules need, to another value and to NULL, and
    all of them at once. Columns that cannot change (`immutable`, generated columns, identities) are left out. A value
    that the UPDATE sends for the column, past or future, is replaced; with `on_insert`, so is a value that the INSERT
    sends. With `by: clock_timestamp` the time is later than the start of the transaction, so that two updates in one
    transaction differ; with `by: now` it is that start.

    The past value is written with triggers switched off. That takes a superuser, or a role with SET on the parameter
    session_replication_role: without one, only the values that statements send are tried.
    """

    column_form = ColumnForm(column="touched_on_update")
    about_triggers = True

    touched_on_update: str = key(name, "the column")
    on_insert: bool = key(boolean, "whether INSERT sets it too, whatever the client sends", default=False)
    by: str | None = key(choice(*_CLOCKS), "the clock it is read from, where it has to be that one", default=None)
    trigger: str | None = key(name, "the trigger that does it", default=None)

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return (TableRule("trigger", self.trigger),) if self.trigger else ()

    def facts(self, subject: Subject) -> Iterator[Fact]:
        subject.table.column(self.touched_on_update)
        if self.trigger is not None:
            yield subject.fires(self.trigger)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
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
            if subject.key(fresh) == key:  # the two rows have the same values otherwise
                fresh |= plain
            past = subject.update(row, {column: PAST})
            setup: tuple[SqlStatement, ...] = (*draft.inserts, *(without_triggers(past) if silent else ()))
            probes = [self._moves(subject, key, change, name) for name, change in changes]
            probes += self._forged(subject, key, plain, fresh)
            return Scenario(setup, tuple(probes))

        return subject.scenarios(build)

    @property
    def _trigger(self) -> str:
        return f"{self.trigger}: " if self.trigger else ""

    def _moves(self, subject: Subject, key: Values, change: Values, name: str) -> Probe:
        others = [other for other in change if other != name] if name in change else []
        words = f"{self._trigger}an update of {' and '.join([name, *others])}"
        update = Update(subject.table.name, key, change)
        return Probe(update, Accepted(1), "moves", words, then=self._then(subject, _changed(key, change)))

    def _forged(self, subject: Subject, key: Values, change: Values, fresh: Values) -> Iterator[Probe]:
        """Yields statements that send a value for the column: it is replaced."""
        table, column = subject.table.name, self.touched_on_update
        for value in (FORGED, FUTURE):
            forged = Update(table, key, {**change, column: value})
            then = self._then(subject, _changed(key, change))
            words = f"{self._trigger}an update that says '{value}'"
            yield Probe(forged, Accepted(1), "forged by update", words, then=then)
            if self.on_insert:
                words = f"{self._trigger}an insert that says '{value}'"
                then = self._then(subject, subject.key(fresh))
                yield Probe(Insert(table, {**fresh, column: value}), Accepted(1), "forged by insert", words, then=then)

    def _then(self, subject: Subject, key: Values) -> Postcondition:
        column = identifier(self.touched_on_update)
        read = [column]
        if subject.table.column(self.touched_on_update).base_name == "timestamp":
            # Which time zone it is written in, nothing says.
            read.append(f"({column} at time zone 'utc')")
        # A time of this transaction: not the past, not a value that was sent, and not later than now.
        clocks = {f"of {name}()": test for name, test in _CLOCKS.items()} if self.by else {"now": _RECENT}
        tests = {what: " or ".join(test.format(each) for each in read) for what, test in clocks.items()}
        cases = " ".join(f"when {test} then '{what}'" for what, test in tests.items())
        found = f"select case {cases} else {column}::text end from {qualified(subject.table.name)}"
        expected = f"of {self.by}()" if self.by else "now"
        return Postcondition(f"{found} where {condition(key)}", expected, f"{self.touched_on_update} is")


def _changed(key: Values, change: Values) -> Values:
    """Returns the key after a change."""
    return {name: change.get(name, value) for name, value in key.items()}
