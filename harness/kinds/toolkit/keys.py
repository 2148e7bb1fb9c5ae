"""Rows with the same key and rows with almost the same key, for the kinds that declare keys.

Decides which columns decide a key, how many rows its values have room for, and whether NOT NULL is the first to refuse
a NULL.
Not here: how drawn rows avoid one another's keys (``generation/columns.py``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass, replace

from hypothesis import reject

from harness.catalog.model import ForeignKey
from harness.generation.exclusions import ExclusionElements
from harness.kinds.base import Draft, NewRow, Subject, Unreliable, Values, element_list, show
from harness.kinds.toolkit.changes import has_key_in
from harness.kinds.toolkit.key_expressions import element
from harness.oracle import Answer
from harness.probes import Accepted, Expected, Family, Insert, Probe, Refused
from harness.project import sql
from harness.solver.rules import deciding_columns

TRIES = 20
"""Values that are drawn to find one that changes a generated column."""


def deciding_key_columns(subject: Subject, elements: Sequence[str]) -> tuple[str, ...]:
    """Returns the columns that decide a key: for a generated column, or an expression, those it is computed from."""
    found = tuple(dict.fromkeys(each for name in elements for each in deciding_columns(subject.table, element(name))))
    if not found:
        raise Unreliable(f"no column decides {element_list(elements)}: all rows have the same")
    return found


def refuses_null_itself(subject: Subject, column: str) -> bool:
    """Whether the NOT NULL of a column is the first rule to refuse a NULL.

    A CHECK of its domain may come first, and so may partitions without a default one: none of them takes a NULL.
    """
    table = subject.table
    decides_partition = table.bounds is not None and column in sql.columns(table.bounds)
    return not decides_partition and subject.oracle.refusal_of_null(table.column(column)) != "check"


def may_be_null(subject: Subject, column: str) -> bool:
    """Whether a column may be NULL, by its definition and by the rules about it."""
    values = _values(subject, column)
    return not subject.table.column(column).not_null and (values is None or None in values)


def _values(subject: Subject, column: str) -> set[str | None] | None:
    """Returns the values that rules let a column have; None where no rule names it."""
    pool = next((pool for pool in subject.pools.of(subject.table) if column in pool.columns), None)
    return {*pool.of_column(column)} if pool else None


def room_for_rows(subject: Subject, fixed: Values | None = None, present: Collection[str] = ()) -> float:
    """Returns how many rows with ``fixed`` values and ``present`` columns there can be before a unique key runs out."""
    most = subject.pools.capacities.rows(subject.table, fixed, present)
    return math.inf if most is None else most


@dataclass(frozen=True)
class RowsWithKey:
    """Draws rows of the table around a key of columns or expressions.

    Each row has the ``fixed`` values, keeps the predicates ``also``, and the ``present`` columns are not NULL: it stays
    in the part of the table that the key holds for.
    """

    subject: Subject
    draft: Draft
    elements: tuple[str, ...]
    fixed: Values
    present: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return deciding_key_columns(self.subject, self.elements)

    def with_whole_key(self) -> RowsWithKey:
        """The same rows without a NULL in the key, but for one that is fixed."""
        return replace(self, present=(*self.present, *(name for name in self.columns if name not in self.fixed)))

    def with_nulls(self, nulls: NewRow) -> RowsWithKey | None:
        """The same rows with these NULLs, and no others in the key if rules let that be; None if none are left."""
        if {*nulls} & {*self.fixed, *self.present}:
            return None
        fixed, others = {**self.fixed, **nulls}, tuple(name for name in self.columns if name not in nulls)
        for present in ((*self.present, *others), self.present):
            if all(pool.fitting(fixed, present) for pool in self.subject.pools.of(self.subject.table)):
                return replace(self, fixed=fixed, present=present, also=())
        return None

    def duplicates(
        self, refused: Refused, implied_by: str | None, existing: Sequence[NewRow] = ()
    ) -> Iterator[Probe | Family]:
        """Yields a third row with the key of the first, by insert and by an update of the second, and rows near it.

        Where the table has no room for a third row, there is no second. Rows that differ from the first in one column
        of the key are expected to be accepted; a narrower key that the rule is ``implied_by`` refuses such rows. All
        rows get keys of their own, also the ``existing`` ones: these have shown the key by an expression, so that the
        other probes are not required, since a key on the columns themselves may refuse them.
        """
        subject, draft, table = self.subject, self.draft, self.subject.table.name
        draft.share_ancestors()
        columns, present = self.columns, (*self.present, *self.columns)
        room = room_for_rows(subject, self.fixed, present)
        first = _with_values(draft.insert(table, self.fixed, present, self.also), present)
        others = [draft.insert(table, self.fixed, present, self.also)] if room > 2 else []
        rows = [*existing, first, *others]
        give_own_keys(subject, draft, self.elements, rows, self.also)
        if any(self._has_null(row) for row in rows):
            reject()
        key = {column: first[column] for column in columns}
        # A table with room for one row takes no second one with another key of that kind.
        sole = subject.pools.capacities.keys_of_one_row(subject.table) if room == 1 else []
        names = {name for each in sole for text in each.keys for name in sql.columns(text)}
        same = draft.row(table, {**self.fixed, **{name: first[name] for name in sorted(names)}, **key}, present)
        second = f"a second {show(key)}"
        on_insert = Probe(Insert(table, same), refused, "same key on insert", second, required=not existing)
        yield subject.varied(on_insert, {*self.fixed, *present})
        changes = key_with_references(subject, columns, same)
        for other in others if subject.may_update(changes) else ():
            update = subject.update(other, changes)
            yield from self._tried_twice(Probe(update, refused, "same key on update", second, required=not existing))
        for column in columns if room > 1 else ():
            if near := self._near(column, first, rows):
                required = not implied_by and (len(columns) == 1 or column not in subject.table.foreign_columns)
                value = show({name: near[name] for name in columns})
                aspect = f"another {column} accepted"
                accepted = Probe(Insert(table, near), Accepted(1), aspect, value, required=required)
                yield subject.varied(accepted, {*self.fixed, *present})

    def _tried_twice(self, on_update: Probe) -> Iterator[Probe]:
        """Yields an update to another's key, and again past triggers: one that looks for rows meets the old one."""
        yield on_update
        table = self.subject.table
        guarded = any("update" in each.events for each in table.triggers)
        # One that can wait is kept by a trigger itself.
        waiting = {each.name for each in table.constraints if each.deferrable}
        there = any({*each.columns} == {*self.columns} and each.constraint not in waiting for each in table.unique_keys)
        if guarded and there and self.subject.roles.may_disable_triggers:
            yield replace(on_update, before="set local session_replication_role = replica")

    def _near(self, column: str, first: Values, rows: Sequence[Values]) -> NewRow | None:
        """Draws a row that has the key of the first but for one column; None if none was found."""
        subject, draft, columns = self.subject, self.draft, self.columns
        values = _values(subject, column)
        if values is not None and len(values - {None}) <= 1:
            return None
        others = {*columns} - {column}
        if any(column in key.columns and self._decide_parent(key, others) for key in subject.table.foreign_keys):
            return None
        fixed = {**self.fixed, **{name: first[name] for name in columns if name != column}}
        also = (*_outside_exclusions(subject), *self.also)
        row = draft.row(subject.table.name, fixed, (*self.present, *columns), also)
        if row[column] == first[column]:
            if column in subject.table.foreign_columns or column in fixed:
                return None
            row[column] = draft.other_value(subject.table.name, column, row, self.also)
        if any(name not in columns for name in self.elements):
            return _with_another_key(subject, draft, self.elements, column, row, rows, self.also)
        return row

    def _decide_parent(self, key: ForeignKey, columns: Set[str]) -> bool:
        """Whether these columns of a foreign key already decide which parent it is, so that it has no other one."""
        referenced = {to for own, to in key.pairs if own in columns}
        return has_key_in(self.subject.catalog.table(key.references), referenced)

    def twice(self, expected: Expected, aspect: str) -> Iterator[Probe | Family]:
        """Yields a second row with the key of an existing one: outside the rule, or with a NULL in the key."""
        subject, draft, table = self.subject, self.draft, self.subject.table.name
        resident = _with_values(draft.insert(table, self.fixed, self.present), self.present)
        key = {column: resident[column] for column in self.columns}
        same = draft.row(table, {**self.fixed, **key}, self.present)
        probe = Probe(Insert(table, same), expected, aspect, f"a second {show(key)}", required=False)
        yield subject.varied(probe, (*self.fixed, *self.present, *self.columns))

    def _has_null(self, row: Values) -> bool:
        """Whether a generated column of the key, or an expression, is NULL."""
        asked = [f"{element(name)} is null" for name in self.elements if _is_computed(self.subject, name)]
        values = [tuple(row.values())]
        answers = self.subject.oracle.answers(self.subject.table, tuple(row), values, asked) if asked else [()]
        return any(answer is not Answer.FALSE for answer in answers[0])


def _with_values(row: NewRow, present: tuple[str, ...]) -> NewRow:
    """Returns the row if the ``present`` columns are not NULL; else gives up the example."""
    return reject() if any(row[column] is None for column in present) else row


def give_own_keys(
    subject: Subject, draft: Draft, elements: Sequence[str], rows: list[NewRow], also: tuple[str, ...] = ()
) -> None:
    """Changes rows so that no two have one key, also where the catalog does not have the key."""
    last = deciding_key_columns(subject, elements)[-1]
    if last in subject.table.foreign_columns:
        return
    computed = any(_is_computed(subject, name) for name in elements)
    for place, row in enumerate(rows):
        if computed:
            row.update(_with_another_key(subject, draft, elements, last, row, rows[:place], also) or reject())
        while not computed and any(all(row[name] == other[name] for name in elements) for other in rows[:place]):
            row[last] = draft.other_value(subject.table.name, last, row)


def _with_another_key(
    subject: Subject,
    draft: Draft,
    elements: Sequence[str],
    column: str,
    row: Values,
    others: Sequence[Values],
    also: tuple[str, ...],
) -> NewRow | None:
    """Returns a row, with another value of the column if another row has its key; None if no value was found."""
    found = dict(row)
    for _ in range(TRIES):
        if not any(_same_key(subject, elements, found, other) for other in others):
            return found
        if column in subject.table.foreign_columns:
            return None
        found[column] = draft.other_value(subject.table.name, column, found, also)
    return None


def _same_key(subject: Subject, elements: Sequence[str], one: Values, other: Values) -> bool:
    """Whether PostgreSQL computes the same key for two rows."""
    names = tuple(one)
    pairs = [(tuple(one.values()), tuple(other.get(name) for name in names))]
    equal = [(element(name), "=") for name in elements]
    return all(answer is Answer.TRUE for answer in subject.oracle.pairs(subject.table, names, pairs, equal)[0][:-1])


def _is_computed(subject: Subject, name: str) -> bool:
    """Whether an element of a key is an expression or a generated column."""
    return not sql.is_name(name) or bool(subject.table.column(name).generated)


def _outside_exclusions(subject: Subject) -> tuple[str, ...]:
    """Returns predicates of rows outside the ``where`` of each exclusion: inside it near keys would often conflict.

    Returns none if there can be no such rows.
    """
    outside = tuple(f"({each.where}) is not true" for each in ExclusionElements.all_of(subject.table) if each.where)
    return outside if subject.can_have_rows(outside) else ()


def key_with_references(subject: Subject, columns: Sequence[str], row: Values) -> NewRow:
    """Returns the key of a row with the foreign keys that share a column with it: they change together."""
    keys = (each.columns for each in subject.table.foreign_keys if {*each.columns} & {*columns})
    return {column: row[column] for column in itertools.chain(columns, *keys)}
