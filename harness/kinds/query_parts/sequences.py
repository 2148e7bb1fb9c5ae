"""Sequences of writes after which a query might find something, as a stateful test draws them.

Each has a row in its focus, with which others are brought to agree: in all columns of the query, or in some of them.
Some sequences are aimed: two rows for which an expression has one result, as many rows as the query counts, rows that
point at each other. Decides which row a write takes, and which values.
Not here: which values are worth writing together (``aims.py``), and how a sequence is tried (``probes/steps.py``).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.kinds.base import Draft, NewRow, Subject, Table, TableName, Values, shorten
from harness.kinds.query_parts.aims import Aims, RowsTogether
from harness.kinds.query_parts.writes import Write
from harness.probes import Delete, Insert, Update
from harness.values.near import near
from harness.values.types import nth

DRAWN = 60
"""Sequences that are drawn on the rows of one scenario, besides those that are aimed."""

AIMED = 48
"""Pairs of rows with values that belong together, at the most, that are tried on the rows of one scenario."""

LONGEST = 6
"""Writes of a drawn sequence."""

FIRST_KEY = 5000
"""The number of the first key that is made for a row like a drawn one."""


@dataclass(frozen=True)
class Sequences:
    """Makes sequences from what is known of a query; ``fresh`` are drawn rows that are not there yet."""

    subject: Subject
    aims: Aims
    fresh: Mapping[TableName, Sequence[NewRow]]
    existing: Sequence[tuple[TableName, NewRow]]
    seed: int

    @classmethod
    def on(cls, subject: Subject, draft: Draft, aims: Aims, fresh: Mapping[Table, NewRow]) -> Sequences:
        """Sequences on the rows of a draft, and on one row of each table that is ``fresh``."""
        existing = [(insert.table, {**insert.values}) for insert in draft.inserts]
        rows = {table.name: [row] for table, row in fresh.items()}
        return cls(subject, aims, rows, existing, draft.choose(range(1000)))

    def of(self, draft: Draft) -> Iterator[tuple[Write, ...]]:
        """Yields sequences, some of them empty: those that are aimed, then drawn ones."""
        yield from self._together(draft)
        yield from self._halves()
        yield from self._rings()
        yield from self._counts()
        yield from map(self.drawn, range(DRAWN))

    def drawn(self, number: int) -> tuple[Write, ...]:
        """One sequence by a number; the same number has the same choices."""
        story = self._story(f"drawn {number}")
        for _ in range(story.chance.randint(2, LONGEST)):
            story.any()
        return tuple(story.writes)

    def _story(self, name: str) -> Story:
        chance = random.Random(f"{self.seed} {name}")
        return Story(self.subject, self.aims, self.fresh, chance, [(table, {**row}) for table, row in self.existing])

    def _together(self, draft: Draft) -> Iterator[tuple[Write, ...]]:
        """Yields inserts of two rows whose values belong together, and updates to such values."""
        for number, pair in enumerate(draft.sample(self.aims.together, AIMED)):
            yield self._pair(f"insert {number}", pair, ("insert", "insert"))
            yield self._pair(f"update {number}", pair, ("insert", "update") if number % 2 else ("update", "update"))

    def _pair(self, name: str, pair: RowsTogether, verbs: tuple[str, str]) -> tuple[Write, ...]:
        story = self._story(name)
        for verb, (table, values) in zip(verbs, pair, strict=True):
            there = [row for of, row in story.rows if of == table and row is not story.focus[1]]
            agreed = {} if not story.writes else story.agreeing(table)
            if verb == "update" and there:
                row = story.update(table, story.chance.choice(there), {**agreed, **values})
            else:
                row = story.insert(table, {**agreed, **values})
            if len(story.writes) <= 1:
                story.focus = table, row
        return tuple(story.writes)

    def _rings(self) -> Iterator[tuple[Write, ...]]:
        """Yields updates by which one, two or three rows of a table point at each other."""
        for table in self.aims.tables:
            keys = [key.pairs for key in table.foreign_keys if key.references == table.name]
            ways = [*keys, *(((e.column, e.of),) for e in self.aims.links if e.table == e.to == table.name)]
            for pairs in dict.fromkeys(ways):
                if any(own == to for own, to in pairs):
                    continue
                for count in (1, 2, 3):
                    story = self._story(f"ring {count}")
                    rows = [row for of, row in story.rows if of == table.name][-count:]
                    while len(rows) < count:
                        rows.append(story.insert(table.name, {}))
                    for row, other in zip(rows, [*rows[1:], rows[0]], strict=True):
                        story.update(table.name, row, {own: other.get(to) for own, to in pairs})
                    yield tuple(story.writes)

    def _halves(self) -> Iterator[tuple[Write, ...]]:
        """Yields inserts of two rows that agree with a third one, the second in all columns but one, or with NULL."""
        meeting = ((table.name, table.name) for table in self.aims.tables)
        for table, to in dict.fromkeys((*((link.table, link.to) for link in self.aims.links), *meeting)):
            row = next((row for of, row in self.existing if of == to), None)
            agreed = self._story("all").all_agreeing(table, to, row) if row is not None else {}
            for name in (*agreed, None):
                half: NewRow = {other: value for other, value in agreed.items() if other != name}
                nullable = name is not None and not self.subject.catalog.table(table).column(name).not_null
                for other in (half, {**half, name: None}) if name is not None and nullable else (half,):
                    story = self._story(f"{table} {to} {name}")
                    story.insert(table, agreed)
                    story.insert(table, other)
                    yield tuple(story.writes)

    def _counts(self) -> Iterator[tuple[Write, ...]]:
        """Yields as many inserts of like rows as the query counts, and an update that brings one more to them."""
        for table in self.aims.tables:
            for count in self.aims.numbers:
                for turn in range(3):
                    story = self._story(f"{count} {table.name} {turn}")
                    others = [row for of, row in story.rows if of == table.name]
                    row = others.pop() if others else story.insert(table.name, {})
                    story.focus = table.name, row
                    if turn:
                        story.tweak(table.name, row)
                    for _ in range(count):
                        story.insert(table.name, story.agreeing(table.name))
                    for other in others[:1]:
                        story.update(table.name, other, story.agreeing(table.name))
                    yield tuple(story.writes)


@dataclass
class Story:
    """One sequence while it is made: ``rows`` are there, as far as no write was refused."""

    subject: Subject
    aims: Aims
    fresh: Mapping[TableName, Sequence[NewRow]]
    chance: random.Random
    rows: list[tuple[TableName, NewRow]]
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
        of, row = self.focus if self.chance.random() < 0.4 else self.chance.choice(self._own)
        if roll < 0.62:
            of, row = self.chance.choice(self._own)
            change = self.agreeing(of)
            self.update(of, row, {**change, **(self._other(of) if self.chance.random() < 0.2 else {})})
        elif roll < 0.85:
            self.tweak(of, row)
        else:
            self.delete(of, row)

    def insert(self, table: TableName, change: Values) -> NewRow:
        """Adds the insert of a drawn row, or of one like it with a key of its own."""
        drawn, place = self.fresh[table], self._inserts[table]
        self._inserts[table] += 1
        new = drawn[place] if place < len(drawn) else self._keyed(table, drawn[place % len(drawn)])
        row = {**new, **self._elsewhere(table), **change}
        self.writes.append(Write(f"insert into {table}", _words(change), Insert(table, row)))
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
            self.writes.append(Write(f"update of {table}", _words(changed), statement))
            row.update(changed)
        return row

    def delete(self, table: TableName, row: NewRow) -> None:
        definition = self.subject.catalog.table(table)
        self.writes.append(Write(f"delete from {table}", "", Delete(table, self.subject.key(row, definition))))
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
    def _own(self) -> list[tuple[TableName, NewRow]]:
        return [(table, row) for table, row in self.rows if table in self.aims.named]

    def _other(self, table: TableName, row: Values | None = None) -> NewRow:
        """Another value for a column that the query names and that refers to nothing."""
        definition = self.subject.catalog.table(table)
        left_out = {*definition.foreign_columns, *definition.primary_key}
        names = [name for name in self.aims.named[table] if name not in left_out]
        if not names:
            return {}
        name = self.chance.choice(names)
        own = row.get(name) if row else None
        if own is not None and self.chance.random() < 0.2:
            return {name: self.chance.choice([value for _, value in near(definition.column(name), own)])}
        return {name: self.chance.choice(self.aims.values(definition, name))}

    def _elsewhere(self, table: TableName) -> NewRow:
        """Values by which a row refers to other rows than the drawn one does."""
        found: NewRow = {}
        for key in self.subject.catalog.table(table).foreign_keys:
            parents = [row for of, row in self.rows if of == key.references]
            if parents and self.chance.random() < 0.3:
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
                    made = nth(definition.column(name), FIRST_KEY + self._inserts[table])
                    row[name] = self.chance.choice(pool.of_column(name)) if pool else made or row.get(name)
        return row


def _words(change: Values) -> str:
    return ", ".join(f"{column} = {shorten(value)}" for column, value in change.items())
