"""The server's reply to one probe, and errors that no rule has raised.

Decides whether an error came of a session that is not the run's (a lock, a deadlock), or of a rule that raises the same
SQLSTATE by RAISE, and whether a privilege was lacking. Replaces a partition by its partitioned table.
Not here: trying again (``batch.py``), and the verdict on a check (``proving/attribution.py``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import psycopg
from psycopg.errors import Diagnostic

from harness.catalog.model import Catalog
from harness.grammar import quoted, unquoted
from harness.project.model import TableName

INSUFFICIENT_PRIVILEGE = "42501"
"""The SQLSTATE with which privileges and policies refuse."""

LOST = "HX003"
"""The SQLSTATE of a setup that lacks a row which nothing refused: a trigger or a rewrite rule dropped it."""

CASTS_EMPTY_TEXT = "; what casts a setting that an earlier transaction left empty needs nullif(current_setting(…), '')"
"""The words on what to do about an error for which :attr:`ServerError.of_empty_text` is true."""

_NAME = r'(?:"(?:[^"]|"")+"|[^\s(."]+)'
_RUNNING = re.compile(rf"function (?:({_NAME})\.)?({_NAME})\(")
_FRAME = re.compile(rf'{_RUNNING.pattern}|^SQL statement "(.*?)"$', re.MULTILINE | re.DOTALL)
_WRITE = re.compile(
    rf"\b(insert\s+into|update|delete\s+from|truncate(?:\s+table)?|merge\s+into)\s+(?:only\s+)?"
    rf"(?:({_NAME})\.)?({_NAME})",
    re.IGNORECASE,
)
_FAILURES = ("0A", "22", "2F", "39", "42", "55")
"""Classes of errors in the code or the data of a function, where no RAISE made them."""
_WRITTEN = re.compile(rf"(?:({_NAME})\.)?({_NAME})")

Function = tuple[str | None, str]
"""A function's schema, if that is known, and its name."""


def function_of(written: str) -> Function:
    """Splits a function's name as PostgreSQL writes it, in quotes where it needs them."""
    found = _WRITTEN.fullmatch(written)
    return (found[1], found[2]) if found else (None, written)


def is_same(one: Function, other: Function) -> bool:
    """Whether two names are those of one function; the schema counts only where both have one."""
    return one[1] == other[1] and (None in (one[0], other[0]) or one[0] == other[0])


@dataclass(frozen=True)
class ServerError:
    """An error's diagnostic fields. ``message`` is for people: nothing is decided by it.

    ``detail`` is only filled for conflicts between two sessions. With ``at_commit`` the statement itself was accepted.
    ``partition`` are the names of the table and of the constraint in the error, where others stand for them.
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
    partition: tuple[TableName, str] | None = None

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """The functions that were running, the innermost first; without a schema where that is on the search path."""
        return tuple((schema or None, name) for schema, name in _RUNNING.findall(self.context))

    @property
    def denied(self) -> bool:
        """Whether a privilege was lacking; not so where a function raises 42501 itself."""
        return self.sqlstate == INSUFFICIENT_PRIVILEGE and not self.context.partition("\n")[0].endswith(" at RAISE")

    @property
    def failed(self) -> bool:
        """Whether a function failed, instead of refusing by RAISE: it names what is not there, or misreads a value."""
        own = any(not name.startswith("harness_") for _, name in self.functions[:1])
        return own and self.sqlstate[:2] in _FAILURES and not (self.denied or is_raised(self))

    @property
    def of_code(self) -> bool:
        """Whether a function failed for any values, by its code alone."""
        return self.failed and not self.sqlstate.startswith("22")

    def fired_by(self, function: Function) -> Iterator[tuple[str | None, str, str]]:
        """The writes of the statement that fired a trigger's function: schema, table and event.

        None where the context does not have that statement, as of a trigger that waited for COMMIT.
        """
        frames = _FRAME.finditer(self.context)
        running = any(is_same(function, (each[1], each[2])) for each in frames if each[2])
        around = next(frames, None) if running else None
        statement = (around[3] if around else None) or ""
        for command, schema, table in _WRITE.findall(statement):
            verb = command.split()[0].lower()
            also = ["update"] if verb == "insert" and "do update" in statement.lower() else []
            for event in ("insert", "update", "delete") if verb == "merge" else (verb, *also):
                yield unquoted(schema) or None, unquoted(table), event

    @property
    def of_empty_text(self) -> bool:
        """Whether an empty text is no value of the type that it was cast to; for json the error does not quote it."""
        return self.sqlstate in ("22P02", "22007") and self.message.endswith((': ""', " json"))

    @property
    def table_name(self) -> TableName | None:
        return TableName(self.schema, self.table) if self.table else None

    @cached_property
    def names(self) -> tuple[tuple[TableName | None, str], ...]:
        """The table and the constraint, and those of the partition that they stand for."""
        return ((self.table_name, self.constraint), *([self.partition] if self.partition else []))

    def __str__(self) -> str:
        return self.said()

    def said(self, table: TableName | None = None) -> str:
        """The error in words; a rule that is not of this ``table`` is named with its own."""
        of = f" of {self.table_name}" if table and self.table_name not in (None, table) else ""
        if self.sqlstate == LOST:
            return f"taken away: {self.message}"
        refused = "refused at COMMIT" if self.at_commit else "refused"
        if self.constraint:
            return f"{refused} by {quoted(self.constraint)}{of} ({self.sqlstate})"
        if self.sqlstate == "23502" and self.column:
            return f"{refused} by NOT NULL of {quoted(self.column)}{of} ({self.sqlstate})"
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
    root, constraint = catalog.root(refusal.table_name, refusal.constraint, refusal.column)
    if (root, constraint) == (refusal.table_name, refusal.constraint):
        return refusal
    partition = refusal.table_name, refusal.constraint
    return replace(refusal, schema=root.schema, table=root.table, constraint=constraint, partition=partition)


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
