"""A catalog without one of its rules, or with one that is weaker or stricter than it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog import Catalog, Constraint, Index, Table
from harness.probes.statement import identifier, literal, qualified


@dataclass(frozen=True)
class Mutant:
    """``sql`` makes it; a red check that notices must name ``rule``."""

    group: str
    what: str
    sql: str
    rule: str


def mutants(catalog: Catalog, table: Table) -> Iterator[Mutant]:
    """All of a table, by rules of its own and those that let others reach it."""
    yield from _checks(table)
    yield from _keys(catalog, table)
    yield from _columns(table)
    yield from _indexes(table)
    yield from _triggers(table)
    yield from _policies(table)
    yield from _grants(table)
    yield from _comments(table)


def _checks(table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    for check in table.of_type("c"):
        drop = f"alter table {name} drop constraint {identifier(check.name)}"
        yield Mutant("checks", f"without {check.name}", drop, check.name)
        for definition in _other_definitions(check.definition):
            what = f"{check.name} as {definition}"
            yield Mutant("checks", what, f"{drop}, add constraint {identifier(check.name)} {definition}", check.name)
        unvalidated = f"{drop}, add constraint {identifier(check.name)} {check.definition} not valid"
        yield Mutant("checks", f"{check.name} not valid", unvalidated, check.name)


def _other_definitions(definition: str) -> Iterator[str]:
    """Bounds moved by one, comparisons turned, sets with a value less and with one more."""
    for number in re.finditer(r"(?<=[<>=] )\d+", definition):
        for step in (-1, 1):
            yield f"{definition[: number.start()]}({int(number[0]) + step}){definition[number.end() :]}"
    for sign, other in ((" >= ", " > "), (" <= ", " < "), (" > ", " >= "), (" < ", " <= ")):
        if sign in definition:
            yield definition.replace(sign, other, 1)
    values = re.findall(r"'[^']*'::text", definition)
    for value in values:
        yield (
            definition.replace(f"{value}, ", "", 1)
            if f"{value}, " in definition
            else definition.replace(f", {value}", "", 1)
        )
    if values:
        yield definition.replace(values[0], f"'never'::text, {values[0]}", 1)


def _keys(catalog: Catalog, table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    for key in (*table.of_type("p"), *table.of_type("u")):
        drop = f"alter table {name} drop constraint {identifier(key.name)} cascade"
        yield Mutant("keys", f"without {key.name}", drop, key.name)
        kind = "primary key" if key.type == "p" else "unique"
        for columns in _other_columns(table, key):
            listed = ", ".join(map(identifier, columns))
            sql = f"{drop}; alter table {name} add constraint {identifier(key.name)} {kind} ({listed})"
            yield Mutant("keys", f"{key.name} on ({listed})", sql, key.name)
    for key in table.of_type("f"):
        yield from _foreign(name, key)
    for child, key in catalog.referencing(table.name):
        yield from _foreign(qualified(child.name), key)


def _other_columns(table: Table, key: Constraint) -> Iterator[tuple[str, ...]]:
    """A column less, a column more."""
    if len(key.columns) > 1:
        for column in key.columns:
            yield tuple(other for other in key.columns if other != column)
    extra = next(column.name for column in table.columns if column.name not in key.columns and column.not_null)
    yield (*key.columns, extra)


def _foreign(name: str, key: Constraint) -> Iterator[Mutant]:
    drop = f"alter table {name} drop constraint {identifier(key.name)}"
    yield Mutant("keys", f"without {key.name}", drop, key.name)
    for action in ("no action", "restrict", "set null", "set default"):
        if action != key.on_delete:
            definition = re.sub(r" ON DELETE [A-Z ]+", "", key.definition) + f" on delete {action}"
            sql = f"{drop}, add constraint {identifier(key.name)} {definition}"
            yield Mutant("keys", f"{key.name} on delete {action}", sql, key.name)
    sql = f"{drop}, add constraint {identifier(key.name)} {key.definition} on update cascade"
    yield Mutant("keys", f"{key.name} on update cascade", sql, key.name)
    sql = f"{drop}, add constraint {identifier(key.name)} {key.definition} not valid"
    yield Mutant("keys", f"{key.name} not valid", sql, key.name)
    if len(key.columns) > 1:
        pair = zip(key.columns, key.referenced_columns, strict=True)
        column, referenced = next((column, referenced) for column, referenced in pair if referenced == "id")
        target = f"{qualified(key.references)} ({identifier(referenced)})" if key.references else ""
        narrow = f"foreign key ({identifier(column)}) references {target} on delete {key.on_delete}"
        yield Mutant(
            "keys", f"{key.name} on ({column})", f"{drop}, add constraint {identifier(key.name)} {narrow}", key.name
        )


def _columns(table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    for column in table.columns:
        alter = f"alter table {name} alter column {identifier(column.name)}"
        if column.not_null and column.name not in table.primary_key:
            yield Mutant("not null", f"{column.name} nullable", f"{alter} drop not null", column.name)
        elif not column.not_null:
            fill = f"delete from {name} where {identifier(column.name)} is null"
            yield Mutant("not null", f"{column.name} not null", f"{fill}; {alter} set not null", column.name)
        if column.default is not None:
            yield Mutant("defaults", f"{column.name} without default", f"{alter} drop default", column.name)
            other = {"now()": "clock_timestamp()", "true": "false", "0": "1"}.get(column.default)
            if other:
                yield Mutant("defaults", f"{column.name} default {other}", f"{alter} set default {other}", column.name)
        elif not column.not_null and column.base_name == "text":
            yield Mutant("defaults", f"{column.name} with a default", f"{alter} set default 'x'", column.name)
    yield Mutant("columns", "another column", f"alter table {name} add column another text", "another")
    last = table.columns[-1].name
    yield Mutant("columns", f"without {last}", f"alter table {name} drop column {identifier(last)}", last)
    wide = next((column.name for column in table.columns if column.base_name == "int4"), None)
    if wide:
        sql = f"alter table {name} alter column {identifier(wide)} type bigint"
        yield Mutant("columns", f"{wide} bigint", sql, wide)


def _indexes(table: Table) -> Iterator[Mutant]:
    for index in table.indexes:
        if index.constraint is not None:
            continue
        drop = f"drop index {identifier(table.name.schema)}.{identifier(index.name)}"
        yield Mutant("indexes", f"without {index.name}", drop, index.name)
        for definition in _other_indexes(index):
            yield Mutant("indexes", f"{index.name} as {definition}", f"{drop}; {definition}", index.name)


def _other_indexes(index: Index) -> Iterator[str]:
    if " WHERE " in index.definition:
        yield index.definition.split(" WHERE ")[0]
    if " DESC" in index.definition:
        yield index.definition.replace(" DESC", "")
    if len(index.keys) > 1:
        yield re.sub(r"\(([^,()]+), ([^,()]+)\)", r"(\1)", index.definition)
        yield re.sub(r"\(([^,()]+), ([^,()]+)\)", r"(\2, \1)", index.definition)
    yield re.sub("^CREATE INDEX", "CREATE UNIQUE INDEX", index.definition)


def _triggers(table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    for trigger in table.triggers:
        quoted = identifier(trigger.name)
        yield Mutant("triggers", f"without {trigger.name}", f"drop trigger {quoted} on {name}", trigger.name)
        yield Mutant(
            "triggers", f"{trigger.name} disabled", f"alter table {name} disable trigger {quoted}", trigger.name
        )
        for events, other in (
            ("BEFORE INSERT OR UPDATE", "BEFORE UPDATE"),
            ("BEFORE INSERT OR UPDATE", "BEFORE INSERT"),
        ):
            sql = f"drop trigger {quoted} on {name}; {trigger.definition.replace(events, other)}"
            yield Mutant("triggers", f"{trigger.name} {other}", sql, trigger.name)
        body = "begin new.updated_at := coalesce(new.updated_at, clock_timestamp()); return new; end"
        sql = f"create or replace function {trigger.function}() returns trigger language plpgsql as $${body}$$"
        yield Mutant("triggers", f"{trigger.name} lets the client win", sql, trigger.name)


def _policies(table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    yield Mutant("policies", "row security disabled", f"alter table {name} disable row level security", "row security")
    yield Mutant("policies", "not forced", f"alter table {name} no force row level security", "row security")
    for policy in table.policies:
        drop = f"drop policy {identifier(policy.name)} on {name}"
        yield Mutant("policies", f"without {policy.name}", drop, policy.name)
        for using in ("true", "false"):
            if using != policy.using:
                sql = f"alter policy {identifier(policy.name)} on {name} using ({using})"
                yield Mutant("policies", f"{policy.name} using {using}", sql, policy.name)
        if policy.check is not None:
            sql = f"alter policy {identifier(policy.name)} on {name} with check (false)"
            yield Mutant("policies", f"{policy.name} with check (false)", sql, policy.name)
        if policy.roles != ("public",):
            sql = f"alter policy {identifier(policy.name)} on {name} to anon"
            yield Mutant("policies", f"{policy.name} to anon", sql, policy.name)


def _grants(table: Table) -> Iterator[Mutant]:
    name, schema = qualified(table.name), table.name.schema
    for grant in table.grants:
        if grant.privilege == "maintain":
            continue
        sql = f"revoke {grant.privilege} on {name} from {identifier(grant.role)}"
        yield Mutant("grants", f"{grant.role} may not {grant.privilege}", sql, grant.role)
    for role in sorted({grant.role for grant in table.grants}):
        sql = f"revoke usage on schema {identifier(schema)} from {identifier(role)}"
        yield Mutant("grants", f"{role} may not use {schema}", sql, f"usage of schema {schema}")
    for role, privilege in (
        ("anon", "select"),
        ("authenticated", "insert"),
        ("authenticated", "update"),
        ("public", "select"),
    ):
        sql = f"grant {privilege} on {name} to {role}"
        yield Mutant("grants", f"{role} may {privilege}", sql, role)


def _comments(table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    yield Mutant("comments", "table without comment", f"comment on table {name} is null", str(table.name))
    for column in table.columns:
        target = f"comment on column {name}.{identifier(column.name)}"
        yield Mutant("comments", f"{column.name} without comment", f"{target} is null", column.name)
        secret = literal(re.sub(r"\[\w+\]$", "[PHI]", column.comment or ""))
        yield Mutant("comments", f"{column.name} of class PHI", f"{target} is {secret}", column.name)
