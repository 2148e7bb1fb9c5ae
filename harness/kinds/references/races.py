"""A parent that goes while a child comes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.kinds._races import no_orphans
from harness.kinds.base import Subject
from harness.probes import Delete, Insert, SqlStatement, Update
from harness.project.model import Values
from harness.races import Race, Races


def races(
    subject: Subject, columns: tuple[str, ...], parent: Table, referenced: tuple[str, ...]
) -> st.SearchStrategy[Races]:
    """Delete and change of a parent's key, each against a child that is inserted and one that is led to it."""
    child = subject.table
    referenced = referenced or parent.primary_key
    for column in columns:
        child.column(column)
    watch = no_orphans(child.name, columns, parent.name, referenced)

    def build(draft: Draft) -> Races:
        left = draft.insert(parent.name, present=referenced)
        point = _pointing(columns, referenced, left)
        fresh = draft.row(child.name, point)
        other = draft.insert(child.name, _pointing(columns, referenced, draft.insert(parent.name, present=referenced)))
        led = {column: value for column, value in point.items() if other[column] != value}
        key = subject.key(left, parent)
        arrivals: list[tuple[str, SqlStatement]] = [("an insert of its child", Insert(child.name, fresh))]
        if subject.may_update(led):
            arrivals.append(("a child led to it", Update(child.name, subject.key(other), led)))
        departures: list[tuple[str, SqlStatement]] = [("delete of a parent", Delete(parent.name, key))]
        change = _rekeyed(draft, parent, referenced, left)
        if change:
            departures.append(("change of a parent's key", Update(parent.name, key, change)))
        simplest, *others = [
            Race(f"{what}, {arrival}", f"{what} and {arrival}", [going], [coming], watch)
            for what, going in departures
            for arrival, coming in arrivals
        ]
        # Other rules may refuse to change a key, or a row that is only ever added.
        found = [simplest, *(replace(race, required=False) for race in others)]
        return Races(tuple(draft.inserts), tuple(found))

    return subject.scenarios(build)


def _pointing(columns: tuple[str, ...], referenced: tuple[str, ...], parent: Values) -> dict[str, str | None]:
    return {column: parent[name] for column, name in zip(columns, referenced, strict=True)}


def _rekeyed(draft: Draft, parent: Table, referenced: tuple[str, ...], row: Values) -> dict[str, str | None]:
    """A new key for a parent, in the columns that can change without leading elsewhere themselves."""
    foreign = parent.foreign_columns
    free = [name for name in referenced if name not in foreign and parent.column(name).identity != "a"]
    if not free:
        return {}
    fresh = draft.row(parent.name, {name: row[name] for name in referenced if name not in free}, referenced)
    return {name: fresh[name] for name in free}
