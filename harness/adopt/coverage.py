"""Which rules of a catalog no check declares, and which checks declare nothing that is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from harness.catalog.model import Catalog, Table
from harness.catalog.parts import TableRule, parts, root_tables
from harness.declarations import DECLARED, Check
from harness.project.model import TableName
from harness.proving.undeclared import said


@dataclass(frozen=True)
class TableCoverage:
    """The rules of one table, and those among them that no check declares.

    ``opaque`` are the triggers that are declared, but no check says what they do.
    """

    table: TableName
    rules: int
    undeclared: tuple[TableRule, ...]
    opaque: tuple[str, ...] = ()

    @property
    def declared(self) -> int:
        return self.rules - len(self.undeclared)

    @property
    def percent(self) -> float:
        return 100.0 * self.declared / self.rules if self.rules else 100.0


@dataclass(frozen=True)
class Coverage:
    """``idle`` are the checks that match nothing, each with what it looks for."""

    tables: tuple[TableCoverage, ...]
    idle: tuple[tuple[Check, str], ...]

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
    def opaque(self) -> int:
        return sum(len(table.opaque) for table in self.tables)


def coverage(catalog: Catalog, declared: Sequence[Check], without: Iterable[TableName] = ()) -> Coverage:
    """Compares checks and catalog by the names of rules; the tables ``without`` are somebody else's."""
    stated = said(declared)
    known = {check.table: {*check.rule.known} for check in declared if check.kind == DECLARED}
    told = _told(declared)
    skipped = {*without} - {*stated}
    tables = tuple(
        _covered(table, stated.get(table.name, frozenset()), known.get(table.name, set()), told)
        for table in root_tables(catalog)
        if table.name not in skipped
    )
    missing = ((check, _missing(catalog, check)) for check in declared)
    return Coverage(tables, tuple((check, what) for check, what in missing if what))


def _told(declared: Sequence[Check]) -> set[tuple[TableName, TableRule]]:
    """The triggers of which a check says what they do."""
    return {
        (check.table, part)
        for check in declared
        if check.table is not None
        for part in check.rule.declares(check.table)
        if part.kind == "trigger" and part.name not in check.rule.opaque()
    }


def _covered(
    table: Table, stated: Collection[TableRule], known: Collection[str], told: Collection[tuple[TableName, TableRule]]
) -> TableCoverage:
    """What is ``known`` counts neither as declared nor as undeclared."""
    there = tuple(part for part in parts(table) if part in stated or part.name not in known)
    opaque = (
        part.name for part in there if part.kind == "trigger" and part in stated and (table.name, part) not in told
    )
    return TableCoverage(table.name, len(there), tuple(part for part in there if part not in stated), tuple(opaque))


def _missing(catalog: Catalog, check: Check) -> str:
    """What a check looks for in vain; empty where it finds it, or looks for nothing by name."""
    if check.table is None:
        return ""
    table = catalog.tables.get(check.table)
    if table is None:
        return f"no table {check.table}"
    wanted = check.rule.declares(check.table)
    there = {*parts(table), *(TableRule("index", index.name) for index in table.indexes)}
    there |= {TableRule("not null", column.name) for column in table.columns if column.not_null}
    if check.kind == "columns":
        lacking = [part for part in wanted if part not in there]
        return f"no {lacking[0]}" if lacking else ""
    return f"no {wanted[0]}" if wanted and not there & {*wanted} else ""
