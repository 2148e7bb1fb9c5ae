"""Finds the row of a seed file that a rule of the schema refuses, for the line in the error.

Not here: loading the others without it (``tolerant.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import sql

from harness.catalog.model import ForeignKey
from harness.errors import Place, SeedError
from harness.project.model import TableName
from harness.seeds import upsert
from harness.seeds.staging import ROW, StagedFile, refusal, table_identifier
from harness.server.connection import Connection


def located(
    connection: Connection, group: Sequence[StagedFile], staged: Sequence[StagedFile], error: psycopg.Error
) -> SeedError:
    """Returns the refusal with the line of the first row of ``group`` that causes it.

    ``staged`` are all files that are loaded: a parent may be in any of them.
    """
    name = TableName(error.diag.schema_name or "", error.diag.table_name or "")
    group = [each for each in group if each.table.name == name] or group
    for each in group:
        key = each.violated_key(error)
        rows = orphans(connection, each, staged, [key]) if key else []
        row = rows[0] if rows else _refused_alone(connection, each, error)
        if row is not None:
            place = each.file.rows[row].place
            return refusal(error, Place(place.path, place.line))
    return refusal(error, Place(group[0].file.path))


def orphans(
    connection: Connection, staged: StagedFile, others: Sequence[StagedFile], keys: Iterable[ForeignKey]
) -> list[int]:
    """Returns the rows whose parent, by one of the ``keys``, is neither in the database nor in the ``others``."""
    found: set[int] = set()
    for key in keys:
        if set(key.columns) <= set(staged.file.columns):
            found.update(row for (row,) in connection.execute(_orphans(staged, key, others), prepare=False))
    return sorted(found)


def _orphans(staged: StagedFile, key: ForeignKey, others: Sequence[StagedFile]) -> sql.Composed:
    parents = [
        each.name
        for each in others
        if each.table.name == key.references and set(key.referenced_columns) <= set(each.file.columns)
    ]
    parents.append(table_identifier(key.references))
    pairs = [
        sql.SQL("p.{} = s.{}").format(sql.Identifier(referenced), sql.Identifier(column))
        for column, referenced in key.pairs
    ]
    conditions = [sql.SQL("s.{} is not null").format(sql.Identifier(column)) for column in key.columns]
    conditions += [
        sql.SQL("not exists (select from {} as p where {})").format(parent, sql.SQL(" and ").join(pairs))
        for parent in parents
    ]
    return sql.SQL("select s.{row} from {} as s where {}").format(
        staged.name, sql.SQL(" and ").join(conditions), row=ROW
    )


def _refused_alone(connection: Connection, staged: StagedFile, error: psycopg.Error) -> int | None:
    """Returns the first row that is refused in the same way when rows come one by one, the earlier ones kept."""
    with connection.transaction(force_rollback=True):
        for row in range(len(staged.file.rows)):
            try:
                with connection.transaction():
                    if not staged.file.seed.afterwards:
                        upsert.insert(connection, [staged], row)
                    upsert.update(connection, staged, row=row)
            except psycopg.Error as again:
                if _rule(again) == _rule(error):
                    return row
    return None


def _rule(error: psycopg.Error) -> tuple[str | None, ...]:
    diag = error.diag
    return diag.sqlstate, diag.schema_name, diag.table_name, diag.constraint_name, diag.column_name
