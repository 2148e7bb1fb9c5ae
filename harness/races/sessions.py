"""Sessions whose statements are sent without waiting; a third one asks which waits for a lock.

Decides whether a session waits for the other one, and gives up on one that never answers (:class:`Stuck`).
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from harness.catalog.model import Catalog
from harness.probes import ServerError, of_diagnostic, of_root, shorten

FIRST_PAUSE, LONGEST_PAUSE = 0.0002, 0.01
"""Seconds between two looks at a session that has not answered."""

LOCK_TIMEOUT, STATEMENT_TIMEOUT = 20, 60
"""Seconds after which the server ends a statement that hangs. Nothing else depends on a clock."""

HOPELESS = 2 * STATEMENT_TIMEOUT
"""Seconds after which the server is not expected to end it any more."""

SHOWN = 3
"""Returned rows that a report shows."""

BLOCKED = "select %s = any (pg_blocking_pids(%s))"


class Stuck(Exception):
    """A session gives no answer."""


class CommandResult:
    """The outcome of a command: refused, or accepted with a ``tag`` (``UPDATE 1``) and the number of ``rows`` in it.

    ``returned`` are the rows that it returned, as texts in the order of ``columns``.
    """

    def __init__(
        self,
        refusal: ServerError | None,
        tag: str,
        columns: Sequence[str] = (),
        returned: Sequence[Sequence[str | None]] = (),
    ) -> None:
        self.refusal = refusal
        self.tag = tag
        self.columns = columns
        self.returned = returned
        last = tag.rpartition(" ")[2]
        self.rows = int(last) if last.isdigit() else None

    def __str__(self) -> str:
        return str(self.refusal) if self.refusal is not None else self.tag

    @property
    def words(self) -> str:
        """The tag, with the first rows that it returned."""
        named = (zip(self.columns, row, strict=True) for row in self.returned[:SHOWN])
        rows = [", ".join(f"{column} = {shorten(value)}" for column, value in row) for row in named]
        more = ", …" if len(self.returned) > SHOWN else ""
        return f"{self}: {', '.join(f'({row})' for row in rows)}{more}" if rows else str(self)


class RaceSession:
    """One of the two sessions. The connection is its own, and is closed with it."""

    def __init__(self, name: str, connection: psycopg.Connection[Any], catalog: Catalog) -> None:
        self.name = name
        self._connection = connection
        self._pgconn = connection.pgconn
        self._catalog = catalog
        self._results: list[PGresult] = []
        self.pid = connection.info.backend_pid
        connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT}s'; set statement_timeout = '{STATEMENT_TIMEOUT}s'")
        with suppress(psycopg.errors.InsufficientPrivilege):
            # A deadlock is found at once then.
            connection.execute("set deadlock_timeout = '1ms'")

    def send(self, command: str) -> None:
        """Sends a command, and does not wait for its result."""
        self._results = []
        self._pgconn.send_query(command.encode())
        while self._pgconn.flush():
            select.select([], [self._pgconn.socket], [], LONGEST_PAUSE)

    def answer(self, timeout: float) -> CommandResult | None:
        """The result of the command sent; None if there is none after ``timeout`` seconds."""
        readable, _, _ = select.select([self._pgconn.socket], [], [], timeout)
        if readable:
            self._pgconn.consume_input()
        while not self._pgconn.is_busy():
            result = self._pgconn.get_result()
            if result is None:
                return self._read()
            self._results.append(result)
        return None

    def close(self) -> None:
        """Cancels the running command, and ends the session."""
        with suppress(psycopg.Error):
            if not self._connection.closed:
                self._pgconn.get_cancel().cancel()
        self._connection.close()

    def _read(self) -> CommandResult:
        result = self._results[-1]
        if result.status != ExecStatus.FATAL_ERROR:
            columns = [(result.fname(n) or b"").decode() for n in range(result.nfields)]
            cells = [[result.get_value(row, n) for n in range(result.nfields)] for row in range(result.ntuples)]
            returned = [[cell.decode() if cell is not None else None for cell in row] for row in cells]
            return CommandResult(None, (result.command_status or b"").decode(), columns, returned)
        diag = psycopg.errors.Diagnostic(result)
        if diag.sqlstate is None:
            raise psycopg.OperationalError(f"session {self.name} is gone")
        return CommandResult(of_root(self._catalog, of_diagnostic(diag)), "")


class LockMonitor:
    """The third session, which asks the server whether one of the two waits for the other."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def wait(self, session: RaceSession, other: RaceSession) -> CommandResult | None:
        """The result of a session's command; None as soon as it waits for the ``other`` session."""
        pause, ends = FIRST_PAUSE, time.monotonic() + HOPELESS
        while time.monotonic() < ends:
            answer = session.answer(pause)
            if answer is not None:
                return answer
            if self._waits(session, other):
                return None
            pause = min(2 * pause, LONGEST_PAUSE)
        raise Stuck(f"session {session.name} gave no answer in {HOPELESS} seconds")

    def wait_for_deadlock(self, sessions: tuple[RaceSession, RaceSession]) -> None:
        """Returns when the server has ended one of two sessions that wait for each other."""
        ends = time.monotonic() + HOPELESS
        one, other = sessions
        while time.monotonic() < ends:
            if not (self._waits(one, other) and self._waits(other, one)):
                return
            time.sleep(FIRST_PAUSE)
        raise Stuck("the two sessions wait for each other")

    def _waits(self, session: RaceSession, other: RaceSession) -> bool:
        row = self.connection.execute(BLOCKED, [other.pid, session.pid]).fetchone()
        return bool(row and row[0])
