"""Values for the columns of exclusion constraints, with which drawn rows do not conflict.

Has the server compare pairs of rows. Not here: which of these values a row takes (``columns.py``).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.catalog.model import Table
from harness.oracle import Answer
from harness.probes.statement import identifier
from harness.project.model import Values
from harness.solver import Pools, deciding_columns, merged, normalized

ROWS = 400
"""Combinations of values for columns that belong together."""

SPREAD = 80
"""Combinations that are compared with each other to find some that never conflict."""


@dataclass(frozen=True)
class ExclusionElements:
    """The elements of an exclusion constraint: an expression on two rows, and the operator between them.

    Two rows conflict if all elements are true of them, and ``where`` is true of both.
    """

    elements: tuple[tuple[str, str], ...]
    where: str | None = None

    @classmethod
    def all_of(cls, table: Table) -> tuple[ExclusionElements, ...]:
        """The exclusion constraints, and the keys WITHOUT OVERLAPS, that a table has in the catalog."""
        indexes = {index.constraint: index for index in table.indexes if index.constraint}
        return tuple(
            cls(tuple(zip(indexes[each.name].keys, each.operators, strict=True)), indexes[each.name].predicate)
            for each in table.constraints
            if each.operators and each.name in indexes
        )

    @property
    def expressions(self) -> tuple[str, ...]:
        return (*(expression for expression, _ in self.elements), *([self.where] if self.where else []))


@dataclass(frozen=True)
class ColumnGroup:
    """Columns that a rule or an expression ties together, and values for them that keep all rules."""

    columns: tuple[str, ...]
    rows: tuple[Values, ...]


def column_groups(pools: Pools, table: Table, exclusion: ExclusionElements) -> list[ColumnGroup]:
    """The groups of the columns that decide an exclusion constraint.

    A column of a foreign key that no rule mentions has two values at most, and NULL: it only counts whether two rows
    have the same. Raises :class:`~harness.solver.rules.Unfillable`.
    """
    ruled = pools.of(table)
    sets = [set(deciding_columns(table, expression)) for expression in exclusion.expressions]
    about = set().union(*sets)
    sets += [set(pool.columns) for pool in ruled if about & set(pool.columns)]
    found = []
    for columns in merged(sets):
        own = (pool for pool in ruled if columns & set(pool.columns))
        parts = [[dict(zip(pool.columns, row, strict=True)) for row in pool.rows] for pool in own]
        tied = {column for pool in ruled for column in pool.columns}
        for column in table.columns:
            if column.name in columns - tied:
                values = [value for value in pools.finder.candidates(table, column.name, ()) if value is not None]
                most = 2 if column.name in table.foreign_columns else None
                nulls = [] if column.not_null else [None]
                parts.append([{column.name: value} for value in [*values[:most], *nulls]])
        names = tuple(column.name for column in table.columns if column.name in columns)
        found.append(ColumnGroup(names, tuple(_apart(pools, table, exclusion, _sampled(parts)))))
    return found


def _apart(pools: Pools, table: Table, exclusion: ExclusionElements, rows: list[Values]) -> list[Values]:
    """The combinations with no value that an existing row has in a column compared by ``=``; all if there are none."""
    if not pools.existing.count(table):
        return rows
    names = {text: each.name for each in table.columns for text in (each.name, identifier(each.name))}
    equal = (each for each, operator in exclusion.elements if operator.strip("()").endswith("="))
    columns = [names[each] for each in equal if each in names]
    taken = {column: pools.existing.values(table, column) - {None} for column in columns}
    apart = [row for row in rows if not any(normalized(row.get(column)) in taken[column] for column in columns)]
    return apart or rows


def compatible_values(pools: Pools, table: Table) -> tuple[tuple[tuple[Values, ...], ...], ...]:
    """For each exclusion constraint, alternative lists of values, those with the most values first.

    Rows with different values of one list do not conflict, whatever else they have.
    """
    return pools.cached(
        ("compatible values", table.name),
        lambda: tuple(_compatible_values(pools, table, each) for each in ExclusionElements.all_of(table)),
    )


def _compatible_values(pools: Pools, table: Table, exclusion: ExclusionElements) -> tuple[tuple[Values, ...], ...]:
    """A list of values for each group of columns without a foreign key; only lists with several values."""
    found: list[tuple[Values, ...]] = []
    for group in column_groups(pools, table, exclusion):
        elements = [each for each in exclusion.elements if set(deciding_columns(table, each[0])) & set(group.columns)]
        rows = [row for row in group.rows if all(value is not None for value in row.values())][:SPREAD]
        if elements and not table.foreign_columns & set(group.columns):
            found.append(_without_conflicts(pools, table, group.columns, rows, elements))
    return tuple(sorted((each for each in found if len(each) > 1), key=len, reverse=True))


def _without_conflicts(
    pools: Pools, table: Table, columns: tuple[str, ...], rows: list[Values], elements: list[tuple[str, str]]
) -> tuple[Values, ...]:
    """Rows of which no two conflict: repeatedly the one that conflicts with the fewest others."""
    tuples = [tuple(row[column] for column in columns) for row in rows]
    places = list(itertools.product(range(len(rows)), repeat=2))
    pairs = [(tuples[one], tuples[other]) for one, other in places]
    conflicts: dict[int, set[int]] = {place: set() for place in range(len(rows))}
    for (one, other), answers in zip(places, pools.oracle.pairs(table, columns, pairs, elements), strict=True):
        if all(answer is Answer.TRUE for answer in answers):
            conflicts[one].add(other)
            conflicts[other].add(one)
    kept: list[int] = []
    for place in sorted(conflicts, key=lambda place: (len(conflicts[place]), place)):
        if not conflicts[place] & {*kept}:
            kept.append(place)
    return tuple(rows[place] for place in sorted(kept))


def _sampled(parts: list[list[dict[str, str | None]]]) -> list[Values]:
    """Combinations of one entry of each part: all, or the simplest and a random sample that is always the same."""
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
