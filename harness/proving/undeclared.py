"""The refusals of all rules: declared ones, and those of the database that no check declares.

Decides which rules of a table are undeclared, with the YAML that would declare each, and which refusals of other checks
may be behind a server's error; they are found by what was refused.
Not here: what masks a probe (``attribution.py``), and counting for ``harness coverage`` (``adopt/coverage.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from harness.catalog import Catalog, Table, TableRule, grouped, own_enforced, without
from harness.declarations import DECLARED, DeclaredCheck
from harness.describe import describe, yaml
from harness.probes import Probe, Refused, ServerError, SqlStatement, function_of
from harness.project.model import TableName

_OF_ROWS = ("23505", "23514", "23503", "23P01", "23001")
"""SQLSTATEs of constraints."""


_OF_COLUMN = ("unique", "check", "accepted_values", "constraint", "implied_by", "touched_on_update")
"""The keys of a column's entry that state constraints and triggers."""


def declared_rules(checks: Sequence[DeclaredCheck], catalog: Catalog) -> dict[TableName, frozenset[TableRule]]:
    """The rules of each table that checks declare, by every name that the catalog may have for them.

    The rules of domains are those of every table: it is enough to declare them of one.
    """
    tables = ((check, catalog.tables.get(check.table)) for check in checks if check.table is not None)
    found = grouped((table.name, check.rule.declares(table)) for check, table in tables if table is not None)
    said = {table: frozenset(chain.from_iterable(parts)) for table, parts in found.items()}
    shared = {part for parts in said.values() for part in parts if part.kind == "domain"}
    return {table: said.get(table, frozenset()) | shared for table in catalog.tables}


def _meant(checks: Sequence[DeclaredCheck], catalog: Catalog) -> dict[TableName, list[str]]:
    """The rules of each table to which checks give another name: those checks are broken, and say so."""
    found = ((each, catalog.tables.get(each.table)) for each in checks if each.table is not None)
    named = ((table.name, check.rule.meant(table)) for check, table in found if table is not None)
    return grouped((name, rule) for name, rule in named if rule is not None)


@dataclass(frozen=True)
class UndeclaredRules:
    """The rules of every table that no check declares.

    Where a table has a check file, ``reporting`` has the check that reports them, but for rules that are ``known``, and
    those to which another check gives a wrong name, which that one reports. A partition without a file has those of the
    tables above it.
    """

    catalog: Catalog
    reporting: Mapping[TableName, DeclaredCheck] = field(default_factory=dict)
    _parts: Mapping[TableName, tuple[TableRule, ...]] = field(default_factory=dict)
    _meant: Mapping[TableName, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, declared: Sequence[DeclaredCheck], catalog: Catalog) -> UndeclaredRules:
        known = declared_rules(declared, catalog)
        reporting = {check.table: check for check in declared if check.kind == DECLARED and check.table is not None}
        parts = {
            table.name: tuple(part for part in own_enforced(catalog, table) if part not in known[table.name])
            for table in catalog.tables.values()
        }
        meant = _meant(declared, catalog)
        return cls(catalog, reporting, {table: each for table, each in parts.items() if each}, meant)

    def rules(self, table: Table) -> dict[TableRule, str]:
        """The rules that a table's check reports, each with the YAML that would declare it."""
        return {part: entry for _, entries in self._reported(table) for part, entry in entries.items()}

    def _reported(self, table: Table) -> Iterator[tuple[Table, dict[TableRule, str]]]:
        """The tables of which a table's check reports rules: itself, and partitions without a file."""
        check = self.reporting.get(table.name)
        for name in self.catalog.with_partitions(table.name) if check is not None else ():
            found = [part for part in self._parts.get(name, ()) if self._check(name, part) is check]
            if found:
                own = self.catalog.tables[name]
                yield own, _entries(self.catalog, own, found, {} if own is table else {"table": str(name)})

    def _check(self, table: TableName, part: TableRule) -> DeclaredCheck | None:
        """The check that reports a rule of a table: it is not known, and no check gives it another name."""
        above = (table, *self.catalog.above.get(table, ()))
        check = next((self.reporting[name] for name in above if name in self.reporting), None)
        if check is None or check.table is None or part.name in check.rule.known:
            return None
        return None if part.name in self._meant.get(check.table, ()) else check

    def refusals(self) -> Iterator[tuple[DeclaredCheck | None, TableName, Refused]]:
        """The refusals by these rules, each with the check that reports it and its table."""
        for name, parts in self._parts.items():
            for part in parts:
                refused = _refused(self.catalog.tables[name], part)
                if refused is not None:
                    yield self._check(name, part), name, refused

    def triggers(self) -> Iterator[tuple[TableName, tuple[str, ...]]]:
        """The triggers among them, by table."""
        for name, parts in self._parts.items():
            yield name, tuple(part.name for part in parts if part.kind == "trigger")

    def hidden(self, table: Table) -> Catalog:
        """The catalog as if the table had none of the rules that its check reports."""
        without_them = {own.name: without(own, entries) for own, entries in self._reported(table)}
        return replace(self.catalog, tables={**self.catalog.tables, **without_them})


def _refused(table: Table, part: TableRule) -> Refused | None:
    if part.kind in ("constraint", "index"):
        return Refused(_OF_ROWS, table.name, constraint=part.name)
    if part.kind == "not null":
        return Refused(("23502",), table.name, column=part.name)
    if part.kind == "trigger":
        return Refused((), triggers=(part.name,)).in_catalog(table)
    # A table with a rewrite rule takes no upsert, and no WITH that writes.
    return Refused(("0A000",)) if part.kind == "rule" else None


def _entries(
    catalog: Catalog, table: Table, parts: Sequence[TableRule], file: Mapping[str, yaml.YamlValue]
) -> dict[TableRule, str]:
    """Each rule with the YAML that declares it, in another ``file``; one that no kind can state goes to ``known``."""
    described = describe(catalog, table)
    checks, own = dict(described.checks), [TableRule("not null", each.name) for each in table.columns if each.not_null]
    found: dict[TableRule, str] = {}
    for part in parts:
        column = part.name if part in own else described.inline_columns.get(part)
        if part in checks:
            found[part] = yaml.flow({**file, "checks": [checks[part]]})
        elif column is not None:
            kept = ("not_null",) if part in own else _OF_COLUMN
            shown = {key: value for key, value in described.columns[column].items() if key in kept}
            found[part] = yaml.flow({"columns": {column: shown}})
        else:
            found[part] = yaml.flow({**file, "known": {part.name: "why it is there"}})
    return {part: text.removeprefix("{").removesuffix("}") for part, text in found.items()}


OfCheck = tuple[DeclaredCheck | None, Refused]
"""A refusal of a rule, with the check that declares or reports the rule."""


class DeclaredRefusals:
    """The refusals of a project's rules, without those of triggers that the catalog lacks.

    The rules of ``undeclared`` mask as well: a check of their own reports them, where there is one.
    """

    def __init__(
        self,
        declared: Sequence[DeclaredCheck] = (),
        catalog: Catalog | None = None,
        undeclared: UndeclaredRules | None = None,
    ) -> None:
        self._all: list[OfCheck] = []
        self._of: dict[int, list[Refused]] = defaultdict(list)
        self._by_table: dict[TableName, list[OfCheck]] = defaultdict(list)
        self._by_routine: dict[str, list[OfCheck]] = defaultdict(list)
        self._anywhere: list[OfCheck] = []
        self._declared_of: dict[TableName, list[OfCheck]] = defaultdict(list)
        tables = catalog.tables if catalog is not None else {}
        for check in declared:
            if (table := check.table) is not None:
                for refused in (stated.in_catalog(tables.get(table)) for stated in check.rule.refusals(table)):
                    if refused is not None:
                        self._add(check, table, refused)
        for reporting, table, refused in undeclared.refusals() if undeclared is not None else ():
            self._add(reporting, table, refused)
        # No partition takes the row; or it may not move to another one, as a key refers to its own, or for a trigger.
        for table in (name for name, each in tables.items() if each.kind == "p"):
            self._add(None, table, Refused(("23514",), table, constraint=""))
            self._add(None, table, Refused(("0A000",)))

    def _add(self, check: DeclaredCheck | None, table: TableName, refused: Refused) -> None:
        own = check, refused
        self._all.append(own)
        self._of[id(check)].append(refused)
        self._declared_of[table].append(own)
        if refused.table is not None:
            self._by_table[refused.table].append(own)
            return
        for routine in refused.routines:
            self._by_routine[function_of(routine)[1]].append(own)
        if not refused.routines:
            self._anywhere.append(own)

    @property
    def all(self) -> list[Refused]:
        return [refused for _, refused in self._all]

    def of(self, check: DeclaredCheck) -> Sequence[Refused]:
        """The refusals of one check."""
        return self._of.get(id(check), ())

    def of_others(
        self, check: DeclaredCheck | None, refusal: ServerError, tried: SqlStatement | None = None
    ) -> Iterator[Refused]:
        """The refusals of all other checks that may be behind a server's error, and those a check only reports.

        A check about triggers is not masked by a trigger that merely lacks a privilege. Left out is a rule that spares
        the statement that was tried.
        """
        reports_only = check is not None and getattr(check.rule, "shown", False)
        lacks_privilege = check is not None and check.rule.about_triggers and refusal.denied
        return (
            refused
            for other, refused in self._near(refusal)
            if (other is not check or reports_only)
            and (refused.sqlstates or not lacks_privilege)
            and not (other is not None and tried is not None and other.rule.spares(refused, tried))
        )

    def shadows(self, check: DeclaredCheck, probe: Probe, refusal: ServerError) -> bool:
        """Whether another rule of the check's table refused, one that lets no such probe get further."""
        return check.table is not None and any(
            other is not None and other is not check and refused.matches(refusal) and other.rule.bars(probe)
            for other, refused in self._declared_of.get(check.table, ())
        )

    def contradiction(self, check: DeclaredCheck | None, probe: Probe, refusal: ServerError) -> str | None:
        """Says which other check lets no statement do to rows what this one brings about."""
        if probe.brings is None:
            return None
        for other, refused in self._declared_of.get(probe.brings.table, ()):
            if other is None or other is check or not refused.matches(refusal):
                continue
            advice = other.rule.contradicts(probe.brings, probe.statement)
            if advice is not None:
                return f"that contradicts {other.kind} {other.subject} ({other.place}){advice and f': {advice}'}"
        return None

    def _near(self, refusal: ServerError) -> Iterator[OfCheck]:
        if refusal.datatype and not refusal.table:  # a domain does not name the table: it may be any of them
            yield from self._all
            return
        yield from self._anywhere
        for routine in dict.fromkeys(name for _, name in refusal.functions):
            yield from self._by_routine.get(routine, ())
        for table in dict.fromkeys(table for table, _ in refusal.names if table is not None):
            yield from self._by_table.get(table, ())
