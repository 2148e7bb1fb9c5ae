"""Copies a seed file into a temporary table with the types of the target: the server reads each cell.

Decides which key tells rows apart, if the file has one. Refuses unknown and generated columns, cells that a type cannot
read, and two rows with one key. Decides whether an error is the file's or a rule's of the schema.
Not here: whether rows are in the target already (``loading.py``, ``upsert.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from harness.catalog.model import Column, ForeignKey, Table
from harness.errors import Place, SeedError, SeedRefused, did_you_mean
from harness.project import TableName, nodes
from harness.seeds import seedfile
from harness.seeds.seedfile import SeedCell, SeedFile
from harness.server.connection import Connection

NO_RULE = ("08", "40", "53", "55", "57", "58", "XX")
"""Classes of SQLSTATE that say nothing of a row: a lost connection, a full disk."""

# No column of a table will have these names.
ROW = sql.Identifier("harness: row")
SHAPE = sql.Identifier("harness: columns")


@dataclass(frozen=True)
class StagedFile:
    """A seed file in its temporary table; ``number`` is its place among the files that are loaded.

    ``shapes`` are the sets of columns that rows name; ``key`` tells rows apart, empty if the file has none.
    """

    file: SeedFile
    table: Table
    number: int
    shapes: tuple[tuple[str, ...], ...]
    key: tuple[str, ...]

    @property
    def name(self) -> sql.Identifier:
        """The temporary table."""
        return sql.Identifier("pg_temp", f"harness_seed_{self.number}")

    @property
    def target(self) -> sql.Identifier:
        return table_identifier(self.table.name)

    def violated_key(self, error: psycopg.Error) -> ForeignKey | None:
        """The foreign key of the table that a refusal names."""
        keys = self.table.foreign_keys if error.sqlstate == "23503" else ()
        return next((key for key in keys if key.name == error.diag.constraint_name), None)


def table_identifier(name: TableName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.table)


def fill(
    connection: Connection, file: SeedFile, table: Table, number: int, *, without: Collection[int] = ()
) -> StagedFile:
    """Copies the cells into a temporary table without the rows ``without``; the end of the transaction drops it.

    Raises :class:`SeedError` at a column that cannot be filled, a cell that its type does not read, or a second row
    with the same key.
    """
    staged = empty(connection, file, table, number)
    columns = [table.column(name) for name in file.columns]
    texts = [[_text(row.cells.get(column.name), column) for column in columns] for row in file.rows]
    try:
        query = sql.SQL("copy {} from stdin").format(staged.name)
        with connection.transaction(), connection.cursor() as cursor, cursor.copy(query) as copy:
            for index, (row, cells) in enumerate(zip(file.rows, texts, strict=True)):
                if index not in without:
                    copy.write_row([str(index), str(staged.shapes.index(tuple(row.cells))), *cells])
    except psycopg.Error as error:
        _, place, prefix, found = next(bad_cells(connection, staged), (0, Place(file.path), "", error))
        raise refusal(found, place, prefix, kind=SeedError if unreadable(found) else SeedRefused) from None
    _refuse_same_key(connection, staged)
    return staged


def empty(connection: Connection, file: SeedFile, table: Table, number: int) -> StagedFile:
    """Makes the temporary table without a row. Raises :class:`SeedError` at a column that cannot be filled."""
    _refuse_columns(file, table)
    shapes = tuple(dict.fromkeys(tuple(row.cells) for row in file.rows))
    common = set(file.columns).intersection(*shapes)
    key = next((key for key in _keys(table) if common.issuperset(key)), ())
    staged = StagedFile(file, table, number, shapes, tuple(sorted(key)))
    columns = sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in file.columns)
    connection.execute(
        sql.SQL("create temporary table {} on commit drop as select 0 as {}, 0 as {}{} from {} with no data").format(
            staged.name, ROW, SHAPE, columns, staged.target
        ),
        prepare=False,
    )
    return staged


def _keys(table: Table) -> Iterator[tuple[str, ...]]:
    """The unique keys of all rows without NULLs, the primary key first."""
    for index in sorted(table.unique_keys, key=lambda each: (not each.primary, each.check_order)):
        usable = index.valid and index.is_plain and not index.without_overlaps
        if usable and all(table.column(name).not_null for name in index.columns):
            yield index.columns


def refusal(error: psycopg.Error, place: Place, prefix: str = "", *, kind: type[SeedError] = SeedRefused) -> SeedError:
    """Returns a refusal of PostgreSQL as the error of a line or of a file."""
    diag = error.diag
    message = prefix + (diag.message_primary or "the connection to the server was lost")
    if diag.constraint_name and f'"{diag.constraint_name}"' not in message:
        message += f' (constraint "{diag.constraint_name}")'
    detail = None if _shows_row(error) or not diag.message_detail else f"DETAIL: {diag.message_detail}"
    if not by_schema(error):
        kind = SeedError
    return kind(message, place=place, excerpt=detail, hint=diag.message_hint)


def by_schema(error: psycopg.Error) -> bool:
    """Whether a rule of the schema refused a row, and nothing else went wrong; triggers and policies are rules too."""
    return error.sqlstate is not None and not error.sqlstate.startswith(NO_RULE)


def unreadable(error: psycopg.Error) -> bool:
    """Whether the type of a column cannot read a cell: the file is wrong. A domain's CHECK is a rule of the schema."""
    return not by_schema(error) or (error.sqlstate or "").startswith("22")


def _shows_row(error: psycopg.Error) -> bool:
    """Whether PostgreSQL's detail is the whole row, which may hold personal data. A trigger's own detail is not."""
    return error.sqlstate in ("23502", "23514", "44000") and error.diag.source_function != "exec_stmt_raise"


def _refuse_columns(file: SeedFile, table: Table) -> None:
    columns = {column.name: column for column in table.columns}
    for name, place in file.columns.items():
        if name not in columns:
            raise SeedError(
                f'{table.name} has no column "{name}"{did_you_mean(name, columns)}',
                place=place,
                hint=f"its columns: {', '.join(columns)}",
            )
        if not columns[name].is_supplied:
            raise SeedError(f'column "{name}" is generated by the database', place=place, hint="leave it out")


def _text(cell: SeedCell | None, column: Column) -> str | None:
    if cell is None or cell.nested is None:
        return cell.text if cell else None
    if column.is_json:
        return seedfile.as_json(cell.nested)
    if column.base_name.startswith("_") and isinstance(cell.nested, nodes.ListNode):
        return seedfile.as_array(cell.nested)
    found = nodes.described(cell.nested)
    raise SeedError(f'column "{column.name}" is {column.type}, which cannot be {found}', place=cell.place)


def bad_cells(connection: Connection, staged: StagedFile) -> Iterator[tuple[int, Place, str, psycopg.Error]]:
    """Tries one cell after the other; yields row, line, column as a prefix, and error of each that is refused."""
    for index, row in enumerate(staged.file.rows):
        for name, cell in row.cells.items():
            # A literal without a type is read by the column's type, as COPY reads it.
            value = sql.Literal(_text(cell, staged.table.column(name)))
            query = sql.SQL("insert into {} ({}) values ({})").format(staged.name, sql.Identifier(name), value)
            try:
                with connection.transaction():
                    connection.execute(query, prepare=False)
            except psycopg.Error as error:
                yield index, Place(cell.place.path, cell.place.line), f'column "{name}": ', error


def _refuse_same_key(connection: Connection, staged: StagedFile) -> None:
    if not staged.key:
        return
    twice = connection.execute(
        sql.SQL(
            "select min({row}), (array_agg({row} order by {row}))[2] from {stage} group by {key} having count(*) > 1"
            " order by 2 limit 1"
        ).format(row=ROW, stage=staged.name, key=sql.SQL(", ").join(map(sql.Identifier, staged.key))),
        prepare=False,
    ).fetchone()
    if twice:
        first, second = (staged.file.rows[int(index)].place for index in twice)
        raise SeedError(
            f"the same {', '.join(staged.key)} as in line {first.line}", place=Place(second.path, second.line)
        )
