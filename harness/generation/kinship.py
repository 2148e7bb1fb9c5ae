"""The rows of a scenario and what leads from one to another: those that stand and those that are still being drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.catalog.model import Constraint, Table
from harness.probes.statement import Insert, Values
from harness.project.model import TableName

Row = dict[str, str | None]

PLENTY = 12
"""Ancestors of one row after which parents are shared, and what may be NULL is: those of ancestors are many."""


@dataclass
class Pending:
    """A row that is being drawn: its parents are not all there yet.

    ``lowest`` is the place, on the way down from the row that is wanted, of the oldest pending row that it or one of
    its parents refers to; ``together`` are the rows that only one statement can insert with it.
    """

    table: TableName
    row: dict[str, str | None]
    lowest: int
    together: list[Insert] = field(default_factory=list)


class Kinship:
    """Rows by their tables, parents before children. ``standing`` are those that are there before anything is drawn."""

    def __init__(self, standing: Mapping[TableName, Sequence[Row]]) -> None:
        self.inserts: list[Insert] = []
        self.rings: list[tuple[Insert, ...]] = []
        self._standing = standing
        self._rows = {table: list(found) for table, found in standing.items()}
        self._path: list[Pending] = []
        self._before = 0

    def rows(self, table: TableName) -> Sequence[Row]:
        """All rows of a table, also those that are not inserted."""
        return self._rows.get(table, ())

    def standing(self, table: TableName) -> Sequence[Row]:
        """The rows of a table that are there before anything is drawn."""
        return self._standing.get(table, ())

    def add(self, table: TableName, row: Row) -> None:
        """A row is complete."""
        self._rows.setdefault(table, []).append(row)

    def begin(self) -> None:
        """What is inserted from now on are ancestors of a row that is wanted: others have ancestors of their own."""
        self._before = len(self.inserts)

    @contextmanager
    def drawing(self, table: TableName, row: Row) -> Iterator[None]:
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

    @property
    def above(self) -> set[TableName]:
        """The tables of the rows that are being drawn."""
        return {pending.table for pending in self._path}

    @property
    def crowded(self) -> bool:
        """Whether the row that is wanted has ancestors in plenty."""
        return bool(self._path) and len(self.inserts) - self._before > PLENTY

    def insert(self, table: TableName, row: Row) -> Insert:
        """Has a parent inserted: by itself, or together with the rows that it stands in a circle with."""
        left, insert = self._left, Insert(table, row)
        left.together.append(insert)
        if left.lowest < len(self._path):
            self._path[-1].lowest = min(self._path[-1].lowest, left.lowest)
            self._path[-1].together += left.together
            return insert
        self.inserts += left.together
        if len(left.together) > 1:
            self.rings.append(tuple(left.together))
        return insert

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

    def named(self, table: Table, known: Values) -> Row | None:
        """The row that has these values, where they are those of a key: a second one would break it."""
        names = known.keys()
        if not names or not any(index.columns and names >= {*index.columns} for index in table.unique_keys):
            return None
        return next((row for row in self.rows(table.name) if all(row.get(n) == v for n, v in known.items())), None)

    def met(self, key: Constraint, known: Values) -> Values | None:
        """A row that is being drawn itself, if a second one of its table would need a third, and so on."""
        for place, pending in enumerate(self._path):
            named = all(name in pending.row for name in key.referenced_columns)
            if pending.table != key.references or not named or not known.items() <= pending.row.items():
                continue
            # A deferred reference can wait; the row that is wanted, the first on the way, is not inserted with others.
            if key.deferred:
                return pending.row
            if place:
                self._path[-1].lowest = min(self._path[-1].lowest, place)
                return pending.row
        return None

    def shared(self, table: Table, key: Constraint, known: Values) -> Values | None:
        """A parent that stands already, where there are ancestors in plenty."""
        own = self._path[-1].row
        for insert in self.inserts[self._before :] if self.crowded else ():
            if insert.table != key.references or not known.items() <= insert.values.items():
                continue
            led = {name: insert.values.get(to) for name, to in zip(key.columns, key.referenced_columns, strict=True)}
            if not clashes(table, {**own, **led}, self.rows(table.name), set(led)):
                return insert.values
        return None

    def parents(self, table: Table, row: Values) -> Iterator[Insert]:
        """The inserts of the rows that a row refers to."""
        for key in table.of_type("f"):
            pairs = list(zip(key.columns, key.referenced_columns, strict=True))
            for insert in self.inserts:
                if insert.table == key.references and all(row[name] == insert.values[to] for name, to in pairs):
                    yield insert


def clashes(table: Table, row: Values, others: Sequence[Row], columns: set[str]) -> bool:
    """Whether a row has a unique key of another by what it has already, these columns among it."""
    for key in table.unique_keys:
        names = key.columns
        if not names or len(names) < len(key.keys) or not set(names) & columns or not set(names) <= row.keys():
            continue
        own = [row[name] for name in names]
        if (key.nulls_not_distinct or None not in own) and any([each.get(n) for n in names] == own for each in others):
            return True
    return False
