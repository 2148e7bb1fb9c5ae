"""Applying migrations and rolling them back.

A file and its row in the ledger are one transaction. A file that opts out is entered as ``started`` before its
first statement, and one that dies half way stays so. What a file sets does not reach the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg

from harness.database import ledger, script
from harness.database.connection import Connection
from harness.database.global_objects import fits_in_transaction
from harness.database.ledger import State
from harness.database.outside import Ordinary, Outside
from harness.database.plan import Plan
from harness.database.script import Script
from harness.project.model import Migration, Module, Project
from harness.project.sqlfile import Statement

# For one transaction back to who and what the connection was, whatever the file has set (the role goes along).
_OURSELVES: LiteralString = "set local session authorization default; set local search_path = pg_catalog, pg_temp;"


@dataclass(frozen=True)
class Event:
    """``waiting`` for another run, or a migration ``started`` or ``finished`` (after so many seconds)."""

    kind: str
    migration: Migration | None = None
    direction: str | None = None
    seconds: float = 0.0


OnEvent = Callable[[Event], None]
ORDINARY = Ordinary()


def apply(
    connection: Connection,
    project: Project,
    modules: Sequence[Module],
    *,
    to: str | None = None,
    steps: int | None = None,
    dry_run: bool = False,
    rerun: str | None = None,
    mark_applied: str | None = None,
    outside: Outside = ORDINARY,
    on_event: OnEvent | None = None,
) -> tuple[Migration, ...]:
    """Applies what is pending, module by module as given, and returns it.

    ``to`` (``intents/003``, or ``003`` if there is one module) is the last one to apply, ``steps`` how many at most.
    ``rerun`` runs a half applied migration again, before all others; ``mark_applied`` only enters one in the ledger.
    ``dry_run`` parses every file and executes nothing. ``outside`` has a say where files reach outside of the database.
    Needs an autocommit connection, waits for other runs.

    Raises :class:`MigrationError` before anything is done if files and ledger do not fit together or a file does
    not parse, and :class:`~harness.errors.StatementError` for what the server refuses; earlier files stay applied.
    """

    def choose(plan: Plan) -> list[Migration]:
        if mark_applied is not None:
            return [plan.to_mark(mark_applied)]
        return plan.to_apply(to=to, steps=steps, rerun=rerun)

    def run(scripts: list[Script]) -> None:
        ledger.create(connection, project.ledger_schema)
        for each in scripts:
            if mark_applied is not None:
                _record(connection, project, each, "applied", len(each.statements))
            else:
                _run(connection, project, each, "up", outside, on_event)

    return _carry_out(connection, project, modules, "up", choose, run, dry_run=dry_run, on_event=on_event)


def rollback(
    connection: Connection,
    project: Project,
    modules: Sequence[Module],
    *,
    to: str | None = None,
    steps: int | None = None,
    all: bool = False,
    dry_run: bool = False,
    rerun: str | None = None,
    mark_rolled_back: str | None = None,
    outside: Outside = ORDINARY,
    on_event: OnEvent | None = None,
) -> tuple[Migration, ...]:
    """Takes back what was applied last, in the reverse order, and returns it.

    ``to`` is the last one to keep, ``steps`` how many to take back (1 if nothing else is said), ``all`` everything.
    ``rerun`` runs the down file of a half rolled back migration again, ``mark_rolled_back`` only takes it out of the
    ledger. The rest, and what is raised, as for :func:`apply`; an edited file may be rolled back.
    """

    def choose(plan: Plan) -> list[Migration]:
        named = rerun or mark_rolled_back
        if named is not None:
            return [plan.half(named, State.HALF_ROLLED_BACK)]
        return plan.to_take_back(to=to, steps=None if all else 1 if steps is None else steps)

    def run(scripts: list[Script]) -> None:
        for each in scripts:
            if mark_rolled_back is not None:
                ledger.forget(connection, project.ledger_schema, each.migration)
            else:
                _run(connection, project, each, "down", outside, on_event)

    return _carry_out(connection, project, modules, "down", choose, run, dry_run=dry_run, on_event=on_event)


def _carry_out(
    connection: Connection,
    project: Project,
    modules: Sequence[Module],
    direction: str,
    choose: Callable[[Plan], list[Migration]],
    run: Callable[[list[Script]], None],
    *,
    dry_run: bool,
    on_event: OnEvent | None,
) -> tuple[Migration, ...]:
    def scripts() -> list[Script]:
        plan = Plan(project, tuple(modules), ledger.read(connection, project.ledger_schema))
        return [script.load(project.root, migration, direction) for migration in choose(plan)]

    if dry_run:
        chosen = scripts()
    else:
        with ledger.lock(connection, lambda: _tell(on_event, Event("waiting"))):
            chosen = scripts()  # only now: the run that was waited for has changed the ledger
            if chosen:
                run(chosen)
    return tuple(each.migration for each in chosen)


def _run(
    connection: Connection,
    project: Project,
    file: Script,
    direction: str,
    outside: Outside,
    on_event: OnEvent | None,
) -> None:
    _tell(on_event, Event("started", file.migration, direction))
    started = time.perf_counter()
    with script.nothing_leaks(connection, project.timeouts), outside.around(file.statements):
        if file.transactional:
            _in_one_transaction(connection, project, file, direction, outside)
        else:
            _statement_by_statement(connection, project, file, direction, outside)
    _tell(on_event, Event("finished", file.migration, direction, time.perf_counter() - started))


def _in_one_transaction(
    connection: Connection, project: Project, file: Script, direction: str, outside: Outside
) -> None:
    try:
        with connection.transaction():
            if any(map(outside.concerns, file.statements)):
                for statement in file.statements:
                    _send(connection, file, statement, outside)
            else:
                script.execute_all(connection, file)
            _settle(connection, project, file, direction)
            outside.settle(connection)
    except psycopg.Error as error:
        raise script.at_commit(file, error) from None


def _statement_by_statement(
    connection: Connection, project: Project, file: Script, direction: str, outside: Outside
) -> None:
    try:
        _record(connection, project, file, "started" if direction == "up" else "reverting", 0)
        for done, statement in enumerate(file.statements, start=1):
            if outside.concerns(statement) and fits_in_transaction(statement):
                with connection.transaction():
                    outside.send(connection, file, statement)
                    outside.settle(connection)
            else:
                script.execute(connection, file, statement)
            with connection.transaction():
                if done == len(file.statements):
                    _settle(connection, project, file, direction)
                else:
                    connection.execute(_OURSELVES, prepare=False)
                    ledger.count(connection, project.ledger_schema, file.migration, done)
    except psycopg.Error as error:
        raise script.at_commit(file, error) from None


def _send(connection: Connection, file: Script, statement: Statement, outside: Outside) -> None:
    if outside.concerns(statement):
        outside.send(connection, file, statement)
    else:
        script.execute(connection, file, statement)


def _settle(connection: Connection, project: Project, file: Script, direction: str) -> None:
    if direction == "up":
        _record(connection, project, file, "applied", len(file.statements), before=_OURSELVES)
    else:
        connection.execute(_OURSELVES, prepare=False)
        ledger.forget(connection, project.ledger_schema, file.migration)


def _record(
    connection: Connection, project: Project, file: Script, state: str, done: int, *, before: LiteralString = ""
) -> None:
    count = len(file.statements)
    ledger.record(connection, project.ledger_schema, file.migration, state, done, count, before=before)


def _tell(on_event: OnEvent | None, event: Event) -> None:
    if on_event:
        on_event(event)
