"""exclude"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.generation.exclusions import ExclusionElements
from harness.kinds.base import Fact, Kind, RacesStrategy, Rule, ScenarioStrategy, Subject, TableName
from harness.kinds.toolkit import inheritance
from harness.kinds.toolkit.conflicts import OVERLAP, Conflicts
from harness.kinds.toolkit.constraints import deferrable, failing, timing_fact
from harness.kinds.toolkit.key_expressions import can_be_computed
from harness.probes import Refused
from harness.project import sql
from harness.project.keys import FrozenDict, concurrently, expression, key, mapping, name, operator, predicate


@dataclass(frozen=True)
class ExcludeKind(Kind):
    """No two rows conflict: there are no two rows for which every operator is true.

    ```yaml
    - exclude:
        room_id: "="
        tstzrange(starts_at, ends_at): "&&"
      where: not cancelled
      constraint: bookings_no_overlap
    ```

    Proven: a row is refused by `constraint` (23P01), on insert and on update, if all operators are true between it and
    an existing row. It is accepted where one of them is false or null (another room, a range that only touches), and
    where one of the two rows is outside of `where`, by each of its conditions alone. PostgreSQL evaluates the
    expressions and operators on two rows without the table. `concurrently: true`: two transactions at once do not both
    insert such rows. Neither of the rows is one of a table that inherits from this one, which no constraint covers;
    `only: true` leaves those out.
    """

    rule_sort = "constraint"

    exclude: FrozenDict[str] = key(
        mapping(operator, expression), "expression: the operator that compares it in two rows, in quotes"
    )
    constraint: str = key(name, "the exclusion constraint")
    where: str | None = key(predicate, "the rows it holds for, as an SQL predicate", default=None)
    only: bool = inheritance.only()
    deferrable: str | None = deferrable()
    concurrently: tuple[str, ...] = concurrently()

    @property
    def subject(self) -> str:
        return self.constraint

    @property
    def exclusion(self) -> ExclusionElements:
        return ExclusionElements(tuple(self.exclude.items()), self.where)

    def rules(self) -> tuple[Rule, ...]:
        # A range whose end comes first cannot be computed; a CHECK, if there is one, refuses it before.
        return can_be_computed(each for each in self.exclude if sql.columns(each) != (each,))

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (Refused(OVERLAP, table, constraint=self.constraint), *failing(*self.exclude, self.where or "true"))

    def facts(self, subject: Subject) -> Iterator[Fact]:
        actual = subject.table.constraint(self.constraint)
        article = "an" if actual.noun == "exclusion" else "a"
        yield Fact(f"{self.constraint} is an exclusion", f"{self.constraint} is {article} {actual.noun}")
        yield from timing_fact(self.deferrable, actual)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        return subject.probes(self._conflicts(subject).prober())

    def races(self, subject: Subject) -> RacesStrategy:
        return self._conflicts(subject).races()

    def _conflicts(self, subject: Subject) -> Conflicts:
        heirs = () if self.only else inheritance.heirs(subject)
        return Conflicts(subject, self.exclusion, self.refusals(subject.table.name)[0], heirs)
