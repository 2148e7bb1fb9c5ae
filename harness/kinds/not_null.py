"""not_null"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.kinds.base import Begun, Fact, Kind, RowPair, Subject, TableName
from harness.kinds.toolkit.keys import refuses_null_itself
from harness.probes import Accepted, Insert, Probe, Refused, Scenario
from harness.project.keys import ColumnForm, key, name


@dataclass(frozen=True)
class NotNullKind(Kind):
    """The column always has a value.

    ```yaml
    columns:
      email: {type: text, not_null: true}
    ```

    Proven: NULL is refused on insert and on update (23502, by this column), and a row with a value is accepted. In a
    column that a trigger fills (`touched_on_update`) NULL is tried with triggers switched off, which takes a superuser.
    NULL is not tried, and only the catalog is compared, without a superuser, in a generated column, in a column whose
    domain refuses NULL by a CHECK, and in a column that decides the partition, since no partition takes a NULL.
    """

    rule_sort = "not null"
    column_form = ColumnForm(column="not_null")
    varies = True
    row_alone = True

    not_null: str = key(name, "the column")

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (Refused(("23502",), table, column=self.not_null),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        yield Fact("not null", "not null" if subject.table.column(self.not_null).not_null else "nullable")

    def scenarios(self, subject: Subject) -> Begun | None:
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
