"""The server's reply to one probe, and errors that no rule has raised.

Decides whether an error came of a session that is not the run's (a lock, a deadlock), or of a rule that raises the same
SQLSTATE by RAISE, and whether a privilege was lacking. Replaces a partition by its partitioned table.
Not here: trying again (``batch.py``), and the verdict on a check (``proving/attribution.py``).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import psycopg
from psycopg.errors import Diagnostic

from harness.catalog.model import Catalog
from harness.project.model import TableName

INSUFFICIENT_PRIVILEGE = "42501"
"""The SQLSTATE with which privileges and policies refuse."""

LOST = "HX003"
"""The SQLSTATE of a setup that lacks a row which nothing refused: a trigger or a rewrite rule dropped it."""

CASTS_EMPTY_TEXT = "; what casts a setting that an earlier transaction left empty needs nullif(current_setting(…), '')"
"""The words on what to do about an error for which :attr:`ServerError.of_empty_text` is true."""

_NAME = r'(?:"(?:[^"]|"")+"|[^\s(."]+)'
_RUNNING = re.compile(rf"function (?:({_NAME})\.)?({_NAME})\(")
_WRITTEN = re.compile(rf"(?:({_NAME})\.)?({_NAME})")

Function = tuple[str | None, str]
"""A function's schema, if that is known, and its name."""


def function_of(written: str) -> Function:
    """Splits a function's name as PostgreSQL writes it, in quotes where it needs them."""
    found = _WRITTEN.fullmatch(written)
    return (found[1], found[2]) if found else (None, written)


@dataclass(frozen=True)
class ServerError:
    """An error's diagnostic fields. ``message`` is for people: nothing is decided by it.

    ``detail`` is only filled for conflicts between two sessions. With ``at_commit`` the statement itself was accepted.
    """

    sqlstate: str
    schema: str = ""
    table: str = ""
    column: str = ""
    constraint: str = ""
    datatype: str = ""
    message: str = ""
    context: str = ""
    detail: str = ""
    at_commit: bool = False

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """The functions that were running, the innermost first; without a schema where that is on the search path."""
        return tuple((schema or None, name) for schema, name in _RUNNING.findall(self.context))

    @property
    def denied(self) -> bool:
        """Whether a privilege was lacking; not so where a function raises 42501 itself."""
        return self.sqlstate == INSUFFICIENT_PRIVILEGE and not self.context.partition("\n")[0].endswith(" at RAISE")

    @property
    def of_empty_text(self) -> bool:
        """Whether an empty text is no value of the type that it was cast to; for json the error does not quote it."""
        return self.sqlstate in ("22P02", "22007") and self.message.endswith((': ""', " json"))

    @property
    def table_name(self) -> TableName | None:
        return TableName(self.schema, self.table) if self.table else None

    def __str__(self) -> str:
        if self.sqlstate == LOST:
            return f"taken away: {self.message}"
        refused = "refused at COMMIT" if self.at_commit else "refused"
        if self.constraint:
            return f"{refused} by {self.constraint} ({self.sqlstate})"
        if self.sqlstate == "23502" and self.column:
            return f"{refused} by NOT NULL of {self.column} ({self.sqlstate})"
        return f"{refused} with {self.sqlstate}: {self.message}"


@dataclass(frozen=True)
class Reply:
    """Refused, or accepted with ``rows`` changed; ``then`` is the text of the probe's postcondition.

    Of a refusal ``then`` is whether the condition held (:class:`~harness.probes.probe.AcceptedIf`).
    """

    refusal: ServerError | None
    rows: int = 0
    then: str | None = None


def of_diagnostic(diag: Diagnostic) -> ServerError:
    """Reads the fields of an error from libpq."""
    return ServerError(
        sqlstate=diag.sqlstate or "",
        schema=diag.schema_name or "",
        table=diag.table_name or "",
        column=diag.column_name or "",
        constraint=diag.constraint_name or "",
        datatype=diag.datatype_name or "",
        message=diag.message_primary or "",
        context=diag.context or "",
        detail=diag.message_detail or "",
    )


def of_root(catalog: Catalog, refusal: ServerError) -> ServerError:
    """Replaces a partition and its constraint by those of the partitioned table, of which rules are declared."""
    if refusal.table_name is None:
        return refusal
    root, constraint = catalog.root(refusal.table_name, refusal.constraint)
    return replace(refusal, schema=root.schema, table=root.table, constraint=constraint)


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
