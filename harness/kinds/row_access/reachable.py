"""The columns in which rows that a role reaches have the values of its claims.

Decides it by a predicate, else by a name, else by a trial on the server. Raises
:class:`~harness.kinds.subject.Unreliable` if the role reaches no row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from harness.errors import nearest
from harness.kinds.base import Draft, Subject, Unreliable, Values, condition, inserted, qualified
from harness.kinds.row_access.database_code import asked_by_policies
from harness.kinds.row_access.ownership import (
    OwnerColumn,
    compared_columns,
    end_of,
    paths,
)
from harness.oracle.introspection import reached
from harness.probes import Delete, Scenario, claim_settings, claim_variables
from harness.project import sql
from harness.values.examples import examples

EXAMPLES = 6
"""Rows that are drawn to compare the columns: a single row may have one value in two columns by chance."""

FEW = 2
"""Rows that are drawn where a role only has to reach one of them."""

COMBINATIONS = 150
"""Columns for the variables that are tried."""


def refuse_unclaimed(claims: Mapping[str, Any], predicates: Iterable[str]) -> None:
    """Raises ``ValueError`` where claims have variables, and a predicate one that none of them sets."""
    claimed = claim_variables(claims)
    for name in (name for text in predicates for name in sql.variables(text)):
        if claimed and name not in claimed:
            meant = nearest(name, claimed)
            raise ValueError(f"no claim sets ${name}{f'; did you mean ${meant}?' if meant else ''}")


def owner_columns(
    subject: Subject, role: str, claims: Mapping[str, Any], predicates: Sequence[str]
) -> tuple[OwnerColumn, ...]:
    """Returns for each variable of the claims the column that a predicate compares it with, else one of its name.

    What is missing then is found by trying; raises :class:`Unreliable` if it is not.
    """
    variables = claim_variables(claims)
    found: dict[str, OwnerColumn] = {}
    for column in compared_columns(subject, predicates):
        if column.variable in variables:
            found.setdefault(column.variable, column)
    own = {column.name for column in subject.table.columns}
    known = (*found.values(), *(OwnerColumn((), name, name) for name in variables if name in own and name not in found))
    missing = [name for name in variables if name not in own and name not in found]
    return (*known, *_by_trying(subject, role, claims, known, missing)) if missing else known


def owner_row(subject: Subject, draft: Draft, row: Values, column: OwnerColumn) -> Values | None:
    """Returns the row that has an owner column of a row; empty where a reference is NULL.

    A row that refers to it by :attr:`OwnerColumn.child` is inserted; None if the row that it refers to does not exist.
    """
    at, above = row, subject.table.name
    for key in column.keys:
        referenced = {to: at.get(own) for own, to in key.pairs}
        found = next(inserted(draft, key.references, referenced), None)
        if found is None or None in referenced.values():
            return {}
        at, above = found, key.references
    if column.child is None:
        return at
    table, key = column.child
    if not any(insert.table == above and insert.values == at for insert in draft.inserts):
        return None
    return draft.insert(table.name, key.referring(at), (column.column,))


def _by_trying(
    subject: Subject, role: str, claims: Mapping[str, Any], known: Sequence[OwnerColumn], missing: Sequence[str]
) -> tuple[OwnerColumn, ...]:
    """Finds on the server the columns by whose values, in the missing variables, the role reaches rows.

    Raises :class:`Unreliable` if there are none.
    """
    schema = subject.table.name.schema
    if not subject.roles.on_schema(role, schema):
        raise Unreliable(f"{role} has no usage of schema {schema}")
    candidates = list(_candidates(subject))
    choices = list(itertools.islice(itertools.product(range(len(candidates)), repeat=len(missing)), COMBINATIONS))
    scores = [0] * len(choices)
    for drawn in _drawn_once(subject, candidates, known, EXAMPLES):
        tried = ({name: drawn.values[place] for name, place in zip(missing, each, strict=True)} for each in choices)
        attempts = [_session(subject, role, claims, {**drawn.known, **values}) for values in tried]
        counts = reached(
            subject.pools.connection, [each.sql for each in drawn.setup], attempts, _reaching(subject, drawn.row)
        )
        scores = [score + count for score, count in zip(scores, counts, strict=True)]
    if not max(scores, default=0):
        names = ", ".join(f"${name}" for name in missing)
        raise Unreliable(f"{role} reaches no row of {subject.table.name}, whatever {names} is: say which with `sees:`")
    best = choices[scores.index(max(scores))]
    return tuple(replace(candidates[place], variable=name) for name, place in zip(missing, best, strict=True))


def reached_by(subject: Subject, role: str, claims: Sequence[Mapping[str, Any]]) -> list[int]:
    """Returns for each of some claims, with the values of a row in their variables, the number of rows it reaches."""
    scores = [0] * len(claims)
    for drawn in _drawn_once(subject, (), (), FEW):
        attempts = [_session(subject, role, each, drawn.row) for each in claims]
        setup = [each.sql for each in drawn.setup]
        # A row that it cannot read is not found by its WHERE either.
        counts = reached(subject.pools.connection, setup, attempts, _reaching(subject, drawn.row)[:1])
        scores = [score + count for score, count in zip(scores, counts, strict=True)]
    return scores


def _session(subject: Subject, role: str, claims: Mapping[str, Any], values: Values) -> Mapping[str, str]:
    """The settings of a role with its claims; what those who write rows have set is empty for it."""
    written = dict.fromkeys((name for hints in subject.pools.row_hints.values() for name in hints.claims), "")
    return {**written, "role": role, **claim_settings(claims, values)}


@dataclass(frozen=True, repr=False)
class _Drawn(Scenario):
    """An existing row, the value of each candidate column for it, and those of the known variables."""

    row: Values
    values: Sequence[str]
    known: Mapping[str, str]


def _drawn_once(
    subject: Subject, candidates: Sequence[OwnerColumn], known: Sequence[OwnerColumn], number: int
) -> Sequence[_Drawn]:
    """Returns examples of rows; they are the same for all roles and claims, and drawing them takes the most time."""
    named = tuple((each.variable, each.column, tuple(key.name for key in each.keys)) for each in known)
    asked = ("rows to reach", subject.table.name, len(candidates), named, number)
    return subject.pools.cached(asked, lambda: [*examples(_drawn(subject, candidates, known), number)])


def _drawn(
    subject: Subject, candidates: Sequence[OwnerColumn], known: Sequence[OwnerColumn]
) -> st.SearchStrategy[_Drawn]:
    present = tuple(column.name for column in subject.table.columns)

    def build(draft: Draft) -> _Drawn:
        row = draft.insert(subject.table.name, present=present)
        rows: dict[object, Values] = {}
        values = []
        for column in (*candidates, *known):
            way = column.keys, column.child[1] if column.child else None
            if way not in rows:
                rows[way] = owner_row(subject, draft, row, column) or {}
            values.append(rows[way].get(column.column) or "")
        own = dict(zip((column.variable for column in known), values[len(candidates) :], strict=True))
        return _Drawn(tuple(draft.inserts), (), row, values, own)

    return subject.scenarios(build)


def _candidates(subject: Subject) -> Iterator[OwnerColumn]:
    """Yields the columns of the table, of its ancestors, and of tables that refer to one of these, nearest first.

    Other tables are left out that no policy leads to.
    """
    own, asked = subject.table, asked_by_policies(subject)
    chains = [(), *paths(subject, own)]
    for chain in chains:
        table = end_of(subject, chain)
        names = (column.name for column in table.columns if column.is_supplied and table.name in asked)
        yield from (OwnerColumn(chain, name, "") for name in names)
    for chain in chains:
        for child, key in subject.catalog.referencing(end_of(subject, chain).name):
            left_out = child.name == own.name or child.name not in asked
            if not left_out and not any(step[0].name == child.name for step in chain):
                columns = (column.name for column in child.columns if column.name not in key.columns)
                yield from (OwnerColumn(chain, name, "", (child, key)) for name in columns)


def _reaching(subject: Subject, row: Values) -> list[str]:
    """Returns statements that reach the row by the policies for SELECT, UPDATE and DELETE."""
    table, key = subject.table.name, subject.key(row)
    look = f"select from {qualified(table)} where {condition(key)}"
    return [look, f"{look} for update", Delete(table, key).sql]
