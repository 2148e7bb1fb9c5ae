"""Pairs of rows that differ only in some columns of each declared key, so that none refuses them.

Decides in which sets of columns two rows differ, and of too many sets which are tried.
Not here: which rules are undeclared (``proving/undeclared.py``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import reject
from hypothesis.errors import UnsatisfiedAssumption

from harness.catalog.model import ForeignKey, Table
from harness.generation.exclusions import ExclusionElements
from harness.kinds.base import Draft, NewRow, Subject, Values
from harness.solver.rules import Unfillable, deciding_columns, tied_columns

ColumnNames = tuple[str, ...]

CHOICES = 64
"""Choices of one column of each key that are all tried; of more, some that cover each column."""

TRIES = 4
"""Parents that are drawn to find another one than the row's own."""

PATTERNS = 8
"""Sets of columns that rules let be not NULL together."""


@dataclass(frozen=True)
class DistinctRule:
    """A unique key or an exclusion: two rows have to differ in one of the ``elements``, each decided by some columns.

    It holds for the rows for which ``where`` is true.
    """

    elements: tuple[ColumnNames, ...]
    where: str | None = None

    @classmethod
    def all_of(cls, table: Table) -> tuple[DistinctRule, ...]:
        """Returns the unique keys and the exclusions of a table."""
        keys = [(index.expressions, index.predicate) for index in table.unique_keys]
        exclusions = [
            (tuple(each for each, _ in known.elements), known.where) for known in ExclusionElements.all_of(table)
        ]
        found = (
            (tuple(deciding_columns(table, each) for each in elements), where) for elements, where in keys + exclusions
        )
        return tuple(cls(tuple(each for each in elements if each), where) for elements, where in found)


@dataclass(frozen=True)
class Region:
    """The rows for which the predicates ``also`` hold, by a ``name``, and the keys that hold for them."""

    name: str
    also: tuple[str, ...]
    keys: tuple[DistinctRule, ...]

    @property
    def choices(self) -> tuple[ColumnNames, ...]:
        """Returns all sets of columns in which two of these rows may differ so that no key refuses them."""
        return differing([key.elements for key in self.keys if key.elements])


def regions(table: Table) -> tuple[Region, ...]:
    """Returns all rows of a table as a region; where keys have a ``where``, the rows inside and outside of each."""
    keys = DistinctRule.all_of(table)
    wheres = dict.fromkeys(key.where for key in keys if key.where)
    if not wheres:
        return (Region("", (), keys),)
    outside = (
        Region(f" outside of {where}", (f"({where}) is not true",), tuple(key for key in keys if key.where != where))
        for where in wheres
    )
    return (*(Region(f" where {where}", (where,), keys) for where in wheres), *outside)


def differing(keys: Sequence[tuple[ColumnNames, ...]]) -> tuple[ColumnNames, ...]:
    """Returns the columns for each choice of one element of every key.

    Of too many choices it returns those that leave out each column once.
    """
    if math.prod(map(len, keys)) <= CHOICES:
        chosen: Iterator[tuple[ColumnNames, ...]] = itertools.product(*keys)
    else:
        columns = dict.fromkeys(name for elements in keys for element in elements for name in element)
        chosen = (
            tuple(next((each for each in elements if column not in each), elements[0]) for elements in keys)
            for column in columns
        )
    return tuple(dict.fromkeys(tuple(sorted({name for each in choice for name in each})) for choice in chosen))


def patterns(subject: Subject, also: tuple[str, ...]) -> tuple[ColumnNames, ...]:
    """Returns the largest sets of columns that rules let be not NULL together: a key with NULL refuses no row.

    Raises :class:`~harness.solver.rules.Unfillable` if no row keeps the predicates ``also``.
    """
    table = subject.table
    found: list[list[ColumnNames]] = []
    pooled: set[str] = set()
    for pool in subject.pools.of(table, also=also):
        pooled |= {*pool.columns}
        sets = dict.fromkeys(
            frozenset(name for name, value in zip(pool.columns, row, strict=True) if value is not None)
            for row in pool.rows
        )
        found.append([tuple(sorted(each)) for each in sets if not any(each < other for other in sets)])
    free = tuple(column.name for column in table.columns if column.is_supplied and column.name not in pooled)
    count = min(max(map(len, found), default=1), PATTERNS)
    return tuple((*free, *(name for sets in found for name in sets[place % len(sets)])) for place in range(count))


def similar_row(
    subject: Subject, draft: Draft, row: Values, columns: ColumnNames, also: tuple[str, ...]
) -> Values | None:
    """Draws a row that differs from another in these columns and in as few others as possible; None if it fails."""
    for free in dict.fromkeys((columns, _tied_to(subject, columns))):
        fixed = {name: value for name, value in row.items() if name not in free}
        try:
            fixed |= _other_parents(subject, draft, row, columns, fixed, also)
            for _ in range(TRIES):
                found = draft.row(subject.table.name, fixed, columns, also)
                same = [name for name in columns if found[name] == row[name]]
                if subject.table.foreign_columns & {*same}:
                    continue
                for name in same:
                    found[name] = draft.other_value(subject.table.name, name, found)
                return found
        except UnsatisfiedAssumption:
            continue
    return None


def _other_parents(
    subject: Subject, draft: Draft, row: Values, columns: ColumnNames, fixed: Values, also: tuple[str, ...]
) -> NewRow:
    """Returns foreign keys that refer to other parents, unless rules decide their values."""
    if any(_has_one_parent(subject, key, columns, fixed) for key in subject.table.foreign_keys):
        reject()
    found: NewRow = {}
    valued = {name for pool in subject.pools.of(subject.table, also=also) for name in pool.valued}
    for key in reversed(subject.table.widest_first):
        pairs = key.equal_pairs
        name = next((each for each, _ in pairs if each in columns and each not in found), None)
        # A key to the same parent by more columns decides this one.
        wider = any(
            key.is_part_of(other) and all(fixed.get(each, "") is not None for each in other.columns)
            for other in subject.table.foreign_keys
        )
        if name is None or wider or valued & {*key.columns}:
            continue
        known = dict(subject.pools.hints(subject.table.name).parent_values(key.columns))
        known |= {referenced: fixed[own] for own, referenced in pairs if own in fixed}
        for _ in range(TRIES):
            parent = draft.existing_row(key.references, known) or draft.insert_parent(key, known)
            if any(parent[referenced] != row[own] for own, referenced in pairs if own == name):
                break
        found |= {own: parent[referenced] for own, referenced in pairs if own in columns}
    return found


def _has_one_parent(subject: Subject, key: ForeignKey, columns: ColumnNames, fixed: Values) -> bool:
    """Whether a foreign key has to change, but its fixed columns are a key of the parent, so that no other exists."""
    if not {own for own, _ in key.equal_pairs} & {*columns}:
        return False
    kept = {to for own, to in key.pairs if fixed.get(own) is not None}
    return any({*each.columns} <= kept for each in subject.catalog.table(key.references).unique_keys if each.is_plain)


def _tied_to(subject: Subject, columns: ColumnNames) -> ColumnNames:
    """Returns the columns, with those that rules and foreign keys tie to them."""
    table = subject.table
    groups = [*tied_columns(table, subject.pools.rules(table)), *(key.columns for key in table.foreign_keys)]
    return tuple(sorted({*columns}.union(*(group for group in groups if {*group} & {*columns}))))


def possible(subject: Subject) -> Iterator[tuple[Region, tuple[ColumnNames, ...]]]:
    """Yields the regions of the table that can have rows, each with its patterns."""
    for region in regions(subject.table):
        try:
            yield region, patterns(subject, region.also)
        except Unfillable:
            if not region.also:
                raise
