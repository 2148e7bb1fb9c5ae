"""Rows that belong to somebody: variables of a predicate, values for them, and rows for which it then is true."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from harness.catalog.model import Constraint, Table
from harness.generation import Draft
from harness.generation.types import scalar
from harness.kinds.base import Subject, Unreliable
from harness.probes.statement import identifier, literal, qualified
from harness.project import sql
from harness.project.model import TableName

DEPTH = 4
"""References followed from a table to the one whose column says who owns a row."""

Bound = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """The column that says whose a row is, and the references that lead from the check's table to it."""

    path: tuple[tuple[Table, Constraint], ...]
    column: str
    variable: str


@dataclass(frozen=True)
class Owners:
    """Draws values for the variables of a predicate, and rows that belong to them."""

    table: Table
    types: Mapping[str, str]
    places: tuple[Place, ...]

    @classmethod
    def of(cls, subject: Subject, predicates: tuple[str, ...], variables: tuple[str, ...], types: Bound) -> Owners:
        """Raises :class:`Unreliable` if nothing in the predicates says which column a variable is compared with."""
        places = []
        known = dict(types)
        for column, variable in dict.fromkeys(pair for text in predicates for pair in sql.equalities(text)):
            place = _place(subject, column, variable)
            if place is not None:
                places.append(place)
                table = subject.catalog.table(_end(place)) if place.path else subject.table
                known.setdefault(variable, table.column(place.column).base_name)
        placed = {place.variable for place in places}
        for variable in variables:
            if variable not in placed:
                raise Unreliable(f"no column is compared with ${variable}: whose a row is cannot be told")
        return cls(subject.table, known, tuple(places))

    @property
    def direct(self) -> dict[str, str]:
        """Columns of the table itself that hold an owner, each with its variable."""
        return {place.column: place.variable for place in self.places if not place.path}

    def draw(self, draft: Draft, count: int) -> list[dict[str, str]]:
        """``count`` times a value for each variable, never the same: nobody is two owners."""
        drawn = {
            name: draft.draw(st.lists(scalar(kind), min_size=count, max_size=count, unique=True))
            for name, kind in self.types.items()
        }
        return [{name: values[place] for name, values in drawn.items()} for place in range(count)]

    def row(self, draft: Draft, values: Bound) -> dict[str, str | None]:
        """A row that belongs to these values, its parents inserted."""
        return draft.row(self.table.name, self._fixed(draft, values))

    def insert(self, draft: Draft, values: Bound) -> dict[str, str | None]:
        """A row that belongs to these values, inserted."""
        return draft.insert(self.table.name, self._fixed(draft, values))

    def _fixed(self, draft: Draft, values: Bound) -> dict[str, str | None]:
        fixed: dict[str, str | None] = {}
        for place in self.places:
            if not place.path:
                fixed[place.column] = values[place.variable]
                continue
            above: dict[str, str | None] = {place.column: values[place.variable]}
            for _, key in reversed(place.path):
                assert key.references is not None
                parent = draft.insert(key.references, above)
                pairs = zip(key.columns, key.referenced_columns, strict=True)
                above = {column: parent[referenced] for column, referenced in pairs}
            fixed |= above
        return fixed

    def bind(self, predicate: str, values: Bound) -> str:
        """The predicate with each variable as a literal of its type."""
        return sql.bind(predicate, {name: f"{literal(value)}::{self.types[name]}" for name, value in values.items()})


def _end(place: Place) -> TableName:
    references = place.path[-1][1].references
    assert references is not None
    return references


def _place(subject: Subject, column: sql.ColumnRef, variable: str) -> Place | None:
    """Where a column that is compared with a variable stands, seen from the check's table."""
    table = subject.table
    own = {table.name.table, str(table.name), None}
    if column.qualifier in own and any(known.name == column.name for known in table.columns):
        return Place((), column.name, variable)
    for path in _paths(subject, table, ()):
        references = path[-1][1].references
        assert references is not None
        above = subject.catalog.table(references)
        fits = column.qualifier in (None, references.table, str(references))
        if fits and any(known.name == column.name for known in above.columns):
            return Place(path, column.name, variable)
    return None


def _paths(
    subject: Subject, table: Table, so_far: tuple[tuple[Table, Constraint], ...]
) -> Iterator[tuple[tuple[Table, Constraint], ...]]:
    """Chains of references out of a table, short ones first."""
    steps = [(*so_far, (table, key)) for key in table.of_type("f") if key.references != table.name]
    yield from steps
    if len(so_far) + 1 < DEPTH:
        for step in steps:
            references = step[-1][1].references
            assert references is not None
            yield from _paths(subject, subject.catalog.table(references), step)


def claims(declared: Mapping[str, Any], values: Bound) -> dict[str, str]:
    """Settings with the variables filled in; a mapping or a list becomes a JSON text."""

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return values.get(value[1:], value) if value[:1] == "$" else value
        if isinstance(value, tuple):
            return [fill(item) for item in value]
        return {name: fill(item) for name, item in value.items()}

    filled = {setting: fill(value) for setting, value in declared.items()}
    return {
        setting: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for setting, value in filled.items()
    }


def claimed(value: Any) -> Iterator[str]:
    """The variables in claims."""
    if isinstance(value, str):
        if value[:1] == "$" and value[1:].isidentifier():
            yield value[1:]
        return
    for item in value if isinstance(value, tuple) else value.values():
        yield from claimed(item)


def stand_in(subject: Subject) -> tuple[str, list[str]]:
    """An ordinary role in the place of an owner that row security cannot hold, and what makes it so; undone after.

    Where the owner is an ordinary role it asks for itself.
    """
    table = subject.table
    if not subject.roles.bypasses_row_security(table.owner):
        return table.owner, []
    # A name of this process: two runs on one server do not wait for each other's uncommitted role.
    role = f"harness_owner_{os.getpid()}"
    schemas = sorted({name.schema for name in subject.catalog.tables})
    # Who gives a table away must be able to take the new owner's role.
    statements = [f"create role {identifier(role)}", f"grant {identifier(role)} to current_user"]
    for schema in schemas:
        statements += [
            f"grant usage, create on schema {identifier(schema)} to {identifier(role)}",
            f"grant all on all tables in schema {identifier(schema)} to {identifier(role)}",
            f"grant execute on all functions in schema {identifier(schema)} to {identifier(role)}",
        ]
    statements.append(f"alter table {qualified(table.name)} owner to {identifier(role)}")
    for policy in table.policies:
        if table.owner in policy.roles:
            roles = ", ".join(identifier(role if name == table.owner else name) for name in policy.roles)
            statements.append(f"alter policy {identifier(policy.name)} on {qualified(table.name)} to {roles}")
    return role, statements
