"""trigger"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.catalog.model import Trigger
from harness.kinds.base import Fact, Kind, Subject, TableName, column_list, identifier
from harness.probes import Refused
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

    A row that an opaque trigger refuses, by any error in its function, shows nothing about other rules of the table. A
    row whose outcome differs from what a rule expects is tried again with the trigger switched off: if it is as
    expected then, the check of that rule is unreliable, and not broken. The same holds for a trigger without any check,
    which `declared` reports.
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
