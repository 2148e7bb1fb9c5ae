"""Decides which tables get how many rows: for a planner to look at, or by names that a user gives.

Ancestors get fewer rows than the table that was asked for. Disables triggers and foreign keys meanwhile if the role may
do that, analyzes the tables and commits. Refuses a name that matches no schema or table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import psycopg

from harness.bulk.context import BulkContext
from harness.bulk.load import FillResult, load
from harness.catalog import WHO_MAY_DISABLE_TRIGGERS, Catalog, Table, ancestors, may_disable_triggers
from harness.errors import ProjectError, did_you_mean
from harness.probes.statement import qualified
from harness.project.model import TableName
from harness.solver import Pools, Unfillable

ROWS = 10_000
"""Rows of a filled table: enough that reading all of it is the wrong plan for a query that wants a few."""

FAN_OUT = 10
"""Children for each parent."""

FEWEST = 20
"""The fewest rows of an ancestor."""

GENERATIONS = 6
"""Parents of parents after which a chain of foreign keys is not followed."""


def grow(connection: psycopg.Connection[Any], catalog: Catalog, pools: Pools, table: Table, rows: int = ROWS) -> None:
    """Brings a table to ``rows`` rows and its ancestors to fewer, then analyzes them; commits.

    Triggers and foreign keys are disabled meanwhile if the role may do that. Raises :class:`Unfillable` where
    a table gets no rows at all.
    """
    wanted = _of_ancestors(catalog, table, rows)
    tables = [catalog.table(name) for name in wanted]
    for result in _filled(connection, catalog, pools, tables, wanted):
        _require_rows(result, connection)
    for each in tables:
        # Not only analyzed: a GIN index looks expensive until its pending entries are sorted in.
        connection.execute(f"vacuum (analyze) {qualified(each.name)}".encode())


def fill_all(connection: psycopg.Connection[Any], catalog: Catalog, pools: Pools, rows: int) -> None:
    """Brings every table to ``rows`` rows; commits. Like :func:`grow`, but a table with rows need not take more."""
    tables = BulkContext(connection, catalog, pools).tables
    for result in _filled(connection, catalog, pools, list(tables.values()), dict.fromkeys(tables, rows)):
        if not result.before:
            _require_rows(result, connection)


def _filled(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    pools: Pools,
    tables: Sequence[Table],
    sizes: Mapping[TableName, int],
) -> Iterator[FillResult]:
    context = BulkContext(connection, catalog, pools, with_triggers=not may_disable_triggers(connection))
    connection.execute("select setseed(0.5)")
    return load(context, tables, lambda each: max(sizes[each.name] - context.count(each), 0))


def _require_rows(result: FillResult, connection: psycopg.Connection[Any]) -> None:
    if result.requested and not result.rows:
        how = f" without switching triggers off, which takes {WHO_MAY_DISABLE_TRIGGERS}"
        off = "" if may_disable_triggers(connection) else how
        raise Unfillable(f"{result.table} cannot be filled{off}: {result.reason}")


def _of_ancestors(catalog: Catalog, table: Table, rows: int) -> Mapping[TableName, int]:
    """Numbers of rows for the table and its ancestors: the farther away, the fewer."""
    found: dict[TableName, int] = {}

    def visit(current: Table, wanted: int, generation: int) -> None:
        if generation > GENERATIONS or found.get(current.name, 0) >= wanted:
            return
        found[current.name] = wanted
        for key in current.foreign_keys:
            if key.references != current.name:
                alone = any({*index.columns} == {*key.columns} for index in current.unique_keys)
                fewer = wanted if alone else max(wanted // FAN_OUT, FEWEST)
                visit(catalog.table(key.references), fewer, generation + 1)

    visit(table, rows, 0)
    return found


def sizes(context: BulkContext, rows: int, names: Sequence[str]) -> Mapping[TableName, int]:
    """``rows`` for each table with one of the names, or for all, and for empty tables that those refer to.

    A name is that of a schema or a table, with wildcards. Raises :class:`~harness.errors.ProjectError` for one that
    matches nothing.
    """
    chosen = [name for each in names for name in _matching(context, each)] if names else list(context.tables)
    found = dict.fromkeys(chosen, rows)
    for name, table in ancestors(context.catalog, *chosen).items():
        if name not in found and name in context.tables and not context.count(table):
            found[name] = rows
    return found


def _matching(context: BulkContext, name: str) -> list[TableName]:
    found = [
        table
        for table in context.tables
        if fnmatchcase(table.schema, name) or fnmatchcase(table.table, name) or fnmatchcase(table.plain, name)
    ]
    if not found:
        known = {word for table in context.tables for word in (table.schema, table.table, table.plain)}
        raise ProjectError(
            f"no schema or table {name}{did_you_mean(name, known)}",
            hint="has the schema been applied? harness status",
        )
    return found
