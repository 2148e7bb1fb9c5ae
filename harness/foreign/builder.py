"""Builds scratch databases from ``base:`` and from migrations that another tool owns.

A step runs as its tool would run it: in one transaction, or as psql sends a file; its settings end with it. Refuses a
file that begins a transaction and does not commit it. Goes on after a refusal that changes nothing.
Not here: which statements are left out (``skipping.py``), and our own migrations (``migrations``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from harness.errors import HarnessError, MigrationError, Place, StatementError
from harness.foreign import requirements
from harness.foreign.requirements import ParsedPart
from harness.foreign.skipping import SkipRules, harmless, needs_autocommit
from harness.global_objects.effects import fits_in_transaction
from harness.global_objects.guards import ScratchGuard, require_roles
from harness.project import BuildStep, Project, SqlPart, SqlScript, sqlfile
from harness.server import script
from harness.server.connection import Connection

_MISSING = ("3F000", "42704", "42883", "42P01")  # no such schema, role or type, function, table

_IN_TRANSACTION = "25001"


@dataclass(frozen=True)
class ParsedScript:
    """The statements of a file and of the files that it includes; ``transactional`` unless a statement forbids it."""

    parts: tuple[ParsedPart, ...]
    transactional: bool


def parse(sql: SqlScript) -> ParsedScript:
    """Splits a file; raises :class:`StatementError` and :class:`MigrationError` if it is not SQL."""
    parts = []
    for part in sql.parts:
        try:
            parts.append((part, sqlfile.statements(part.path, part.text)))
        except StatementError as error:
            raise _with_variable(error, part) from None
    return ParsedScript(
        tuple(parts),
        sql.transactional
        and not any(needs_autocommit(statement) for _, statements in parts for statement in statements),
    )


def prepare(connection: Connection, project: Project, guard: ScratchGuard) -> None:
    """Runs ``base:`` in an empty database, before its migrations.

    Raises what :func:`build` raises.
    """
    _build(connection, project, project.foundation, guard)


def build(connection: Connection, project: Project, guard: ScratchGuard) -> None:
    """Runs ``base:`` and the other tool's migrations in an empty database; ``guard`` records the skipped statements.

    All is parsed, and compared with the extensions and roles of the server, before anything runs. Raises
    :class:`StatementError` if the server refuses a statement, and :class:`TargetError` for what it lacks.
    """
    _build(connection, project, (*project.foundation, *(project.adopted.steps if project.adopted else ())), guard)


def _build(connection: Connection, project: Project, steps: Iterable[BuildStep], guard: ScratchGuard) -> None:
    files = [parse(step.up) for step in steps]
    parts = [each for file in files for each in file.parts]
    requirements.require_extensions(connection, parts, project.stand_ins)
    requirements.require_roles(connection, parts)
    if not guard.may_make:
        require_roles(connection, parts)
    run(connection, project, files, guard)


def run(connection: Connection, project: Project, files: Sequence[ParsedScript], guard: ScratchGuard) -> None:
    """Runs files, and resets the session after each.

    Raises :class:`StatementError` with its place in the file. Needs an autocommit connection.
    """
    rules = SkipRules(connection, guard, project.stand_ins)
    for file in files:
        try:
            with script.session_reset(connection, project.timeouts):
                _run(connection, file, rules)
        except StatementError as error:
            raise _with_base(error) from None


def _run(connection: Connection, file: ParsedScript, rules: SkipRules) -> None:
    if file.transactional:
        try:
            with connection.transaction():
                _send(connection, file, rules)
                rules.guard.settle(connection)
        except psycopg.Error as error:
            raise script.at_commit(file.parts[-1][0], error) from None
        return
    try:
        _send(connection, file, rules)
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


def _send(connection: Connection, file: ParsedScript, rules: SkipRules) -> None:
    guard = rules.guard
    for part, statements in file.parts:
        for statement in statements:
            if why := rules.reason(statement):
                guard.skip(part, statement, why)
                continue
            if guard.concerns(statement) and fits_in_transaction(statement):
                with connection.transaction():
                    guard.send(connection, part, statement)
                    guard.settle(connection)
                continue
            try:
                script.execute(connection, part, statement)
            except StatementError as error:
                # Outside of a transaction, psql goes on after a refusal.
                idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
                why = harmless(statement, error.sqlstate) if idle else None
                if why is None:
                    raise
                guard.skip(part, statement, why)


def _with_base(error: StatementError) -> HarnessError:
    """Adds the hint for migrations of another tool, which differs from that for our own."""
    if error.sqlstate in _MISSING:
        advice = (
            "what the platform brings (roles, schemas, functions) belongs into an SQL file under base: in project.yml"
        )
        error.hint = f"{error.hint}; {advice}" if error.hint else advice
    elif error.sqlstate == _IN_TRANSACTION:
        error.hint = "let the file say that it runs outside of a transaction, in the words of its tool"
    return error


def _with_variable(error: StatementError, part: SqlPart) -> StatementError:
    """Adds a hint if a syntax error is at ``:name``: it may be a variable of psql that was not given."""
    line, column = (error.place.line or 1, error.place.column or 1) if error.place else (1, 1)
    at = part.text.split("\n")[line - 1][column - 1 :]
    if at[:1] == ":" and at[1:2] not in ("", ":", "=", " "):
        error.hint = "a variable of psql? give it under migrations: {variables: {name: value}} in project.yml"
    return error
