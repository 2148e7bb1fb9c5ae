"""One table filled as a grown application would have left it, for planners to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.bulk.load import load
from harness.bulk.site import Site
from harness.catalog.model import Catalog, Table
from harness.catalog.roles import WHO_MAY_DISABLE_TRIGGERS, may_disable_triggers
from harness.probes.statement import qualified
from harness.project.model import TableName
from harness.solver.pools import Pools
from harness.solver.rules import Unfillable

if TYPE_CHECKING:
    import psycopg

ROWS = 10_000
"""Rows of a filled table: enough that reading all of it is the wrong plan for a query that wants a few."""

FAN_OUT = 10
"""Children for each parent."""

FEWEST = 20
"""Rows of the table that is farthest away."""

GENERATIONS = 6
"""Parents of parents before a chain of references is given up."""


def grow(connection: psycopg.Connection[Any], catalog: Catalog, pools: Pools, table: Table, rows: int = ROWS) -> None:
    """Brings a table to ``rows`` rows and its ancestors to fewer, then analyzes them; commits.

    Triggers and foreign keys are switched off for it where the role may do that. Raises :class:`Unfillable` where
    a table gets no rows at all.
    """
    sizes = _sizes(catalog, table, rows)
    tables = [catalog.table(name) for name in sizes]
    _fill(connection, catalog, pools, tables, sizes)
    for each in tables:
        # Not only analyzed: a GIN index looks expensive until its pending entries are sorted in.
        connection.execute(f"vacuum (analyze) {qualified(each.name)}".encode())


def fill_all(connection: psycopg.Connection[Any], catalog: Catalog, pools: Pools, rows: int) -> None:
    """Brings every table to a few rows; commits. Like :func:`grow`, but a table that has rows may take no more.

    So it is with a closed set of which fixtures have all.
    """
    tables = Site(connection, catalog, pools).tables
    _fill(connection, catalog, pools, list(tables.values()), dict.fromkeys(tables, rows), full=True)


def _fill(
    connection: psycopg.Connection[Any],
    catalog: Catalog,
    pools: Pools,
    tables: Sequence[Table],
    sizes: Mapping[TableName, int],
    full: bool = False,
) -> None:
    silent = may_disable_triggers(connection)
    # Where no trigger looks, rows may be what others have become since they were born.
    site = Site(connection, catalog, pools, born=not silent)
    connection.execute("select setseed(0.5)")
    for filled in load(site, tables, lambda each: max(sizes[each.name] - site.count(each), 0)):
        if filled.wanted and not filled.rows and not (full and filled.before):
            how = "" if silent else f" without switching triggers off, which takes {WHO_MAY_DISABLE_TRIGGERS}"
            raise Unfillable(f"{filled.table} cannot be filled{how}: {filled.reason}")


def _sizes(catalog: Catalog, table: Table, rows: int) -> Mapping[TableName, int]:
    """The table and all it refers to, each with its rows: the farther away, the fewer."""
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
