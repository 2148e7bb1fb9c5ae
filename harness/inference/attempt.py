"""A row that was refused, and what its error says of the functions that were running."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.catalog.model import Table
from harness.generation.statements import insert_together
from harness.probes import Function, Insert, ServerError, SqlStatement, function_of
from harness.project.model import TableName, Values


@dataclass(frozen=True)
class Blocker:
    """The reason why a table cannot be filled, and the table whose row was refused: the same, or an ancestor."""

    table: TableName
    reason: str


@dataclass(frozen=True)
class Attempt:
    """A refused row, the statements before it, and the rows that its statement inserts ``beside`` it."""

    before: tuple[SqlStatement, ...]
    insert: Insert
    error: ServerError
    beside: tuple[Insert, ...] = ()

    def blocker(self, table: Table) -> Blocker:
        """The error in words, with the name of the ``table``'s trigger that raised it."""
        outermost = [name for _, name in running(self.error)[-1:]]
        fired = [each.name for each in table.triggers if _unquoted(function_of(each.function)[1]) in outermost]
        by = f" (trigger {' or '.join(fired)})" if fired else ""
        return Blocker(self.insert.table, f"{self.error}{by}")

    @property
    def rows_before(self) -> list[Insert]:
        """The rows that were inserted before, each by a statement of its own."""
        return [each for each in self.before if isinstance(each, Insert)]

    @property
    def statement(self) -> SqlStatement:
        """The refused statement."""
        return self.with_row(self.insert.values)

    def with_row(self, values: Values) -> SqlStatement:
        """The refused statement with another row in place of the refused one."""
        row = Insert(self.insert.table, values)
        return insert_together((*self.beside, row)) if self.beside else row


def got_further(table: Table, error: ServerError, earlier: ServerError) -> bool:
    """Whether a row was refused at a later place of the trigger functions than an earlier one.

    It did not if a function could not compute with it, if a rule refused it that the earlier row kept, or a trigger
    that the earlier row had passed.
    """
    if error.sqlstate[:2] in ("22", "42") or at_same_place(error, earlier):
        return False
    if not running(error) and error.sqlstate in ("23502", "23514"):
        return False
    at, before = (_reached(table, each) for each in (error, earlier))
    return at is None or before is None or at >= before


def at_same_place(one: ServerError, other: ServerError) -> bool:
    """Whether two rows were refused at the same place of the same functions."""
    return _places(one) == _places(other)


def _places(error: ServerError) -> list[str]:
    found: list[str] = re.findall(r"function (?!\S*harness_)\S+ line \d+ at [^\n]*", error.context)
    return found


def is_dynamic(error: ServerError) -> bool:
    """Whether a statement failed that a function composes itself (EXECUTE), most often of the row's values."""
    return any(place.endswith(" at EXECUTE") for place in _places(error)[:1])


def _reached(table: Table, error: ServerError) -> tuple[int, int] | None:
    """The trigger function of the table that was running, by the order in which they fire, and its line."""
    found = _lines(error)
    # BEFORE triggers fire ahead of AFTER triggers, and then by name.
    fired = [each for each in table.triggers if "insert" in each.events]
    fired.sort(key=lambda each: (each.timing != "before", each.level != "row", each.name))
    order = {each.function.rpartition(".")[2]: place for place, each in enumerate(fired)}
    place = order.get(found[-1][0]) if found else None
    return (place, found[-1][1]) if place is not None else None


def _lines(error: ServerError) -> list[tuple[str, int]]:
    """The functions that were running, the innermost first, each with its line."""
    found = re.findall(r"function (?:\w+\.)?(?!harness_)(\w+)\([^\n]*?\) line (\d+) at", error.context)
    return [(name, int(line)) for name, line in found]


def innermost(error: ServerError) -> tuple[Function, int] | None:
    """The innermost function that was running, and its line."""
    lines = _lines(error)
    return (running(error)[0], lines[0][1]) if lines else None


def functions(table: Table, attempt: Attempt) -> list[Function]:
    """The functions that may have caused the error: those that were running, or else fired triggers."""
    return running(attempt.error) or _suspected(table, attempt)


def running(error: ServerError) -> list[Function]:
    """The functions that were running, without the one that tries probes."""
    found = [(schema, name) for schema, name in error.functions if not name.startswith("harness_")]
    return [(_unquoted(schema) if schema else None, _unquoted(name)) for schema, name in found]


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _suspected(table: Table, attempt: Attempt) -> list[Function]:
    """The functions that may have changed the row so that it breaks a rule, or may have written another row."""
    error = attempt.error
    if error.table_name != table.name:
        # A deferred foreign key of a row that they wrote is checked when no function runs any more.
        return _fired(table, ("before", "after")) if error.sqlstate == "23503" else []
    emptied = error.sqlstate == "23502" and error.column and attempt.insert.values.get(error.column) is not None
    return _fired(table, ("before",)) if emptied or error.sqlstate in ("23514", "23503") else []


def _fired(table: Table, timings: tuple[str, ...]) -> list[Function]:
    fired = [each for each in table.triggers if each.timing in timings and "insert" in each.events]
    return [(schema or None, name) for schema, _, name in (each.function.rpartition(".") for each in fired)]
