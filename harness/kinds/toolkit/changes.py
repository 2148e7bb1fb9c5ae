"""Changes of a row's columns that keep all rules, with as few other columns as possible."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation

from harness.catalog.model import Column, Table
from harness.generation.draft import Draft
from harness.kinds.base import Subject
from harness.probes.statement import condition
from harness.project.model import NewRow, Values
from harness.solver.pool import Pool
from harness.values.candidates import sample

SAMPLE = 12
UNCOMPARABLE = ("json", "xml", "point")


def differs(column: Column, one: str | None, other: str | None) -> bool:
    """Whether two texts surely are two values of a column: ``0`` and ``0.00`` are one number."""
    if one is None or other is None:
        return one is not other
    return _comparable(column, one) != _comparable(column, other)


def _comparable(column: Column, value: str) -> object:
    if column.is_json:
        return json.dumps(json.loads(value), sort_keys=True)
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value.casefold().strip()
    return number if number.is_finite() else str(number)


def other_values(subject: Subject, table: Table, column: str, row: NewRow) -> list[NewRow]:
    """Returns changes that give a column another value that is not NULL."""
    for pool in pools_of(subject, table, column):
        entries = [dict(zip(pool.columns, entry, strict=True)) for entry in pool.rows]
        return smallest(table, column, row, [entry for entry in entries if entry[column] is not None])
    definition = table.column(column)
    return [{column: value} for value in sample(definition, SAMPLE) if differs(definition, value, row[column])]


def nulls(subject: Subject, table: Table, column: str, row: NewRow) -> list[NewRow]:
    """Returns changes that set a column to NULL."""
    for pool in pools_of(subject, table, column):
        entries = [dict(zip(pool.columns, entry, strict=True)) for entry in pool.rows]
        return smallest(table, column, row, [entry for entry in entries if entry[column] is None])
    return [{column: None}]


def pools_of(subject: Subject, table: Table, column: str) -> list[Pool]:
    """Returns the pool that holds a column, by the rules for existing rows; an empty list where no rule names it."""
    return [pool for pool in subject.pools.of_changed_rows(table) if column in pool.columns]


def smallest(table: Table, column: str, row: NewRow, entries: Sequence[NewRow]) -> list[NewRow]:
    """Returns the entries that change a column of a row, and as few other columns as possible."""
    changes = [
        {name: value for name, value in entry.items() if differs(table.column(name), value, row[name])}
        for entry in entries
    ]
    found = [
        change
        for change in changes
        # A foreign key's value comes from its parent.
        if column in change
        and all(value is None or name not in table.foreign_columns for name, value in change.items())
    ]
    least = min(map(len, found), default=0)
    return [change for change in found if len(change) == least]


def by_pattern(rows: Sequence[NewRow], pattern: Callable[[Sequence[str | None]], object]) -> list[NewRow]:
    """Returns the first row of each pattern of values, and then the others: those in front are surely tried."""
    ahead: dict[object, NewRow] = {}
    for row in rows:
        ahead.setdefault(pattern([*row.values()]), row)
    first = {id(row) for row in ahead.values()}
    return [*ahead.values(), *(row for row in rows if id(row) not in first)]


def change_to(subject: Subject, draft: Draft, row: Values, column: str, value: str | None) -> NewRow:
    """Returns the change of a column to this value, with as few other columns as the rules need."""
    return _smallest_valid(subject, draft, row, column, lambda found: found == value) or {column: value}


def change_of(subject: Subject, draft: Draft, row: Values, column: str, fresh: Values) -> NewRow | None:
    """Returns a change of a column with as few other columns as the rules need; None if there is none.

    The value comes from another row, ``fresh``, where no rule and no foreign key decides it.
    """
    table = subject.table
    definition = table.column(column)
    if pools_of(subject, table, column):
        return _smallest_valid(subject, draft, row, column, lambda value: differs(definition, value, row[column]))
    if column in table.foreign_columns:
        return new_parent(subject, draft, row, column)
    if differs(definition, fresh[column], row[column]):
        return {column: fresh[column]}
    # A guard that compares with <> does not see a change from NULL: that one is tried always.
    was_null = row[column] is None and column not in subject.pools.unique_columns(table)
    return {column: sample(definition, 1)[0]} if was_null else None


def change_to_null(subject: Subject, row: Values, column: str) -> NewRow | None:
    """Returns the change of a column to NULL, if all rules accept it by itself."""
    to_null: NewRow = {column: None}
    if subject.table.column(column).not_null or row[column] is None:
        return None
    return (
        to_null if all(pool.allows({**row, **to_null}) for pool in pools_of(subject, subject.table, column)) else None
    )


def new_parent(subject: Subject, draft: Draft, row: Values, column: str) -> NewRow:
    """Inserts another parent for a column of a foreign key, and returns the change that refers to it.

    The key's other columns stay the same, unless they already decide which parent it is.
    """
    key = max((key for key in subject.table.foreign_keys if column in key.columns), key=lambda key: len(key.columns))
    pairs = dict(key.pairs)
    kept = {pairs[name]: row[name] for name in key.columns if name != column and row[name] is not None}
    unique = subject.catalog.table(key.references).unique_keys
    if any(index.columns and set(index.columns) <= set(kept) for index in unique):
        kept = {}
    parent = draft.insert(key.references, kept)
    return {name: parent[pairs[name]] for name in key.columns if pairs[name] not in kept}


def filled_references(table: Table, pools: Iterable[Pool]) -> tuple[str, ...]:
    """Returns the columns of foreign keys that can be not NULL together, as many as the rules accept."""
    found: list[str] = []
    places = {column: pool for pool in pools for column in pool.columns}
    for column in sorted(table.foreign_columns):
        pool = places.get(column)
        expected = [place for place, name in enumerate(pool.columns) if name in (*found, column)] if pool else []
        if pool is None or any(all(row[place] is not None for place in expected) for row in pool.rows):
            found.append(column)
    return tuple(found)


def is_unchanged(subject: Subject, row: Values, without: Iterable[str] = ()) -> str:
    """Returns an SQL condition: all columns but ``without`` have the values of a row, if they can be compared."""
    skipped = {*without, *subject.rewritten}
    kept = [column.name for column in subject.table.columns if column.base_name not in UNCOMPARABLE]
    return condition({name: row[name] for name in kept if name in row and name not in skipped})


def _smallest_valid(
    subject: Subject, draft: Draft, row: Values, column: str, fits: Callable[[str | None], bool]
) -> NewRow | None:
    """Returns the change to a combination whose value of the column ``fits``, with the fewest other columns."""
    foreign = subject.table.foreign_columns
    for pool in pools_of(subject, subject.table, column):
        options: list[NewRow] = []
        for entry in pool.rows:
            values = dict(zip(pool.columns, entry, strict=True))
            if fits(values[column]):
                # A reference may keep its parent, whichever that is.
                kept = [name for name in foreign if name != column and None not in (row[name], values.get(name))]
                options.append(
                    {name: value for name, value in values.items() if value != row[name] and name not in kept}
                )
        fewest = min(map(len, options), default=0)
        if fewest:
            chosen = draft.choose([option for option in options if len(option) == fewest])
            references = {name for name, value in chosen.items() if value is not None and name in foreign}
            changed = {name: value for name, value in chosen.items() if name not in references}
            for name in sorted(references):
                changed |= new_parent(subject, draft, row, name)
            return changed
    return None
