"""Marks: values that occur nowhere else, for the columns that can hold them. They tell whose row it is.

Decides which columns are free: no key, reference or owner is in them, no trigger writes them, and all rules let the
marks pass. Rows differ in closed sets as well, as far as these go: in booleans, enums and columns with few values.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.catalog import Column
from harness.kinds.base import NewRow, Subject
from harness.solver.rules import about
from harness.values.types import numeric_limits

SHORTEST = 8
"""Characters of a mark: a shorter one may occur by chance."""


@dataclass(frozen=True)
class Marks:
    """The ``columns`` whose marks tell a row, and for each row the values to draw it with."""

    columns: tuple[str, ...]
    rows: tuple[NewRow, ...]

    @property
    def texts(self) -> list[str]:
        """The marks as they stand in any text: without the quotes or braces of their types."""
        return [value.strip('"{}') for row in self.rows for name in self.columns if (value := row[name]) is not None]

    @classmethod
    def of(cls, subject: Subject, owners: Collection[str], count: int) -> Marks:
        """Returns marks for ``count`` rows of a table; ``owners`` are the columns that say whose a row is."""
        table = subject.table
        referenced = {name for _, key in subject.catalog.referencing(table.name) for name in key.referenced_columns}
        taken = {*referenced, *subject.rewritten, *table.foreign_columns, *table.primary_key, *owners}
        free = [each for each in table.columns if each.name not in taken and each.is_supplied and not each.identity]
        marked = {each.name: found for each in free if (found := _allowed(subject, each, count))}
        closed = {each.name: _few(subject, each) for each in free if each.name not in marked}
        rows: list[NewRow] = []
        for number in range(count):
            row: NewRow = {name: values[number] for name, values in marked.items()}
            rows.append(row | {name: few[number % len(few)] for name, few in closed.items() if few})
        return cls(tuple(marked), tuple(rows))


def _allowed(subject: Subject, column: Column, count: int) -> list[str]:
    """Returns a mark for each row; nothing if the type holds none, or a rule refuses one."""
    table, found = subject.table, []
    for number in range(count):
        text = f"{table.name}.{column.name} of {number}"
        mark = _mark(column, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
        found += [mark] if mark is not None else []
    pools = [pool for pool in subject.pools.of(table) if column.name in pool.columns]
    if column.domain_checks or column.name in subject.pools.hints(table.name).values:
        return []
    if not pools or not found:
        return found
    rules = [rule.predicate for rule in about(table, [column.name], subject.pools.rules(table))]
    alone = all(len(pool.columns) == 1 for pool in pools)
    answers = subject.oracle.answers(table, [column.name], [(each,) for each in found], rules) if alone else []
    return found if answers and all(answer.holds for row in answers for answer in row) else []


def _few(subject: Subject, column: Column) -> Sequence[str]:
    """Returns the different values of a column that holds no marks, if its rules are about it alone."""
    pools = [pool for pool in subject.pools.of(subject.table) if column.name in pool.columns]
    if any(len(pool.columns) > 1 for pool in pools):
        return []
    if pools:
        return [value for value in pools[0].of_column(column.name) if value is not None]
    return ("false", "true") if column.base_name == "bool" else column.labels if column.base_kind == "e" else ()


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
        **dict.fromkeys(("_text", "_varchar"), f"{{x{digits[:7]}}}" if column.typmod < SHORTEST else None),
    }
    return made.get(name)
