"""What the columns of a row have that lead nowhere: combinations from pools, free values, keys of its own."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from hypothesis import reject

from harness.catalog.model import Index, Table
from harness.generation.choices import Choices, Dealt, Draw, Drawn, Numbered, anything
from harness.generation.exclusions import apart
from harness.generation.kinship import Kinship
from harness.oracle import Tuple
from harness.project.model import NewRow, TableName, Values
from harness.solver.alike import alike, beside, untaken
from harness.solver.pool import Pool
from harness.solver.pools import Pools
from harness.values.types import nth

WIDEST = 40
"""Numbers that are drawn at once for one row."""

OTHERS = 8
"""Values that are tried on the server where no combination has what a row has."""

TRIES = 20
"""Numbers tried for a key before it counts as one that has no more."""


class Columns:
    """Draws them, so that no two rows have a unique key in common or are in each other's way."""

    def __init__(self, draw: Draw, pools: Pools, kinship: Kinship, rich: bool) -> None:
        self.choices: Choices = Drawn(draw, rich)
        self._draw = draw
        self._pools = pools
        self._kinship = kinship
        self._rich = rich
        self._dealt: Dealt | None = None
        self._keys: dict[tuple[TableName, str], set[Tuple]] = {}
        self._numbers = itertools.count(1)

    @contextmanager
    def chosen(self, table: Table, depth: int) -> Iterator[None]:
        """A row is chosen by numbers that are drawn at once, and each that only has to be there by one of them.

        That are those at a ``depth`` above the row that is wanted.
        """
        outer = self.choices
        if not self._rich:
            if not depth or self._dealt is None:
                self._dealt = Dealt(self._draw, min(len(table.columns), WIDEST))
            self.choices = Numbered(self._draw, self._dealt.number()) if depth else self._dealt
        try:
            yield
        finally:
            self.choices = outer

    def add(self, table: Table, row: NewRow) -> None:
        """A row is complete: no other one has its keys."""
        for key, columns in self._pools.keys(table):
            self._taken(table, key, columns).add(_key(row, columns))
        self._kinship.add(table.name, row)

    def value(self, table: Table, column: str, other_than: Mapping[str, str | None]) -> str | None:
        """A value for one column of a row that keeps all rules and differs from the one it has."""
        taken = {alike(other_than[column])}
        if any(columns == (column,) for _, columns in self._pools.keys(table)):
            taken |= {alike(row.get(column)) for row in self._kinship.rows(table.name)}
        return self._untaken(table, column, other_than, taken, self._pools.of(table))

    def nowhere(self, table: Table, column: str, row: Values, parent: Table, referenced: str) -> str | None:
        """A value for a column that keeps the rules beside what a row has, and that no row of a parent can have."""
        pool = next((pool for pool in self._pools.of(parent) if referenced in pool.columns), None)
        if pool is None:
            return self._numbered(parent, referenced)
        place = pool.columns.index(referenced)
        known = {alike(entry[place]) for entry in pool.rows} | self._pools.standing.values(parent, referenced)
        options = self._pools.candidates(table, column, self._pools.rules(table))
        free = tuple(value for value in options if value is not None and alike(value) not in known)
        own = next((pool for pool in self._pools.of(table) if column in pool.columns), None)
        rest = {name: row[name] for name in own.columns if name != column} if own else {}
        fitting = self._pools.fitting_beside(table, column, free[:OTHERS], rest)
        return self.choices.one_of(fitting) if fitting else None

    def combine(self, row: NewRow, pools: Sequence[Pool], present: tuple[str, ...]) -> None:
        """Values that rules tie together, beside those that the row has."""
        for pool in pools:
            fitting = pool.fitting(row, present) or pool.fitting_nulls(row, present)
            # What is fixed may lie outside the pool: the rest is then drawn as if it were not there.
            choice = self.choices.one_of(fitting or pool.rows)
            for column, value in zip(pool.columns, choice, strict=True):
                row.setdefault(column, value)

    def keep_apart(self, table: Table, row: NewRow) -> None:
        """Values that no other row of the scenario has, where an exclusion constraint keeps rows apart."""
        for groups in apart(self._pools, table):
            others = self._kinship.rows(table.name)
            foreign = table.foreign_columns & row.keys()
            siblings = [other for other in others if all(other.get(column) == row[column] for column in foreign)]
            # Where all are taken, one that no row of the same parents has.
            tried = ((options, beside) for beside in (others, siblings) for options in groups)
            free = next((free for options, beside in tried if (free := untaken(options, row, beside))), None)
            if free:
                row.update(self.choices.one_of(free))

    def key(
        self,
        table: Table,
        row: NewRow,
        fixed: NewRow,
        present: tuple[str, ...],
        pools: Sequence[Pool],
        numbered: bool,
    ) -> None:
        """Draws the columns that other tables refer to and that lead nowhere themselves."""
        referenced = [name for _, key in self._pools.catalog.referencing(table.name) for name in key.referenced_columns]
        names = [
            name
            for name in dict.fromkeys(referenced)
            if name not in row and name not in table.foreign_columns and table.column(name).is_supplied
        ]
        self.free(table, row, names, present, numbered)
        self.make_distinct(table, row, fixed, pools)

    def free(self, table: Table, row: NewRow, names: Sequence[str], present: tuple[str, ...], numbered: bool) -> None:
        """Draws columns that no rule ties to anything; if ``numbered``, keys have a number that no other row has."""
        for name in names:
            column = table.column(name)
            keyed = name in self._pools.keyed(table)
            optional = not column.identity and not column.not_null and name not in present
            known = self._numbered(table, name) if numbered and (keyed or column.identity) else None
            row[name] = known or self.choices.value(column, keyed, optional)

    def make_distinct(self, table: Table, row: NewRow, fixed: Values, pools: Sequence[Pool]) -> None:
        """Redraws one column of each unique key that another row has, of the scenario or of those that stand."""
        for key, columns in self._pools.keys(table):
            own = _key(row, columns)
            if None in own and not key.nulls_not_distinct:
                continue
            crowded = self._pools.crowded(table)
            stands = not crowded and self._pools.standing.taken(table, key, row)
            if not stands and own not in self._taken(table, key, columns):
                continue
            free = [column for column in columns if column not in table.foreign_columns and column not in fixed]
            if not free:
                # All of it is fixed: the row is meant to have the key of another.
                if all(column in fixed for column in columns):
                    continue
                reject()
            others = {alike(other[free[-1]]) for other in self._kinship.rows(table.name)}
            standing = frozenset() if crowded else self._pools.standing.keys(table, key)
            taken = others | beside(standing, own, columns.index(free[-1]))
            row[free[-1]] = self._untaken(table, free[-1], row, taken, pools, numbered=True)

    def _untaken(
        self,
        table: Table,
        column: str,
        row: Mapping[str, str | None],
        taken: Collection[str | None],
        pools: Sequence[Pool],
        numbered: bool = False,
    ) -> str | None:
        """A value for one column of a row that keeps the rules of the ``pools`` and is none of the ``taken`` ones.

        If ``numbered`` it is a plain one that takes no draw: where Hypothesis has put the same value in two places, it
        gives up on an example that then takes more draws.
        """
        pool = next((pool for pool in pools if column in pool.columns), None)
        if pool is None:
            drawn: Iterator[str | None] = (self._draw(anything(table.column(column), True, False)) for _ in range(1))
            numbers = (self._numbered(table, column) for _ in range(TRIES))
            options = itertools.chain(numbers, drawn) if numbered else itertools.chain(drawn, numbers)
            other = next((value for value in options if value and alike(value) not in taken), None)
            return other if other is not None else reject()
        index = pool.columns.index(column)
        rest = {name: row[name] for name in pool.columns if name != column}
        fitting = [each[index] for each in pool.fitting(rest, (column,)) if alike(each[index]) not in taken]
        if not fitting:
            # No combination has what the row has got from what it refers to, or there are few of them.
            found = dict.fromkeys(each[index] for each in pool.fitting({}, (column,)))
            free = [value for value in found if alike(value) not in taken]
            fitting = self._pools.fitting_beside(table, column, tuple(free[:OTHERS]), rest)
        return str(self.choices.one_of(fitting)) if fitting else reject()

    def _numbered(self, table: Table, name: str) -> str | None:
        """A value for the key of one more row, if its type has a plain one; no two tables have the same.

        Where many rows stand, most often numbered as well, it comes behind them.
        """
        count = self._pools.count(table)
        return nth(table.column(name), next(self._numbers) + (count if count > TRIES else 0))

    def _taken(self, table: Table, key: Index, columns: tuple[str, ...]) -> set[Tuple]:
        """The keys of the rows there are."""
        found = self._keys.get((table.name, key.name))
        if found is None:
            found = {_key(row, columns) for row in self._kinship.rows(table.name)}
            self._keys[table.name, key.name] = found
        return found


def _key(row: Values, columns: tuple[str, ...]) -> Tuple:
    return tuple(alike(row.get(column)) for column in columns)
