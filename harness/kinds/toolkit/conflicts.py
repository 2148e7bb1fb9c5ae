"""Rows that conflict with an existing one, and rows that do not: of EXCLUDE, and of keys WITHOUT OVERLAPS.

Not here: which pairs of values conflict (``row_pairs.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from harness.generation.exclusions import ExclusionElements
from harness.kinds.base import (
    Draft,
    NewRow,
    RacesStrategy,
    Subject,
    Table,
    Values,
    identifier,
    inserted,
    show,
)
from harness.kinds.toolkit import inheritance
from harness.kinds.toolkit.invariants import no_conflicts
from harness.kinds.toolkit.row_pairs import Resident, residents
from harness.probes import Accepted, Expected, Insert, Probe, Refused, Update
from harness.project import sql
from harness.project.keys import boolean, key
from harness.races import Invariant, Race, Races

OVERLAP = ("23P01",)
LAST_COLUMN = MappingProxyType({False: "{}", True: "{} without overlaps"})
"""The last column of a key, without and with WITHOUT OVERLAPS, in the words of PostgreSQL."""

EMPTY = Refused(("23514",))
"""The refusal of an empty range: PostgreSQL names no constraint, and no table."""

TRIED = 10
"""Pairs of each sort in one scenario; of more, a drawn part."""

RACED = 2
"""Pairs in conflict that are raced in one scenario."""


@dataclass(frozen=True)
class Conflicts:
    """Draws rows for an exclusion: a row is ``refused`` if all its elements are true between that and another one.

    Rows of the tables in ``heirs``, which inherit, conflict as well.
    """

    subject: Subject
    exclusion: ExclusionElements
    refused: Refused
    heirs: tuple[Table, ...]

    @cached_property
    def _shown(self) -> tuple[str, ...]:
        named = {column for each in self.exclusion.expressions for column in sql.columns(each)}
        return tuple(column.name for column in self.subject.table.columns if column.name in named)

    @property
    def _watch(self) -> Invariant:
        return no_conflicts(self.subject.table.name, self.exclusion, self._shown)

    def prober(self) -> Callable[[Draft], Iterator[Probe]]:
        """Returns what yields rows in conflict with an existing one, and rows that one element keeps apart from it.

        Raises :class:`~harness.kinds.subject.Unreliable` if no such rows are found.
        """
        bases = residents(self.subject, self.exclusion)
        return lambda draft: self._probes(draft, draft.choose(bases))

    def _probes(self, draft: Draft, base: Resident) -> Iterator[Probe]:
        draft.share_ancestors()
        subject = self.subject
        rows = _Rows(subject, draft, base, self._shown, draft.insert)
        sorts: list[tuple[str, Expected, Sequence[Values]]] = [
            ("conflict", self.refused, base.conflicting),
            *((f"apart by {each}", Accepted(1), others) for each, others in base.differing.items()),
            ("outside of where", Accepted(1), base.outside),
        ]
        for aspect, expected, others in sorts:
            for row in rows.of(draft.sample(others, TRIED)):
                yield from rows.tried(row, expected, aspect)
        for pair in draft.sample(base.elsewhere, TRIED):
            yield rows.elsewhere(pair, self.refused)
        if self.heirs:
            yield from self._in_heirs(rows, base)

    def _in_heirs(self, rows: _Rows, base: Resident) -> Iterator[Probe]:
        """Yields two rows in conflict, at least one of them in a table that inherits from this one."""
        subject, draft, shown = rows.subject, rows.draft, rows.shown
        for row in rows.of(base.conflicting[:1]):
            values, words = inheritance.part(row, shown), rows.words(row, rows.resident)
            yield from inheritance.second_row(subject, draft, values, words, self._watch)
        for one, other in (list(rows.of(pair)) for pair in draft.sample(base.elsewhere, 1)):
            both = (inheritance.part(one, shown), inheritance.part(other, shown))
            yield from inheritance.two_rows(subject, draft, both, rows.words(other, one), self._watch)

    def races(self) -> RacesStrategy:
        """Draws two transactions that write rows in conflict."""
        table, bases = self.subject.table, residents(self.subject, self.exclusion)

        def build(draft: Draft) -> Races:
            base = draft.choose(bases)
            rows = _Rows(self.subject, draft, base, self._shown, draft.row)
            races = [
                race
                for row in rows.of(draft.sample(base.unlike, RACED))
                # Two rows of a pair were drawn from one: each needs a key of its own.
                for race in rows.raced(rows.with_own_key(row), self._watch)
            ]
            return Races(
                (*draft.inserts, *([Insert(table.name, rows.free)] if rows.free is not None else [])), tuple(races)
            )

        return self.subject.scenarios(build)


def without_overlaps() -> Any:
    """Makes the field ``without_overlaps`` of kinds that declare keys."""
    return key(boolean, "true: the last column is a range, and no two ranges of one key overlap", default=False)


def of_key(subject: Subject, columns: Sequence[str], constraint: str, heirs: tuple[Table, ...]) -> Conflicts:
    """Returns the conflicts of a key WITHOUT OVERLAPS: ranges in its last column overlap, the others are equal."""
    refused = Refused(OVERLAP, subject.table.name, constraint=constraint)
    *equal, last = map(identifier, columns)
    return Conflicts(subject, ExclusionElements((*((name, "=") for name in equal), (last, "&&"))), refused, heirs)


def overlaps(
    subject: Subject, columns: Sequence[str], constraint: str, heirs: tuple[Table, ...]
) -> Callable[[Draft], Iterator[Probe]]:
    """Returns what yields rows in conflict by a key WITHOUT OVERLAPS, and rows whose range is empty.

    Raises :class:`~harness.kinds.subject.Unreliable` if no rows in conflict are found.
    """
    prober = of_key(subject, columns, constraint, heirs).prober()

    def probes(draft: Draft) -> Iterator[Probe]:
        yield from prober(draft)
        yield from _empty(subject, draft, columns[-1])

    return probes


def _empty(subject: Subject, draft: Draft, column: str) -> Iterator[Probe]:
    table, definition = subject.table.name, subject.table.column(column)
    if definition.is_supplied:
        empty = {column: "{}" if definition.base_kind == "m" else "empty"}
        # Another existing row might conflict with those that are tried.
        resident = next(inserted(draft, table, {}))
        insert = Insert(table, {**draft.row(table), **empty})
        yield Probe(insert, EMPTY, "empty range on insert", f"{column} empty")
        yield Probe(subject.update(resident, empty), EMPTY, "empty range on update", f"{column} empty")


class _Rows:
    """Draws whole rows for values that the exclusion is about, beside one ``resident``.

    They refer to the same parents as the resident where they have to. ``draw`` makes the resident: by
    :meth:`Draft.insert` as an existing row, by :meth:`Draft.row` as a new one.
    """

    def __init__(
        self, subject: Subject, draft: Draft, base: Resident, shown: Sequence[str], draw: Callable[..., NewRow]
    ) -> None:
        self.subject, self.draft, self.shown = subject, draft, shown
        self._table = subject.table.name
        self._foreign = subject.table.foreign_columns
        self._base = base.row
        self._drawn: dict[tuple[str, ...], Values] = {}
        given, present = self._split(base.row, {})
        self.resident = draw(self._table, given, present)
        # The row that is updated into a conflict: it has none with the resident yet.
        self.free = next(self.of(base.free[:1]), None)

    def of(self, others: Sequence[Values]) -> Iterator[Values]:
        """Yields a row for each of these values."""
        for other in others:
            same = {
                column: self.resident[column]
                for column, value in other.items()
                if column in self._foreign and value is not None and value == self._base[column]
            }
            given, present = self._split(other, same)
            references = tuple(sorted((*same, *(f"no {column}" for column in given if given[column] is None))))
            if references not in self._drawn:
                foreign = {column: value for column, value in given.items() if column in self._foreign}
                self._drawn[references] = self.draft.row(self._table, {**foreign}, present)
            yield {**self._drawn[references], **given}

    def _split(self, values: Values, same: Values) -> tuple[NewRow, tuple[str, ...]]:
        """Returns the values that a row must have, and its foreign keys that must not be NULL."""
        present = tuple(column for column in values if column in self._foreign and values[column] is not None)
        return {**{column: values[column] for column in values if column not in present}, **same}, present

    def elsewhere(self, pair: tuple[Values, Values], expected: Expected) -> Probe:
        """Returns the insert of two rows that do not conflict with the resident."""
        other, row = self.of(pair)
        # Both rows were drawn from one: each needs a key of its own.
        other = self.with_own_key(other)
        before = Insert(self._table, other).sql
        return Probe(Insert(self._table, row), expected, "conflict on insert", self.words(row, other), before=before)

    def tried(self, row: Values, expected: Expected, aspect: str) -> Iterator[Probe]:
        """Yields the insert of a row, and the update of the free row to it."""
        value = self.words(row, self.resident)
        yield Probe(Insert(self._table, row), expected, f"{aspect} on insert", value)
        for update, before in self._updates(row):
            yield Probe(update, expected, f"{aspect} on update", value, before=before.sql)

    def _updates(self, row: Values) -> Iterator[tuple[Update, Insert]]:
        """Yields the update of the free row to the values of another, and its insert before, if there is one."""
        free = self.free
        if free is None:
            return
        about = {*self._base, *self._foreign}
        change = {column: row[column] for column in row if column in about and row[column] != free[column]}
        if change and self.subject.may_update(change):
            yield self.subject.update(free, change), Insert(self._table, free)

    def with_own_key(self, row: Values) -> Values:
        """Returns a row with the same values in all that the exclusion is about, and a key of its own."""
        return self.draft.row(self._table, {column: row[column] for column in {*self._base, *self._foreign}})

    def raced(self, row: Values, watch: Invariant) -> Iterator[Race]:
        """Yields races: the resident, which is new, is inserted while the row is, and while the free row becomes it."""
        both, insert = self.words(row, self.resident), [Insert(self._table, self.resident)]
        yield Race("insert and insert", f"inserts of {both}", insert, [Insert(self._table, row)], watch)
        for update, _ in self._updates(row):
            yield Race("insert and update", f"an update to {both}, an insert,", insert, [update], watch)

    def words(self, row: Values, other: Values) -> str:
        """Returns the values of two rows for a report."""
        one, second = ({column: each[column] for column in self.shown if column in each} for each in (row, other))
        return f"{show(one)} beside {show(second)}"
