"""Which tables get how many rows, by what the user has named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from harness.bulk.site import Site
from harness.catalog.graph import ancestors
from harness.errors import ProjectError, did_you_mean
from harness.project.model import TableName


def sizes(site: Site, rows: int, names: Sequence[str]) -> Mapping[TableName, int]:
    """``rows`` for each table of these names (all without any), and for what it refers to and is empty.

    A name is that of a schema or a table, with wildcards. Raises :class:`~harness.errors.ProjectError` for one that
    matches nothing.
    """
    chosen = [name for each in names for name in _matching(site, each)] if names else list(site.tables)
    found = dict.fromkeys(chosen, rows)
    for name, table in ancestors(site.catalog, *chosen).items():
        if name not in found and name in site.tables and not site.count(table):
            found[name] = rows
    return found


def _matching(site: Site, name: str) -> list[TableName]:
    found = [
        table
        for table in site.tables
        if fnmatchcase(table.schema, name) or fnmatchcase(table.table, name) or fnmatchcase(str(table), name)
    ]
    if not found:
        known = {word for table in site.tables for word in (table.schema, table.table, str(table))}
        raise ProjectError(
            f"no schema or table {name}{did_you_mean(name, known)}",
            hint="has the schema been applied? harness status",
        )
    return found
