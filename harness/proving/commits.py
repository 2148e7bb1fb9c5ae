"""Tries scenarios whose rows and statements are committed, in clones that are dropped afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from harness.catalog.model import Catalog
from harness.probes import (
    Execute,
    FamilyReply,
    Probe,
    Reply,
    Scenario,
    ScenarioResult,
    ServerError,
    SqlStatement,
    TimedOut,
    TimeLimits,
)
from harness.probes.reply import of_diagnostic, of_root
from harness.probes.shapes import UNTRIED
from harness.probes.statement import assume
from harness.project import sql
from harness.races.database import Databases

if TYPE_CHECKING:
    import psycopg

SESSION_LOST = ("08", "57P")
"""SQLSTATEs that are no word about a statement."""


def in_a_block(statement: SqlStatement) -> bool:
    """Whether a statement stands between BEGIN and COMMIT: what is called by CALL may commit itself."""
    return not (isinstance(statement, Execute) and sql.is_call(statement.sql))


class Commits:
    """What :class:`~harness.probes.Session` does, with a COMMIT after the rows and after each statement.

    Each probe gets a clone of its own, but for those that only differ in what is asked afterwards. A statement may take
    as long as ``patience`` says.
    """

    def __init__(self, databases: Databases, catalog: Catalog, patience: TimeLimits) -> None:
        self._databases = databases
        self._catalog = catalog
        self._patience = patience
        self._connection: psycopg.Connection[Any] | None = None
        self._given_up = False

    def run(self, scenarios: Sequence[Scenario]) -> list[ScenarioResult]:
        """For each scenario what came of its probes, or the refusal that its setup met.

        Raises :class:`TimedOut` at a statement that does not end.
        """
        self._given_up = False
        return [self._answer(scenario) for scenario in scenarios]

    def replies(self, scenario: Scenario) -> list[Reply] | ServerError:
        """What came of the probes of one scenario, or the refusal that its setup met."""
        answer = self.run([scenario])[0]
        return answer if isinstance(answer, ServerError) else [each for each in answer if isinstance(each, Reply)]

    def cancel(self) -> None:
        """Has the server give up on what it tries just now, for another thread."""
        import psycopg

        self._given_up = True
        with suppress(psycopg.Error):
            if (connection := self._connection) is not None:
                connection.cancel_safe(timeout=5)

    def _answer(self, scenario: Scenario) -> ScenarioResult:
        probes = [probe for probe in scenario.probes if isinstance(probe, Probe)]
        found: list[Reply | FamilyReply] = []
        for alike in [[*group] for _, group in groupby(probes, key=_statements)] or [[]]:
            with self._clone() as connection:
                stands = self._committed(connection, scenario.setup) if scenario.setup else 0
                if isinstance(stands, ServerError):
                    return stands
                found += self._replies(connection, alike) if alike else []
        return found

    @contextmanager
    def _clone(self) -> Iterator[psycopg.Connection[Any]]:
        import psycopg

        if self._given_up:
            raise psycopg.errors.QueryCanceled
        name = self._databases.clone()
        try:
            with self._databases.connect(name) as connection:
                connection.execute(f"set statement_timeout = {self._patience.probe}".encode())
                self._connection = connection
                yield connection
        finally:
            self._connection = None
            self._databases.drop(name)

    def _replies(self, connection: psycopg.Connection[Any], alike: Sequence[Probe]) -> list[Reply]:
        """The replies to probes of the same statements."""
        first, changed = alike[0], 0
        for place, statement in enumerate((*(first.ahead or ()), first.statement)):
            before = [first.before] if first.before and not place else []
            came = self._prepared(connection, [*before, *assume(first.settings, local=False)], statement)
            if not isinstance(came, ServerError):
                came = self._committed(connection, [statement])
                connection.execute("reset role")
            if isinstance(came, ServerError):
                return [Reply(came) for _ in alike]
            changed = came
        connection.execute("select set_config('harness.changed', %s, false)", [str(changed)])
        return [Reply(None, changed, self._asked(connection, probe)) for probe in alike]

    def _prepared(
        self, connection: psycopg.Connection[Any], texts: Sequence[str], statement: SqlStatement
    ) -> int | ServerError:
        """Nothing changed, or how what goes ahead of a statement was refused: then it is untried."""
        import psycopg

        try:
            for text in texts:
                connection.execute(text.encode())
        except psycopg.Error as error:
            return replace(self._refusal(error, statement), sqlstate=UNTRIED)
        return 0

    def _committed(self, connection: psycopg.Connection[Any], statements: Sequence[SqlStatement]) -> int | ServerError:
        """How many rows the last of some statements changed, or how one of them, or the COMMIT, was refused."""
        import psycopg

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
        """What the query after a probe finds."""
        import psycopg

        if probe.then is None:
            return None
        try:
            row = connection.execute(probe.then.sql.encode()).fetchone()
        except psycopg.Error as error:
            return f"error: {self._refusal(error, Execute(probe.then.sql)).message}"
        return row[0] if row else None

    def _refusal(self, error: psycopg.Error, statement: SqlStatement) -> ServerError:
        """How a statement was refused. Raises what is no word about it."""
        import psycopg

        if error.sqlstate is None or error.sqlstate.startswith(SESSION_LOST):
            raise error
        if isinstance(error, psycopg.errors.QueryCanceled):
            if self._given_up:
                raise error
            raise TimedOut(statement, self._patience) from None
        return of_root(self._catalog, of_diagnostic(error.diag))


def _statements(probe: Probe) -> tuple[str | None, tuple[str, ...]]:
    """What is done for a probe, apart from what is asked afterwards."""
    done = (*assume(probe.settings), *(each.sql for each in (*(probe.ahead or ()), probe.statement)))
    return probe.before, done
