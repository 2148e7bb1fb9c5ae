"""What scratch databases are built from besides our own migrations: ``base:``, and migrations that another tool owns.

A step runs as its tool would run it: in one transaction, or as psql sends a file. What it sets ends with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from harness.errors import HarnessError, MigrationError, Place, StatementError
from harness.foreign import extensions, grantees
from harness.foreign.skipping import LeftOut, alone, needless
from harness.global_objects.effects import fits_in_transaction
from harness.global_objects.outside import Confined, require_roles
from harness.project import sqlfile
from harness.project.model import BuildStep, Project, SqlPart, SqlScript
from harness.project.sqlfile import SqlStatement
from harness.server import script
from harness.server.connection import Connection

_MISSING = ("3F000", "42704", "42883", "42P01")  # no such schema, role or type, function, table

_IN_TRANSACTION = "25001"


@dataclass(frozen=True)
class Parsed:
    """The statements of one file and of those that it includes; ``transactional`` unless what they say forbids it."""

    name: str
    parts: tuple[tuple[SqlPart, tuple[SqlStatement, ...]], ...]
    transactional: bool


def parse(name: str, sql: SqlScript) -> Parsed:
    """Splits a file; raises :class:`StatementError` and :class:`MigrationError` for what is no SQL."""
    parts = []
    for part in sql.parts:
        try:
            parts.append((part, sqlfile.statements(part.path, part.text)))
        except StatementError as error:
            raise _with_variable(error, part) from None
    transactional = sql.transactional and not any(alone(statements) for _, statements in parts)
    return Parsed(name, tuple(parts), transactional)


def prepare(connection: Connection, project: Project, outside: Confined) -> None:
    """Runs ``base:`` in an empty database, which is then ready for migrations.

    Raises what :func:`build` raises.
    """
    _build(connection, project, project.foundation, outside)


def build(connection: Connection, project: Project, outside: Confined) -> None:
    """Runs ``base:`` and the other tool's migrations in an empty database; ``outside`` notes what was left out.

    All is parsed, and compared with the extensions and roles of the server, before anything runs. Raises
    :class:`StatementError` for what the server refuses, and :class:`TargetError` for what it lacks.
    """
    steps = project.adopted.steps if project.adopted else ()
    _build(connection, project, (*project.foundation, *steps), outside)


def _build(connection: Connection, project: Project, steps: Iterable[BuildStep], outside: Confined) -> None:
    files = [parse(step.name, step.up) for step in steps]
    parts = [each for file in files for each in file.parts]
    extensions.require(connection, parts, project.stand_ins)
    grantees.require(connection, parts)
    if not outside.may_make:
        require_roles(connection, parts)
    run(connection, project, files, outside)


def run(connection: Connection, project: Project, files: Sequence[Parsed], outside: Confined) -> None:
    """Runs files, each in a session as good as new.

    Raises :class:`StatementError` where it stands in the file. Needs an autocommit connection.
    """
    left_out = LeftOut(connection, outside, project.stand_ins)
    for file in files:
        try:
            with script.nothing_leaks(connection, project.timeouts):
                _run(connection, file, left_out)
        except StatementError as error:
            raise _with_base(error) from None


def _run(connection: Connection, file: Parsed, left_out: LeftOut) -> None:
    if file.transactional:
        try:
            with connection.transaction():
                _send(connection, file, left_out)
                left_out.outside.settle(connection)
        except psycopg.Error as error:
            raise script.at_commit(file.parts[-1][0], error) from None
        return
    try:
        _send(connection, file, left_out)
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            raise MigrationError(
                "the file begins a transaction and does not commit it: psql would take it back",
                place=Place(file.parts[0][0].path),
                hint="end it with COMMIT",
            )
    except BaseException:
        with suppress(psycopg.Error):
            connection.rollback()
        raise


def _send(connection: Connection, file: Parsed, left_out: LeftOut) -> None:
    outside = left_out.outside
    for part, statements in file.parts:
        for statement in statements:
            if why := left_out.reason(statement):
                outside.skip(part, statement, why)
            elif outside.concerns(statement) and fits_in_transaction(statement):
                with connection.transaction():
                    outside.send(connection, part, statement)
                    outside.settle(connection)
            elif why := _tried(connection, part, statement):
                outside.skip(part, statement, why)


def _tried(connection: Connection, part: SqlPart, statement: SqlStatement) -> str | None:
    """Runs a statement. Where psql would go on behind a refusal that changes nothing, says so."""
    try:
        script.execute(connection, part, statement)
    except StatementError as error:
        idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        why = needless(statement, error.sqlstate) if idle else None
        if why is None:
            raise
        return why
    return None


def _with_base(error: StatementError) -> HarnessError:
    """The way out that this project has, which is not that of migrations of its own."""
    if error.sqlstate in _MISSING:
        advice = (
            "what the platform brings (roles, schemas, functions) belongs into an SQL file under base: in project.yml"
        )
        error.hint = f"{error.hint}; {advice}" if error.hint else advice
    elif error.sqlstate == _IN_TRANSACTION:
        error.hint = "let the file say that it runs outside of a transaction, in the words of its tool"
    return error


def _with_variable(error: StatementError, part: SqlPart) -> StatementError:
    """A syntax error at ``:name`` is a variable of psql that nobody has given."""
    line, column = (error.place.line or 1, error.place.column or 1) if error.place else (1, 1)
    at = part.text.split("\n")[line - 1][column - 1 :]
    if at[:1] == ":" and at[1:2] not in ("", ":", "=", " "):
        error.hint = "a variable of psql? give it under migrations: {variables: {name: value}} in project.yml"
    return error
