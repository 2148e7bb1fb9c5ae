"""The table in which a database remembers its migrations: made, upgraded, locked, read and written.

``upgrade`` adds the columns that the table of an older version lacks. If the role may not, the error says what its
owner has to run. A row is ``applied``, or ``started`` or ``reverting`` while a file runs outside a transaction; one
that fails half way stays so. It records what was executed, even if the files have changed since.
Not here: what a row and its file say together (``migration_set.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from harness.errors import MigrationError
from harness.project.model import Migration
from harness.server.connection import Connection, value

_LOCK = int.from_bytes(b"harness")
_POLL_SECONDS = 0.05

_CREATE: LiteralString = """
create schema if not exists {schema};
create table if not exists {table} (
    position bigint generated always as identity constraint migrations_position_key unique,
    module text not null,
    version integer not null,
    name text not null,
    hash text not null,
    state text not null constraint migrations_state_check check (state in ('started', 'applied', 'reverting')),
    statements_done integer not null,
    statements integer not null,
    started_at timestamptz not null default clock_timestamp(),
    applied_at timestamptz,
    applied_by text not null default session_user,
    tokens text,
    down text,
    constraint migrations_pkey primary key (module, version)
);
comment on table {table} is 'The migrations this database has, in the order of position. [administrative]'
"""
# Columns that a ledger of the first version lacks.
_ADDED = ("tokens", "down")
_UPGRADE: LiteralString = "alter table {table} add column if not exists tokens text, add column if not exists down text"


@dataclass(frozen=True)
class LedgerRow:
    """A row of the ledger. ``statements_done`` of ``statements`` are known to have run.

    ``tokens`` and ``down`` are None in rows of an older version.
    """

    position: int
    module: str
    version: int
    name: str
    hash: str
    state: str
    statements_done: int
    statements: int
    started_at: datetime
    applied_at: datetime | None
    applied_by: str
    tokens: str | None
    down: str | None

    @property
    def id(self) -> str:
        return f"{self.module}/{self.version:03d}_{self.name}"

    @property
    def number(self) -> tuple[str, int]:
        return self.module, self.version

    def has(self, migration: Migration) -> bool:
        """Whether the file is what was applied, apart from comments and blanks."""
        return self.hash == migration.hash or bool(self.tokens and self.tokens == migration.tokens)


def read(connection: Connection, schema: str) -> tuple[LedgerRow, ...]:
    """Reads the ledger in the order things were applied; empty if there is none. Changes nothing.

    Raises :class:`MigrationError` if the role may not read it.
    """
    columns = _columns(connection, schema)
    if not columns:
        return ()
    wanted = [
        sql.SQL("" if each.name in columns else "null as ") + sql.Identifier(each.name) for each in fields(LedgerRow)
    ]
    query = sql.SQL("select {wanted} from {table} order by position").format(
        wanted=sql.SQL(", ").join(wanted), table=_table(schema)
    )
    try:
        with connection.cursor(row_factory=class_row(LedgerRow)) as cursor:
            return tuple(cursor.execute(query, prepare=False))
    except psycopg.errors.InsufficientPrivilege as error:
        role, table = _quoted(connection.info.user), _table(schema).as_string()
        grants = f"grant usage on schema {_quoted(schema)} to {role}; grant select on {table} to {role}"
        raise MigrationError(
            f"the ledger {schema}.migrations cannot be read: {error.diag.message_primary}",
            hint=f"its owner may give the right: {grants}",
        ) from None


def create(connection: Connection, schema: str) -> None:
    """Makes the ledger where it is missing.

    Raises :class:`MigrationError` if the role may not.
    """
    if _columns(connection, schema):
        return
    statement = sql.SQL(_CREATE).format(schema=sql.Identifier(schema), table=_table(schema))
    try:
        with connection.transaction():
            connection.execute(statement, prepare=False)
    except psycopg.errors.InsufficientPrivilege as error:
        database, role = map(_quoted, (connection.info.dbname, value(connection, "select current_user::text")))
        raise MigrationError(
            f"the ledger {schema}.migrations cannot be made: {error.diag.message_primary}",
            hint=f"a superuser may give the right: grant create on database {database} to {role}",
        ) from None


def upgrade(connection: Connection, schema: str) -> None:
    """Adds the columns that the ledger of an older version lacks.

    Raises :class:`MigrationError` if the role may not.
    """
    columns = _columns(connection, schema)
    if not columns or columns.issuperset(_ADDED):
        return
    statement = sql.SQL(_UPGRADE).format(table=_table(schema))
    try:
        connection.execute(statement, prepare=False)
    except psycopg.errors.InsufficientPrivilege as error:
        raise MigrationError(
            f"the ledger {schema}.migrations is of an older version, and upgrading it: {error.diag.message_primary}",
            hint=f"run harness apply as its owner once, or have the owner run: {statement.as_string()}",
        ) from None


def record(
    connection: Connection,
    schema: str,
    migration: Migration,
    state: str,
    done: int,
    statements: int,
    *,
    down: str | None = None,
    before: LiteralString = "",
) -> None:
    """Writes or replaces the row of a migration; ``applied`` is dated now.

    If ``down`` is None, the row keeps its text. The statements ``before`` are sent in the same message.
    """
    known = (migration.module, migration.version, migration.name, migration.hash, migration.tokens or None)
    query = sql.SQL(
        "insert into {table} as old"
        " (module, version, name, hash, tokens, down, state, statements_done, statements, applied_at)"
        " values ({values}, {applied_at})"
        " on conflict (module, version) do update set name = excluded.name, hash = excluded.hash,"
        " tokens = excluded.tokens, down = coalesce(excluded.down, old.down),"
        " state = excluded.state, statements_done = excluded.statements_done, statements = excluded.statements,"
        " applied_at = excluded.applied_at, applied_by = excluded.applied_by"
    ).format(
        table=_table(schema),
        values=sql.SQL(", ").join(map(sql.Literal, (*known, down, state, done, statements))),
        applied_at=sql.SQL("pg_catalog.clock_timestamp()" if state == "applied" else "null"),
    )
    connection.execute(sql.SQL(before) + query, prepare=False)


def count(connection: Connection, schema: str, migration: Migration, done: int) -> None:
    """Records how many statements of a started file have run."""
    query: LiteralString = "update {table} set statements_done = %s where module = %s and version = %s"
    _execute(connection, schema, query, done, migration.module, migration.version)


def rewrite(connection: Connection, schema: str, changes: Iterable[tuple[LedgerRow, LedgerRow]]) -> None:
    """Replaces number, name, hashes and down text of rows, old by new, in one transaction."""
    changes = tuple(changes)
    aside: LiteralString = "update {table} set version = -version where module = %s and version = %s"
    back: LiteralString = (
        "update {table} set version = %s, name = %s, hash = %s, tokens = %s, down = %s"
        " where module = %s and version = %s"
    )
    with connection.transaction():
        # One row may get the number that another row has now.
        for old, _ in changes:
            _execute(connection, schema, aside, old.module, old.version)
        for old, new in changes:
            named = (new.version, new.name, new.hash, new.tokens, new.down)
            _execute(connection, schema, back, *named, old.module, -old.version)


def forget(connection: Connection, schema: str, migration: Migration) -> None:
    """Deletes the row of a migration."""
    delete: LiteralString = "delete from {table} where module = %s and version = %s"
    _execute(connection, schema, delete, migration.module, migration.version)


@contextmanager
def lock(connection: Connection, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Waits for other runs on this database, and keeps them out; calls ``on_wait`` once if it has to wait.

    Polls for a session lock outside a transaction: a session that waits inside the call holds a snapshot, which
    ``create index concurrently`` of the other run would wait for.
    """
    if not connection.autocommit:
        raise ValueError("migrations and seeds need an autocommit connection")
    while not value(connection, "select pg_catalog.pg_try_advisory_lock(%s)", [_LOCK]):
        if on_wait:
            on_wait()
            on_wait = None
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.closed:
            value(connection, "select pg_catalog.pg_advisory_unlock(%s)", [_LOCK])


def _columns(connection: Connection, schema: str) -> frozenset[str]:
    """Returns the names of the ledger's columns; none if there is no ledger."""
    rows = connection.execute(
        "select a.attname::text from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid"
        " join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = 'migrations'"
        " and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped",
        (schema,),
        prepare=False,
    )
    return frozenset(str(name) for (name,) in rows)


def _quoted(name: object) -> str:
    return sql.Identifier(str(name)).as_string()


def _table(schema: str) -> sql.Identifier:
    return sql.Identifier(schema, "migrations")


def _execute(connection: Connection, schema: str, query: LiteralString, *parameters: object) -> None:
    connection.execute(sql.SQL(query).format(table=_table(schema)), parameters, prepare=False)
