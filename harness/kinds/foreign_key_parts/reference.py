"""A foreign key with both its ends, and the actions that are declared of it.

Decides how many parents and children unique keys have room for, and whether a parent can be deleted at all.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from hypothesis import reject

from harness.catalog.model import ForeignKey, Index, Table
from harness.kinds.base import Draft, NewRow, Subject, Values, identifier, inserted
from harness.probes import Accepted, AcceptedOrRefused, Expected, Refused
from harness.project.sql import replace_value
from harness.solver.rules import deciding_columns, of_parents, with_nulls

ENOUGH = 9
"""Parents that the probes need: of orphans, of unrelated children, and of each number of children."""

TRIES = 20
"""Values tried to find one from which no parent's key is computed."""

REFUSING = ("no action", "restrict")
"""Actions that refuse to take a parent from its children."""

COUNTS = (0, 1, 3)
"""Numbers of children of the parents that are deleted."""


def new_key(draft: Draft, parent: Table, columns: tuple[str, ...], row: Values, also: tuple[str, ...] = ()) -> NewRow:
    """Draws a new key for a parent: a change of those ``columns`` that are no foreign keys and no fixed identities."""
    free = [name for name in columns if name not in parent.foreign_columns and parent.column(name).identity != "a"]
    # What is computed changes with what it is computed from.
    sources = (deciding_columns(parent, identifier(name)) for name in free)
    changed = dict.fromkeys((*free, *itertools.chain.from_iterable(sources)))
    if not free or {*changed} & parent.foreign_columns:
        return {}
    # Drawn as a new row: no other parent has its key.
    with draft.reserving():
        fresh = draft.row(parent.name, {name: row[name] for name in columns if name not in free}, columns, also)
    return {name: fresh[name] for name in changed}


def linked_columns(child: Table, parent: Table, key: ForeignKey) -> tuple[str, ...]:
    """Returns the nullable columns of a key, if a parent refers by its others to the very child; else none."""
    pairs = {to: own for own, to in key.pairs}
    for back in parent.foreign_keys if parent.name != child.name else ():
        if back.references == child.name and all(pairs.get(own) == to for own, to in back.pairs):
            return tuple(name for name in child.nullable(key.columns) if name not in back.referenced_columns)
    return ()


@dataclass(frozen=True)
class Reference:
    """A foreign key of ``child``, and its declared actions; one that is not ``enforced`` refuses nothing and has none.

    ``parents`` is the number of parents that its rows can have before a unique key runs out; None without a limit.
    ``narrower`` are rules of the child about its key alone, as predicates on parents, and ``lasting`` predicates on
    children that keep their rules also after SET NULL. ``sizes`` are the numbers of values that rules leave to columns
    of the child.
    """

    child: Table
    parent: Table
    key: ForeignKey
    on_delete: str
    on_update: str
    parents: int | None = None
    enforced: bool = True
    narrower: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, subject: Subject, child: Table, parent: Table, key: ForeignKey, on_delete: str, on_update: str
    ) -> Reference:
        """Takes the actions as they are declared. The columns of ``set null (a)`` are those of the constraint."""
        on_delete, on_update = (action.split(" (")[0] for action in (on_delete, on_update))
        # Row hints add unique keys to those of the catalog.
        child = replace(child, indexes=subject.pools.catalog.table(child.name).indexes)
        narrower = tuple(of_parents(key, child, subject.pools.rules(child)))
        sizes = {name: len({*pool.of_column(name)}) for pool in subject.pools.of(child) for name in pool.columns}
        found = cls(child, parent, key, on_delete, on_update, narrower=narrower, sizes=sizes)
        parents = subject.pools.capacities.rows(parent, present=key.referenced_columns, also=found.fitting)
        return replace(found, parents=parents, lasting=found._lasting(subject))

    def _lasting(self, subject: Subject) -> tuple[str, ...]:
        """Returns predicates on children that keep the rules also when an action has set their key NULL, if any can."""
        actions = ((self.on_delete, self.key.cleared), (self.on_update, self.key.columns))
        cleared = {columns for action, columns in actions if action == "set null"}
        rules = subject.pools.rules(self.child)
        found = (*itertools.chain.from_iterable(with_nulls(self.child, columns, rules) for columns in cleared),)
        return found if subject.can_have_rows(found, self.child) else ()

    @property
    def few(self) -> bool:
        """Whether there can be fewer parents than the probes need."""
        return self.parents is not None and self.parents < ENOUGH

    def has_room(self, parents: int) -> bool:
        """Whether there can be so many parents."""
        return self.parents is None or self.parents >= parents

    @property
    def shares_parents(self) -> bool:
        """Whether a parent can have several children."""
        return all(self._room(key) == COUNTS[-1] for key in self.child.unique_keys)

    @property
    def refused(self) -> Refused | Accepted:
        if not self.enforced:
            return Accepted(1)
        # ON DELETE RESTRICT is 23001 from PostgreSQL 18 on, and 23503 before.
        return Refused(("23503", "23001"), self.child.name, constraint=self.key.name)

    def refused_on(self, action: Literal["on_delete", "on_update"]) -> Expected:
        """The refusal of a write to a parent with children, unless another key of theirs acts on them before.

        No child is left then that refers to the parent. RESTRICT may look before the other key acts, or after it.
        """
        others = (each for each in self.child.foreign_keys if each.references == self.key.references)
        acting = (each for each in others if each.name != self.key.name and getattr(each, action) not in REFUSING)
        if all({*each.pairs} - {*self.key.pairs} for each in acting):
            return self.refused
        return Accepted(1) if getattr(self, action) == "no action" else AcceptedOrRefused()

    @property
    def parent_goes(self) -> bool:
        """Whether a parent can be deleted or refused: not where a rule (CREATE RULE) replaces every delete."""
        return self.on_delete not in REFUSING or not self.parent.has_instead_rule("delete")

    def refers(self, row: Values, parent: Values) -> bool:
        """Whether a row of the child refers to a parent."""
        return all(row.get(column) == value for column, value in self.key.referring(parent).items())

    def missing_key(self, draft: Draft, row: Values) -> NewRow:
        """Returns values that no parent has; columns that the row's other foreign keys share stay the same."""
        if self.few and len(self.key.columns) == 1:
            own, referenced = self.key.pairs[0]
            value = draft.missing_key(self.child.name, own, row, self.parent.name, referenced)
            if value is not None:
                return {own: value}
        if self.computed:
            return self._missing_sources(draft, row)
        others = {column for key in self.child.foreign_keys if key.name != self.key.name for column in key.columns}
        pairs = dict(self.key.pairs)
        if others >= {own for own, _ in self.key.equal_pairs}:
            # A key to the same parent by fewer columns still finds it.
            others = {*next((key.columns for key in self.child.foreign_keys if key.is_part_of(self.key)), ())}
        known = {to: row[own] for own, to in pairs.items() if own in others}
        with draft.reserving():
            found = self.key.referring(draft.row(self.parent.name, known, self.key.referenced_columns, self.fitting))
        changed = {**row, **found}
        if self.parent.name == self.child.name and all(changed[to] == found[own] for own, to in pairs.items()):
            reject()  # the row would refer to itself
        return found

    @cached_property
    def linked(self) -> tuple[str, ...]:
        """The nullable columns of the key, if a parent refers by its others to the very child; else none."""
        return linked_columns(self.child, self.parent, self.key)

    @cached_property
    def computed(self) -> tuple[str, ...]:
        """The generated columns of the key."""
        return tuple(name for name in self.key.columns if not self.child.column(name).is_supplied)

    @cached_property
    def _sources(self) -> tuple[str, ...]:
        """The columns of the child from which generated columns of the key are computed."""
        columns = (deciding_columns(self.child, identifier(name)) for name in self.computed)
        return tuple(dict.fromkeys(itertools.chain.from_iterable(columns)))

    def _missing_sources(self, draft: Draft, row: Values) -> NewRow:
        """Returns other values for the rest of the key, or for what all of the key is computed from."""
        if supplied := [name for name in self.key.columns if name not in self.computed]:
            known = {to: row[own] for own, to in self.key.pairs if own not in supplied}
            with draft.reserving():
                found = draft.row(self.parent.name, known, self.key.referenced_columns, self.fitting)
            return {own: found[to] for own, to in self.key.pairs if own in supplied}
        for _ in range(TRIES):
            other = {name: draft.other_value(self.child.name, name, row) for name in self._sources}
            key = draft.parent_key(self.child.name, self.key, {**row, **other})
            if next(inserted(draft, self.parent.name, key), None) is None:
                draft.row(self.parent.name, key)  # no other parent gets this key
                return other
        return reject()

    def draw_parent(self, draft: Draft, values: Values) -> tuple[Values, NewRow]:
        """Draws a parent with some values; also returns the values by which children refer to it.

        Where they are computed, the parent is that of a row of the child, and what they are computed from is returned.
        """
        present = self.key.referenced_columns
        if not self.computed:
            parent = draft.insert(self.parent.name, values, present, self.fitting)
            return parent, self.key.referring(parent)
        names = dict.fromkeys((*(name for name in self.key.columns if name not in self.computed), *self._sources))
        for _ in range(TRIES):
            known = [id(insert) for insert in draft.inserts]
            row = draft.row(self.child.name, {}, self.key.columns)
            for found in inserted(draft, self.parent.name, self.key.referenced(row)):
                # Another row may have the parent already.
                if all(insert.values is not found or id(insert) not in known for insert in draft.inserts):
                    return found, {name: row[name] for name in names}
        return reject()

    @property
    def fitting(self) -> tuple[str, ...]:
        """Predicates on parents: the child's rules, and the domains of its columns where the parent has other types."""
        columns = [(self.child.column(own), self.parent.column(referenced)) for own, referenced in self.key.pairs]
        narrower = [(own, above) for own, above in columns if own.type != above.type]
        domains = (replace_value(check, above.name) for own, above in narrower for check in own.domain_checks)
        return (*self.narrower, *domains)

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of children to try, as far as the child's unique keys have room for them."""
        most = min((self._room(key) for key in self.child.unique_keys), default=COUNTS[-1])
        return tuple(dict.fromkeys(min(count, most) for count in COUNTS))

    def _room(self, key: Index) -> int:
        """Returns the number of children of one parent that a unique key of the child has room for, at most three."""
        own = {*self.key.columns, *self._sources}
        if not key.columns or not {*key.columns} & own:
            return COUNTS[-1]
        columns = [self.child.column(name) for name in key.columns if name not in own]
        sizes = {} if key.predicate else self.sizes
        return math.prod(
            sizes.get(column.name) or len(column.labels) or {"bool": 2}.get(column.base_name, COUNTS[-1])
            for column in columns
        )
