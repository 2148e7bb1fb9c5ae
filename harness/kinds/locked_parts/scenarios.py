"""The scenarios of a lock: every write while the locking row is locked and while it is open; races.

Decides which deletions of rows above the lock forbids, in which states of the locking row writes are tried, and which
writes are raced.
Not here: the writes themselves, and which of them the lock forbids (``write_paths.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.kinds.base import Draft, NewRow, Values, condition, identifier, inserted, literal, qualified, shorten
from harness.kinds.locked_parts.write_paths import Lock, WritePath, WritePaths
from harness.kinds.row_access.acting_roles import About, as_roles, reachable_by
from harness.kinds.toolkit.ancestors import Cascade, cascades
from harness.probes import Accepted, Expected, Insert, Postcondition, Probe, Update
from harness.races import Invariant, Race, Races

TRIED = 24
"""Values on each side of the condition that are tried in one scenario."""

TURNS = range(12)
"""The places among the new values of a column at which a scenario may begin."""

SIMPLE = ("update", "insert", "delete", "move in", "move out")
"""Ways to write that have to be seen for each role while nothing is locked, and in races."""

MANY = 3
"""Locked rows below a row that is deleted."""

RACED = 10
"""Writes raced in one scenario; of more, a drawn part."""

LEFT_OUT = ("truncate", "insert by")
"""TRUNCATE waits for all other sessions, and the other ways to insert wait for what INSERT waits for."""

STATES = 8
"""States from which the one is drawn that locks the row."""


def scenario(lock: Lock, draft: Draft) -> Iterator[Probe]:
    """Yields all probes on one set of rows: no row is locked yet, and each probe locks what it needs."""
    return _Probes(draft, draw_rows(lock, draft)).all()


def draw_rows(lock: Lock, draft: Draft) -> WritePaths:
    """Draws a row below a locking row, another locking row, and a fresh row; none of them is locked."""
    table = lock.subject.table
    foreign = {column for key in table.foreign_keys if key.references != table.name for column in key.columns}
    fixed, reachable = reachable_by(lock.roles, draft)
    present = (*{*foreign, *lock.columns, *lock.through}, *reachable)
    with draft.same_ancestors():
        target = draft.insert(table.name, fixed, present)
    fixed, _ = reachable_by(lock.roles, draft)
    if lock.reference is None:
        first, second = target, draft.insert(table.name, present=present)
        fresh = draft.row(table.name, fixed, present)
    else:
        first = dict(next(inserted(draft, lock.holder.name, lock.reference.referenced(target))))
        second = draft.insert(lock.holder.name, _in_common(lock, first))
        fresh = draft.row(table.name, {**fixed, **lock.referring(first)}, present)
    return WritePaths(lock, target, fresh, first, second, _pointers(lock, draft, first), draft.choose(TURNS))


def _in_common(lock: Lock, first: Values) -> NewRow:
    """Returns what two locking rows must have in common so that a row can move: the rest of a composite key."""
    assert lock.reference is not None
    shared = {to: first[to] for own, to in lock.reference.pairs if own not in lock.through}
    columns = [column for role in lock.roles for column in role.owner_columns if column.child is None]
    # A role that reaches the rows below one locking row has to reach those below the other.
    return shared | {each.column: first[each.column] for each in columns if each.keys == (lock.reference,)}


def _pointers(lock: Lock, draft: Draft, holder: Values) -> NewRow:
    """Inserts parents of the locking row for its states; returns its foreign keys that refer to them."""
    found: NewRow = {}
    for key in lock.holder.foreign_keys:
        if not set(key.columns) & lock.locked[0].keys():
            continue
        kept = {referenced: holder[column] for column, referenced in key.pairs if column not in lock.locked[0]}
        parent = draft.insert_parent(key, kept)
        found |= {column: parent[referenced] for column, referenced in key.pairs if column in lock.locked[0]}
    return found


@dataclass(frozen=True)
class _Probes:
    """The rows of a scenario, and every probe on them."""

    draft: Draft
    paths: WritePaths

    @property
    def lock(self) -> Lock:
        return self.paths.lock

    def all(self) -> Iterator[Probe]:
        lock = self.lock
        locked = self.paths.in_state(self.draft.choose(lock.locked))
        for path in locked.all():
            yield from self._tried(locked, path)
        yield from self._in_states(lock.locked, lock.refused)
        yield from self._in_states(lock.open, Accepted(1))
        for path in self.paths.all():
            if path.forbidden and path.aspect != "truncate":
                yield from self._tried(self.paths, path, Accepted(path.rows))
        for path in locked.beside_locked():
            yield from self._tried(locked, path)
        for cascade in () if lock.roles else cascades(lock.subject, self.draft, self.paths.target):
            yield from self._deletions(locked, cascade)
            if cascade.row == self.paths.first:
                words = f"delete of its {cascade.table.name}"
                yield _deletion(self.paths, cascade, [self.paths.target], Accepted(1), words, [])

    def _in_states(self, states: Sequence[Values], expected: Expected) -> Iterator[Probe]:
        """Yields one forbidden write in many states of the locking row."""
        path = self.paths.first_forbidden()
        for state in self.draft.sample(states, TRIED):
            paths = self.paths.in_state(state)
            if paths.locks_itself:
                # The change depends on the row as it is.
                path = paths.first_forbidden()
            if path is not None:
                yield from self._tried(paths, path, expected, " at the edges")

    def _tried(
        self, paths: WritePaths, path: WritePath, expected: Expected | None = None, edges: str = ""
    ) -> Iterator[Probe]:
        """Yields a write in a state of the locking rows, as each of the roles tries it.

        By default it is expected to be refused if the lock forbids it.
        """
        expected = expected or (self.lock.refused if path.forbidden else Accepted(path.rows))
        aspect, required = f"{path.aspect}{edges}", True
        if isinstance(expected, Accepted):
            aspect = "free while open" if path.forbidden else "the rest is free"
            if self.lock.roles and path.forbidden:
                # Each by itself: a policy may accept one write and not another.
                may = not any(role.lacks(path.statement) for role in self.lock.roles)
                aspect, required = f"{path.aspect} while open", may and path.aspect in SIMPLE
        rows = {"first": paths.first, "second": paths.second}
        before = [*path.before, *(text for which in path.locks for text in _to_state(paths, rows[which]))]
        what = f"{path.what} while {_where(paths)}"
        probe = Probe(path.statement, expected, aspect, what, before=_joined(before), required=required)
        about: About = "no row" if path.aspect.startswith(("insert", "truncate")) else "its row"
        yield from as_roles(self.lock.roles, self.draft, paths.row_of(path), [probe], about)

    def _deletions(self, locked: WritePaths, cascade: Cascade) -> Iterator[Probe]:
        """Yields the deletion of a row above while none, one and many of the rows below it are locked."""
        lock = self.lock
        forbidden = cascade.table.name not in lock.excepted and _forbids(lock, cascade)
        others = self._others(locked, cascade)
        for count in dict.fromkeys((0, 1, len(others) + 1)):
            rows = [locked.target, *others][:count]
            before = [lock.past_triggers(Insert(lock.subject.table.name, row)) for row in rows[1:]]
            if locked.locks_itself:
                # The state of the others, which are inserted with it, may be the one that this row leaves.
                before = [*_to_state(locked, locked.first), *before]
            if not count:
                before.append(lock.past_triggers(lock.subject.delete(locked.target)))
            if not locked.locks_itself:
                before += _to_state(locked, locked.first)
            expected = lock.refused if forbidden and count > 0 else Accepted(1)
            for place, order in enumerate(cascade.orders()):
                words = f"delete of its {cascade.table.name} with {count} locked row{'s' * (count != 1)}"
                words += f", foreign keys in {'the other' if place else 'one'} order" if order else ""
                yield _deletion(locked, cascade, rows, expected, words, [*order, *before])

    def _others(self, locked: WritePaths, cascade: Cascade) -> list[NewRow]:
        """Draws more rows below the same row, as far as their unique keys leave room for them."""
        table = self.lock.subject.table
        links = {*cascade.links, *self.lock.referring(locked.first)}
        if any(key.columns and set(key.columns) <= links for key in table.unique_keys):
            return []
        fixed = {column: locked.target[column] for column in links}
        states = _other_states(locked) if locked.locks_itself else [{}] * (MANY - 1)
        return [{**self.draft.row(table.name, fixed, self.lock.columns), **state} for state in states]


def _other_states(locked: WritePaths) -> list[NewRow]:
    """Returns states for more rows that lock themselves: they differ in the columns of unique keys."""
    keyed = {column for key in locked.table.unique_keys for column in key.columns} & locked.state.keys()
    found = [locked.state]
    for state in (locked.in_state(state).state for state in locked.lock.locked):
        if len(found) < MANY and all(state[column] != other[column] for column in keyed for other in found):
            found.append(state)
    return found[1:]


def _to_state(paths: WritePaths, row: NewRow) -> list[str]:
    """Returns the SQL that brings a locking row into the state, if it is not in it."""
    lock = paths.lock
    changes = {column: value for column, value in paths.state.items() if row[column] != value}
    return [lock.past_triggers(lock.subject.update(row, changes, lock.holder))] if changes else []


def _deletion(
    paths: WritePaths, cascade: Cascade, rows: Sequence[Values], expected: Expected, words: str, before: Sequence[str]
) -> Probe:
    subject, table = paths.subject, cascade.table
    delete = subject.delete(cascade.row, table)
    probe = Probe(delete, expected, words, f"{words} while {_where(paths)}", before=_joined(before), required=False)
    if not isinstance(expected, Accepted):
        return probe
    named = " or ".join(f"({condition(subject.key(row))})" for row in rows) or "false"
    left = f"select count(*)::text from {qualified(paths.table.name)} where {named}"
    then = Postcondition(left, "0" if cascade.takes else str(len(rows)), "locked rows that are left")
    return replace(probe, then=then, required=table.name in paths.lock.excepted and bool(rows))


def _forbids(lock: Lock, cascade: Cascade) -> bool:
    """Whether the deletion of a row above does what the lock forbids."""
    protected = {*lock.columns, *(lock.through if "move" in lock.rows else ())}
    return (cascade.takes and "delete" in lock.rows) or bool(cascade.clears & protected)


def _where(paths: WritePaths) -> str:
    return ", ".join(f"{column} = {shorten(value)}" for column, value in paths.state.items()) or "open"


def _joined(texts: Sequence[str]) -> str | None:
    return "; ".join(texts) or None


def races(lock: Lock, when: str, draft: Draft) -> Races:
    """Draws races: session A locks a row, and session B writes what it protects."""
    paths = draw_rows(lock, draft)
    found = []
    for path in draft.sample(_raced(paths), RACED):
        holder = paths.second if path.locks == ("second",) else paths.first
        changes = _locking(paths, holder, path, draft)
        if changes:
            update = lock.subject.update(holder, changes, lock.holder)
            words = ", ".join(f"{column} = {literal(value).strip()}" for column, value in changes.items())
            what = f"{path.what} and the lock by {words}"
            watch = _watch(paths, holder, when)
            found.append(Race(path.aspect, what, [update], [path.statement], watch, required=path.aspect in SIMPLE))
    return Races(tuple(draft.inserts), tuple(found))


def _raced(paths: WritePaths) -> list[WritePath]:
    """Returns the first write of every aspect that a lock on one row forbids. MERGE waits for what UPDATE waits for."""
    found: dict[str, WritePath] = {}
    for path in paths.all():
        if path.forbidden and len(path.locks) == 1 and not path.before and not path.aspect.startswith(LEFT_OUT):
            found.setdefault(path.aspect, path)
    return [path for aspect, path in found.items() if not aspect.endswith("merge")]


def _locking(paths: WritePaths, holder: NewRow, path: WritePath, draft: Draft) -> Values:
    """Draws the changes that lock a row, other changes than those of the raced write.

    A change of a key waits for rows that refer to it: a change of other columns shows more, and one of few the most.
    """
    lock = paths.lock
    keyed = {column for index in lock.holder.unique_keys for column in index.columns}
    states = [paths.in_state(state).state for state in lock.locked]
    changes = [{name: value for name, value in state.items() if holder[name] != value} for state in states]
    ranked = sorted(filter(None, changes), key=lambda change: (len(keyed & change.keys()), len(change)))
    best = [change for change in ranked if len(keyed & change.keys()) == len(keyed & ranked[0].keys())]
    if paths.locks_itself and isinstance(path.statement, Update):
        best = [change for change in best if not path.statement.set.items() <= change.items()] or best
    return draft.choose(best[:STATES]) if best else {}


def _watch(paths: WritePaths, holder: NewRow, when: str) -> Invariant:
    """Returns the invariant that nothing changes which a locked row protects."""
    lock, table = paths.lock, paths.table
    at = condition(lock.subject.key(holder, lock.holder))
    below = at if paths.locks_itself else condition(lock.referring(holder))
    columns = ", ".join(map(identifier, dict.fromkeys((*lock.subject.key(paths.target), *lock.through, *lock.columns))))
    locked = f"coalesce((select ({when}\n) from {qualified(lock.holder.name)} where {at}), false)"
    content = f"select {columns} from {qualified(table.name)} where {below}"
    rows = f"select to_jsonb(harness_p) as r from ({content}) as harness_p"
    protected = f"(select coalesce(jsonb_agg(r order by r), '[]') from ({rows}) as harness_r)"
    return Invariant(
        f"select jsonb_build_object('locked', {locked}, 'protected', {protected})::text",
        "nothing protected changes once it is locked",
        _may,
    )


def _may(before: str, after: str) -> bool:
    was, became = json.loads(before), json.loads(after)
    return not was["locked"] or bool(was["protected"] == became["protected"])
