"""generated"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.kinds.base import Draft, Fact, Kind, ScenarioStrategy, Subject, Values, identifier, show
from harness.probes import Accepted, Insert, Postcondition, Probe, Refused, Scenario
from harness.project import sql
from harness.project.keys import ColumnForm, expression, key, name

WRITTEN = Refused(("428C9",))
"""The refusal of a value for a generated column: PostgreSQL names no constraint."""


@dataclass(frozen=True)
class GeneratedKind(Kind):
    """A column that PostgreSQL always computes from other columns of the row, and that no statement can write.

    ```yaml
    columns:
      price: {type: "numeric(10,2)"}
      count: {type: integer}
      total: {type: numeric, generated: price * count}
    ```

    Proven: the catalog has this expression. After an insert, and after updates of single columns that the expression
    names, the stored value is the result of the expression. A value that INSERT or UPDATE sends is refused (428C9).
    """

    row_alone = True
    rule_sort = "generated"
    column_form = ColumnForm(column="generated", value="value")

    generated: str = key(name, "the column")
    value: str = key(expression, "what it is computed from, as an SQL expression")

    def facts(self, subject: Subject) -> Iterator[Fact]:
        column = subject.table.column(self.generated)
        expected = subject.canonical.generated(subject.table, self.generated, self.value)
        actual = "generated as" if column.generated else "default"
        yield Fact(f"generated as {expected}", f"{actual} {column.default}" if column.default else "not generated")

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        table = subject.table
        column = table.column(self.generated)
        sources = [source for source in sql.columns(self.value) if table.column(source).is_supplied]

        def computed(row: Values) -> Postcondition:
            holds = f"{identifier(column.name)}::text is not distinct from (({self.value}\n)::{column.type})::text"
            kept = {name: value for name, value in row.items() if name != column.name}
            return subject.stored(holds, kept, f"{column.name} is {self.value}")

        def build(draft: Draft) -> Scenario:
            row, fresh = draft.row(table.name), draft.row(table.name)
            for drawn in (row, fresh):
                drawn.pop(column.name, None)
            insert = Insert(table.name, fresh)
            probes = [Probe(insert, Accepted(1), "computed on insert", "a row", then=computed(fresh))]
            for source in sources:
                changes = {source: fresh[source]}
                if fresh[source] != row[source] and subject.may_update(changes):
                    update = subject.update(row, changes)
                    then = computed({**row, **changes})
                    value = f"{source} = {show(changes)}"
                    probes.append(Probe(update, Accepted(1), f"recomputed from {source}", value, then=then))
            sent = {column.name: None}
            inserted, updated = Insert(table.name, {**fresh, **sent}), subject.update(row, sent)
            probes.append(Probe(inserted, WRITTEN, "inserted", f"{column.name} inserted"))
            probes.append(Probe(updated, WRITTEN, "updated", f"{column.name} updated"))
            return Scenario((*draft.inserts, Insert(table.name, row)), tuple(probes))

        return subject.scenarios(build)
