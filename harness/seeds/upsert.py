"""Inserts the rows of a temporary table that its target lacks by key, and updates those that differ.

Decides row by row; an insert of a row that is there already is never tried (no ``on conflict``), so that a second load
fires no trigger. Values that a later file sets stay.
Not here: whether a whole file without a key is loaded already (``loading.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psycopg import sql

from harness.seeds.staging import ROW, SHAPE, StagedFile
from harness.server.connection import Connection


def insert(connection: Connection, group: Sequence[StagedFile], row: int | None = None) -> dict[Path, int]:
    """Inserts the rows that are missing, and returns their number for each file; with ``row`` only that row.

    One statement serves all tables of the group, since foreign keys are checked at its end: rows may refer to each
    other.
    """
    parts = [(staged, n) for staged in group for n in range(len(staged.shapes))]
    result: tuple[int, ...] = ()
    if parts:
        names = [sql.Identifier(f"part_{number}") for number in range(len(parts))]
        inserts = [
            sql.SQL("{} as ({} returning 1)").format(name, _insert_shape(staged, n, row))
            for name, (staged, n) in zip(names, parts, strict=True)
        ]
        counts = [sql.SQL("(select count(*) from {})").format(name) for name in names]
        query = sql.SQL("with {} select {}").format(sql.SQL(", ").join(inserts), sql.SQL(", ").join(counts))
        result = connection.execute(query, prepare=False).fetchone() or ()
    changed = {staged.file.path: 0 for staged in group}
    for (staged, _), count in zip(parts, result, strict=True):
        changed[staged.file.path] += count
    return changed


def _insert_shape(staged: StagedFile, n: int, row: int | None) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, staged.shapes[n]))
    query = sql.SQL(
        "insert into {target} ({columns}) overriding system value select {columns} from {stage} as s where {here}"
    ).format(target=staged.target, columns=columns, stage=staged.name, here=_rows(n, row))
    if staged.key:
        query += sql.SQL(" and not exists (select from {} as t where {})").format(staged.target, _same_key(staged))
    return query + sql.SQL(" order by s.{}").format(ROW)


def update(connection: Connection, staged: StagedFile, later: Sequence[StagedFile] = (), row: int | None = None) -> int:
    """Updates the rows that differ; they are compared as text, since not every type has an equality.

    Values that a ``later`` file sets stay as they are.
    """
    changed = 0
    for n, columns in enumerate(staged.shapes if staged.key else ()):
        values = [
            (sql.Identifier(name), _value(staged, name, later))
            for name in columns
            if name not in staged.key and staged.table.column(name).identity != "a"
        ]
        if not values:
            continue
        query = sql.SQL(
            "update {target} as t set {sets} from {stage} as s where {here} and {same} and ({differ})"
        ).format(
            target=staged.target,
            sets=sql.SQL(", ").join(sql.SQL("{} = {}").format(name, value) for name, value in values),
            stage=staged.name,
            here=_rows(n, row),
            same=_same_key(staged),
            differ=sql.SQL(" or ").join(
                sql.SQL("t.{}::text is distinct from ({})::text").format(name, value) for name, value in values
            ),
        )
        changed += connection.execute(query, prepare=False).rowcount
    return changed


def first_missing(staged: StagedFile) -> sql.Composed:
    """Returns a query for the number of the first row that the table does not hold; null if it holds all."""
    return sql.SQL("select min(s.{}) from {} as s where not exists (select from {} as t where {})").format(
        ROW, staged.name, staged.target, _same_key(staged)
    )


def _value(staged: StagedFile, name: str, later: Sequence[StagedFile]) -> sql.Composed:
    """Returns the new value of a column of ``t``: that of ``s``, or the old one if a later file sets it in that row."""
    column = sql.Identifier(name)
    said = [
        sql.SQL("exists (select from {} as l where {} and l.{} in ({}))").format(
            other.name,
            sql.SQL(" and ").join(sql.SQL("t.{0} = l.{0}").format(sql.Identifier(part)) for part in other.key),
            SHAPE,
            sql.SQL(", ").join(sql.Literal(n) for n in shapes),
        )
        for other in later
        if other.table.name == staged.table.name and other.key
        if (shapes := [n for n, names in enumerate(other.shapes) if name in names])
    ]
    if not said:
        return sql.SQL("s.{}").format(column)
    return sql.SQL("case when {} then t.{} else s.{} end").format(sql.SQL(" or ").join(said), column, column)


def _rows(n: int, row: int | None) -> sql.Composed:
    here = sql.SQL("s.{} = {}").format(SHAPE, sql.Literal(n))
    return here if row is None else here + sql.SQL(" and s.{} = {}").format(ROW, sql.Literal(row))


def _same_key(staged: StagedFile) -> sql.Composed:
    return sql.SQL(" and ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in staged.key)
