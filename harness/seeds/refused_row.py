"""After a refusal: which row of which seed file it was."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from harness.errors import Place, SeedError
from harness.project.model import TableName
from harness.seeds import upsert
from harness.seeds.staging import ROW, Stage, refusal
from harness.seeds.tables import ForeignKey
from harness.server.connection import Connection


def of_rows(connection: Connection, group: Sequence[Stage], stages: Sequence[Stage], error: psycopg.Error) -> SeedError:
    """The refusal with the line of the first row of ``group`` that earns it; ``stages`` are all that are loaded."""
    name = TableName(error.diag.schema_name or "", error.diag.table_name or "")
    group = [stage for stage in group if stage.table.name == name] or group
    for stage in group:
        row = _orphan(connection, stage, stages, error)
        if row is None:
            row = _refused_alone(connection, stage, error)
        if row is not None:
            place = stage.file.rows[row].place
            return refusal(error, Place(place.path, place.line))
    return refusal(error, Place(group[0].file.path))


def _orphan(connection: Connection, stage: Stage, stages: Sequence[Stage], error: psycopg.Error) -> int | None:
    """The first row whose parent is neither in the database nor in the seeds."""
    if error.diag.sqlstate != "23503":
        return None
    for key in stage.table.foreign_keys:
        if key.name == error.diag.constraint_name and set(key.columns) <= set(stage.file.columns):
            query = _orphans(stage, key, _parents(key, stages))
            found = connection.execute(query, prepare=False).fetchone()
            return found[0] if found else None
    return None


def orphans(connection: Connection, stage: Stage, stages: Sequence[Stage]) -> list[int]:
    """The rows of a stage that have a parent neither in the database nor in the ``stages``."""
    found: set[int] = set()
    for key in stage.table.foreign_keys:
        if set(key.columns) <= set(stage.file.columns):
            rows = connection.execute(_orphans(stage, key, _parents(key, stages)), prepare=False)
            found.update(row for (row,) in rows)
    return sorted(found)


def _parents(key: ForeignKey, stages: Sequence[Stage]) -> list[sql.Identifier]:
    """Where rows may be that a key refers to."""
    staged = [
        stage.name
        for stage in stages
        if stage.table.oid == key.parent and set(key.referenced) <= set(stage.file.columns)
    ]
    return [sql.Identifier(key.parent_schema, key.parent_name), *staged]


def _orphans(stage: Stage, key: ForeignKey, parents: Sequence[sql.Identifier]) -> sql.Composed:
    pairs = [
        sql.SQL("p.{} = s.{}").format(sql.Identifier(referenced), sql.Identifier(column))
        for column, referenced in zip(key.columns, key.referenced, strict=True)
    ]
    conditions = [sql.SQL("s.{} is not null").format(sql.Identifier(column)) for column in key.columns]
    conditions += [
        sql.SQL("not exists (select from {} as p where {})").format(parent, sql.SQL(" and ").join(pairs))
        for parent in parents
    ]
    return sql.SQL("select s.{row} from {} as s where {} order by s.{row}").format(
        stage.name, sql.SQL(" and ").join(conditions), row=ROW
    )


def _refused_alone(connection: Connection, stage: Stage, error: psycopg.Error) -> int | None:
    """The first row that is refused in the same way when rows come one by one, the earlier ones kept."""
    with connection.transaction(force_rollback=True):
        for row in range(len(stage.file.rows)):
            try:
                with connection.transaction():
                    if not stage.file.seed.afterwards:
                        upsert.insert(connection, [stage], row)
                    upsert.update(connection, stage, row=row)
            except psycopg.Error as again:
                if _rule(again) == _rule(error):
                    return row
    return None


def _rule(error: psycopg.Error) -> tuple[str | None, ...]:
    diag = error.diag
    return diag.sqlstate, diag.schema_name, diag.table_name, diag.constraint_name, diag.column_name
