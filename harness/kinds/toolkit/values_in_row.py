"""Values that a predicate asks for, put into a row together with the parents that have them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.catalog.model import ForeignKey
from harness.kinds.base import Draft, NewRow, Subject, Values, inserted
from harness.kinds.toolkit.changes import has_key_in, new_parent
from harness.project import Tuple
from harness.solver.rules import deciding_columns

PARENTS = 3
"""Values of a foreign key for which parents are inserted, for INSERT and for UPDATE."""


class ValuesInRow:
    """Puts values of the predicate's columns into a row that is inserted, or updated.

    The value of a foreign key comes from a parent. Where the predicate asks only whether it is NULL, that is the
    parent of the row, or a new one if rules for new rows leave it NULL. Where the predicate asks for the value, a
    parent with that value is inserted. Where that parent is in the same table, INSERT and UPDATE (``turn``) have
    different values, so that keys do not conflict.
    """

    def __init__(
        self,
        subject: Subject,
        draft: Draft,
        row: Values,
        present: tuple[str, ...],
        valued: Mapping[str, list[str]],
        turn: int,
    ) -> None:
        self._subject, self._draft, self.row = subject, draft, row
        self._without_parent: dict[str, list[str]] = {}
        self._values = {name: self._few(name, values, turn) for name, values in valued.items()}
        unvalued = [name for name in present if name not in valued and row[name] is None]
        self._new_parents = {name: new_parent(subject, draft, row, name)[name] for name in unvalued}
        self._moved: dict[tuple[str, Tuple], NewRow] = {}

    def _few(self, column: str, values: list[str], turn: int) -> list[str]:
        table, possible = self._subject.table, values
        for key in table.foreign_keys:
            if column in key.columns and key.references != table.name:
                parent, to = self._subject.catalog.table(key.references), dict(key.pairs)[column]
                found = self._subject.pools.valid_values(parent, to, tuple(possible), {})
                possible = [value for value in found if value is not None]
        self._without_parent[column] = [value for value in values if value not in possible]
        within = any(column in key.columns for key in table.foreign_keys if key.references == table.name)
        # From the end: drawn rows often have the first ones.
        return possible[::-1][turn * PARENTS :][:PARENTS] if within else possible[: 2 * PARENTS]

    def is_orphan(self, row: NewRow) -> bool:
        """Whether these values can have no parent."""
        return any(row.get(name) in values for name, values in self._without_parent.items())

    def orphan(self, row: NewRow) -> NewRow:
        """Returns the columns to change so that the row has these values, and no parent; empty if one may be there."""
        if not all(row.get(name) in values for name, values in self._without_parent.items()):
            return {}
        foreign = self._subject.table.foreign_columns
        return {name: value for name, value in row.items() if name in self._values or name not in foreign}

    def changes(self, row: NewRow) -> NewRow:
        """Returns the columns to change so that the row has these values; empty if that is not possible."""
        changes: NewRow = {}
        for column, value in row.items():
            if column in self._values and value is not None:
                if value not in self._values[column]:
                    return {}
                changes[column] = value
            elif value is None or column not in self._subject.table.foreign_columns:
                changes[column] = value
            elif column in self._new_parents:
                changes[column] = self._new_parents[column]
        return self._with_parents(changes)

    def _with_parents(self, changes: NewRow) -> NewRow:
        """Inserts the parents that the row refers to; empty if such a parent would have the key of the row.

        A row may be its own parent: the first value is kept for that, and no other row gets it as its key.
        """
        table = self._subject.table
        for key in table.foreign_keys:
            row = {**self.row, **changes}
            referenced = key.referenced(row)
            valued = [name for name in key.columns if name in self._values]
            if not valued or None in referenced.values():
                continue
            own = key.references == table.name and all(row.get(name) == value for name, value in referenced.items())
            if key.references == table.name and own != all(row[name] == self._values[name][0] for name in valued):
                return {}
            if not own and not self._has_parent(key, referenced):
                changes = {**changes, **self._parent(key, row, valued)}
        return changes

    def _has_parent(self, key: ForeignKey, referenced: Values) -> bool:
        there = next(inserted(self._draft, key.references, referenced), None) is not None
        return there or self._draft.existing_row(key.references, referenced) is not None

    def _parent(self, key: ForeignKey, row: NewRow, valued: list[str]) -> NewRow:
        """Inserts a parent with the row's values; where its other columns are a key of their own, with others there.

        Those are returned: the row has to refer to them.
        """
        known = (key.name, tuple(row[name] for name in valued))
        if known not in self._moved:
            pairs = dict(key.pairs)
            others = {name: row[name] for name in key.columns if name not in valued}
            wanted = {to: row[own] for own, to in pairs.items() if own in valued}
            moved: NewRow = {}
            if self._decide_parent(key, others):
                parent = self._draft.insert_parent(key, wanted)
                moved = {name: parent[pairs[name]] for name in others}
            if not moved or not self._keeps(row, moved):
                self._draft.insert_parent(key, key.referenced(row))
                moved = {}
            self._moved[known] = moved
        return self._moved[known]

    def _decide_parent(self, key: ForeignKey, others: Values) -> bool:
        """Whether a parent with these values has no second one beside it, and no other foreign key is about them."""
        table, pairs = self._subject.table, dict(key.pairs)
        shared = {name for each in table.foreign_keys if each.name != key.name for name in each.columns}
        if key.references == table.name or others.keys() & shared:
            return False
        return has_key_in(self._subject.catalog.table(key.references), {pairs[name] for name in others})

    def _keeps(self, row: NewRow, moved: NewRow) -> bool:
        """Whether a row that refers to another parent keeps the rules that it keeps now."""
        table = self._subject.table
        for rule in self._subject.pools.rules(table):
            columns = deciding_columns(table, rule.predicate)
            if not moved.keys() & {*columns}:
                continue
            if not row.keys() >= {*columns}:
                return False
            rows = [tuple(each[name] for name in columns) for each in (row, {**row, **moved})]
            (now,), (then,) = self._subject.oracle.answers(table, columns, rows, [rule.predicate])
            if now.holds and not then.holds:
                return False
        return True
