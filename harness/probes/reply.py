"""The server's reply to one probe."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

from psycopg.errors import Diagnostic

from harness.catalog.model import Catalog
from harness.project.model import TableName

INSUFFICIENT_PRIVILEGE = "42501"
"""The SQLSTATE with which privileges and policies refuse."""

LOST = "HX003"
"""The SQLSTATE of a setup that lacks a row which nothing refused: a trigger or a rewrite rule dropped it."""

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
