"""The number of rows that a table has room for, by the values that its unique keys can have.

Not here: whether existing rows are half of them (``pools.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from harness.catalog.model import Catalog, Column, Index, Table
from harness.oracle import Answer, Introspection, Oracle
from harness.probes.statement import qualified
from harness.project.model import TableName, Tuple, Values
from harness.solver.existing import ExistingRows
from harness.solver.pool import Memo, Pool
from harness.solver.rules import Unfillable, deciding_columns
from harness.values.types import Unsupported


@dataclass(frozen=True)
class Capacities:
    """Counts by the ``pools`` of a table, and by the ``combinations`` of candidate values for some columns."""

    catalog: Catalog
    oracle: Oracle
    introspection: Introspection
    pools: Callable[[Table, tuple[str, ...]], Sequence[Pool]]
    combinations: Callable[[Table, Sequence[str]], list[Tuple]]
    cached: Memo
    asked: set[TableName] = field(default_factory=set)
    """The tables whose room for rows is being asked for: a circle of references ends there."""

    def rows(
        self, table: Table, fixed: Values | None = None, present: Collection[str] = (), also: tuple[str, ...] = ()
    ) -> int | None:
        """The number of rows with the ``fixed`` values after which a unique key runs out; None without such a number.

        The rows keep the predicates ``also``, and the ``present`` columns are not NULL. A key with a predicate counts
        if the fixed values say that it is true.
        """

        fixed = fixed or {}

        def found() -> int | None:
            keys = (key for key in table.unique_keys if not key.predicate or self.is_true(table, key.predicate, fixed))
            sizes = [self._key_capacity(table, key, fixed, present, also) for key in keys]
            return min((size for size in sizes if size is not None), default=None)

        return self.cached(("capacity", table.name, tuple(fixed.items()), tuple(present), also), found)

    def are_half(self, table: Table, existing: ExistingRows, also: tuple[str, ...]) -> bool:
        """Whether the existing rows that keep ``also`` are half of all that can keep them, or more."""
        try:
            most = self.rows(table, also=also)
        except Unfillable:
            return False
        count = existing.count(table)
        if also and most is not None and count * 2 >= most:
            columns = [name for predicate in also for name in deciding_columns(table, predicate)]
            rows = existing.select(table, columns)
            count = sum(all(each.holds for each in row) for row in self.oracle.answers(table, columns, rows, also))
        return most is not None and count * 2 >= most

    def is_true(self, table: Table, predicate: str, row: Values) -> bool:
        """Whether a predicate is true of a row, as far as it has values."""
        columns = deciding_columns(table, predicate)
        values = tuple(row.get(column) for column in columns)
        if not row.keys() >= {*columns}:
            return False
        return self.cached(
            ("true", table.name, predicate, values),
            lambda: self.oracle.answers(table, columns, [values], [predicate])[0][0] is Answer.TRUE,
        )

    def keys_of_one_row(self, table: Table) -> list[Index]:
        """The unique keys that leave room for one row, in the order in which PostgreSQL looks at them.

        There are none where the table cannot have a row.
        """
        keys = sorted(table.unique_keys, key=lambda each: each.check_order)
        try:
            return [each for each in keys if not each.predicate and self._key_capacity(table, each, {}) == 1]
        except (Unfillable, Unsupported):
            return []

    def _key_capacity(
        self, table: Table, key: Index, fixed: Values, present: Collection[str] = (), also: tuple[str, ...] = ()
    ) -> int | None:
        """The number of values that a unique key can have; None if one of its columns can be anything, or NULL."""
        if len(key.columns) != len(key.keys):
            return None if len(key.keys) > 1 else self._expression_capacity(table, key)
        sizes = []
        pools = {column: pool for pool in self.pools(table, also) for column in pool.columns}
        for column in map(table.column, key.columns):
            if column.name in fixed:
                sizes.append(1)
                continue
            values: set[str | None]
            if column.name in pools:
                values = {*pools[column.name].of_column(column.name)}
            elif column.base_kind == "e" or column.base_name == "bool":
                values = {*(column.labels or ("false", "true")), *(() if column.not_null else (None,))}
            else:
                parents = self._parents(table, column)
                if parents is None:
                    return None
                sizes.append(parents)
                continue
            if column.name in present:
                values.discard(None)
            if None in values and not key.nulls_not_distinct:
                return None
            sizes.append(len(values))
        return math.prod(sizes)

    def _parents(self, table: Table, column: Column) -> int | None:
        """The number of parents that a column by itself refers to, if a key of theirs runs out and it is never NULL."""
        keys = [key for key in table.foreign_keys if key.columns == (column.name,) and key.references not in self.asked]
        if not keys or not column.not_null or table.name in self.asked:
            return None
        self.asked.add(table.name)
        try:
            found = [self.rows(self.catalog.table(key.references), present=key.referenced_columns) for key in keys]
        except (Unfillable, Unsupported):
            return None
        finally:
            self.asked.discard(table.name)
        return min((each for each in found if each is not None), default=None)

    def _expression_capacity(self, table: Table, key: Index) -> int | None:
        """The number of values of a key on one expression, if that is boolean or names no column; else None."""
        (expression,) = key.keys
        columns = deciding_columns(table, expression)
        if not columns:
            return 1
        ((_, type),) = self.introspection.result_columns(f"select {expression} from {qualified(table.name)}")
        if type != "boolean":
            return None
        not_null = [place for place, name in enumerate(columns) if table.column(name).not_null]
        rows = [row for row in self.combinations(table, columns) if all(row[place] is not None for place in not_null)]
        found = {answer for (answer,) in self.oracle.answers(table, columns, rows, [expression])}
        # There can be any number of rows for which it is NULL.
        return None if Answer.NULL in found and not key.nulls_not_distinct else len(found - {Answer.ERROR}) or None
