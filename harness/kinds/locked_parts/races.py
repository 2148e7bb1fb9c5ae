"""Races between the update that locks a row and writes to what it protects."""

from __future__ import annotations

import json

from harness.generation.draft import Draft
from harness.kinds.locked_parts.scenario import SIMPLE, draw_rows
from harness.kinds.locked_parts.write_paths import Lock, WritePath, WritePaths
from harness.probes import Update
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project.model import NewRow, Values
from harness.races import Invariant, Race, Races

RACED = 10
"""Writes raced in one scenario; of more, a drawn part."""

LEFT_OUT = ("truncate", "insert by")
"""TRUNCATE waits for all other sessions, and the other ways to insert wait for what INSERT waits for."""

STATES = 8
"""States from which the one is drawn that locks the row."""


def races(lock: Lock, when: str, draft: Draft) -> Races:
    """Draws races: session A locks a row, and session B writes what it protects."""
    paths = draw_rows(lock, draft)
    found = []
    for path in draft.sample(_raced(paths), RACED):
        holder = paths.second if path.locks == ("second",) else paths.first
        changes = _locking(paths, holder, path, draft)
        if changes:
            update = Update(lock.holder.name, lock.subject.key(holder, lock.holder), changes)
            words = ", ".join(f"{column} = {literal(value).strip()}" for column, value in changes.items())
            what = f"{path.what} and the lock by {words}"
            watch = _watch(paths, holder, when)
            required = path.aspect in SIMPLE
            found.append(Race(path.aspect, what, [update], [path.statement], watch, required=required))
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
        own = path.statement.set.items()
        best = [change for change in best if not own <= change.items()] or best
    return draft.choose(best[:STATES]) if best else {}


def _watch(paths: WritePaths, holder: NewRow, when: str) -> Invariant:
    """Returns the invariant that nothing changes which a locked row protects."""
    lock, table = paths.lock, paths.table
    at = condition(lock.subject.key(holder, lock.holder))
    below = at if paths.locks_itself else condition(lock.referring(holder))
    key = lock.subject.key(paths.target)
    columns = ", ".join(map(identifier, dict.fromkeys((*key, *lock.through, *lock.columns))))
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
