"""Scenarios for ``check`` and ``accepted_values``: values on both sides of a predicate, by PostgreSQL.

True or null means accepted, and false means refused by the constraint. Raises
:class:`~harness.kinds.subject.Unreliable` if one side has no values.
Not here: the values (``predicate_values.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.kinds.base import Begun, Draft, RowPair, ScenarioStrategy, Subject, Unreliable, literal, show
from harness.kinds.toolkit.predicate_values import PredicateValues
from harness.kinds.toolkit.values_in_row import PARENTS, ValuesInRow
from harness.probes import Accepted, Expected, Family, Insert, Probe, Refused, Scenario, Variants
from harness.project import NewRow, Tuple, Values, sql
from harness.solver.rules import deciding_columns, implying

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

        valued = self._valued(good, bad)

        def build(draft: Draft) -> Iterator[Family]:
            draft.share_ancestors()
            resident = draft.insert(table.name, present=present)
            fresh = draft.row(table.name, present=present)
            places = [
                ValuesInRow(subject, draft, row, present, valued, turn) for turn, row in enumerate((fresh, resident))
            ]
            for rows, expected, aspect in tried:
                yield from _with_parents(subject, places, draft.sample(rows, TRIED), expected, aspect)

        return subject.probes(build)

    def _valued(self, good: list[NewRow], bad: list[NewRow]) -> dict[str, list[str]]:
        """Returns the foreign key columns of which rules ask more than IS NULL, with the values to try."""
        # Values of the two sides in turn: the rule may forbid a single value.
        rows = [row for pair in itertools.zip_longest(bad, good) for row in pair if row is not None]
        columns = sorted({column for row in rows for column in row} & self.subject.table.foreign_columns)
        found = {
            name: [*dict.fromkeys(value for row in rows if (value := row.get(name)) is not None)] for name in columns
        }
        return {name: values for name, values in found.items() if self._asks_for(name, values[: 2 * PARENTS], rows)}

    def _asks_for(self, column: str, values: Sequence[str], rows: Sequence[NewRow]) -> bool:
        """Whether a rule is true of a row with one of the values, and not with another one."""
        table, oracle = self.subject.table, self.subject.oracle
        for names in dict.fromkeys(tuple(row) for row in rows if row.get(column) is not None):
            alike = [row for row in rows if tuple(row) == names and row[column] is not None][:TRIED]
            about = ((each, {*deciding_columns(table, each)}) for each in self.values.rules)
            rules = [each for each, columns in about if column in columns and columns <= {*names}]
            others = [tuple({**row, column: value}.values()) for row in alike for value in values]
            answers = [tuple(each) for each in oracle.answers(table, names, others, rules)] if rules else []
            if any(len({*answers[at : at + len(values)]}) > 1 for at in range(0, len(answers), len(values))):
                return True
        return False

    @cached_property
    def values(self) -> PredicateValues:
        return PredicateValues(self.subject, self.predicate, self.refused.constraint or "", self.implied_by)

    @cached_property
    def sides(self) -> tuple[list[NewRow], list[NewRow]]:
        """Values for which the predicate is true or null, and values for which it is false.

        Raises :class:`Unreliable` if there are no values on one of the sides, or one of :attr:`every` is missing.
        """
        good, bad = self.values.sides()
        for value in self.values.missing(self.every, good):
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


def _with_parents(
    subject: Subject, places: Sequence[ValuesInRow], rows: Sequence[NewRow], expected: Expected, aspect: str
) -> Iterator[Family]:
    """Yields probes that insert one row and update another one, whose foreign keys lead to parents with these values.

    Where no parent can have any of the values, a CHECK refuses a row before the foreign key does: each has to show it.
    """
    fresh, resident = (place.row for place in places)
    changed = [[place.changes(row) for row in rows if not place.is_orphan(row)] for place in places]
    yield from _families(subject, fresh, resident, (changed[0], changed[1]), expected, aspect)
    if isinstance(expected, Refused) and not any(changed[0]):
        for row in rows[:PARENTS]:
            orphan = [places[0].orphan(row)]
            yield from _families(subject, fresh, resident, (orphan, orphan), expected, f"{show(row)} {aspect}")


def _by_columns(probe: Probe, changes: Sequence[NewRow], variants: Variants) -> Iterator[Family]:
    """Yields the probe with all changes, one family for those of the same columns."""
    groups: dict[tuple[str, ...], list[Tuple]] = {}
    for change in filter(None, changes):
        groups.setdefault(tuple(change), []).append(tuple(change.values()))
    for columns, rows in groups.items():
        yield Family(probe, columns, tuple(rows), variants, named=True)
