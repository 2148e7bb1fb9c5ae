"""The names of a table's rules, by which checks and catalog are compared.

Decides which rules of a table count: those that decide which rows and statements it accepts, with those of single
partitions.
Not here: which of them no check declares (``adopt/coverage.py``, ``proving/undeclared.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

from harness.catalog.model import Catalog, Table
from harness.project.model import TableName


class TableRule(NamedTuple):
    """The name of one rule: ``constraint orders_pkey``, ``not null status``, ``trigger orders_touch``."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


def parts(table: Table) -> Iterator[TableRule]:
    """The rules of a table, in the order in which check files declare them."""
    key = table.primary_key
    for column in table.columns:
        yield TableRule("column", column.name)
        if column.not_null and column.name not in key:
            yield TableRule("not null", column.name)
        if column.default is not None:
            yield TableRule("generated" if column.generated else "default", column.name)
        if column.identity:
            yield TableRule("identity", column.name)
        if column.base_kind == "e":
            yield TableRule("labels", column.name)
    yield from (TableRule("constraint", constraint.name) for constraint in table.constraints)
    yield from (TableRule("index", index.name) for index in table.indexes if index.constraint is None)
    yield from (TableRule("trigger", trigger.name) for trigger in table.triggers)
    yield from (TableRule("rule", rewrite.name) for rewrite in table.rewrites)
    yield from (TableRule("policy", policy.name) for policy in table.policies)
    if table.row_security:
        yield TableRule("row security", "")
    if any(grant.role != table.owner for grant in table.grants):
        yield TableRule("privileges", "")


ENFORCED = ("not null", "constraint", "index", "trigger", "rule", "policy")
"""Rules that decide which rows and statements a table accepts; an index does if it is unique."""

OF_ROWS = ("not null", "constraint", "index")
"""Rules that decide by the values of a row."""


def enforced(catalog: Catalog, table: Table) -> Iterator[TableRule]:
    """The rules that decide which rows and statements a table accepts, with those of single partitions.

    A rule that a partition inherits counts as its root's.
    """
    yield from _deciding(catalog, table)
    yield from dict.fromkeys(part for _, part in of_partitions(catalog, table))


def _deciding(catalog: Catalog, table: Table) -> Iterator[TableRule]:
    plain = {TableRule("index", index.name) for index in table.indexes if not index.unique}
    for part in parts(table):
        inherited = part.kind in ("constraint", "index") and (table.name, part.name) in catalog.roots
        # Policies say besides that it is enabled.
        alone = part.kind == "row security" and not table.policies
        if alone or (part.kind in ENFORCED and not inherited and part not in plain):
            yield part


def of_partitions(catalog: Catalog, table: Table) -> Iterator[tuple[TableName, TableRule]]:
    """The rules of single partitions of a table, which it does not have itself; without triggers."""
    if table.kind != "p":
        return
    shared = {*parts(table)}
    for (name, rule), (root, _) in catalog.roots.items():
        if root == table.name and not rule:
            own = _deciding(catalog, catalog.tables[name])
            yield from ((name, part) for part in own if part.kind in OF_ROWS and part not in shared)


def without(table: Table, gone: Collection[TableRule]) -> Table:
    """The table without some of its constraints, indexes and NOT NULLs."""
    names = {part.name for part in gone if part.kind in ("constraint", "index")}
    nullable = {part.name for part in gone if part.kind == "not null"}
    return replace(
        table,
        columns=tuple(replace(each, not_null=False) if each.name in nullable else each for each in table.columns),
        constraints=tuple(each for each in table.constraints if each.name not in names),
        indexes=tuple(each for each in table.indexes if not names & {each.name, each.constraint}),
    )


def root_tables(catalog: Catalog) -> Iterator[Table]:
    """The tables that are no partitions: the rules of partitions are those of the partitioned table."""
    return (table for table in catalog.tables.values() if (table.name, "") not in catalog.roots)
