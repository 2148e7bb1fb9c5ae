"""A row that was refused, and what can be told from how."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.catalog.model import Table
from harness.generation.statements import insert_together
from harness.probes import Execute, Insert, ServerError, SqlStatement
from harness.probes.reply import Function, function_of
from harness.project.model import TableName, Values


@dataclass(frozen=True)
class Obstacle:
    """Why a table cannot be filled: the table whose row was refused, which may be one above it, and how."""

    table: TableName
    reason: str


@dataclass(frozen=True)
class Attempt:
    """The row that was refused, what stood before it, and the rows ``beside`` it that one statement inserts with it."""

    before: tuple[SqlStatement, ...]
    insert: Insert
    refusal: ServerError
    beside: tuple[Insert, ...] = ()

    def obstacle(self, table: Table) -> Obstacle:
        """What stood in the way, in words, with the trigger of the ``table`` whose function refused the row."""
        outermost = [name for _, name in running(self.refusal)[-1:]]
        fired = [each.name for each in table.triggers if _unquoted(function_of(each.function)[1]) in outermost]
        by = f" (trigger {' or '.join(fired)})" if fired else ""
        return Obstacle(self.insert.table, f"{self.refusal}{by}")

    @property
    def rows_before(self) -> list[Insert]:
        """The rows that stood before, those that one statement inserted together left out."""
        return [each for each in self.before if isinstance(each, Insert)]

    @property
    def statement(self) -> SqlStatement:
        """What was refused."""
        return self.instead(self.insert.values)

    def instead(self, values: Values) -> SqlStatement:
        """The same with another row in place of the one that was refused."""
        row = Insert(self.insert.table, values)
        return insert_together((*self.beside, row)) if self.beside else row


def further(table: Table, refusal: ServerError, than: ServerError) -> bool:
    """Whether a row was refused at another place of the functions, and not because they could not compute with it.

    It is no progress if a rule refuses it that the first row kept, or a trigger that the first row had passed.
    """
    if refusal.sqlstate[:2] in ("22", "42") or same_place(refusal, than):
        return False
    if not running(refusal) and refusal.sqlstate in ("23502", "23514"):
        return False
    at, before = (_reached(table, each) for each in (refusal, than))
    return at is None or before is None or at >= before


def same_place(one: ServerError, other: ServerError) -> bool:
    """Whether two rows were refused at the same place of the same functions."""
    return _places(one) == _places(other)


def _places(refusal: ServerError) -> list[str]:
    found: list[str] = re.findall(r"function (?!\S*harness_)\S+ line \d+ at [^\n]*", refusal.context)
    return found


def dynamic(refusal: ServerError) -> bool:
    """Whether it was a statement that a function has put together itself, most often of what rows have."""
    return any(place.endswith(" at EXECUTE") for place in _places(refusal)[:1])


def _reached(table: Table, refusal: ServerError) -> tuple[int, int] | None:
    """Where a row was refused: which trigger function of its own was running, and which line of that."""
    found = _lines(refusal)
    place = _order(table).get(found[-1][0]) if found else None
    return (place, found[-1][1]) if place is not None else None


def _lines(refusal: ServerError) -> list[tuple[str, int]]:
    """The functions that were running, the innermost first, each with its line."""
    found = re.findall(r"function (?:\w+\.)?(?!harness_)(\w+)\([^\n]*?\) line (\d+) at", refusal.context)
    return [(name, int(line)) for name, line in found]


def place(refusal: ServerError) -> tuple[Function, int] | None:
    """The innermost function that was running, and its line."""
    lines = _lines(refusal)
    return (running(refusal)[0], lines[0][1]) if lines else None


def _order(table: Table) -> dict[str, int]:
    """When the functions of a table's INSERT triggers are called: BEFORE ahead of AFTER, and then by name."""
    fired = [each for each in table.triggers if "insert" in each.events]
    called = sorted(fired, key=lambda each: (each.timing != "before", each.level != "row", each.name))
    return {each.function.rpartition(".")[2]: place for place, each in enumerate(called)}


def functions(table: Table, attempt: Attempt) -> list[Function]:
    """The functions by which the row was refused: those that were running, or whose doing was refused afterwards."""
    return running(attempt.refusal) or _suspected(table, attempt)


def running(refusal: ServerError) -> list[Function]:
    """The functions that were running, without the one that tries probes."""
    found = [(schema, name) for schema, name in refusal.functions if not name.startswith("harness_")]
    return [(_unquoted(schema) if schema else None, _unquoted(name)) for schema, name in found]


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _suspected(table: Table, attempt: Attempt) -> list[Function]:
    """The functions that have changed the row so that it keeps a rule no more, or have written another one."""
    refusal = attempt.refusal
    if refusal.table_name != table.name:
        # A deferred foreign key of what they wrote is looked at when nobody runs any more.
        return _fired(table, ("before", "after")) if refusal.sqlstate == "23503" else []
    emptied = refusal.sqlstate == "23502" and refusal.column and attempt.insert.values.get(refusal.column) is not None
    return _fired(table, ("before",)) if emptied or refusal.sqlstate in ("23514", "23503") else []


def _fired(table: Table, timings: tuple[str, ...]) -> list[Function]:
    fired = [each for each in table.triggers if each.timing in timings and "insert" in each.events]
    names = [each.function.rpartition(".") for each in fired]
    return [(schema or None, name) for schema, _, name in names]


def text(statement: SqlStatement) -> Execute:
    """A statement as text: what is tried once is not worth a static one."""
    return statement if isinstance(statement, Execute) else Execute(statement.sql)
