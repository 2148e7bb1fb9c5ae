"""Constraints and triggers as several kinds name them: the keys for it, the facts, and the refusals.

Of a constraint the catalog says whether it is deferrable, validated and enforced. Triggers, and functions that fail,
refuse without the name of a constraint: ``refused_by`` says how they are recognised.
Not here: which of several rules has refused a probe (``proving/attribution.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.catalog.model import Constraint, Index
from harness.kinds.base import Fact, Kind, Subject, Table, TableName
from harness.kinds.row_access.acting_roles import ActsAsRoles
from harness.probes import Refused
from harness.project import keys, sql
from harness.project.keys import boolean, choice, key, section, several

TIMINGS = ("not", "initially immediate", "initially deferred")


def named_otherwise(table: Table, name: str, columns: Iterable[str], known: Iterable[Constraint | Index]) -> str | None:
    """Returns the only one of the ``known`` rules on these columns, where the table has none of the ``name``."""
    found = [rule.name for rule in known if {*rule.columns} == {*columns}]
    return found[0] if len(found) == 1 and name not in table.rule_names else None


def deferrable() -> Any:
    """Makes the field ``deferrable`` of a kind; None compares nothing."""
    return key(choice(*TIMINGS), "whether it can wait for the end of the transaction, if that matters", default=None)


def validated() -> Any:
    """Makes the field ``validated`` of a kind."""
    return key(boolean, "false: rows that stood before it may break it (NOT VALID)", default=True)


def timing(constraint: Constraint) -> str:
    """Returns the timing of a constraint, in the words of the field ``deferrable``."""
    return TIMINGS[constraint.deferrable + constraint.deferred]


def timing_fact(expected: str | None, constraint: Constraint) -> Iterator[Fact]:
    """Compares the timing of a constraint with the declared one, if there is one."""
    if expected is not None:
        yield Fact(f"deferrable: {expected}", f"deferrable: {timing(constraint)}")


def enforced() -> Any:
    """Makes the field ``enforced`` of a kind."""
    return key(boolean, "false: PostgreSQL refuses nothing that breaks it (NOT ENFORCED)", default=True)


def enforced_fact(constraint: Constraint) -> Fact:
    """States that PostgreSQL enforces a constraint."""
    unenforced = f"{constraint.name} is NOT ENFORCED: nothing refuses a row that breaks it"
    return Fact(f"{constraint.name} enforced", f"{constraint.name} enforced" if constraint.enforced else unenforced)


class Validatable(Kind):
    """A kind with the keys ``validated`` and ``enforced``."""

    validated: bool
    enforced: bool

    def validity_fact(self, constraint: Constraint) -> Fact:
        """States that existing rows were checked (VALIDATED); or NOT VALID, or NOT ENFORCED, if that is declared."""
        if self.enforced and not constraint.enforced:
            return enforced_fact(constraint)
        state = "validated" if constraint.validated else "NOT VALID" if constraint.enforced else "NOT ENFORCED"
        declared = "NOT ENFORCED" if not self.enforced else "validated" if self.validated else "NOT VALID"
        return Fact(f"{constraint.name} {declared}", f"{constraint.name} {state}")

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        if not self.enforced:
            yield "nobody enforces it: the constraint is NOT ENFORCED, and rows that break it were accepted"


@dataclass(frozen=True)
class RefusedBy:
    """``{sqlstate: AB001, constraint: milestone_moves, trigger: guard_milestones}``; any of them, at least one.

    A trigger that raises ``USING CONSTRAINT = …`` is recognised by that name, any other trigger by its function in the
    context of the error; the text of the error does not matter. A guard may have several triggers, one for rows and one
    for TRUNCATE: each must be there, and any of them may refuse. ``silently``: a policy may also hide the row from the
    write, although the role sees it; the write then ends with 0 rows and no error.
    """

    sqlstate: str = key(keys.sqlstate, "the SQLSTATE that it raises", default="P0001")
    constraint: str | None = key(keys.name, "the constraint that it names", default=None)
    trigger: tuple[str, ...] = key(several(keys.name), "the triggers, each of which must be there", default=())
    silently: bool = key(
        boolean,
        "whether a policy may also hide the row from the write of a role that sees it: 0 rows",
        default=False,
    )

    def by(self, table: Table) -> Refused:
        """Returns the refusal by triggers of this table; :meth:`facts` reports a trigger that is not there."""
        routines = tuple(dict.fromkeys(each.function for each in table.triggers if each.name in self.trigger))
        return Refused((self.sqlstate,), constraint=self.constraint, routines=routines)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        """States that each trigger is enabled. Raises :class:`~harness.catalog.model.Missing` if one is not there."""
        return (subject.fires(name) for name in self.trigger)

    def anywhere(self) -> Refused:
        """Returns the refusal without a look at the catalog: by the names of the triggers."""
        return Refused((self.sqlstate,), constraint=self.constraint, triggers=self.trigger)

    @property
    def name(self) -> str | None:
        """The constraint that the triggers name, else the first trigger."""
        return self.constraint or next(iter(self.trigger), None)


REFUSED_BY = section(RefusedBy, "refused_by")


def failing(*expressions: str) -> tuple[Refused, ...]:
    """Returns the errors of the functions that expressions call: one may fail where it does not find a row."""
    called = dict.fromkeys(name for each in expressions for _, name in sql.calls(each))
    return (Refused((), routines=tuple(called)),) if called else ()


class GuardedKind(ActsAsRoles):
    """A kind with the key ``refused_by``: triggers or policies refuse what it forbids."""

    about_triggers = True

    refused_by: RefusedBy

    @property
    def policies_hide(self) -> bool:
        return self.refused_by.silently

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (self.refused_by.anywhere(),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        yield from self.refused_by.facts(subject)
        yield from subject.missing_roles(*self.roles())
