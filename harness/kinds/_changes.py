"""New values for a column of a row that stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from harness.catalog.model import Column, Table
from harness.kinds.base import Subject
from harness.project.model import NewRow
from harness.values.candidates import sample

SAMPLE = 12


def other_values(subject: Subject, table: Table, column: str, row: NewRow, null: bool = False) -> list[NewRow]:
    """Changes that alter a column and keep all rules, with as few other columns as will do, or that set it to NULL."""
    definition = table.column(column)
    for pool in subject.pools.of_changed_rows(table):
        if column in pool.columns:
            entries = [dict(zip(pool.columns, entry, strict=True)) for entry in pool.rows]
            entries = [entry for entry in entries if (entry[column] is None) is null]
            return fewest(table, column, row, entries)
    if null:
        return [{column: None}]
    return [{column: value} for value in sample(definition, SAMPLE) if differs(definition, value, row[column])]


def fewest(table: Table, column: str, row: NewRow, entries: Sequence[NewRow]) -> list[NewRow]:
    """Of these values for a row, what changes it in a column and in as few others as possible."""
    foreign = {name for key in table.foreign_keys for name in key.columns}
    changes = [
        {name: value for name, value in entry.items() if differs(table.column(name), value, row[name])}
        for entry in entries
    ]
    found = [
        change
        for change in changes
        # A foreign key's value comes from its parent.
        if column in change and all(value is None or name not in foreign for name, value in change.items())
    ]
    least = min(map(len, found), default=0)
    return [change for change in found if len(change) == least]


def differs(column: Column, one: str | None, other: str | None) -> bool:
    """Whether two texts surely are two values of a column: ``0`` and ``0.00`` are one number."""
    if one is None or other is None:
        return one is not other
    return _plain(column, one) != _plain(column, other)


def _plain(column: Column, value: str) -> object:
    if column.is_json:
        return json.dumps(json.loads(value), sort_keys=True)
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value.casefold().strip()
    return number if number.is_finite() else str(number)


def telling(rows: Sequence[NewRow]) -> list[NewRow]:
    """The first of every pattern of NULLs and of columns that are alike, and then the rest."""
    ahead: dict[tuple[object, ...], NewRow] = {}
    for row in rows:
        values = list(row.values())
        ahead.setdefault(tuple(None if value is None else values.index(value) for value in values), row)
    first = {id(row) for row in ahead.values()}
    return [*ahead.values(), *(row for row in rows if id(row) not in first)]
