"""From a temporary table into its target: the statements that insert what is missing and update what differs.

An insert of a row that is there already is never tried (no ``on conflict``), so a second load fires no trigger.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psycopg import sql

from harness.seeds.staging import ROW, SHAPE, Stage
from harness.server.connection import Connection


def insert(connection: Connection, group: Sequence[Stage], row: int | None = None) -> dict[Path, int]:
    """Inserts the rows that are missing, and returns how many of each file.

    All tables of the group in one statement, at whose end foreign keys are checked: rows may point at each other.
    """
    parts = [(stage, n) for stage in group for n in range(len(stage.shapes))]
    result: tuple[int, ...] = ()
    if parts:
        names = [sql.Identifier(f"part_{number}") for number in range(len(parts))]
        inserts = [
            sql.SQL("{} as ({} returning 1)").format(name, _insert_shape(stage, n, row))
            for name, (stage, n) in zip(names, parts, strict=True)
        ]
        counts = [sql.SQL("(select count(*) from {})").format(name) for name in names]
        query = sql.SQL("with {} select {}").format(sql.SQL(", ").join(inserts), sql.SQL(", ").join(counts))
        result = connection.execute(query, prepare=False).fetchone() or ()
    changed = {stage.file.path: 0 for stage in group}
    for (stage, _), count in zip(parts, result, strict=True):
        changed[stage.file.path] += count
    return changed


def _insert_shape(stage: Stage, n: int, row: int | None) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, stage.shapes[n]))
    query = sql.SQL(
        "insert into {target} ({columns}) overriding system value select {columns} from {stage} as s where {here}"
    ).format(target=stage.target, columns=columns, stage=stage.name, here=_rows(n, row))
    if stage.key:
        query += sql.SQL(" and not exists (select from {} as t where {})").format(stage.target, _same_key(stage))
    return query + sql.SQL(" order by s.{}").format(ROW)


def update(connection: Connection, stage: Stage, later: Sequence[Stage] = (), row: int | None = None) -> int:
    """Updates the rows that differ; they are compared as text, since not every type has an equality.

    What the stages that come ``later`` say of a row stays as it is.
    """
    changed = 0
    for n, columns in enumerate(stage.shapes if stage.key else ()):
        values = [
            (sql.Identifier(name), _value(stage, name, later))
            for name in columns
            if name not in stage.key and not stage.table.columns[name].is_always
        ]
        if not values:
            continue
        query = sql.SQL(
            "update {target} as t set {sets} from {stage} as s where {here} and {same} and ({differ})"
        ).format(
            target=stage.target,
            sets=sql.SQL(", ").join(sql.SQL("{} = {}").format(name, value) for name, value in values),
            stage=stage.name,
            here=_rows(n, row),
            same=_same_key(stage),
            differ=sql.SQL(" or ").join(
                sql.SQL("t.{}::text is distinct from ({})::text").format(name, value) for name, value in values
            ),
        )
        changed += connection.execute(query, prepare=False).rowcount
    return changed


def strangers(stage: Stage) -> sql.Composed:
    """A query for the number of the first row that the table does not hold; null if it holds all."""
    return sql.SQL("select min(s.{}) from {} as s where not exists (select from {} as t where {})").format(
        ROW, stage.name, stage.target, _same_key(stage)
    )


def _value(stage: Stage, name: str, later: Sequence[Stage]) -> sql.Composed:
    """What a column of ``t`` becomes: what ``s`` says, unless a later stage has the last word on that row."""
    column = sql.Identifier(name)
    said = [
        sql.SQL("exists (select from {} as l where {} and l.{} in ({}))").format(
            other.name,
            sql.SQL(" and ").join(sql.SQL("t.{0} = l.{0}").format(sql.Identifier(part)) for part in other.key),
            SHAPE,
            sql.SQL(", ").join(sql.Literal(n) for n in shapes),
        )
        for other in later
        if other.table.name == stage.table.name and other.key
        if (shapes := [n for n, names in enumerate(other.shapes) if name in names])
    ]
    if not said:
        return sql.SQL("s.{}").format(column)
    return sql.SQL("case when {} then t.{} else s.{} end").format(sql.SQL(" or ").join(said), column, column)


def _rows(n: int, row: int | None) -> sql.Composed:
    here = sql.SQL("s.{} = {}").format(SHAPE, sql.Literal(n))
    return here if row is None else here + sql.SQL(" and s.{} = {}").format(ROW, sql.Literal(row))


def _same_key(stage: Stage) -> sql.Composed:
    return sql.SQL(" and ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in stage.key)
