"""A refused row: which trigger functions its error names, how far it got in them, and their texts.

Decides whether another row got further than this one, which functions may have refused it, and which trigger is named
as the reason.
Not here: the decision whether a probe is excused by a trigger (``proving/attribution.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from harness.catalog.model import Table
from harness.generation.statements import insert_together
from harness.grammar import quoted, unquoted
from harness.oracle.introspection import FunctionSource
from harness.probes import UNTRIED, Function, Insert, ServerError, SqlStatement, function_of
from harness.project import TableName, Values, sql
from harness.solver.pools import Pools
from harness.values.constants import words


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
        fired = [each.name for each in table.triggers if unquoted(function_of(each.function)[1]) in outermost]
        by = f" (trigger {' or '.join(map(quoted, fired))})" if fired else ""
        return Blocker(self.insert.table, f"{self.error.said(self.insert.table)}{by}")

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
    if error.sqlstate[:2] in ("22", "42") or error.sqlstate == UNTRIED or at_same_place(error, earlier):
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
    return [(unquoted(schema) if schema else None, unquoted(name)) for schema, name in found]


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


BEFORE, AFTER = 8, 4
"""Lines before and after the one that raised an error: there the function has asked for what it did not find."""


class FunctionTexts:
    """The texts of functions that triggers, CHECKs and indexes of a table call.

    A function that a CHECK or an index calls names its parameters. In the text they are replaced by the columns that it
    is called with: ``new.p``.
    """

    def __init__(self, pools: Pools, table: Table) -> None:
        self._table = table
        self._introspection = pools.introspection
        self._schemas = pools.catalog.schemas
        self._calls = [call for text in _expressions(table) for call in sql.arguments(text)]

    @cached_property
    def checks(self) -> Mapping[str, tuple[Function, ...]]:
        """The CHECKs that call functions, with those; PostgreSQL's own functions are left out."""
        calls = {each.name: sql.calls(each.expression or "true") for each in self._table.checks}
        own = self._introspection.function_sources(self._table.name.schema, [*chain(*calls.values())])
        known = {source.name for source in own}
        found = {check: tuple(each for each in called if each[1] in known) for check, called in calls.items()}
        return {check: called for check, called in found.items() if called}

    def called_by(self, error: ServerError) -> Mapping[Function, str]:
        """The functions that the violated CHECK calls, each with the CHECK's expression."""
        if error.sqlstate != "23514" or error.table_name != self._table.name or error.constraint is None:
            return {}
        text = next((each.expression for each in self._table.checks if each.name == error.constraint), None)
        return dict.fromkeys(self.checks.get(error.constraint, ()), text or "")

    def all(self, functions: Sequence[Function]) -> tuple[str, ...]:
        """The texts of functions, of the functions that they call, and of the views that they read."""
        found: dict[str, None] = {}
        asked: set[Function] = set()
        while functions:
            asked |= {*functions}
            texts = self._of(functions)
            found |= dict.fromkeys(texts)
            calls = (found for text in texts for found in re.findall(r"(?:(\w+)\.)?(\w+)\s*\(", text))
            called = {(schema or None, name) for schema, name in calls}
            functions = sorted(called - asked, key=str)
        views = self._introspection.views(words(found)) if found else {}
        return tuple(dict.fromkeys((*found, *views.values())))

    def near(self, error: ServerError) -> str:
        """The lines of the innermost function around the one that raised the error."""
        found = innermost(error)
        texts = self._of([found[0]]) if found is not None else []
        if found is None or len({*texts}) != 1:
            return ""
        return "\n".join(texts[0].split("\n")[max(found[1] - BEFORE, 0) : found[1] + AFTER])

    def _of(self, functions: Sequence[Function]) -> list[str]:
        sources = (each for schema in self._schemas for each in self._introspection.function_sources(schema, functions))
        return [text for source in sources for text in self._with_columns(source)]

    def _with_columns(self, source: FunctionSource) -> Iterator[str]:
        """The text with the columns of each call of the table's expressions; unchanged if they do not call it."""
        calls = dict.fromkeys(columns for (_, name), columns in self._calls if name == source.name)
        for columns in calls or {(): None}:
            text = source.text
            for number, column in enumerate(columns, 1):
                if column is not None:
                    text = re.sub(rf"\${number}\b", f"new.{column}", text)
                    name = source.parameters[number - 1] if number <= len(source.parameters) else ""
                    text = re.sub(rf"(?<![\w.$]){re.escape(name)}\b", f"new.{column}", text) if name else text
            yield text


def _expressions(table: Table) -> Iterator[str]:
    for constraint in table.checks:
        yield constraint.expression or "true"
    for index in table.indexes:
        yield from index.expressions
        yield index.predicate or "true"
