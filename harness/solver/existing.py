"""Reads the rows that a table has before any is drawn, such as seeds: keys, values and number.

Keys are normalized: two that differ here also differ in an index on ``lower(a)`` or ``trim(a)``. Only reads and counts.
Not here: whether these rows are referred to, because they are half of all that can be (``pools.py``), whether a drawn
row takes one (``generation/draft.py``), and keys that may not repeat (``generation/columns.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import psycopg

from harness.catalog.model import Index, Table
from harness.probes.statement import condition, identifier, qualified
from harness.project import Tuple, Values, sql
from harness.solver.pool import Memo

_DECIMAL = re.compile(r"-?\d+\.\d+|-0")


@cache
def key_columns(key: Index) -> tuple[str, ...]:
    """The columns that decide a unique key, also those that its expressions name."""
    if len(key.columns) == len(key.keys):
        return key.columns
    return tuple(dict.fromkeys(name for each in key.expressions for name in sql.columns(each)))


def normalized(value: str | None) -> str | None:
    """A value in lower case and without outer blanks; of equal numbers one spelling: ``0.00`` is ``0``."""
    if value is None:
        return None
    plain = value.casefold().strip()
    if not _DECIMAL.fullmatch(plain):
        return plain
    number = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if number == "-0" else number


LIMIT = 10_000
"""Rows of a table whose keys are read at once: seeds are fewer."""


class ExistingRows:
    """Reads existing rows when they are first asked for. Keys and values are compared :func:`normalized`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._memo = Memo()

    def select(self, table: Table, columns: Sequence[str], where: str | None = None, limit: int = LIMIT) -> list[Tuple]:
        """These columns of the existing rows for which a predicate is true, as text and sorted."""
        if not columns:
            return []
        shown = ", ".join(f"{identifier(column)}::text" for column in columns)
        rows = f"select {shown} from {qualified(table.name)} where {where or 'true'}\n"
        return self._connection.execute(f"{rows} order by {shown} limit {limit}".encode()).fetchall()

    def count(self, table: Table) -> int:
        """The number of existing rows."""
        query = f"select count(*) from {qualified(table.name)}".encode()
        return self._memo(table.name, lambda: int(self._connection.execute(query).fetchall()[0][0]))

    def keys(self, table: Table, key: Index) -> frozenset[Tuple]:
        """The values of the existing rows in the columns of a unique key."""

        def read() -> frozenset[Tuple]:
            found = self.select(table, key_columns(key), key.predicate)
            return frozenset(tuple(map(normalized, values)) for values in found)

        return self._memo(("keys", table.name, key.name), read)

    def has_key(self, table: Table, key: Index, row: Values) -> bool:
        """Whether an existing row has this row's key. Where not all keys were read, the server is asked for each."""
        values = {name: row.get(name) for name in key_columns(key)}
        known, own = self.keys(table, key), tuple(map(normalized, values.values()))
        if own in known or len(known) < LIMIT or None in own:
            return own in known
        return self._memo(("has key", table.name, key.name, own), lambda: self.has(table, values))

    def values(self, table: Table, column: str) -> frozenset[str | None]:
        """The values of the existing rows in a column."""
        return self._memo(
            ("values", table.name, column),
            lambda: frozenset(normalized(value) for (value,) in self.select(table, (column,))),
        )

    def has(self, table: Table, values: Values) -> bool:
        """Whether there is an existing row with these values, compared as they are."""
        return tuple(values.values()) in self.select(table, tuple(values), condition(values), 1)
