"""All that the checks of a project say of rows and refusals, put together with one database's catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from harness.catalog.model import Catalog, Table
from harness.catalog.parts import TableRule
from harness.declarations import DECLARED, DeclaredCheck
from harness.errors import HarnessError
from harness.proving.attribution import Attribution, UnexplainedTriggers
from harness.proving.refusals import DeclaredRefusals
from harness.proving.undeclared import UndeclaredRules
from harness.solver.contradiction import find_contradiction
from harness.solver.declared import declared_pools
from harness.solver.pools import Pools

if TYPE_CHECKING:
    from harness.project.model import TableName
    from harness.solver.rules import Rule


@dataclass(frozen=True)
class Ruleset:
    """The rules that rows keep, and how they refuse.

    ``checks`` are all but those of which ``errors`` has, by the ``id`` of the check, what went wrong asking them.
    """

    connection: psycopg.Connection[Any]
    catalog: Catalog
    checks: Sequence[DeclaredCheck]
    errors: Mapping[int, Exception]
    pools: Pools
    undeclared: UndeclaredRules
    refusals: DeclaredRefusals
    unexplained: UnexplainedTriggers
    unexplained_or_undeclared: UnexplainedTriggers
    _contradictions: dict[TableName, tuple[Rule, Rule] | None] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], catalog: Catalog, declared: Sequence[DeclaredCheck]) -> Ruleset:
        """Asks all checks; an error in what one says costs that one alone."""
        try:
            return cls._of(connection, catalog, declared, declared, {})
        except (HarnessError, psycopg.Error):
            raise
        except Exception:
            errors: dict[int, Exception] = {}
            for check in declared:
                try:
                    _ask(check, connection, catalog)
                except Exception as error:
                    errors[id(check)] = error
            sound = [check for check in declared if id(check) not in errors]
            return cls._of(connection, catalog, sound, declared, errors)

    @classmethod
    def _of(
        cls,
        connection: psycopg.Connection[Any],
        catalog: Catalog,
        checks: Sequence[DeclaredCheck],
        declared: Sequence[DeclaredCheck],
        errors: Mapping[int, Exception],
    ) -> Ruleset:
        # Of all checks: what one declares is declared, whatever else it cannot say.
        undeclared = UndeclaredRules.of(declared, catalog)
        return cls(
            connection,
            catalog,
            checks,
            errors,
            declared_pools(connection, catalog, checks),
            undeclared,
            DeclaredRefusals(checks, catalog, undeclared),
            UnexplainedTriggers.of(checks, catalog),
            UnexplainedTriggers.of(checks, catalog, undeclared.triggers()),
        )

    def attribution(self, check: DeclaredCheck) -> Attribution:
        triggers = self.unexplained if check.rule.about_triggers else self.unexplained_or_undeclared
        return Attribution(check, self.refusals, triggers)

    def contradiction(self, table: Table) -> tuple[Rule, Rule] | None:
        """A declared rule, and one of the database that lets no row keep it; None if there are no such two."""
        if table.name not in self._contradictions:
            self._contradictions[table.name] = find_contradiction(
                self.pools, self.catalog.tables.get(table.name, table)
            )
        return self._contradictions[table.name]

    def reported_by(self, check: DeclaredCheck) -> tuple[dict[TableRule, str], Catalog, Pools]:
        """The undeclared rules that a check reports, the catalog without them, and the pools for rows there."""
        table = self.catalog.tables.get(check.table) if check.table and check.kind == DECLARED else None
        undeclared = self.undeclared.rules(table) if table is not None else {}
        if table is None or not undeclared or check.rule.shown:
            return undeclared, self.catalog, self.pools
        catalog = self.undeclared.hidden(table)
        return undeclared, catalog, declared_pools(self.connection, catalog, self.checks)


def _ask(check: DeclaredCheck, connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    """Asks one check for all that others need to know of it; raises what that raises."""
    declared_pools(connection, catalog, [check])
    UnexplainedTriggers.of([check], catalog)
    DeclaredRefusals([check], catalog)
