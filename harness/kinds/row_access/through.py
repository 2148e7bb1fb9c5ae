"""The key ``through``: doors to rows of others that are meant, each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import did_you_mean
from harness.kinds.base import Fact, Subject
from harness.kinds.row_access.doors import Doors
from harness.project import keys
from harness.project.keys import key, name, text
from harness.project.model import TableName


@dataclass(frozen=True)
class Through:
    """``{function: app.total(uuid), reason: the sum of all is public}``, or with one of the other sorts."""

    reason: str = key(text, "why it may show or change rows of others")
    function: str | None = key(text, "a function or procedure, with the types of its arguments", default=None)
    view: TableName | None = key(keys.table, "a view or materialized view", default=None)
    table: TableName | None = key(keys.table, "a table with rows or copies of them", default=None)
    trigger: str | None = key(name, "a trigger that a write fires", default=None)
    foreign_key: str | None = key(name, "a foreign key of the table whose action is meant", default=None)

    def __post_init__(self) -> None:
        """Raises ``ValueError`` unless one sort is named, with a reason."""
        if sum(each is not None for each in self._named) != 1:
            raise ValueError("say one of 'function', 'view', 'table', 'trigger' and 'foreign_key'")
        if not self.reason.strip():
            raise ValueError("'reason' says why it is meant")

    @property
    def _named(self) -> tuple[object, ...]:
        return self.function, self.view, self.table, self.trigger, self.foreign_key

    def __str__(self) -> str:
        sorts = ("function", "view", "table", "trigger", "foreign key")
        return next(f"{sort} {each}" for sort, each in zip(sorts, self._named, strict=True) if each is not None)

    def fact(self, subject: Subject, doors: Doors) -> Fact:
        """States that what it names is there."""
        catalog = subject.catalog
        known = {
            "function": [each.signature for each in doors.code.routines],
            "view": [str(each.name) for each in catalog.views],
            "table": [*map(str, catalog.tables)],
            "trigger": [each.name for table in catalog.tables.values() for each in table.triggers],
            "foreign key": [each.name for each in subject.table.foreign_keys],
        }
        sort, _, written = str(self).rpartition(" ") if not self.function else ("function", "", self.function)
        found = doors.signature(written) if self.function else written
        if found in known[sort]:
            return Fact(str(self), str(self))
        return Fact(str(self), f"no {self}{did_you_mean(written, known[sort])}")

    def fits(self, doors: Doors) -> Callable[[str], bool]:
        """Returns what tells whether a door, by its words, is the one that is named."""
        if self.function is not None:
            signature = doors.signature(self.function)
            return lambda door: door in (f"function {signature}", f"procedure {signature}")
        if self.view is not None:
            return lambda door: door in (f"view {self.view}", f"materialized view {self.view}")
        if self.trigger is not None:
            return lambda door: f"trigger {self.trigger}" in door.partition(" on ")[0].split(", ")
        if self.foreign_key is not None:
            return lambda door: door.startswith(f"foreign key {self.foreign_key} of ")
        return lambda door: door == f"table {self.table}"
