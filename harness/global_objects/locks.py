"""Advisory locks of a server: held by runs, by users of templates, and by builds.

A run holds its lock as long as it lives: without it, its databases count as left over. A template is locked, shared, by
the runs that use it. One build at a time is allowed on the whole server.
Not here: the lock of migrations and seeds (``migrations/ledger.py``), and of a private server (``server/cluster.py``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from harness.server.connection import Connection, value

# The first halves of two-part advisory lock keys; the second is the run's or the template's number, or 0.
RUN, USE, BUILD = 0x68617201, 0x68617202, 0x68617203
POLL_SECONDS = 0.05


def number_of(pattern: re.Pattern[str], name: str) -> int:
    """Returns the lock number in a database's name, as PostgreSQL's signed integer."""
    match = pattern.fullmatch(name)
    assert match, name
    number = int(match[1], 16)
    return number - (1 << 32) if number >= 1 << 31 else number


def try_lock(connection: Connection, purpose: int, number: int = 0) -> bool:
    """Takes a session's advisory lock if it is free; returns whether it was."""
    return bool(value(connection, "select pg_try_advisory_lock(%s, %s)", [purpose, number]))


def lock(connection: Connection, purpose: int, number: int = 0) -> None:
    """Takes a session's advisory lock; polls, since a statement that waits would hold a snapshot."""
    while not try_lock(connection, purpose, number):
        time.sleep(POLL_SECONDS)


def share(connection: Connection, purpose: int, number: int) -> None:
    """Takes a session's advisory lock that others may hold, too, if they share it; polls like :func:`lock`."""
    while not value(connection, "select pg_try_advisory_lock_shared(%s, %s)", [purpose, number]):
        time.sleep(POLL_SECONDS)


def unlock(connection: Connection, purpose: int, number: int = 0) -> None:
    """Releases an exclusive lock, unless the connection was lost, and the lock with it."""
    if not connection.closed and not connection.broken:
        connection.execute("select pg_advisory_unlock(%s, %s)", [purpose, number])


@contextmanager
def building(connection: Connection) -> Iterator[None]:
    """Allows one build at a time on the whole server: builds share roles, which an ``apply`` takes over."""
    lock(connection, BUILD)
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            unlock(connection, BUILD)


def held(connection: Connection, purpose: int, number: int) -> bool:
    """Whether another session holds a lock, in any database: runs may have different maintenance databases."""
    query = """
        select exists (
            select from pg_locks
            where locktype = 'advisory' and objsubid = 2 and granted
              and classid = %s and objid = %s and pid <> pg_backend_pid())
        """
    return bool(value(connection, query, [purpose, number % (1 << 32)]))
