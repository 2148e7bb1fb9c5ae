"""The rows that stand in a table before anything is drawn: nothing that is drawn may have a key of theirs."""

from __future__ import annotations

from collections.abc import Mapping

from harness.catalog.model import Index, Table
from harness.oracle import Oracle, Tuple
from harness.probes.statement import condition
from harness.project.model import TableName
from harness.solver.alike import alike, columns_of

LIMIT = 10_000
"""Rows of a table whose keys are read at once: seeds are fewer."""


class Standing:
    """The unique keys of the rows that stand, read when first asked for."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._keys: dict[tuple[TableName, str], frozenset[Tuple]] = {}
        self._values: dict[tuple[TableName, str], frozenset[str | None]] = {}
        self._asked: dict[tuple[TableName, str, Tuple], bool] = {}

    def keys(self, table: Table, key: Index) -> frozenset[Tuple]:
        """What the rows have in the columns that decide a unique key, as :func:`alike` sees it."""
        if (table.name, key.name) not in self._keys:
            found = self._oracle.standing_values(table, columns_of(key), key.predicate, LIMIT)
            self._keys[table.name, key.name] = frozenset(tuple(map(alike, values)) for values in found)
        return self._keys[table.name, key.name]

    def taken(self, table: Table, key: Index, row: Mapping[str, str | None]) -> bool:
        """Whether a row that stands has this one's key, as :func:`alike` sees it; of very many each is asked for."""
        values = {name: row.get(name) for name in columns_of(key)}
        known, own = self.keys(table, key), tuple(map(alike, values.values()))
        if own in known or len(known) < LIMIT or None in own:
            return own in known
        asked = (table.name, key.name, own)
        if asked not in self._asked:
            self._asked[asked] = self.has(table, values)
        return self._asked[asked]

    def values(self, table: Table, column: str) -> frozenset[str | None]:
        """What the rows have in a column, as :func:`alike` sees it."""
        asked = (table.name, column)
        if asked not in self._values:
            found = self._oracle.standing_values(table, (column,), None, LIMIT)
            self._values[asked] = frozenset(alike(value) for (value,) in found)
        return self._values[asked]

    def has(self, table: Table, values: Mapping[str, str | None]) -> bool:
        """Whether a row with these values stands."""
        names = tuple(values)
        return tuple(values.values()) in self._oracle.standing_values(table, names, condition(values), 1)
