"""The entries of a check file: a column, a constraint, an index, a trigger or a policy as people would declare it."""

from __future__ import annotations

import re
from typing import TypeAlias

from harness.catalog.model import Catalog, Column, Constraint, Exclusion, ForeignKey, Index, Policy, Table, Trigger
from harness.describe.predicates import readable
from harness.describe.yaml import YamlValue
from harness.kinds.base import default_name
from harness.kinds.index import with_kind
from harness.kinds.toolkit.constraints import timing
from harness.kinds.toolkit.key_expressions import default_names, expressions
from harness.probes.statement import identifier
from harness.project import sql
from harness.project.model import TableName

CheckEntry: TypeAlias = dict[str, YamlValue]
TRUE = "true"

_ALIASES = (
    (re.compile(r"^character varying"), "varchar"),
    (re.compile(r"^character(?=\()"), "char"),
    (re.compile(r"^bit varying"), "varbit"),
    (re.compile(r"^timestamp(\(\d\))? with time zone"), r"timestamptz\1"),
    (re.compile(r"^timestamp(\(\d\))? without time zone"), r"timestamp\1"),
    (re.compile(r"^time(\(\d\))? with time zone"), r"timetz\1"),
    (re.compile(r"^time(\(\d\))? without time zone"), r"time\1"),
)


def column_entry(table: Table, column: Column) -> CheckEntry:
    entry: CheckEntry = {"type": short_type(column.type)}
    if column.not_null and column.name not in table.primary_key:
        entry["not_null"] = TRUE
    if column.identity:
        entry["identity"] = {"a": "always", "d": "by default"}[column.identity]
    if column.default is not None:
        entry["generated" if column.generated else "default"] = _expression(column, column.default)
    if column.base_kind == "e" and column.labels:
        entry["accepted_values"] = list(column.labels)
    if column.comment:
        entry["comment"] = column.comment
    return entry


def short_type(name: str) -> str:
    """A type as people write it: ``varchar(20)``, ``timestamptz``."""
    for long, short in _ALIASES:
        name = long.sub(short, name)
    return name


def _expression(column: Column, text: str) -> str:
    """A default or a generation expression; a literal of the column's type needs no cast."""
    bare = re.sub(r"\(.*?\)", "", column.type)
    if not column.generated and re.fullmatch(r"'(?:[^']|'')*'", text.removesuffix(f"::{bare}")):
        return text.removesuffix(f"::{bare}")
    text = readable(text)
    return re.sub(r"^nextval\(('(?:[^']|'')*')::regclass\)$", r"nextval(\1)", text)


def unique_entry(table: Table, index: Index) -> CheckEntry:
    elements = _elements(index)
    entry: CheckEntry = {"unique": elements}
    if index.predicate:
        entry["where"] = readable(index.predicate)
    if index.nulls_not_distinct:
        entry["nulls"] = "not distinct"
    if index.name != default_name(table.name, default_names(elements), "idx" if expressions(elements) else "key"):
        entry["constraint"] = index.name
    earlier = implying_key(table, index)
    if earlier:
        entry["implied_by"] = earlier
    constraint = next((each for each in table.constraints if each.name == index.constraint), None)
    return with_state(constraint, entry) if constraint else entry


def _elements(index: Index) -> list[str]:
    """The columns and expressions of a key, as people write them."""
    written = {column: column if sql.is_name(column) else identifier(column) for column in index.columns}
    names = written | {identifier(column): name for column, name in written.items()}
    return [names[each] if each in names else readable(each) for each in index.expressions]


def implying_key(table: Table, index: Index) -> str | None:
    """An older key on some of the index' columns: it refuses every two rows that the index would refuse."""
    deferrable = {each.name for each in table.constraints if each.deferrable}
    for key in sorted((each for each in table.unique_keys if each.is_plain), key=lambda each: each.check_order):
        narrower = {*key.columns} <= {*index.columns} and all(table.column(name).not_null for name in key.columns)
        if key.check_order < index.check_order and narrower and key.constraint not in deferrable:
            return key.constraint or key.name
    return None


def foreign_key_entry(catalog: Catalog, table: Table, constraint: ForeignKey) -> CheckEntry:
    parent = catalog.tables.get(constraint.references)
    references = table_name(constraint.references)
    if parent is None or constraint.referenced_columns != parent.primary_key:
        references += f" ({', '.join(map(_part, constraint.referenced_columns))})"
    entry: CheckEntry = {"foreign_key": list(constraint.columns), "references": references}
    if constraint.on_delete != "no action":
        limited = f" ({', '.join(constraint.on_delete_columns)})" if constraint.on_delete_columns else ""
        entry["on_delete"] = f"{constraint.on_delete}{limited}"
    if constraint.on_update != "no action":
        entry["on_update"] = constraint.on_update
    if constraint.name != default_name(table.name, constraint.columns, "fkey"):
        entry["constraint"] = constraint.name
    return with_state(constraint, entry)


def exclusion_entry(table: Table, constraint: Exclusion) -> CheckEntry:
    index = table.index(constraint.name)
    operators = [re.sub(r"^operator\((?:pg_catalog\.)?([^()a-z]+)\)$", r"\1", each) for each in constraint.operators]
    entry: CheckEntry = {"exclude": dict(zip(index.keys, operators, strict=True)), "constraint": constraint.name}
    entry = {**entry, "where": readable(index.predicate)} if index.predicate else entry
    return with_state(constraint, entry)


def with_state(constraint: Constraint, entry: CheckEntry) -> CheckEntry:
    """Adds to the entry of a constraint that it is deferrable, or not validated."""
    if constraint.deferrable:
        entry = {**entry, "deferrable": timing(constraint)}
    return entry if constraint.validated else {**entry, "validated": "false"}


def index_entry(index: Index) -> CheckEntry:
    keys = [with_kind(key, kind) for key, kind in zip(index.keys, index.kinds or ("",) * len(index.keys), strict=True)]
    entry: CheckEntry = {"index": index.name, "on": keys}
    if index.include:
        entry["include"] = list(index.include)
    if index.predicate:
        entry["where"] = readable(index.predicate)
    if index.unique:
        entry["unique"] = TRUE
    return entry if index.method == "btree" else {**entry, "method": index.method}


def trigger_entry(trigger: Trigger) -> CheckEntry:
    entry: CheckEntry = {"trigger": trigger.name, "on": list(trigger.events), "timing": trigger.timing}
    if trigger.level != "row":
        entry["level"] = trigger.level
    if trigger.columns:
        entry["of"] = list(trigger.columns)
    if trigger.when:
        entry["when"] = readable(trigger.when)
    entry["function"] = trigger.function
    if trigger.arguments:
        entry["arguments"] = trigger.arguments
    if trigger.deferrable:
        entry["constraint"] = trigger.deferrable
    return entry


def policy_entry(policy: Policy) -> CheckEntry:
    entry: CheckEntry = {"policy": policy.name}
    if policy.command != "all":
        entry["for"] = policy.command
    if policy.roles != ("public",):
        entry["to"] = policy.roles[0] if len(policy.roles) == 1 else list(policy.roles)
    if not policy.permissive:
        entry["permissive"] = "false"
    for key, text in (("using", policy.using), ("check", policy.check)):
        if text is not None:
            entry[key] = readable(text)
    return entry


def table_name(name: TableName) -> str:
    """``schema.table`` as check files have it, with quotes where they are needed to read it back."""
    return f"{_part(name.schema)}.{_part(name.table)}"


def _part(name: str) -> str:
    return name if re.fullmatch(r'[^\s".(),]+', name) else '"' + name.replace('"', '""') + '"'
