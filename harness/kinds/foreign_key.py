"""foreign_key"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from hypothesis import strategies as st

from harness.catalog.model import ForeignKey, Table
from harness.catalog.parts import Part
from harness.generation.draft import Draft
from harness.kinds._deferrable import deferrable, timed
from harness.kinds._refused_by import RefusedBy
from harness.kinds.base import Fact, Kind, Subject, column_list, default_name, show
from harness.kinds.check import validated
from harness.kinds.references.actions import actions
from harness.kinds.references.races import races
from harness.kinds.references.reference import Reference
from harness.probes import Accepted, Family, Insert, Probe, Refused, Scenario, Update
from harness.project.keys import Reader, boolean, concurrently, key, name, names, section, table_columns, text
from harness.project.model import TableName
from harness.project.nodes import Node, expected
from harness.races import Races

_ACTION = re.compile(r"(no action|restrict|cascade|set null|set default)(?:\s*\(([^()]+)\))?", re.IGNORECASE)


def _read_action(what: str, node: Node) -> str:
    """``set null (goal_id)`` as ``set null (goal_id)``, tidied."""
    found = _ACTION.fullmatch(text.read(node).strip())
    if not found:
        raise expected(what, node)
    columns = [column.strip() for column in found[2].split(",")] if found[2] else []
    return found[1].lower() + (f" {column_list(columns)}" if columns else "")


_WORDS = "no action, restrict, cascade, set null, set default or set null (columns)"
action: Reader[str] = Reader(_WORDS, partial(_read_action, _WORDS), {"type": "string", "pattern": _ACTION.pattern})


@dataclass(frozen=True)
class Orphans(RefusedBy):
    """``{of: plan_id, sqlstate: P0002, trigger: items_plan_seen}``"""

    of: tuple[str, ...] = key(
        names, "the columns by which the trigger looks for the parent; by default all", default=()
    )


@dataclass(frozen=True)
class ForeignKeyKind(Kind):
    """Rows refer to rows that exist, and follow them as declared.

    ```yaml
    - foreign_key: [order_id]
      references: shop.orders
      on_delete: cascade
    - foreign_key: [goal_id, user_id]
      references: plan.goals (id, user_id)
      on_delete: set null (goal_id)
      constraint: fk_items_goal
    ```

    Proven: orphans are refused on insert and on update (23503), also where only part of a composite key leads
    nowhere; a NULL in a nullable part is not checked (MATCH SIMPLE). Deleting a parent with no, one and many children
    does what `on_delete` says, down the whole chain, and leaves strangers alone; so does a change of its key with
    `on_update`. Both are `no action` if not said. Where a rule (CREATE RULE … DO INSTEAD) makes something else of every
    delete, no parent ever goes: of `no action` and `restrict` there is then nothing to show.

    Where a trigger looks for the parent first, `orphans: {of: plan_id, sqlstate: P0002, trigger: items_plan_seen}` says
    how it refuses one that is nowhere, or that the writer cannot see, and the columns of the key that it looks at. The
    rest of a composite key is then left to the constraint.

    Rows of tables that inherit from either of the two are neither held to it nor referred to: PostgreSQL keeps it
    for the rows of the tables themselves.
    """

    varies: ClassVar = True

    foreign_key: tuple[str, ...] = key(names, "the columns that refer")
    references: tuple[TableName, tuple[str, ...]] = key(
        table_columns, "the table they refer to, and its columns if they are not its primary key"
    )
    on_delete: str = key(action, "what becomes of a row whose parent is deleted", default="no action")
    on_update: str = key(action, "what becomes of a row whose parent's key changes", default="no action")
    constraint: str | None = key(name, "the constraint; by default <table>_<columns>_fkey", default=None)
    deferrable: str | None = deferrable()
    validated: bool = key(boolean, "false: rows that stood before it may break it (NOT VALID)", default=True)
    concurrently: tuple[str, ...] = concurrently()

    orphans: Orphans | None = key(
        section(Orphans, "orphans"), "the trigger that refuses orphans before the constraint does", default=None
    )

    @property
    def subject(self) -> str:
        return self.constraint or "_".join(self.foreign_key)

    def _constraint(self, table: TableName) -> str:
        return self.constraint or default_name(table, self.foreign_key, "fkey")

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        by_constraint = Refused(("23503", "23001"), table, constraint=self._constraint(table))
        return (by_constraint, self.orphans.anywhere()) if self.orphans else (by_constraint,)

    def bars(self, probe: Probe) -> bool:
        # A role that does not see the parent gets no further.
        return self.orphans is not None and isinstance(probe.statement, Insert | Update)

    def declares(self, table: TableName) -> tuple[Part, ...]:
        return Part("constraint", self._constraint(table)), *super().declares(table)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = subject.table.foreign_key(self._constraint(subject.table.name))
        parent, columns = self.references
        columns = columns or subject.catalog.table(parent).primary_key
        actual = f"{column_list(found.columns)} references {found.references} {column_list(found.referenced_columns)}"
        yield Fact(f"{column_list(self.foreign_key)} references {parent} {column_list(columns)}", actual)
        limited = f" {column_list(found.on_delete_columns)}" if found.on_delete_columns else ""
        yield Fact(f"on delete {self.on_delete}", f"on delete {found.on_delete}{limited}")
        yield Fact(f"on update {self.on_update}", f"on update {found.on_update}")
        yield from timed(self.deferrable, found)
        yield validated(found, self.validated)
        if self.orphans:
            yield from self.orphans.facts(subject)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        reference = self._reference(subject)

        def build(draft: Draft) -> Scenario:
            draft.share_ancestors()
            probes = [*self._orphans(subject, draft, reference), *actions(subject, draft, reference)]
            return Scenario(tuple(draft.inserts), tuple(probes))

        return subject.scenarios(build)

    def races(self, subject: Subject) -> st.SearchStrategy[Races]:
        # By what is declared alone: a trigger in place of the constraint sees each of the two alone.
        parent, columns = self.references
        return races(subject, self.foreign_key, subject.catalog.table(parent), columns)

    def _reference(self, subject: Subject) -> Reference:
        table = subject.table
        found = table.foreign_key(self._constraint(table.name))
        parent = subject.catalog.table(self.references[0])
        # Without the columns of SET NULL (a): those are read from the constraint and compared as a fact.
        on_delete, on_update = (words.split(" (")[0] for words in (self.on_delete, self.on_update))
        return Reference(subject.keyed(table), parent, found, on_delete, on_update, subject.pools.capacity(parent))

    def _orphans(self, subject: Subject, draft: Draft, reference: Reference) -> Iterator[Probe | Family]:
        # What the constraint in the database is made of: if that is not what is declared, the facts have said so.
        table, columns = subject.table, reference.key.columns
        resident = draft.referring_row(table.name, {}, columns)
        beside = reference.shares_parents and reference.few
        fresh = draft.row(table.name, {name: resident[name] for name in columns} if beside else {}, columns)
        key = subject.key(resident)
        refused = self.orphans.by(table) if self.orphans else reference.refused
        alone = _alone(table, reference.key)
        ghost = reference.ghost(draft, fresh)
        value = f"{show(ghost)}, which is nowhere"
        orphan = {**fresh, **_without_others(table, reference.key), **ghost}
        born = subject.pools.can_be_present(table, columns)
        on_insert = Probe(Insert(table.name, orphan), refused, "orphan on insert", value, required=alone and born)
        yield subject.varied(on_insert, orphan.keys() & {*columns, *_without_others(table, reference.key)})
        ghost_of_resident = ghost if reference.few else reference.ghost(draft, resident)
        value = f"{show(ghost_of_resident)}, which is nowhere"
        change = {**_without_others(table, reference.key), **ghost_of_resident}
        yield Probe(Update(table.name, key, change), refused, "orphan on update", value, required=alone)
        yield subject.varied(
            Probe(Insert(table.name, fresh), Accepted(1), "a child of a parent accepted", "a child"), columns
        )
        for column in [column for column in columns if len(columns) > 1 and ghost[column] != fresh[column]]:
            # A column that another foreign key shares leads nowhere by that one as well: it may mask this.
            partial_ghost = {**fresh, column: ghost[column]}
            aspect = f"{column} of another parent"
            seen_by_trigger = self.orphans is not None and self.orphans.of == (column,)
            by = refused if seen_by_trigger else reference.refused
            yield Probe(Insert(table.name, partial_ghost), by, aspect, aspect, required=False)
        for column in columns:
            if not table.column(column).not_null:
                null = Insert(table.name, {**fresh, **ghost, column: None})
                yield Probe(null, Accepted(1), "null leads nowhere", f"{column} null", required=False)


def _without_others(table: Table, key: ForeignKey) -> dict[str, str | None]:
    """NULL in what may be NULL of the foreign keys that share a column with this one: they then lead nowhere."""
    others = [other for other in table.foreign_keys if other.name != key.name and set(other.columns) & set(key.columns)]
    columns = {column for other in others for column in other.columns} - set(key.columns)
    return {column: None for column in sorted(columns) if not table.column(column).not_null}


def _alone(table: Table, key: ForeignKey) -> bool:
    """Whether a row can break this foreign key and no other; where not, it is chance which of them refuses."""
    off = set(_without_others(table, key))
    for other in table.foreign_keys:
        if other.name != key.name and set(key.columns) <= set(other.columns) and not off & set(other.columns):
            return False
    return True
