"""Searches for hints about rows that a row requires: functions look for them by its values.

Not here: rows that must exist before any row of the table (``required_first`` in ``parents.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.catalog.model import Table
from harness.inference.attempt import got_further
from harness.inference.case import Case, comparable
from harness.inference.columns import referenced_values
from harness.project.model import NewRow, TableName, Values
from harness.solver.row_hints import RowHints, refers_to_it
from harness.values.candidates import candidates
from harness.values.constants import words

OPTIONS = 24
"""Values of a column of a required row that are tried."""


def by_common_parent(case: Case) -> RowHints | None:
    """A row of a table that the functions name has to refer to the same parent."""
    own = [key for key in case.table.foreign_keys if len(key.columns) == 1]
    for other in case.mentioned:
        for key in (each for each in other.foreign_keys if len(each.columns) == 1):
            for column in (each.columns[0] for each in own if each.references == key.references):
                value = case.values.get(column)
                found = _required_values(case, other, {key.columns[0]: value}) if value is not None else None
                if found is not None:
                    return RowHints(requires=((other.name, {**found, key.columns[0]: f"${column}"}),))
    return None


def by_own_values(case: Case) -> RowHints | None:
    """A row has to have the row's own values, in the columns that the functions compare with them.

    If it refers to the row, both are inserted together.
    """
    for other in case.mentioned:
        names = _compared_columns(case, other)
        own = {name: f"${column}" for name, column in names.items()}
        null = tuple(column for column in names.values() if case.values.get(column) is None)
        if null or refers_to_it(other, case.table.name, own):
            hints = RowHints(requires=((other.name, own),), present=null)
            if case.helps(hints):
                return hints
        elif names:
            found = _required_values(case, other, {name: case.values[column] for name, column in names.items()})
            if found is not None:
                return RowHints(requires=((other.name, {**found, **own}),))
    return None


def by_values_of_ancestor(case: Case) -> tuple[TableName, RowHints] | None:
    """A row has to have a value of an ancestor of the row: the functions compare the two."""
    named, named_near = words(case.bodies), words([case.near])
    pairs = dict.fromkeys(_EQUAL.findall(case.near.lower()))
    others = [other for other in case.mentioned if other.name.table.lower() in named_near]
    for row in reversed(case.attempt.rows_before):
        for name, column in pairs:
            value = row.values.get(column)
            if row.table.table.lower() not in named or value is None:
                continue
            for other in others:
                if other.name != row.table and any(each.name == name for each in other.columns):
                    found = _required_values(case, other, {name: value})
                    if found is not None:
                        return row.table, RowHints(requires=((other.name, {**found, name: f"${column}"}),))
    return None


_EQUAL = re.compile(r"(\w+)\s*=\s*(?!new\.|old\.)\w+\.(\w+)")


def _compared_columns(case: Case, other: Table) -> dict[str, str]:
    """The columns of another table that the functions compare with columns of the row, each with the row's column."""
    of_row = {column.name.lower(): column.name for column in case.table.columns if column.is_supplied}
    of_other = {column.name.lower(): column.name for column in other.columns if column.is_supplied}
    found = {}
    for body in case.bodies:
        for left, right, turned, back in _EQUAL_TO_NEW.findall(body.lower()):
            name, column = of_other.get(left or back), of_row.get(right or turned)
            if name is not None and column is not None and comparable(other.column(name), case.table.column(column)):
                found[name] = column
    return found


_EQUAL_TO_NEW = re.compile(r"(\w+)\s*=\s*new\.(\w+)|\bnew\.(\w+)\s*=\s*(?:\w+\.)*(\w+)")


def _required_values(case: Case, other: Table, known: Values) -> NewRow | None:
    """The further values that a row of another table needs for the row to be accepted behind it; None if none helps."""
    columns = [each for each in other.columns if each.is_supplied and each.name not in known]
    booleans = (each for each in columns if each.base_name == "bool")
    values: list[tuple[str, str | None]] = [(each.name, text) for each in booleans for text in ("true", "false")]
    values += [(each.name, "(,)") for each in columns if each.base_kind == "r"]
    values += [(each.name, value) for each in columns for value in referenced_values(case, other, each.name)]
    for each in columns:
        literals = case.constants.literals
        values += [(each.name, value) for value in candidates(each, case.constants) if value in literals]
    tried: list[NewRow] = [{}, *({name: value} for name, value in values[:OPTIONS])]
    found, progress = _first(case, other, known, tried)
    if found is None and progress is not None:
        # One column is right: another one may be needed as well.
        found, _ = _first(case, other, {**known, **progress}, tried[1:])
        found = {**progress, **found} if found is not None else None
    return found if found is not None or not case.accept_progress else progress


def _first(case: Case, other: Table, known: Values, tried: Sequence[NewRow]) -> tuple[NewRow | None, NewRow | None]:
    """The first values of a row behind which the refused one is accepted, or else gets further."""
    progress = None
    for more in tried:
        rows = case.trials.inserts(other.name, {**known, **more}, case.attempt.rows_before)
        before = (*case.attempt.before, *rows)
        error = case.error(before) if rows else case.attempt.error
        if error is None:
            return more, None
        # An error of the rows before it is none of the row.
        if progress is None and got_further(case.table, error, case.attempt.error) and case.is_valid_setup(before):
            progress = more
    return None, progress
