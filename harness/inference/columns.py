"""Lessons about a row's own columns: what they have to be, and which may not be NULL."""

from __future__ import annotations

from harness.catalog.model import Table
from harness.inference.trials import Case
from harness.solver.row_hints import RowHints
from harness.values.candidates import candidates
from harness.values.hints import words

MOST = 60
"""Values of a column that are tried on a trigger."""

TIED = 12
"""Values of a column that are tried with all that rules tie to them."""


def empty(case: Case) -> RowHints | None:
    """Some columns have to be NULL together."""
    values = case.attempt.insert.values
    foreign = case.table.foreign_columns
    free = [
        column.name
        for column in case.table.columns
        if values.get(column.name) is not None and not column.not_null and column.name not in foreign
    ]
    if not free or not case.accepted([{**values, **dict.fromkeys(free)}])[0]:
        return None
    for column in tuple(free):
        fewer = [name for name in free if name != column]
        if fewer and case.accepted([{**values, **dict.fromkeys(fewer)}])[0]:
            free = fewer
    return RowHints(values=dict.fromkeys(free, (None,)))


def present(case: Case) -> RowHints | None:
    """Some columns have to be there together, though each may be NULL."""
    spoken = words(case.bodies)
    free = (each for each in case.table.columns if each.is_supplied and not each.not_null)
    found = case.fewest(case.table.name, tuple(each.name for each in free if each.name.lower() in spoken))
    return RowHints(present=found) if found else None


def value(case: Case) -> RowHints | None:
    """A column has to have a value that the trigger knows, or texts of a form that it can read."""
    foreign = case.table.foreign_columns
    supplied = [column for column in case.table.columns if column.is_supplied]
    spoken = [column for column in supplied if column.name.lower() in words(case.bodies)]
    # Functions may come by a column without its name; but what only some rows lack is not looked for everywhere.
    others = [] if case.picky else [column for column in supplied if column not in spoken]
    for column in (*spoken, *others):
        leads = column.name in foreign
        found = listed(case, case.table, column.name) if leads else options(case, case.table, column.name)
        found = [each for each in found if each != case.attempt.insert.values.get(column.name)] if leads else found
        accepted = case.accepted([{**case.attempt.insert.values, column.name: each} for each in found])
        kept = tuple(option for option, fine in zip(found, accepted, strict=True) if fine)
        if kept:
            return RowHints(values={column.name: kept})
    return None


def listed(case: Case, table: Table, name: str) -> list[str | None]:
    """The keys of the rows that stand where a column leads: most often those of reference data."""
    keys = [key for key in table.foreign_keys if name in key.columns]
    if len(keys) != 1 or len(keys[0].columns) > 1 or keys[0].references is None:
        return []
    above = case.pools.catalog.table(keys[0].references)
    rows = case.pools.oracle.standing_values(above, keys[0].referenced_columns, None, MOST)
    return [value for (value,) in rows]


def tied(case: Case) -> RowHints | None:
    """Of what rules let several columns be together, only a part is accepted: what one of them is then."""
    if case.lenient:
        return None
    table, spoken = case.table, words(case.bodies)
    pools = [each for each in case.pools.of(table) if len(each.columns) > 1]
    free = {column.name for column in table.columns if not column.not_null}
    free -= {name for pool in pools for name in pool.columns}
    # References that may be left out lead far away, and back to a row that is not there yet.
    led = {name for key in table.foreign_keys for name in key.columns if name in free}
    out = {name: None for name in led if name.lower() not in spoken}
    for pool in pools:
        for place, name in enumerate(pool.columns):
            if name.lower() not in spoken:
                continue
            found = list(dict.fromkeys(row[place] for row in pool.rows))
            kept = tuple(each for each in found[:TIED] if case.takes({**out, name: each}))
            if kept and len(kept) < len(found):
                return RowHints(values={name: kept})
    return None


def options(case: Case, table: Table, name: str) -> list[str | None]:
    """Values of a column that keep the rules about it, and differ from all that was drawn."""
    column, hints = table.column(name), case.hints.also(case.shown(name))
    plain = candidates(column, hints, draws=4)
    found: dict[str | None, None] = dict.fromkeys(each for each in plain if each in hints.constants)
    found |= dict.fromkeys(plain)
    pool = next((each for each in case.pools.of(table) if name in each.columns), None)
    if pool is not None:
        there = dict.fromkeys(row[pool.columns.index(name)] for row in pool.rows)
        found = {**{value: None for value in found if value in there}, **there}
    return [value for value in found if value is not None or not column.not_null][:MOST]
