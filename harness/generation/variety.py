"""Other values for the columns of a row that a probe is not about: drawn once for a table, not once for every row."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.model import Table
from harness.generation.exclusions import ExclusionElements
from harness.oracle import Tuple
from harness.project.model import Values
from harness.solver.alike import columns_of
from harness.solver.pools import Pools
from harness.solver.rules import supplied
from harness.solver.search import NULLS
from harness.values.candidates import sample

STOCK = 512
"""Combinations kept of each table; what is wanted at a time is a part of them."""

VARIETY = 32
"""Values of a column that no rule speaks of."""


@dataclass(frozen=True)
class Stock:
    """Combinations of values for ``columns``, all of which keep the rules, whatever the other columns hold."""

    columns: tuple[str, ...]
    rows: tuple[Tuple, ...]

    def part(self, row: Values, count: int) -> tuple[Tuple, ...]:
        """So many of them, the same for the same row: what is drawn is the row alone."""
        start = zlib.crc32(repr(sorted(row.items())).encode()) % len(self.rows)
        return tuple(self.rows[(start + number) % len(self.rows)] for number in range(min(count, len(self.rows))))


def stock(pools: Pools, table: Table, kept: Iterable[str]) -> Stock:
    """The combinations for all columns but the ``kept`` ones, what rules tie to those, keys and references."""
    columns = frozenset(kept)
    return pools.remembered(("stock", table.name, columns), lambda: _stock(pools, table, columns))


def _stock(pools: Pools, table: Table, kept: frozenset[str]) -> Stock:
    left = {*kept, *_told_apart(pools, table)}
    parts = list(_parts(pools, table, left))
    chance = random.Random(0)
    rows = (tuple(value for _, options in parts for value in chance.choice(options)) for _ in range(STOCK))
    return Stock(tuple(name for columns, _ in parts for name in columns), tuple(dict.fromkeys(rows)))


def _parts(pools: Pools, table: Table, left: set[str]) -> Iterator[tuple[tuple[str, ...], Sequence[Tuple]]]:
    """Columns that are decided together, with what they can be."""
    tied = {column for pool in pools.of(table) for column in pool.columns}
    for pool in pools.of(table):
        if not left & set(pool.columns):
            yield pool.columns, pool.rows
    for column in table.columns:
        if column.is_supplied and not column.identity and column.name not in tied | left:
            values = [(value,) for value in sample(column, VARIETY)]
            nulls = [] if column.not_null else [(None,)] * max(int(len(values) * NULLS), 1)
            yield (column.name,), [*values, *nulls]


def _told_apart(pools: Pools, table: Table) -> Iterator[str]:
    """The columns by which rows differ or lead to others."""
    for foreign in table.foreign_keys:
        yield from foreign.columns
    for key in table.unique_keys:
        yield from columns_of(key)
    for exclusion in ExclusionElements.all_of(table):
        for expression, _ in exclusion.elements:
            yield from supplied(table, expression)
