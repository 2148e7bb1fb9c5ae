"""immutable"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.catalog.roles import WHO_MAY_DISABLE_TRIGGERS
from harness.kinds.base import Draft, Fact, Missing, NewRow, Rule, ScenarioStrategy, Subject, Table, Unreliable
from harness.kinds.immutable_parts.changes import ROWS, TRUNCATE, Change, ChangeFromAbove, Changes
from harness.kinds.row_access.acting_roles import ActingRole, draw_reachable
from harness.kinds.toolkit.changes import filled_references
from harness.kinds.toolkit.constraints import REFUSED_BY, GuardedKind, RefusedBy
from harness.kinds.toolkit.statements import NESTING, without_triggers
from harness.probes import (
    INSUFFICIENT_PRIVILEGE,
    Accepted,
    Delete,
    Execute,
    Insert,
    Probe,
    Refused,
    Scenario,
    SqlStatement,
    Update,
)
from harness.project.keys import boolean, choice, key, names, predicate, section, several


@dataclass(frozen=True)
class ImmutableKind(GuardedKind):
    """Rows, or some of their columns, that no role changes any more.

    ```yaml
    - immutable: rows                     # append-only: no update, no delete, no truncate
      roles: [authenticated, service_role, $owner]
      refused_by: {trigger: [audit_logs_append_only, audit_logs_no_truncate]}
      except: {on_delete: auth.users, sets_null: [user_id]}
    - immutable: rows                     # a decision that stays, and goes with its case
      when: status <> 'pending'
      unchanged: free
      refused_by: {trigger: [reviews_resolved, reviews_no_truncate]}
      except: {on_delete: shop.cases}
    - immutable: [created_by, created_at]
      refused_by: {trigger: orders_keep_origin}
    - immutable: truncate                 # TRUNCATE alone
      refused_by: {trigger: orders_no_truncate}
    ```

    Proven for the user of the connection and for each of `roles` (`$owner` is the table's owner): an update of each
    column is refused as `refused_by` says, also from NULL, to NULL, by an upsert and from within a trigger. The columns
    are those listed, or all with `rows`. With `rows` a delete, a TRUNCATE, and what the deletion of a parent would do
    to the row, up the whole chain, are refused as well. Columns that are not listed can be changed, and rows can be
    inserted.

    A role may also lack the privilege, or be refused by a policy (42501), on a row that it reaches with `claims`. A
    write that ends with 0 rows shows nothing, unless the role sees the row and `silently: true` says that policies hide
    it from the write. With `as` only these roles are tried, without the user of the connection. With `sqlstate:
    "42501"` the rule is one of privileges, and only the roles are tried.

    With `when` all this holds for the rows for which it is true; the other rows can be changed. `except` names the
    parents that may be deleted: each deletion sets to NULL what it says, or deletes the row, and the same change by
    hand is refused. An update that changes nothing is refused with `rows`, and accepted with columns, unless
    `unchanged` says otherwise. `always: true` proves the rule with `session_replication_role` at `replica` too, where
    only ENABLE ALWAYS triggers fire.
    """

    immutable: tuple[str, ...] = key(names, "`rows`, `truncate`, or the columns that never change")
    refused_by: RefusedBy = key(REFUSED_BY, "how a change is refused")
    when: str | None = key(predicate, "the rows it holds for, as an SQL predicate", default=None)
    roles_: tuple[str, ...] = key(names, "roles for which it is tried besides, `$owner` among them", default=())
    except_: tuple[ChangeFromAbove, ...] = key(
        several(section(ChangeFromAbove, "except")), "the changes from above that pass", default=()
    )
    unchanged: str | None = key(
        choice("free", "refused"), "what becomes of an update that changes nothing", default=None
    )
    always: bool = key(boolean, "whether it holds where ordinary triggers do not fire", default=False)

    @property
    def named_roles(self) -> tuple[str, ...]:
        return (*self.roles_, *self.as_)

    @property
    def subject(self) -> str:
        return self.refused_by.name or "_".join(self.immutable)

    @property
    def _whole(self) -> bool:
        return self.immutable == (ROWS,)

    @property
    def _by_privileges(self) -> bool:
        return self.refused_by.sqlstate == "42501"

    @property
    def _unchanged(self) -> str:
        return self.unchanged or ("refused" if self._whole else "free")

    def rules(self) -> tuple[Rule, ...]:
        # Other checks need rows that can still change.
        return (Rule(f"({self.when}) is not true", on_insert_only=True),) if self.when else ()

    def bars(self, probe: Probe) -> bool:
        columns = probe.statement.set if isinstance(probe.statement, Update) else {}
        return self.when is None and bool(columns) and (self._whole or not {*columns}.isdisjoint(self.immutable))

    def contradicts(self, brought: Update | Delete, by: SqlStatement) -> str | None:
        changed = {*brought.set} if isinstance(brought, Update) else set()
        refuses = self._whole or not changed.isdisjoint(self.immutable)
        if self.when is not None or not refuses or not isinstance(by, Update | Delete):
            return None
        if any(each.on_delete == by.table for each in self.except_):
            return None
        if isinstance(by, Update) or (isinstance(brought, Update) and any(brought.set.values())):
            return "only one of the two can be meant"
        nulls = f", sets_null: [{', '.join(brought.set)}]" if isinstance(brought, Update) else ""
        return f"if a deletion may do this, say there `except: {{on_delete: {by.table}{nulls}}}`"

    def spares(self, refused: Refused, statement: SqlStatement) -> bool:
        return isinstance(statement, Delete) and any(each.on_delete == statement.table for each in self.except_)

    def frozen(self, table: Table) -> tuple[str, ...]:
        if self.when is not None or self._by_privileges or self.as_:
            return ()
        return tuple(column.name for column in table.columns if self._whole or column.name in self.immutable)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        for column in () if self.immutable in ((ROWS,), (TRUNCATE,)) else self.immutable:
            table.column(column)
        yield from super().facts(subject)
        parents = [str(foreign.references) for foreign in table.foreign_keys]
        for excepted in self.except_:
            if str(excepted.on_delete) not in parents:
                raise Missing(f"foreign key of {table.name} to", str(excepted.on_delete), parents)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        if (self.when or self.always) and not subject.roles.may_disable_triggers:
            raise Unreliable(f"it takes triggers switched off, which takes {WHO_MAY_DISABLE_TRIGGERS}")
        table, refused = subject.table, self.refused_by.by(subject.table)
        by_connection = not (self._by_privileges or self.as_)
        others = [each for each in self.acting_roles(subject) if each.role != subject.roles.current or self.as_]
        no_access = [role.no_access for role in others]
        if no_access and all(no_access):
            raise Unreliable(str(no_access[0]))
        if not by_connection and not others:
            raise Unreliable("nobody is there to try it: with 42501 name the roles that lack the privilege")

        def build(draft: Draft) -> Scenario:
            row, free = self._rows(subject, draft, others)
            fresh = draft.row(table.name, present=filled_references(table, subject.pools.of(table)))
            changes = Changes(subject, draft, self.immutable, self.except_, self._unchanged)
            tried = list(changes.refused(row, fresh, free))
            direct = [each for each in tried if not each.by_trigger]
            probes = [Probe(Insert(table.name, fresh), Accepted(1), "insert", "a row")]
            if by_connection:
                probes += [Probe(each.statement, refused, each.aspect, each.value) for each in tried]
                probes += self._as_replica(direct, refused)
                probes += changes.allowed(row, fresh)
                probes += changes.from_above(row, refused)
            if free is not None and not self.as_:
                probes += changes.outside_when(free, fresh)
            for role in others:
                probes += self._by_role(role, changes, direct, (row, free, fresh), refused)
            past_triggers = [Insert(table.name, each) for each in (row, free) if each is not None]
            inserted = without_triggers(*past_triggers) if self.when else ()
            return Scenario((*draft.inserts, *inserted, Execute(NESTING)), tuple(probes))

        return subject.scenarios(build)

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        return (role.no_access for role in self.acting_roles(subject) if role.no_access is not None)

    def _as_replica(self, changes: Sequence[Change], refused: Refused) -> Iterator[Probe]:
        """Yields the changes where ordinary triggers do not fire, if the rule holds there."""
        for each in changes if self.always else ():
            aspect, value = f"{each.aspect} as a replica", f"{each.value} as a replica"
            yield Probe(each.statement, refused, aspect, value, {"session_replication_role": "replica"})

    def _by_role(
        self,
        role: ActingRole,
        changes: Changes,
        tried: Sequence[Change],
        rows: tuple[NewRow, NewRow | None, NewRow],
        refused: Refused,
    ) -> Iterator[Probe]:
        """Yields what a role tries, and with ``as`` also what it may do."""
        row, free, fresh = rows
        # A trigger, a policy or the lack of a privilege may refuse the row that the role reaches.
        any_of = Refused(tuple(dict.fromkeys((*refused.sqlstates, INSUFFICIENT_PRIVILEGE))))
        session = role.session(changes.draft, row)
        for each in tried:
            probe = Probe(each.statement, any_of, each.aspect, each.value)
            yield from session.tries(probe, "no row" if each.aspect == TRUNCATE else "its row")
        if not self.as_:
            return
        for probe in () if self._by_privileges else changes.allowed(row, fresh):
            yield from session.tries(probe)
        if free is not None:
            session = role.session(changes.draft, free)
            for probe in changes.outside_when(free, fresh):
                yield from session.tries(probe)

    def _rows(self, subject: Subject, draft: Draft, roles: Sequence[ActingRole]) -> tuple[NewRow, NewRow | None]:
        """Draws a row that does not change and, with ``when``, one that may change; the roles reach both."""
        table = subject.table
        if self.when is None:
            filled = filled_references(table, subject.pools.of(table))
            return draw_reachable(roles, draft, draft.insert, table.name, filled), None

        def drawn(*also: str) -> NewRow:
            filled = filled_references(table, subject.pools.of_changed_rows(table, also=also))
            return draw_reachable(roles, draft, draft.changed_row, table.name, filled, also)

        return drawn(f"({self.when}) is true"), drawn(f"({self.when}) is not true")
