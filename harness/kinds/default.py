"""default"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st

from harness.catalog.parts import Part
from harness.generation.draft import Draft
from harness.kinds.base import Fact, Kind, Subject
from harness.probes import Accepted, Insert, Postcondition, Probe, Scenario
from harness.probes.statement import condition, identifier, qualified
from harness.project.keys import ColumnForm, expression, key, name
from harness.project.model import TableName


@dataclass(frozen=True)
class DefaultKind(Kind):
    """The value a column takes when nobody gives one.

    ```yaml
    columns:
      status:     {type: text, default: "'pending'"}
      created_at: {type: timestamptz, default: now()}
    ```

    The expression is SQL: a text stands in quotes of its own. Proven: the database has this default, and a row
    inserted without the column is accepted and holds its value. Where two evaluations differ (`gen_random_uuid()`),
    the stored value is only not null. What a trigger rewrites anyway (`touched_on_update`) is compared but not tried.
    """

    column_form: ClassVar = ColumnForm(column="default", value="value")
    varies: ClassVar = True

    default: str = key(name, "the column")
    value: str = key(expression, "the value, as an SQL expression")

    @property
    def subject(self) -> str:
        return self.default

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return (Part("default", self.default),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        column = subject.table.column(self.default)
        expected = subject.canonical.default(subject.table, self.default, self.value)
        yield Fact(f"default {expected}", f"default {column.default}" if column.default else "no default")

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario] | None:
        table, column = subject.table, subject.table.column(self.default)
        if column.name in subject.rewritten:
            return None
        stored = identifier(column.name)
        value = f"({self.value}\n)::{column.type}"
        stable = subject.oracle.scalar(table, f"({value})::text is not distinct from ({value})::text") == "true"
        holds = f"{stored}::text is not distinct from ({value})::text" if stable else f"{stored} is not null"
        meaning = f"{column.name} is {self.value}" if stable else f"{column.name} is not null"

        foreign = {name for key in table.foreign_keys for name in key.columns}
        # What rules tie to this column has to go with its default, and not with a value that is drawn.
        omitted = subject.oracle.scalar(table, value)
        beside = subject.pools.tied_values(table, column.name, omitted) or [{}]
        # The row that it leads to has to stand.
        led = {column.name: omitted} if column.name in foreign and stable else {}

        def build(draft: Draft) -> Scenario:
            chosen = draft.choose(beside)
            fixed = {name: given for name, given in chosen.items() if given is None or name not in foreign}
            row = draft.row(table.name, {**fixed, **led})
            given = {name: value for name, value in row.items() if name != column.name}
            variants = subject.variants(Insert(table.name, given), (column.name, *chosen))
            return Scenario(tuple(draft.inserts), tuple(probe({**given, **other}) for other in variants.values))

        def probe(given: dict[str, str | None]) -> Probe:
            found = f"select bool_and({holds})::text from {qualified(table.name)} where {condition(subject.key(given))}"
            then = Postcondition(found, "true", meaning)
            return Probe(Insert(table.name, given), Accepted(1), "value when omitted", "a row without it", then=then)

        return subject.scenarios(build)
