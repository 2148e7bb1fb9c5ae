"""accepted_values"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.kinds.base import Begun, Fact, ScenarioStrategy, Subject, Table, TableRule, identifier, literal
from harness.kinds.check import PredicateKind
from harness.kinds.toolkit.constraints import enforced, validated
from harness.project.keys import ColumnForm, key, name, several, text


@dataclass(frozen=True)
class AcceptedValuesKind(PredicateKind):
    """The column holds one of these values, or NULL where that is allowed.

    ```yaml
    columns:
      status: {type: text, not_null: true, accepted_values: [open, closed], constraint: chk_status}
    ```

    Proven: every value of the set is accepted, on insert and on update, but for those that another rule about the
    column refuses. Where no row is found that has a value and keeps the other rules, the check is *unreliable*. Other
    values are refused by `constraint` (23514): close misses, other cases, added blanks, whatever else the constraint
    in the database mentions, and drawn values. A scenario tries at most eighty values; of more it tries a drawn part.
    For a column of an enum type the labels themselves are compared.
    """

    column_form = ColumnForm(column="column", value="accepted_values", keys=("constraint", "implied_by"))

    accepted_values: tuple[str, ...] = key(several(text), "the values, as texts that the column's type reads")
    column: str = key(name, "the column")
    constraint: str | None = key(name, "the constraint; by default <table>_<column>_check", default=None)
    implied_by: str | None = key(name, "a stricter constraint, which refuses all that this one does", default=None)
    validated: bool = validated()
    enforced: bool = enforced()

    @property
    def subject(self) -> str:
        return self.column

    @property
    def predicate(self) -> str:
        values = ", ".join(literal(value).strip() for value in self.accepted_values)
        return f"{identifier(self.column)} in ({values})"

    @property
    def every(self) -> tuple[str, ...]:
        return self.accepted_values if self.enforced else ()

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return *super().declares(table), TableRule("labels", self.column)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        column = subject.table.column(self.column)
        if column.base_kind == "e":
            yield Fact(", ".join(sorted(self.accepted_values)), ", ".join(sorted(column.labels)))
        else:
            yield from super().facts(subject)

    def scenarios(self, subject: Subject) -> ScenarioStrategy | Begun | None:
        return None if subject.table.column(self.column).base_kind == "e" else super().scenarios(subject)
