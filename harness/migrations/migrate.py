"""Applies migrations and rolls them back: runs the files, and writes their rows in the ledger.

A file and its row are one transaction. A file that opts out is entered as ``started`` before its first statement, and
stays so if it fails half way. The settings of a file do not reach the next file.
Not here: which migrations are chosen or refused (``plan.py``), and the state of each (``migration_set.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, LiteralString

import psycopg

from harness.global_objects import Guard, fits_in_transaction
from harness.migrations import ledger
from harness.migrations.ledger import LedgerRow
from harness.migrations.migration_set import State
from harness.migrations.plan import MigrationPlan, Undo
from harness.project.migrations import refuse_draft
from harness.project.model import Migration, Module, Project
from harness.server import Connection, script
from harness.server.script import Script

Direction = Literal["up", "down"]

# For one transaction, resets user and search path to those of the connection, whatever the file has set. The role is
# reset with the user.
_OURSELVES: LiteralString = "set local session authorization default; set local search_path = pg_catalog, pg_temp;"


@dataclass(frozen=True)
class Event:
    """``waiting`` for another run, or a migration ``started`` or ``finished`` (after so many seconds)."""

    kind: str
    migration: Migration | None = None
    direction: Direction | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Migrator:
    """Applies and takes back the migrations of ``modules`` of a project, in the database of a connection.

    Needs an autocommit connection; waits for other runs. With ``dry_run`` it parses every file and executes nothing.
    ``guard`` watches the files that run. ``own`` says that the server is a private one of ours, for hints of errors.
    With ``out_of_order`` pending migrations below the newest applied one are applied, too.

    All methods raise :class:`MigrationError` before anything is done, if files and ledger do not fit together or a file
    does not parse.
    """

    connection: Connection
    project: Project
    modules: Sequence[Module]
    guard: Guard = field(default_factory=Guard)
    own: bool = False
    dry_run: bool = False
    on_event: Callable[[Event], None] = lambda event: None
    out_of_order: bool = False

    def apply(
        self,
        *,
        to: str | None = None,
        steps: int | None = None,
        rerun: str | None = None,
        mark_applied: str | None = None,
    ) -> tuple[Migration, ...]:
        """Applies the pending migrations, module by module in the given order, and returns them.

        ``to`` (``intents/003``, or ``003`` if there is one module) is the last one to apply, ``steps`` the most to
        apply. ``rerun`` runs a half applied migration again, before all others; ``mark_applied`` only enters one in the
        ledger.

        Raises :class:`~harness.errors.StatementError` if the server refuses a statement; earlier files stay applied.
        """
        with self._planned() as plan:
            if mark_applied is not None:
                chosen = [plan.to_mark(mark_applied)]
            else:
                chosen = plan.to_apply(to=to, steps=steps, rerun=rerun)
            for migration in chosen if self.guard.lasting else ():
                refuse_draft(self.project.root, migration)
            scripts = [script.load(self.project.root, migration, "up") for migration in chosen]
            if self.dry_run:
                return tuple(chosen)
            self._complete(plan)
            if scripts:
                ledger.create(self.connection, self.project.ledger_schema)
            for each in scripts:
                if mark_applied is not None:
                    self._record(each, "applied", len(each.statements))
                else:
                    self._run(each, "up")
        return tuple(chosen)

    def rollback(
        self,
        *,
        to: str | None = None,
        steps: int | None = 1,
        rerun: str | None = None,
        mark_rolled_back: str | None = None,
    ) -> tuple[Migration, ...]:
        """Takes back the migrations applied last, in reverse order, and returns them.

        ``to`` is the last one to keep; else ``steps`` are taken back, and all if it is None. ``rerun`` runs the down
        file of a half rolled back migration again, ``mark_rolled_back`` only removes one from the ledger. A migration
        that was edited or renumbered, or whose file is missing, is taken back by the down text of the ledger.

        Raises :class:`~harness.errors.StatementError` if the server refuses a statement; earlier files stay undone.
        """
        with self._planned() as plan:
            if mark_rolled_back is not None:
                chosen = [plan.to_mark_down(mark_rolled_back)]
            elif rerun is not None:
                chosen = [plan.to_rerun_down(rerun)]
            else:
                chosen = plan.to_take_back(to=to, steps=steps)
            scripts = [self._down(each) for each in chosen]
            if not self.dry_run:
                self._complete(plan)
            for each in () if self.dry_run else scripts:
                if mark_rolled_back is not None:
                    ledger.forget(self.connection, self.project.ledger_schema, each.migration)
                else:
                    self._run(each, "down")
        return tuple(each.migration for each in chosen)

    def accept(self, names: Sequence[str]) -> tuple[tuple[LedgerRow, Migration], ...]:
        """Enters edited files in the ledger as what was applied, with their down files; executes nothing.

        Returns the old rows, each with its file. Raises :class:`MigrationError` for a file that is not edited.
        """
        with self._planned() as plan:
            chosen = plan.to_accept(names)
            self._rewrite((row, _as_file(row, file, script.down_text(self.project.root, file))) for row, file in chosen)
        return tuple(chosen)

    def renumber(self, names: Sequence[str]) -> tuple[tuple[LedgerRow, Migration], ...]:
        """Gives rows of the ledger the numbers and names that their files have now; executes nothing.

        ``names`` are like ``intents/004=005``. Returns as :meth:`accept` does. Raises :class:`MigrationError` for a
        file that is not what was applied, and for a number that another migration has. An edited file stays edited.
        """
        with self._planned() as plan:
            chosen = plan.to_renumber(names)
            self._rewrite((row, self._moved(row, file)) for row, file in chosen)
        return tuple(chosen)

    @contextmanager
    def _planned(self) -> Iterator[MigrationPlan]:
        """Reads files and ledger, and keeps other runs out until all is done."""
        schema = self.project.ledger_schema
        with ExitStack() as stack:
            if not self.dry_run:
                stack.enter_context(ledger.lock(self.connection, lambda: self.on_event(Event("waiting"))))
                ledger.upgrade(self.connection, schema)
            # Only now: the run that was waited for has changed the ledger.
            rows = ledger.read(self.connection, schema)
            yield MigrationPlan(self.project, tuple(self.modules), rows, self.own, self.out_of_order)

    def _complete(self, plan: MigrationPlan) -> None:
        """Adds what an older version did not keep to the rows of files that are unchanged."""
        applied = [(each.row, each.migration) for each in plan.statuses() if each.state is State.APPLIED]
        lacking = [
            (row, self._moved(row, migration))
            for row, migration in applied
            if row and migration and (row.down is None or (row.tokens is None and migration.tokens))
        ]
        if lacking:
            self._rewrite(lacking)

    def _rewrite(self, changes: Iterable[tuple[LedgerRow, LedgerRow]]) -> None:
        if not self.dry_run:
            ledger.rewrite(self.connection, self.project.ledger_schema, changes)

    def _moved(self, row: LedgerRow, migration: Migration) -> LedgerRow:
        """Returns the row with number and name of the file; with its content only if it is the same."""
        if not row.has(migration):
            return replace(row, version=migration.version, name=migration.name)
        return _as_file(
            row, migration, script.down_text(self.project.root, migration) if row.down is None else row.down
        )

    def _down(self, undo: Undo) -> Script:
        if undo.text is None:
            return script.load(self.project.root, undo.migration, "down")
        return script.parse(
            undo.migration, Path(f"{self.project.ledger_schema}.migrations", f"{undo.migration.id}.down.sql"), undo.text
        )

    def _run(self, file: Script, direction: Direction) -> None:
        self.on_event(Event("started", file.migration, direction))
        started = time.perf_counter()
        run = self._in_one_transaction if file.transactional else self._statement_by_statement
        with script.session_reset(self.connection, self.project.timeouts), self.guard.around(file.statements):
            try:
                run(file, direction)
            except psycopg.Error as error:
                raise script.at_commit(file, error) from None
        self.on_event(Event("finished", file.migration, direction, time.perf_counter() - started))

    def _in_one_transaction(self, file: Script, direction: Direction) -> None:
        with self.connection.transaction():
            if any(map(self.guard.concerns, file.statements)):
                for statement in file.statements:
                    send = self.guard.send if self.guard.concerns(statement) else script.execute
                    send(self.connection, file, statement)
            else:
                script.execute_all(self.connection, file)
            self._enter(file, direction)
            self.guard.settle(self.connection)

    def _statement_by_statement(self, file: Script, direction: Direction) -> None:
        self._record(file, "started" if direction == "up" else "reverting", 0)
        for done, statement in enumerate(file.statements, start=1):
            if self.guard.concerns(statement) and fits_in_transaction(statement):
                with self.connection.transaction():
                    self.guard.send(self.connection, file, statement)
                    self.guard.settle(self.connection)
            else:
                script.execute(self.connection, file, statement)
            with self.connection.transaction():
                if done == len(file.statements):
                    self._enter(file, direction)
                else:
                    self.connection.execute(_OURSELVES, prepare=False)
                    ledger.count(self.connection, self.project.ledger_schema, file.migration, done)

    def _enter(self, file: Script, direction: Direction) -> None:
        """Enters in the ledger that the file has run, or removes the row of a file that was taken back."""
        if direction == "up":
            self._record(file, "applied", len(file.statements), before=_OURSELVES)
        else:
            self.connection.execute(_OURSELVES, prepare=False)
            ledger.forget(self.connection, self.project.ledger_schema, file.migration)

    def _record(self, file: Script, state: str, done: int, *, before: LiteralString = "") -> None:
        schema, count = self.project.ledger_schema, len(file.statements)
        ledger.record(self.connection, schema, file.migration, state, done, count, down=file.down, before=before)


def _as_file(row: LedgerRow, migration: Migration, down: str | None) -> LedgerRow:
    """Returns the row with number, name and content of the file."""
    return replace(
        row,
        version=migration.version,
        name=migration.name,
        hash=migration.hash,
        tokens=migration.tokens or None,
        down=down,
    )
