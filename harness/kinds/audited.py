"""audited"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import strategies as st

from harness.catalog.parts import Part
from harness.generation.draft import Draft
from harness.kinds._records import VARIABLES, Records
from harness.kinds._roads import present
from harness.kinds._writes import Writes
from harness.kinds.base import Fact, Kind, Subject
from harness.kinds.owners.askers import (
    as_key,
    asked_each,
    askers,
    check_keys,
    claims_key,
    drawn_for,
    known,
    named,
    sees_key,
    variables_key,
)
from harness.probes import Insert, Probe, Scenario
from harness.project import keys
from harness.project.keys import FrozenDict, choice, key, names, predicate_of, several
from harness.project.model import TableName

COMMANDS = ("insert", "update", "delete")


@dataclass(frozen=True)
class AuditedKind(Kind):
    """Whoever writes to the table leaves a record of it in another.

    ```yaml
    - audited: shop.audit_log
      on: [insert, update, delete]
      where: entity = 'ORDER'             # the records that are about this table; by default all
      row: >-
        entity_id = $row.id and action = $command
        and before_state is not distinct from to_jsonb($old)
        and after_state is not distinct from to_jsonb($new)
      unchanged: none
      trigger: orders_audit
    - audited: shop.status_log
      on: update
      of: [status]                        # the columns whose changes leave a record; by default any write does
      when: $new.status <> 'draft'        # and for which rows before and after
      row: order_id = $new.id and was is not distinct from $old.status and became = $new.status
    ```

    `row` is a predicate on the record; `$old` and `$new` are the written row before and after, as the table holds it
    (NULL where there is none), `$row` is the new one or else the old, `$command` is `insert`, `update` or `delete`;
    PostgreSQL evaluates it. Proven: each of the commands under `on`, with one row and with several, by an upsert
    and by what a parent's end does to the row, leaves exactly one record for each row, and it is as `row` says; other
    commands leave none. `unchanged` says whether an update that changes nothing leaves one; not said, it is not tried.

    Every column that may be updated is tried. Whether those of `of` have changed, and whether `when` is true, is judged
    by the row as the table holds it before and after, and not by which columns the statement names: what a BEFORE
    trigger changes has changed. An update of nothing that is recorded leaves none.
    With `as` it is these roles that write, with `claims`, each to one row at a time that it reaches.
    """

    about_triggers: ClassVar = True

    audited: TableName = key(keys.table, "the table that holds the records")
    row: str = key(
        predicate_of(*VARIABLES), "what a record says, as an SQL predicate with $old, $new, $row and $command"
    )
    on: tuple[str, ...] = key(several(choice(*COMMANDS)), "the commands that leave a record", default=COMMANDS)
    of: tuple[str, ...] = key(names, "the columns whose changes an update leaves a record of", default=())
    when: str | None = key(
        predicate_of(*VARIABLES), "the writes that leave a record, as a predicate with $old and $new", default=None
    )
    where: str | None = key(predicate_of(), "the records that are about this table", default=None)
    unchanged: str | None = key(choice("none", "one"), "what an update leaves that changes nothing", default=None)
    trigger: tuple[str, ...] = key(names, "the triggers that do it", default=())
    as_: tuple[str, ...] = as_key()
    claims: FrozenDict[Any] | None = claims_key()
    variables: FrozenDict[str] | None = variables_key()
    sees: str | None = sees_key()

    def __post_init__(self) -> None:
        check_keys(self)
        if self.of and "update" not in self.on:
            raise ValueError("`of` are columns that an update changes: say `on: update`")
        if self.of and self.unchanged == "one":
            raise ValueError("an update that changes nothing changes none of `of`: take `unchanged: one` out")
        check_keys(self)

    @property
    def subject(self) -> str:
        of = f" of {', '.join(self.of)}" if self.of else ""
        return f"{self.audited} on {', '.join(self.on)}{of}"

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return tuple(Part("trigger", name) for name in self.trigger)

    def roles(self) -> tuple[str, ...]:
        return named(self)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        subject.catalog.table(self.audited)
        for column in self.of:
            subject.table.column(column)
        for trigger in self.trigger:
            yield subject.fires(trigger)
        yield from known(self, subject)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        subject.catalog.table(self.audited)
        for column in self.of:
            subject.table.column(column)
        table = subject.table
        writes = Writes(subject, Records(self.audited, self.row, self.where), self.on, self.of, self.when)
        inside, outside = writes.sides
        asking = askers(self, subject)
        there = present(table, subject.pools.of(table))

        def build(draft: Draft) -> Scenario:
            fixed, theirs = drawn_for(asking, draft)
            row = draft.insert(table.name, fixed, (*there, *theirs), inside)
            fixed, _ = drawn_for(asking, draft)
            other = draft.insert(table.name, fixed, (*there, *theirs), outside)
            later = []
            for also in dict.fromkeys((inside, outside)):
                fixed, _ = drawn_for(asking, draft)
                later.append(draft.row(table.name, fixed, (*there, *theirs), also))
            probes: list[Probe] = []
            for fresh in later:
                probes += writes.probes("insert", Insert(table.name, fresh), "an insert", [(None, fresh)])
            later.append(draft.changed_row(table.name, {}))
            probes += writes.updates(draft, row, other, later)
            probes += writes.unchanged(row, self.unchanged)
            probes += writes.deletes(row, other)
            for constraint in table.foreign_keys:
                probes += writes.from_above(constraint, row)
            if asking:
                probes = list(asked_each(asking, draft, table.name, probes))
            return Scenario(tuple(draft.inserts), tuple(probes))

        return subject.scenarios(build)
