"""Tries scenarios with a COMMIT after the rows and after each statement, in clones dropped afterwards.

Decides which probes share a clone. Not here: which checks commit (``commits`` of a kind), and probes that are undone
(``probes/session.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from itertools import groupby
from typing import Any

import psycopg

from harness.catalog.model import Catalog
from harness.probes import (
    UNTRIED,
    Execute,
    FamilyReply,
    Probe,
    Reply,
    Scenario,
    ScenarioResult,
    ScenarioRunner,
    ServerError,
    SqlStatement,
    TimedOut,
    TimeLimits,
    assume,
    of_diagnostic,
    of_root,
)
from harness.project import sql
from harness.races.database import Databases
from harness.server.connection import value

SESSION_LOST = ("08", "57P")
"""Classes of SQLSTATE of a session that was ended or cannot begin: they say nothing about a statement."""


def in_a_block(statement: SqlStatement) -> bool:
    """Whether a statement runs between BEGIN and COMMIT; a procedure that is CALLed may commit by itself."""
    return not (isinstance(statement, Execute) and sql.is_call(statement.sql))


class Commits(ScenarioRunner):
    """Tries scenarios as :class:`~harness.probes.Session` does, but commits.

    Each probe gets a clone of its own; probes that differ only in their postcondition share one.
    """

    def __init__(self, databases: Databases, catalog: Catalog, time_limits: TimeLimits) -> None:
        self._databases = databases
        self._catalog = catalog
        self._time_limits = time_limits
        self._connection: psycopg.Connection[Any] | None = None
        self._given_up = False

    def run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        """Returns for each scenario the replies to its probes, or the refusal of its setup.

        Raises :class:`TimedOut` at a statement that does not end.
        """
        self._given_up = False
        return [self._answer(scenario) for scenario in scenarios]

    def cancel(self) -> None:
        """Cancels the running statement; called from another thread."""
        self._given_up = True
        with suppress(psycopg.Error):
            if (connection := self._connection) is not None:
                connection.cancel_safe(timeout=5)

    def _answer(self, scenario: Scenario) -> ScenarioResult:
        probes = [probe for probe in scenario.probes if isinstance(probe, Probe)]
        found: list[Reply | FamilyReply] = []
        for same in [[*group] for _, group in groupby(probes, key=_statements)] or [[]]:
            with self._clone() as connection:
                setup = self._committed(connection, scenario.setup) if scenario.setup else 0
                if isinstance(setup, ServerError):
                    return setup
                found += self._replies(connection, same) if same else []
        return found

    @contextmanager
    def _clone(self) -> Iterator[psycopg.Connection[Any]]:
        if self._given_up:
            raise psycopg.errors.QueryCanceled
        name = self._databases.clone()
        try:
            with self._databases.connect(name) as connection:
                connection.execute(f"set statement_timeout = {self._time_limits.probe}".encode())
                self._connection = connection
                yield connection
        finally:
            self._connection = None
            self._databases.drop(name)

    def _replies(self, connection: psycopg.Connection[Any], probes: Sequence[Probe]) -> list[Reply]:
        """Returns the replies to probes of the same statements."""
        first, changed = probes[0], 0
        for place, statement in enumerate((*(first.ahead or ()), first.statement)):
            before = [first.before] if first.before and not place else []
            try:
                for text in (*before, *assume(first.settings, "session")):
                    connection.execute(text.encode())
            except psycopg.Error as error:  # then the statement is untried
                return [Reply(replace(self._refusal(error, statement), sqlstate=UNTRIED))] * len(probes)
            result = self._committed(connection, [statement])
            connection.execute("reset role")
            if isinstance(result, ServerError):
                return [Reply(result)] * len(probes)
            changed = result
        connection.execute("select set_config('harness.changed', %s, false)", [str(changed)])
        return [Reply(None, changed, self._asked(connection, probe)) for probe in probes]

    def _committed(self, connection: psycopg.Connection[Any], statements: Sequence[SqlStatement]) -> int | ServerError:
        """Commits statements; returns the rows that the last one changed, or the refusal of one or of the COMMIT."""
        statement, changed, at_commit = statements[0], 0, False
        try:
            with connection.transaction() if in_a_block(statements[-1]) else nullcontext():
                for statement in statements:
                    changed = connection.execute(statement.sql.encode()).rowcount
                at_commit = True
        except psycopg.Error as error:
            return replace(self._refusal(error, statement), at_commit=at_commit)
        return max(changed, 0)

    def _asked(self, connection: psycopg.Connection[Any], probe: Probe) -> str | None:
        """Returns the text of the query after a probe."""
        if probe.then is None:
            return None
        try:
            found: str | None = value(connection, probe.then.sql.encode())
        except psycopg.Error as error:
            return f"error: {self._refusal(error, Execute(probe.then.sql)).message}"
        return found

    def _refusal(self, error: psycopg.Error, statement: SqlStatement) -> ServerError:
        """Reads how a statement was refused; raises errors that say nothing about it."""
        if error.sqlstate is None or error.sqlstate.startswith(SESSION_LOST):
            raise error
        if isinstance(error, psycopg.errors.QueryCanceled):
            if self._given_up:
                raise error
            raise TimedOut(statement, self._time_limits) from None
        return of_root(self._catalog, of_diagnostic(error.diag))


def _statements(probe: Probe) -> tuple[str | None, tuple[str, ...]]:
    """The statements that are run for a probe, without its postcondition."""
    return probe.before, (*assume(probe.settings), *(each.sql for each in (*(probe.ahead or ()), probe.statement)))
