"""The texts of the functions that were at a row, as if all of them were functions of its triggers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain

from harness.catalog.model import Table
from harness.inference.attempt import place
from harness.oracle import Source
from harness.probes import ServerError
from harness.probes.reply import Function
from harness.project import sql
from harness.solver.pools import Pools
from harness.values.hints import words

BEFORE, AFTER = 8, 4
"""Lines around the one at which a function was: what it asked for, and found nothing."""


class Texts:
    """Those of functions of a table's triggers, CHECKs and indexes.

    What a CHECK or an index calls speaks of its parameters. Here it speaks of the columns that it is given: ``new.p``.
    """

    def __init__(self, pools: Pools, table: Table) -> None:
        self._table = table
        self._oracle = pools.oracle
        self._schemas = pools.catalog.schemas
        self._given = [call for text in _expressions(table) for call in sql.arguments(text)]

    @cached_property
    def checks(self) -> Mapping[str, tuple[Function, ...]]:
        """The CHECKs that call functions, with those; PostgreSQL's own are left out."""
        calls = {each.name: sql.calls(each.expression or "true") for each in self._table.checks}
        own = self._oracle.sources(self._table.name.schema, [*chain(*calls.values())])
        known = {source.name for source in own}
        found = {check: tuple(each for each in called if each[1] in known) for check, called in calls.items()}
        return {check: called for check, called in found.items() if called}

    def called_by(self, refusal: ServerError) -> Mapping[Function, str]:
        """The functions that the CHECK calls by which a row was refused, with its expression."""
        if refusal.sqlstate != "23514" or refusal.table_name != self._table.name or refusal.constraint is None:
            return {}
        text = next((each.expression for each in self._table.checks if each.name == refusal.constraint), None)
        return dict.fromkeys(self.checks.get(refusal.constraint, ()), text or "")

    def all(self, functions: Sequence[Function]) -> tuple[str, ...]:
        """The texts of some functions, of those they call, and of views they look into."""
        found: dict[str, None] = {}
        asked: set[Function] = set()
        while functions:
            asked |= {*functions}
            texts = self._of(functions)
            found |= dict.fromkeys(texts)
            called = {(None, name) for text in texts for name in re.findall(r"(\w+)\s*\(", text)}
            functions = sorted(called - asked, key=str)
        views = self._oracle.views(words(found)) if found else {}
        return tuple(dict.fromkeys((*found, *views.values())))

    def near(self, refusal: ServerError) -> str:
        """The text of a function around the line at which it was."""
        found = place(refusal)
        texts = self._of([found[0]]) if found is not None else []
        if found is None or len({*texts}) != 1:
            return ""
        lines = texts[0].split("\n")
        return "\n".join(lines[max(found[1] - BEFORE, 0) : found[1] + AFTER])

    def _of(self, functions: Sequence[Function]) -> list[str]:
        return [text for source in self._sources(functions) for text in self._told(source)]

    def _sources(self, functions: Sequence[Function]) -> list[Source]:
        return [source for schema in self._schemas for source in self._oracle.sources(schema, functions)]

    def _told(self, source: Source) -> Iterator[str]:
        """The text with the columns that the table's expressions give the function; as it is if they do not call it."""
        given = dict.fromkeys(columns for (_, name), columns in self._given if name == source.name)
        for columns in given or {(): None}:
            yield _with_columns(source, columns)


def _expressions(table: Table) -> Iterator[str]:
    for constraint in table.checks:
        yield constraint.expression or "true"
    for index in table.indexes:
        yield from index.expressions
        yield index.predicate or "true"


def _with_columns(source: Source, columns: Sequence[str | None]) -> str:
    text = source.text
    for number, column in enumerate(columns, 1):
        if column is not None:
            text = re.sub(rf"\${number}\b", f"new.{column}", text)
            name = source.parameters[number - 1] if number <= len(source.parameters) else ""
            text = re.sub(rf"(?<![\w.$]){re.escape(name)}\b", f"new.{column}", text) if name else text
    return text
