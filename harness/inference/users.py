"""Searches for as whom a row is written: the settings that functions read, and the role that they ask for.

Not here: statements with these settings (``generation/users.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import psycopg

from harness.catalog.model import Table
from harness.inference.attempt import FunctionTexts
from harness.inference.case import FEW, Case
from harness.inference.trials import Trials
from harness.probes import UNTRIED, Insert, ServerError, SqlStatement, claim_variables
from harness.project import sql
from harness.solver.pools import Pools
from harness.solver.row_hints import RowHints
from harness.values.json_keys import json_paths, within

SAMPLES = ("7919", "00000000-0000-4000-8000-000000007919", "1", "true", "2000-01-01")
"""Values that one or another type can have, where any value of a setting will do: no drawn key is one by chance."""

TOGETHER = 60
"""Users that are tried at once, on one row."""

LITERALS = 12
"""Constants of the functions that are tried as values of a setting."""


def user(case: Case) -> RowHints | None:
    """A setting that the functions read has to have a value, or a role that they name has to write the row."""
    roles = (RowHints(as_=role) for role in case.pools.introspection.role_names() if role in case.constants.literals)
    found = (*claims_read(case.pools, case.table, case.bodies, _values(case)), *roles)
    for start in range(0, len(found), TOGETHER):
        some, attempt = found[start : start + TOGETHER], case.attempt
        errors = case.trials.errors_supposing(case.table.name, some, attempt.before, attempt.statement)
        for hints, error in zip(some, errors, strict=True):
            if _helps(case, hints, error):
                return hints
    return None


def assumed(case: Case) -> RowHints | None:
    """A setting has some value, the same for all rows: what else is needed is to be found with it."""
    if not case.accept_progress:
        return None
    for hints in claims_read(case.pools, case.table, case.bodies, SAMPLES):
        if not {*hints.claims} & {*case.known.claims}:
            with case.trials.supposing(case.table.name, hints):
                if _is_valid(case.error(case.attempt.before)):
                    return hints
    return None


def of_check(trials: Trials, table: Table) -> RowHints | None:
    """A CHECK reads a setting: without a value it refuses nothing, or fails."""
    texts = FunctionTexts(trials.pools, table)
    for check in table.checks:
        bodies = (check.expression or "", *texts.all(sql.calls(check.expression or "true")))
        for hints in claims_read(trials.pools, table, bodies, SAMPLES):
            with trials.supposing(table.name, hints):
                try:
                    rows = trials.patiently(trials.row(table.name), FEW)
                except psycopg.ProgrammingError:  # it reads another setting as well
                    continue
                if rows and not any(trials.errors(rows)):
                    return hints
    return None


def of_default(trials: Trials, table: Table) -> RowHints | None:
    """A default reads a setting, and is NULL or fails without it, in a column that may not be NULL."""
    texts = FunctionTexts(trials.pools, table)
    for column in (each for each in table.columns if each.not_null and each.default and each.is_supplied):
        bodies = (column.default or "", *texts.all(sql.calls(column.default or "null")))
        found = [*claims_read(trials.pools, table, bodies, (f"${column.name}", *SAMPLES))]
        for setup, row in trials.patiently(trials.row(table.name), 1) if found else ():
            if isinstance(row, Insert):
                given = {name: value for name, value in row.values.items() if name != column.name}
                tried = [(setup, replace(row, values=given))]
                for hints in (RowHints(), *found):
                    with trials.supposing(table.name, hints):
                        if trials.errors(tried, row.values) == [None]:
                            return hints if hints.claims else None
    return None


def _helps(case: Case, hints: RowHints, first: ServerError | None) -> bool:
    """Whether the refused row, of which ``first`` is the error with these hints, and then all others pass with them.

    Rows in which a claim is empty need not: which values the columns may have can be found next.
    """
    named = [] if case.strict else claim_variables(hints.claims)

    def passes(error: ServerError | None) -> bool:
        further = error is not None and (case.is_progress(error) or case.passes(error))
        return error is None or (case.accept_progress and _is_valid(error) and further)

    def is_empty(row: SqlStatement) -> bool:
        return isinstance(row, Insert) and not all(row.values.get(name) for name in named)

    if not (is_empty(case.attempt.insert) or passes(first)):
        return False
    with case.trials.supposing(case.table.name, hints):
        rows = case.trials.patiently(case.trials.row(case.table.name), FEW)
        errors = case.trials.errors(rows)
    pairs = [(row, error) for (_, row), error in zip(rows, errors, strict=True)]
    return any(passes(error) for _, error in pairs) and all(passes(error) or is_empty(row) for row, error in pairs)


def _is_valid(error: ServerError | None) -> bool:
    """Whether functions could do with the value of a setting, and the role could be taken."""
    return error is None or not (error.sqlstate[:2] in ("22", "42") or error.sqlstate == UNTRIED)


def claims_read(pools: Pools, table: Table, bodies: Sequence[str], values: Iterable[str]) -> Iterator[RowHints]:
    """Hints for each value of a setting that the bodies of functions read, in a JSON text first."""
    text, known = "\n".join(bodies), pools.hints(table.name).claims
    read = (each.name for each in pools.catalog.settings if each.read and each.name)
    settings = [name for name in read if f"'{name}'" in text.lower()]
    paths = json_paths(text)
    for value in values if settings else ():
        for name in settings:
            yield from (RowHints(claims={name: within(known.get(name), path, value)}) for path in paths)
        yield from (RowHints(claims={name: value}) for name in settings)


def _values(case: Case) -> Iterator[str]:
    """Values for a setting: columns that the functions name, samples, constants of theirs, and any other column.

    If a row need only get further, the rest is easier to find with one value for all rows: then samples come first.
    """
    supplied = [each.name for each in case.table.columns if each.is_supplied]
    named = [name for name in supplied if name.lower() in case.words]
    columns = [f"${name}" for name in named]
    yield from (*SAMPLES, *columns) if case.accept_progress else (*columns, *SAMPLES)
    settings = {each.name for each in case.pools.catalog.settings}
    words = (each for each in case.constants.literals if each and " " not in each and each.lower() not in settings)
    yield from [*words][:LITERALS]
    yield from (f"${name}" for name in supplied if name not in named)
