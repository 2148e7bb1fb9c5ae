"""Lessons about rows beside a row: those that functions look for by what it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.catalog.model import Table
from harness.inference.attempt import further
from harness.inference.columns import listed
from harness.inference.trials import Case, comparable
from harness.project.model import TableName
from harness.solver.row_hints import RowHints, refers_to_it
from harness.values.candidates import candidates
from harness.values.hints import words

OPTIONS = 24
"""Values of a column of a row beside it that are tried."""


def sibling(case: Case) -> RowHints | None:
    """Another row has to stand that refers to the same: one of a table that the functions look into."""
    own = [key for key in case.table.foreign_keys if len(key.columns) == 1]
    for other in case.mentioned:
        for key in (each for each in other.foreign_keys if len(each.columns) == 1):
            for column in (each.columns[0] for each in own if each.references == key.references):
                value = case.attempt.insert.values.get(column)
                found = _beside(case, other, {key.columns[0]: value}) if value is not None else None
                if found is not None:
                    return RowHints(requires=((other.name, {**found, key.columns[0]: f"${column}"}),))
    return None


def looked_up(case: Case) -> RowHints | None:
    """Another row has to stand that has what the row has, in the columns by which the functions look for it.

    If it refers to the row, it comes with it.
    """
    values = case.attempt.insert.values
    for other in case.mentioned:
        names = _looked_up_by(case, other)
        own = {name: f"${column}" for name, column in names.items()}
        absent = tuple(column for column in names.values() if values.get(column) is None)
        if absent or refers_to_it(other, case.table.name, own):
            hints = RowHints(requires=((other.name, own),), present=absent)
            if case.helps(hints):
                return hints
        elif names:
            found = _beside(case, other, {name: values[column] for name, column in names.items()})
            if found is not None:
                return RowHints(requires=((other.name, {**found, **own}),))
    return None


def looked_up_above(case: Case) -> tuple[TableName, RowHints] | None:
    """The same of a row above it: the functions look for what stands beside that one."""
    spoken = words([case.near])
    pairs = dict.fromkeys(_EQUAL.findall(case.near.lower()))
    others = [other for other in case.mentioned if other.name.table.lower() in spoken]
    for row in reversed(case.attempt.rows_before):
        for name, column in pairs:
            value = row.values.get(column)
            if row.table.table.lower() not in words(case.bodies) or value is None:
                continue
            for other in others:
                if other.name != row.table and any(each.name == name for each in other.columns):
                    found = _beside(case, other, {name: value})
                    if found is not None:
                        return row.table, RowHints(requires=((other.name, {**found, name: f"${column}"}),))
    return None


_EQUAL = re.compile(r"(\w+)\s*=\s*(?!new\.|old\.)\w+\.(\w+)")


def _looked_up_by(case: Case, other: Table) -> dict[str, str]:
    """The columns of another table that the functions compare with those of the row, each with the row's own."""
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


def _beside(case: Case, other: Table, led: Mapping[str, str | None]) -> dict[str, str | None] | None:
    """What a row of another table is besides its reference if the row is accepted behind it; None if it is not."""
    columns = [each for each in other.columns if each.is_supplied and each.name not in led]
    answers = ("true", "false")
    known: list[tuple[str, str | None]] = [
        (each.name, v) for each in columns if each.base_name == "bool" for v in answers
    ]
    known += [(each.name, "(,)") for each in columns if each.base_kind == "r"]
    known += [(each.name, value) for each in columns for value in listed(case, other, each.name)]
    for each in columns:
        known += [(each.name, value) for value in candidates(each, case.hints) if value in case.hints.constants]
    tried: list[dict[str, str | None]] = [{}, *({name: value} for name, value in known[:OPTIONS])]
    found, gets_further = _first(case, other, led, tried)
    if found is None and gets_further is not None:
        # One column is right: another one may have to be as well.
        found, _ = _first(case, other, {**led, **gets_further}, tried[1:])
        found = {**gets_further, **found} if found is not None else None
    return found if found is not None or not case.lenient else gets_further


def _first(
    case: Case, other: Table, led: Mapping[str, str | None], tried: Sequence[dict[str, str | None]]
) -> tuple[dict[str, str | None] | None, dict[str, str | None] | None]:
    """The first of what is tried behind which the row is accepted, else the first behind which it gets further."""
    gets_further = None
    for more in tried:
        rows = case.trials.standing(other.name, {**led, **more}, case.attempt.rows_before)
        before = (*case.attempt.before, *rows)
        if not rows or not case.stands(before):
            continue
        refusal = case.refused(before)
        if refusal is None:
            return more, None
        if gets_further is None and further(case.table, refusal, case.attempt.refusal):
            gets_further = more
    return None, gets_further
