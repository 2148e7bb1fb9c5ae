"""check"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from harness.catalog.parts import domain_rule
from harness.kinds.base import (
    Begun,
    Fact,
    Rule,
    ScenarioStrategy,
    Subject,
    Table,
    TableName,
    TableRule,
    default_name,
)
from harness.kinds.toolkit import inheritance
from harness.kinds.toolkit.constraints import Validatable, enforced, failing, named_otherwise, validated
from harness.kinds.toolkit.predicate_values import domain_column
from harness.kinds.toolkit.predicates import PredicateRule
from harness.probes import Refused
from harness.project import sql
from harness.project.keys import ColumnForm, key, name, predicate


class PredicateKind(Validatable):
    """A kind whose rule is a predicate that every row keeps, by a CHECK of its table or of a domain."""

    varies = True
    row_alone = True

    constraint: str | None
    implied_by: str | None

    @property
    def predicate(self) -> str:
        """The predicate, in SQL."""
        raise NotImplementedError

    @property
    def every(self) -> tuple[str, ...]:
        """The values of its one column of which each has to be accepted."""
        return ()

    def _constraint(self, table: TableName) -> str:
        columns = sql.columns(self.predicate)
        return self.constraint or default_name(table, columns if len(columns) == 1 else (), "check")

    def _rule(self, subject: Subject) -> PredicateRule:
        return PredicateRule(
            subject, self.predicate, self._constraint(subject.table.name), self.implied_by, self.enforced, self.every
        )

    def rules(self) -> tuple[Rule, ...]:
        return (Rule(self.predicate, self.constraint, implied_by=self.implied_by),) if self.enforced else ()

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        if not self.enforced:
            return ()
        return (Refused(("23514",), table, constraint=self._constraint(table)), *failing(self.predicate))

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        name = self._constraint(table.name)
        column = domain_column(table, self.predicate, name)
        if column is None:
            return (TableRule("constraint", name),)
        return tuple(domain_rule(each) for each in column.domain_check_names if each.name == name)

    def meant(self, table: Table) -> str | None:
        alike = (each for each in table.checks if _parts(each.expression) == _parts(self.predicate))
        return named_otherwise(table, self._constraint(table.name), sql.columns(self.predicate), alike)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        """States that the CHECK is in the table, and validated, or in a domain; and that it can fail."""
        if not sql.can_be_false(self.predicate):
            yield Fact("values that it refuses", "no value is refused, since it is never false")
        table, name = subject.table, self._constraint(subject.table.name)
        if domain_column(table, self.predicate, name) is None:
            yield self.validity_fact(table.constraint(name))

    def scenarios(self, subject: Subject) -> ScenarioStrategy | Begun | None:
        name = self._constraint(subject.table.name)
        unenforced = any(each.name == name and not each.enforced for each in subject.table.constraints)
        # What a declared rule that nobody enforces lets happen needs no example.
        return None if self.enforced and unenforced else self._rule(subject).scenarios()

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        yield from super().notes(subject, shown, masked)
        for condition in self._rule(subject).values.undecided if self.enforced else ():
            yield f"no row was found that is refused only because {condition}"


def _parts(predicate: str) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the constants of a predicate, and its operators and functions: PostgreSQL prints casts besides."""
    return frozenset(each.text for each in sql.constants(predicate)), sql.functions(predicate) - {"::"}


@dataclass(frozen=True)
class CheckKind(PredicateKind):
    """A predicate that every row keeps: true or null.

    ```yaml
    columns:
      quantity: {type: integer, check: quantity > 0, constraint: chk_quantity_positive}
    checks:
      - check: ends_at > starts_at
        constraint: chk_order
    ```

    Proven: values for which the predicate is true or null are accepted, and values for which it is false are refused by
    `constraint` (23514), on insert and on update. Every other declared rule holds for these values. They are the
    constants of all rules on these columns, their neighbours, the edges of the type and drawn values. PostgreSQL
    evaluates the predicate on them without the table.

    Each condition that AND, OR, NOT, BETWEEN and CASE join is tried alone, too: by values that it refuses and all other
    conditions let pass, also values that `<=` for `<`, the next number or a wider pattern would accept. A note names a
    condition for which no such values were found.

    `constraint` may be that of the column's domain: `check: share between 0 and 100` with `constraint: percent_check`.

    `implied_by` names a stricter rule, which refuses all that this one does (`a >= 10` beside `a > 0`): of two CHECKs
    PostgreSQL names the first in the alphabet. A constraint with NO INHERIT is broken by the rows of tables that
    inherit, unless `only: true` leaves them out.

    `enforced: false` declares a constraint that is NOT ENFORCED (PostgreSQL 18): values that break it have to be
    accepted. Such a check is never better than *present*.
    """

    column_form = ColumnForm(column="column", value="check", keys=("constraint", "implied_by"))

    check: str = key(predicate, "the predicate, in SQL")
    column: str | None = key(name, "the column it stands with", default=None)
    constraint: str | None = key(
        name, "the constraint in the database; by default PostgreSQL's name for it", default=None
    )
    implied_by: str | None = key(name, "the constraint that refuses before this one can", default=None)
    only: bool = inheritance.only()
    validated: bool = validated()
    enforced: bool = enforced()

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(sql.columns(self.check))

    @property
    def predicate(self) -> str:
        return self.check

    def scenarios(self, subject: Subject) -> ScenarioStrategy | Begun | None:
        stated = super().scenarios(subject)
        heirs = () if self.only else self._heirs_without_it(subject)
        if stated is None or not heirs:
            return stated
        _, bad = self._rule(subject).sides
        broken = f"({self.check}\n) is false"
        own = stated.pairs.map(stated.build) if isinstance(stated, Begun) else stated
        return st.one_of(subject.probes(lambda draft: inheritance.breaking(subject, draft, heirs, bad, broken)), own)

    def _heirs_without_it(self, subject: Subject) -> tuple[Table, ...]:
        """Returns the tables that inherit from this one, but do not have the constraint."""
        own = next((each for each in subject.table.checks if each.name == self._constraint(subject.table.name)), None)
        if own is None or own.inherited:
            return ()
        heirs = inheritance.heirs(subject)
        return tuple(heir for heir in heirs if all(each.expression != own.expression for each in heir.checks))
