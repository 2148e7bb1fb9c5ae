"""The graph of foreign keys: the ancestors of a table, parents before children, and circles of tables."""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from harness.catalog.grouping import grouped
from harness.catalog.model import Catalog, Table
from harness.project.model import TableName

N = TypeVar("N")


def ancestors(catalog: Catalog, *names: TableName) -> dict[TableName, Table]:
    """The tables of these names and all that they refer to, by name."""
    found = {name: catalog.table(name) for name in names}
    pending = list(found.values())
    while pending:
        for key in pending.pop().foreign_keys:
            if key.references not in found:
                found[key.references] = catalog.table(key.references)
                pending.append(found[key.references])
    return found


def circular(catalog: Catalog) -> frozenset[TableName]:
    """The tables that refer to themselves, directly or through others."""
    parents = {name: {key.references for key in table.foreign_keys} for name, table in catalog.tables.items()}
    return frozenset(name for circle in circles(parents) for name in circle if len(circle) > 1 or name in parents[name])


def parents_first(parents: Mapping[N, Collection[N]]) -> list[tuple[N, ...]]:
    """The nodes with each after its parents; those of a circle stand together."""
    found = circles(parents)
    of = {node: circle for circle in found for node in circle}
    graph = {circle: {of[above] for node in circle for above in parents[node] if above in of} for circle in found}
    return list(graphlib.TopologicalSorter({circle: graph[circle] - {circle} for circle in found}).static_order())


def circles(parents: Mapping[N, Collection[N]]) -> list[tuple[N, ...]]:
    """The strongly connected components: for each node those reached both along the edges and against them.

    Parents that are no node themselves do not count.
    """
    children = grouped((parent, node) for node, above in parents.items() for parent in above)
    seen: set[N] = set()
    found = []
    for node in parents:
        if node not in seen:
            above, below = _reached(node, parents), _reached(node, children)
            circle = above & below
            seen |= circle
            found.append(tuple(other for other in parents if other in circle))
    return found


def _reached(start: N, edges: Mapping[N, Iterable[N]]) -> set[N]:
    reached, pending = {start}, [start]
    while pending:
        new = {*edges.get(pending.pop(), ())} - reached
        reached |= new
        pending += new
    return reached
