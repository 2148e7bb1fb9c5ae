"""The scenario of a lock: what is tried while the locking row is shut, and while it is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.generation.draft import Draft
from harness.kinds._statements import become
from harness.kinds.base import shorten
from harness.kinds.locks.cascades import Cascade, cascades
from harness.kinds.locks.roads import Lock, Road, Roads
from harness.kinds.owners.askers import asked, drawn_for
from harness.probes import Accepted, Delete, Expected, Insert, Postcondition, Probe, Scenario, Update
from harness.probes.statement import condition, qualified
from harness.project.model import NewRow, Values

TRIED = 24
"""Values on each side of the condition that are tried in one scenario."""

TURNS = range(12)
"""Where among the new values of a column a scenario begins."""

SIMPLE = ("update", "insert", "delete", "move in", "move out")
"""Roads that each role has to be seen on while nothing is locked."""

MANY = 3
"""Locked rows below a row that is deleted."""


def scenario(lock: Lock, draft: Draft) -> Scenario:
    """All that is tried on one set of rows: all open, each probe shuts what it needs."""
    roads = staged(lock, draft)
    probes = tuple(_Probes(draft, roads).probes())
    return Scenario(tuple(draft.inserts), probes)


def staged(lock: Lock, draft: Draft) -> Roads:
    """A row under a locking row, another of those, and a fresh row: all open."""
    table = lock.subject.table
    foreign = {column for key in table.foreign_keys if key.references != table.name for column in key.columns}
    present = tuple({*foreign, *lock.columns, *lock.through})
    fixed, there = drawn_for(lock.asking, draft)
    present = (*present, *there)
    with draft.same_ancestors():
        held = draft.insert(table.name, fixed, present)
    fixed, _ = drawn_for(lock.asking, draft)
    if lock.reference is None:
        first, second = held, draft.insert(table.name, present=present)
        fresh = draft.row(table.name, fixed, present)
    else:
        first = _led_to(lock, draft, held)
        second = draft.insert(lock.holder.name, _shared(lock, first))
        fresh = draft.row(table.name, {**fixed, **lock.point(first)}, present)
    return Roads(lock, held, fresh, first, second, _pointers(lock, draft, first), draft.choose(TURNS))


def _led_to(lock: Lock, draft: Draft, row: NewRow) -> NewRow:
    assert lock.reference is not None
    return next(
        dict(insert.values)
        for insert in draft.inserts
        if insert.table == lock.holder.name
        and all(insert.values[name] == row[column] for column, name in lock.reference.pairs)
    )


def _shared(lock: Lock, first: Values) -> NewRow:
    """What two locking rows have in common, so that a row can move: the rest of a composite key."""
    assert lock.reference is not None
    pairs = lock.reference.pairs
    shared = {referenced: first[referenced] for column, referenced in pairs if column not in lock.through}
    places = [place for asker in lock.asking for place in asker.places if place.child is None]
    # Whoever reaches what hangs on the one is to reach what hangs on the other.
    return shared | {place.column: first[place.column] for place in places if place.keys == (lock.reference,)}


def _pointers(lock: Lock, draft: Draft, holder: Values) -> NewRow:
    """Rows that the locking row refers to in one of the states: values of foreign keys in the condition."""
    found: NewRow = {}
    for key in lock.holder.foreign_keys:
        if key.references is None or not set(key.columns) & lock.shut[0].keys():
            continue
        pairs = key.pairs
        kept = {referenced: holder[column] for column, referenced in pairs if column not in lock.shut[0]}
        parent = draft.insert(key.references, kept)
        found |= {column: parent[referenced] for column, referenced in pairs if column in lock.shut[0]}
    return found


@dataclass(frozen=True)
class _Probes:
    """The rows of a scenario, and every probe on them."""

    draft: Draft
    roads: Roads

    @property
    def lock(self) -> Lock:
        return self.roads.lock

    def probes(self) -> Iterator[Probe]:
        lock = self.lock
        shut = self.roads.in_state(self.draft.choose(lock.shut))
        for road in shut.all():
            yield from self._tried(shut, road)
        yield from self._boundary(lock.shut, lock.refused)
        yield from self._boundary(lock.ajar, Accepted(1))
        for road in self.roads.all():
            if road.against and road.aspect != "truncate":
                yield from self._tried(self.roads, road, Accepted(road.rows))
        for road in shut.neighbours():
            yield from self._tried(shut, road)
        for cascade in () if lock.asking else cascades(lock.subject, self.draft, self.roads.held):
            yield from self._deletions(shut, cascade)
            if cascade.row == self.roads.first:
                words = f"delete of its {cascade.table.name}"
                yield _deletion(self.roads, cascade, [self.roads.held], False, words, [])

    def _boundary(self, states: Sequence[Values], expected: Expected) -> Iterator[Probe]:
        """One protected road in many states of the locking row."""
        road = self.roads.first_against()
        for state in self.draft.sample(states, TRIED):
            roads = self.roads.in_state(state)
            if roads.alone:
                # What changes a row depends on what it is.
                road = roads.first_against()
            if road is not None:
                yield from self._tried(roads, road, expected, " at the edges")

    def _tried(self, roads: Roads, road: Road, expected: Expected | None = None, edges: str = "") -> Iterator[Probe]:
        """A road, as each of those tries it that ask."""
        probe = _tried(roads, road, expected, edges)
        if self.lock.asking and road.against and isinstance(probe.expected, Accepted):
            # Each by itself: a policy may let pass one and not another.
            may = not any(asker.lacks(road.statement) for asker in self.lock.asking)
            probe = replace(probe, aspect=f"{road.aspect} while open", required=may and road.aspect in SIMPLE)
        stands = not road.aspect.startswith(("insert", "truncate"))
        yield from asked(self.lock.asking, self.draft, roads.row_of(road), [probe], self.lock.silently, stands)

    def _deletions(self, shut: Roads, cascade: Cascade) -> Iterator[Probe]:
        """A row above is deleted while none, one and many of the rows below it are locked."""
        against = cascade.table.name not in self.lock.passing and _is_against(self.lock, cascade)
        others = self._others(shut, cascade)
        table = self.lock.subject.table.name
        for count in dict.fromkeys((0, 1, len(others) + 1)):
            rows = [shut.held, *others][:count]
            ahead = [become(Insert(table, row), self.lock.unnoticed) for row in rows[1:]]
            if shut.alone:
                # The others are inserted as they shall be, which may be like this one as it was.
                ahead = [*_shuts(shut, shut.first), *ahead]
            if not count:
                ahead.append(become(Delete(table, self.lock.subject.key(shut.held)), self.lock.unnoticed))
            if not shut.alone:
                ahead += _shuts(shut, shut.first)
            for place, order in enumerate(cascade.orders()):
                words = f"delete of its {cascade.table.name} with {count} locked row{'s' * (count != 1)}"
                words += f", foreign keys in {'the other' if place else 'one'} order" if order else ""
                yield _deletion(shut, cascade, rows, against and count > 0, words, [*order, *ahead])

    def _others(self, shut: Roads, cascade: Cascade) -> list[NewRow]:
        """More rows that hang on the same, as far as their unique keys leave room for them."""
        table = self.lock.subject.table
        links = {*cascade.links, *self.lock.point(shut.first)}
        if any(key.columns and set(key.columns) <= links for key in table.unique_keys):
            return []
        fixed = {column: shut.held[column] for column in links}
        states = _apart(shut) if shut.alone else [{}] * (MANY - 1)
        return [{**self.draft.row(table.name, fixed, self.lock.columns), **state} for state in states]


def _apart(shut: Roads) -> list[NewRow]:
    """States for rows that are shut themselves, beside one that is: they differ in what unique keys have in them."""
    keyed = {column for key in shut.table.unique_keys for column in key.columns} & shut.state.keys()
    found = [shut.state]
    for state in (shut.in_state(state).state for state in shut.lock.shut):
        if len(found) < MANY and all(state[column] != other[column] for column in keyed for other in found):
            found.append(state)
    return found[1:]


def _tried(roads: Roads, road: Road, expected: Expected | None = None, edges: str = "") -> Probe:
    """A road tried while the locking rows are in their state, as the lock wants it or else as ``expected`` says."""
    expected = expected or (roads.lock.refused if road.against else Accepted(road.rows))
    if isinstance(expected, Accepted):
        aspect = "free while open" if road.against else "the rest is free"
    else:
        aspect = f"{road.aspect}{edges}"
    rows = {"first": roads.first, "second": roads.second}
    before = [*road.ahead, *(text for which in road.shuts for text in _shuts(roads, rows[which]))]
    return Probe(road.statement, expected, aspect, f"{road.what} while {_where(roads)}", before=_all(before))


def _shuts(roads: Roads, row: NewRow) -> list[str]:
    """What brings a locking row into the state."""
    lock = roads.lock
    changes = {column: value for column, value in roads.state.items() if row[column] != value}
    key = lock.subject.key(row, lock.holder)
    return [become(Update(lock.holder.name, key, changes), lock.unnoticed)] if changes else []


def _deletion(
    roads: Roads, cascade: Cascade, rows: Sequence[Values], against: bool, words: str, before: Sequence[str]
) -> Probe:
    subject, table = roads.subject, cascade.table
    delete = Delete(table.name, subject.key(cascade.row, table))
    value = f"{words} while {_where(roads)}"
    if against:
        return Probe(delete, roads.lock.refused, words, value, before=_all(before), required=False)
    named = " or ".join(f"({condition(subject.key(row))})" for row in rows) or "false"
    left = f"select count(*)::text from {qualified(roads.table.name)} where {named}"
    then = Postcondition(left, "0" if cascade.takes else str(len(rows)), "locked rows that are left")
    required = table.name in roads.lock.passing and bool(rows)
    return Probe(delete, Accepted(1), words, value, then=then, before=_all(before), required=required)


def _is_against(lock: Lock, cascade: Cascade) -> bool:
    """Whether the deletion of a row above does what the lock forbids."""
    protected = {*lock.columns, *(lock.through if "move" in lock.rows else ())}
    return (cascade.takes and "delete" in lock.rows) or bool(cascade.clears & protected)


def _where(roads: Roads) -> str:
    return ", ".join(f"{column} = {shorten(value)}" for column, value in roads.state.items()) or "open"


def _all(texts: Sequence[str]) -> str | None:
    return "; ".join(texts) or None
