"""Rows that are alike in all that no declared key has to keep apart: what refuses the second is no declared key."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import reject
from hypothesis.errors import UnsatisfiedAssumption

from harness.catalog.model import ForeignKey, Table
from harness.generation.draft import Draft
from harness.generation.exclusions import ExclusionElements
from harness.kinds.base import Subject
from harness.project.model import Values
from harness.solver.rules import Unfillable, deciding_columns, tied_columns

Columns = tuple[str, ...]

CHOICES = 64
"""Choices of one column of each key that are all tried; of more, a covering."""

TRIES = 4
"""Rows that are looked at for one that another refers to in place of its own."""

PATTERNS = 8
"""Sets of columns that rules let be there together."""


@dataclass(frozen=True)
class Key:
    """What keeps two rows apart: one of the ``elements`` has to differ, each decided by some columns.

    It holds for the rows for which ``where`` is true.
    """

    elements: tuple[Columns, ...]
    where: str | None = None

    @classmethod
    def all_of(cls, table: Table) -> tuple[Key, ...]:
        """The unique keys and the exclusions of a table."""
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
    keys: tuple[Key, ...]

    @property
    def choices(self) -> tuple[Columns, ...]:
        """Columns in which two of these rows have to differ, in as many ways as there are."""
        return differing([key.elements for key in self.keys if key.elements])


def regions(table: Table) -> tuple[Region, ...]:
    """All rows of a table; or, where keys hold for a part of them, those inside and those outside of each part."""
    keys = Key.all_of(table)
    wheres = dict.fromkeys(key.where for key in keys if key.where)
    if not wheres:
        return (Region("", (), keys),)
    inside = (Region(f" where {where}", (where,), keys) for where in wheres)
    outside = (
        Region(f" outside of {where}", (f"({where}) is not true",), tuple(key for key in keys if key.where != where))
        for where in wheres
    )
    return (*inside, *outside)


def differing(keys: Sequence[tuple[Columns, ...]]) -> tuple[Columns, ...]:
    """For each choice of one element of every key their columns; of too many, so that each column is left out once."""
    if math.prod(map(len, keys)) <= CHOICES:
        chosen: Iterator[tuple[Columns, ...]] = itertools.product(*keys)
    else:
        columns = dict.fromkeys(name for elements in keys for element in elements for name in element)
        chosen = (tuple(_avoiding(elements, column) for elements in keys) for column in columns)
    return tuple(dict.fromkeys(tuple(sorted({name for each in choice for name in each})) for choice in chosen))


def _avoiding(elements: tuple[Columns, ...], column: str) -> Columns:
    return next((element for element in elements if column not in element), elements[0])


def patterns(subject: Subject, also: tuple[str, ...]) -> tuple[Columns, ...]:
    """The largest sets of columns that rules let be there together: a key of NULLs keeps no rows apart.

    Raises :class:`~harness.solver.rules.Unfillable` if no row keeps the predicates ``also``.
    """
    table = subject.table
    found: list[list[Columns]] = []
    pooled: set[str] = set()
    for pool in subject.pools.of(table, also=also):
        pooled |= {*pool.columns}
        sets = dict.fromkeys(
            frozenset(name for name, value in zip(pool.columns, row, strict=True) if value is not None)
            for row in pool.rows
        )
        largest = [each for each in sets if not any(each < other for other in sets)]
        found.append([tuple(sorted(each)) for each in largest])
    free = tuple(column.name for column in table.columns if column.is_supplied and column.name not in pooled)
    count = min(max(map(len, found), default=1), PATTERNS)
    return tuple((*free, *(name for sets in found for name in sets[place % len(sets)])) for place in range(count))


def twin(subject: Subject, draft: Draft, row: Values, columns: Columns, also: tuple[str, ...]) -> Values | None:
    """A row that differs from another in these columns, and in as little else as rules and references let it.

    None if none was found.
    """
    for free in dict.fromkeys((columns, _tied_to(subject, columns))):
        fixed = {name: value for name, value in row.items() if name not in free}
        try:
            fixed |= _led_elsewhere(subject, draft, row, columns, fixed, also)
            for _ in range(TRIES):
                found = draft.row(subject.table.name, fixed, columns, also)
                alike = [name for name in columns if found[name] == row[name]]
                if subject.table.foreign_columns & {*alike}:
                    continue
                for name in alike:
                    found[name] = draft.other_value(subject.table.name, name, found)
                return found
        except UnsatisfiedAssumption:
            continue
    return None


def _led_elsewhere(
    subject: Subject, draft: Draft, row: Values, columns: Columns, fixed: Values, also: tuple[str, ...]
) -> dict[str, str | None]:
    """The columns that refer to rows, with the keys of others: but for those whose values rules have a say in."""
    if any(_leads_to_one(subject, key, columns, fixed) for key in subject.table.foreign_keys):
        reject()
    found: dict[str, str | None] = {}
    valued = {name for pool in subject.pools.of(subject.table, also=also) for name in pool.valued}
    for key in reversed(subject.table.widest_first):
        name = next((each for each in key.columns if each in columns and each not in found), None)
        if name is None or key.references is None or valued & {*key.columns}:
            continue
        pairs = key.pairs
        known = {referenced: fixed[own] for own, referenced in pairs if own in fixed}
        for _ in range(TRIES):
            parent = draft.existing_row(key.references, known) or draft.insert(key.references, known)
            if any(parent[referenced] != row[own] for own, referenced in pairs if own == name):
                break
        found |= {own: parent[referenced] for own, referenced in pairs if own in columns}
    return found


def _leads_to_one(subject: Subject, key: ForeignKey, columns: Columns, fixed: Values) -> bool:
    """Whether a reference is to change of which what stays the same leaves no other row."""
    if key.references is None or not {*key.columns} & {*columns}:
        return False
    kept = {to for own, to in key.pairs if fixed.get(own) is not None}
    return any({*each.columns} <= kept for each in subject.catalog.table(key.references).unique_keys if each.whole)


def _tied_to(subject: Subject, columns: Columns) -> Columns:
    """The columns, with those that rules and foreign keys tie to them."""
    table = subject.table
    groups = [*tied_columns(table, subject.pools.rules(table)), *(key.columns for key in table.foreign_keys)]
    found = {*columns}.union(*(group for group in groups if {*group} & {*columns}))
    return tuple(sorted(found))


def possible(subject: Subject) -> Iterator[tuple[Region, tuple[Columns, ...]]]:
    """The regions of the table that can have rows, each with its patterns."""
    for region in regions(subject.table):
        try:
            yield region, patterns(subject, region.also)
        except Unfillable:
            if not region.also:
                raise
