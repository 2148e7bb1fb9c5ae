"""Values of columns that refer to nothing: combinations from pools, free values, the row's own keys.

Decides which combination of a pool fits a row, and which column gets another value where the row would repeat a unique
key, of a drawn row or of an existing one, or conflict by an exclusion. Gives up the example if no value is left.
Not here: foreign keys (``parents.py``), and what the pools contain (``solver``).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from hypothesis import reject

from harness.catalog.model import Index, Table
from harness.generation.choices import (
    BatchedChoices,
    Choices,
    DirectChoices,
    Draw,
    SeededChoices,
    any_value,
    any_value_or_null,
)
from harness.generation.exclusions import compatible_values
from harness.generation.row_graph import PendingRow, RowGraph
from harness.probes.statement import Computed, identifier
from harness.project.model import NewRow, Tuple, Values
from harness.solver import Memo, Pool, Pools, Unfillable, deciding_columns, normalized
from harness.values.types import nth

WIDEST = 40
"""Numbers that are drawn at once for one row."""

OTHERS = 8
"""Values that are tried on the server where no combination of a pool has what a row has."""

TRIES = 20
"""Numbers tried for a key before it counts as one that has no more."""


class ColumnValues:
    """Draws values so that no two rows share a unique key or violate an exclusion constraint.

    If ``rich``, each value is drawn by itself, from all that its type has.
    """

    def __init__(self, draw: Draw, pools: Pools, graph: RowGraph, *, rich: bool) -> None:
        self.choices: Choices = DirectChoices(draw)
        self._draw = draw
        self._pools = pools
        self._graph = graph
        self._rich = rich
        self._batched: BatchedChoices | None = None
        self._memo = Memo()
        self._numbers = itertools.count(1)

    @contextmanager
    def choosing(self, table: Table, depth: int) -> Iterator[None]:
        """Has a row chosen by numbers that are drawn at once, and each of its ancestors (``depth`` > 0) by one."""
        outer = self.choices
        if not self._rich:
            if not depth or self._batched is None:
                self._batched = BatchedChoices(self._draw, min(len(table.columns), WIDEST))
            self.choices = SeededChoices(self._batched.number()) if depth else self._batched
        try:
            yield
        finally:
            self.choices = outer

    def add(self, table: Table, row: NewRow) -> None:
        """Takes a complete row in: no other row may have its keys."""
        for key, columns in self._pools.keys(table):
            self._taken(table, key, columns).add(_key(row, columns))
        self._graph.add(table.name, row)

    def other_value(self, table: Table, column: str, row: Values, also: tuple[str, ...] = ()) -> str | None:
        """A value other than the row's own, with which the row keeps all rules and the predicates ``also``."""
        taken = {normalized(row[column])}
        if any(columns == (column,) for _, columns in self._pools.keys(table)):
            taken |= {normalized(each.get(column)) for each in self._graph.rows(table.name)}
        options = itertools.chain(self._one_draw(table, column), self._several_numbers(table, column))
        found = self._untaken(table, column, row, taken, self._pools.of(table, also), options)
        return found if found is not None else reject()

    def missing_key(self, table: Table, column: str, row: Values, parent: Table, referenced: str) -> str | None:
        """A value with which a row keeps the rules, and that no row of the parent can have; None if there is none."""
        pool = next((pool for pool in self._pools.of(parent) if referenced in pool.columns), None)
        own = next((pool for pool in self._pools.of(table) if column in pool.columns), None)
        if pool is None:
            # The row's rules ask for certain values then, and the parents are those.
            return None if own else self._numbered(parent, referenced)
        known = {*map(normalized, pool.of_column(referenced))} | self._pools.existing.values(parent, referenced)
        options = self._pools.finder.candidates(table, column, self._pools.rules(table))
        free = tuple(value for value in options if value is not None and normalized(value) not in known)
        rest = {name: row[name] for name in own.columns if name != column} if own else {}
        fitting = self._pools.valid_values(table, column, free[:OTHERS], rest)
        return self.choices.one_of(fitting) if fitting else None

    def combine(self, pending: PendingRow) -> None:
        """Chooses a combination of each pool that goes with the values of the row."""
        for pool in pending.pools:
            fitting = pool.fitting(pending.row, pending.present) or pool.fitting_nulls(pending.row, pending.present)
            # Fixed values may lie outside the pool: the others are then chosen as if they were not there.
            for column, value in zip(pool.columns, self.choices.one_of(fitting or pool.rows), strict=True):
                pending.row.setdefault(column, value)

    def avoid_exclusions(self, table: Table, row: NewRow) -> None:
        """Chooses values that no other row of the scenario has, where an exclusion constraint compares rows."""
        for groups in compatible_values(self._pools, table):
            others = self._graph.rows(table.name)
            foreign = table.foreign_columns & row.keys()
            siblings = [other for other in others if all(other.get(column) == row[column] for column in foreign)]
            # Where all are taken, values that no row of the same parents has.
            tried = ((options, rows) for rows in (others, siblings) for options in groups)
            free = next((free for options, rows in tried if (free := _unused(options, row, rows))), None)
            if free:
                row.update(self.choices.one_of(free))

    def compute(self, pending: PendingRow) -> None:
        """Has the generated columns that are references, or are referred to, and draws what they are computed from."""
        table, row = pending.table, pending.row
        for name in self._pools.computed(table):
            sources = deciding_columns(table, identifier(name))
            self.fill(pending, [each for each in sources if each not in (*row, *table.foreign_columns)], "drawn")
            value = self._pools.value_of(table, name, row)
            row.pop(name, None)
            if value is not None:
                row[name] = Computed(value)

    def own_key(self, pending: PendingRow) -> None:
        """Draws the columns that other tables refer to, unless a parent outside of all circles decides them."""
        table, circular = pending.table, self._pools.circular
        referenced = [name for _, key in self._pools.catalog.referencing(table.name) for name in key.referenced_columns]
        decided = {
            name
            for key in table.foreign_keys
            for name in key.columns
            if key.references not in circular or key.references == table.name or table.nullable(key.columns)
        }
        names = [
            name
            for name in dict.fromkeys(referenced)
            if name not in pending.row and name not in decided and table.column(name).is_supplied
        ]
        pending.keyed |= table.foreign_columns.intersection(names)
        self.fill(pending, names, "numbered" if pending.depth else "drawn")
        self.make_distinct(pending)

    def fill(self, pending: PendingRow, names: Sequence[str], keys: Literal["numbered", "drawn"]) -> None:
        """Draws columns that no rule mentions. A key that is ``numbered`` is a number that no other row has."""
        table = pending.table
        for name in names:
            column = table.column(name)
            nullable = not column.identity and not column.not_null and name not in pending.present
            if name in self._pools.unique_columns(table) or column.identity:
                number = self._numbered(table, name) if keys == "numbered" else None
                value = number or self._draw(any_value_or_null(column) if nullable else any_value(column))
            else:
                value = self.choices.value(column, nullable=nullable)
            pending.row[name] = value

    def make_distinct(self, pending: PendingRow) -> None:
        """Redraws one column of each unique key that another row has, in the scenario or in the table."""
        table, row, fixed = pending.table, pending.row, pending.fixed
        for key, columns in self._pools.keys(table):
            own = _key(row, columns)
            if None in own and not key.nulls_not_distinct:
                continue
            half_full = self._pools.is_half_full(table)
            exists = not half_full and self._pools.existing.has_key(table, key, row)
            if not exists and own not in self._taken(table, key, columns):
                continue
            if key.predicate and not self._pools.capacities.is_true(table, key.predicate, row):
                continue
            others = self._inside(table, key)
            if not exists and all(_key(other, columns) != own for other in others):
                continue
            sources = dict.fromkeys(each for name in columns for each in deciding_columns(table, identifier(name)))
            free = [column for column in sources if column not in table.foreign_columns and column not in fixed]
            if not free:
                # All of it is fixed: the row is meant to have the key of another.
                if all(column in fixed for column in sources):
                    continue
                reject()
            column = free[-1]
            taken = {normalized(other[column]) for other in others}
            if not half_full and column in columns:
                taken |= _values_beside(self._pools.existing.keys(table, key), own, columns.index(column))
            # A number takes no draw: where Hypothesis has put the same value in two places, it gives up on an example
            # that then takes more draws.
            options = itertools.chain(self._several_numbers(table, column), self._one_draw(table, column))
            other_value = self._untaken(table, column, row, taken, pending.pools, options)
            if other_value is not None:
                row[column] = other_value
                self.compute(pending)
                if column not in columns and _key(row, columns) in self._taken(table, key, columns):
                    reject()
            elif not key.predicate or not self._leave(pending, key.predicate):
                reject()

    def _inside(self, table: Table, key: Index) -> list[NewRow]:
        """The rows of the scenario that a unique key is about."""
        rows = self._graph.rows(table.name)
        return [row for row in rows if not key.predicate or self._pools.capacities.is_true(table, key.predicate, row)]

    def _leave(self, pending: PendingRow, predicate: str) -> bool:
        """Gives a row other values with which a unique key is not about it; False if there are none."""
        table, row = pending.table, pending.row
        try:
            pools = self._pools.of(table, (f"({predicate}\n) is not true",))
        except Unfillable:
            return False
        names = deciding_columns(table, predicate)
        for pool in (each for each in pools if {*names} & {*each.columns}):
            kept = {*pending.fixed, *table.foreign_columns}
            fitting = pool.fitting({name: row[name] for name in pool.columns if name in kept}, pending.present)
            if not fitting:
                return False
            row.update(zip(pool.columns, self.choices.one_of(fitting), strict=True))
        return True

    def _untaken(
        self,
        table: Table,
        column: str,
        row: Values,
        taken: Collection[str | None],
        pools: Sequence[Pool],
        options: Iterable[str | None],
    ) -> str | None:
        """A value of a column that keeps the rules of the ``pools`` and is not ``taken``; None if there is none.

        It is one of the ``options`` where no pool has the column.
        """
        pool = next((pool for pool in pools if column in pool.columns), None)
        if pool is None:
            return next((value for value in options if value and normalized(value) not in taken), None)
        index = pool.columns.index(column)
        rest = {name: row[name] for name in pool.columns if name != column}
        fitting = [each[index] for each in pool.fitting(rest, (column,)) if normalized(each[index]) not in taken]
        if not fitting:
            # No combination goes with the parents' values in the row, or there are few of them.
            found = dict.fromkeys(each[index] for each in pool.fitting({}, (column,)))
            free = [value for value in found if normalized(value) not in taken]
            fitting = self._pools.valid_values(table, column, tuple(free[:OTHERS]), rest)
        return str(self.choices.one_of(fitting)) if fitting else None

    def _one_draw(self, table: Table, column: str) -> Iterator[str]:
        yield self._draw(any_value(table.column(column)))

    def _several_numbers(self, table: Table, column: str) -> Iterator[str | None]:
        return (self._numbered(table, column) for _ in range(TRIES))

    def _numbered(self, table: Table, name: str) -> str | None:
        """A plain value that no other key has, in no table; None if the column's type has none.

        Where many rows exist, most often numbered as well, it comes behind them.
        """
        count = self._pools.existing.count(table)
        return nth(table.column(name), next(self._numbers) + (count if count > TRIES else 0))

    def _taken(self, table: Table, key: Index, columns: tuple[str, ...]) -> set[Tuple]:
        """The values of a unique key in all rows of the scenario."""
        return self._memo((table.name, key.name), lambda: {_key(row, columns) for row in self._graph.rows(table.name)})


def _key(row: Values, columns: tuple[str, ...]) -> Tuple:
    return tuple(normalized(row.get(column)) for column in columns)


def _values_beside(keys: Iterable[Tuple], own: Tuple, place: int) -> set[str | None]:
    """The values at one place of the keys that are equal to ``own`` at all other places."""
    return {key[place] for key in keys if key[:place] == own[:place] and key[place + 1 :] == own[place + 1 :]}


def _unused(options: Iterable[Values], row: Values, others: Iterable[Values]) -> list[Values]:
    """The options that agree with the values of a row and that none of the others has."""
    fitting = (each for each in options if all(row.get(column, value) == value for column, value in each.items()))
    return [each for each in fitting if not any(each.items() <= other.items() for other in others)]
