"""Statements that insert rows which no statement inserts by itself: rows in a circle, rows that no trigger may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.catalog.model import Table
from harness.probes.statement import Execute, Insert, SqlStatement, condition, qualified
from harness.project.model import Values


def combined(
    setup: Sequence[SqlStatement],
    rings: Sequence[Sequence[Insert]],
    silent: Sequence[Insert] = (),
    cleared: Mapping[int, SqlStatement] | None = None,
) -> tuple[SqlStatement, ...]:
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
    found: list[SqlStatement] = []
    for statement in setup:
        if id(statement) in others:
            continue
        ring = first.get(id(statement), ())
        ways = [cleared[id(insert)] for insert in (statement, *ring) if id(insert) in cleared]
        hushed = ways or id(statement) in quiet or any(id(insert) in quiet for insert in ring)
        found += [DISABLE_TRIGGERS, *ways] if hushed else []
        found.append(insert_together(ring) if ring else statement)
        found += [ENABLE_TRIGGERS] if hushed else []
    return tuple(found)


DISABLE_TRIGGERS = Execute("select set_config('session_replication_role', 'replica', true)")
ENABLE_TRIGGERS = Execute("select set_config('session_replication_role', 'origin', true)")


def delete_conflicting(table: Table, row: Values) -> Execute:
    """The DELETE of rows that have a unique key of this row."""
    keys = [{name: row.get(name) for name in key.columns} for key in table.unique_keys if key.columns]
    taken = [f"({condition(key)})" for key in keys if None not in key.values()]
    return Execute(f"delete from {qualified(table.name)} where {' or '.join(taken) or 'false'}")


def insert_together(ring: Sequence[Insert]) -> Execute:
    """One statement that inserts all these rows."""
    *inner, last = ring
    parts = ", ".join(f"harness_{n} as ({insert.sql})" for n, insert in enumerate(inner, 1))
    return Execute(f"with {parts} {last.sql}" if inner else last.sql, last, tuple(inner))
