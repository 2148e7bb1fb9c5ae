"""Rows that an exclusion constraint keeps apart: the values it is about, and those that never meet."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.catalog.model import Table
from harness.oracle import Answer
from harness.project.model import Values
from harness.solver.pools import Pools
from harness.solver.rules import supplied

ROWS = 400
"""Combinations of values for columns that belong together."""

SPREAD = 80
"""Of these, how many are compared with each other to find some that never meet."""


@dataclass(frozen=True)
class ExclusionElements:
    """No two rows for which every element is true: an expression on both, and the operator between them."""

    elements: tuple[tuple[str, str], ...]
    where: str | None = None

    @classmethod
    def all_of(cls, table: Table) -> tuple[ExclusionElements, ...]:
        """The exclusion constraints that a table has in the catalog."""
        indexes = {index.constraint: index for index in table.indexes if index.constraint}
        return tuple(
            cls(tuple(zip(indexes[each.name].keys, each.operators, strict=True)), indexes[each.name].predicate)
            for each in table.exclusions
            if each.name in indexes
        )

    @property
    def expressions(self) -> tuple[str, ...]:
        return (*(expression for expression, _ in self.elements), *([self.where] if self.where else []))


@dataclass(frozen=True)
class Group:
    """Columns that belong together, by a rule or an expression, and values for them that keep all rules."""

    columns: tuple[str, ...]
    rows: tuple[Values, ...]


def groups(pools: Pools, table: Table, exclusion: ExclusionElements) -> list[Group]:
    """The groups of the columns that decide an exclusion.

    Of a foreign key's column that no rule mentions there are two values at most, and NULL: it only counts whether two
    rows have the same. Raises :class:`~harness.solver.pools.Unfillable`.
    """
    ruled = pools.of(table)
    sets = [set(supplied(table, expression)) for expression in exclusion.expressions]
    about = set().union(*sets)
    sets += [set(pool.columns) for pool in ruled if about & set(pool.columns)]
    found = []
    for columns in _merged(sets):
        parts: list[list[dict[str, str | None]]] = []
        for pool in ruled:
            if columns & set(pool.columns):
                parts.append([dict(zip(pool.columns, row, strict=True)) for row in pool.rows])
        tied = {column for pool in ruled for column in pool.columns}
        for column in table.columns:
            if column.name in columns - tied:
                values = [value for value in pools.candidates(table, column.name, ()) if value is not None]
                foreign = any(column.name in key.columns for key in table.foreign_keys)
                nulls = [] if column.not_null else [None]
                parts.append([{column.name: value} for value in [*values[: 2 if foreign else None], *nulls]])
        names = tuple(column.name for column in table.columns if column.name in columns)
        found.append(Group(names, tuple(_sampled(parts))))
    return found


def apart(pools: Pools, table: Table) -> tuple[tuple[tuple[Values, ...], ...], ...]:
    """For each exclusion constraint, values for some columns that keep rows out of each other's way.

    Each of several groups of columns will do, and the ones with the most values come first.
    """
    return pools.remembered(
        ("apart", table.name), lambda: tuple(spread(pools, table, each) for each in ExclusionElements.all_of(table))
    )


def spread(pools: Pools, table: Table, exclusion: ExclusionElements) -> tuple[tuple[Values, ...], ...]:
    """Values for groups of the columns: rows with different ones of a group never are in each other's way.

    Empty where only a reference could keep rows apart.
    """
    foreign = table.foreign_columns
    groups_apart: list[tuple[Values, ...]] = []
    for group in groups(pools, table, exclusion):
        elements = [each for each in exclusion.elements if set(supplied(table, each[0])) & set(group.columns)]
        rows = [row for row in group.rows if all(value is not None for value in row.values())][:SPREAD]
        if elements and not foreign & set(group.columns):
            groups_apart.append(_apart(pools, table, group.columns, rows, elements))
    several = [each for each in groups_apart if len(each) > 1]
    return tuple(sorted(several, key=len, reverse=True))


def _apart(
    pools: Pools, table: Table, columns: tuple[str, ...], rows: list[Values], elements: list[tuple[str, str]]
) -> tuple[Values, ...]:
    """Rows no two of which meet: always the next one that meets the fewest others."""
    tuples = [tuple(row[column] for column in columns) for row in rows]
    places = list(itertools.product(range(len(rows)), repeat=2))
    pairs = [(tuples[one], tuples[other]) for one, other in places]
    meeting: dict[int, set[int]] = {place: set() for place in range(len(rows))}
    for (one, other), answers in zip(places, pools.oracle.pairs(table, columns, pairs, elements), strict=True):
        if all(answer is Answer.TRUE for answer in answers):
            meeting[one].add(other)
            meeting[other].add(one)
    kept: list[int] = []
    for place in sorted(meeting, key=lambda place: (len(meeting[place]), place)):
        if not meeting[place] & {*kept}:
            kept.append(place)
    return tuple(rows[place] for place in sorted(kept))


def _merged(sets: Iterable[set[str]]) -> list[set[str]]:
    merged: list[set[str]] = []
    for each in filter(None, sets):
        touching = [other for other in merged if other & each]
        merged = [other for other in merged if not other & each]
        merged.append(each.union(*touching))
    return merged


def _sampled(parts: list[list[dict[str, str | None]]]) -> list[Values]:
    """Combinations of one entry of each part: all, or some of the simplest and others at random, always the same."""
    chosen: Iterable[Sequence[dict[str, str | None]]] = itertools.product(*parts)
    if math.prod(map(len, parts)) > ROWS:
        chance = random.Random(0)
        simple = itertools.islice(chosen, ROWS // 8)
        chosen = itertools.chain(simple, ([chance.choice(part) for part in parts] for _ in range(ROWS)))
    rows: dict[tuple[str | None, ...], Values] = {}
    for entries in chosen:
        row = {column: value for entry in entries for column, value in entry.items()}
        rows.setdefault(tuple(row.values()), row)
    return list(rows.values())[:ROWS]
