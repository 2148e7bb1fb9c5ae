"""Scenarios for ``check`` and ``accepted_values``: values on both sides of a predicate, by PostgreSQL.

True or null means accepted, and false means refused by the constraint. Raises
:class:`~harness.kinds.subject.Unreliable` if one side has no values.
Not here: the values (``predicate_values.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.kinds.base import Begun, Draft, RowPair, ScenarioStrategy, Subject, Unreliable, inserted, literal
from harness.kinds.toolkit.changes import new_parent
from harness.kinds.toolkit.predicate_values import PredicateValues
from harness.probes import Accepted, Expected, Family, Insert, Probe, Refused, Scenario, Variants
from harness.project import NewRow, Tuple, Values, sql
from harness.solver.rules import deciding_columns, implying

PARENTS = 3
"""Values of a foreign key for which parents are inserted, for INSERT and for UPDATE."""

TRIED = 80
"""Combinations of values tried in one scenario on each side of the predicate; of more, a drawn part."""


@dataclass(frozen=True)
class PredicateRule:
    """A predicate that a CHECK of the table or of a domain keeps; a rule that it is ``implied_by`` may refuse first.

    Values that break one that is not ``enforced`` are accepted. ``every`` are values of its one column, of which each
    has to be tried that no rule about this column refuses.
    """

    subject: Subject
    predicate: str
    constraint: str
    implied_by: str | None
    enforced: bool = True
    every: tuple[str, ...] = ()

    @cached_property
    def refused(self) -> Refused:
        """The refusal of a row for which the predicate is false.

        PostgreSQL tries CHECKs in the order of their names; the rules of domains and other rules come before them.
        """
        checks = {each.name for each in self.subject.table.checks}
        stricter = implying(self.subject.pools.declared(self.subject.table.name), self.implied_by)
        name = next((name for name in stricter if name not in checks), None)
        if name is None and self.constraint in checks:
            name = min((self.constraint, *stricter), key=str.encode)
        return Refused(("23514",), self.subject.table.name, constraint=name or self.implied_by or self.constraint)

    def scenarios(self) -> ScenarioStrategy | Begun:
        """Returns scenarios that insert values on both sides of the predicate, and update rows to them.

        Raises :class:`Unreliable` if no values were found on one of the sides.
        """
        subject, table = self.subject, self.subject.table
        for name in sql.columns(self.predicate):
            table.column(name)
        foreign = table.foreign_columns
        present = tuple(column for column in deciding_columns(table, self.predicate) if column in foreign)
        good, bad = self.sides
        against = (self.refused, "refused") if self.enforced else (Accepted(1), "accepted against it")
        tried: tuple[tuple[list[NewRow], Expected, str], ...] = (good, Accepted(1), "accepted"), (bad, *against)

        if not foreign & {column for row in (*good, *bad) for column in row} and max(len(good), len(bad)) <= TRIED:

            def begun(pair: RowPair) -> Scenario:
                families = (
                    _families(subject, pair.fresh, pair.resident, (rows, rows), expected, aspect)
                    for rows, expected, aspect in tried
                )
                return Scenario(pair.setup, tuple(itertools.chain(*families)))

            return subject.begun(begun)

        valued = _valued(foreign, good, bad)

        def build(draft: Draft) -> Iterator[Family]:
            draft.share_ancestors()
            resident = draft.insert(table.name, present=present)
            fresh = draft.row(table.name, present=present)
            places = [
                _ValuesInRow(subject, draft, row, present, valued, turn) for turn, row in enumerate((fresh, resident))
            ]
            for rows, expected, aspect in tried:
                changed = [[place.changes(row) for place in places] for row in draft.sample(rows, TRIED)]
                inserted, updated = ([each[turn] for each in changed] for turn in (0, 1))
                yield from _families(subject, fresh, resident, (inserted, updated), expected, aspect)

        return subject.probes(build)

    @cached_property
    def sides(self) -> tuple[list[NewRow], list[NewRow]]:
        """Values for which the predicate is true or null, and values for which it is false.

        Raises :class:`Unreliable` if there are no values on one of the sides, or one of :attr:`every` is missing.
        """
        values = PredicateValues(self.subject, self.predicate, self.refused.constraint or "", self.implied_by)
        good, bad = values.sides()
        found = {value for row in good for value in row.values()}
        for value in values.possible([each for each in self.every if each not in found]):
            raise Unreliable(f"no row found with {literal(value)} that keeps the other rules")
        return good, bad


def _families(
    subject: Subject,
    fresh: Values,
    resident: Values,
    changes: tuple[Sequence[NewRow], Sequence[NewRow]],
    expected: Expected,
    aspect: str,
) -> Iterator[Family]:
    """Yields probes that insert the fresh row with each of the first changes, and update the other with the second."""
    table = subject.table.name
    inserted, updated = changes
    insert = Probe(Insert(table, fresh), expected, f"{aspect} on insert")
    kept = {column for each in inserted for column in each}
    yield from _by_columns(insert, inserted, subject.variants(Insert(table, fresh), kept))
    update = Probe(subject.update(resident, {}), expected, f"{aspect} on update")
    yield from _by_columns(update, [each for each in updated if subject.may_update(each)], Variants())


def _by_columns(probe: Probe, changes: Sequence[NewRow], variants: Variants) -> Iterator[Family]:
    """Yields the probe with all changes, one family for those of the same columns."""
    groups: dict[tuple[str, ...], list[Tuple]] = {}
    for change in filter(None, changes):
        groups.setdefault(tuple(change), []).append(tuple(change.values()))
    for columns, rows in groups.items():
        yield Family(probe, columns, tuple(rows), variants, named=True)


def _valued(foreign: frozenset[str], good: list[NewRow], bad: list[NewRow]) -> dict[str, list[str]]:
    """Returns the foreign key columns for which the predicate asks more than IS NULL, with the values to try."""

    def pattern(row: NewRow) -> tuple[object, ...]:
        return tuple((column, value is None if column in foreign else value) for column, value in row.items())

    if not {*map(pattern, good)} & {*map(pattern, bad)}:
        return {}
    # Values of the two sides in turn: the rule may forbid a single value.
    rows = [row for pair in itertools.zip_longest(bad, good) for row in pair if row is not None]
    columns = sorted({column for row in rows for column in row} & foreign)
    found = {column: dict.fromkeys(row[column] for row in rows if row.get(column) is not None) for column in columns}
    return {column: [value for value in values if value is not None] for column, values in found.items()}


class _ValuesInRow:
    """Puts values of the predicate's columns into a row that is inserted, or updated.

    The value of a foreign key comes from a parent. Where the predicate asks only whether it is NULL, that is the
    parent of the row, or a new one if rules for new rows leave it NULL. Where the predicate asks for the value, a
    parent with that value is inserted. Where that parent is in the same table, INSERT and UPDATE (``turn``) have
    different values, so that keys do not conflict.
    """

    def __init__(
        self,
        subject: Subject,
        draft: Draft,
        row: Values,
        present: tuple[str, ...],
        valued: Mapping[str, list[str]],
        turn: int,
    ) -> None:
        self._subject, self._draft, self._row = subject, draft, row
        self._values = {name: self._few(name, values, turn) for name, values in valued.items()}
        unvalued = [name for name in present if name not in valued and row[name] is None]
        self._new_parents = {name: new_parent(subject, draft, row, name)[name] for name in unvalued}

    def _few(self, column: str, values: list[str], turn: int) -> list[str]:
        table = self._subject.table
        within = any(column in key.columns for key in table.foreign_keys if key.references == table.name)
        # From the end: drawn rows often have the first ones.
        return values[::-1][turn * PARENTS :][:PARENTS] if within else values[: 2 * PARENTS]

    def changes(self, row: NewRow) -> NewRow:
        """Returns the columns to change so that the row has these values; empty if that is not possible."""
        changes: NewRow = {}
        for column, value in row.items():
            if column in self._values and value is not None:
                if value not in self._values[column]:
                    return {}
                changes[column] = value
            elif value is None or column not in self._subject.table.foreign_columns:
                changes[column] = value
            elif column in self._new_parents:
                changes[column] = self._new_parents[column]
        return changes if self._have_parents({**self._row, **changes}) else {}

    def _have_parents(self, row: NewRow) -> bool:
        """Inserts the parents that a row refers to; False if such a parent would have the key of the row.

        A row may be its own parent: the first value is kept for that, and no other row gets it as its key.
        """
        table = self._subject.table
        for key in table.foreign_keys:
            expected = key.referenced(row)
            valued = [name for name in key.columns if name in self._values]
            if not valued or None in expected.values():
                continue
            own = key.references == table.name and all(row.get(name) == value for name, value in expected.items())
            if key.references == table.name and own != all(row[name] == self._values[name][0] for name in valued):
                return False
            exists = own or next(inserted(self._draft, key.references, expected), None) is not None
            if not exists and self._draft.existing_row(key.references, expected) is None:
                self._draft.insert_parent(key, expected)
        return True
