"""Variants of a row: other values for columns that a probe is not about, drawn once for each table.

Decides which columns may vary: no keys, no foreign keys, and none that rules tie to a column of the probe.
Not here: how many variants there are (``proving/effort.py``).
"""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.model import Table
from harness.generation.exclusions import ExclusionElements
from harness.probes.statement import identifier
from harness.project.model import Tuple, Values
from harness.solver import NULLS, Pools, deciding_columns, key_columns
from harness.values.candidates import sample

STOCK = 512
"""Combinations kept for each table; each row is varied by some of them."""

VARIETY = 32
"""Values of a column that no rule mentions."""


@dataclass(frozen=True)
class Stock:
    """Combinations of values for ``columns``, all of which keep the rules, whatever the other columns hold."""

    columns: tuple[str, ...]
    rows: tuple[Tuple, ...]

    def part(self, row: Values, count: int) -> tuple[Tuple, ...]:
        """``count`` of the combinations, always the same for the same row."""
        start = zlib.crc32(repr(sorted(row.items())).encode()) % len(self.rows)
        return tuple(self.rows[(start + number) % len(self.rows)] for number in range(min(count, len(self.rows))))


def stock(pools: Pools, table: Table, kept: Iterable[str]) -> Stock:
    """Combinations for all columns but the ``kept`` ones, those that rules tie to them, keys and foreign keys."""
    columns = frozenset(kept)
    return pools.cached(("stock", table.name, columns), lambda: _stock(pools, table, columns))


def _stock(pools: Pools, table: Table, kept: frozenset[str]) -> Stock:
    parts = list(_parts(pools, table, {*kept, *_identifying(pools, table)}))
    chance = random.Random(0)
    rows = (tuple(value for _, options in parts for value in chance.choice(options)) for _ in range(STOCK))
    return Stock(tuple(name for columns, _ in parts for name in columns), tuple(dict.fromkeys(rows)))


def _parts(pools: Pools, table: Table, left: set[str]) -> Iterator[tuple[tuple[str, ...], Sequence[Tuple]]]:
    """Groups of columns with the combinations that they can have; ``left`` columns are in none."""
    tied = {column for pool in pools.of(table) for column in pool.columns}
    for pool in pools.of(table):
        if not left & set(pool.columns):
            yield pool.columns, pool.rows
    for column in table.columns:
        if column.is_supplied and not column.identity and column.name not in tied | left:
            values = [(value,) for value in sample(column, VARIETY)]
            yield (column.name,), [*values, *([] if column.not_null else [(None,)] * max(int(len(values) * NULLS), 1))]


def _identifying(pools: Pools, table: Table) -> Iterator[str]:
    """The columns that decide foreign keys, unique keys and exclusion constraints."""
    for name in itertools.chain(table.foreign_columns, *map(key_columns, table.unique_keys)):
        yield from deciding_columns(table, identifier(name))
    for exclusion in ExclusionElements.all_of(table):
        for expression, _ in exclusion.elements:
            yield from deciding_columns(table, expression)
