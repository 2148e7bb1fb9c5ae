"""Pairs of rows, sorted by PostgreSQL: in conflict, kept apart by one element of an exclusion, or outside of it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from harness.generation.exclusions import ColumnGroup, ExclusionElements, column_groups
from harness.kinds.base import Subject, Unreliable
from harness.oracle import Answer
from harness.project.model import Values
from harness.solver.rules import deciding_columns

RESIDENTS = 16
"""Rows that others are compared with."""

OTHERS = 48
"""Rows that differ from one of these in columns that belong together."""


VALUES = 12
"""Values of columns that belong together for which two rows are put in conflict apart from all others."""


def residents(subject: Subject, exclusion: ExclusionElements) -> list[Resident]:
    """Rows with others of all sorts beside them. Raises :class:`Unreliable` if none of a sort are found."""
    parts = column_groups(subject.pools, subject.table, exclusion)
    columns = tuple(column for part in parts for column in part.columns)
    pairs = list(_pairs(parts, deciding_columns(subject.table, exclusion.where or "true")))
    tuples = [(tuple(map(one.get, columns)), tuple(map(other.get, columns))) for one, other in pairs]
    answers = subject.oracle.pairs(subject.table, columns, tuples, exclusion.elements, exclusion.where)
    expressions = [expression for expression, _ in exclusion.elements]
    keys = [key.columns for key in subject.table.unique_keys if key.whole]
    decided = tuple(key for key in keys if set(key) <= {*columns})
    sorted_by_row: dict[tuple[str | None, ...], Resident] = {}
    for (one, other), (values, _), verdict in zip(pairs, tuples, answers, strict=True):
        sorted_by_row.setdefault(values, Resident(one, expressions, decided)).add(other, verdict)
    found = [resident for resident in sorted_by_row.values() if resident.conflicting]
    if not found:
        raise Unreliable("no two rows found that conflict")
    for expression in expressions:
        if not any(resident.apart[expression] for resident in found):
            raise Unreliable(f"no two rows found that only {expression} keeps apart")
    if exclusion.where is not None and not any(resident.outside for resident in found):
        raise Unreliable(f"no conflicting rows found for which {exclusion.where} is not true")
    most = max(resident.sorts for resident in found)
    best = [resident for resident in found if resident.sorts == most]
    _vary(subject, exclusion, parts, best)
    return best


def _vary(
    subject: Subject, exclusion: ExclusionElements, parts: Sequence[ColumnGroup], found: Sequence[Resident]
) -> None:
    """Gives each resident pairs in conflict elsewhere: with each value of a short list, and out of its own way."""
    table = subject.table
    foreign = table.foreign_columns
    tried = [
        (resident, {**one, **row, **others}, {**other, **row, **others})
        for resident in found
        for others in [_elsewhere(parts, resident.row, foreign)]
        for part in parts
        for row in part.rows[:VALUES]
        for one, other in [(resident.row, each) for each in resident.unlike[:2]]
    ]
    columns = tuple(column for part in parts for column in part.columns)

    def conflicts(pairs: Sequence[tuple[Values, Values]]) -> list[bool]:
        tuples = [(tuple(map(one.get, columns)), tuple(map(other.get, columns))) for one, other in pairs]
        answers = subject.oracle.pairs(table, columns, tuples, exclusion.elements, exclusion.where)
        return [all(answer is Answer.TRUE for answer in each) for each in answers]

    expected = conflicts([(one, other) for _, one, other in tried])
    first = conflicts([(resident.row, one) for resident, one, _ in tried])
    second = conflicts([(resident.row, other) for resident, _, other in tried])
    for (resident, one, other), *verdict in zip(tried, expected, first, second, strict=True):
        if verdict == [True, False, False]:
            resident.elsewhere.append((one, other))


def _elsewhere(parts: Sequence[ColumnGroup], row: Values, foreign: frozenset[str]) -> Values:
    """Other references than a row has, where nothing but the reference decides them."""
    found: dict[str, str | None] = {}
    for part in parts:
        if set(part.columns) <= foreign:
            others = (other for other in part.rows if None not in other.values() and not other.items() <= row.items())
            found |= next(others, {})
    return found


class Resident:
    """A row, and others sorted by what they are to it; of ``keys``, unique ones, these rows say all."""

    def __init__(self, row: Values, expressions: Sequence[str], keys: Sequence[tuple[str, ...]]) -> None:
        self.row = row
        self._keys = keys
        self.conflicting: list[Values] = []
        self.outside: list[Values] = []
        self.elsewhere: list[tuple[Values, Values]] = []
        self.apart: dict[str, list[Values]] = {expression: [] for expression in expressions}

    def add(self, other: Values, answers: Sequence[Answer]) -> None:
        *elements, inside = answers
        different = [each for each, answer in zip(self.apart, elements, strict=True) if answer is not Answer.TRUE]
        if (different or inside is not Answer.TRUE) and self._has_key_of(other):
            return
        if inside is Answer.TRUE and len(different) == 1:
            self.apart[different[0]].append(other)
        elif not different:
            (self.conflicting if inside is Answer.TRUE else self.outside).append(other)

    def _has_key_of(self, other: Values) -> bool:
        """Whether a unique key refuses the other row, whatever the exclusion says of it."""
        keys = (key for key in self._keys if all(self.row[column] is not None for column in key))
        return any(all(self.row[column] == other[column] for column in key) for key in keys)

    @property
    def unlike(self) -> list[Values]:
        """Those that conflict, and are not the same: a unique key has nothing to say of them."""
        return [other for other in self.conflicting if other != self.row] or self.conflicting

    @property
    def free(self) -> list[Values]:
        return [other for others in self.apart.values() for other in others]

    @property
    def sorts(self) -> int:
        return sum(map(bool, (self.conflicting, self.outside, *self.apart.values())))


def _pairs(parts: Sequence[ColumnGroup], where: Sequence[str]) -> Iterator[tuple[Values, Values]]:
    """Pairs of rows: that differ in one group of columns alone, neighbours first, and some that differ in several.

    With a group they also differ in what the exclusion's ``where`` is about: else a unique key may be the same.
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
            mixed = [
                row if chance.random() < 0.5 else chance.choice(p.rows) for row, p in zip(base, parts, strict=True)
            ]
            yield joined(base), joined(mixed)


def _ends(row: Values) -> set[str]:
    """The values of a row, a range's two ends apart: rows that share one touch."""
    return {end.strip('"') for value in row.values() if value for end in re.split(r"[\[\](),]", value)} - {""}
