"""Pairs of rows, sorted by PostgreSQL: in conflict, differing in one element, or outside ``where``.

Raises :class:`~harness.kinds.subject.Unreliable` if a sort of pairs is never found.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.generation.exclusions import ColumnGroup, ExclusionElements, column_groups
from harness.kinds.base import Subject, Unreliable, Values
from harness.kinds.toolkit.predicate_sides import alone_outside
from harness.oracle import Answer
from harness.solver.rules import deciding_columns

RESIDENTS = 16
"""Rows that others are compared with."""

OTHERS = 48
"""Rows that differ from one of these in columns that belong together."""

VALUES = 12
"""Values of columns that belong together for which a pair in conflict is made away from all other rows."""


def residents(subject: Subject, exclusion: ExclusionElements) -> list[Resident]:
    """Returns the rows with the most sorts of other rows. Raises :class:`Unreliable` if a sort is never found."""
    groups = column_groups(subject.pools, subject.table, exclusion)
    parts = [_inside_first(subject, exclusion.where or "true", group) for group in groups]
    pairs = list(_pairs(parts, deciding_columns(subject.table, exclusion.where or "true")))
    columns = tuple(column for part in parts for column in part.columns)
    expressions = [expression for expression, _ in exclusion.elements]
    keys = [key.columns for key in subject.table.unique_keys if key.is_plain]
    decided = tuple(key for key in keys if set(key) <= {*columns})
    sorted_by_row: dict[tuple[str | None, ...], Resident] = {}
    for (one, other), answers in zip(pairs, _compared(subject, exclusion, columns, pairs), strict=True):
        sorted_by_row.setdefault(tuple(map(one.get, columns)), Resident(one, expressions, decided)).add(other, answers)
    found = [resident for resident in sorted_by_row.values() if resident.conflicting]
    if not found:
        raise Unreliable("no two rows found that conflict")
    for expression in expressions:
        if not any(resident.differing[expression] for resident in found):
            raise Unreliable(f"no two rows found that only {expression} keeps apart")
    if exclusion.where is not None and not any(resident.outside for resident in found):
        raise Unreliable(f"no conflicting rows found for which {exclusion.where} is not true")
    most = max(resident.sorts for resident in found)
    best = [resident for resident in found if resident.sorts == most]
    _add_pairs_elsewhere(subject, exclusion, parts, best)
    _add_rows_outside(subject, exclusion, columns, best)
    return best


def _inside_first(subject: Subject, where: str, group: ColumnGroup) -> ColumnGroup:
    """Puts those values in front for which ``where`` is true, in the group that decides it."""
    if not {*deciding_columns(subject.table, where)} & {*group.columns}:
        return group
    rows = [tuple(map(row.get, group.columns)) for row in group.rows]
    answers = subject.oracle.answers(subject.table, group.columns, rows, [where])
    both = zip(group.rows, answers, strict=True)
    return replace(group, rows=tuple(row for row, _ in sorted(both, key=lambda each: each[1] != (Answer.TRUE,))))


def _compared(
    subject: Subject, exclusion: ExclusionElements, columns: tuple[str, ...], pairs: Sequence[tuple[Values, Values]]
) -> Sequence[Sequence[Answer]]:
    """Asks PostgreSQL of each pair whether each element, and at last the ``where``, is true."""
    tuples = [(tuple(map(one.get, columns)), tuple(map(other.get, columns))) for one, other in pairs]
    return subject.oracle.pairs(subject.table, columns, tuples, exclusion.elements, exclusion.where)


def _add_pairs_elsewhere(
    subject: Subject, exclusion: ExclusionElements, parts: Sequence[ColumnGroup], found: Sequence[Resident]
) -> None:
    """Adds to each resident pairs that conflict with each other, for each of some values, and not with the resident."""
    foreign = subject.table.foreign_columns
    tried = [
        (resident, {**one, **row, **others}, {**other, **row, **others})
        for resident in found
        for others in [_other_references(parts, resident.row, foreign)]
        for part in parts
        for row in part.rows[:VALUES]
        for one, other in [(resident.row, each) for each in resident.unlike[:2]]
    ]
    columns = tuple(column for part in parts for column in part.columns)

    def conflicts(pairs: Sequence[tuple[Values, Values]]) -> list[bool]:
        return [all(answer is Answer.TRUE for answer in each) for each in _compared(subject, exclusion, columns, pairs)]

    each_other = conflicts([(one, other) for _, one, other in tried])
    first = conflicts([(resident.row, one) for resident, one, _ in tried])
    second = conflicts([(resident.row, other) for resident, _, other in tried])
    for (resident, one, other), *found_so in zip(tried, each_other, first, second, strict=True):
        if found_so == [True, False, False]:
            resident.elsewhere.append((one, other))


def _add_rows_outside(
    subject: Subject, exclusion: ExclusionElements, columns: tuple[str, ...], found: Sequence[Resident]
) -> None:
    """Puts rows in front of those outside ``where`` that only one of its conditions leaves there."""
    alone = alone_outside(subject, exclusion.where, [], None)
    for resident in found:
        pairs = [(resident.row, {**resident.row, **values}) for values in alone]
        others, resident.outside = resident.outside, []
        for (_, row), answers in zip(pairs, _compared(subject, exclusion, columns, pairs), strict=True):
            resident.add(row, answers)
        resident.outside += others


def _other_references(parts: Sequence[ColumnGroup], row: Values, foreign: frozenset[str]) -> Values:
    """Returns other values for foreign keys of a row, where nothing else decides them."""
    found: dict[str, str | None] = {}
    for part in parts:
        if set(part.columns) <= foreign:
            others = (other for other in part.rows if None not in other.values() and not other.items() <= row.items())
            found |= next(others, {})
    return found


class Resident:
    """A row, and other rows sorted by how they differ from it.

    ``keys`` are unique keys whose columns the rows have: they may refuse another row first.
    """

    def __init__(self, row: Values, expressions: Sequence[str], keys: Sequence[tuple[str, ...]]) -> None:
        self.row = row
        self._keys = keys
        self.conflicting: list[Values] = []
        self.outside: list[Values] = []
        self.elsewhere: list[tuple[Values, Values]] = []
        self.differing: dict[str, list[Values]] = {expression: [] for expression in expressions}

    def add(self, other: Values, answers: Sequence[Answer]) -> None:
        *elements, inside = answers
        different = [each for each, answer in zip(self.differing, elements, strict=True) if answer is not Answer.TRUE]
        if (different or inside is not Answer.TRUE) and self._has_key_of(other):
            return
        if inside is Answer.TRUE and len(different) == 1:
            self.differing[different[0]].append(other)
        elif not different:
            (self.conflicting if inside is Answer.TRUE else self.outside).append(other)

    def _has_key_of(self, other: Values) -> bool:
        """Whether a unique key refuses the other row, whatever the exclusion says of it."""
        keys = (key for key in self._keys if all(self.row[column] is not None for column in key))
        return any(all(self.row[column] == other[column] for column in key) for key in keys)

    @property
    def unlike(self) -> list[Values]:
        """The rows in conflict that are not the same row, so that no unique key refuses them; else all in conflict."""
        return [other for other in self.conflicting if other != self.row] or self.conflicting

    @property
    def free(self) -> list[Values]:
        return [other for others in self.differing.values() for other in others]

    @property
    def sorts(self) -> int:
        return sum(map(bool, (self.conflicting, self.outside, *self.differing.values())))


def _pairs(parts: Sequence[ColumnGroup], where: Sequence[str]) -> Iterator[tuple[Values, Values]]:
    """Yields pairs of rows that differ in one group of columns, neighbours first, and some that differ in several.

    Besides one group they also differ in the columns of ``where``: otherwise a unique key may be the same.
    """
    chance = random.Random(0)

    def joined(chosen: Sequence[Values]) -> Values:
        return {column: value for part in chosen for column, value in part.items()}

    for number in range(RESIDENTS):
        simple = number < RESIDENTS // 4
        base = [part.rows[number % len(part.rows)] if simple else chance.choice(part.rows) for part in parts]
        yield joined(base), joined(base)
        for place, part in enumerate(parts):
            near = [row for row in part.rows if row != base[place] and _ends(row) & _ends(base[place])]
            others = [row for row in part.rows if row not in near and row != base[place]]
            simple_ones, rest = others[: OTHERS // 4], others[OTHERS // 4 :]
            for row in [*near[: OTHERS // 2], *simple_ones, *chance.sample(rest, min(OTHERS // 4, len(rest)))]:
                changed = [*base[:place], row, *base[place + 1 :]]
                yield joined(base), joined(changed)
                for n, asked in enumerate(parts):
                    for other in asked.rows[:2] if n != place and {*where} & {*asked.columns} else ():
                        yield joined(base), joined([*changed[:n], other, *changed[n + 1 :]])
        for _ in range(OTHERS):
            both = zip(base, parts, strict=True)
            yield joined(base), joined([row if chance.random() < 0.5 else chance.choice(p.rows) for row, p in both])


def _ends(row: Values) -> set[str]:
    """Returns the values of a row, the two ends of a range by themselves: rows that share one touch."""
    return {end.strip('"') for value in row.values() if value for end in re.split(r"[\[\](),]", value)} - {""}
