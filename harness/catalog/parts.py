"""The names of a table's rules, by which checks and catalog are compared.

Decides which rules of a table count: those that decide which rows and statements it accepts; and which a partition
has alone, and not from a table above it.
Not here: which of them no check declares (``adopt/coverage.py``, ``proving/undeclared.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from harness.catalog.constraints import DomainCheckName
from harness.catalog.model import Catalog, Column, Table
from harness.grammar import quoted


class TableRule(NamedTuple):
    """The name of one rule: ``constraint orders_pkey``, ``not null status``, ``trigger orders_touch``.

    That of a ``domain`` has the names of the domain and of its CHECK: it is one rule of all tables that use the domain.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        name = self.name if self.kind == "domain" else quoted(self.name)
        return f"{self.kind} {name}" if name else self.kind


def domain_rule(check: DomainCheckName) -> TableRule:
    return TableRule("domain", f"{check.domain}.{quoted(check.name)}")


def domain_rules(columns: Iterable[Column]) -> Iterator[TableRule]:
    """The CHECKs of the domains of columns, and of the domains that their types are made of."""
    for column in columns:
        yield from map(domain_rule, column.domain_check_names)
        yield from domain_rules(column.parts)


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
    yield from dict.fromkeys(domain_rules(table.columns))
    yield from (TableRule("index", index.name) for index in table.indexes if index.constraint is None)
    yield from (TableRule("trigger", trigger.name) for trigger in table.triggers)
    yield from (TableRule("rule", rewrite.name) for rewrite in table.rewrites)
    yield from (TableRule("policy", policy.name) for policy in table.policies)
    if table.row_security:
        yield TableRule("row security", "")
    if any(grant.role != table.owner for grant in table.grants):
        yield TableRule("privileges", "")


ENFORCED = ("not null", "constraint", "domain", "index", "trigger", "rule", "policy")
"""Rules that decide which rows and statements a table accepts; an index does if it is unique."""

OF_ROWS = ("not null", "constraint", "index")
"""Rules that decide by the values of a row."""


def enforced(catalog: Catalog, table: Table) -> Iterator[TableRule]:
    """The rules that decide which rows and statements a table accepts, with those that its partitions have alone."""
    several = (catalog.tables[name] for name in catalog.with_partitions(table.name))
    yield from dict.fromkeys(part for each in several for part in own_enforced(catalog, each))


def own_enforced(catalog: Catalog, table: Table) -> Iterator[TableRule]:
    """The rules that decide which rows and statements a table accepts; of a partition those that it has alone."""
    plain = {TableRule("index", index.name) for index in table.indexes if not index.unique}
    left_out = plain | inherited(catalog, table)
    for part in parts(table):
        # Policies say besides that it is enabled.
        alone = part.kind == "row security" and not table.policies
        if (alone or part.kind in ENFORCED) and part not in left_out:
            yield part


def inherited(catalog: Catalog, table: Table) -> set[TableRule]:
    """The constraints, indexes, NOT NULLs and domains that a partition has from a table above it."""
    if table.name not in catalog.above:
        return set()
    names = [name for name in table.rule_names if catalog.root(table.name, name)[0] != table.name]
    columns = [column.name for column in table.columns if column.not_null]
    return {
        *(TableRule(kind, name) for name in names for kind in ("constraint", "index")),
        *(TableRule("not null", name) for name in columns if catalog.root(table.name, "", name)[0] != table.name),
        *domain_rules(table.columns),
    }


def own_parts(catalog: Catalog, table: Table) -> Iterator[TableRule]:
    """The rules of a table that its check file declares; of a partition those that it has alone."""
    above = catalog.above.get(table.name, ())
    if not above:
        yield from parts(table)
        return
    yield from own_enforced(catalog, table)
    if table.row_security:
        yield TableRule("row security", "")
    granted = {grant for grant in table.grants if grant.role != table.owner}
    if granted - {*catalog.tables[above[0]].grants}:
        yield TableRule("privileges", "")


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


def described_tables(catalog: Catalog) -> Iterator[Table]:
    """The tables of which check files speak: those that are no partitions, and partitions with rules of their own."""
    return (
        table for table in catalog.tables.values() if table.name not in catalog.above or any(own_parts(catalog, table))
    )
