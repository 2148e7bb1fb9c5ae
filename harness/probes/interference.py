"""Errors that no rule has raised: a session that is not the run's had a lock, autovacuum for one.

A rule may raise the same SQLSTATEs itself, and a check may expect it to. It does so by RAISE, and does it again each
time; in a deadlock the server names the processes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import psycopg

from harness.probes.reply import ServerError

SERIALIZATION, DEADLOCK, NOT_AVAILABLE = "40001", "40P01", "55P03"
CONFLICTS = (SERIALIZATION, DEADLOCK, NOT_AVAILABLE)
"""SQLSTATEs of conflicts between two sessions."""

PAUSES = (0.05, 0.2, 1.0)
"""Seconds before a statement that met another session is tried again."""

_OTHERS = """
select coalesce(nullif(a.application_name, ''), a.backend_type, 'a session') || ' (process ' || a.pid || ')'
from pg_catalog.pg_stat_activity as a
inner join pg_catalog.pg_database as d on d.oid = a.datid and d.datname = current_database()
where a.pid <> pg_backend_pid() and a.pid <> all (%s)
and exists (select from pg_catalog.pg_locks as l where l.pid = a.pid and l.locktype <> 'virtualxid')
order by 1
"""


class Interference(Exception):
    """A session that is not the run's got in the way, however often the statement was tried again."""

    def __init__(self, refusal: ServerError, others: Collection[str] = ()) -> None:
        by = f"; there is {', '.join(others)}" if others else ""
        super().__init__(
            f"each time a session that is not the run's got in the way: {refusal}{by};"
            " prove it where nobody else is at work, as with --target embedded"
        )


def interference_of(error: Exception) -> Interference | None:
    """The interference that a failed statement of ours met; None if something else is wrong with it."""
    if not isinstance(error, psycopg.Error) or error.sqlstate not in CONFLICTS:
        return None
    return Interference(of_error(error))


def of_error(error: psycopg.Error) -> ServerError:
    """The parts of an error by which conflicts are told from rules."""
    diag = error.diag
    message, context, detail = (text or "" for text in (diag.message_primary, diag.context, diag.message_detail))
    return ServerError(error.sqlstate or "", message=message, context=context, detail=detail)


def is_raised(refusal: ServerError) -> bool:
    """Whether a RAISE statement said so. That word is the same in every language of messages."""
    return "RAISE" in refusal.context.strip().partition("\n")[0]


def deadlocked(refusal: ServerError) -> set[int]:
    """The processes of a deadlock, the first and last numbers in each line of its detail."""
    numbers = (re.findall(r"\d+", line) for line in refusal.detail.splitlines())
    return {int(number) for found in numbers if found for number in (found[0], found[-1])}


def conflicts(refusal: ServerError, own: int) -> bool:
    """Whether the session of the process ``own`` met another one, and no rule raised the error itself."""
    if refusal.sqlstate == DEADLOCK:
        return own in deadlocked(refusal)
    return refusal.sqlstate in CONFLICTS and not is_raised(refusal)


def others(connection: psycopg.Connection[Any], ours: Collection[int]) -> list[str]:
    """The sessions in this database that have locks or wait for some, and are none of ``ours``."""
    return [name for (name,) in connection.execute(_OTHERS, [list(ours)])]
