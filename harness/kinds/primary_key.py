"""primary_key"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog import PrimaryKey
from harness.kinds.base import (
    Draft,
    Fact,
    Kind,
    Rule,
    ScenarioStrategy,
    Subject,
    Table,
    TableName,
    TableRule,
    column_list,
    inserted,
    show,
)
from harness.kinds.toolkit import inheritance
from harness.kinds.toolkit.conflicts import LAST_COLUMN, OVERLAP, overlaps, without_overlaps
from harness.kinds.toolkit.constraints import deferrable, named_otherwise, timing_fact
from harness.kinds.toolkit.invariants import no_duplicates
from harness.kinds.toolkit.keys import RowsWithKey, deciding_key_columns, refuses_null_itself, room_for_rows
from harness.probes import Delete, Family, Insert, Probe, Refused, SqlStatement, Update
from harness.project.keys import key, name, names
from harness.solver.rules import not_empty

ROOM = 5
"""Rows that the probes need: two existing ones and a third for the key, two more for NULL."""


@dataclass(frozen=True)
class PrimaryKeyKind(Kind):
    """No two rows have the same key, and none has a NULL in it.

    ```yaml
    - primary_key: [id]
    - primary_key: [order_id, line_no]
      constraint: pk_order_lines
    - primary_key: [product_id, valid]
      without_overlaps: true
    ```

    Proven: the same key is refused on insert and on update (23505). NULL in any column of the key is refused (23502).
    Rows that differ in any one column of the key are accepted, so the key is not too narrow. NULL is not tried in a
    generated column, and not in a column that decides the partition. `implied_by` names an older unique key on the same
    columns or on fewer, which PostgreSQL checks first.

    With `without_overlaps` the last column is a range (PostgreSQL 18). Proven is then that rows are refused whose
    ranges overlap and whose other columns are the same (23P01), or whose range is empty (23514).

    A row of a table that inherits from this one does not have the key of another row either: no key of PostgreSQL
    covers such rows, but a query of this table finds them. `only: true` leaves them out, as ONLY does.
    """

    varies = True

    primary_key: tuple[str, ...] = key(names, "the columns of the key, in their order")
    constraint: str | None = key(name, "the constraint in the database; by default <table>_pkey", default=None)
    without_overlaps: bool = without_overlaps()
    only: bool = inheritance.only()
    deferrable: str | None = deferrable()
    implied_by: str | None = key(name, "the constraint that refuses before this one can", default=None)

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(self.primary_key)

    def _constraint(self, table: TableName) -> str:
        return self.constraint or f"{table.table}_pkey"

    def rules(self) -> tuple[Rule, ...]:
        return (not_empty(self.primary_key),) if self.without_overlaps else ()

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        nulls = (Refused(("23502",), table, column=column) for column in self.primary_key)
        taken = OVERLAP if self.without_overlaps else ("23505",)
        return (Refused(taken, table, constraint=self._constraint(table)), *nulls)

    def contradicts(self, brought: Update | Delete, by: SqlStatement) -> str | None:
        values = brought.set if isinstance(brought, Update) else {}
        return "" if any(values.get(column, "") is None for column in self.primary_key) else None

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return TableRule("constraint", self._constraint(table.name)), *(
            TableRule("not null", each) for each in self.primary_key
        )

    def meant(self, table: Table) -> str | None:
        keys = (each for each in table.constraints if isinstance(each, PrimaryKey))
        return named_otherwise(table, self._constraint(table.name), self.primary_key, keys)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        for column in self.primary_key:
            subject.table.column(column)  # a column that is not there is the better message
        constraint = subject.table.constraint(self._constraint(subject.table.name))
        expected = f"primary key {column_list(self.primary_key, LAST_COLUMN[self.without_overlaps])}"
        actual = column_list(constraint.columns, LAST_COLUMN[bool(constraint.operators)])
        yield Fact(expected, f"{constraint.noun} {actual}")
        yield from timing_fact(self.deferrable, constraint)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        table = subject.table.name
        constraint = self.implied_by or self._constraint(table)
        refused = Refused(("23505",), table, constraint=constraint)
        heirs = () if self.only else inheritance.heirs(subject)
        stored = [column for column in self.primary_key if subject.table.column(column).is_supplied]
        never_null = [column for column in stored if refuses_null_itself(subject, column)]

        def duplicates(draft: Draft) -> Iterator[Probe | Family]:
            yield from RowsWithKey(subject, draft, self.primary_key, {}).duplicates(refused, self.implied_by)
            if heirs:
                yield from self._in_heirs(subject, draft)

        taken = overlaps(subject, self.primary_key, constraint, heirs) if self.without_overlaps else duplicates

        def build(draft: Draft) -> Iterator[Probe | Family]:
            yield from taken(draft)
            if not never_null:
                return
            # Without room for other rows: PostgreSQL refuses a NULL before it looks for the key.
            few = room_for_rows(subject) < ROOM
            fresh = next(inserted(draft, table, {})) if few else draft.row(table)
            resident = next(inserted(draft, table, {})) if few or self.without_overlaps else draft.insert(table)
            for column in never_null:
                null = Refused(("23502",), table, column=column)
                insert = Insert(table, {**fresh, column: None})
                yield subject.varied(Probe(insert, null, f"null {column} on insert", f"{column} null"), (column,))
                if subject.may_update([column]):
                    update = subject.update(resident, {column: None})
                    yield Probe(update, null, f"null {column} on update", f"{column} null")

        return subject.probes(build)

    def _in_heirs(self, subject: Subject, draft: Draft) -> Iterator[Probe]:
        """Yields rows with the same key in a table that inherits from this one."""
        key = inheritance.part(draft.row(subject.table.name), deciding_key_columns(subject, self.primary_key))
        watch = no_duplicates(subject.table.name, self.primary_key)
        yield from inheritance.two_rows(subject, draft, (key, key), show(key), watch)
