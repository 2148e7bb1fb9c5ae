"""Searches for hints about a row's own columns: the values they need, and which may not be NULL.

Also columns that have to be NULL together. Not here: columns of its ancestors (``parents.py``).
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.catalog.model import Table
from harness.inference.case import Case
from harness.solver.row_hints import RowHints
from harness.values.candidates import candidates

MOST = 60
"""Values of a column that are tried on a trigger."""

UNUSUAL = ("infinity", "nan")

TIED = 12
"""Values of a column that are tried with all that rules tie to them."""


def null_together(case: Case) -> RowHints | None:
    """Some nullable columns have to be NULL together."""
    free = [
        column.name
        for column in case.table.columns
        if case.values.get(column.name) is not None
        and not column.not_null
        and column.name not in case.table.foreign_columns
    ]
    if not free or not case.accepted([{**case.values, **dict.fromkeys(free)}])[0]:
        return None
    for column in tuple(free):
        fewer = [name for name in free if name != column]
        if fewer and case.accepted([{**case.values, **dict.fromkeys(fewer)}])[0]:
            free = fewer
    return RowHints(values=dict.fromkeys(free, (None,)))


def present(case: Case) -> RowHints | None:
    """Some nullable columns must not be NULL."""
    nullable = (each for each in case.table.columns if each.is_supplied and not each.not_null)
    named = tuple(each.name for each in nullable if each.name.lower() in case.words)
    found = case.fewest_present(case.table.name, named)
    return RowHints(present=found) if found else None


def value(case: Case) -> RowHints | None:
    """A column needs a value that the trigger knows, or a text of a form that it can read."""
    supplied = [column for column in case.table.columns if column.is_supplied]
    named = [column for column in supplied if column.name.lower() in case.words]
    # Functions may read a column without naming it. If only some rows are refused, that is not searched for.
    others = [] if case.strict else [column for column in supplied if column not in named]
    for column in (*named, *others):
        if column.name in case.table.foreign_columns:
            own = case.values.get(column.name)
            found = [each for each in referenced_values(case, case.table, column.name) if each != own]
        else:
            found = options(case, case.table, column.name)
        accepted = case.accepted([{**case.values, column.name: each} for each in found])
        kept = _ordinary(option for option, fine in zip(found, accepted, strict=True) if fine)
        if kept:
            return RowHints(values={column.name: kept})
    return None


def _ordinary(values: Iterable[str | None]) -> tuple[str | None, ...]:
    """The values, without those that no application sends where there are others."""
    found = tuple(values)
    return tuple(each for each in found if each is None or each.lower().lstrip("-") not in UNUSUAL) or found


def tied_value(case: Case) -> RowHints | None:
    """A column that rules tie to others needs one of some values: of the combinations only a part is accepted."""
    if case.accept_progress:
        return None
    pools = [each for each in case.pools.of(case.table) if len(each.columns) > 1]
    free = {column.name for column in case.table.columns if not column.not_null}
    free -= {name for pool in pools for name in pool.columns}
    # Nullable references that the functions do not name are left out: they may lead back to a row that does not exist.
    null = {name: None for name in case.table.foreign_columns & free if name.lower() not in case.words}
    for pool in pools:
        for name in pool.columns:
            if name.lower() not in case.words:
                continue
            found = list(dict.fromkeys(pool.of_column(name)))
            kept = _ordinary(each for each in found[:TIED] if case.accepts({**null, name: each}))
            if kept and len(kept) < len(found):
                return RowHints(values={name: kept})
    return None


def referenced_values(case: Case, table: Table, name: str) -> list[str | None]:
    """The keys of existing rows that a column can refer to, most often of reference data."""
    keys = [key for key in table.foreign_keys if name in key.columns]
    if len(keys) != 1 or len(keys[0].columns) > 1:
        return []
    parent = case.pools.catalog.table(keys[0].references)
    return [value for (value,) in case.pools.existing.select(parent, keys[0].referenced_columns, limit=MOST)]


def options(case: Case, table: Table, name: str) -> list[str | None]:
    """Values of a column that keep the rules about it, those that the functions mention first."""
    column, constants = table.column(name), case.constants.also(case.view_values(name))
    plain = candidates(column, constants, draws=4)
    found: dict[str | None, None] = dict.fromkeys(each for each in plain if each in constants.literals)
    found |= dict.fromkeys(plain)
    pool = next((each for each in case.pools.of(table) if name in each.columns), None)
    if pool is not None:
        allowed = dict.fromkeys(pool.of_column(name))
        found = {**{value: None for value in found if value in allowed}, **allowed}
    return [value for value in found if value is not None or not column.not_null][:MOST]
