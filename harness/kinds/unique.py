"""unique"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from harness.catalog.model import Index, Missing
from harness.kinds.base import (
    Draft,
    Fact,
    Kind,
    NewRow,
    RacesStrategy,
    ScenarioStrategy,
    Subject,
    Table,
    TableName,
    TableRule,
    default_name,
    element_list,
    show,
)
from harness.kinds.toolkit import inheritance
from harness.kinds.toolkit.conflicts import LAST_COLUMN, OVERLAP, of_key, overlaps, without_overlaps
from harness.kinds.toolkit.constraints import deferrable, failing, named_otherwise, timing_fact
from harness.kinds.toolkit.invariants import no_duplicates
from harness.kinds.toolkit.key_expressions import (
    ValuePair,
    can_be_computed,
    default_names,
    element,
    expressions,
    null_columns,
    risky,
    same_key_pairs,
)
from harness.kinds.toolkit.keys import (
    RowsWithKey,
    deciding_key_columns,
    give_own_keys,
    key_with_references,
    may_be_null,
    room_for_rows,
)
from harness.kinds.toolkit.predicate_sides import alone_outside, sides
from harness.probes import Accepted, Family, Insert, Probe, Refused
from harness.project import sql
from harness.project.keys import ColumnForm, choice, concurrently, key, key_element, name, predicate, several
from harness.races import Invariant, Race, Races
from harness.solver.rules import Rule, deciding_columns, not_empty

ALONE = 8
"""Conditions of one `where` that are tried in one scenario; of more, a drawn part."""

Texts = tuple[str, ...]


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

    Proven: the same key is refused on insert and on update (23505). Rows that differ in any one column of the key are
    accepted. The same key is accepted outside `where`, and with a NULL in it; with `nulls: not distinct` a second NULL
    is refused. Of a `where` of several conditions, each is tried alone: only this one is not true of the rows.

    PostgreSQL computes whether two keys are the same. The key of a generated column, or of an expression, is that of
    the columns it is computed from: values with the same result ('A' and 'a', to `lower`) are refused, values with
    another result are accepted. `implied_by` names a narrower key that always refuses first, such as a primary key on
    part of the columns: such a key is there for foreign keys. `concurrently: true`: two transactions that write one key
    at once, by insert and by update, do not both succeed.

    A row of a table that inherits from this one does not have the key of another row either: no key of PostgreSQL
    covers such rows, but a query of this table finds them. `only: true` leaves them out, as ONLY does.

    With `without_overlaps` the last column is a range (PostgreSQL 18). Proven is then that rows are refused whose
    ranges overlap and whose other columns are the same (23P01), or whose range is empty (23514).
    """

    column_form = ColumnForm(column="unique", keys=("constraint",))
    varies = True

    unique: tuple[str, ...] = key(several(key_element), "the columns of the key, or expressions, in their order")
    where: str | None = key(predicate, "the rows it holds for, as an SQL predicate", default=None)
    nulls: str = key(choice("distinct", "not distinct"), "whether two NULLs are two keys", default="distinct")
    constraint: str | None = key(
        name,
        "the constraint or unique index in the database; by default <table>_<columns>_key",
        default=None,
    )
    implied_by: str | None = key(name, "the constraint that refuses before this one can", default=None)
    without_overlaps: bool = without_overlaps()
    only: bool = inheritance.only()
    deferrable: str | None = deferrable()
    concurrently: tuple[str, ...] = concurrently()

    def __post_init__(self) -> None:
        if self.without_overlaps and (self.where or expressions(self.unique)):
            raise ValueError("with `without_overlaps: true` a key has columns only, and no `where`")

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(default_names(self.unique))

    def _constraint(self, table: TableName) -> str:
        # A constraint cannot have an expression, only a unique index can.
        suffix = "idx" if expressions(self.unique) else "key"
        return self.constraint or default_name(table, default_names(self.unique), suffix)

    def rules(self) -> tuple[Rule, ...]:
        return (not_empty(self.unique),) if self.without_overlaps else can_be_computed(risky(self.unique))

    def _refused(self, table: TableName) -> Refused:
        return Refused(("23505",), table, constraint=self.implied_by or self._constraint(table))

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        taken = OVERLAP if self.without_overlaps else ("23505",)
        return (Refused(taken, table, constraint=self._constraint(table)), *failing(*expressions(self.unique)))

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return TableRule("constraint", self._constraint(table.name)), TableRule("index", self._constraint(table.name))

    def meant(self, table: Table) -> str | None:
        keys = (index for index in table.unique_keys if index.is_plain)
        return None if self.where else named_otherwise(table, self._constraint(table.name), self.unique, keys)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        actual = self._index(subject)
        kind = "unique" if actual.unique else "not unique"
        # The order of the columns is not part of this rule: the kind `index` compares it.
        keys = self.unique if self._has_elements(subject, actual) else actual.keys
        expected = f"unique {element_list(self.unique, LAST_COLUMN[self.without_overlaps])}"
        yield Fact(expected, f"{kind} {element_list(keys, LAST_COLUMN[actual.without_overlaps])}")
        yield Fact("valid", "valid" if actual.valid else "not valid")
        if self.deferrable:
            yield from timing_fact(self.deferrable, subject.table.constraint(self._constraint(subject.table.name)))

    def _has_elements(self, subject: Subject, actual: Index) -> bool:
        """Whether an index has the declared elements and no others."""
        plain = [name for name in self.unique if sql.is_name(name)]
        for column in plain:
            subject.table.column(column)
        others = list(map(element, expressions(self.unique)))
        printed = subject.canonical.index(subject.table, "btree", others, None).keys if others else ()
        same_length = len(actual.keys) == len(self.unique)
        return same_length and {*plain} <= {*actual.columns} and {*printed} <= {*actual.expressions}

    def _index(self, subject: Subject) -> Index:
        expected = self._constraint(subject.table.name)
        for index in subject.table.indexes:
            if expected in (index.name, index.constraint):
                return index
        known = [index.name for index in subject.table.unique_keys]
        raise Missing(f"unique key on {subject.table.name}:", expected, known)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        heirs, refused = self._heirs(subject), self._refused(subject.table.name)
        if self.without_overlaps:
            return subject.probes(overlaps(subject, self.unique, self._constraint(subject.table.name), heirs))
        inside, outside, never_inside = sides(subject, self.where)
        also = self._with_member(subject)
        nullable = [name for name in deciding_key_columns(subject, self.unique) if may_be_null(subject, name)]
        with_null: list[NewRow] = [{name: None} for name in self.unique if name in nullable]
        if none := null_columns(subject, self.unique, nullable):
            with_null.append(none)
        # Of values with the same key one may be outside of `where`.
        same_by_expression = [] if also and self.where else same_key_pairs(subject, self.unique)
        if room_for_rows(subject) == 1:  # each of these is about a second row
            with_null, same_by_expression, outside = [], [], []
        alone = alone_outside(subject, self.where, outside, self._other_where(subject))
        refused_null = refused if self.nulls == "not distinct" else Accepted(1)

        def build(draft: Draft) -> Iterator[Probe | Family]:
            rows = self._draw_side(subject, draft, inside, never_inside, also)
            existing = []
            if free := [each for each in same_by_expression if not {*each[0]} & {*rows.fixed}]:
                resident, probe = self._by_expression(rows, draft.choose(free))
                existing.append(resident)
                yield probe
            yield from rows.duplicates(refused, self.implied_by, existing)
            some = [(nulls, found) for nulls in with_null if (found := rows.with_nulls(nulls)) is not None]
            # Where rules want NULL in the others as well, all of them would have one key.
            once = {found.present: (nulls, found) for nulls, found in some} if self.nulls == "not distinct" else {}
            for nulls, found in once.values() or some:
                yield from found.twice(refused_null, f"null in {' and '.join(nulls)}")
            if outside:
                yield from self._draw_side(subject, draft, outside, inside).twice(Accepted(1), "outside of where")
                for each in draft.sample(alone, ALONE):
                    rows = self._draw_side(subject, draft, [each], inside).with_whole_key()
                    yield from rows.twice(Accepted(1), "outside of where")
            if heirs:
                yield from self._in_heirs(self._draw_side(subject, draft, inside, never_inside, also))

        return subject.probes(build)

    def _other_where(self, subject: Subject) -> str | None:
        """Returns the predicate of the index in the database, if it is another one."""
        with suppress(Missing):
            found = self._index(subject).predicate
            printed = subject.canonical.index(subject.table, "btree", ["(1)"], self.where).predicate
            return found if found != printed else None
        return None

    def _in_heirs(self, rows: RowsWithKey) -> Iterator[Probe]:
        """Yields rows with the same key in a table that inherits from this one."""
        subject, draft = rows.subject, rows.draft
        row = draft.row(subject.table.name, rows.fixed, (*rows.present, *rows.columns), rows.also)
        key = inheritance.part(row, rows.columns)
        values = {**inheritance.part(row, deciding_columns(subject.table, self.where or "true")), **key}
        yield from inheritance.two_rows(subject, draft, (values, values), show(key), self._watch(subject))

    def _heirs(self, subject: Subject) -> tuple[Table, ...]:
        return () if self.only else inheritance.heirs(subject)

    def _watch(self, subject: Subject) -> Invariant:
        return no_duplicates(subject.table.name, self.unique, self.where, self.nulls)

    def _by_expression(self, rows: RowsWithKey, pair: ValuePair) -> tuple[NewRow, Probe]:
        """Returns an existing row, and the probe of another row whose values differ but give the same key."""
        table, (one, other) = rows.subject.table.name, pair
        unset = (name for name in rows.columns if name not in one)
        resident = rows.draft.insert(table, {**rows.fixed, **one}, (*rows.present, *unset))
        key = {name: resident[name] for name in rows.columns}
        same = rows.draft.row(table, {**rows.fixed, **key, **other}, rows.present)
        value = f"{show({name: same[name] for name in rows.columns})} beside {show(key)}"
        insert, required = Insert(table, same), self.implied_by is None
        return resident, Probe(insert, self._refused(table), "same key by its expression", value, required=required)

    def races(self, subject: Subject) -> RacesStrategy:
        table = subject.table
        if self.without_overlaps:
            return of_key(subject, self.unique, self._constraint(table.name), self._heirs(subject)).races()
        inside, _, never_inside = sides(subject, self.where)
        watch, also = self._watch(subject), self._with_member(subject)

        def build(draft: Draft) -> Races:
            rows = self._draw_side(subject, draft, inside, never_inside, also)
            fixed, present = rows.fixed, (*rows.present, *rows.columns)
            others = [draft.insert(table.name, fixed, present, also) for _ in range(2)]
            one = draft.row(table.name, fixed, present, also)
            give_own_keys(subject, draft, self.unique, [*others, one], also)
            key = {column: one[column] for column in rows.columns}
            same = draft.row(table.name, {**fixed, **key}, present)
            inserts = [Insert(table.name, row) for row in (one, same)]
            changes = key_with_references(subject, rows.columns, same)
            updates = [subject.update(other, changes) for other in others]
            races = [Race("insert and insert", f"two inserts of {show(key)}", inserts[:1], inserts[1:], watch)]
            if subject.may_update(changes):
                what = f"an insert of {show(key)} and an update to it"
                races.append(Race("insert and update", what, inserts[:1], updates[:1], watch, required=False))
                what = f"two updates to {show(key)}"
                races.append(Race("update and update", what, updates[:1], updates[1:], watch, required=False))
            return Races(tuple(draft.inserts), tuple(races))

        return subject.scenarios(build)

    def _with_member(self, subject: Subject) -> tuple[str, ...]:
        """Returns predicates of rows that a key on a part of a JSON document is about: few drawn documents have it."""
        table = subject.table
        keys = {each: deciding_columns(table, each) for each in map(element, expressions(self.unique))}
        parts = [each for each, names in keys.items() if any(table.column(name).is_json for name in names)]
        also = (*(f"{each} is not null" for each in parts), *([f"({self.where}\n) is true"] if self.where else []))
        return also if parts and subject.can_have_rows(also) else ()

    def _draw_side(
        self, subject: Subject, draft: Draft, sides: Sequence[NewRow], others: Sequence[NewRow], also: Texts = ()
    ) -> RowsWithKey:
        """Chooses values of the columns in ``where``, and draws rows with them that keep the predicates ``also``.

        Columns of keys and foreign keys are only not NULL, for each row needs its own value there, unless another
        value would put the row on the other side.
        """
        chosen = draft.choose(sides)
        own = {*self.unique, *deciding_key_columns(subject, self.unique), *subject.table.foreign_columns}
        present = tuple(
            column
            for column, value in chosen.items()
            if column in own
            and value is not None
            and (also or not any(_turns(column, chosen, other) for other in others))
        )
        fixed = {column: value for column, value in chosen.items() if column not in present}
        return RowsWithKey(subject, draft, self.unique, fixed, present, also)


def _turns(column: str, one: NewRow, other: NewRow) -> bool:
    """Whether two sets of values differ in nothing but this column, which is not NULL in both."""
    return other[column] is not None and all(other[name] == value for name, value in one.items() if name != column)
