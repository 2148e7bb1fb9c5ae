"""Compares checks and catalog: rules that no check declares, checks that match nothing.

Decides which rules count as declared, and which declared triggers stay unexplained. Only counts, and fails nothing.
Not here: the check that is broken by such rules (``kinds/declared.py``, ``proving/undeclared.py``), and the exit code
of ``harness coverage`` (``cli/covering.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from harness.catalog.model import Catalog
from harness.catalog.parts import TableRule, described_tables, own_parts, parts
from harness.declarations import DECLARED, DeclaredCheck
from harness.project.model import TableName
from harness.proving.undeclared import declared_rules


@dataclass(frozen=True)
class TableCoverage:
    """The number of rules of one table, and the rules that no check declares.

    ``triggers`` are those that are declared, but no check says what they do; ``policies`` are those that are compared
    as text, but no check says which rows a role sees.
    """

    table: TableName
    rules: int
    undeclared: tuple[TableRule, ...]
    triggers: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    @property
    def declared(self) -> int:
        return self.rules - len(self.undeclared)

    @property
    def percent(self) -> float:
        return 100.0 * self.declared / self.rules if self.rules else 100.0


@dataclass(frozen=True)
class Coverage:
    """The coverage of all tables; ``idle`` are the checks that match nothing, each with the name it looks for."""

    tables: tuple[TableCoverage, ...]
    idle: tuple[tuple[DeclaredCheck, str], ...]

    @property
    def rules(self) -> int:
        return sum(table.rules for table in self.tables)

    @property
    def declared(self) -> int:
        return sum(table.declared for table in self.tables)

    @property
    def percent(self) -> float:
        return 100.0 * self.declared / self.rules if self.rules else 100.0

    @property
    def triggers(self) -> int:
        return sum(len(table.triggers) for table in self.tables)

    @property
    def policies(self) -> int:
        return sum(len(table.policies) for table in self.tables)


def coverage(catalog: Catalog, declared: Sequence[DeclaredCheck], without: Iterable[TableName] = ()) -> Coverage:
    """Compares checks and catalog by the names of rules.

    ``without`` are tables of others, which need no checks: of them the rules count that checks declare.
    """
    stated, described = declared_rules(declared, catalog), {check.table for check in declared}
    known = {check.table: {*check.rule.known} for check in declared if check.kind == DECLARED}
    explained = _explained(catalog, declared)
    others = {*without}
    tables = tuple(
        _covered(
            table.name,
            tuple(own_parts(catalog, table)),
            stated[table.name],
            {part.name for part in parts(table)}
            if table.name in others
            else set().union(*(known.get(name, ()) for name in (table.name, *catalog.above.get(table.name, ())))),
            explained,
        )
        for table in described_tables(catalog)
        if table.name not in others or table.name in described
    )
    missing = ((check, _missing(catalog, check)) for check in declared)
    return Coverage(tables, tuple((check, what) for check, what in missing if what))


def _explained(catalog: Catalog, declared: Sequence[DeclaredCheck]) -> set[tuple[TableName, TableRule]]:
    """The triggers and policies of which a check says what they do, each with its table."""
    found: set[tuple[TableName, TableRule]] = set()
    for check in declared:
        if check.table is not None and check.table in catalog.tables:
            triggers = (each for each in check.rule.declares(catalog.tables[check.table]) if each.kind == "trigger")
            found |= {(check.table, each) for each in triggers if each.name not in check.rule.opaque()}
            if check.kind == "row_security":
                policies = catalog.tables[check.table].policies
                found |= {(check.table, TableRule("policy", each.name)) for each in policies}
    return found


def _covered(
    table: TableName,
    rules: Iterable[TableRule],
    stated: Collection[TableRule],
    known: Collection[str],
    explained: Collection[tuple[TableName, TableRule]],
) -> TableCoverage:
    """The coverage of one table; ``known`` rules count neither as declared nor as undeclared."""
    there = tuple(rule for rule in rules if rule in stated or rule.name not in known)
    unexplained = [rule for rule in there if rule in stated and (table, rule) not in explained]
    triggers, policies = (
        tuple(rule.name for rule in unexplained if rule.kind == kind) for kind in ("trigger", "policy")
    )
    undeclared = tuple(rule for rule in there if rule not in stated)
    return TableCoverage(table, len(there), undeclared, triggers, policies)


def _missing(catalog: Catalog, check: DeclaredCheck) -> str:
    """The name that a check looks for in vain; empty where it finds it, or looks for none."""
    if check.table is None:
        return ""
    table = catalog.tables.get(check.table)
    if table is None:
        return f"no table {check.table}"
    wanted = check.rule.declares(table)
    there = {*parts(table), *(TableRule("index", index.name) for index in table.indexes)}
    there |= {TableRule("not null", column.name) for column in table.columns if column.not_null}
    if check.kind == "columns":
        lacking = [part for part in wanted if part not in there]
        return f"no {lacking[0]}" if lacking else ""
    return f"no {wanted[0]}" if wanted and not there & {*wanted} else ""
