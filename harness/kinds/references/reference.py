"""A foreign key with both its ends, and what is declared of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import reject

from harness.catalog.model import ForeignKey, Index, Table
from harness.generation.draft import Draft
from harness.probes import Refused
from harness.project.model import Values
from harness.project.sql import replace_value

ENOUGH = 9
"""Parents that are drawn where there can be as many: those of orphans, strangers, and of each number of children."""

COUNTS = (0, 1, 3)
"""Children of the parent that is deleted."""


@dataclass(frozen=True)
class Reference:
    """A foreign key of ``child``, and the actions that are declared of it.

    There can be only so many ``parents`` before a unique key of theirs runs out; None if that is no matter.
    """

    child: Table
    parent: Table
    key: ForeignKey
    on_delete: str
    on_update: str
    parents: int | None = None

    @property
    def few(self) -> bool:
        """Whether there can be so few parents that what is tried has to make do with them."""
        return self.parents is not None and self.parents < ENOUGH

    @property
    def shares_parents(self) -> bool:
        """Whether a parent can have two children, and more."""
        return all(self._room(key) == COUNTS[-1] for key in self.child.unique_keys)

    @property
    def refused(self) -> Refused:
        # ON DELETE RESTRICT is 23001 from PostgreSQL 18 on, and 23503 before.
        return Refused(("23503", "23001"), self.child.name, constraint=self.key.name)

    @property
    def parent_goes(self) -> bool:
        """Whether a delete of a parent has something to show: not where a rule makes something else of each."""
        return self.on_delete not in ("no action", "restrict") or not self.parent.diverts("delete")

    def point(self, parent: Values) -> dict[str, str | None]:
        """The values of the foreign key that lead to a parent."""
        return self.key.referring(parent)

    def leads(self, row: Values, parent: Values) -> bool:
        """Whether a row of the child refers to a parent."""
        return all(row.get(column) == value for column, value in self.point(parent).items())

    def ghost(self, draft: Draft, row: Values) -> dict[str, str | None]:
        """Values that lead to no parent; what the row's other foreign keys share is left as it is."""
        if self.few and len(self.key.columns) == 1:
            value = draft.missing_key(
                self.child.name, self.key.columns[0], row, self.parent.name, self.key.referenced_columns[0]
            )
            if value is not None:
                return {self.key.columns[0]: value}
        others = {column for key in self.child.foreign_keys if key.name != self.key.name for column in key.columns}
        shared = (
            {} if others >= set(self.key.columns) else {name: row[name] for name in self.key.columns if name in others}
        )
        pairs = dict(self.key.pairs)
        known = {pairs[column]: value for column, value in shared.items()}
        found = self.point(draft.row(self.parent.name, known, self.key.referenced_columns, self.fitting))
        pointed = {**row, **found}
        if self.parent.name == self.child.name and all(pointed[to] == found[own] for own, to in pairs.items()):
            reject()  # it would lead to itself
        return found

    @property
    def fitting(self) -> tuple[str, ...]:
        """What the domains of the child's columns ask of a parent that can have children, where its own do not."""
        pairs = self.key.pairs
        columns = [(self.child.column(name), self.parent.column(referenced)) for name, referenced in pairs]
        narrower = [(own, above) for own, above in columns if own.type != above.type]
        return tuple(replace_value(check, above.name) for own, above in narrower for check in own.domain_checks)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many children each parent has that is tried: as many as the child's keys let it have."""
        most = min((self._room(key) for key in self.child.unique_keys), default=COUNTS[-1])
        counts = tuple(dict.fromkeys(min(count, most) for count in COUNTS))
        if not self.few or self.parents is None:
            return counts
        # Two are there already: the parent of those that are tried, and the stranger.
        left = max(self.parents - 2, 0)
        return counts[-left:] if left else ()

    def _room(self, key: Index) -> int:
        """The children of one parent that a unique key of theirs leaves room for; a column of many values, for all."""
        if not key.columns or not set(key.columns) & set(self.key.columns):
            return COUNTS[-1]
        kinds = {"bool": 2}
        columns = [self.child.column(name) for name in key.columns if name not in self.key.columns]
        return math.prod(len(column.labels) or kinds.get(column.base_name, COUNTS[-1]) for column in columns)
