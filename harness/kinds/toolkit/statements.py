"""Statements besides plain INSERT, UPDATE and DELETE, and ways to run one past or within a trigger."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog.model import Index, Table
from harness.probes import Delete, Execute, Insert, SqlStatement, Update, condition, identifier, literal, qualified
from harness.project.model import Values

MERGES = 150000
"""The first version of PostgreSQL that has MERGE."""


def assigned(values: Values) -> str:
    """Returns the SET list of an UPDATE."""
    return ", ".join(f"{identifier(column)} = {literal(value)}" for column, value in values.items())


def insert_or_nothing(table: Table, row: Values) -> Execute:
    """Returns an INSERT that does nothing where a key of the row is taken."""
    return Execute(f"{Insert(table.name, row).sql} on conflict do nothing")


def can_name(table: Table, key: Index, row: Values) -> bool:
    """Whether INSERT … ON CONFLICT can name a unique key, and the key has no NULL in a row."""
    deferrable = key.constraint is not None and table.constraint(key.constraint).deferrable
    filled = all(row.get(column) is not None for column in key.columns)
    return key.is_plain and not key.without_overlaps and key.valid and not deferrable and filled


def upserts(table: Table, row: Values, changes: Values) -> Iterator[Execute]:
    """Yields a change of a row as INSERT … ON CONFLICT DO UPDATE; nothing if no unique key can name the row."""
    for key in sorted(table.unique_keys, key=lambda key: not key.primary):
        if changes and not {*key.columns} & {*changes} and can_name(table, key, row):
            insert = Insert(table.name, {**row, **changes}).sql
            columns = ", ".join(map(identifier, key.columns))
            taken = ", ".join(f"{identifier(column)} = excluded.{identifier(column)}" for column in changes)
            yield Execute(f"{insert} on conflict ({columns}) do update set {taken}")
            return


def merge_update(table: Table, key: Values, changes: Values) -> Execute:
    return _merge(table, condition(key), f"when matched then update set {assigned(changes)}")


def merge_delete(table: Table, key: Values) -> Execute:
    return _merge(table, condition(key), "when matched then delete")


def merge_insert(table: Table, row: Values) -> Execute:
    columns = ", ".join(map(identifier, row))
    values = ", ".join(map(literal, row.values()))
    insert = f"insert ({columns}) overriding system value values ({values})"
    return _merge(table, "false", f"when not matched then {insert}")


def _merge(table: Table, on: str, action: str) -> Execute:
    return Execute(f"merge into {qualified(table.name)} using (select 1) as harness_one (harness_n) on ({on}) {action}")


def without_triggers(*statements: SqlStatement) -> tuple[SqlStatement, ...]:
    """Returns statements that fire no ordinary trigger and no foreign key. Takes a superuser, or SET on the setting."""
    off, on = (f"select set_config('session_replication_role', '{role}', true)" for role in ("replica", "origin"))
    return Execute(off), *statements, Execute(on)


def past_guards(statement: Insert | Update | Delete) -> str:
    """Returns SQL that runs a statement, and where a trigger refuses it runs it again with triggers switched off."""
    off, on = (f"set local session_replication_role = {role}" for role in ("replica", "origin"))
    return f"do $harness$ begin {statement.sql}; exception when others then {off}; {statement.sql}; {on}; end $harness$"


NESTING = """\
create temporary table harness_deeper (statement text);
create function pg_temp.harness_deeper() returns trigger language plpgsql
as $$ begin execute new.statement; return null; end $$;
create trigger harness_deeper after insert on harness_deeper
for each row execute function pg_temp.harness_deeper();
"""
"""The setup that :func:`within_a_trigger` needs."""


def within_a_trigger(statement: SqlStatement) -> Execute:
    """Returns a statement run by a trigger: a guard that asks pg_trigger_depth() takes it for a cascade."""
    return Execute(f"insert into pg_temp.harness_deeper values ({literal(statement.sql)})")
