"""Refusals that are not a constraint's: a trigger's, told by its SQLSTATE and whatever else it says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from harness.catalog.model import Table
from harness.probes import Execute, Refused, Statement
from harness.project import keys
from harness.project.keys import key, section


@dataclass(frozen=True)
class RefusedBy:
    """``{sqlstate: AB001, constraint: milestone_moves, trigger: guard_milestones}``; any of them, at least one.

    A trigger that raises ``USING CONSTRAINT = …`` is told by that name, any other by its function in the context of
    the error: its text decides nothing.
    """

    sqlstate: str = key(keys.sqlstate, "the SQLSTATE that it raises", default="P0001")
    constraint: str | None = key(keys.name, "the constraint that it names", default=None)
    trigger: str | None = key(keys.name, "the trigger", default=None)

    def by(self, table: Table) -> Refused:
        """The refusal of a trigger on this table. Raises :class:`~harness.catalog.model.Missing` if it is not there."""
        routine = table.trigger(self.trigger).function if self.trigger else None
        return Refused((self.sqlstate,), constraint=self.constraint, routine=routine)

    def anywhere(self) -> Refused:
        """The refusal as far as it can be told without a catalog."""
        return Refused((self.sqlstate,), constraint=self.constraint)

    @property
    def name(self) -> str | None:
        """What it is called by: its constraint, else its trigger."""
        return self.constraint or self.trigger


REFUSED_BY = section(RefusedBy, "refused_by")


def unnoticed(*statements: Statement) -> tuple[Statement, ...]:
    """Statements that no ordinary trigger and no foreign key sees; only a superuser may."""
    off, on = (f"select set_config('session_replication_role', '{role}', true)" for role in ("replica", "origin"))
    return Execute(off), *statements, Execute(on)
