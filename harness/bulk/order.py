"""In which order tables are filled: parents before children, as far as their references let them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.catalog.graph import parents_first
from harness.catalog.model import ForeignKey, Table
from harness.project.model import TableName

Optional = Callable[[Table, ForeignKey], bool]
"""Whether a reference may be NULL when its row is inserted."""


@dataclass(frozen=True)
class Group:
    """Tables that are filled in this order; what refers to each other without a NULL is a knot, filled as one.

    ``later`` are the references that lead to a table which comes after their own: they are NULL at first.
    """

    knots: tuple[tuple[Table, ...], ...]
    later: tuple[tuple[Table, ForeignKey], ...]


def groups(tables: Iterable[Table], optional: Optional) -> list[Group]:
    """The tables in groups, each only referring to those before it."""
    known = {table.name: table for table in tables}
    found = []
    for circle in _circles(known, lambda table, key: True):
        knots = _circles({name: known[name] for name in circle}, lambda table, key: not optional(table, key))
        place = {name: n for n, knot in enumerate(knots) for name in knot}
        later = [
            (known[name], key)
            for name in circle
            for key in _references(known[name])
            if key.references in place and place[key.references] > place[name]
        ]
        found.append(Group(tuple(tuple(known[name] for name in knot) for knot in knots), tuple(later)))
    return found


def _references(table: Table) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.references != table.name]


def _circles(
    tables: dict[TableName, Table], counts: Callable[[Table, ForeignKey], bool]
) -> list[tuple[TableName, ...]]:
    """The tables in the order of the references that count; those in a circle of them stand together."""
    parents = {
        name: {key.references for key in _references(table) if key.references in tables and counts(table, key)}
        for name, table in tables.items()
    }
    return parents_first(parents)
