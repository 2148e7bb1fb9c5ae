"""primary_key"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st

from harness.catalog.parts import TableRule
from harness.generation.draft import Draft
from harness.kinds import _heirs as heirs
from harness.kinds._deferrable import deferrable, timed
from harness.kinds._keys import drawn_for, duplicates, refuses_null_itself, room_for_rows
from harness.kinds._races import no_duplicates
from harness.kinds.base import Fact, Kind, Subject, column_list, show
from harness.probes import Probe, Refused, Scenario, Update
from harness.probes.statement import Insert
from harness.project.keys import key, name, names
from harness.project.model import TableName

ROOM = 5
"""Rows that are tried where there is room: two that stand and another for the key, two more for NULL."""


@dataclass(frozen=True)
class PrimaryKeyKind(Kind):
    """No two rows have the same key, and none has a NULL in it.

    ```yaml
    - primary_key: [id]
    - primary_key: [order_id, line_no]
      constraint: pk_order_lines
    ```

    Proven: the same key is refused on insert and on update (23505); NULL in any column of it is refused (23502); rows
    that differ in any one column of it are accepted, so the key is not too narrow. A generated column is not tried with
    NULL, and neither is one that decides the partition, since for that there is none. `implied_by` names an older
    unique key on the same columns or on fewer, which PostgreSQL asks first. Nor has a row of a table that inherits
    from this one the key of another: no key of PostgreSQL sees those, and a query of this table does. `only: true`
    leaves them out, as ONLY does.
    """

    varies: ClassVar = True

    primary_key: tuple[str, ...] = key(names, "the columns of the key, in their order")
    constraint: str | None = key(name, "the constraint in the database; by default <table>_pkey", default=None)
    only: bool = heirs.only()
    deferrable: str | None = deferrable()
    implied_by: str | None = key(name, "the constraint that refuses before this one can", default=None)

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(self.primary_key)

    def _constraint(self, table: TableName) -> str:
        return self.constraint or f"{table.table}_pkey"

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        nulls = (Refused(("23502",), table, column=column) for column in self.primary_key)
        return (Refused(("23505",), table, constraint=self._constraint(table)), *nulls)

    def declares(self, table: TableName) -> tuple[TableRule, ...]:
        return TableRule("constraint", self._constraint(table)), *(
            TableRule("not null", each) for each in self.primary_key
        )

    def facts(self, subject: Subject) -> Iterator[Fact]:
        for column in self.primary_key:
            subject.table.column(column)  # a slip in its name says more than that the key has others
        constraint = subject.table.constraint(self._constraint(subject.table.name))
        expected = f"primary key {column_list(self.primary_key)}"
        yield Fact(expected, f"{constraint.noun} {column_list(constraint.columns)}")
        yield from timed(self.deferrable, constraint)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        table = subject.table.name
        refused = Refused(("23505",), table, constraint=self.implied_by or self._constraint(table))
        implied = self.implied_by is not None
        stored = [column for column in self.primary_key if subject.table.column(column).is_supplied]
        never_null = [column for column in stored if refuses_null_itself(subject, column)]

        def build(draft: Draft) -> Scenario:
            probes = list(duplicates(subject, draft, self.primary_key, refused, implied=implied))
            if not self.only and heirs.heirs(subject):
                probes += self._in_heirs(subject, draft)
            if not never_null:
                return Scenario(tuple(draft.inserts), tuple(probes))
            if room_for_rows(subject) < ROOM:
                # No other rows can be: a NULL is refused before the key is looked for.
                fresh = resident = next(insert.values for insert in draft.inserts if insert.table == table)
            else:
                fresh, resident = draft.row(table), draft.insert(table)
            for column in never_null:
                null = Refused(("23502",), table, column=column)
                insert = Insert(table, {**fresh, column: None})
                on_insert = Probe(insert, null, f"null {column} on insert", f"{column} null")
                probes.append(subject.varied(on_insert, (column,)))
                if subject.may_update([column]):
                    update = Update(table, subject.key(resident), {column: None})
                    probes.append(Probe(update, null, f"null {column} on update", f"{column} null"))
            return Scenario(tuple(draft.inserts), tuple(probes))

        return subject.scenarios(build)

    def _in_heirs(self, subject: Subject, draft: Draft) -> Iterator[Probe]:
        """The same key in a table that inherits from this one, whose rows are among its rows."""
        key = heirs.of(draft.row(subject.table.name), drawn_for(subject, self.primary_key))
        watch = no_duplicates(subject.table.name, self.primary_key, None, False)
        yield from heirs.met(subject, draft, (key, key), show(key), watch)
