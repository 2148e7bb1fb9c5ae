"""The refusals of all declared rules, found by what was refused: a schema has thousands, and a probe meets one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.catalog.model import Catalog
from harness.declarations import Check
from harness.kinds.base import Kind
from harness.probes import Probe, Refused, ServerError
from harness.probes.reply import function_of
from harness.project.model import TableName
from harness.proving.undeclared import UndeclaredRules

Stated = tuple[Check | None, Refused]


class Refusals:
    """What the rules of a project refuse with, as far as the catalog has what refuses.

    What is ``undeclared`` masks as well: it is told by a check of its own, where there is one.
    """

    def __init__(self, declared: Sequence[Check], catalog: Catalog, undeclared: UndeclaredRules | None = None) -> None:
        self.all: list[Refused] = []
        self._stated: list[Stated] = []
        self._of: dict[int, list[Refused]] = defaultdict(list)
        self._by_table: dict[TableName, list[Stated]] = defaultdict(list)
        self._by_routine: dict[str, list[Stated]] = defaultdict(list)
        self._anywhere: list[Stated] = []
        self._declared_of: dict[TableName, list[Stated]] = defaultdict(list)
        for check in declared:
            if check.table is None:
                continue
            rule: Kind = check.rule
            for stated in rule.refusals(check.table):
                refused = stated.in_catalog(catalog.tables.get(check.table))
                if refused is not None:
                    self._add(check, check.table, refused)
        for told, table, refused in undeclared.stated() if undeclared is not None else ():
            self._add(told, table, refused)

    def _add(self, check: Check | None, table: TableName, refused: Refused) -> None:
        self.all.append(refused)
        self._stated.append((check, refused))
        self._of[id(check)].append(refused)
        self._declared_of[table].append((check, refused))
        if refused.table is not None:
            self._by_table[refused.table].append((check, refused))
        for routine in refused.routines if refused.table is None else ():
            self._by_routine[function_of(routine)[1]].append((check, refused))
        if refused.table is None and not refused.routines:
            self._anywhere.append((check, refused))

    def of(self, check: Check) -> Sequence[Refused]:
        """Those of one check."""
        return self._of.get(id(check), ())

    def beside(self, check: Check, refusal: ServerError) -> Iterator[Refused]:
        """Those of all other checks that may be behind a refusal, and what a check only shows.

        That a trigger lacks a privilege is no rule of its own where a check is about triggers.
        """
        own = getattr(check.rule, "shown", False)
        lacking = check.rule.about_triggers and refusal.denied
        return (
            refused
            for other, refused in self._near(refusal)
            if (other is not check or own) and (refused.sqlstates or not lacking)
        )

    def bars(self, check: Check, probe: Probe, refusal: ServerError) -> bool:
        """Whether another rule of the table lets a probe get no further, and it was that one which refused it."""
        return check.table is not None and any(
            other is not None and other is not check and refused.matches(refusal) and other.rule.bars(probe)
            for other, refused in self._declared_of.get(check.table, ())
        )

    def _near(self, refusal: ServerError) -> Iterator[Stated]:
        if refusal.datatype and not refusal.table:  # a domain says nothing of the table: it may be any of them
            yield from self._stated
            return
        yield from self._anywhere
        for routine in dict.fromkeys(name for _, name in refusal.functions):
            yield from self._by_routine.get(routine, ())
        if refusal.table_name is not None:
            yield from self._by_table.get(refusal.table_name, ())
