"""Statements besides plain INSERT, UPDATE and DELETE."""

from __future__ import annotations

from harness.catalog.model import Table
from harness.probes import Delete, Execute, Insert, Update
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project.model import Values

MERGES = 150000
"""The version of PostgreSQL from which on it has MERGE."""


def or_nothing(table: Table, row: Values) -> Execute:
    """An INSERT that does nothing where a key of the row is taken."""
    return Execute(f"{Insert(table.name, row).sql} on conflict do nothing")


def merge_update(table: Table, key: Values, changes: Values) -> Execute:
    sets = ", ".join(f"{identifier(column)} = {literal(value)}" for column, value in changes.items())
    return _merge(table, condition(key), f"when matched then update set {sets}")


def merge_delete(table: Table, key: Values) -> Execute:
    return _merge(table, condition(key), "when matched then delete")


def merge_insert(table: Table, row: Values) -> Execute:
    columns = ", ".join(map(identifier, row))
    values = ", ".join(map(literal, row.values()))
    insert = f"insert ({columns}) overriding system value values ({values})"
    return _merge(table, "false", f"when not matched then {insert}")


def _merge(table: Table, on: str, action: str) -> Execute:
    return Execute(f"merge into {qualified(table.name)} using (select 1) as harness_one (harness_n) on ({on}) {action}")


def become(statement: Insert | Update | Delete, unnoticed: bool) -> str:
    """The text of a statement; where a guard refuses it and ``unnoticed`` may be, of one that no trigger sees."""
    if not unnoticed:
        return statement.sql
    off, on = (f"set local session_replication_role = {role}" for role in ("replica", "origin"))
    return f"do $harness$ begin {statement.sql}; exception when others then {off}; {statement.sql}; {on}; end $harness$"
