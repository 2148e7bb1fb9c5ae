"""Refusals that no constraint's name tells: those of triggers, and of functions that fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog.model import Table
from harness.kinds.base import Fact, Subject
from harness.probes import Execute, Refused, SqlStatement
from harness.project import keys, sql
from harness.project.keys import key, section, several


@dataclass(frozen=True)
class RefusedBy:
    """``{sqlstate: AB001, constraint: milestone_moves, trigger: guard_milestones}``; any of them, at least one.

    A trigger that raises ``USING CONSTRAINT = …`` is told by that name, any other by its function in the context of
    the error: its text decides nothing. A guard of several triggers (one for rows, one for TRUNCATE) lists them: each
    must be there, and any of them may refuse. ``silently``: a policy may also hide from the write a row that the role
    sees, which then ends with 0 rows and no error.
    """

    sqlstate: str = key(keys.sqlstate, "the SQLSTATE that it raises", default="P0001")
    constraint: str | None = key(keys.name, "the constraint that it names", default=None)
    trigger: tuple[str, ...] = key(several(keys.name), "the triggers, each of which must be there", default=())
    silently: bool = key(
        keys.boolean,
        "whether a policy may also hide the row from the write of a role that sees it: 0 rows",
        default=False,
    )

    def by(self, table: Table) -> Refused:
        """The refusal of a trigger on this table; one that is not there is for :meth:`facts` to tell."""
        routines = tuple(dict.fromkeys(each.function for each in table.triggers if each.name in self.trigger))
        return Refused((self.sqlstate,), constraint=self.constraint, routines=routines)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        """Each trigger is there and enabled. Raises :class:`~harness.catalog.model.Missing` if one is not there."""
        return (subject.fires(name) for name in self.trigger)

    def anywhere(self) -> Refused:
        """The refusal as far as it can be told without a catalog."""
        return Refused((self.sqlstate,), constraint=self.constraint, triggers=self.trigger)

    @property
    def name(self) -> str | None:
        """What it is called by: its constraint, else its first trigger."""
        return self.constraint or next(iter(self.trigger), None)


REFUSED_BY = section(RefusedBy, "refused_by")


def unnoticed(*statements: SqlStatement) -> tuple[SqlStatement, ...]:
    """Statements that no ordinary trigger and no foreign key sees; only a superuser may."""
    off, on = (f"select set_config('session_replication_role', '{role}', true)" for role in ("replica", "origin"))
    return Execute(off), *statements, Execute(on)


def failing(*expressions: str) -> tuple[Refused, ...]:
    """How the functions refuse that a rule's expressions call: they may fail where a row they look for is not there."""
    called = dict.fromkeys(name for each in expressions for _, name in sql.calls(each))
    return (Refused((), routines=tuple(called)),) if called else ()
