"""Finds two rules of a table that no values keep together."""

from __future__ import annotations

import itertools

from harness.catalog.model import Table
from harness.solver.pools import Pools
from harness.solver.rules import Rule, Unfillable, catalog_rules, deciding_columns, tied_columns


def find_contradiction(pools: Pools, table: Table) -> tuple[Rule, Rule] | None:
    """A declared rule and one of the catalog that no values keep together, though each by itself can be kept."""
    for declared, own in itertools.product(pools.declared(table.name), catalog_rules(table)):
        common = {*deciding_columns(table, declared.predicate)} & {*deciding_columns(table, own.predicate)}
        if common and _refuted(pools, table, declared, own) and not _refuted(pools, table, declared):
            return None if _refuted(pools, table, own) else (declared, own)
    return None


def _refuted(pools: Pools, table: Table, *rules: Rule) -> bool:
    """Whether no values were found that keep all of these rules."""
    try:
        for group in tied_columns(table, rules):
            pools.finder.pool(pools.catalog, table, group, rules, rules)
    except Unfillable:
        return True
    return False
