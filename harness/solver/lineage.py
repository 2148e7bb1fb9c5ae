"""Which tables refer to one another in a circle: rows of theirs may have to be inserted by one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.catalog.model import Catalog, Table
from harness.probes.statement import Execute, Insert, Statement, Values, condition, qualified
from harness.project.model import TableName


def circular(catalog: Catalog) -> frozenset[TableName]:
    """The tables that refer to themselves, directly or through others."""
    found: set[TableName] = set()
    for component in _components(catalog):
        if len(component) > 1 or component[0] in _referenced(catalog, component[0]):
            found.update(component)
    return frozenset(found)


def _referenced(catalog: Catalog, name: TableName) -> list[TableName]:
    keys = catalog.tables[name].of_type("f") if name in catalog.tables else ()
    return list(dict.fromkeys(key.references for key in keys if key.references in catalog.tables and key.references))


def _components(catalog: Catalog) -> list[list[TableName]]:
    """Tarjan's strongly connected components, without recursion: chains of foreign keys can be long."""
    index: dict[TableName, int] = {}
    low: dict[TableName, int] = {}
    stack: list[TableName] = []
    on_stack: set[TableName] = set()
    found: list[list[TableName]] = []
    for start in catalog.tables:
        work = [(start, iter(_referenced(catalog, start)))] if start not in index else []
        if work:
            index[start] = low[start] = len(index)
            stack.append(start)
            on_stack.add(start)
        while work:
            name, pending = work[-1]
            for other in pending:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(_referenced(catalog, other))))
                    break
                if other in on_stack:
                    low[name] = min(low[name], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    component: list[TableName] = []
                    while not component or component[-1] != name:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    found.append(component)
    return found


def belongs(table: Table, to: TableName, values: Values) -> bool:
    """Whether rows of a table refer to the row beside which they have these values."""
    keys = (key for key in table.of_type("f") if key.references == to)
    pairs = (zip(key.columns, key.referenced_columns, strict=True) for key in keys)
    return any(all(values.get(own) == f"${other}" for own, other in each) for each in pairs)


def joined(
    setup: Sequence[Statement],
    rings: Sequence[Sequence[Insert]],
    silent: Sequence[Insert] = (),
    cleared: Mapping[int, Statement] | None = None,
) -> tuple[Statement, ...]:
    """The statements with the rows of each ring inserted by one of them, where the first of its rows stood.

    PostgreSQL checks foreign keys when a statement ends: rows may refer to one another if one statement with
    data-modifying WITH queries inserts them all. Where rows are ``silent`` no trigger fires, and neither does
    one where first the way is ``cleared`` for a row, which is found by its ``id()``.
    """
    if not rings and not silent and not cleared:
        return tuple(setup)
    cleared = cleared or {}
    first = {id(ring[0]): ring for ring in rings}
    others = {id(insert) for ring in rings for insert in ring[1:]}
    quiet = {id(insert) for insert in silent}
    found: list[Statement] = []
    for statement in setup:
        if id(statement) in others:
            continue
        ring = first.get(id(statement), ())
        ways = [cleared[id(insert)] for insert in (statement, *ring) if id(insert) in cleared]
        hushed = ways or id(statement) in quiet or any(id(insert) in quiet for insert in ring)
        found += [HUSH, *ways] if hushed else []
        found.append(together(ring) if ring else statement)
        found += [SPEAK] if hushed else []
    return tuple(found)


HUSH = Execute("select set_config('session_replication_role', 'replica', true)")
SPEAK = Execute("select set_config('session_replication_role', 'origin', true)")


def clearing(table: Table, row: Values) -> Execute:
    """Takes away the row that has a unique key of this one."""
    keys = [{name: row.get(name) for name in key.columns} for key in table.unique_keys if key.columns]
    taken = [f"({condition(key)})" for key in keys if None not in key.values()]
    return Execute(f"delete from {qualified(table.name)} where {' or '.join(taken) or 'false'}")


def together(ring: Sequence[Insert]) -> Execute:
    """One statement that inserts all these rows."""
    *inner, last = ring
    parts = ", ".join(f"harness_{n} as ({insert.sql})" for n, insert in enumerate(inner, 1))
    return Execute(f"with {parts} {last.sql}" if inner else last.sql, last, tuple(inner))
