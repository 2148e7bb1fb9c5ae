"""The rows that a table has before any is drawn, seeds for example: drawn rows may not repeat their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from harness.catalog.model import Index, Table
from harness.probes.statement import condition, identifier, qualified
from harness.project.model import TableName, Tuple, Values
from harness.solver.normalized import key_columns, normalized

LIMIT = 10_000
"""Rows of a table whose keys are read at once: seeds are fewer."""


class ExistingRows:
    """Reads existing rows when they are first asked for. Keys and values are compared :func:`normalized`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._counts: dict[TableName, int] = {}
        self._keys: dict[tuple[TableName, str], frozenset[Tuple]] = {}
        self._values: dict[tuple[TableName, str], frozenset[str | None]] = {}
        self._has_key: dict[tuple[TableName, str, Tuple], bool] = {}

    def select(self, table: Table, columns: Sequence[str], where: str | None = None, limit: int = LIMIT) -> list[Tuple]:
        """These columns of the existing rows for which a predicate is true, as text and sorted."""
        if not columns:
            return []
        shown = ", ".join(f"{identifier(column)}::text" for column in columns)
        rows = f"select {shown} from {qualified(table.name)} where {where or 'true'}\n"
        return self._connection.execute(f"{rows} order by {shown} limit {limit}".encode()).fetchall()

    def count(self, table: Table) -> int:
        """The number of existing rows."""
        if table.name not in self._counts:
            row = self._connection.execute(f"select count(*) from {qualified(table.name)}".encode()).fetchone()
            assert row is not None
            self._counts[table.name] = row[0]
        return self._counts[table.name]

    def keys(self, table: Table, key: Index) -> frozenset[Tuple]:
        """The values of the existing rows in the columns of a unique key."""
        if (table.name, key.name) not in self._keys:
            found = self.select(table, key_columns(key), key.predicate)
            self._keys[table.name, key.name] = frozenset(tuple(map(normalized, values)) for values in found)
        return self._keys[table.name, key.name]

    def has_key(self, table: Table, key: Index, row: Values) -> bool:
        """Whether an existing row has this row's key. Where not all keys were read, the server is asked for each."""
        values = {name: row.get(name) for name in key_columns(key)}
        known, own = self.keys(table, key), tuple(map(normalized, values.values()))
        if own in known or len(known) < LIMIT or None in own:
            return own in known
        asked = (table.name, key.name, own)
        if asked not in self._has_key:
            self._has_key[asked] = self.has(table, values)
        return self._has_key[asked]

    def values(self, table: Table, column: str) -> frozenset[str | None]:
        """The values of the existing rows in a column."""
        asked = (table.name, column)
        if asked not in self._values:
            self._values[asked] = frozenset(normalized(value) for (value,) in self.select(table, (column,)))
        return self._values[asked]

    def has(self, table: Table, values: Values) -> bool:
        """Whether there is an existing row with these values, compared as they are."""
        return tuple(values.values()) in self.select(table, tuple(values), condition(values), 1)
