"""Where the rows that a role reaches have what its claims say: told by a predicate, by a name, or found by trying."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from harness.generation.draft import Draft
from harness.kinds.base import Subject, Unreliable
from harness.kinds.owners.owned import Place, claims, end, paths, place_of
from harness.oracle.statements import reached
from harness.probes import Delete, Scenario
from harness.probes.statement import condition, qualified
from harness.project import sql
from harness.project.model import Values
from harness.values.examples import examples

EXAMPLES = 6
"""Rows that a role is to reach by the same columns: two of them may have one value by chance."""

COMBINATIONS = 150
"""Columns for the variables that are tried."""


def places_of(subject: Subject, variables: Sequence[str], predicates: Sequence[str]) -> tuple[Place, ...]:
    """Where the variables stand: in the column that a predicate compares one with, else in the one of its name."""
    found: dict[str, Place] = {}
    mentioned = frozenset(name for each in predicates for name in sql.columns(each))
    for column, variable in dict.fromkeys(pair for each in predicates for pair in sql.equalities(each)):
        place = place_of(subject, column, variable, mentioned) if variable in variables else None
        if place is not None:
            found.setdefault(variable, place)
    own = {column.name for column in subject.table.columns}
    return (*found.values(), *(Place((), name, name) for name in variables if name in own and name not in found))


def bearing(subject: Subject, draft: Draft, row: Values, place: Place) -> Values | None:
    """The row that has the column of a place, as seen from this one; nothing where a reference is NULL.

    One that refers to where the place is gets inserted; None if that cannot be: the row it refers to is not there yet.
    """
    at, above = row, subject.table.name
    for key in place.keys:
        known = [insert.values for insert in draft.inserts if insert.table == key.references]
        found = next((each for each in known if all(_has(each, to, at.get(own)) for own, to in key.pairs)), None)
        if found is None or key.references is None:
            return {}
        at, above = found, key.references
    if place.child is None:
        return at
    table, key = place.child
    if not any(insert.table == above and insert.values == at for insert in draft.inserts):
        return None
    refers = key.referring(at)
    return draft.insert(table.name, refers, (place.column,))


def _has(row: Values, column: str, value: str | None) -> bool:
    return value is not None and row.get(column) == value


def tried_places(
    subject: Subject, role: str, said: Mapping[str, Any], known: Sequence[Place], missing: Sequence[str]
) -> tuple[Place, ...]:
    """The columns whose values let the role reach rows, when the variables have them: asked on the server.

    Raises :class:`Unreliable` if there are none.
    """
    schema = subject.table.name.schema
    if not subject.roles.on_schema(role, schema):
        raise Unreliable(f"{role} has no usage of schema {schema}")
    candidates = list(_candidates(subject))
    places = range(len(candidates))
    choices = list(itertools.islice(itertools.product(places, repeat=len(missing)), COMBINATIONS))
    scores = [0] * len(choices)
    for drawn in examples(_drawn(subject, candidates, known), EXAMPLES):
        attempts = []
        for chosen in choices:
            found = {name: drawn.values[place] for name, place in zip(missing, chosen, strict=True)}
            attempts.append({"role": role, **claims(said, {**drawn.known, **found})})
        counts = reached(
            subject.pools.connection, [each.sql for each in drawn.setup], attempts, _reaching(subject, drawn.row)
        )
        scores = [score + count for score, count in zip(scores, counts, strict=True)]
    if not max(scores, default=0):
        names = ", ".join(f"${name}" for name in missing)
        raise Unreliable(f"{role} reaches no row of {subject.table.name}, whatever {names} is: say which with `sees:`")
    best = choices[scores.index(max(scores))]
    return tuple(replace(candidates[place], variable=name) for name, place in zip(missing, best, strict=True))


@dataclass(frozen=True, repr=False)
class _Drawn(Scenario):
    """A row that stands, the value of each candidate as seen from it, and of the variables that are known."""

    row: Values
    values: Sequence[str]
    known: Mapping[str, str]


def _drawn(subject: Subject, candidates: Sequence[Place], known: Sequence[Place]) -> st.SearchStrategy[_Drawn]:
    there = tuple(column.name for column in subject.table.columns)

    def build(draft: Draft) -> _Drawn:
        row = draft.insert(subject.table.name, present=there)
        borne: dict[object, Values] = {}
        values = []
        for place in (*candidates, *known):
            where = place.keys, place.child[1] if place.child else None
            if where not in borne:
                borne[where] = bearing(subject, draft, row, place) or {}
            values.append(borne[where].get(place.column) or "")
        own = dict(zip((place.variable for place in known), values[len(candidates) :], strict=True))
        return _Drawn(tuple(draft.inserts), (), row, values, own)

    return subject.scenarios(build)


def _candidates(subject: Subject) -> Iterator[Place]:
    """The columns of the table, of those above it, and of those that refer to it or to them, the nearest first."""
    own = subject.table
    chains = [(), *paths(subject, own, ())]
    for chain in chains:
        table = end(subject, chain)
        yield from (Place(chain, column.name, "") for column in table.columns if column.is_supplied)
    for chain in chains:
        for child, key in subject.catalog.referencing(end(subject, chain).name):
            if child.name != own.name and not any(step[0].name == child.name for step in chain):
                columns = (column.name for column in child.columns if column.name not in key.columns)
                yield from (Place(chain, name, "", (child, key)) for name in columns)


def _reaching(subject: Subject, row: Values) -> list[str]:
    """Statements that reach the row by the policies for each command: it can be seen, changed and deleted."""
    table, key = subject.table.name, subject.key(row)
    look = f"select from {qualified(table)} where {condition(key)}"
    return [look, f"{look} for update", Delete(table, key).sql]
