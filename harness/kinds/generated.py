"""generated"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from hypothesis.errors import UnsatisfiedAssumption

from harness.kinds.base import Draft, Fact, Kind, ScenarioStrategy, Subject, Values, identifier, show
from harness.oracle import Answer
from harness.probes import Accepted, Insert, Postcondition, Probe, Refused, Scenario
from harness.project import sql
from harness.project.keys import ColumnForm, expression, key, name
from harness.solver.rules import computable_column, deciding_columns

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
    names, the value is the result of the expression. A value that INSERT or UPDATE sends is refused (428C9).

    Of a virtual column (PostgreSQL 18) nothing is computed before it is read. If that fails for a row that the other
    rules accept (an overflow), a note says for which: every query that reads the column will fail at such a row.
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
                changes = {source: self._changed(subject, draft, row, fresh, source)}
                if changes[source] != row[source] and subject.may_update(changes):
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

    def _changed(self, subject: Subject, draft: Draft, row: Values, fresh: Values, source: str) -> str | None:
        """Returns another value of a column, with which the row keeps all rules; its own if there is none."""
        others = {name: value for name, value in row.items() if name not in (source, self.generated)}
        if subject.pools.valid_values(subject.table, source, (fresh[source],), others):
            return fresh[source]
        try:
            return draft.other_value(subject.table.name, source, row)
        except UnsatisfiedAssumption:
            return row[source]

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        table = subject.table
        if not any((each.name, each.generated) == (self.generated, "v") for each in table.columns):
            return
        read = f"{identifier(self.generated)} is null"
        columns = deciding_columns(table, read)
        unread = [computable_column(column) for column in table.columns if column.generated == "v"]
        others = (rule.predicate for rule in subject.pools.rules(table) if rule not in unread)
        rules = [each for each in others if {*deciding_columns(table, each)} <= {*columns}]
        rows = subject.pools.combinations(table, columns)
        for row, (own, *kept) in zip(rows, subject.oracle.answers(table, columns, rows, [read, *rules]), strict=True):
            if own is Answer.ERROR and all(answer.holds for answer in kept):
                values = ", ".join(f"{name} = {show({name: value})}" for name, value in zip(columns, row, strict=True))
                why = subject.oracle.failure(table, columns, row, read)
                yield f"no rule refuses a row with {values}, and reading it fails: {why}"
                return
