"""exclude"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.generation.exclusions import ExclusionElements
from harness.kinds.base import (
    Draft,
    Fact,
    Kind,
    NewRow,
    RacesStrategy,
    Rule,
    ScenarioStrategy,
    Subject,
    Table,
    TableName,
    Values,
    show,
)
from harness.kinds.exclude_parts.row_pairs import Resident, residents
from harness.kinds.toolkit import inheritance
from harness.kinds.toolkit.constraints import deferrable, failing, timing_fact
from harness.kinds.toolkit.invariants import no_conflicts
from harness.kinds.toolkit.key_expressions import can_be_computed
from harness.probes import Accepted, Expected, Insert, Probe, Refused, Update
from harness.project import sql
from harness.project.keys import FrozenDict, concurrently, expression, key, mapping, name, operator, predicate
from harness.races import Invariant, Race, Races

TRIED = 10
"""Pairs of each sort in one scenario; of more, a drawn part."""

RACED = 2
"""Pairs in conflict that are raced in one scenario."""


@dataclass(frozen=True)
class ExcludeKind(Kind):
    """No two rows conflict: there are no two rows for which every operator is true.

    ```yaml
    - exclude:
        room_id: "="
        tstzrange(starts_at, ends_at): "&&"
      where: not cancelled
      constraint: bookings_no_overlap
    ```

    Proven: a row is refused by `constraint` (23P01), on insert and on update, if all operators are true between it and
    an existing row. It is accepted where one of them is false or null (another room, a range that only touches), and
    where one of the two rows is outside of `where`. PostgreSQL evaluates the expressions and operators on two rows
    without the table. `concurrently: true`: two transactions at once do not both insert such rows. Neither of the rows
    is one of a table that inherits from this one, which no constraint covers; `only: true` leaves those out.
    """

    rule_sort = "constraint"

    exclude: FrozenDict[str] = key(
        mapping(operator, expression), "expression: the operator that compares it in two rows, in quotes"
    )
    constraint: str = key(name, "the exclusion constraint")
    where: str | None = key(predicate, "the rows it holds for, as an SQL predicate", default=None)
    only: bool = inheritance.only()
    deferrable: str | None = deferrable()
    concurrently: tuple[str, ...] = concurrently()

    @property
    def subject(self) -> str:
        return self.constraint

    @property
    def exclusion(self) -> ExclusionElements:
        return ExclusionElements(tuple(self.exclude.items()), self.where)

    def rules(self) -> tuple[Rule, ...]:
        # A range whose end comes first cannot be computed; a CHECK, if there is one, refuses it before.
        return can_be_computed(each for each in self.exclude if sql.columns(each) != (each,))

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (Refused(("23P01",), table, constraint=self.constraint), *failing(*self.exclude, self.where or "true"))

    def facts(self, subject: Subject) -> Iterator[Fact]:
        actual = subject.table.constraint(self.constraint)
        article = "an" if actual.noun == "exclusion" else "a"
        yield Fact(f"{self.constraint} is an exclusion", f"{self.constraint} is {article} {actual.noun}")
        yield from timing_fact(self.deferrable, actual)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        bases = residents(subject, self.exclusion)
        refused = self.refusals(subject.table.name)[0]

        def build(draft: Draft) -> Iterator[Probe]:
            draft.share_ancestors()
            base = draft.choose(bases)
            rows = _Rows(subject, draft, base, self._shown(subject.table), draft.insert)
            sorts: list[tuple[str, Expected, Sequence[Values]]] = [
                ("conflict", refused, base.conflicting),
                *((f"apart by {each}", Accepted(1), others) for each, others in base.differing.items()),
                ("outside of where", Accepted(1), base.outside),
            ]
            for aspect, expected, others in sorts:
                for row in rows.of(draft.sample(others, TRIED)):
                    yield from rows.tried(row, expected, aspect)
            for pair in draft.sample(base.elsewhere, TRIED):
                yield rows.elsewhere(pair, refused)
            if not self.only and inheritance.heirs(subject):
                yield from self._in_heirs(rows, base)

        return subject.probes(build)

    def _in_heirs(self, rows: _Rows, base: Resident) -> Iterator[Probe]:
        """Yields two rows in conflict, at least one of them in a table that inherits from this one."""
        subject, draft, shown = rows.subject, rows.draft, rows.shown
        watch = no_conflicts(subject.table.name, self.exclusion, shown)
        for row in rows.of(base.conflicting[:1]):
            values, words = inheritance.part(row, shown), rows.words(row, rows.resident)
            yield from inheritance.second_row(subject, draft, values, words, watch)
        for one, other in (list(rows.of(pair)) for pair in draft.sample(base.elsewhere, 1)):
            both = (inheritance.part(one, shown), inheritance.part(other, shown))
            yield from inheritance.two_rows(subject, draft, both, rows.words(other, one), watch)

    def races(self, subject: Subject) -> RacesStrategy:
        table, shown = subject.table, self._shown(subject.table)
        bases = residents(subject, self.exclusion)
        watch = no_conflicts(table.name, self.exclusion, shown)

        def build(draft: Draft) -> Races:
            base = draft.choose(bases)
            rows = _Rows(subject, draft, base, shown, draft.row)
            races = [
                race
                for row in rows.of(draft.sample(base.unlike, RACED))
                # Two rows of a pair were drawn from one: each needs a key of its own.
                for race in rows.raced(rows.with_own_key(row), watch)
            ]
            return Races(
                (*draft.inserts, *([Insert(table.name, rows.free)] if rows.free is not None else [])), tuple(races)
            )

        return subject.scenarios(build)

    def _shown(self, table: Table) -> tuple[str, ...]:
        named = {column for each in self.exclusion.expressions for column in sql.columns(each)}
        return tuple(column.name for column in table.columns if column.name in named)


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
