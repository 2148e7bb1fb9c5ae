"""foreign_key"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, replace

from harness.catalog.model import Table
from harness.kinds.base import (
    Draft,
    Fact,
    NewRow,
    RacesStrategy,
    Rule,
    ScenarioStrategy,
    Subject,
    TableName,
    TableRule,
    Values,
    default_name,
    show,
)
from harness.kinds.foreign_key_parts import nulls
from harness.kinds.foreign_key_parts.actions import Acting, insert_default_parent, never_met, with_actions
from harness.kinds.foreign_key_parts.facts import LAST_COLUMN, action, action_facts, in_words
from harness.kinds.foreign_key_parts.links import links
from harness.kinds.foreign_key_parts.periods import covers, period_probes
from harness.kinds.foreign_key_parts.reference import Reference, new_key
from harness.kinds.toolkit.constraints import (
    RefusedBy,
    Validatable,
    deferrable,
    enforced,
    named_otherwise,
    timing_fact,
    validated,
)
from harness.kinds.toolkit.invariants import no_orphans
from harness.probes import Accepted, Delete, Family, Insert, Probe, Refused, SqlStatement, Update
from harness.project.keys import boolean, choice, concurrently, key, name, names, section, table_columns
from harness.races import Race, Races
from harness.solver.rules import not_empty, whole_or_null


@dataclass(frozen=True)
class Orphans(RefusedBy):
    """``{of: plan_id, sqlstate: P0002, trigger: items_plan_seen}``"""

    of: tuple[str, ...] = key(
        names, "the columns by which the trigger looks for the parent; by default all", default=()
    )


@dataclass(frozen=True)
class ForeignKeyKind(Validatable):
    """Rows refer to rows that exist. A deleted or changed parent does to its children what is declared.

    ```yaml
    - foreign_key: [order_id]
      references: shop.orders
      on_delete: cascade
    - foreign_key: [goal_id, user_id]
      references: plan.goals (id, user_id)
      on_delete: set null (goal_id)
      constraint: fk_items_goal
    - foreign_key: [product_id, during]
      references: shop.prices (product_id, valid)
      period: true
    ```

    Proven: orphans are refused on insert and on update (23503), also if only part of a composite key has no parent. A
    NULL in a nullable column is not checked (MATCH SIMPLE); with `match: full` a row whose key is only half NULL is
    refused, too. Deleting a parent with no, one and many children does what `on_delete` says, down the whole chain, and
    leaves the children of other parents alone: also where cascades of the parent meet in one row below, and where rows
    below have changed since, if a lock says that they go nevertheless (`except:`). A change of the parent's key does
    what `on_update` says. Both are `no action` by default. Where another key of the same columns takes the children
    from the parent first (`on delete set null`), `no action` has nothing to refuse, and the delete is accepted. If a
    rule (CREATE RULE … DO INSTEAD) replaces every delete, no parent is ever deleted, and `no action` and `restrict`
    show nothing.

    If a trigger looks for the parent first, `orphans: {of: plan_id, sqlstate: P0002, trigger: items_plan_seen}` says
    how it refuses a row whose parent does not exist, or whose parent the writer cannot see. `of` are the columns of the
    key that the trigger looks at: the constraint checks the other columns of a composite key.

    With `period: true` the last column is a range (PERIOD, PostgreSQL 18), which refers to the ranges of all parents
    that have the same in the other columns. Proven is then that a range is accepted where one parent, or two together,
    cover it, that one is refused which they cover in part or not at all, and that no parent goes that covers a part.

    `enforced: false` declares a constraint that is NOT ENFORCED (PostgreSQL 18): orphans have to be accepted, and a
    parent can be deleted. Such a check is never better than *present*.

    Where the parent refers back to the very child (a customer, and the one of its addresses that is the default), the
    child is inserted with NULL and linked by an update, also to a parent that is another child's, which is refused.

    PostgreSQL checks a foreign key for the rows of the two tables themselves, and not for tables that inherit from
    them.
    """

    varies = True

    foreign_key: tuple[str, ...] = key(names, "the columns that refer")
    references: tuple[TableName, tuple[str, ...]] = key(
        table_columns, "the table they refer to, and its columns if they are not its primary key"
    )
    on_delete: str = key(action, "what becomes of a row whose parent is deleted", default="no action")
    on_update: str = key(action, "what becomes of a row whose parent's key changes", default="no action")
    match: str = key(choice("simple", "full"), "full: all columns are NULL, or none", default="simple")
    period: bool = key(boolean, "true: the last column is a range, and their ranges cover it (PERIOD)", default=False)
    constraint: str | None = key(name, "the constraint; by default <table>_<columns>_fkey", default=None)
    deferrable: str | None = deferrable()
    validated: bool = validated()
    enforced: bool = enforced()
    concurrently: tuple[str, ...] = concurrently()

    orphans: Orphans | None = key(
        section(Orphans, "orphans"), "the trigger that refuses orphans before the constraint does", default=None
    )

    def __post_init__(self) -> None:
        actions = {self.on_delete, self.on_update}
        if self.period and actions != {"no action"}:
            raise ValueError("with `period: true` PostgreSQL has no action: leave out `on_delete` and `on_update`")
        if not self.enforced and (self.concurrently or self.orphans):
            raise ValueError("with `enforced: false` nothing is refused: leave out `concurrently` and `orphans`")

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(self.foreign_key)

    def _constraint(self, table: TableName) -> str:
        return self.constraint or default_name(table, self.foreign_key, "fkey")

    def rules(self) -> tuple[Rule, ...]:
        if not self.enforced:
            return ()
        whole = whole_or_null(self.foreign_key) if self.match == "full" else ()
        return (*whole, *([not_empty(self.foreign_key)] if self.period else []))

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        if not self.enforced:
            return ()
        by_constraint = Refused(("23503", "23001"), table, constraint=self._constraint(table))
        return (by_constraint, self.orphans.anywhere()) if self.orphans else (by_constraint,)

    def bars(self, probe: Probe) -> bool:
        # The trigger refuses a role that does not see the parent.
        return self.orphans is not None and isinstance(probe.statement, Insert | Update)

    def spares(self, refused: Refused, statement: SqlStatement) -> bool:
        # No row loses its parent by a deletion that takes the row along, or its key away.
        return bool(refused.triggers) and isinstance(statement, Delete)

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return TableRule("constraint", self._constraint(table.name)), *super().declares(table)

    def meant(self, table: Table) -> str | None:
        keys = (key for key in table.foreign_keys if key.references == self.references[0])
        return named_otherwise(table, self._constraint(table.name), self.foreign_key, keys)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = subject.table.foreign_key(self._constraint(subject.table.name))
        parent, columns = self.references
        columns = columns or subject.catalog.table(parent).primary_key
        yield Fact(
            in_words(self.foreign_key, parent, columns, LAST_COLUMN[self.period]),
            in_words(found.columns, found.references, found.referenced_columns, LAST_COLUMN[found.period]),
        )
        yield Fact(f"match {self.match}", f"match {'full' if found.match_full else 'simple'}")
        yield from action_facts(found, self.on_delete, self.on_update)
        yield from timing_fact(self.deferrable, found)
        yield self.validity_fact(found)
        yield from self.orphans.facts(subject) if self.orphans else ()

    def scenarios(self, subject: Subject) -> ScenarioStrategy | None:
        reference = self._reference(subject)
        if self.enforced and not reference.key.enforced:
            return None
        if not self.enforced:
            reference = replace(reference, on_delete="no action", on_update="no action", enforced=False)
        if reference.linked:
            return subject.probes(lambda draft: links(subject, draft, reference))
        periods = covers(subject, reference) if self.period else []

        def build(draft: Draft, acting: Acting) -> Iterator[Probe | Family]:
            draft.share_ancestors()
            insert_default_parent(subject, draft, reference)
            fresh, missing = yield from self._orphans(subject, draft, reference)
            yield from acting(draft)
            if periods:
                yield from period_probes(subject, draft, reference, draft.choose(periods))
            yield from self._half_orphans(draft, reference, fresh, missing)

        return with_actions(subject, reference, build)

    def _reference(self, subject: Subject) -> Reference:
        table, parent = subject.table, subject.catalog.table(self.references[0])
        found = table.foreign_key(self._constraint(table.name))
        return Reference.of(subject, table, parent, found, self.on_delete, self.on_update)

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        yield from super().notes(subject, shown, masked)
        yield from never_met(subject, self._reference(subject), shown) if shown and self.enforced else ()

    def races(self, subject: Subject) -> RacesStrategy:
        """Draws races of the deletion of a parent, and of a change of its key, with a new child and one that moves.

        They are about the declared columns, whatever the catalog has: a trigger in place of the constraint does not
        see the other session.
        """
        child, parent = subject.table, subject.catalog.table(self.references[0])
        referenced = self.references[1] or parent.primary_key
        for column in self.foreign_key:
            child.column(column)
        *equal, last = zip(self.foreign_key, referenced, strict=True)
        pairs, period = (equal, last) if self.period else ([*equal, last], None)
        watch = no_orphans(child.name, pairs, parent.name, period)
        values = subject.pools.hints(child.name).parent_values(self.foreign_key)

        def referring(row: Values) -> NewRow:
            return {own: row[to] for own, to in zip(self.foreign_key, referenced, strict=True)}

        def build(draft: Draft) -> Races:
            leaving = draft.insert(parent.name, values, referenced)
            reference = referring(leaving)
            fresh = draft.row(child.name, reference)
            other = draft.insert(child.name, referring(draft.insert(parent.name, values, referenced)))
            changed = {column: value for column, value in reference.items() if other[column] != value}
            of_child: list[tuple[str, SqlStatement]] = [("an insert of its child", Insert(child.name, fresh))]
            if subject.may_update(changed):
                of_child.append(("a child led to it", subject.update(other, changed)))
            of_parent: list[tuple[str, SqlStatement]] = [("delete of a parent", subject.delete(leaving, parent))]
            if change := new_key(draft, parent, referenced, leaving):
                of_parent.append(("change of a parent's key", subject.update(leaving, change, parent)))
            simplest, *others = [
                Race(f"{what}, {child_what}", f"{what} and {child_what}", [one], [two], watch)
                for what, one in of_parent
                for child_what, two in of_child
            ]
            # Other rules may refuse to change a key, or to change a row at all.
            return Races(tuple(draft.inserts), (simplest, *(replace(race, required=False) for race in others)))

        return subject.scenarios(build)

    def _orphans(
        self, subject: Subject, draft: Draft, reference: Reference
    ) -> Generator[Probe | Family, None, tuple[NewRow, NewRow]]:
        """Yields probes of children without a parent and with one; returns the child and the key that is nowhere."""
        # By the constraint in the database: if that differs from the declared one, a fact reports it.
        table, columns = subject.table, reference.key.columns
        resident = draft.referring_row(table.name, {}, columns)
        same_parent = reference.shares_parents and reference.few
        fresh = draft.row(table.name, {name: resident[name] for name in columns} if same_parent else {}, columns)
        refused = self.orphans.by(table) if self.orphans else reference.refused
        without_others = nulls.without_others(table, reference.key)
        # Where the row breaks another foreign key as well, it is chance which of them refuses.
        only = not any(
            other.name != reference.key.name
            and {*columns} <= {*other.columns}
            and not without_others.keys() & {*other.columns}
            for other in table.foreign_keys
        )
        missing = reference.missing_key(draft, fresh)
        orphan = {**fresh, **without_others, **missing}
        value, required = f"{show(missing)}, which is nowhere", only and subject.pools.can_be_present(table, columns)
        on_insert = Probe(Insert(table.name, orphan), refused, "orphan on insert", value, required=required)
        yield subject.varied(on_insert, orphan.keys() & {*columns, *missing, *without_others})
        of_resident = missing if reference.few else reference.missing_key(draft, resident)
        update = subject.update(resident, {**without_others, **of_resident})
        yield Probe(update, refused, "orphan on update", f"{show(of_resident)}, which is nowhere", required=only)
        accepted = Probe(Insert(table.name, fresh), Accepted(1), "a child of a parent accepted", "a child")
        yield subject.varied(accepted, columns)
        if self.match == "full":
            yield from nulls.match_full(subject, reference, fresh, resident)
        else:
            yield from nulls.match_simple(reference, {**fresh, **missing})
        return fresh, missing

    def _half_orphans(
        self, draft: Draft, reference: Reference, fresh: NewRow, missing: NewRow
    ) -> Iterator[Probe | Family]:
        """Yields children whose key is that of one parent but for one column.

        They are drawn when all parents are: one of those may have just this key.
        """
        table = reference.child
        equal = [column for column, _ in reference.key.equal_pairs if len(reference.key.columns) > 1]
        for column in [each for each in equal if missing.get(each, fresh[each]) != fresh[each]]:
            half = {**fresh, column: missing[column]}
            if draft.has_row(reference.parent.name, {to: half[own] for own, to in reference.key.equal_pairs}):
                continue
            # Another foreign key with this column has no parent either: it may refuse first.
            aspect = f"{column} of another parent"
            by = self.orphans.by(table) if self.orphans and self.orphans.of == (column,) else reference.refused
            yield Probe(Insert(table.name, half), by, aspect, aspect, required=False)
