"""In which order tables are filled: parents before children, as far as their references let them."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.catalog.model import Catalog, Constraint, Table
from harness.project.model import TableName

Optional = Callable[[Table, Constraint], bool]
"""Whether a reference may be NULL when its row is inserted."""


@dataclass(frozen=True)
class Group:
    """Tables that are filled in this order; what refers to each other without a NULL is a knot, filled as one.

    ``later`` are the references that lead to a table which comes after their own: they are NULL at first.
    """

    knots: tuple[tuple[Table, ...], ...]
    later: tuple[tuple[Table, Constraint], ...]


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


def lineage(catalog: Catalog, names: Iterable[TableName]) -> dict[TableName, Table]:
    """These tables and all they refer to."""
    found: dict[TableName, Table] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = catalog.table(name)
            pending += [key.references for key in found[name].of_type("f") if key.references is not None]
    return found


def _references(table: Table) -> list[Constraint]:
    return [key for key in table.of_type("f") if key.references is not None and key.references != table.name]


def _circles(
    tables: dict[TableName, Table], counts: Callable[[Table, Constraint], bool]
) -> list[tuple[TableName, ...]]:
    """The tables in the order of the references that count; those in a circle of them stand together."""
    parents: dict[TableName, set[TableName]] = {
        name: {key.references for key in _references(table) if key.references in tables and counts(table, key)}
        for name, table in tables.items()
    }
    circles = _strongly_connected(parents)
    of = {name: circle for circle in circles for name in circle}
    graph = {circle: {of[parent] for name in circle for parent in parents[name]} - {circle} for circle in circles}
    return list(graphlib.TopologicalSorter(graph).static_order())


def _strongly_connected(parents: dict[TableName, set[TableName]]) -> list[tuple[TableName, ...]]:
    """Tables that reach each other, by walking there and back: both walks are short in any real schema."""
    children: dict[TableName, set[TableName]] = {name: set() for name in parents}
    for name, above in parents.items():
        for parent in above:
            children[parent].add(name)
    seen: set[TableName] = set()
    found = []
    for name in parents:
        if name not in seen:
            circle = _reached(name, parents) & _reached(name, children)
            seen |= circle
            found.append(tuple(other for other in parents if other in circle))
    return found


def _reached(start: TableName, edges: dict[TableName, set[TableName]]) -> set[TableName]:
    reached, pending = {start}, [start]
    while pending:
        new = edges[pending.pop()] - reached
        reached |= new
        pending += new
    return reached
