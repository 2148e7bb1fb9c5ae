"""The rules of the database that no check declares: they may refuse what other checks try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from harness.catalog import Catalog, Table, TableRule, enforced, grouped, root_tables, without
from harness.declarations import DECLARED, DeclaredCheck
from harness.describe import yaml
from harness.describe.description import describe
from harness.probes import Refused
from harness.project.model import TableName

_OF_ROWS = ("23505", "23514", "23503", "23P01", "23001")
"""SQLSTATEs of constraints."""


def declared_rules(checks: Sequence[DeclaredCheck]) -> dict[TableName, frozenset[TableRule]]:
    """The rules of each table that checks declare, by every name that the catalog may have for them."""
    found = grouped((each.table, each.rule.declares(each.table)) for each in checks if each.table is not None)
    return {table: frozenset(chain.from_iterable(parts)) for table, parts in found.items()}


@dataclass(frozen=True)
class UndeclaredRules:
    """The rules of every table that no check declares.

    Where a table has a check file, ``reporting`` has the check that reports them; rules that are ``known`` are not.
    """

    catalog: Catalog
    reporting: Mapping[TableName, DeclaredCheck] = field(default_factory=dict)
    _parts: Mapping[TableName, tuple[TableRule, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, declared: Sequence[DeclaredCheck], catalog: Catalog) -> UndeclaredRules:
        known = declared_rules(declared)
        reporting = {check.table: check for check in declared if check.kind == DECLARED and check.table is not None}
        parts = {
            table.name: tuple(part for part in enforced(catalog, table) if part not in known.get(table.name, ()))
            for table in root_tables(catalog)
        }
        return cls(catalog, reporting, {table: each for table, each in parts.items() if each})

    def rules(self, table: Table) -> dict[TableRule, str]:
        """The rules that a table's check reports, each with the YAML that would declare it."""
        check = self.reporting.get(table.name)
        parts = self._parts.get(table.name, ()) if check is not None else ()
        found = [part for part in parts if part.name not in check.rule.known] if check is not None else []
        return _entries(self.catalog, table, found) if found else {}

    def refusals(self) -> Iterator[tuple[DeclaredCheck | None, TableName, Refused]]:
        """The refusals by these rules, each with the check that reports it and its table."""
        for name, parts in self._parts.items():
            check = self.reporting.get(name)
            for part in parts:
                refused = _refused(self.catalog.tables[name], part)
                if refused is not None:
                    yield check if check is not None and part.name not in check.rule.known else None, name, refused

    def triggers(self) -> Iterator[tuple[TableName, tuple[str, ...]]]:
        """The triggers among them, by table."""
        for name, parts in self._parts.items():
            yield name, tuple(part.name for part in parts if part.kind == "trigger")

    def hidden(self, table: Table) -> Catalog:
        """The catalog as if the table had none of the rules that its check reports."""
        return replace(self.catalog, tables={**self.catalog.tables, table.name: without(table, self.rules(table))})


def _refused(table: Table, part: TableRule) -> Refused | None:
    if part.kind in ("constraint", "index"):
        return Refused(_OF_ROWS, table.name, constraint=part.name)
    if part.kind == "not null":
        return Refused(("23502",), table.name, column=part.name)
    if part.kind == "trigger":
        return Refused((), triggers=(part.name,)).in_catalog(table)
    # A table with a rewrite rule takes no upsert, and no WITH that writes.
    return Refused(("0A000",)) if part.kind == "rule" else None


def _entries(catalog: Catalog, table: Table, parts: Sequence[TableRule]) -> dict[TableRule, str]:
    """Each rule with the YAML that declares it; one that no kind can state goes to ``known``."""
    described = describe(catalog, table)
    checks, own = dict(described.checks), [TableRule("not null", each.name) for each in table.columns if each.not_null]
    found: dict[TableRule, str] = {}
    for part in parts:
        column = part.name if part in own else described.inline_columns.get(part)
        if part in checks:
            found[part] = yaml.flow({"checks": [checks[part]]})
        elif column is not None:
            shown = {"not_null": "true"} if part in own else _short(described.columns[column])
            found[part] = yaml.flow({"columns": {column: shown}})
        else:
            found[part] = yaml.flow({"known": {part.name: "why it is there"}})
    return {part: text.removeprefix("{").removesuffix("}") for part, text in found.items()}


def _short(entry: Mapping[str, yaml.YamlValue]) -> dict[str, yaml.YamlValue]:
    """The keys of a column's entry that state rules."""
    kept = ("unique", "check", "accepted_values", "constraint", "implied_by", "touched_on_update")
    return {key: value for key, value in entry.items() if key in kept}
