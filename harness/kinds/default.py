"""default"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from harness.kinds.base import (
    Draft,
    Fact,
    Kind,
    NewRow,
    Rule,
    ScenarioStrategy,
    Subject,
    Unreliable,
    identifier,
)
from harness.probes import Accepted, Insert, Probe
from harness.project.keys import ColumnForm, default_value, key, name
from harness.solver.rules import tied_columns


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
    catalog, but not tried. If no partition takes a row with the default, the check is unreliable.
    """

    rule_sort = "default"
    column_form = ColumnForm(column="default", value="value")
    varies = True
    row_alone = True

    default: str = key(name, "the column")
    value: str = key(default_value, "the value, as an SQL expression")

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
        stable, default = self._evaluated(subject, value)
        holds = f"{stored}::text is not distinct from ({value})::text" if stable else f"{stored} is not null"
        meaning = f"{column.name} is {self.value}" if stable else f"{column.name} is not null"

        foreign = table.foreign_columns
        # Columns that rules tie to this one have to fit its default, and not a drawn value.
        fitting = self._tied_values(subject, default)
        # The parent that the default refers to has to exist; which one hangs on who writes where it is NULL here.
        known = stable and not (default is None and column.not_null)
        reference = {column.name: default} if column.name in foreign and known else {}

        def build(draft: Draft) -> Iterator[Probe]:
            chosen = draft.choose(fitting)
            fixed = {name: given for name, given in chosen.items() if given is None or name not in foreign}
            row = draft.row(table.name, {**fixed, **reference})
            given = {name: value for name, value in row.items() if name != column.name}
            for other in subject.variants(Insert(table.name, given), (column.name, *chosen)).values:
                sent = {**given, **other}
                then = subject.stored(holds, sent, meaning)
                yield Probe(Insert(table.name, sent), Accepted(1), "value when omitted", "a row without it", then=then)

        return subject.probes(build)

    def _evaluated(self, subject: Subject, value: str) -> tuple[bool, str | None]:
        """Returns whether the default is always the same, and its value now.

        One that reads a setting by which rows are written differs from row to row.
        """
        table = subject.table
        try:
            same = subject.oracle.scalar(table, f"({value})::text is not distinct from ({value})::text")
            return same == "true", subject.oracle.scalar(table, value)
        except psycopg.Error:
            if subject.pools.hints(table.name).claims:
                return False, None
            raise

    def _tied_values(self, subject: Subject, value: str | None) -> list[NewRow]:
        """Returns the values of the columns that rules tie to this one, for a value of it; ``[{}]`` if there are none.

        Raises :class:`Unreliable` if no partition of the table takes the value.
        """
        table, pools, column = subject.table, subject.pools, self.default
        rules = pools.rules(table)
        group = next((group for group in tied_columns(table, rules) if column in group), ())
        others = tuple(name for name in group if name != column)
        rows = [(value, *row) for row in pools.combinations(table, others)]
        if table.bounds and not pools.finder.valid(table, (column, *others), rows, [Rule(table.bounds)]):
            raise Unreliable(f"no partition of {table.name} takes the default of {column}, {self.value}")
        kept = pools.finder.valid(table, (column, *others), rows, rules) if others else []
        return [dict(zip(others, row[1:], strict=True)) for row in kept] or [{}]
