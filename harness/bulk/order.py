"""The order in which tables are filled: parents before children, as far as their references allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.catalog.graph import parents_first
from harness.catalog.model import ForeignKey, Table
from harness.project.model import TableName

IsOptional = Callable[[Table, ForeignKey], bool]
"""Whether a foreign key may be NULL in a new row."""


@dataclass(frozen=True)
class Batch:
    """Tables that one transaction fills, in this order. One statement fills the tables of a cycle without NULLs.

    ``late`` are the foreign keys that refer to a table which is filled after their own: they are NULL at first.
    """

    cycles: tuple[tuple[Table, ...], ...]
    late: tuple[tuple[Table, ForeignKey], ...]


def batches(tables: Iterable[Table], is_optional: IsOptional) -> list[Batch]:
    """The tables in batches, each only referring to those before it."""
    known = {table.name: table for table in tables}
    found = []
    for members in _cycles(known, lambda table, key: True):
        cycles = _cycles({name: known[name] for name in members}, lambda table, key: not is_optional(table, key))
        place = {name: n for n, cycle in enumerate(cycles) for name in cycle}
        late = [
            (known[name], key)
            for name in members
            for key in _references(known[name])
            if key.references in place and place[key.references] > place[name]
        ]
        found.append(Batch(tuple(tuple(known[name] for name in cycle) for cycle in cycles), tuple(late)))
    return found


def _references(table: Table) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.references != table.name]


def _cycles(tables: dict[TableName, Table], counts: Callable[[Table, ForeignKey], bool]) -> list[tuple[TableName, ...]]:
    """The tables with parents first, by the references that count; tables of a cycle come together."""
    parents = {
        name: {key.references for key in _references(table) if key.references in tables and counts(table, key)}
        for name, table in tables.items()
    }
    return parents_first(parents)
