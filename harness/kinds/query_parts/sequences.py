"""Sequences of writes after which a query might find something, as a stateful test draws them.

Each has a row in its focus, with which others are brought to agree: in all columns of the query, or in some of them.
Some sequences are aimed: two rows for which an expression has one result, as many rows as the query counts, rows that
point at each other. Decides which sequences are aimed.
Not here: which row a write takes (``story.py``), and which values are worth writing together (``aims.py``).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.kinds.base import Draft, NewRow, Subject, TableName
from harness.kinds.query_parts.aims import Aims, RowsTogether
from harness.kinds.query_parts.story import MORE, Story
from harness.kinds.query_parts.writes import Write
from harness.probes import SqlStatement

DRAWN = 60
"""Sequences that are drawn on the rows of one scenario, besides those that are aimed."""

AIMED = 48
"""Pairs of rows with values that belong together, at the most, that are tried on the rows of one scenario."""

LONGEST = 6
"""Writes of a drawn sequence."""

FIRST_KEY, MORE_KEYS = 5000, 6000
"""The numbers of the first keys that are made for rows like drawn ones, in a sequence and before all of them."""

ROWS, TURNS = 2, 5
"""The first and the last rows of a table that leave, and the ways in which each does."""

CHANGED = 4
"""Values of a column, the simplest, that a row which the query asks for by a constant has one after the other."""

FOR_TWO = 300
"""Sequences that are drawn for two sessions; each gives several pairs of writes."""

AHEAD = 2
"""Writes ahead of those of two sessions, at the most."""


@dataclass(frozen=True)
class Sequences:
    """Makes sequences from what is known of a query; ``fresh`` are drawn rows that are not there yet.

    ``existing`` rows are there, and of them those that ``more`` inserts after all that was drawn.
    """

    subject: Subject
    aims: Aims
    fresh: Mapping[TableName, Sequence[NewRow]]
    existing: Sequence[tuple[TableName, NewRow]]
    seed: int
    more: tuple[SqlStatement, ...] = ()

    @classmethod
    def on(cls, draft: Draft, aims: Aims, fresh: Mapping[TableName, Sequence[NewRow]], rows: int = MORE) -> Sequences:
        """Sequences on the rows of a draft, and on that many other rows of each table."""
        drawn = [(insert.table, {**insert.values}) for insert in draft.inserts]
        bare = cls(aims.subject, aims, fresh, drawn, draft.choose(range(1000)))
        story = bare._story("more", MORE_KEYS)
        story.more(rows)
        more = tuple(write.statement for write in story.writes)
        return replace(bare, existing=tuple(story.rows), more=more)

    def of(self, draft: Draft) -> Iterator[tuple[Write, ...]]:
        """Yields sequences, some of them empty: those that are aimed, then drawn ones."""
        yield from self._together(draft)
        yield from self._halves()
        yield from self._rings()
        yield from self._counts()
        yield from self._asked()
        yield from self._leaving()
        yield from map(self.drawn, range(DRAWN))

    def in_two_sessions(self) -> Iterator[tuple[Sequence[Write], Write, Write]]:
        """Yields two writes for two sessions, with those ahead of them: the beginnings of sequences."""
        for writes in (*self._counts(), *self._leaving(), *map(self.drawn, range(FOR_TWO))):
            for last in range(1, min(len(writes), AHEAD + 2)):
                yield writes[: last - 1], writes[last - 1], writes[last]

    def drawn(self, number: int) -> tuple[Write, ...]:
        """One sequence by a number; the same number has the same choices."""
        story = self._story(f"drawn {number}")
        for _ in range(story.chance.randint(2, LONGEST)):
            story.any()
        return tuple(story.writes)

    def _story(self, name: str, first_key: int = FIRST_KEY) -> Story:
        chance = random.Random(f"{self.seed} {name}")
        rows = [(table, {**row}) for table, row in self.existing]
        return Story(self.subject, self.aims, self.fresh, chance, rows, first_key)

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

    def _asked(self) -> Iterator[tuple[Write, ...]]:
        """Yields inserts of rows that the query asks for by a constant, and updates of a column: small values of it."""
        for table in self.aims.tables:
            columns = [name for name in self.aims.named[table.name] if name not in table.key_columns]
            for asked, name in itertools.product(self.aims.asked(table), columns):
                for one, other in itertools.permutations(self.aims.values(table, name)[:CHANGED], 2):
                    story = self._story(f"asked {asked} {name} {one} {other}")
                    story.update(table.name, story.insert(table.name, {**asked, name: one}), {name: other})
                    yield tuple(story.writes)

    def _leaving(self) -> Iterator[tuple[Write, ...]]:
        """Yields writes after which a row is the last of its kind, and then one by which it is there no more."""
        for table in self.aims.tables:
            places = [place for place, (of, _) in enumerate(self.existing) if of == table.name]
            for place in (*places[:ROWS], *places[-ROWS:]):
                for turn in range(TURNS):
                    story = self._story(f"leaving {place} {turn}")
                    story.focus = story.rows[place]
                    story.leave()
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
