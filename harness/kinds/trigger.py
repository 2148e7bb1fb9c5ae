"""trigger"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog.model import Trigger
from harness.catalog.parts import TableRule
from harness.kinds.base import Fact, Kind, Subject, column_list
from harness.probes import Refused
from harness.probes.statement import identifier
from harness.project.keys import choice, key, name, names, predicate, several, text
from harness.project.model import TableName

EVENTS = ("insert", "update", "delete", "truncate")
CONSTRAINT = ("not deferrable", "deferrable", "deferred")


@dataclass(frozen=True)
class TriggerKind(Kind):
    """A trigger of which no other check says what it does.

    ```yaml
    - trigger: orders_count
      on: [insert, delete]
      timing: after
      level: row
      function: shop.count_orders
    ```

    Only the catalog is asked, so that it comes to *present*: it exists, is enabled, fires when it is said to (`on`,
    `timing`, `level`, `of`, `when`) and calls `function` with these `arguments`. What it does is not looked into:
    the trigger is opaque, and `harness coverage` counts it apart. A row that it refuses, by whatever error that its
    function raises or meets, shows nothing of the table's other rules, and where a row comes out otherwise than a
    rule wants, it is tried again with this trigger switched off; if it is as expected then, it was the trigger, and
    the check of that rule is unreliable rather than broken. One that nobody declares is treated alike, and told by
    `declared`. Say what it does with `touched_on_update`, `audited`, `immutable`, `locked` or `transition` where
    one of those fits; then `trigger` need not be said.
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

    @property
    def subject(self) -> str:
        return self.trigger

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (Refused((), triggers=(self.trigger,)),)

    def opaque(self) -> tuple[str, ...]:
        return (self.trigger,)

    def declares(self, table: TableName) -> tuple[TableRule, ...]:
        return (TableRule("trigger", self.trigger),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = subject.table.trigger(self.trigger)
        yield subject.fires(self.trigger)
        when = subject.canonical.when(subject.table, self._fires, self.level, self.when) if self.when else None
        yield Fact(
            _spelled(self.timing, self.on, self.of, self.level, when, self.constraint),
            _spelled(found.timing, found.events, found.columns, found.level, found.when, found.deferrable),
        )
        function = self.function if "." in self.function else f"{subject.table.name.schema}.{self.function}"
        yield Fact(f"calls {function}({self.arguments})", _called(found))

    @property
    def _fires(self) -> str:
        columns = f" of {', '.join(map(identifier, self.of))}" if self.of else ""
        events = [event + columns * (event == "update") for event in self.on]
        return f"{self.timing} {' or '.join(events)}"


def _called(found: Trigger) -> str:
    return f"calls {found.function}({found.arguments})"


def _spelled(
    timing: str, on: tuple[str, ...], of: tuple[str, ...], level: str, when: str | None, constraint: str | None
) -> str:
    events = " or ".join(event for event in EVENTS if event in on)
    columns = f" of {column_list(sorted(of))}" if of else ""
    condition = f" when ({when})" if when else ""
    kind = f"constraint trigger, {constraint}, " if constraint else ""
    return f"{kind}{timing} {events}{columns} for each {level}{condition}"
