"""not_null"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from harness.kinds.base import Begun, Fact, Kind, RowPair, ScenarioStrategy, Subject, TableName, identifier
from harness.kinds.toolkit import inheritance
from harness.kinds.toolkit.constraints import validated
from harness.kinds.toolkit.keys import refuses_null_itself
from harness.probes import Accepted, Delete, Insert, Probe, Refused, Scenario, SqlStatement, Update
from harness.project.keys import ColumnForm, key, name


@dataclass(frozen=True)
class NotNullKind(Kind):
    """The column always has a value.

    ```yaml
    columns:
      email: {type: text, not_null: true}
      phone: {type: text, not_null: {validated: false}}
    ```

    Proven: NULL is refused on insert and on update (23502, by this column), and a row with a value is accepted. In a
    column that a trigger fills (`touched_on_update`) NULL is tried with triggers switched off, which takes a superuser.
    NULL is not tried, and only the catalog is compared, without a superuser, in a generated column, in a column whose
    domain refuses NULL by a CHECK, and in a column that decides the partition, since no partition takes a NULL.

    `validated: false` declares a NOT NULL that is NOT VALID (PostgreSQL 18). A NOT NULL with NO INHERIT is broken by
    the rows of tables that inherit, unless `only: true` leaves them out.
    """

    rule_sort = "not null"
    column_form = ColumnForm(column="not_null")
    varies = True
    row_alone = True

    not_null: str = key(name, "the column")
    only: bool = inheritance.only()
    validated: bool = validated()

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (Refused(("23502",), table, column=self.not_null),)

    def contradicts(self, brought: Update | Delete, by: SqlStatement) -> str | None:
        return "" if isinstance(brought, Update) and brought.set.get(self.not_null, "") is None else None

    def facts(self, subject: Subject) -> Iterator[Fact]:
        column, words = subject.table.column(self.not_null), {True: "not null", False: "not null, NOT VALID"}
        yield Fact(words[self.validated], words[not column.not_null_unvalidated] if column.not_null else "nullable")

    def scenarios(self, subject: Subject) -> ScenarioStrategy | Begun | None:
        stated, column = self._own(subject), self.not_null
        heirs = () if self.only or stated is None else inheritance.heirs(subject)
        nullable = tuple(heir for heir in heirs if not heir.column(column).not_null)
        if stated is None or not nullable:
            return stated
        broken, null = f"{identifier(column)} is null", [{column: None}]
        of_heirs = subject.probes(lambda draft: inheritance.breaking(subject, draft, nullable, null, broken))
        return st.one_of(of_heirs, stated.pairs.map(stated.build))

    def _own(self, subject: Subject) -> Begun | None:
        table, column = subject.table.name, self.not_null
        if subject.table.column(column).generated or not refuses_null_itself(subject, column):
            return None
        refused = Refused(("23502",), table, column=column)
        # In the role of a replica PostgreSQL fires no ordinary triggers: none fills the column.
        settings = {"session_replication_role": "replica"} if column in subject.rewritten else {}
        if settings and not subject.roles.may_disable_triggers:
            return None

        def build(pair: RowPair) -> Scenario:
            resident, fresh, null = pair.resident, pair.fresh, {column: None}
            on_insert = Probe(Insert(table, {**fresh, **null}), refused, "null on insert", "null", settings)
            accepted = Probe(Insert(table, fresh), Accepted(1), "a value accepted", "a value")
            probes = [subject.varied(on_insert, null), subject.varied(accepted, ())]
            if subject.may_update(null):
                probes.append(Probe(subject.update(resident, null), refused, "null on update", "null", settings))
            return Scenario(pair.setup, tuple(probes))

        return subject.begun(build)
