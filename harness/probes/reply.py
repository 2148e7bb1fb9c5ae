"""What the server said to one probe."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.catalog.model import Catalog
from harness.project.model import TableName


@dataclass(frozen=True)
class Refusal:
    """An error's diagnostic fields. ``message`` is for people: nothing is decided by it."""

    sqlstate: str
    schema: str = ""
    table: str = ""
    column: str = ""
    constraint: str = ""
    datatype: str = ""
    message: str = ""
    context: str = ""

    @property
    def table_name(self) -> TableName | None:
        return TableName(self.schema, self.table) if self.table else None

    def __str__(self) -> str:
        if self.constraint:
            return f"refused by {self.constraint} ({self.sqlstate})"
        if self.sqlstate == "23502" and self.column:
            return f"refused by NOT NULL of {self.column} ({self.sqlstate})"
        return f"refused with {self.sqlstate}: {self.message}"


@dataclass(frozen=True)
class Reply:
    """Refused, or accepted with ``rows`` changed; ``then`` is what the probe's follow-up query found."""

    refusal: Refusal | None
    rows: int = 0
    then: str | None = None


def of_root(catalog: Catalog, refusal: Refusal) -> Refusal:
    """A partition refuses under names of its own; rules are declared of the table that was partitioned."""
    if refusal.table_name is None:
        return refusal
    root, constraint = catalog.root(refusal.table_name, refusal.constraint)
    return replace(refusal, schema=root.schema, table=root.table, constraint=constraint)
