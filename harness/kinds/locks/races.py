"""A lock that comes while what it protects is written."""

from __future__ import annotations

import json

from harness.generation.draft import Draft
from harness.kinds.locks.roads import Lock, Road, Roads
from harness.kinds.locks.scenario import staged
from harness.probes import Update
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project.model import NewRow, Values
from harness.races import Race, Races, Watch

RACED = 10
"""Roads raced in one scenario; of more, a drawn part."""

LEFT_OUT = ("truncate", "insert by")
"""TRUNCATE waits for everybody, and the other ways to insert for what INSERT waits for."""

STATES = 8
"""States among which the one is drawn that the locking row is brought into."""

SIMPLE = ("update", "insert", "delete", "move in", "move out")
"""Roads that have to be raced, if they are protected."""


def races(lock: Lock, when: str, draft: Draft) -> Races:
    """The lock in session A, each road to what it protects in session B."""
    roads = staged(lock, draft)
    found = []
    for road in draft.sample(_raced(roads), RACED):
        holder = roads.second if road.shuts == ("second",) else roads.first
        changes = _shutting(roads, holder, road, draft)
        if changes:
            shut = Update(lock.holder.name, lock.subject.key(holder, lock.holder), changes)
            words = ", ".join(f"{column} = {literal(value).strip()}" for column, value in changes.items())
            what = f"{road.what} and the lock by {words}"
            watch = _watch(roads, holder, when)
            required = road.aspect in SIMPLE
            found.append(Race(road.aspect, what, [shut], [road.statement], watch, required=required))
    return Races(tuple(draft.inserts), tuple(found))


def _raced(roads: Roads) -> list[Road]:
    """The first road of every aspect that a lock on one row is against. MERGE waits for what UPDATE waits for."""
    found: dict[str, Road] = {}
    for road in roads.all():
        if road.against and len(road.shuts) == 1 and not road.ahead and not road.aspect.startswith(LEFT_OUT):
            found.setdefault(road.aspect, road)
    return [road for aspect, road in found.items() if not aspect.endswith("merge")]


def _shutting(roads: Roads, holder: NewRow, road: Road, draft: Draft) -> Values:
    """What an UPDATE changes to lock a row: not what the road would change as well.

    A change of a key waits for whoever refers to the row: one of other columns shows more, and one of few the most.
    """
    lock = roads.lock
    keyed = {column for index in lock.holder.unique_keys for column in index.columns}
    states = [roads.in_state(state).state for state in lock.shut]
    changes = [{name: value for name, value in state.items() if holder[name] != value} for state in states]
    ranked = sorted(filter(None, changes), key=lambda change: (len(keyed & change.keys()), len(change)))
    best = [change for change in ranked if len(keyed & change.keys()) == len(keyed & ranked[0].keys())]
    if roads.alone and isinstance(road.statement, Update):
        own = road.statement.set.items()
        best = [change for change in best if not own <= change.items()] or best
    return draft.choose(best[:STATES]) if best else {}


def _watch(roads: Roads, holder: NewRow, when: str) -> Watch:
    """Whether the row is locked, and what is protected by it."""
    lock, table = roads.lock, roads.table
    at = condition(lock.subject.key(holder, lock.holder))
    below = at if roads.alone else condition(lock.point(holder))
    key = lock.subject.key(roads.held)
    columns = ", ".join(map(identifier, dict.fromkeys((*key, *lock.through, *lock.columns))))
    locked = f"coalesce((select ({when}\n) from {qualified(lock.holder.name)} where {at}), false)"
    content = f"select {columns} from {qualified(table.name)} where {below}"
    rows = f"select to_jsonb(harness_p) as r from ({content}) as harness_p"
    protected = f"(select coalesce(jsonb_agg(r order by r), '[]') from ({rows}) as harness_r)"
    return Watch(
        f"select jsonb_build_object('locked', {locked}, 'protected', {protected})::text",
        "nothing protected changes once it is locked",
        _may,
    )


def _may(before: str, after: str) -> bool:
    was, became = json.loads(before), json.loads(after)
    return not was["locked"] or bool(was["protected"] == became["protected"])
