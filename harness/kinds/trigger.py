"""trigger"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from harness.catalog.model import Trigger
from harness.kinds.base import (
    Draft,
    Fact,
    Kind,
    ScenarioStrategy,
    Subject,
    TableName,
    column_list,
    identifier,
    qualified,
)
from harness.kinds.toolkit.changes import change_of
from harness.probes import Execute, Insert, Probe, Refused, SqlStatement, Works
from harness.project.keys import choice, key, name, names, predicate, several, text

EVENTS = ("insert", "update", "delete", "truncate")
CONSTRAINT = ("not deferrable", "deferrable", "deferred")


@dataclass(frozen=True)
class TriggerKind(Kind):
    """A trigger whose effect no other check declares.

    ```yaml
    - trigger: orders_count
      on: [insert, delete]
      timing: after
      level: row
      function: shop.count_orders
    ```

    Looked up in the catalog, so that the check is *present*: the trigger exists, is enabled, fires as declared (`on`,
    `timing`, `level`, `of`, `when`) and calls `function` with these `arguments`. Its effect is not tried: the trigger
    is opaque, and `harness coverage` counts it separately. If `touched_on_update`, `audited`, `immutable`, `locked` or
    `transition` can declare the effect, use that kind instead of `trigger`.

    What is tried is that it works, on drawn rows. The check is *broken* if the function names what is not there
    (`42703: record "new" has no field "updated_at"`), or if it can read the values of no row (22P02). A trigger may
    refuse by RAISE, and by a rule of a table that it writes to.

    A row that an opaque trigger refuses, by any error in its function, shows nothing about other rules of the table. A
    row whose outcome differs from what a rule expects is tried again with the trigger switched off: if it is as
    expected then, the check of that rule is unreliable, and not broken. Where a named constraint or a NOT NULL refuses
    it then, and the trigger had refused it first or changed it, the check is proved, and a note names the trigger. A
    trigger without any check, which `declared` reports, leaves it unreliable.
    """

    trigger: str = key(name, "the name of the trigger")
    on: tuple[str, ...] = key(several(choice(*EVENTS)), "the commands that it fires for")
    timing: str = key(choice("before", "after"), "whether it fires before the row is written or after")
    function: str = key(text, "the function that it calls, with its schema")
    level: str = key(choice("row", "statement"), "whether it fires for each row or once a statement", default="row")
    of: tuple[str, ...] = key(names, "the columns whose update it fires for, if not all", default=())
    when: str | None = key(predicate, "the condition under which it fires, on OLD and NEW", default=None)
    arguments: str = key(text, "the arguments of the function, as SQL literals", default="")
    constraint: str | None = key(choice(*CONSTRAINT), "that it is a constraint trigger, and which one", default=None)

    def __post_init__(self) -> None:
        if self.of and "update" not in self.on:
            raise ValueError("'of' names columns of an update, and 'on' has no update")

    at_best_present = True
    leaves_out = True
    drawn = 20

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (Refused((), triggers=(self.trigger,)),)

    def opaque(self) -> tuple[str, ...]:
        return (self.trigger,)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = subject.table.trigger(self.trigger)
        yield subject.fires(self.trigger)
        when = subject.canonical.when(subject.table, self._fires, self.level, self.when) if self.when else None
        declared = replace(
            found,
            timing=self.timing,
            events=self.on,
            columns=self.of,
            level=self.level,
            when=when,
            deferrable=self.constraint,
        )
        yield Fact(_spelled(declared), _spelled(found))
        schemas = ("",) if "." in self.function else (f"{subject.table.name.schema}.", "pg_catalog.")
        calls = tuple(f"calls {schema}{self.function}({self.arguments})" for schema in schemas)
        yield Fact(calls[0], f"calls {found.function}({found.arguments})", calls)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        works = Works(self.trigger, subject.table.trigger(self.trigger).function)

        def build(draft: Draft) -> Iterator[Probe]:
            # Apart: a trigger that fails for a new row leaves none to update.
            event = draft.draw(st.sampled_from(self.on))
            for statement in self._statements(subject, draft, event):
                value = f"{'an' if event in ('insert', 'update') else 'a'} {event}"
                yield Probe(statement, works, event, value, required=False)

        return subject.probes(build)

    def _statements(self, subject: Subject, draft: Draft, event: str) -> Iterator[SqlStatement]:
        """Yields statements that fire the trigger."""
        table = subject.table
        if event == "insert":
            yield Insert(table.name, draft.row(table.name))
        elif event == "truncate":
            yield Execute(f"truncate {qualified(table.name)} cascade")
        elif event == "delete":
            yield subject.delete(draft.insert(table.name))
        else:
            row, fresh = draft.insert(table.name), draft.row(table.name)
            for column in self.of or [each.name for each in table.columns if each.is_supplied]:
                changed = change_of(subject, draft, row, column, fresh) or {column: row[column]}
                if subject.may_update(changed):
                    yield subject.update(row, changed)

    @property
    def _fires(self) -> str:
        columns = f" of {', '.join(map(identifier, self.of))}" if self.of else ""
        events = [event + columns * (event == "update") for event in self.on]
        return f"{self.timing} {' or '.join(events)}"


def _spelled(trigger: Trigger) -> str:
    events = " or ".join(event for event in EVENTS if event in trigger.events)
    columns = f" of {column_list(sorted(trigger.columns))}" if trigger.columns else ""
    condition = f" when ({trigger.when})" if trigger.when else ""
    kind = f"constraint trigger, {trigger.deferrable}, " if trigger.deferrable else ""
    return f"{kind}{trigger.timing} {events}{columns} for each {trigger.level}{condition}"
