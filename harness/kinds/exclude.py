"""exclude"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from harness.catalog.model import Table
from harness.catalog.parts import Part
from harness.generation.draft import Draft
from harness.generation.exclusions import ExclusionElements
from harness.kinds import _heirs as heirs
from harness.kinds._conflicts import Resident, residents
from harness.kinds._deferrable import deferrable, timed
from harness.kinds._races import no_conflicts
from harness.kinds._refused_by import failing
from harness.kinds.base import Fact, Kind, Subject, show
from harness.probes import Accepted, Expected, Insert, Probe, Refused, Scenario, Update
from harness.project import sql
from harness.project.keys import FrozenDict, concurrently, expression, key, mapping, name, operator, predicate
from harness.project.model import TableName, Values
from harness.races import Race, Races, Watch
from harness.solver.rules import Rule

TRIED = 10
"""Pairs of each sort in one scenario; of more, a drawn part."""

RACED = 2
"""Pairs in conflict that are raced in one scenario."""


@dataclass(frozen=True)
class ExcludeKind(Kind):
    """No two rows conflict: for no two of them every operator is true.

    ```yaml
    - exclude:
        room_id: "="
        tstzrange(starts_at, ends_at): "&&"
      where: not cancelled
      constraint: bookings_no_overlap
    ```

    PostgreSQL evaluates the expressions on two rows and the operators between them, apart from the table. Proven: a
    row for which all are true beside one that stands is refused by `constraint` (23P01), on insert and on update;
    where any one of them is false or null (another room, a range that only touches) it is accepted, and so it is
    if one of the two is outside of `where`. `concurrently: true`: nor do two transactions at once get two such rows in.
    Nor is one of them a row of a table that inherits from this one, which no constraint sees; `only: true` leaves
    those out.
    """

    exclude: FrozenDict[str] = key(
        mapping(operator, expression), "expression: the operator that compares it in two rows, in quotes"
    )
    constraint: str = key(name, "the exclusion constraint")
    where: str | None = key(predicate, "the rows it holds for, as an SQL predicate", default=None)
    only: bool = heirs.only()
    deferrable: str | None = deferrable()
    concurrently: tuple[str, ...] = concurrently()

    @property
    def subject(self) -> str:
        return self.constraint

    @property
    def exclusion(self) -> ExclusionElements:
        return ExclusionElements(tuple(self.exclude.items()), self.where)

    def rules(self) -> tuple[Rule, ...]:
        # A range whose end comes first cannot be computed; a CHECK, where there is one, speaks before that.
        computed = (each for each in self.exclude if sql.columns(each) != (each,))
        return tuple(Rule(f"({each}\n) is not distinct from ({each}\n)", on_insert_only=True) for each in computed)

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (Refused(("23P01",), table, constraint=self.constraint), *failing(*self.exclude, self.where or "true"))

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return (Part("constraint", self.constraint),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        actual = subject.table.constraint(self.constraint)
        article = "an" if actual.noun == "exclusion" else "a"
        yield Fact(f"{self.constraint} is an exclusion", f"{self.constraint} is {article} {actual.noun}")
        yield from timed(self.deferrable, actual)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        table = subject.table
        bases = residents(subject, self.exclusion)
        refused = self.refusals(table.name)[0]

        def build(draft: Draft) -> Scenario:
            base = draft.choose(bases)
            rows = _Rows(subject, draft, base.row)
            probes: list[Probe] = []
            # From here an update comes: a row that is not in the way of the one that stands.
            apart = next(iter(rows.of(base.free[:1])), None)
            sorts: list[tuple[str, Expected, Sequence[Values]]] = [("conflict", refused, base.conflicting)]
            sorts += [(f"apart by {each}", Accepted(1), others) for each, others in base.apart.items()]
            sorts.append(("outside of where", Accepted(1), base.outside))
            for aspect, expected, others in sorts:
                for row in rows.of(draft.sample(others, TRIED)):
                    probes += rows.tried(row, apart, expected, aspect, self._shown(table))
            for pair in draft.sample(base.elsewhere, TRIED):
                probes.append(rows.elsewhere(pair, refused, self._shown(table)))
            if not self.only and heirs.heirs(subject):
                probes += self._in_heirs(subject, draft, rows, base)
            return Scenario(tuple(draft.inserts), tuple(probes))

        return subject.scenarios(build)

    def _in_heirs(self, subject: Subject, draft: Draft, rows: _Rows, base: Resident) -> Iterator[Probe]:
        """Two rows in conflict, of which a table has one that inherits from this one."""
        shown = self._shown(subject.table)
        watch = no_conflicts(subject.table.name, self.exclusion, shown)
        for row in rows.of(base.conflicting[:1]):
            yield from heirs.beside(subject, draft, heirs.of(row, shown), rows.beside(row, shown), watch)
        for one, other in (list(rows.of(pair)) for pair in draft.sample(base.elsewhere, 1)):
            about = (heirs.of(one, shown), heirs.of(other, shown))
            yield from heirs.met(subject, draft, about, _beside(other, one, shown), watch)

    def races(self, subject: Subject) -> st.SearchStrategy[Races]:
        table = subject.table
        bases = residents(subject, self.exclusion)
        watch = no_conflicts(table.name, self.exclusion, self._shown(table))

        def build(draft: Draft) -> Races:
            base = draft.choose(bases)
            rows = _Rows(subject, draft, base.row, stands=False)
            apart = next(iter(rows.of(base.free[:1])), None)
            races: list[Race] = []
            for row in rows.of(draft.sample(base.unlike, RACED)):
                # Two rows of a pair were drawn from one: their keys have to be two.
                races += rows.raced(rows.anew(row), apart, watch, self._shown(table))
            standing = (*draft.inserts, *([Insert(table.name, apart)] if apart is not None else []))
            return Races(standing, tuple(races))

        return subject.scenarios(build)

    def _shown(self, table: Table) -> tuple[str, ...]:
        named = {column for each in self.exclusion.expressions for column in sql.columns(each)}
        return tuple(column.name for column in table.columns if column.name in named)


class _Rows:
    """Whole rows beside the one that stands: like it in the references that are to be the same."""

    def __init__(self, subject: Subject, draft: Draft, base: Values, stands: bool = True) -> None:
        self._subject = subject
        self._draft = draft
        table = subject.table
        self._foreign = {column for each in table.foreign_keys for column in each.columns}
        self._base = base
        self._drawn: dict[tuple[str, ...], Values] = {}
        given, present = self._split(base, {})
        self._resident = (draft.insert if stands else draft.row)(table.name, given, present)

    def of(self, others: Sequence[Values]) -> Iterator[Values]:
        """A row for each of these values."""
        for other in others:
            alike = {
                column: self._resident[column]
                for column, value in other.items()
                if column in self._foreign and value is not None and value == self._base[column]
            }
            given, present = self._split(other, alike)
            references = tuple(sorted((*alike, *(f"no {column}" for column in given if given[column] is None))))
            if references not in self._drawn:
                foreign = {column: value for column, value in given.items() if column in self._foreign}
                self._drawn[references] = self._draft.row(self._subject.table.name, {**foreign}, present)
            yield {**self._drawn[references], **given}

    def _split(self, values: Values, alike: Values) -> tuple[dict[str, str | None], tuple[str, ...]]:
        """What is fixed, and the references that lead somewhere."""
        present = tuple(column for column in values if column in self._foreign and values[column] is not None)
        return {**{column: values[column] for column in values if column not in present}, **alike}, present

    def elsewhere(self, pair: tuple[Values, Values], expected: Expected, shown: Sequence[str]) -> Probe:
        """Two rows, out of the way of the one that stands."""
        table = self._subject.table
        other, row = self.of(pair)
        about = {*self._base, *self._foreign}
        # What was drawn for one serves for the other as well: only its key has to be another.
        other = self._draft.row(table.name, {column: other[column] for column in about})
        before = Insert(table.name, other).sql
        return Probe(Insert(table.name, row), expected, "conflict on insert", _beside(row, other, shown), before=before)

    def tried(
        self, row: Values, apart: Values | None, expected: Expected, aspect: str, shown: Sequence[str]
    ) -> Iterator[Probe]:
        """The row inserted, and another one updated to it."""
        table = self._subject.table
        value = _beside(row, self._resident, shown)
        yield Probe(Insert(table.name, row), expected, f"{aspect} on insert", value)
        if apart is None:
            return
        change = self._change(row, apart)
        if change and self._subject.may_update(change):
            update = Update(table.name, self._subject.key(apart), change)
            yield Probe(update, expected, f"{aspect} on update", value, before=Insert(table.name, apart).sql)

    def _change(self, row: Values, apart: Values) -> dict[str, str | None]:
        about = {*self._base, *self._foreign}
        return {column: row[column] for column in row if column in about and row[column] != apart[column]}

    def anew(self, row: Values) -> Values:
        """A row with the same values in all that the exclusion is about, and a key of its own."""
        about = {*self._base, *self._foreign}
        return self._draft.row(self._subject.table.name, {column: row[column] for column in about})

    def beside(self, row: Values, shown: Sequence[str]) -> str:
        """A row and the one that stands, in words."""
        return _beside(row, self._resident, shown)

    def raced(self, row: Values, apart: Values | None, watch: Watch, shown: Sequence[str]) -> Iterator[Race]:
        """The resident, which does not stand yet, inserted while the row is, and while another is updated to it."""
        table = self._subject.table
        both = _beside(row, self._resident, shown)
        insert = [Insert(table.name, self._resident)]
        yield Race("insert and insert", f"inserts of {both}", insert, [Insert(table.name, row)], watch)
        change = self._change(row, apart) if apart is not None else {}
        if apart is not None and change and self._subject.may_update(change):
            update = Update(table.name, self._subject.key(apart), change)
            yield Race("insert and update", f"an update to {both}, an insert,", insert, [update], watch)


def _beside(row: Values, other: Values, shown: Sequence[str]) -> str:
    seen, beside = ({column: each[column] for column in shown if column in each} for each in (row, other))
    return f"{show(seen)} beside {show(beside)}"
