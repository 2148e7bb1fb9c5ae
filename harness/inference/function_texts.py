"""The texts of the functions that may have refused a row, as if all of them were trigger functions of its table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

from harness.catalog.model import Table
from harness.inference.attempt import innermost
from harness.oracle.introspection import FunctionSource
from harness.probes import Function, ServerError
from harness.project import sql
from harness.solver.pools import Pools
from harness.values.constants import words

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
            called = {(None, name) for text in texts for name in re.findall(r"(\w+)\s*\(", text)}
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
