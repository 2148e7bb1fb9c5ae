"""The rows of a scenario and what leads from one to another: those that stand and those that are still being drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.catalog.model import ForeignKey, Table
from harness.probes.statement import Insert
from harness.project.model import NewRow, TableName, Values
from harness.solver.alike import alike

PLENTY = 12
"""Ancestors of one row after which what may be NULL is, and rows before ones of which parents are shared.

Those of ancestors are many.
"""


@dataclass
class Pending:
    """A row that is being drawn: its parents are not all there yet.

    ``lowest`` is the place, on the way down from the row that is wanted, of the oldest pending row that it or one of
    its parents refers to; ``together`` are the rows that only one statement can insert with it. While it is ``owning``,
    rows are drawn that it has to have: they refer to it.
    """

    table: TableName
    row: dict[str, str | None]
    lowest: int
    together: list[Insert] = field(default_factory=list)
    owning: bool = False


class Kinship:
    """Rows by their tables, parents before children. ``standing`` are those that are there before anything is drawn."""

    def __init__(self, standing: Mapping[TableName, Sequence[NewRow]]) -> None:
        self.inserts: list[Insert] = []
        self.rings: list[tuple[Insert, ...]] = []
        self._standing = standing
        self._rows = {table: list(found) for table, found in standing.items()}
        self._path: list[Pending] = []
        self._before = 0
        self.inserting = False
        self.waits = False
        """Whether a row that stands refers to one that is only tried, by a reference that can wait for it."""
        self._ancestors: dict[TableName, list[Insert]] = {}

    def rows(self, table: TableName) -> Sequence[NewRow]:
        """All rows of a table, also those that are not inserted."""
        return self._rows.get(table, ())

    def standing(self, table: TableName) -> Sequence[NewRow]:
        """The rows of a table that are there before anything is drawn."""
        return self._standing.get(table, ())

    def add(self, table: TableName, row: NewRow) -> None:
        """A row is complete."""
        self._rows.setdefault(table, []).append(row)

    def begin(self, stands: bool) -> None:
        """What is inserted from now on are ancestors of a row that is wanted: others have ancestors of their own.

        If the row ``stands`` it is inserted after them; if not, it is tried, and others are tried without it.
        """
        self._before = len(self.inserts)
        self.inserting = stands

    @contextmanager
    def drawing(self, table: TableName, row: NewRow) -> Iterator[None]:
        """Meanwhile the parents of a row are drawn."""
        self._path.append(Pending(table, row, len(self._path)))
        try:
            yield
        finally:
            self._left = self._path.pop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Rows drawn meanwhile are no parents of the row that is being drawn."""
        path, self._path = self._path, self._path[:1]
        try:
            yield
        finally:
            self._path = path

    @contextmanager
    def owning(self) -> Iterator[None]:
        """Rows drawn meanwhile belong to the row that is being drawn, and are inserted with it."""
        self._path[-1].owning = True
        try:
            yield
        finally:
            self._path[-1].owning = False

    def owner(self, table: TableName, known: Values) -> NewRow | None:
        """The row with these values that is being drawn and has to have the one that is drawn now."""
        for place, pending in enumerate(self._path):
            if pending.owning and pending.table == table and known and known.items() <= pending.row.items():
                self._path[-1].lowest = min(self._path[-1].lowest, place)
                return pending.row
        return None

    @property
    def above(self) -> set[TableName]:
        """The tables of the rows that are being drawn."""
        return {pending.table for pending in self._path}

    @property
    def crowded(self) -> bool:
        """Whether the row that is wanted has ancestors in plenty."""
        return bool(self._path) and len(self.inserts) - self._before > PLENTY

    def insert(self, table: TableName, row: NewRow, wanted: bool = False) -> Insert:
        """Has a row inserted: by itself, or together with the rows that it stands in a circle with.

        If it is not the one that is ``wanted``, it is an ancestor of that, and may become one of others.
        """
        left, insert = self._left, Insert(table, row)
        left.together.append(insert)
        if left.lowest < len(self._path):
            self._path[-1].lowest = min(self._path[-1].lowest, left.lowest)
            self._path[-1].together += left.together
            return insert
        self.inserts += left.together
        for each in left.together if not wanted else ():
            self._ancestors.setdefault(each.table, []).append(each)
        if len(left.together) > 1:
            self.rings.append(tuple(left.together))
        return insert

    def withheld(self, insert: Insert) -> tuple[Insert, ...]:
        """Takes back the row that was inserted last, with those of its circle, so that it can be tried."""
        ring = self.rings.pop() if self.rings and self.rings[-1][-1] is insert else (insert,)
        gone = {id(each) for each in ring}
        self.inserts[:] = [each for each in self.inserts if id(each) not in gone]
        return ring

    def stands(self, table: TableName, row: Values) -> bool:
        """Whether a row can be referred to: one that is only tried later is nobody's parent yet."""
        return any(insert.values is row for insert in self.inserts) or any(
            each is row for each in self._standing.get(table, ())
        )

    def expects(self, table: TableName, values: Values) -> bool:
        """Whether a row with these values is inserted, or being drawn."""
        inserted = any(insert.table == table and values.items() <= insert.values.items() for insert in self.inserts)
        return inserted or any(each.table == table and values.items() <= each.row.items() for each in self._path)

    def inserted(self, table: TableName, known: Values) -> list[Values]:
        """The rows with these values that are inserted."""
        there = (insert.values for insert in self.inserts if insert.table == table)
        return [row for row in there if known.items() <= row.items()]

    def named(self, table: Table, known: Values) -> NewRow | None:
        """The row that has these values, where they are those of a key: a second one would break it."""
        names = known.keys()
        if not names or not any(index.columns and names >= {*index.columns} for index in table.unique_keys):
            return None
        return next((row for row in self.rows(table.name) if all(row.get(n) == v for n, v in known.items())), None)

    def met(self, table: Table, key: ForeignKey, known: Values, named: bool) -> Values | None:
        """A row that is being drawn itself, if a second one of its table would need a third, and so on.

        Rows are ``named`` by what refers to them if their own references have their key.
        """
        unique = _is_unique(table, key)
        for place, pending in enumerate(self._path):
            keyed = all(name in pending.row for name in key.referenced_columns)
            if pending.table != key.references or not keyed or not known.items() <= pending.row.items():
                continue
            # The row that it is drawn for refers to it, and no other one of that table may.
            if unique and place and self._path[place - 1].table == table.name:
                continue
            # A deferred reference can wait. The row that is wanted, the first on the way, is not inserted with others,
            # and most often it is only tried: then there is another way, unless no two may refer to one or it is named.
            if key.deferred and (place or self.inserting or unique or named):
                self.waits = self.waits or not (place or self.inserting)
                return pending.row
            if place:
                self._path[-1].lowest = min(self._path[-1].lowest, place)
                return pending.row
        return None

    def shared(self, table: Table, key: ForeignKey, known: Values, begun: bool) -> Values | None:
        """A parent that stands already, where rows are in plenty; if ``begun``, an ancestor of the row that is wanted.

        Of the rows that are wanted themselves it is none: what happens to those is what is looked at.
        """
        if key.references is None or not (self.crowded if begun else len(self.inserts) > PLENTY):
            return None
        own = self._path[-1].row
        for insert in self.inserts[self._before :] if begun else self._ancestors.get(key.references, ()):
            if insert.table != key.references or not known.items() <= insert.values.items():
                continue
            led = {name: insert.values.get(to) for name, to in key.pairs}
            if not clashes(table, {**own, **led}, self.rows(table.name), set(led)):
                return insert.values
        return None

    def parents(self, table: Table, row: Values) -> Iterator[Insert]:
        """The inserts of the rows that a row refers to."""
        for key in table.foreign_keys:
            # One column of the key is NULL, and another not drawn yet: it leads nowhere.
            if any(name not in row for name in key.columns):
                continue
            for insert in self.inserts:
                if insert.table == key.references and all(row[name] == insert.values[to] for name, to in key.pairs):
                    yield insert


def _is_unique(table: Table, key: ForeignKey) -> bool:
    """Whether no two rows of a table refer to the same row."""
    return any(index.columns and {*index.columns} <= {*key.columns} for index in table.unique_keys)


def clashes(table: Table, row: Values, others: Sequence[NewRow], columns: set[str]) -> bool:
    """Whether a row has a unique key of another by what it has already, these columns among it."""
    for key in table.unique_keys:
        names = key.columns
        if not names or len(names) < len(key.keys) or not set(names) & columns or not set(names) <= row.keys():
            continue
        own = [alike(row[name]) for name in names]
        if not key.nulls_not_distinct and None in own:
            continue
        if any([alike(each.get(name)) for name in names] == own for each in others):
            return True
    return False
