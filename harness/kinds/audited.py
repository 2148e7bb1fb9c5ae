"""audited"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from harness.kinds.audited_parts.records import VARIABLES, Records
from harness.kinds.audited_parts.writes import AuditedWrites
from harness.kinds.base import Draft, Fact, ScenarioStrategy, Subject, Table, TableName, TableRule
from harness.kinds.row_access.acting_roles import ActsAsRoles, as_roles_each, draw_reachable
from harness.kinds.toolkit.changes import filled_references
from harness.probes import Insert, Probe
from harness.project.keys import choice, key, names, predicate_of, several, table

COMMANDS = ("insert", "update", "delete")


@dataclass(frozen=True)
class AuditedKind(ActsAsRoles):
    """Every write to the table leaves a record in another table.

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

    `row` is a predicate on the record. `$old` and `$new` are the written row before and after, as the table has it, or
    NULL; `$row` is the new row, or else the old one; `$command` is `insert`, `update` or `delete`.

    Proven: each command under `on` leaves exactly one record for each row, and `row` is true for it. The commands are
    tried with one row and with two, by an upsert, and by the deletion of a parent. Other commands leave no record.
    `unchanged` says whether an update that changes nothing leaves one; without it, such an update is not tried.

    Every column that may be updated is tried. The row as the table has it before and after decides whether columns of
    `of` have changed and whether `when` is true, and not the columns that the statement names: what a BEFORE trigger
    changes has changed. An update of other columns leaves no record. With `as` these roles write, with `claims`, each
    to one row at a time that it reaches.
    """

    about_triggers = True

    audited: TableName = key(table, "the table that holds the records")
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.of and "update" not in self.on:
            raise ValueError("`of` are columns that an update changes: say `on: update`")
        if self.of and self.unchanged == "one":
            raise ValueError("an update that changes nothing changes none of `of`: take `unchanged: one` out")

    @property
    def subject(self) -> str:
        of = f" of {', '.join(self.of)}" if self.of else ""
        return f"{self.audited} on {', '.join(self.on)}{of}"

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return tuple(TableRule("trigger", name) for name in self.trigger)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        self._raise_for_missing(subject)
        for trigger in self.trigger:
            yield subject.fires(trigger)
        yield from subject.missing_roles(*self.roles())

    def _raise_for_missing(self, subject: Subject) -> None:
        """Raises :class:`~harness.catalog.model.Missing` if the table of records or a column is not there."""
        subject.catalog.table(self.audited)
        for column in self.of:
            subject.table.column(column)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        self._raise_for_missing(subject)
        table = subject.table
        writes = AuditedWrites(subject, Records(self.audited, self.row, self.where), self.on, self.of, self.when)
        inside, outside = writes.sides
        roles = self.acting_roles(subject)
        filled = filled_references(table, subject.pools.of(table))

        def build(draft: Draft) -> Sequence[Probe]:
            drawn = partial(draw_reachable, roles, draft)
            row, other = (drawn(draft.insert, table.name, filled, also) for also in (inside, outside))
            later = [drawn(draft.row, table.name, filled, also) for also in dict.fromkeys((inside, outside))]
            probes: list[Probe] = []
            for fresh in later:
                probes += writes.probes("insert", Insert(table.name, fresh), "an insert", [(None, fresh)])
            later.append(draft.changed_row(table.name, {}))
            probes += writes.updates(draft, row, other, later)
            probes += writes.unchanged(row, self.unchanged)
            probes += writes.deletes(row, other)
            for constraint in table.foreign_keys:
                probes += writes.from_above(constraint, row)
            return list(as_roles_each(roles, draft, table.name, probes)) if roles else probes

        return subject.probes(build)
