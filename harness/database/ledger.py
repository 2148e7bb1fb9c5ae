"""The ledger: which migrations a database has, in the order they were applied.

A row is ``applied``; or ``started`` or ``reverting`` while the statements of a file outside a transaction run,
which is what remains of one that died half way.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from harness.database.connection import Connection
from harness.errors import MigrationError
from harness.project.model import Migration, Module

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
    constraint migrations_pkey primary key (module, version)
);
comment on table {table} is 'The migrations this database has, in the order of position. [administrative]'
"""
_READ: LiteralString = """
select position, module, version, name, hash, state, statements_done, statements, started_at, applied_at, applied_by
from {table} order by position
"""


@dataclass(frozen=True)
class Entry:
    """A row of the ledger. ``statements_done`` of ``statements`` are known to have run."""

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

    @property
    def id(self) -> str:
        return f"{self.module}/{self.version:03d}_{self.name}"


class State(enum.Enum):
    """How a migration stands, comparing files and ledger; only the first two are healthy."""

    APPLIED = "applied"
    PENDING = "pending"
    EDITED = "edited"
    MISSING_FILE = "missing file"
    HALF_APPLIED = "half applied"
    HALF_ROLLED_BACK = "half rolled back"
    OUT_OF_ORDER = "out of order"


@dataclass(frozen=True)
class Standing:
    """One migration, by its files, its row in the ledger, or both."""

    state: State
    migration: Migration | None
    entry: Entry | None

    @property
    def id(self) -> str:
        return self._known.id

    @property
    def module(self) -> str:
        return self._known.module

    @property
    def number(self) -> str:
        """``intents/003``: the short name the command line takes."""
        return f"{self._known.module}/{self._known.version:03d}"

    @property
    def text(self) -> str:
        """``applied``, or ``half applied (2 of 5 statements done)``."""
        if self.entry and self.state in (State.HALF_APPLIED, State.HALF_ROLLED_BACK):
            done, statements = self.entry.statements_done, self.entry.statements
            return f"{self.state.value} ({done} of {statements} statements done)"
        return self.state.value

    @property
    def _known(self) -> Migration | Entry:
        known = self.migration or self.entry
        if known is None:
            raise ValueError("a standing of nothing")
        return known


def read(connection: Connection, schema: str) -> tuple[Entry, ...]:
    """The ledger in the order things were applied; empty where there is none yet. Changes nothing."""
    with connection.cursor(row_factory=class_row(Entry)) as cursor:
        if not _exists(connection, schema):
            return ()
        query = sql.SQL(_READ).format(table=_table(schema))
        return tuple(cursor.execute(query, prepare=False))


def status(modules: Iterable[Module], entries: Iterable[Entry]) -> list[Standing]:
    """Every migration that is in the files or in the ledger, in the order of modules and versions."""
    modules = tuple(modules)
    rows = {(entry.module, entry.version): entry for entry in entries}
    standings = []
    for module in modules:
        applied = {version for name, version in rows if name == module.name}
        files = {migration.version: migration for migration in module.migrations}
        for version in sorted(applied | files.keys()):
            migration, entry = files.get(version), rows.pop((module.name, version), None)
            state = _state(migration, entry, newest=max(applied, default=0))
            standings.append(Standing(state, migration, entry))
    # Rows of modules that the project does not know any more.
    return standings + [Standing(State.MISSING_FILE, None, entry) for entry in rows.values()]


def _state(migration: Migration | None, entry: Entry | None, newest: int) -> State:
    if migration is None:
        return State.MISSING_FILE
    if entry is None:
        return State.OUT_OF_ORDER if migration.version < newest else State.PENDING
    if entry.state == "started":
        return State.HALF_APPLIED
    if entry.state == "reverting":
        return State.HALF_ROLLED_BACK
    return State.APPLIED if migration.hash == entry.hash else State.EDITED


def create(connection: Connection, schema: str) -> None:
    """Makes the ledger where it is missing.

    Raises :class:`MigrationError` if the role may not.
    """
    if _exists(connection, schema):
        return
    statement = sql.SQL(_CREATE).format(schema=sql.Identifier(schema), table=_table(schema))
    try:
        with connection.transaction():
            connection.execute(statement, prepare=False)
    except psycopg.errors.InsufficientPrivilege as error:
        database, role = map(_quoted, (connection.info.dbname, _value(connection, "select current_user::text")))
        raise MigrationError(
            f"the ledger {schema}.migrations cannot be made: {error.diag.message_primary}",
            hint=f"a superuser may give the right: grant create on database {database} to {role}",
        ) from None


def record(
    connection: Connection,
    schema: str,
    migration: Migration,
    state: str,
    done: int,
    statements: int,
    *,
    before: LiteralString = "",
) -> None:
    """Writes or replaces the row of a migration; ``applied`` is dated now.

    The statements ``before`` it go in the same message.
    """
    values = (migration.module, migration.version, migration.name, migration.hash, state, done, statements)
    query = sql.SQL(
        "insert into {table} (module, version, name, hash, state, statements_done, statements, applied_at)"
        " values ({values}, {applied_at})"
        " on conflict (module, version) do update set name = excluded.name, hash = excluded.hash,"
        " state = excluded.state, statements_done = excluded.statements_done, statements = excluded.statements,"
        " applied_at = excluded.applied_at, applied_by = excluded.applied_by"
    ).format(
        table=_table(schema),
        values=sql.SQL(", ").join(map(sql.Literal, values)),
        applied_at=sql.SQL("pg_catalog.clock_timestamp()" if state == "applied" else "null"),
    )
    connection.execute(sql.SQL(before) + query, prepare=False)


def count(connection: Connection, schema: str, migration: Migration, done: int) -> None:
    """Notes how many statements of a started file have run."""
    query = sql.SQL("update {table} set statements_done = %s where module = %s and version = %s")
    connection.execute(query.format(table=_table(schema)), (done, migration.module, migration.version), prepare=False)


def forget(connection: Connection, schema: str, migration: Migration) -> None:
    """Takes the row of a migration out."""
    query = sql.SQL("delete from {table} where module = %s and version = %s")
    connection.execute(query.format(table=_table(schema)), (migration.module, migration.version), prepare=False)


@contextmanager
def lock(connection: Connection, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Keeps other runs on this database out, waiting for them first; ``on_wait`` is called once if it has to.

    The lock belongs to the session and is asked for again and again outside a transaction: a session that waits
    inside the call holds a snapshot, which ``create index concurrently`` of the other run would wait for.
    """
    if not connection.autocommit:
        raise ValueError("migrations and seeds need an autocommit connection")
    while not _value(connection, "select pg_catalog.pg_try_advisory_lock(%s)", _LOCK):
        if on_wait:
            on_wait()
            on_wait = None
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.closed:
            _value(connection, "select pg_catalog.pg_advisory_unlock(%s)", _LOCK)


def _exists(connection: Connection, schema: str) -> bool:
    return bool(
        _value(
            connection,
            "select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = %s and c.relname = 'migrations' and c.relkind = 'r')",
            schema,
        )
    )


def _quoted(name: object) -> str:
    return sql.Identifier(str(name)).as_string()


def _table(schema: str) -> sql.Identifier:
    return sql.Identifier(schema, "migrations")


def _value(connection: Connection, query: LiteralString, *parameters: object) -> object:
    row = connection.execute(query, parameters, prepare=False).fetchone()
    return row[0] if row else None
