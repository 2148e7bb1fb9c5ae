"""A foreign key with both its ends, and the actions that are declared of it.

Decides how many parents and children unique keys have room for, and whether a parent can be deleted at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hypothesis import reject

from harness.catalog.model import ForeignKey, Index, Table
from harness.kinds.base import Draft, NewRow, Subject, Values
from harness.probes import Accepted, Refused
from harness.project.sql import replace_value

ENOUGH = 9
"""Parents that the probes need: of orphans, of unrelated children, and of each number of children."""

COUNTS = (0, 1, 3)
"""Numbers of children of the parents that are deleted."""


def new_key(draft: Draft, parent: Table, columns: tuple[str, ...], row: Values, also: tuple[str, ...] = ()) -> NewRow:
    """Draws a new key for a parent: a change of those ``columns`` that are no foreign keys and no fixed identities."""
    free = [name for name in columns if name not in parent.foreign_columns and parent.column(name).identity != "a"]
    if not free:
        return {}
    # Drawn as a new row: no other parent has its key.
    fresh = draft.row(parent.name, {name: row[name] for name in columns if name not in free}, columns, also)
    return {name: fresh[name] for name in free}


@dataclass(frozen=True)
class Reference:
    """A foreign key of ``child``, and its declared actions; one that is not ``enforced`` refuses nothing and has none.

    ``parents`` is the number of parents there can be before one of their unique keys runs out; None without a limit.
    """

    child: Table
    parent: Table
    key: ForeignKey
    on_delete: str
    on_update: str
    parents: int | None = None
    enforced: bool = True

    @classmethod
    def of(
        cls, subject: Subject, child: Table, parent: Table, key: ForeignKey, on_delete: str, on_update: str
    ) -> Reference:
        """Takes the actions as they are declared. The columns of ``set null (a)`` are those of the constraint."""
        on_delete, on_update = (action.split(" (")[0] for action in (on_delete, on_update))
        # Row hints add unique keys to those of the catalog.
        child = replace(child, indexes=subject.pools.catalog.table(child.name).indexes)
        return cls(child, parent, key, on_delete, on_update, subject.pools.capacity(parent))

    @property
    def few(self) -> bool:
        """Whether there can be fewer parents than the probes need."""
        return self.parents is not None and self.parents < ENOUGH

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

    @property
    def parent_goes(self) -> bool:
        """Whether a parent can be deleted or refused: not where a rule (CREATE RULE) replaces every delete."""
        return self.on_delete not in ("no action", "restrict") or not self.parent.has_instead_rule("delete")

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
        others = {column for key in self.child.foreign_keys if key.name != self.key.name for column in key.columns}
        pairs = dict(self.key.pairs)
        known = (
            {}
            if others >= {own for own, _ in self.key.equal_pairs}
            else {to: row[own] for own, to in pairs.items() if own in others}
        )
        found = self.key.referring(draft.row(self.parent.name, known, self.key.referenced_columns, self.fitting))
        changed = {**row, **found}
        if self.parent.name == self.child.name and all(changed[to] == found[own] for own, to in pairs.items()):
            reject()  # the row would refer to itself
        return found

    @property
    def fitting(self) -> tuple[str, ...]:
        """Predicates on parents: the domains of the child's columns, where the parent's columns have other types."""
        columns = [(self.child.column(own), self.parent.column(referenced)) for own, referenced in self.key.pairs]
        narrower = [(own, above) for own, above in columns if own.type != above.type]
        return tuple(replace_value(check, above.name) for own, above in narrower for check in own.domain_checks)

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of children to try, as far as the child's unique keys have room for them."""
        most = min((self._room(key) for key in self.child.unique_keys), default=COUNTS[-1])
        counts = tuple(dict.fromkeys(min(count, most) for count in COUNTS))
        if not self.few or self.parents is None:
            return counts
        # Two parents exist already: that of the orphans' probes, and the unrelated one.
        left = max(self.parents - 2, 0)
        return counts[-left:] if left else ()

    def _room(self, key: Index) -> int:
        """Returns the number of children of one parent that a unique key of the child has room for, at most three."""
        if not key.columns or not set(key.columns) & set(self.key.columns):
            return COUNTS[-1]
        columns = [self.child.column(name) for name in key.columns if name not in self.key.columns]
        return math.prod(len(column.labels) or {"bool": 2}.get(column.base_name, COUNTS[-1]) for column in columns)
