"""default and generated"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.kinds.base import (
    Draft,
    Fact,
    Kind,
    ScenarioStrategy,
    Subject,
    Values,
    condition,
    identifier,
    qualified,
    show,
)
from harness.probes import Accepted, Insert, Postcondition, Probe, Refused, Scenario
from harness.project import sql
from harness.project.keys import ColumnForm, expression, key, name

WRITTEN = Refused(("428C9",))
"""The refusal of a value for a generated column: PostgreSQL names no constraint."""


def _stored(subject: Subject, holds: str, row: Values, meaning: str) -> Postcondition:
    """States that a condition is true of a stored row."""
    found = f"select bool_and({holds})::text from {qualified(subject.table.name)} where {condition(subject.key(row))}"
    return Postcondition(found, "true", meaning)


@dataclass(frozen=True)
class DefaultKind(Kind):
    """The value of a column that an INSERT does not name.

    ```yaml
    columns:
      status:     {type: text, default: "'pending'"}
      created_at: {type: timestamptz, default: now()}
    ```

    The expression is SQL, so that a text has quotes of its own. Proven: the database has this default, and a row
    inserted without the column is accepted and has this value. If two evaluations differ (`gen_random_uuid()`), the
    stored value only has to be not null. A column that a trigger writes (`touched_on_update`) is compared with the
    catalog, but not tried.
    """

    rule_sort = "default"
    column_form = ColumnForm(column="default", value="value")
    varies = True

    default: str = key(name, "the column")
    value: str = key(expression, "the value, as an SQL expression")

    def facts(self, subject: Subject) -> Iterator[Fact]:
        column = subject.table.column(self.default)
        expected = subject.canonical.default(subject.table, self.default, self.value)
        yield Fact(f"default {expected}", f"default {column.default}" if column.default else "no default")

    def scenarios(self, subject: Subject) -> ScenarioStrategy | None:
        table, column = subject.table, subject.table.column(self.default)
        if column.name in subject.rewritten:
            return None
        stored = identifier(column.name)
        value = f"({self.value}\n)::{column.type}"
        stable = subject.oracle.scalar(table, f"({value})::text is not distinct from ({value})::text") == "true"
        holds = f"{stored}::text is not distinct from ({value})::text" if stable else f"{stored} is not null"
        meaning = f"{column.name} is {self.value}" if stable else f"{column.name} is not null"

        foreign = table.foreign_columns
        # Columns that rules tie to this one have to fit its default, and not a drawn value.
        default = subject.oracle.scalar(table, value)
        fitting = subject.pools.tied_values(table, column.name, default) or [{}]
        # The parent that the default refers to has to exist.
        reference = {column.name: default} if column.name in foreign and stable else {}

        def build(draft: Draft) -> Iterator[Probe]:
            chosen = draft.choose(fitting)
            fixed = {name: given for name, given in chosen.items() if given is None or name not in foreign}
            row = draft.row(table.name, {**fixed, **reference})
            given = {name: value for name, value in row.items() if name != column.name}
            for other in subject.variants(Insert(table.name, given), (column.name, *chosen)).values:
                sent = {**given, **other}
                then = _stored(subject, holds, sent, meaning)
                yield Probe(Insert(table.name, sent), Accepted(1), "value when omitted", "a row without it", then=then)

        return subject.probes(build)


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
            return _stored(subject, holds, kept, f"{column.name} is {self.value}")

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
