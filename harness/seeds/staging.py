"""A seed file in a temporary table of its columns' own types, so that the server says what is wrong with a cell."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from harness.errors import Place, SeedError, SeedRefused, did_you_mean
from harness.project import nodes
from harness.seeds import seedfile
from harness.seeds.seedfile import Cell, SeedFile
from harness.seeds.tables import Column, Table
from harness.server.connection import Connection

NO_RULE = ("08", "40", "53", "55", "57", "58", "XX")
"""Classes of SQLSTATE that say nothing of a row: a lost connection, a full disk."""

# No column of a table will have these names.
ROW = sql.Identifier("harness: row")
SHAPE = sql.Identifier("harness: columns")


@dataclass(frozen=True)
class Stage:
    """``shapes`` are the sets of columns that rows name; ``key`` tells rows apart, empty if the file has none."""

    file: SeedFile
    table: Table
    name: sql.Identifier
    shapes: tuple[tuple[str, ...], ...]
    key: tuple[str, ...]

    @property
    def target(self) -> sql.Identifier:
        return sql.Identifier(self.table.name.schema, self.table.name.table)


def fill(connection: Connection, file: SeedFile, table: Table, number: int, *, without: Collection[int] = ()) -> Stage:
    """Copies the cells into a temporary table, which the transaction drops at its end; not those of rows ``without``.

    Raises :class:`SeedError` at a column that cannot be filled, a cell that its type does not read, or a second row
    with the same key.
    """
    stage = empty(connection, file, table, number)
    texts = [[_text(row.cells.get(name), table.columns[name]) for name in file.columns] for row in file.rows]
    try:
        query = sql.SQL("copy {} from stdin").format(stage.name)
        with connection.transaction(), connection.cursor() as cursor, cursor.copy(query) as copy:
            for index, (row, cells) in enumerate(zip(file.rows, texts, strict=True)):
                if index not in without:
                    copy.write_row([str(index), str(stage.shapes.index(tuple(row.cells))), *cells])
    except psycopg.Error as error:
        _, place, prefix, found = next(bad_cells(connection, stage), (0, Place(file.path), "", error))
        kind = SeedError if unreadable(found) else SeedRefused
        raise refusal(found, place, prefix, kind=kind) from None
    _refuse_same_key(connection, stage)
    return stage


def empty(connection: Connection, file: SeedFile, table: Table, number: int) -> Stage:
    """The temporary table without a row. Raises :class:`SeedError` at a column that cannot be filled."""
    _refuse_columns(file, table)
    shapes = tuple(dict.fromkeys(tuple(row.cells) for row in file.rows))
    common = set(file.columns).intersection(*shapes)
    key = next((key for key in table.keys if key <= common), frozenset())
    stage = Stage(file, table, sql.Identifier("pg_temp", f"harness_seed_{number}"), shapes, tuple(sorted(key)))
    columns = sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in file.columns)
    connection.execute(
        sql.SQL("create temporary table {} on commit drop as select 0 as {}, 0 as {}{} from {} with no data").format(
            stage.name, ROW, SHAPE, columns, stage.target
        ),
        prepare=False,
    )
    return stage


def refusal(error: psycopg.Error, place: Place, prefix: str = "", *, kind: type[SeedError] = SeedRefused) -> SeedError:
    """What PostgreSQL said, as the error of a line or of a file."""
    diag = error.diag
    message = prefix + (diag.message_primary or "the connection to the server was lost")
    if diag.constraint_name and f'"{diag.constraint_name}"' not in message:
        message += f' (constraint "{diag.constraint_name}")'
    detail = None if _shows_row(error) or not diag.message_detail else f"DETAIL: {diag.message_detail}"
    if not by_schema(error):
        kind = SeedError
    return kind(message, place=place, excerpt=detail, hint=diag.message_hint)


def by_schema(error: psycopg.Error) -> bool:
    """Whether a rule of the schema refused a row, a trigger or a policy too, and nothing else went wrong."""
    return error.sqlstate is not None and not error.sqlstate.startswith(NO_RULE)


def unreadable(error: psycopg.Error) -> bool:
    """Whether a cell is nothing that its type reads, which is the file's own fault; a domain's CHECK is a rule."""
    return not by_schema(error) or (error.sqlstate or "").startswith("22")


def _shows_row(error: psycopg.Error) -> bool:
    """Whether the detail is the whole row, which may be about a person; a trigger's own detail is its author's."""
    return error.sqlstate in ("23502", "23514", "44000") and error.diag.source_function != "exec_stmt_raise"


def _refuse_columns(file: SeedFile, table: Table) -> None:
    for name, place in file.columns.items():
        column = table.columns.get(name)
        if column is None:
            raise SeedError(
                f'{table.name} has no column "{name}"{did_you_mean(name, table.columns)}',
                place=place,
                hint=f"its columns: {', '.join(table.columns)}",
            )
        if column.is_generated:
            raise SeedError(f'column "{name}" is generated by the database', place=place, hint="leave it out")


def _text(cell: Cell | None, column: Column) -> str | None:
    if cell is None or cell.nested is None:
        return cell.text if cell else None
    if column.is_json:
        return seedfile.as_json(cell.nested)
    if column.is_array and isinstance(cell.nested, nodes.ListNode):
        return seedfile.as_array(cell.nested)
    found = nodes.described(cell.nested)
    raise SeedError(f'column "{column.name}" is {column.type}, which cannot be {found}', place=cell.place)


def bad_cells(connection: Connection, stage: Stage) -> Iterator[tuple[int, Place, str, psycopg.Error]]:
    """Tries one cell after the other: of each that COPY does not like its row, its line, whose it is, and why."""
    for index, row in enumerate(stage.file.rows):
        for name, cell in row.cells.items():
            # A literal without a type is read by the column's type, as COPY reads it.
            value = sql.Literal(_text(cell, stage.table.columns[name]))
            query = sql.SQL("insert into {} ({}) values ({})").format(stage.name, sql.Identifier(name), value)
            try:
                with connection.transaction():
                    connection.execute(query, prepare=False)
            except psycopg.Error as error:
                yield index, Place(cell.place.path, cell.place.line), f'column "{name}": ', error


def _refuse_same_key(connection: Connection, stage: Stage) -> None:
    if not stage.key:
        return
    twice = connection.execute(
        sql.SQL(
            "select min({row}), (array_agg({row} order by {row}))[2] from {stage} group by {key} having count(*) > 1"
            " order by 2 limit 1"
        ).format(row=ROW, stage=stage.name, key=sql.SQL(", ").join(map(sql.Identifier, stage.key))),
        prepare=False,
    ).fetchone()
    if twice:
        first, second = (stage.file.rows[int(index)].place for index in twice)
        raise SeedError(
            f"the same {', '.join(stage.key)} as in line {first.line}", place=Place(second.path, second.line)
        )
