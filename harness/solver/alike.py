"""What makes two rows of a scenario alike, and what ends a chain of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache

from harness.catalog.model import Index, Table
from harness.oracle import Tuple
from harness.project import sql
from harness.project.model import TableName, Values
from harness.solver.pool import Pool

_DECIMAL = re.compile(r"-?\d+\.\d+|-0")


@cache
def columns_of(key: Index) -> tuple[str, ...]:
    """The columns that decide a unique key: those of its expressions as well."""
    if len(key.columns) == len(key.keys):
        return key.columns
    return tuple(dict.fromkeys(name for each in key.expressions for name in sql.columns(each)))


def alike(value: str | None) -> str | None:
    """What a key on ``lower(a)`` or ``trim(a)`` makes of a value: rows that differ here differ there.

    Numbers are what they are worth: ``0.00`` is 0.
    """
    if value is None:
        return None
    plain = value.casefold().strip()
    return _worth(plain) if _DECIMAL.fullmatch(plain) else plain


def _worth(number: str) -> str:
    found = number.rstrip("0").rstrip(".") if "." in number else number
    return "0" if found == "-0" else found


def beside(keys: Iterable[Tuple], own: Tuple, place: int) -> set[str | None]:
    """What the keys that are like one's own in all other places have at this one."""
    return {key[place] for key in keys if key[:place] == own[:place] and key[place + 1 :] == own[place + 1 :]}


def untaken(options: Iterable[Values], row: Values, others: Iterable[Values]) -> list[Values]:
    """Of values for some columns, those that a row can take with what it has, and that none of the others has."""
    fitting = (each for each in options if all(row.get(column, value) == value for column, value in each.items()))
    return [each for each in fitting if not any(each.items() <= other.items() for other in others)]


def end_chain(
    table: Table,
    row: dict[str, str | None],
    pools: Sequence[Pool],
    above: Collection[TableName],
    present: Collection[str],
) -> None:
    """Leaves the references to tables ``above`` NULL where they may be and are not ``present``: a chain ends."""
    for key in table.foreign_keys:
        free = {name: None for name in key.columns if not table.column(name).not_null and name not in row}
        if key.references not in above or free.keys() & {*present}:
            continue
        if all(pool.takes(row, tuple(free)) for pool in pools):
            row.update(free)
