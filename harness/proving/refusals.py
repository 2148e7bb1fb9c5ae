"""The refusals of all declared rules, found by what was refused: a schema has thousands, and a probe meets one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.catalog.model import Catalog
from harness.declarations import DeclaredCheck
from harness.probes import Probe, Refused, ServerError, function_of
from harness.project.model import TableName
from harness.proving.undeclared import UndeclaredRules

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

    def of_others(self, check: DeclaredCheck | None, refusal: ServerError) -> Iterator[Refused]:
        """The refusals of all other checks that may be behind a server's error, and those a check only reports.

        A check about triggers is not masked by a trigger that merely lacks a privilege.
        """
        reports_only = check is not None and getattr(check.rule, "shown", False)
        lacks_privilege = check is not None and check.rule.about_triggers and refusal.denied
        return (
            refused
            for other, refused in self._near(refusal)
            if (other is not check or reports_only) and (refused.sqlstates or not lacks_privilege)
        )

    def shadows(self, check: DeclaredCheck, probe: Probe, refusal: ServerError) -> bool:
        """Whether another rule of the check's table refused, one that lets no such probe get further."""
        return check.table is not None and any(
            other is not None and other is not check and refused.matches(refusal) and other.rule.bars(probe)
            for other, refused in self._declared_of.get(check.table, ())
        )

    def _near(self, refusal: ServerError) -> Iterator[OfCheck]:
        if refusal.datatype and not refusal.table:  # a domain does not name the table: it may be any of them
            yield from self._all
            return
        yield from self._anywhere
        for routine in dict.fromkeys(name for _, name in refusal.functions):
            yield from self._by_routine.get(routine, ())
        if refusal.table_name is not None:
            yield from self._by_table.get(refusal.table_name, ())
