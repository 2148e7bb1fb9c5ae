"""Reads and splits a migration file, and sends its statements to the server.

Finds the place in the file of a statement that is refused. Decides whether all statements go in one message, and resets
the session after a file.
Not here: transactions and the ledger (``migrations/migrate.py``), and roles (``global_objects/guards.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import generators, pq, sql

from harness.errors import HarnessError, Place, StatementError, TargetError
from harness.project import Migration, Timeouts, relative, sqlfile, sqltext
from harness.project.migrations import transactional
from harness.server.connection import Connection

_COPY_LINE = re.compile(r"^COPY .*, line (\d+)", re.MULTILINE)
# Statements with data of their own, and those that change how the server reads the rest, are sent one by one.
_ALONE = re.compile(
    r"\b(?:copy|standard_conforming_strings|backslash_quote|client_encoding|set\s+names)\b", re.IGNORECASE
)
_HINTS = {
    "25001": "-- harness: transaction:false as the first line of the file runs it outside a transaction",
    "55P03": "another session holds the lock; try again, or raise lock under timeouts in project.yml",
    "57014": "raise statement under timeouts in project.yml if this may take longer",
}
# DISCARD ALL, but for advisory locks, one of which is ours, and the statements that psycopg has prepared. Returns the
# names of the statements that files have prepared.
_FORGET = (
    b"close all; reset session authorization; reset all; unlisten *; discard plans; discard sequences; discard temp;"
    b" select name from pg_catalog.pg_prepared_statements where from_sql"
)


class SqlText(Protocol):
    """A text of SQL, and the ``path`` by which errors name its file."""

    @property
    def path(self) -> Path: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class Script:
    """The up or the down file of a migration; ``path`` is how errors name it.

    ``down`` is the text of the down file that belongs to an up file, for the ledger to keep.
    """

    migration: Migration
    path: Path
    text: str
    statements: tuple[sqlfile.FileStatement, ...]
    transactional: bool
    down: str | None = None


def load(root: Path, migration: Migration, direction: str) -> Script:
    """Reads and splits the ``up`` or ``down`` file.

    Raises :class:`~harness.errors.ProjectError` and :class:`~harness.errors.MigrationError` for what is wrong in it.
    """
    path = migration.up if direction == "up" else migration.down or migration.up.with_name("")
    shown = relative(path, root)
    down = down_text(root, migration) if direction == "up" else None
    return parse(migration, shown, sqlfile.read(path, shown), down)


def parse(migration: Migration, path: Path, text: str, down: str | None = None) -> Script:
    """Splits a text that has been read; raises :class:`~harness.errors.MigrationError`."""
    return Script(migration, path, text, sqlfile.migration_statements(path, text), transactional(path, text), down)


def down_text(root: Path, migration: Migration) -> str | None:
    """Reads the down file, if there is one."""
    return sqlfile.read(migration.down, relative(migration.down, root)) if migration.down else None


def execute_all(connection: Connection, script: Script) -> None:
    """Sends all statements, in one message where that has the same effect. Raises like :func:`execute`.

    The server runs the statements of a message one after the other and reports each that is done, so the failed one is
    known. Only the settings by which it reads strings are those at the beginning of the message.
    """
    if _ALONE.search(script.text):
        for statement in script.statements:
            execute(connection, script, statement)
        return
    # A statement may end with a comment that reaches to the end of its line.
    texts = [f"{statement.text}\n;\n" for statement in script.statements]
    try:
        connection.pgconn.send_query("".join(texts).encode(connection.info.encoding))
        *done, last = connection.wait(generators.execute(connection.pgconn))
    except psycopg.Error as error:
        raise _error(script, error, Place(script.path), None) from None
    if last.status == pq.ExecStatus.FATAL_ERROR:
        before = sum(map(len, texts[: len(done)]))
        refused = psycopg.errors.error_from_result(last, encoding=connection.info.encoding)
        raise _at_statement(script, script.statements[len(done)], refused, before) from None


def execute(connection: Connection, script: SqlText, statement: sqlfile.FileStatement) -> None:
    """Sends one statement, with its COPY data if it has any.

    Raises :class:`StatementError` with its place in the file, :class:`TargetError` if the server went away.
    """
    query = statement.text.encode(connection.info.encoding)
    try:
        with connection.cursor() as cursor:
            if statement.copy_data is None:
                cursor.execute(query, prepare=False)
            else:
                with cursor.copy(query) as copy:
                    copy.write(statement.copy_data)
    except psycopg.Error as error:
        raise _at_statement(script, statement, error) from None


def at_commit(script: SqlText, error: psycopg.Error) -> HarnessError:
    """Returns the error of a whole file: of a deferred constraint, or of its row in the ledger."""
    return _error(script, error, Place(script.path), None)


@contextmanager
def session_reset(connection: Connection, timeouts: Timeouts) -> Iterator[None]:
    """Runs a file with these timeouts, and resets the session after it."""
    settings = sql.SQL("set lock_timeout = {}; set statement_timeout = {}").format(timeouts.lock, timeouts.statement)
    connection.execute(settings, prepare=False)
    try:
        yield
    finally:
        if not connection.closed:
            found = connection.execute(_FORGET, prepare=False)
            while found.nextset():
                pass
            for (name,) in found.fetchall():
                connection.execute(sql.SQL("deallocate {}").format(sql.Identifier(name)), prepare=False)


def _at_statement(
    script: SqlText, statement: sqlfile.FileStatement, error: psycopg.Error, before: int = 0
) -> HarnessError:
    # The server counts characters in the whole message, of which so many are ``before`` the statement. A position in a
    # query of a function is not a position in the file.
    offset = statement.offset + int(error.diag.statement_position or before + 1) - before - 1
    line, column = sqltext.position(script.text, offset)
    place, excerpt = Place(script.path, line, column), sqltext.excerpt(script.text, line, column)
    row = _COPY_LINE.search(error.diag.context or "")
    if row and statement.copy_line:
        line = statement.copy_line + int(row[1]) - 1
        place, excerpt = Place(script.path, line), sqltext.excerpt(script.text, line)
    return _error(script, error, place, excerpt)


def _error(script: SqlText, error: psycopg.Error, place: Place, excerpt: str | None) -> HarnessError:
    diag = error.diag
    if diag.sqlstate is None or isinstance(error, psycopg.errors.AdminShutdown):
        return TargetError(
            "the connection to the server was lost in the middle of this file",
            place=Place(script.path),
            hint="see what is applied: harness status",
        )
    more = [("DETAIL", diag.message_detail), ("QUERY", diag.internal_query), ("CONTEXT", diag.context)]
    lines = [excerpt] if excerpt else []
    lines += [f"{label}: {sqltext.without_passwords(text)}" for label, text in more if text]
    return StatementError(
        f"{diag.message_primary} ({diag.sqlstate})",
        sqlstate=diag.sqlstate,
        place=place,
        excerpt="\n".join(lines) or None,
        hint="; ".join(hint for hint in [diag.message_hint, _HINTS.get(diag.sqlstate)] if hint) or None,
    )
