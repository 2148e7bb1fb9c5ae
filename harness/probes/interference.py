"""Refusals that no rule has made: a session that is not the run's had a lock, autovacuum for one.

A rule may raise the same SQLSTATEs itself, and a check may want it to. What it raises it says by RAISE, and says it
again each time; of a deadlock the server names the processes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from harness.probes.reply import ServerError

if TYPE_CHECKING:
    import psycopg

SERIALIZATION, DEADLOCK, NOT_AVAILABLE = "40001", "40P01", "55P03"
CONFLICTS = (SERIALIZATION, DEADLOCK, NOT_AVAILABLE)
"""SQLSTATEs of what comes between two sessions."""

PAUSES = (0.05, 0.2, 1.0)
"""Seconds before what met another session is tried again."""

_OTHERS = """
select coalesce(nullif(a.application_name, ''), a.backend_type, 'a session') || ' (process ' || a.pid || ')'
from pg_catalog.pg_stat_activity as a
inner join pg_catalog.pg_database as d on d.oid = a.datid and d.datname = current_database()
where a.pid <> pg_backend_pid() and a.pid <> all (%s)
and exists (select from pg_catalog.pg_locks as l where l.pid = a.pid and l.locktype <> 'virtualxid')
order by 1
"""


class Interference(Exception):
    """A session that is not the run's got in the way, however often it was tried again."""

    def __init__(self, refusal: ServerError, others: Collection[str] = ()) -> None:
        by = f"; there is {', '.join(others)}" if others else ""
        super().__init__(
            f"each time a session that is not the run's got in the way: {refusal}{by};"
            " prove it where nobody else is at work, as with --target embedded"
        )


def of_error(error: psycopg.Error) -> ServerError:
    """What a statement of ours was refused with."""
    diag = error.diag
    message, context, detail = (text or "" for text in (diag.message_primary, diag.context, diag.message_detail))
    return ServerError(error.sqlstate or "", message=message, context=context, detail=detail)


def raised(refusal: ServerError) -> bool:
    """Whether a statement RAISE said so. That word is the same in every language of messages."""
    return "RAISE" in refusal.context.strip().partition("\n")[0]


def parties(refusal: ServerError) -> set[int]:
    """The processes of a deadlock: in its detail each line begins with the one that waits, for one that ends it."""
    numbers = (re.findall(r"\d+", line) for line in refusal.detail.splitlines())
    return {int(number) for found in numbers if found for number in (found[0], found[-1])}


def conflicts(refusal: ServerError, own: int) -> bool:
    """Whether a session's process, its ``own``, met another one, and no rule has said so itself."""
    if refusal.sqlstate == DEADLOCK:
        return own in parties(refusal)
    return refusal.sqlstate in CONFLICTS and not raised(refusal)


def others(connection: psycopg.Connection[Any], ours: Collection[int]) -> list[str]:
    """The sessions in this database that have locks or wait for some, and are none of ``ours``."""
    return [name for (name,) in connection.execute(_OTHERS, [list(ours)])]
