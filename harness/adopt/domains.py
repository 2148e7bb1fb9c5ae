"""Leaves the CHECK of a domain to one of the tables that use it: it is the same rule in all of them.

Not here: the column of a table that shows it (``describe/domains.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.catalog import Catalog, TableRule
from harness.declarations import DeclaredCheck
from harness.describe import TableDescription, domain_homes
from harness.project.model import TableName


def keep_one(found: Mapping[TableName, TableDescription], catalog: Catalog, declared: Iterable[DeclaredCheck]) -> None:
    """Leaves the CHECK of a domain to one table: to the one of which it is declared, else where it shows most."""
    homes: dict[TableRule, list[tuple[int, TableName]]] = {}
    for name in (name for name, each in found.items() if each.columns):
        for rule, home in domain_homes(catalog.tables[name]).items():
            homes.setdefault(rule, []).append((home.rivals, name))
    chosen = {rule: min(tables)[1] for rule, tables in homes.items()}
    stated = ((catalog.tables.get(each.table), each.rule) for each in declared if each.table is not None)
    chosen |= {part: table.name for table, rule in stated if table for part in rule.declares(table)}
    for name, each in found.items():
        each.checks = [pair for pair in each.checks if pair[0].kind != "domain" or chosen[pair[0]] == name]
        each.known = {known: why for known, why in each.known.items() if TableRule("domain", known) not in chosen}
