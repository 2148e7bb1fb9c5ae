"""Applying migrations and rolling them back.

A file and its row in the ledger are one transaction. A file that opts out is entered as ``started`` before its
first statement, and one that dies half way stays so. What a file sets does not reach the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import LiteralString

import psycopg

from harness.global_objects.effects import fits_in_transaction
from harness.global_objects.outside import Ordinary, Outside
from harness.migrations import ledger
from harness.migrations.comparison import State
from harness.migrations.ledger import Entry
from harness.migrations.plan import Plan, Undo
from harness.project.migrations import refuse_draft
from harness.project.model import Migration, Module, Project
from harness.project.sqlfile import SqlStatement
from harness.server import script
from harness.server.connection import Connection
from harness.server.script import Script

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
    out_of_order: bool = False,
    own: bool = False,
    on_event: OnEvent | None = None,
) -> tuple[Migration, ...]:
    """Applies what is pending, module by module as given, and returns it.

    ``to`` (``intents/003``, or ``003`` if there is one module) is the last one to apply, ``steps`` how many at most.
    ``rerun`` runs a half applied migration again, before all others; ``mark_applied`` only enters one in the ledger.
    ``out_of_order`` takes what is pending below the newest that is applied, too. ``dry_run`` parses every file and
    executes nothing. ``outside`` has a say where files reach outside of the database, ``own`` says that the server is a
    private one of ours, for the hints of errors. Needs an autocommit connection, waits for other runs.

    Raises :class:`MigrationError` before anything is done if files and ledger do not fit together or a file does
    not parse, and :class:`~harness.errors.StatementError` for what the server refuses; earlier files stay applied.
    """

    def choose(plan: Plan) -> list[Script]:
        if mark_applied is not None:
            chosen = [plan.to_mark(mark_applied, out_of_order=out_of_order)]
        else:
            chosen = plan.to_apply(to=to, steps=steps, rerun=rerun, out_of_order=out_of_order)
        for migration in chosen if outside.lasting else ():
            refuse_draft(project.root, migration)
        return [script.load(project.root, migration, "up") for migration in chosen]

    def run(scripts: list[Script]) -> None:
        ledger.create(connection, project.ledger_schema)
        for each in scripts:
            if mark_applied is not None:
                _record(connection, project, each, "applied", len(each.statements))
            else:
                _run(connection, project, each, "up", outside, on_event)

    with _planned(connection, project, modules, own, dry_run, on_event) as plan:
        return _carry_out(connection, project, plan, choose, run, dry_run=dry_run)


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
    own: bool = False,
    on_event: OnEvent | None = None,
) -> tuple[Migration, ...]:
    """Takes back what was applied last, in the reverse order, and returns it.

    ``to`` is the last one to keep, ``steps`` how many to take back (1 if nothing else is said), ``all`` everything.
    ``rerun`` runs the down file of a half rolled back migration again, ``mark_rolled_back`` only takes it out of the
    ledger. The rest, and what is raised, as for :func:`apply`; what was edited, renumbered or has lost its file is
    taken back by the down text that the ledger keeps.
    """

    def choose(plan: Plan) -> list[Script]:
        if mark_rolled_back is not None:
            chosen = [plan.to_mark_down(mark_rolled_back)]
        elif rerun is not None:
            chosen = [plan.to_rerun_down(rerun)]
        else:
            chosen = plan.to_take_back(to=to, steps=None if all else 1 if steps is None else steps)
        return [_down(project, each) for each in chosen]

    def run(scripts: list[Script]) -> None:
        for each in scripts:
            if mark_rolled_back is not None:
                ledger.forget(connection, project.ledger_schema, each.migration)
            else:
                _run(connection, project, each, "down", outside, on_event)

    with _planned(connection, project, modules, own, dry_run, on_event) as plan:
        return _carry_out(connection, project, plan, choose, run, dry_run=dry_run)


def accept(
    connection: Connection,
    project: Project,
    modules: Sequence[Module],
    names: Sequence[str],
    *,
    dry_run: bool = False,
    own: bool = False,
    on_event: OnEvent | None = None,
) -> tuple[tuple[Entry, Migration], ...]:
    """Enters edited files in the ledger as what was applied, with their down files; executes nothing.

    Returns the rows as they were, each with its file. Raises :class:`MigrationError` for what is not edited.
    """
    with _planned(connection, project, modules, own, dry_run, on_event) as plan:
        chosen = plan.to_accept(names)
        if not dry_run:
            _rewrite(connection, project, chosen, accept=True)
    return tuple(chosen)


def renumber(
    connection: Connection,
    project: Project,
    modules: Sequence[Module],
    names: Sequence[str],
    *,
    dry_run: bool = False,
    own: bool = False,
    on_event: OnEvent | None = None,
) -> tuple[tuple[Entry, Migration], ...]:
    """Gives what the ledger has the numbers and names that its files have now; executes nothing.

    ``names`` are like ``intents/004=005``. Returns as :func:`accept` does. Raises :class:`MigrationError` for a file
    that is not what was applied, and for a number that another migration has. What was edited too stays edited.
    """
    with _planned(connection, project, modules, own, dry_run, on_event) as plan:
        chosen = plan.to_renumber(names)
        if not dry_run:
            _rewrite(connection, project, chosen)
    return tuple(chosen)


@contextmanager
def _planned(
    connection: Connection,
    project: Project,
    modules: Sequence[Module],
    own: bool,
    dry_run: bool,
    on_event: OnEvent | None,
) -> Iterator[Plan]:
    """What is to be decided, with other runs kept out until it is done."""

    def plan() -> Plan:
        return Plan(project, tuple(modules), ledger.read(connection, project.ledger_schema), own)

    if dry_run:
        yield plan()
        return
    with ledger.lock(connection, lambda: _tell(on_event, Event("waiting"))):
        ledger.upgrade(connection, project.ledger_schema)
        yield plan()  # only now: the run that was waited for has changed the ledger


def _carry_out(
    connection: Connection,
    project: Project,
    plan: Plan,
    choose: Callable[[Plan], list[Script]],
    run: Callable[[list[Script]], None],
    *,
    dry_run: bool,
) -> tuple[Migration, ...]:
    chosen = choose(plan)
    if not dry_run:
        _complete(connection, project, plan)
        if chosen:
            run(chosen)
    return tuple(each.migration for each in chosen)


def _complete(connection: Connection, project: Project, plan: Plan) -> None:
    """Enters what an older version did not keep of files that are as they were."""
    standing = [(each.entry, each.migration) for each in plan.standings() if each.state is State.APPLIED]
    known = [(entry, migration) for entry, migration in standing if entry and migration]
    lacking = [each for each in known if each[0].down is None or (each[0].tokens is None and each[1].tokens)]
    if lacking:
        _rewrite(connection, project, lacking)


def _rewrite(
    connection: Connection, project: Project, chosen: Sequence[tuple[Entry, Migration]], *, accept: bool = False
) -> None:
    changes = [(entry, _as_file(project, entry, migration, accept)) for entry, migration in chosen]
    ledger.rewrite(connection, project.ledger_schema, changes)


def _as_file(project: Project, entry: Entry, migration: Migration, accept: bool) -> Entry:
    """The row with number and name of the file; with what that says only if it is the same, or accepted."""
    moved = replace(entry, version=migration.version, name=migration.name)
    if not accept and not entry.has(migration):
        return moved
    down = entry.down
    if accept or down is None:
        down = script.down_text(project.root, migration)
    return replace(moved, hash=migration.hash, tokens=migration.tokens or None, down=down)


def _down(project: Project, undo: Undo) -> Script:
    if undo.text is None:
        return script.load(project.root, undo.migration, "down")
    kept = Path(f"{project.ledger_schema}.migrations", f"{undo.migration.id}.down.sql")
    return script.parse(undo.migration, kept, undo.text)


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


def _send(connection: Connection, file: Script, statement: SqlStatement, outside: Outside) -> None:
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
    ledger.record(connection, project.ledger_schema, file.migration, state, done, count, down=file.down, before=before)


def _tell(on_event: OnEvent | None, event: Event) -> None:
    if on_event:
        on_event(event)
