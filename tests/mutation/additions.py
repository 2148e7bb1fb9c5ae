"""Rules that nobody declared: each sort, on each table."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog import Catalog, Column, Table
from harness.probes.statement import identifier, qualified

from .mutant import Mutant

GROUP = "additions"
NAME = "nobody_said"

_FUNCTION = """\
create function {schema}.nobody_said() returns trigger language plpgsql as $$ begin {body} end $$; """
_TRIGGERS = {
    "that does nothing": ("before insert", "return new;"),
    "that refuses": ("before insert", "raise exception 'no';"),
    "that keeps rows from being changed": ("before update", "return null;"),
}


def mutants(catalog: Catalog, table: Table) -> Iterator[Mutant]:
    """A key, a CHECK, a foreign key, a trigger, a policy or a rule more."""
    name = qualified(table.name)
    for what, constraint in _constraints(table):
        yield _more(table, what, f"alter table {name} add constraint {NAME} {constraint}")
    schema = identifier(table.name.schema)
    for what, (event, body) in _TRIGGERS.items():
        made = f"create trigger {NAME} {event} on {name} for each row execute function {schema}.{NAME}()"
        yield _more(table, f"a trigger {what}", _FUNCTION.format(schema=schema, body=body) + made)
    yield _more(table, "a policy", f"create policy {NAME} on {name} for update using (false)")
    yield _more(table, "a rule", f"create rule {NAME} as on update to {name} do also nothing")


def _constraints(table: Table) -> Iterator[tuple[str, str]]:
    keyed = {key.columns for key in table.unique_keys}
    for column in filter(_can_be_key, table.columns):
        if (column.name,) not in keyed:
            yield f"a key of {column.name}", f"unique ({identifier(column.name)})"
    for column in table.columns:
        if not column.not_null:
            yield f"a CHECK of {column.name}", f"check ({identifier(column.name)} is not null)"
    key = ", ".join(map(identifier, table.primary_key))
    yield "a CHECK that lets all pass", "check (true)"
    yield "a foreign key", f"foreign key ({key}) references {qualified(table.name)} ({key})"


def _can_be_key(column: Column) -> bool:
    return column.is_comparable and column.base_name not in ("json", "xml")


def _more(table: Table, what: str, sql: str) -> Mutant:
    return Mutant(GROUP, f"{what} more", sql, (NAME,), (table.name,))
