"""unique"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st

from harness.catalog.model import Index, Missing
from harness.catalog.parts import Part
from harness.generation.draft import Draft
from harness.kinds import _heirs as heirs
from harness.kinds._deferrable import deferrable, timed
from harness.kinds._expressions import Pair, alike, default_names, element, expressions, null
from harness.kinds._keys import drawn_for, duplicates, keep_apart, key_and_what_hangs_on_it, may_be_null, pair
from harness.kinds._races import no_duplicates
from harness.kinds._refused_by import failing
from harness.kinds.base import Fact, Kind, Subject, Unreliable, column_list, default_name, show
from harness.kinds.index import always_computed
from harness.oracle import Answer
from harness.probes import Accepted, Family, Insert, Probe, Refused, Scenario, Update
from harness.project import sql
from harness.project.keys import ColumnForm, choice, concurrently, key, key_element, name, predicate, several
from harness.project.model import TableName
from harness.races import Race, Races
from harness.solver.rules import Rule, deciding_columns

Side = dict[str, str | None]
"""Values of the columns that a key's ``where`` speaks of."""


@dataclass(frozen=True)
class UniqueKind(Kind):
    """One row for each key; with `where`, only among the rows for which that is true.

    ```yaml
    - unique: [organisation_id, slug]
    - unique: [milestone_key]
      where: organisation_id is null
      constraint: uq_milestone_configs_default   # a unique index counts by its name
    - unique: [organisation_id, lower(email)]
      constraint: users_email
    ```

    Proven: the same key is refused on insert and on update (23505); rows that differ in any one column
    of the key are accepted; outside `where` the same key is accepted; so it is with a NULL in the key, unless
    `nulls: not distinct`, where it is refused. The key of a generated column is that of the columns it is
    computed from, and whether two differ PostgreSQL computes. So it is with an expression: values that differ only
    before it ('A' and 'a', to `lower`) are refused, those that differ after it accepted. `implied_by` names a
    narrower key that always refuses first (a primary key on part of the columns): such a key is there to be referred
    to. `concurrently: true`: nor do two transactions that write one key at once, by insert and by update, both get it.

    Nor has a row of a table that inherits from this one the key of another: no key of PostgreSQL sees those, and a
    query of this table does. `only: true` leaves them out, as ONLY does.
    """

    column_form: ClassVar = ColumnForm(column="unique", keys=("constraint",))
    varies: ClassVar = True

    unique: tuple[str, ...] = key(several(key_element), "the columns of the key, or expressions, in their order")
    where: str | None = key(predicate, "the rows it holds for, as an SQL predicate", default=None)
    nulls: str = key(choice("distinct", "not distinct"), "whether two NULLs are two keys", default="distinct")
    constraint: str | None = key(
        name,
        "the constraint or unique index in the database; by default <table>_<columns>_key",
        default=None,
    )
    implied_by: str | None = key(name, "the constraint that refuses before this one can", default=None)
    only: bool = heirs.only()
    deferrable: str | None = deferrable()
    concurrently: tuple[str, ...] = concurrently()

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(default_names(self.unique))

    def _constraint(self, table: TableName) -> str:
        # An expression is no part of a constraint: it is a unique index that has them.
        suffix = "idx" if expressions(self.unique) else "key"
        return self.constraint or default_name(table, default_names(self.unique), suffix)

    def rules(self) -> tuple[Rule, ...]:
        # A row for which an expression of the key cannot be computed is refused, with whatever error that is.
        return tuple(Rule(f"({each}\n) is not distinct from ({each}\n)", on_insert_only=True) for each in self._risky)

    @property
    def _risky(self) -> list[str]:
        """The expressions that may fail."""
        return [each for each in expressions(self.unique) if not always_computed(each)]

    def _refused(self, table: TableName) -> Refused:
        return Refused(("23505",), table, constraint=self.implied_by or self._constraint(table))

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        taken = Refused(("23505",), table, constraint=self._constraint(table))
        return (taken, *failing(*expressions(self.unique)))

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return Part("constraint", self._constraint(table)), Part("index", self._constraint(table))

    def facts(self, subject: Subject) -> Iterator[Fact]:
        expected = f"unique {column_list(self.unique)}"
        actual = self._index(subject)
        kind = "unique" if actual.unique else "not unique"
        # The order of a unique key's columns is no part of the rule: that is for the index kind to say.
        keys = self.unique if self._same(subject, actual) else actual.keys
        yield Fact(expected, f"{kind} {column_list(keys)}")
        yield Fact("valid", "valid" if actual.valid else "not valid")
        if self.deferrable:
            yield from timed(self.deferrable, subject.table.constraint(self._constraint(subject.table.name)))

    def _same(self, subject: Subject, actual: Index) -> bool:
        """Whether an index has these elements and no others."""
        plain = [name for name in self.unique if sql.is_name(name)]
        for column in plain:
            subject.table.column(column)
        others = list(map(element, expressions(self.unique)))
        printed = subject.canonical.index(subject.table, "btree", others, None).keys if others else ()
        few = len(actual.keys) == len(self.unique)
        return few and {*plain} <= {*actual.columns} and {*printed} <= {*actual.expressions}

    def _index(self, subject: Subject) -> Index:
        expected = self._constraint(subject.table.name)
        for index in subject.table.indexes:
            if expected in (index.name, index.constraint):
                return index
        known = [index.name for index in subject.table.unique_keys]
        raise Missing(f"unique key on {subject.table.name}:", expected, known)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        table = subject.table
        inside, outside, beyond = self._sides(subject)
        refused = self._refused(table.name)
        nullable = [name for name in drawn_for(subject, self.unique) if may_be_null(subject, name)]
        emptied: list[Side] = [{name: None} for name in self.unique if name in nullable]
        if none := null(subject, self.unique, nullable):
            emptied.append(none)
        kin = alike(subject, self.unique)
        implied = self.implied_by is not None
        refused_null = refused if self.nulls == "not distinct" else Accepted(1)

        def build(draft: Draft) -> Scenario:
            fixed, present = self._fix(subject, draft, inside, beyond)
            probes: list[Probe | Family] = []
            standing = []
            if free := [each for each in kin if not {*each[0]} & {*fixed}]:
                resident, probe = self._alike(subject, draft, draft.choose(free), fixed, present)
                standing.append(resident)
                probes.append(probe)
            probes += duplicates(subject, draft, self.unique, refused, fixed, present, implied, standing)
            for nulls in emptied:
                if not {*nulls} & {*fixed, *present}:
                    aspect = f"null in {' and '.join(nulls)}"
                    probes += pair(subject, draft, self.unique, refused_null, aspect, {**fixed, **nulls}, present)
            if outside:
                fixed, present = self._fix(subject, draft, outside, inside)
                probes += pair(subject, draft, self.unique, Accepted(1), "outside of where", fixed, present)
            if not self.only and heirs.heirs(subject):
                fixed, present = self._fix(subject, draft, inside, beyond)
                probes += self._in_heirs(subject, draft, fixed, present)
            return Scenario(tuple(draft.inserts), tuple(probes))

        return subject.scenarios(build)

    def _in_heirs(self, subject: Subject, draft: Draft, fixed: Side, present: tuple[str, ...]) -> Iterator[Probe]:
        """The same key in a table that inherits from this one, whose rows are among its rows."""
        columns = drawn_for(subject, self.unique)
        row = draft.row(subject.table.name, fixed, (*present, *columns))
        key = heirs.of(row, columns)
        about = {**heirs.of(row, deciding_columns(subject.table, self.where or "true")), **key}
        watch = no_duplicates(subject.table.name, self.unique, self.where, self.nulls == "not distinct")
        yield from heirs.met(subject, draft, (about, about), show(key), watch)

    def _alike(
        self, subject: Subject, draft: Draft, pair: Pair, fixed: Side, present: tuple[str, ...]
    ) -> tuple[Side, Probe]:
        """A row that stands, and another that has its key only after an expression."""
        table, (one, other) = subject.table.name, pair
        columns = drawn_for(subject, self.unique)
        resident = draft.insert(table, {**fixed, **one}, (*present, *(name for name in columns if name not in one)))
        key = {name: resident[name] for name in columns}
        same = draft.row(table, {**fixed, **key, **other}, present)
        value = f"{show({name: same[name] for name in columns})} beside {show(key)}"
        insert, required = Insert(table, same), self.implied_by is None
        return resident, Probe(insert, self._refused(table), "same key by its expression", value, required=required)

    def races(self, subject: Subject) -> st.SearchStrategy[Races]:
        table = subject.table
        inside, _, beyond = self._sides(subject)
        watch = no_duplicates(table.name, self.unique, self.where, self.nulls == "not distinct")

        def build(draft: Draft) -> Races:
            fixed, present = self._fix(subject, draft, inside, beyond)
            columns = drawn_for(subject, self.unique)
            present = (*present, *columns)
            others = [draft.insert(table.name, fixed, present) for _ in range(2)]
            one = draft.row(table.name, fixed, present)
            keep_apart(subject, draft, self.unique, [*others, one])
            key = {column: one[column] for column in columns}
            same = draft.row(table.name, {**fixed, **key}, present)
            inserts = [Insert(table.name, row) for row in (one, same)]
            changes = key_and_what_hangs_on_it(subject, columns, same)
            updates = [Update(table.name, subject.key(other), changes) for other in others]
            races = [Race("insert and insert", f"two inserts of {show(key)}", inserts[:1], inserts[1:], watch)]
            if subject.may_update(changes):
                what = f"an insert of {show(key)} and an update to it"
                races.append(Race("insert and update", what, inserts[:1], updates[:1], watch, required=False))
                what = f"two updates to {show(key)}"
                races.append(Race("update and update", what, updates[:1], updates[1:], watch, required=False))
            return Races(tuple(draft.inserts), tuple(races))

        return subject.scenarios(build)

    def _fix(
        self, subject: Subject, draft: Draft, sides: Sequence[Side], beyond: Sequence[Side]
    ) -> tuple[Side, tuple[str, ...]]:
        """One of these sets of values.

        A foreign key's value comes from its parent, and each row has a key of its own: only that they are there is
        fixed, unless with another value the row is ``beyond``.
        """
        chosen = draft.choose(sides)
        own = {*self.unique, *drawn_for(subject, self.unique), *subject.table.foreign_columns}
        present = tuple(
            column
            for column, value in chosen.items()
            if column in own and value is not None and not any(_turns(column, chosen, other) for other in beyond)
        )
        return {column: value for column, value in chosen.items() if column not in present}, present

    def _sides(self, subject: Subject) -> tuple[list[Side], list[Side], list[Side]]:
        """Values of the columns in ``where`` for which the rule holds, for which it does not, and all of the latter.

        The last are those also that another rule refuses, which with values of other columns it may let pass.
        """
        if self.where is None:
            return [{}], [], []
        table = subject.table
        columns = [column.name for column in table.columns if column.name in sql.columns(self.where)]
        rules = [
            rule.predicate for rule in subject.pools.rules(table) if set(sql.columns(rule.predicate)) & set(columns)
        ]
        rows = [
            row
            for row in subject.pools.combinations(table, columns, (self.where,))
            if all(
                value is not None or not table.column(column).not_null
                for column, value in zip(columns, row, strict=True)
            )
        ]
        inside: list[Side] = []
        outside: list[Side] = []
        beyond: list[Side] = []
        for row, (own, *others) in zip(
            rows, subject.oracle.answers(table, columns, rows, [self.where, *rules]), strict=True
        ):
            if own in (Answer.FALSE, Answer.NULL):
                beyond.append(dict(zip(columns, row, strict=True)))
            if own is not Answer.ERROR and all(answer.holds for answer in others):
                (inside if own is Answer.TRUE else outside).append(dict(zip(columns, row, strict=True)))
        if not inside:
            raise Unreliable(f"no values found for which {self.where} is true")
        return inside, outside, beyond


def _turns(column: str, one: Side, other: Side) -> bool:
    """Whether two sets of values differ in nothing but this column, which is there in both."""
    return other[column] is not None and all(other[name] == value for name, value in one.items() if name != column)
