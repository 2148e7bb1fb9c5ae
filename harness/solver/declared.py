"""The pools of a project: made of what its checks declare, the rules of the catalog, and row hints.

Decides which predicates hold for a table, also those that checks of other tables ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import psycopg

from harness.catalog.model import Catalog, Table
from harness.project.model import TableName
from harness.solver.pools import Pools
from harness.solver.row_hints import NOTHING, RowHints
from harness.solver.rules import Rule


class DeclaredRule(Protocol):
    """A check's rule, as far as it says how rows are made."""

    def rules(self) -> tuple[Rule, ...]: ...
    def rules_elsewhere(self, table: Table, catalog: Catalog) -> Mapping[TableName, tuple[Rule, ...]]: ...
    def row_hints(self) -> RowHints: ...


class RuleOfTable(Protocol):
    """A check: a rule, and the table that it is about."""

    @property
    def table(self) -> TableName | None: ...
    @property
    def rule(self) -> Any: ...


def declared_pools(connection: psycopg.Connection[Any], catalog: Catalog, declared: Iterable[RuleOfTable]) -> Pools:
    """The pools that generated rows are made of: they keep the rules that are declared and those of the catalog."""
    about_tables = rules_of_rows(declared, catalog)
    row_hints: dict[TableName, RowHints] = {}
    for table, rule in about_tables:
        if (found := rule.row_hints()) != NOTHING:
            row_hints[table] = row_hints.get(table, NOTHING) | found
    return Pools(connection, catalog, declared_predicates(about_tables, catalog), row_hints)


def rules_of_rows(declared: Iterable[RuleOfTable], catalog: Catalog) -> list[tuple[TableName, Any]]:
    """Each rule with each table whose rows it is about: that of its check, and the partitions of that one."""
    checks = ((check.table, check.rule) for check in declared if check.table is not None)
    return [(name, rule) for table, rule in checks for name in catalog.with_partitions(table)]


def declared_predicates(
    declared: Iterable[tuple[TableName, DeclaredRule]], catalog: Catalog
) -> dict[TableName, tuple[Rule, ...]]:
    """The predicates that are declared of each table."""
    found: dict[TableName, tuple[Rule, ...]] = {}
    for name, rule in declared:
        elsewhere = rule.rules_elsewhere(catalog.tables[name], catalog) if name in catalog.tables else {}
        for table, predicates in ((name, rule.rules()), *elsewhere.items()):
            found[table] = (*found.get(table, ()), *predicates)
    return found
