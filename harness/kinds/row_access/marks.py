"""Marks: values that occur nowhere else, for columns that hold any value of their type. They tell whose row it is.

Decides which columns are free: no key, reference, owner or rule is about them, and no trigger writes them.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection

from harness.catalog import Column
from harness.kinds.base import NewRow, Subject, Table
from harness.values.types import numeric_limits

SHORTEST = 8
"""Characters of a mark: a shorter one may occur by chance."""


def free_columns(subject: Subject, table: Table, owners: Collection[str]) -> list[Column]:
    """Returns the columns that can hold a mark; ``owners`` are those that say whose a row is."""
    rules = {name for pool in subject.pools.of(table) for name in pool.columns}
    referenced = {name for _, key in subject.catalog.referencing(table.name) for name in key.referenced_columns}
    touched = subject.touched.get(table.name, frozenset())
    taken = {*rules, *referenced, *touched, *table.foreign_columns, *table.primary_key, *owners}
    return [
        column
        for column in table.columns
        if column.name not in taken
        and column.is_supplied
        and not (column.identity or column.domain_checks)
        and _mark(column, "0" * 32) is not None
    ]


def marks(table: Table, columns: Collection[Column], number: int) -> NewRow:
    """Returns a mark for each of the columns, another one for each ``number``."""
    found: NewRow = {}
    for column in columns:
        text = f"{table.name}.{column.name} of {number}"
        found[column.name] = _mark(column, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
    return found


def _mark(column: Column, digits: str) -> str | None:
    """Returns a value that is made of hexadecimal digits; None if the type holds none."""
    # Of seven digits: a hundred times as much is an integer, too.
    number, name = str(int(digits[:12], 16) % 9_000_000 + 1_000_000), column.base_name
    if name in ("text", "varchar", "citext", "bpchar"):
        size = column.typmod - 4 if column.typmod >= 4 else 12
        return f"x{digits}"[: min(size, 12)] if size >= SHORTEST else None
    if name in ("int4", "int8", "float8"):
        return number
    if name == "numeric":
        return number if numeric_limits(column.typmod)[0] >= len(number) else None
    made = {
        "uuid": str(uuid.UUID(digits)),
        "bytea": f"\\x{digits[:16]}",
        **dict.fromkeys(("json", "jsonb"), f'"x{digits[:12]}"'),
        **dict.fromkeys(("_text", "_varchar"), f"{{x{digits[:7]}}}" if column.typmod < 12 else None),
    }
    return made.get(name)
