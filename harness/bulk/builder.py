"""Decides for one table which expression each column of its new rows has.

It takes a sequence, a combination of a pool, the key of a parent, or any value of the type. Decides which foreign keys
are NULL, and when a row refers to itself. Raises where a table cannot be filled.
Not here: what makes unique keys differ (``planning.py``), and the text of expressions (``series.py``, ``joins.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.bulk import series
from harness.bulk.context import BulkContext, nullable
from harness.bulk.inserting import ROW, InsertQuery
from harness.bulk.joins import ParentJoin, PoolJoin
from harness.catalog.model import ForeignKey, Table
from harness.probes.claims import claim_expressions
from harness.probes.statement import identifier
from harness.solver.rules import Unfillable, deciding_columns
from harness.values.types import Unsupported


@dataclass(frozen=True)
class TableRequest:
    """Asks for the rows ``first`` to ``last`` of a table. The foreign keys named ``absent`` are NULL.

    Columns of the foreign keys named ``given`` are left out: they refer to rows of the same statement.
    """

    table: Table
    first: int
    last: int
    absent: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        return self.last - self.first + 1


class InsertBuilder:
    """Chooses an expression for each column. What makes rows distinct may replace some of them afterwards.

    ``sequences`` are the columns that take the next value of a sequence, ``free`` the ones that no rule mentions.
    Raises :class:`~harness.solver.rules.Unfillable` and :class:`~harness.values.types.Unsupported`.
    """

    def __init__(self, context: BulkContext, request: TableRequest) -> None:
        self.context = context
        self.request = request
        self.table = request.table
        self.values: dict[str, str] = {}
        self.outer: dict[str, str] = {}
        self.pools: list[PoolJoin] = []
        self.parents: list[ParentJoin] = []
        self.sequences: set[str] = set()
        self.free: set[str] = set()
        self._use_sequences()
        null = {name for key in self.table.foreign_keys if self._is_null(key) for name in nullable(self.table, key)}
        self.values |= {name: f"null::{self.table.column(name).type}" for name in null}
        self._join_pools(null)
        self._join_parents()
        self._fill_the_rest()

    def query(self) -> InsertQuery:
        """The query for the rows, by all that was decided."""
        inner = {column.name: self.values[column.name] for column in self.table.columns if column.name in self.values}
        joins = [*(each.join(self.table) for each in self.pools), *(each.join() for each in self.parents)]
        checks = [check.expression for check in self.table.checks if check.expression]
        checks += self.context.bounds(self.table)
        rules = [f"({each}\n) is not false" for each in checks]
        suspected = [f"({each}\n) is not false" for each in checks if self._is_suspected(each)]
        hints = self.context.pools.hints(self.table.name)
        settings = claim_expressions({**hints.claims, **({"role": hints.as_} if hints.as_ else {})}, "harness_r")
        return InsertQuery(self.table, inner, self.outer, tuple(joins), tuple(rules), tuple(suspected), settings)

    def _use_sequences(self) -> None:
        for column in self.table.columns:
            if column.name not in self.table.foreign_columns and column.is_supplied:
                sequence = self.context.sequence(self.table, column)
                if sequence:
                    self.values[column.name] = sequence
                    self.sequences.add(column.name)

    def _is_null(self, key: ForeignKey) -> bool:
        """Whether a foreign key is NULL in all rows: if it was asked for, or if the parent has no rows yet."""
        if key.name in self.request.absent:
            return True
        if key.references == self.table.name or key.name in self.request.given:
            return False
        return bool(nullable(self.table, key)) and not self.context.count(self.context.catalog.table(key.references))

    def _join_pools(self, null: set[str]) -> None:
        present = {name for name in self.table.foreign_columns - null if self.table.column(name).not_null}
        for pool in self.context.pools_of(self.table):
            if {*pool.columns} <= self.sequences:
                continue
            joined = PoolJoin.of(len(self.pools), pool, null, present)
            if not joined.rows:
                names = ", ".join(name for name in pool.columns if name in null)
                raise Unfillable(f"no rows have been found that keep its rules while {names} is NULL")
            self.pools.append(joined)
            for name in pool.columns:
                if name not in self.sequences | null:
                    self.values[name] = joined.value(name)

    def _join_parents(self) -> None:
        """Sets the foreign keys, first those that may not be NULL, and wider ones before others that share columns."""
        keys = [key for key in self.table.foreign_keys if not self._is_null(key) and key.name not in self.request.given]
        needed = {key.name for key in keys if any(self.table.column(name).not_null for name in key.columns)}
        decided: set[str] = set()
        for key in sorted(keys, key=lambda key: (key.name not in needed, -len(key.columns), key.name)):
            own = tuple(name for name in key.columns if name not in decided)
            if not own:
                continue
            if key.references == self.table.name and not nullable(self.table, key):
                self._refer_to_itself({name: referenced for name, referenced in key.pairs if name in own})
            else:
                self._join_parent(key, own, decided)
            decided |= {*own}

    def _refer_to_itself(self, pairs: Mapping[str, str]) -> None:
        """Makes each row its own parent, as it needs one in its own table."""
        for name, referenced in pairs.items():
            self.values.pop(name, None)
            if name != referenced:
                self.outer[name] = f"{ROW}.{identifier(referenced)}"

    def _join_parent(self, key: ForeignKey, own: tuple[str, ...], decided: set[str]) -> None:
        parent = self.context.catalog.table(key.references)
        shared = {to: self.values[name] for name, to in key.pairs if name in decided and name in self.values}
        needed = any(self.table.column(name).not_null for name in own)
        joined = ParentJoin(len(self.parents), key, parent, own, shared, needed, self.context.count(parent))
        if not joined.total:
            raise Unfillable(f"{key.name} needs a row in {parent.name}, which has none")
        if not needed:
            # A pool may have decided whether the foreign key is NULL: then only the parent is still to be chosen.
            values = [pool.value(name) for pool in self.pools for name in own if name in pool.columns]
            present = " and ".join(f"{each} is not null" for each in values)
            joined.condition = present or f"{series.N} / {len(self.parents) + 1} % 5 <> 0"
        for name in own:
            value = joined.value(name)
            if needed and not self.table.column(name).not_null and any(name in pool.columns for pool in self.pools):
                value = f"case when {self.values.get(name)} is not null then {value} end"
            self.values[name] = value
        self.parents.append(joined)

    def _fill_the_rest(self) -> None:
        given = {name for key in self.table.foreign_keys if key.name in self.request.given for name in key.columns}
        for name in given - {name for parent in self.parents for name in parent.own}:
            self.values.pop(name, None)
        for column in self.table.columns:
            if column.name in self.values.keys() | self.outer.keys() | given or not column.is_supplied:
                continue
            try:
                self.values[column.name] = series.value(column, self.request.rows)
                self.free.add(column.name)
            except Unsupported:
                if column.not_null and column.default is None:
                    raise

    def _is_suspected(self, rule: str) -> bool:
        """Whether rows may break a rule, as values of sequences or parents replace those that a pool had for it."""
        replaced = self.sequences | {name for parent in self.parents for name in parent.own} | {*self.outer}
        valued = {name for pool in self.context.pools_of(self.table) for name in pool.valued}
        return bool({*deciding_columns(self.table, rule)} & replaced & (valued | self.sequences | {*self.outer}))
