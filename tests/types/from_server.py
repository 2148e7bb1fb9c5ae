"""Types of a schema that a real server has built."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg import sql

from harness.catalog import read as read_catalog
from harness.project.model import TableName
from harness.server.connection import Connection, Server
from harness.types import queries, reading
from harness.types.model import DatabaseTypes, FunctionShape, TableShape
from harness.types.reading import Declared

_numbers = itertools.count()


@contextmanager
def built(server: Server, schema: str) -> Iterator[Connection]:
    """Gives a connection to a new database with this schema."""
    name = sql.Identifier(f"types_{next(_numbers)}")
    with server.connect() as maintenance:
        maintenance.execute(sql.SQL("create database {} template template0").format(name))
        try:
            with server.connect(name.as_string(None).strip('"')) as connection:
                connection.execute(schema.encode())
                yield connection
        finally:
            maintenance.execute(sql.SQL("drop database {} with (force)").format(name))


def types_of(
    connection: Connection,
    declared: Declared | None = None,
    *,
    schemas: Sequence[str] = ("app",),
    role: str | None = None,
) -> DatabaseTypes:
    """Reads the types of some schemas."""
    around = queries.read(connection, schemas, role)
    characters = queries.ServerCharacters(connection)
    return reading.read(read_catalog(connection), around, declared or Declared(), schemas, characters)


def table(types: DatabaseTypes, name: str) -> TableShape:
    """The table, view or composite type of the first module."""
    return {each.name.table: each for each in types.modules[0].tables}[name]


def functions(types: DatabaseTypes, name: str) -> list[FunctionShape]:
    """The functions of that name in the first module."""
    return [each for each in types.modules[0].functions if each.name == name]


def place(column: str) -> tuple[TableName, str]:
    """``items.note`` of the schema ``app`` as a table and a column."""
    owner, _, name = column.partition(".")
    return TableName("app", owner), name


def unstated(types: DatabaseTypes, of: str) -> dict[str, str]:
    """The reasons of what is not stated of a table, by constraint or column."""
    return {each.subject: each.reason for each in types.unstated if each.table == f"app.{of}"}
