"""The rows of a scenario and their references: rows that exist, are inserted, or are being drawn.

Decides which rows one statement has to insert together (a cycle), which row that is being drawn can be a parent, from
how many rows on inserted ones are shared as parents, and whether a row repeats a unique key of another.
Not here: which parent a foreign key gets (``parents.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from harness.catalog.model import ForeignKey, Table
from harness.probes.statement import Insert
from harness.project.model import NewRow, TableName, Values
from harness.solver import Pool, RowHints, key_columns, normalized

PLENTY = 12
"""Ancestors of one row after which nullable references are left NULL, and rows after which ancestors are shared.

Where references form cycles or long chains, the ancestors of ancestors are many.
"""


@dataclass
class PendingRow:
    """A row that is being drawn, at a ``depth`` of references above the wanted row.

    ``fixed`` values are given, and ``present`` columns are not NULL. The pending rows form a path that begins with the
    wanted row. ``lowest`` is the place on it of the first row that this one, or one of its parents, refers to. One
    statement has to insert ``together`` with it. While ``drawing_children``, rows are drawn that it requires and that
    refer to it. ``keyed`` are columns of references that were drawn before its parents, which refer to it by them.
    """

    table: Table
    fixed: Values
    present: tuple[str, ...]
    depth: int
    pools: Sequence[Pool]
    hints: RowHints
    row: NewRow = field(default_factory=dict)
    lowest: int = 0
    together: list[Insert] = field(default_factory=list)
    drawing_children: bool = False
    keyed: set[str] = field(default_factory=set)

    @property
    def required(self) -> Iterator[tuple[TableName, Values, NewRow]]:
        """The rows that it requires: table, values, and the values with its own in place of ``$column``."""
        for name, values in self.hints.requires:
            own = {to: self.row.get(value[1:]) if value and value[0] == "$" else value for to, value in values.items()}
            # Where its own value is NULL, nothing is required.
            if not any(value and own[to] is None for to, value in values.items()):
                yield name, values, own

    def has(self, table: TableName, values: Values) -> bool:
        """Whether it is a row of this table with these values."""
        return self.table.name == table and values.items() <= self.row.items()


class RowGraph:
    """The rows of each table, and the inserts with parents before children. ``existing`` rows need no insert."""

    def __init__(self, existing: Mapping[TableName, Sequence[NewRow]]) -> None:
        self.inserts: list[Insert] = []
        self.cycles: list[tuple[Insert, ...]] = []
        self.inserting = False
        """Whether the wanted row is inserted; else it is the row of a probe."""
        self.has_deferred_reference = False
        """Whether an inserted row refers to the row of a probe, by a deferred foreign key."""
        self._existing = existing
        self._rows = {table: list(found) for table, found in existing.items()}
        self._path: list[PendingRow] = []
        self._before = 0
        self._ancestors: dict[TableName, list[Insert]] = {}

    def rows(self, table: TableName) -> Sequence[NewRow]:
        """All rows of a table, also those that are not inserted."""
        return self._rows.get(table, ())

    def existing(self, table: TableName) -> Sequence[NewRow]:
        """The rows of a table that existed before any was drawn."""
        return self._existing.get(table, ())

    def add(self, table: TableName, row: NewRow) -> None:
        """Takes a complete row in."""
        self._rows.setdefault(table, []).append(row)

    def begin(self, wanted: Literal["inserted", "probed"]) -> None:
        """Begins a wanted row: what is inserted from now on are its ancestors.

        The row is inserted after them, or it is the row of a probe, and other probes do without it.
        """
        self._before = len(self.inserts)
        self.inserting = wanted == "inserted"

    @contextmanager
    def drawing(self, pending: PendingRow) -> Iterator[None]:
        """Has a row on the path while its parents are drawn."""
        pending.lowest = len(self._path)
        self._path.append(pending)
        try:
            yield
        finally:
            self._path.pop()

    @contextmanager
    def detached(self) -> Iterator[None]:
        """Rows drawn meanwhile are no parents of the row that is being drawn."""
        path, self._path = self._path, self._path[:1]
        try:
            yield
        finally:
            self._path = path

    @contextmanager
    def drawing_children(self) -> Iterator[None]:
        """Rows drawn meanwhile are children of the row that is being drawn, and are inserted with it."""
        self._path[-1].drawing_children = True
        try:
            yield
        finally:
            self._path[-1].drawing_children = False

    @contextmanager
    def reserving(self) -> Iterator[None]:
        """Nobody inserts the wanted rows drawn meanwhile, nor the rows that refer to one by a deferred foreign key."""
        outer, self.has_deferred_reference = self.has_deferred_reference, False
        count = len(self.inserts)
        yield
        if self.has_deferred_reference:
            gone = {id(insert) for insert in self.inserts[count:]}
            del self.inserts[count:]
            self.cycles[:] = [cycle for cycle in self.cycles if id(cycle[0]) not in gone]
            for inserts in self._ancestors.values():
                inserts[:] = [insert for insert in inserts if id(insert) not in gone]
        self.has_deferred_reference = outer

    def parent_of_child(self, table: TableName, known: Values) -> NewRow | None:
        """The pending row with these values for which a child is being drawn."""
        for place, pending in enumerate(self._path):
            if pending.drawing_children and known and pending.has(table, known):
                self._path[-1].lowest = min(self._path[-1].lowest, place)
                return pending.row
        return None

    @property
    def pending_tables(self) -> set[TableName]:
        """The tables of the rows that are being drawn."""
        return {pending.table.name for pending in self._path}

    @property
    def is_large(self) -> bool:
        """Whether the wanted row has many ancestors already."""
        return bool(self._path) and len(self.inserts) - self._before > PLENTY

    def insert(self, pending: PendingRow) -> Insert:
        """Adds the insert of a drawn row: by itself, or as part of a cycle.

        If it is not the wanted row, it is an ancestor of that, and other rows may refer to it too.
        """
        insert = Insert(pending.table.name, pending.row)
        pending.together.append(insert)
        if pending.lowest < len(self._path):
            self._path[-1].lowest = min(self._path[-1].lowest, pending.lowest)
            self._path[-1].together += pending.together
            return insert
        self.inserts += pending.together
        for each in pending.together if pending.depth else ():
            self._ancestors.setdefault(each.table, []).append(each)
        if len(pending.together) > 1:
            self.cycles.append(tuple(pending.together))
        return insert

    def withdraw(self, insert: Insert) -> tuple[Insert, ...]:
        """Takes back the last insert, with those of its cycle, so that a probe can try it."""
        cycle = self.cycles.pop() if self.cycles and self.cycles[-1][-1] is insert else (insert,)
        gone = {id(each) for each in cycle}
        self.inserts[:] = [each for each in self.inserts if id(each) not in gone]
        return cycle

    def can_be_referenced(self, table: TableName, row: Values) -> bool:
        """Whether a row exists or is inserted: a row that only a probe inserts is no parent."""
        return any(insert.values is row for insert in self.inserts) or any(
            each is row for each in self._existing.get(table, ())
        )

    def has(self, table: TableName, values: Values) -> bool:
        """Whether a row with these values is inserted or being drawn, also where it spells a number otherwise."""
        rows = [insert.values for insert in self.inserts if insert.table == table]
        rows += [pending.row for pending in self._path if pending.table.name == table]
        wanted = {name: normalized(value) for name, value in values.items()}
        return any(wanted == {name: normalized(row[name]) for name in wanted if name in row} for row in rows)

    def inserted(self, table: TableName, known: Values) -> list[Values]:
        """The rows with these values that are inserted."""
        rows = (insert.values for insert in self.inserts if insert.table == table)
        return [row for row in rows if known.items() <= row.items()]

    def with_key(self, table: Table, known: Values) -> NewRow | None:
        """The row that has these values, if they contain a unique key: no second row may have them."""
        names = known.keys()
        if not names or not any(index.columns and names >= {*index.columns} for index in table.unique_keys):
            return None
        return next((row for row in self.rows(table.name) if all(row.get(n) == v for n, v in known.items())), None)

    def pending_parent(self, table: Table, key: ForeignKey, known: Values, in_cycle: set[str]) -> Values | None:
        """A row that is being drawn and can be the parent, so that cycles of references end.

        The columns of its table that are ``in_cycle`` are foreign keys of a cycle themselves.
        """
        referenced = {*key.referenced_columns}
        # Where the whole key is known, or hangs on a reference that is not, no other row can be the parent.
        keyed_by_child = referenced <= known.keys() or bool(in_cycle & referenced - known.keys())
        unique = any(index.columns and {*index.columns} <= {*key.columns} for index in table.unique_keys)
        for place, pending in enumerate(self._path):
            has_key = all(name in pending.row for name in key.referenced_columns)
            if not has_key or not pending.has(key.references, known):
                continue
            # The row that it is drawn for refers to it, and no other one of that table may.
            if unique and place and self._path[place - 1].table.name == table.name:
                continue
            # A deferred reference can wait. The wanted row, the first on the path, is not inserted with others, and
            # most often it is only tried: then there is another way, unless no two may refer to one or it is keyed so.
            if key.deferred and (place or self.inserting or unique or keyed_by_child):
                self.has_deferred_reference = self.has_deferred_reference or not (place or self.inserting)
                return pending.row
            if place:
                self._path[-1].lowest = min(self._path[-1].lowest, place)
                return pending.row
        return None

    def shared_parent(self, table: Table, key: ForeignKey, known: Values, *, own_only: bool) -> Values | None:
        """A parent that is inserted already, once there are plenty of rows.

        If ``own_only``, it is an ancestor of the wanted row, else of any. It never is a wanted row itself: a probe
        looks at what happens to those.
        """
        if not (self.is_large if own_only else len(self.inserts) > PLENTY):
            return None
        own = self._path[-1].row
        for insert in self.inserts[self._before :] if own_only else self._ancestors.get(key.references, ()):
            if insert.table != key.references or not known.items() <= insert.values.items():
                continue
            values = {name: insert.values.get(to) for name, to in key.pairs}
            if not repeats_key(table, {**own, **values}, self.rows(table.name), set(values)):
                return insert.values
        return None

    def parents(self, table: Table, row: Values) -> Iterator[Insert]:
        """The inserts of the rows that a row refers to."""
        for key in table.foreign_keys:
            # A column that is not drawn yet belongs to a key of which another column is NULL.
            if any(name not in row for name in key.columns):
                continue
            for insert in self.inserts:
                same = (row[name] == insert.values[to] for name, to in key.equal_pairs)
                if insert.table == key.references and all(same):
                    yield insert


def repeats_key(table: Table, row: Values, others: Sequence[NewRow], columns: set[str]) -> bool:
    """Whether a row repeats a unique key of another row, as far as it is drawn; only keys with one of the columns."""
    for key in table.unique_keys:
        names = key_columns(key)
        if not names or not set(names) & columns or not set(names) <= row.keys():
            continue
        own = [normalized(row[name]) for name in names]
        if not key.nulls_not_distinct and None in own:
            continue
        if any([normalized(each.get(name)) for name in names] == own for each in others):
            return True
    return False
