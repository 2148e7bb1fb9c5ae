"""The tables to fill and the number of their rows, by the names that a user has given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from harness.bulk.context import BulkContext
from harness.catalog.graph import ancestors
from harness.errors import ProjectError, did_you_mean
from harness.project.model import TableName


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
        if fnmatchcase(table.schema, name) or fnmatchcase(table.table, name) or fnmatchcase(str(table), name)
    ]
    if not found:
        known = {word for table in context.tables for word in (table.schema, table.table, str(table))}
        raise ProjectError(
            f"no schema or table {name}{did_you_mean(name, known)}",
            hint="has the schema been applied? harness status",
        )
    return found
