"""Statements that insert rows in other ways than one by one: in cycles, and without firing triggers.

Deletes existing rows first that have a unique key of the new one, where a trigger inserts such a row.
Not here: which rows form a cycle (``row_graph.py``), and for which triggers are bypassed (``draft.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.catalog.model import Table
from harness.probes.statement import Execute, Insert, SqlStatement, condition, qualified
from harness.project.model import Values

DISABLE_TRIGGERS = Execute("select set_config('session_replication_role', 'replica', true)")
ENABLE_TRIGGERS = Execute("select set_config('session_replication_role', 'origin', true)")


def merge_cycles(
    setup: Sequence[SqlStatement],
    cycles: Sequence[Sequence[Insert]],
    bypassing_triggers: Sequence[Insert] = (),
    deleted_first: Mapping[int, SqlStatement] | None = None,
) -> tuple[SqlStatement, ...]:
    """The statements with the inserts of each cycle merged into one, in place of the first of them.

    PostgreSQL checks foreign keys when a statement ends: rows may refer to one another if one statement with
    data-modifying WITH queries inserts them all. No trigger fires for inserts that are ``bypassing_triggers``, nor for
    those with a DELETE in ``deleted_first``, by their ``id()``.
    """
    if not cycles and not bypassing_triggers and not deleted_first:
        return tuple(setup)
    deleted_first = deleted_first or {}
    first = {id(cycle[0]): cycle for cycle in cycles}
    others = {id(insert) for cycle in cycles for insert in cycle[1:]}
    bypassing = {id(insert) for insert in bypassing_triggers}
    found: list[SqlStatement] = []
    for statement in setup:
        if id(statement) in others:
            continue
        cycle = first.get(id(statement), ())
        merged: SqlStatement = insert_together(cycle) if cycle else statement
        deletes = [deleted_first[id(insert)] for insert in (statement, *cycle) if id(insert) in deleted_first]
        if deletes or any(id(insert) in bypassing for insert in (statement, *cycle)):
            found += [DISABLE_TRIGGERS, *deletes, merged, ENABLE_TRIGGERS]
        else:
            found.append(merged)
    return tuple(found)


def delete_conflicting(table: Table, row: Values) -> Execute:
    """The DELETE of existing rows that have a unique key of this row."""
    keys = [{name: row.get(name) for name in key.columns} for key in table.unique_keys if key.columns]
    taken = [f"({condition(key)})" for key in keys if None not in key.values()]
    return Execute(f"delete from {qualified(table.name)} where {' or '.join(taken) or 'false'}")


def insert_together(cycle: Sequence[Insert]) -> Execute:
    """One statement that inserts all rows of a cycle."""
    *inner, last = cycle
    parts = ", ".join(f"harness_{n} as ({insert.sql})" for n, insert in enumerate(inner, 1))
    return Execute(f"with {parts} {last.sql}" if inner else last.sql, last, tuple(inner))
