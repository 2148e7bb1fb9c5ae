"""What scratch databases are built from besides our own migrations: ``base:``, and migrations that another tool owns.

A step runs as its tool would run it: in one transaction, or as psql sends a file. What it sets ends with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from harness.database import extensions, keeper, script
from harness.database.connection import Connection
from harness.database.leftout import LeftOut, alone
from harness.errors import HarnessError, MigrationError, Place, StatementError
from harness.project import sqlfile
from harness.project.model import Part, Project, Sql, Step
from harness.project.sqlfile import Statement

_MISSING = ("3F000", "42704", "42883", "42P01")  # no such schema, role or type, function, table


@dataclass(frozen=True)
class Skipped:
    """A statement that was not run, its first words, and why."""

    place: Place
    statement: str
    why: str


@dataclass(frozen=True)
class Parsed:
    """The statements of one file and of those that it includes; ``transactional`` unless what they say forbids it."""

    name: str
    parts: tuple[tuple[Part, tuple[Statement, ...]], ...]
    transactional: bool


def parse(name: str, sql: Sql) -> Parsed:
    """Splits a file; raises :class:`StatementError` and :class:`MigrationError` for what is no SQL."""
    parts = []
    for part in sql.parts:
        try:
            parts.append((part, sqlfile.statements(part.path, part.text, guarded=False)))
        except StatementError as error:
            raise _with_variable(error, part) from None
    transactional = sql.transactional and not any(alone(statements) for _, statements in parts)
    return Parsed(name, tuple(parts), transactional)


def prepare(connection: Connection, project: Project) -> None:
    """Runs ``base:`` in an empty database, which is then ready for migrations.

    Raises :class:`StatementError` for what the server refuses, and :class:`TargetError` for extensions it lacks.
    """
    _build(connection, project, project.foundation)


def build(connection: Connection, project: Project) -> tuple[Skipped, ...]:
    """Runs ``base:`` and the other tool's migrations in an empty database; returns what was left out, and why.

    All is parsed, and compared with the extensions of the server, before anything runs.
    """
    return _build(connection, project, (*project.foundation, *(project.adopted.steps if project.adopted else ())))


def _build(connection: Connection, project: Project, steps: Iterable[Step]) -> tuple[Skipped, ...]:
    files = [parse(step.name, step.up) for step in steps]
    extensions.require(connection, [each for file in files for each in file.parts], project.stand_ins)
    return run(connection, project, files)


def run(connection: Connection, project: Project, files: Sequence[Parsed]) -> tuple[Skipped, ...]:
    """Runs files, each in a session as good as new; returns what was left out.

    Raises :class:`StatementError` where it stands in the file. Needs an autocommit connection.
    """
    left_out = LeftOut(connection, frozenset(keeper.roles(connection)), project.stand_ins)
    skipped: list[Skipped] = []
    for file in files:
        try:
            with script.nothing_leaks(connection, project.timeouts):
                _run(connection, file, left_out, skipped)
        except StatementError as error:
            raise _with_base(error) from None
    return tuple(skipped)


def _run(connection: Connection, file: Parsed, left_out: LeftOut, skipped: list[Skipped]) -> None:
    if file.transactional:
        try:
            with connection.transaction():
                _send(connection, file, left_out, skipped)
        except psycopg.Error as error:
            raise script.at_commit(file.parts[-1][0], error) from None
        return
    try:
        _send(connection, file, left_out, skipped)
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


def _send(connection: Connection, file: Parsed, left_out: LeftOut, skipped: list[Skipped]) -> None:
    for part, statements in file.parts:
        for statement in statements:
            why = left_out.reason(statement)
            if why is None:
                script.execute(connection, part, statement)
            else:
                words = " ".join(statement.text.split()[:6])
                skipped.append(Skipped(Place(part.path, statement.line, statement.column), words, why))


def _with_base(error: StatementError) -> HarnessError:
    if error.sqlstate in _MISSING:
        advice = (
            "what the platform brings (roles, schemas, functions) belongs into an SQL file under base: in project.yml"
        )
        error.hint = f"{error.hint}; {advice}" if error.hint else advice
    return error


def _with_variable(error: StatementError, part: Part) -> StatementError:
    """A syntax error at ``:name`` is a variable of psql that nobody has given."""
    line, column = (error.place.line or 1, error.place.column or 1) if error.place else (1, 1)
    at = part.text.split("\n")[line - 1][column - 1 :]
    if at[:1] == ":" and at[1:2] not in ("", ":", "=", " "):
        error.hint = "a variable of psql? give it under migrations: {variables: {name: value}} in project.yml"
    return error
