"""Finds columns that triggers replace though no check tells of it: types know nothing of what is sent there."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from harness.catalog.model import Table
from harness.probes.statement import literal
from harness.project.model import Values
from harness.types.agreement.cases import SentValue
from harness.types.model import TableShape

REPLACED = "values that a trigger replaces, of which no check tells"


class ReplacingTriggers:
    """The triggers of one table that may replace what an INSERT sends."""

    def __init__(self, connection: psycopg.Connection[object], table: Table, shape: TableShape) -> None:
        self._connection, self._table = connection, table
        self._told = {field.name for field in shape.fields if "Insert" in field.replaced}
        self._rules = shape.rules
        self._found: set[str] = set()
        self._texts: dict[tuple[str, str | None], str | None] = {}
        self.exist = any(
            (each.timing, each.level) == ("before", "row") and "insert" in each.events for each in table.triggers
        )

    def replaced(self, sent: Values, stored: Mapping[str, SentValue]) -> bool:
        """Whether something else is stored than was sent; the columns are remembered."""
        if not self.exist:
            return False
        texts = self._typed(sent)
        found = {name for name, text in texts.items() if name not in self._told and text != stored[name].text}
        self._found |= found
        return bool(found)

    def hide(self, name: str) -> bool:
        """Whether the rule of that name looks at a column that was seen to be replaced."""
        columns = {column for rule in self._rules if rule.name == name for column in rule.columns}
        return bool(self._found & {*columns, name.rpartition(" (")[0]})

    def _typed(self, values: Values) -> dict[str, str | None]:
        """Values as they are stored in a column of their type."""
        new = {name: value for name, value in values.items() if (name, value) not in self._texts}
        if new:
            items = (f"{literal(value)}::{self._table.column(name).type}" for name, value in new.items())
            with self._connection.transaction(force_rollback=True):
                result = self._connection.execute(f"select {', '.join(items)}".encode()).pgresult
            assert result is not None, "it returns a row"
            found = (result.get_value(0, place) for place in range(result.nfields))
            texts = (None if each is None else each.decode() for each in found)
            self._texts.update(zip(new.items(), texts, strict=True))
        return {name: self._texts[name, value] for name, value in values.items()}
