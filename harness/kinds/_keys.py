"""Rows with the same key and rows with almost the same: shared by the kinds that speak of keys."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from hypothesis import reject

from harness.generation.draft import Draft
from harness.generation.exclusions import ExclusionElements
from harness.kinds._expressions import element
from harness.kinds.base import Subject, Unreliable, column_list, show
from harness.oracle import Answer
from harness.probes import Accepted, Expected, Family, Insert, Probe, Refused, Update
from harness.project import sql
from harness.project.model import Values
from harness.solver.rules import Unfillable, deciding_columns

TRIES = 20
"""Values that are drawn for one with which a generated column is another."""


def drawn_for(subject: Subject, columns: tuple[str, ...]) -> tuple[str, ...]:
    """What decides a key: in place of a generated column, or an expression, those that it is computed from."""
    found = tuple(dict.fromkeys(each for name in columns for each in deciding_columns(subject.table, element(name))))
    if not found:
        raise Unreliable(f"no column decides {column_list(columns)}: all rows have the same")
    return found


def refuses_null_itself(subject: Subject, column: str) -> bool:
    """Whether it is the NOT NULL of a column that refuses a NULL, and nothing before that does.

    Partitions without a default one that hang on the column do: for a NULL there is none. So may a CHECK of its domain.
    """
    table = subject.table
    decides_partition = table.bounds is not None and column in sql.columns(table.bounds)
    return not decides_partition and subject.oracle.refusal_of_null(table.column(column)) != "check"


def may_be_null(subject: Subject, column: str) -> bool:
    """Whether a column may be NULL, by its own say and by the rules about it."""
    values = _values(subject, column)
    return not subject.table.column(column).not_null and (values is None or None in values)


def _varies(subject: Subject, column: str) -> bool:
    """Whether rules let a column have more than one value, NULL aside."""
    values = _values(subject, column)
    return values is None or len(values - {None}) > 1


def _values(subject: Subject, column: str) -> set[str | None] | None:
    """What a column can be by the rules that speak of it; None where none does."""
    pool = next((pool for pool in subject.pools.of(subject.table) if column in pool.columns), None)
    return {row[pool.columns.index(column)] for row in pool.rows} if pool else None


def duplicates(
    subject: Subject,
    draft: Draft,
    columns: tuple[str, ...],
    refused: Refused,
    inside: Values | None = None,
    present: tuple[str, ...] = (),
    implied: bool = False,
    standing: Sequence[dict[str, str | None]] = (),
) -> Iterator[Probe | Family]:
    """Two rows stand; a third with the key of the first is refused, on insert and by an update of the second.

    Where there is no room for a third row, one of them stands. Rows that differ from the first in one column of the key
    are accepted. ``inside`` values and the ``present`` columns keep all rows in the part of the table that the rule
    holds for. A key that is ``implied`` by a narrower one lets no such rows pass. Of a generated column it is the
    columns that it is computed from which are the same, or not. Rows that are ``standing`` are kept apart as well: they
    have shown the key by an expression, of which a key on the columns themselves may hide the rest.
    """
    table = subject.table.name
    inside = inside or {}
    whole, columns = columns, drawn_for(subject, columns)
    present = (*present, *columns)
    resident = _there(draft.insert(table, inside, present), present)
    room = room_for_rows(subject)
    other = draft.insert(table, inside, present) if room > 2 else None
    there = [resident] if other is None else [resident, other]
    there = [*standing, *there]
    keep_apart(subject, draft, whole, there)
    if any(_has_null(subject, whole, row) for row in there):
        reject()
    key = {column: resident[column] for column in columns}
    same = draft.row(table, {**inside, **key}, present)
    unvaried = {*inside, *present}
    needed, second = not standing, f"a second {show(key)}"
    on_insert = Probe(Insert(table, same), refused, "same key on insert", second, required=needed)
    yield subject.varied(on_insert, unvaried)
    changes = key_and_what_hangs_on_it(subject, columns, same)
    if other is not None and subject.may_update(changes):
        update = Update(table, subject.key(other), changes)
        yield Probe(update, refused, "same key on update", second, required=needed)
    for column in (each for each in columns if room > 1 and _varies(subject, each)):
        kept = {name: value for name, value in key.items() if name != column}
        near = _near(subject, draft, column, {**inside, **kept}, present, resident[column])
        if near is not None and any(name not in columns for name in whole):
            near = _apart(subject, draft, whole, column, near, there)
        if near is not None:
            required = not implied and (len(columns) == 1 or not _foreign(subject, column))
            value = show({name: near[name] for name in columns})
            another = Probe(Insert(table, near), Accepted(1), f"another {column} accepted", value, required=required)
            yield subject.varied(another, unvaried)


def _there(row: dict[str, str | None], present: tuple[str, ...]) -> dict[str, str | None]:
    """The row, if it has what has to be there: where no combination that was found does, it is none of this part."""
    return reject() if any(row[column] is None for column in present) else row


def room_for_rows(subject: Subject) -> float:
    """How many rows there can be in the table before one of its unique keys runs out."""
    most = subject.pools.capacity(subject.table)
    return math.inf if most is None else most


def keep_apart(subject: Subject, draft: Draft, columns: tuple[str, ...], rows: list[dict[str, str | None]]) -> None:
    """Gives rows keys of their own, also where the catalog has no such key and something else may refuse them."""
    last = drawn_for(subject, columns)[-1]
    if _foreign(subject, last):
        return
    if any(_is_computed(subject, name) for name in columns):
        for place, row in enumerate(rows):
            row.update(_apart(subject, draft, columns, last, row, rows[:place]) or reject())
        return
    for place, row in enumerate(rows):
        while any(all(row[name] == other[name] for name in columns) for other in rows[:place]):
            row[last] = draft.other_value(subject.table.name, last, row)


def _apart(
    subject: Subject, draft: Draft, columns: tuple[str, ...], column: str, row: Values, others: Sequence[Values]
) -> dict[str, str | None] | None:
    """The row, with another value in one column where it has the key of another; None if none was found."""
    found = dict(row)
    for _ in range(TRIES):
        if not any(_meet(subject, columns, found, other) for other in others):
            return found
        if _foreign(subject, column):
            return None
        found[column] = draft.other_value(subject.table.name, column, found)
    return None


def _meet(subject: Subject, columns: tuple[str, ...], one: Values, other: Values) -> bool:
    """Whether two rows have the same key, as PostgreSQL computes it where it is generated."""
    names = tuple(one)
    pairs = [(tuple(one.values()), tuple(other.get(name) for name in names))]
    equal = [(element(name), "=") for name in columns]
    return all(answer is Answer.TRUE for answer in subject.oracle.pairs(subject.table, names, pairs, equal)[0][:-1])


def _has_null(subject: Subject, columns: tuple[str, ...], row: Values) -> bool:
    """Whether a generated column of a key, or an expression, is NULL."""
    asked = [f"{element(name)} is null" for name in columns if _is_computed(subject, name)]
    answers = subject.oracle.answers(subject.table, tuple(row), [tuple(row.values())], asked) if asked else [()]
    return any(answer is not Answer.FALSE for answer in answers[0])


def _is_computed(subject: Subject, name: str) -> bool:
    """Whether an element of a key comes from other columns."""
    return not sql.is_name(name) or bool(subject.table.column(name).generated)


def pair(
    subject: Subject,
    draft: Draft,
    columns: tuple[str, ...],
    expected: Expected,
    aspect: str,
    fixed: Values,
    present: tuple[str, ...] = (),
) -> Iterator[Probe | Family]:
    """Two rows with the same key under ``fixed`` values: outside the rule, or with a NULL in the key."""
    table = subject.table.name
    columns = drawn_for(subject, columns)
    resident = _there(draft.insert(table, fixed, present), present)
    key = {column: resident[column] for column in columns}
    same = draft.row(table, {**fixed, **key}, present)
    probe = Probe(Insert(table, same), expected, aspect, f"a second {show(key)}", required=False)
    yield subject.varied(probe, (*fixed, *present, *columns))


def _near(
    subject: Subject, draft: Draft, column: str, fixed: Values, present: tuple[str, ...], unlike: str | None
) -> dict[str, str | None] | None:
    table = subject.table.name
    row = draft.row(table, fixed, present, _unexcluded(subject))
    if row[column] == unlike:
        if _foreign(subject, column) or column in fixed:
            return None
        row[column] = draft.other_value(table, column, row)
    return row


def _unexcluded(subject: Subject) -> tuple[str, ...]:
    """Predicates of the rows that no exclusion with a ``where`` speaks of: with most of a key's values two would meet.

    None where there are no such rows.
    """
    wheres = [each.where for each in ExclusionElements.all_of(subject.table) if each.where]
    outside = tuple(f"({where}) is not true" for where in wheres)
    try:
        subject.pools.of(subject.table, also=outside)
    except Unfillable:
        return ()
    return outside


def key_and_what_hangs_on_it(subject: Subject, columns: tuple[str, ...], row: Values) -> dict[str, str | None]:
    """The key's columns, and those of foreign keys that share one with it: they change together."""
    changed = dict.fromkeys(columns)
    for foreign in subject.table.foreign_keys:
        if set(foreign.columns) & set(columns):
            changed.update(dict.fromkeys(foreign.columns))
    return {column: row[column] for column in changed}


def _foreign(subject: Subject, column: str) -> bool:
    return any(column in foreign.columns for foreign in subject.table.foreign_keys)
