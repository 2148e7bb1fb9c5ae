"""Refuses a connection pooler that gives every transaction another session.

Behind it a session lock stays with a backend that others use, and two runs that should wait for each other do not. Two
connections ask in turn which backend answers: one that both have met, or a second one of one connection, proves a
pooler. As chance may give the same two, a connection asks several times if its cancel key names another process.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import psycopg
from psycopg import pq

from harness.errors import TargetError
from harness.server.connection import CONNECT_SECONDS, POOLER_HINT, Connection, address, value

ROUNDS = 6
"""Rounds of questions to a pooler. One that picks one of two backends at random passes a round one time in sixteen."""

POOL_SECONDS = 5
"""Time that a pooler may take to find a backend for us."""

# Process ids are reused, and hosts behind one name may share them; the start to the microsecond is unique.
_ASK = b"select pid, backend_start from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())"

Backend = tuple[bytes | None, ...]


def refuse(connection: Connection, another: Callable[[], Connection]) -> None:
    """Raises :class:`TargetError` behind a pooler in transaction or statement mode; ``another`` connects once more."""
    first = _PooledSession(connection)
    first.ask()
    with ExitStack() as stack:
        try:
            second = _PooledSession(stack.enter_context(closing(another())))
        except TargetError:
            if first.pooled:
                raise
            return  # a role may have but one connection
        second.pooled = first.pooled
        for _ in range(ROUNDS):
            second.ask(b"begin")
            _compare(first, second)
            first.ask()
            _compare(first, second)
            if not first.pooled and not second.pooled:
                return
            second.run(b"commit")
            # Two questions by the first and one by the second: backends that are given in turn change between them.
            for session in (first, first, second):
                session.ask()
                _compare(first, second)


def in_session_mode(connection: Connection) -> bool:
    """Whether a pooler that :func:`refuse` lets pass answers: the process that works is not the one named at the start.

    It keeps the sessions of clients that have left, in scratch databases as well, which can then not be copied.
    """
    return bool(value(connection, "select pg_catalog.pg_backend_pid()") != connection.info.backend_pid)


class _PooledSession:
    """A connection, and the backends that it has met; ``pooled`` if a pooler is likely."""

    def __init__(self, connection: Connection) -> None:
        self._pgconn = connection.pgconn
        self._key = str(connection.info.backend_pid).encode()
        self.where = address(connection)
        self.met: set[Backend] = set()
        self.pooled = False

    def ask(self, before: bytes = b"") -> None:
        """Asks for the backend that answers, in one message with the command ``before``."""
        backend = self.run(b"; ".join(filter(None, (before, _ASK))))
        self.met.add(backend)
        self.pooled = self.pooled or backend[0] != self._key

    def run(self, query: bytes) -> Backend:
        """Returns the last row. A server always answers in time; a pooler may have its clients wait."""
        try:
            self._pgconn.send_query(query)
            self._pgconn.flush()
            results = list(self._results(POOL_SECONDS if self.pooled else CONNECT_SECONDS))
        except psycopg.OperationalError as error:
            raise _gone(self.where, str(error)) from None
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise _gone(self.where, result.error_message.decode(errors="replace"))
        last = results[-1]
        return tuple(last.get_value(0, column) for column in range(last.nfields)) if last.ntuples else ()

    def _results(self, seconds: int) -> Iterator[pq.abc.PGresult]:
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._pgconn.socket, selectors.EVENT_READ)
            while True:
                while self._pgconn.is_busy():
                    if not selector.select(max(0.0, deadline - time.monotonic())):
                        raise TargetError(
                            f"{self.where} accepts connections and does not answer within {seconds} s, "
                            "as a connection pooler does that has no connection to its server left",
                            hint=POOLER_HINT,
                        )
                    self._pgconn.consume_input()
                result = self._pgconn.get_result()
                if result is None:
                    return
                yield result


def _compare(first: _PooledSession, second: _PooledSession) -> None:
    if first.met & second.met or len(first.met) > 1 or len(second.met) > 1:
        raise TargetError(
            f"a connection pooler in transaction mode answers at {first.where}: locks and settings of a session, "
            "which keep runs apart, do not hold there",
            hint=POOLER_HINT,
        )


def _gone(where: str, reason: str) -> TargetError:
    lines = reason.strip().splitlines() or ["no reason given"]
    if "statement pooling" in reason:
        return TargetError(
            f"a connection pooler in statement mode answers at {where}: it refuses transactions", hint=POOLER_HINT
        )
    return TargetError(
        f"{where} accepts connections and then fails: {lines[0]}", hint="is it a pooler whose server is not there?"
    )
