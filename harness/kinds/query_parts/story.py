"""One sequence of writes while it is made: which row a write takes, and which values.

Keeps the rows that there are, as far as no write was refused. Not here: which sequences are made (``sequences.py``).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.kinds.base import NewRow, Subject, TableName, Values, shorten
from harness.kinds.query_parts.aims import Aims
from harness.kinds.query_parts.writes import Write
from harness.probes import Delete, Insert, Update
from harness.values.near import near
from harness.values.types import nth

MORE = 6
"""Rows of each table that are inserted besides the drawn ones."""

SMALL = 6
"""Values of a column, the simplest, that these rows have, and that are written most."""


@dataclass
class Story:
    """One sequence while it is made: ``rows`` are there, as far as no write was refused."""

    subject: Subject
    aims: Aims
    fresh: Mapping[TableName, Sequence[NewRow]]
    chance: random.Random
    rows: list[tuple[TableName, NewRow]]
    first_key: int
    writes: list[Write] = field(default_factory=list)

    def __post_init__(self) -> None:
        places = ((table, column) for table, columns in self.aims.named.items() for column in columns)
        self.left_out = {place for place in places if self.chance.random() < 0.2}
        named = [place for place, (table, _) in enumerate(self.rows) if table in self.aims.named]
        self.focus: tuple[TableName, NewRow] = self.rows[self.chance.choice(named)]
        self._inserts = Counter[TableName]()

    def any(self) -> None:
        """Adds a write: mostly one that brings a row to agree with the one in the focus."""
        roll, table = self.chance.random(), self.chance.choice(self.aims.tables).name
        if roll < 0.4:
            self.insert(table, {**self.agreeing(table), **(self._other(table) if self.chance.random() < 0.5 else {})})
            return
        near = self.related if self.chance.random() < 0.6 else []
        of, row = self.focus if self.chance.random() < 0.4 else self.chance.choice(near or self._own)
        if roll < 0.62:
            of, row = self.chance.choice(self._own)
            change = self.agreeing(of)
            self.update(of, row, {**change, **(self._other(of) if self.chance.random() < 0.2 else {})})
        elif roll < 0.85:
            self.tweak(of, row)
        else:
            self.delete(of, row)

    def more(self, rows: int) -> None:
        """Adds inserts of rows that have columns of the query in common, and small values and flags in others."""
        for table in sorted(self.aims.tables, key=lambda each: sum(e.table == each.name for e in self.aims.links)):
            own = [row for of, row in self.rows if of == table.name]
            self._inserts[table.name] = len(self.fresh[table.name])
            for _ in range(rows if own else 0):
                self.focus = table.name, self.chance.choice(own)
                change = self.agreeing(table.name)
                for name in sorted(change.keys() - table.foreign_columns):
                    values = self.aims.values(table, name)[:SMALL]
                    if values and self.chance.random() < 0.6:
                        change[name] = self.chance.choice(values)
                self.insert(table.name, {**change, **self._elsewhere(table.name, 0.6)})
            for asked in self.aims.asked(table):
                self.insert(table.name, {**self._other(table.name), **asked})

    def insert(self, table: TableName, change: Values) -> NewRow:
        """Adds the insert of a drawn row, or of one like it with a key of its own."""
        drawn, place = self.fresh[table], self._inserts[table]
        self._inserts[table] += 1
        new = drawn[place] if place < len(drawn) else self._keyed(table, drawn[place % len(drawn)])
        asked = self.aims.asked(self.subject.catalog.table(table))
        key = self.chance.choice(asked) if asked and self.chance.random() < 0.3 else {}
        row = {**new, **self._elsewhere(table), **key, **change}
        self.writes.append(Write(f"insert into {table}", _words(change), Insert(table, {**row}), {**row}))
        self.rows.append((table, row))
        return row

    def update(self, table: TableName, row: NewRow, change: Values) -> NewRow:
        """Adds the update of a row, if it changes anything; returns the row."""
        definition = self.subject.catalog.table(table)
        changed = {
            name: value
            for name, value in change.items()
            if row.get(name) != value and definition.column(name).identity != "a"
        }
        if changed:
            statement = Update(table, self.subject.key(row, definition), changed)
            self.writes.append(Write(f"update of {table}", _words(changed), statement, {**row}))
            row.update(changed)
        return row

    def delete(self, table: TableName, row: NewRow) -> None:
        definition = self.subject.catalog.table(table)
        statement = Delete(table, self.subject.key(row, definition))
        self.writes.append(Write(f"delete from {table}", "", statement, {**row}))
        self.rows = [each for each in self.rows if each[1] is not row] if len(self._own) > 1 else self.rows

    def tweak(self, table: TableName, row: NewRow) -> None:
        """Adds an update of a column of the query to a constant, to NULL, or to what is near to its own value."""
        self.update(table, row, self._other(table, row))

    def agreeing(self, table: TableName) -> NewRow:
        """Values by which a row agrees with the one in the focus; of some columns none, or NULL."""
        found = self.all_agreeing(table, *self.focus)
        columns = {column.name: column for column in self.subject.catalog.table(table).columns}
        for name in [*found]:
            roll = self.chance.random()
            if (table, name) in self.left_out or roll < 0.1:
                del found[name]
            elif roll < 0.2 and not columns[name].not_null:
                found[name] = None
        return found

    def all_agreeing(self, table: TableName, of: TableName, row: Values) -> NewRow:
        """All values by which a row of a table can agree with a row ``of`` a table."""
        definition = self.subject.catalog.table(table)
        found: NewRow = {}
        if of == table:
            alone = definition.primary_key if len(definition.primary_key) == 1 else ()
            names = {*self.aims.named[table], *definition.foreign_columns} - {*alone}
            found = {name: row[name] for name in names if name in row}
        for link in self.aims.links:
            meets = (link.table, link.to) == (table, of) and link.of in row
            if meets and definition.column(link.column).is_supplied and (of != table or self.chance.random() < 0.2):
                found[link.column] = row[link.of]
        return {name: found[name] for name in sorted(found)}

    @property
    def related(self) -> list[tuple[TableName, NewRow]]:
        """The rows that the one in the focus belongs to, or that belong to it, or that are like it."""
        return [each for each in self._own if each[1] is not self.focus[1] and self._meet(each, self.focus)]

    def _meet(self, one: tuple[TableName, NewRow], other: tuple[TableName, NewRow]) -> bool:
        if one[0] == other[0]:
            definition = self.subject.catalog.table(one[0])
            names = {*self.aims.named[one[0]], *definition.foreign_columns} - {*definition.primary_key}
            return any(one[1].get(name) == other[1].get(name) is not None for name in names)
        return any(
            (link.table, link.to) == (a[0], b[0]) and a[1].get(link.column) == b[1].get(link.of) is not None
            for link in self.aims.links
            for a, b in ((one, other), (other, one))
        )

    def leave(self) -> None:
        """Adds writes that make the row in the focus matter, and then one that takes it away, or what it was."""
        table, row = self.focus
        if self.chance.random() < 0.5:
            self.insert(table, {**self.agreeing(table), **self._other(table)})
        if self.related:
            self.tweak(*self.chance.choice(self.related))
        roll = self.chance.random()
        if roll < 0.4:
            self.delete(table, row)
        elif roll < 0.7:
            self.update(table, row, self._elsewhere(table, 1) or self._other(table, row))
        else:
            self.tweak(table, row)

    @property
    def _own(self) -> list[tuple[TableName, NewRow]]:
        return [(table, row) for table, row in self.rows if table in self.aims.named]

    def _other(self, table: TableName, row: Values | None = None) -> NewRow:
        """Another value for a column that the query names and that refers to nothing."""
        definition = self.subject.catalog.table(table)
        left_out = {*definition.foreign_columns, *definition.primary_key}
        offered = (name for name in self.aims.named[table] if name not in left_out)
        names = [name for name in offered if self.aims.values(definition, name)]
        if not names:
            return {}
        name = self.chance.choice(names)
        own = row.get(name) if row else None
        close = [value for _, value in near(definition.column(name), own)] if own is not None else []
        if close and self.chance.random() < 0.2:
            return {name: self.chance.choice(close)}
        values = self.aims.values(definition, name)
        return {name: self.chance.choice(values[:SMALL] if self.chance.random() < 0.6 else values)}

    def _elsewhere(self, table: TableName, often: float = 0.3) -> NewRow:
        """Values by which a row refers to other rows than the drawn one does."""
        found: NewRow = {}
        for key in self.subject.catalog.table(table).foreign_keys:
            parents = [row for of, row in self.rows if of == key.references]
            if parents and self.chance.random() < often:
                parent = self.chance.choice(parents)
                found |= {own: parent[to] for own, to in key.pairs if to in parent}
        return found

    def _keyed(self, table: TableName, base: Values) -> NewRow:
        """A row like a drawn one, with other values in its keys."""
        definition, row = self.subject.catalog.table(table), {**base}
        pools = self.subject.pools
        for _, columns in pools.keys(definition):
            for name in columns:
                if name not in definition.foreign_columns:
                    pool = next((pool for pool in pools.of(definition) if name in pool.columns), None)
                    made = nth(definition.column(name), self.first_key + self._inserts[table])
                    row[name] = self.chance.choice(pool.of_column(name)) if pool else made or row.get(name)
        return row


def _words(change: Values) -> str:
    return ", ".join(f"{column} = {shorten(value)}" for column, value in change.items())
