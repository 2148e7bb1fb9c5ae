"""One entry of a check file: a column, constraint, index, trigger or policy as people declare it.

Decides which keys are left out because they are usual, how a type is written, and which older key implies another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from harness.catalog.model import Catalog, Column, Constraint, Exclusion, ForeignKey, Index, Policy, Table, Trigger
from harness.describe.predicates import readable
from harness.describe.yaml import YamlValue
from harness.grammar import quoted
from harness.kinds.base import default_name
from harness.kinds.index import with_kind
from harness.kinds.toolkit.constraints import timing
from harness.kinds.toolkit.key_expressions import default_names, expressions
from harness.probes.statement import identifier
from harness.project import sql

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


def said(keys: Mapping[str, YamlValue]) -> CheckEntry:
    """An entry of these keys, without those that have nothing to say: what is usual, or not there, is left out."""
    return {key: value for key, value in keys.items() if value}


def column_entry(table: Table, column: Column) -> CheckEntry:
    return said(
        {
            "type": short_type(column.type),
            "not_null": _not_null(column) if column.not_null and column.name not in table.primary_key else None,
            "identity": {"a": "always", "d": "by default"}[column.identity] if column.identity else None,
            "generated" if column.generated else "default": column.default and _expression(column, column.default),
            "accepted_values": list(column.labels) if column.base_kind == "e" else None,
            "comment": column.comment,
        }
    )


def _not_null(column: Column) -> YamlValue:
    return {"validated": "false"} if column.not_null_unvalidated else TRUE


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
    default = default_name(table.name, default_names(elements), "idx" if expressions(elements) else "key")
    entry = said(
        {
            "unique": elements,
            "where": index.predicate and readable(index.predicate),
            "nulls": "not distinct" if index.nulls_not_distinct else None,
            "without_overlaps": TRUE if index.without_overlaps else None,
            "constraint": index.name if index.name != default else None,
            "implied_by": implying_key(table, index),
        }
    )
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
    keys = (each for each in table.unique_keys if each.is_plain and not each.without_overlaps)
    for key in sorted(keys, key=lambda each: each.check_order):
        narrower = {*key.columns} <= {*index.columns} and all(table.column(name).not_null for name in key.columns)
        if key.check_order < index.check_order and narrower and key.constraint not in deferrable:
            return key.constraint or key.name
    return None


def foreign_key_entry(catalog: Catalog, table: Table, constraint: ForeignKey) -> CheckEntry:
    parent = catalog.tables.get(constraint.references)
    references = str(constraint.references)
    if parent is None or constraint.referenced_columns != parent.primary_key:
        references += f" ({', '.join(map(quoted, constraint.referenced_columns))})"
    limited = f" ({', '.join(map(quoted, constraint.on_delete_columns))})" if constraint.on_delete_columns else ""
    default = default_name(table.name, constraint.columns, "fkey")
    entry: Mapping[str, YamlValue] = {
        "foreign_key": list(constraint.columns),
        "references": references,
        "on_delete": f"{constraint.on_delete}{limited}" if constraint.on_delete != "no action" else None,
        "on_update": constraint.on_update if constraint.on_update != "no action" else None,
        "match": "full" if constraint.match_full else None,
        "period": TRUE if constraint.period else None,
        "constraint": constraint.name if constraint.name != default else None,
    }
    return with_state(constraint, entry)


def exclusion_entry(table: Table, constraint: Exclusion) -> CheckEntry:
    index = table.index(constraint.name)
    operators = [re.sub(r"^operator\((?:pg_catalog\.)?([^()a-z]+)\)$", r"\1", each) for each in constraint.operators]
    entry: Mapping[str, YamlValue] = {
        "exclude": dict(zip(index.keys, operators, strict=True)),
        "constraint": constraint.name,
        "where": index.predicate and readable(index.predicate),
    }
    return with_state(constraint, entry)


def with_state(constraint: Constraint, entry: Mapping[str, YamlValue]) -> CheckEntry:
    """Adds to the entry of a constraint that it is deferrable, not validated, or not enforced."""
    state: CheckEntry = {
        "deferrable": timing(constraint) if constraint.deferrable else None,
        "validated": "false" if constraint.enforced and not constraint.validated else None,
        "enforced": None if constraint.enforced else "false",
    }
    return said({**entry, **state})


def index_entry(index: Index) -> CheckEntry:
    kinds = index.kinds or ("",) * len(index.keys)
    return said(
        {
            "index": index.name,
            "on": [with_kind(key, kind) for key, kind in zip(index.keys, kinds, strict=True)],
            "include": list(index.include),
            "where": index.predicate and readable(index.predicate),
            "unique": TRUE if index.unique else None,
            "method": index.method if index.method != "btree" else None,
        }
    )


def trigger_entry(trigger: Trigger) -> CheckEntry:
    return said(
        {
            "trigger": trigger.name,
            "on": list(trigger.events),
            "timing": trigger.timing,
            "level": trigger.level if trigger.level != "row" else None,
            "of": list(trigger.columns),
            "when": trigger.when and readable(trigger.when),
            "function": trigger.function,
            "arguments": trigger.arguments,
            "constraint": trigger.deferrable,
        }
    )


def policy_entry(policy: Policy) -> CheckEntry:
    roles = policy.roles[0] if len(policy.roles) == 1 else list(policy.roles)
    return said(
        {
            "policy": policy.name,
            "for": policy.command if policy.command != "all" else None,
            "to": roles if roles != "public" else None,
            "permissive": None if policy.permissive else "false",
            "using": policy.using and readable(policy.using),
            "check": policy.check and readable(policy.check),
        }
    )


def row_security_entries(table: Table) -> list[CheckEntry]:
    """The entries of a table where no policy permits anything, not even for the owner where it is forced."""
    forced = table.force_row_security
    asking = {"public": "no role", **({"$owner": "not even the owner"} if forced else {})}
    keys: CheckEntry = {"sees": "false", "forced": None if forced else "false"}
    return [
        said({"row_security": f"without a policy that permits it, {who} sees or writes a row", "as": role, **keys})
        for role, who in asking.items()
    ]
