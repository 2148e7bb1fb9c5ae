"""check"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st

from harness.catalog.model import Constraint, Table
from harness.catalog.parts import Part
from harness.generation.draft import Draft
from harness.kinds import _heirs as heirs
from harness.kinds._predicate import breaking, equivalence, speaking
from harness.kinds._refused_by import failing
from harness.kinds.base import Begun, Fact, Kind, Subject, default_name, show
from harness.probes import Accepted, Either, Insert, Postcondition, Probe, Refused, Scenario
from harness.probes.statement import qualified
from harness.project import sql
from harness.project.keys import ColumnForm, boolean, key, name, predicate
from harness.project.model import NewRow, TableName
from harness.solver.rules import Rule

TRIED = 4
"""Values that break it of which rows of another table are tried."""


@dataclass(frozen=True)
class CheckKind(Kind):
    """A predicate that every row keeps: true or null.

    ```yaml
    columns:
      quantity: {type: integer, check: quantity > 0, constraint: chk_quantity_positive}
    checks:
      - check: ends_at > starts_at
        constraint: chk_order
    ```

    PostgreSQL evaluates the predicate as an oracle, apart from the table. Proven: on values where every other declared
    rule holds, those for which it is true or null are accepted and those for which it is false are refused by
    `constraint` (23514), on insert and on update. Tried are the constants of all rules on these columns, their
    neighbours, the edges of the type and drawn values. `implied_by` names a stricter rule, which refuses
    all that this one does (`a >= 10` beside `a > 0`): of two CHECKs PostgreSQL names the first in the alphabet.
    A constraint that says NO INHERIT is broken by the rows of tables that inherit, unless `only: true` leaves them out.
    """

    column_form: ClassVar = ColumnForm(column="column", value="check", keys=("constraint", "implied_by"))
    varies: ClassVar = True

    check: str = key(predicate, "the predicate, in SQL")
    column: str | None = key(name, "the column it stands with", default=None)
    constraint: str | None = key(
        name, "the constraint in the database; by default PostgreSQL's name for it", default=None
    )
    implied_by: str | None = key(name, "the constraint that refuses before this one can", default=None)
    only: bool = heirs.only()
    validated: bool = key(boolean, "false: rows that stood before it may break it (NOT VALID)", default=True)

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(sql.columns(self.check))

    def _constraint(self, table: TableName) -> str:
        columns = sql.columns(self.check)
        return self.constraint or default_name(table, columns if len(columns) == 1 else (), "check")

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(self.check, self.constraint, implied_by=self.implied_by),)

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (Refused(("23514",), table, constraint=self._constraint(table)), *failing(self.check))

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return (Part("constraint", self._constraint(table)),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        yield from enforced(subject, self._constraint(subject.table.name), self.validated)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario] | Begun:
        constraint = speaking(subject, self._constraint(subject.table.name), self.implied_by)
        refused = Refused(("23514",), subject.table.name, constraint=constraint)
        stated = equivalence(subject, self.check, refused, self.implied_by)
        escaped = () if self.only else self._escaped(subject)
        if not escaped:
            return stated
        bad = breaking(subject, self.check, refused, self.implied_by)
        own = stated.pairs.map(stated.build) if isinstance(stated, Begun) else stated
        return st.one_of(subject.scenarios(lambda draft: self._in_heirs(subject, draft, escaped, bad)), own)

    def _escaped(self, subject: Subject) -> tuple[Table, ...]:
        """The tables that inherit from this one, but for the constraint."""
        name = self._constraint(subject.table.name)
        own = next((each for each in subject.table.checks if each.name == name), None)
        if own is None or own.inherited:
            return ()
        return tuple(
            heir for heir in heirs.heirs(subject) if all(each.expression != own.expression for each in heir.checks)
        )

    def _in_heirs(self, subject: Subject, draft: Draft, escaped: tuple[Table, ...], bad: list[NewRow]) -> Scenario:
        """Rows of a table that inherits from this one are among its rows."""
        table = subject.table.name
        found = f"select coalesce(nullif(count(*), 0)::text, 'none') from {qualified(table)}"
        then = Postcondition(f"{found} where ({self.check}\n) is false", "none", f"rows of {table} that break it")
        probes: list[Probe] = []
        for heir in escaped:
            row = Insert(heir.name, draft.row(heir.name))
            probes.append(Probe(row, Accepted(), f"a row of {heir.name}", f"a row of {heir.name}"))
            for values in draft.sample(bad, TRIED):
                words = f"{show(values)} in {heir.name}, which inherits from it,"
                insert = Insert(heir.name, draft.row(heir.name, values))
                probes.append(Probe(insert, Either(), "one of an heir", words, then=then, required=False))
        return Scenario(tuple(draft.inserts), tuple(probes))


def validated(constraint: Constraint, expected: bool = True) -> Fact:
    """A constraint holds for rows that stood before it, too; or is NOT VALID, if that is ``expected``."""
    state = "validated" if constraint.validated else "NOT VALID" if constraint.enforced else "NOT ENFORCED"
    return Fact(f"{constraint.name} {'validated' if expected else 'NOT VALID'}", f"{constraint.name} {state}")


def enforced(subject: Subject, constraint: str, expected: bool = True) -> Iterator[Fact]:
    """A CHECK of that name is there and validated, or NOT VALID if it is not ``expected`` so."""
    domains = [column for column in subject.table.columns if column.is_domain]
    if not domains or any(found.name == constraint for found in subject.table.constraints):
        yield validated(subject.table.constraint(constraint), expected)
