"""Rows that belong to somebody: variables of a predicate, values for them, and rows for which it then is true."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from harness.catalog.model import ForeignKey, Table
from harness.generation.draft import Draft
from harness.kinds.base import Subject, Unreliable
from harness.probes import Insert
from harness.probes.statement import literal
from harness.project import sql
from harness.project.model import Values
from harness.solver.normalized import key_columns, normalized
from harness.values.types import scalar

DEPTH = 4
"""References followed from a table to the one whose column says who owns a row."""

TEXTS = ("text", "varchar", "citext")
Bound = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """The column that says whose a row is, and the references that lead from the check's table to it.

    They lead up by ``path`` and then, if the column is one of a table that refers to what stands there, down by
    ``child``.
    """

    path: tuple[tuple[Table, ForeignKey], ...]
    column: str
    variable: str
    child: tuple[Table, ForeignKey] | None = None

    @property
    def keys(self) -> tuple[ForeignKey, ...]:
        """The references that lead up."""
        return tuple(key for _, key in self.path)


@dataclass(frozen=True)
class Cast:
    """Who asks, and whose rows there are.

    ``rows[n]`` is a row of ``askers[n]``, who could insert ``fresh[n]``; the last who asks has none, so that a key
    which leaves room for one row refuses it nothing. ``nobodys`` are two rows whose owner is NULL, if there can be any,
    of which the first stands among all the ``standing`` rows.
    """

    askers: tuple[Bound, ...]
    rows: tuple[Values, ...]
    fresh: tuple[Values, ...]
    nobodys: tuple[Values, ...]
    standing: tuple[Values, ...]

    def another(self, place: int) -> Values:
        """A row of another than this one."""
        return self.rows[(place + 1) % len(self.rows)]

    def strange(self, place: int) -> Values | None:
        """A row that another could insert; None where all ask alike."""
        return None if len(self.askers) == 1 else self.fresh[-1 if place < len(self.rows) else 0]


@dataclass(frozen=True)
class Owners:
    """Draws values for the variables of a predicate, and rows that belong to them."""

    table: Table
    types: Mapping[str, str]
    places: tuple[Place, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table itself that decide whose a row is: they hold an owner, or lead to what does."""
        found: dict[str, None] = {}
        for place in self.places:
            if place.path:
                found |= dict.fromkeys(place.path[0][1].columns)
            elif place.child is None:
                found[place.column] = None
        return tuple(found)

    @classmethod
    def of(cls, subject: Subject, predicates: tuple[str, ...], variables: tuple[str, ...], types: Bound) -> Owners:
        """Raises :class:`Unreliable` if nothing in the predicates says which column a variable is compared with."""
        places = []
        known = dict(types)
        mentioned = frozenset(name for text in predicates for name in sql.columns(text))
        for column, variable in dict.fromkeys(pair for text in predicates for pair in sql.equalities(text)):
            place = place_of(subject, column, variable, mentioned)
            if place is not None:
                places.append(place)
                table = place.child[0] if place.child else end(subject, place.path)
                known.setdefault(variable, table.column(place.column).base_name)
        placed = {place.variable for place in places}
        for variable in variables:
            if variable not in placed:
                raise Unreliable(f"no column is compared with ${variable}: whose a row is cannot be told")
        return cls(subject.table, known, tuple(places))

    def at_birth(self, predicate: str) -> bool:
        """Whether a row can be what a predicate says when it is inserted: no other row refers to it yet."""
        said = {(column.name, variable) for column, variable in sql.equalities(predicate)}
        places = [place for place in self.places if (place.column, place.variable) in said]
        return not places or any(place.path or place.child is None for place in places)

    def cast(self, draft: Draft, subject: Subject, count: int, like: Sequence[Values]) -> Cast:
        """Draws ``count`` owners with a row each, one without, and rows with the values of ``like``."""
        values = self.draw_values(draft, count + bool(self.types))
        # First, for their values are fixed: the others keep out of the way of their keys.
        near = [draft.insert(self.table.name, each) for each in like]
        rows = [self._insert(draft, each) for each in values[:count]]
        fresh = [draft.row(self.table.name, self.fixed(draft, each)) for each in values]
        nobodys = self._nobodys(draft, subject, values[-1]) if self.types else []
        draft.inserts += [Insert(self.table.name, row) for row in nobodys[:1]]
        # Without variables everybody asks alike: once is enough.
        askers = values if self.types else values[:1]
        return Cast(tuple(askers), tuple(rows), tuple(fresh), tuple(nobodys), (*rows, *near, *nobodys[:1]))

    def draw_values(self, draft: Draft, count: int) -> list[dict[str, str]]:
        """``count`` times a value for each variable, never the same: nobody is two owners, and nothing is nobody."""
        drawn = {
            name: draft.draw(st.lists(scalar(kind).filter(bool), min_size=count, max_size=count, unique=True))
            for name, kind in self.types.items()
        }
        return [{name: values[place] for name, values in drawn.items()} for place in range(count)]

    def _nobodys(self, draft: Draft, subject: Subject, values: Bound) -> list[dict[str, str | None]]:
        """Two rows of which nobody is the owner: the columns that say who it is are NULL where they may be."""
        missing = dict.fromkeys(name for name in self.columns if not self.table.column(name).not_null)
        for pool in subject.pools.of(self.table):
            if not pool.allows(missing):
                missing = {name: None for name in missing if name not in pool.columns}
        if not missing:
            return []
        return [draft.row(self.table.name, {**self.fixed(draft, values), **missing}) for _ in range(2)]

    def rows_like(self, subject: Subject, declared: Mapping[str, Any]) -> list[dict[str, str | None]]:
        """For each text in the claims, none claimed being an empty one, the columns that can have it."""
        foreign = self.table.foreign_columns
        texts = [column for column in self.table.columns if column.base_name in TEXTS and column.is_supplied]
        free = [column for column in texts if column.name not in foreign]
        found = []
        for value in dict.fromkeys(_leaves(declared)) or ("",):
            row: dict[str, str | None] = {c.name: value for c in free if c.typmod < 0 or len(value) <= c.typmod - 4}
            for pool in subject.pools.of(self.table):
                if not pool.allows(row):
                    row = {name: text for name, text in row.items() if name not in pool.columns}
            for index in self.table.unique_keys:
                columns = key_columns(index)
                # A row that stands may have it already.
                if tuple(normalized(row.get(name)) for name in columns) in subject.pools.existing.keys(
                    self.table, index
                ):
                    row.pop(columns[-1], None)
            found.append(row)
        return [row for row in found if row]

    def _insert(self, draft: Draft, values: Bound) -> dict[str, str | None]:
        """A row that belongs to these values, inserted, and the rows that say so after it."""
        row = draft.insert(self.table.name, self.fixed(draft, values))
        children = [place for place in self.places if place.child is not None and not place.path]
        # One of them may be enough: then each has to be, on its own.
        for place in draft.choose([children, *([place] for place in children)]) if children else ():
            _bear(draft, place, row, values)
        return row

    def fixed(self, draft: Draft, values: Bound) -> dict[str, str | None]:
        fixed: dict[str, str | None] = {}
        for place in self.places:
            if not place.path:
                if place.child is None:
                    fixed[place.column] = values[place.variable]
                continue
            above: dict[str, str | None] = {} if place.child else {place.column: values[place.variable]}
            for step, (_, key) in enumerate(reversed(place.path)):
                parent = draft.insert(key.references, above)
                if place.child is not None and step == 0:
                    _bear(draft, place, parent, values)
                above = key.referring(parent)
            fixed |= above
        return fixed

    def bind(self, predicate: str, values: Bound) -> str:
        """The predicate with each variable as a literal of its type."""
        return sql.bind(predicate, {name: f"{literal(value)}::{self.types[name]}" for name, value in values.items()})


def _bear(draft: Draft, place: Place, row: Mapping[str, str | None], values: Bound) -> None:
    """Inserts the row that refers to this one and says whose it is."""
    assert place.child is not None
    table, key = place.child
    pairs = key.pairs
    draft.insert(table.name, {**{column: row[name] for column, name in pairs}, place.column: values[place.variable]})


def end(subject: Subject, path: tuple[tuple[Table, ForeignKey], ...]) -> Table:
    """The table that a chain of references leads to; without one, the check's own."""
    references = path[-1][1].references if path else subject.table.name
    return subject.catalog.table(references)


def place_of(subject: Subject, column: sql.ColumnRef, variable: str, mentioned: frozenset[str]) -> Place | None:
    """Where a column that is compared with a variable stands, seen from the check's table."""
    own = subject.table
    if _has(own, column, loosely=True):
        return Place((), column.name, variable)
    chains = list(paths(subject, own, ()))
    for path in chains:
        if _has(end(subject, path), column, loosely=True):
            return Place(path, column.name, variable)
    for path in [(), *chains]:
        children = subject.catalog.referencing(end(subject, path).name)
        # Of several references that one which the predicate joins by.
        for child, key in sorted(children, key=lambda below: len(set(below[1].columns) - mentioned)):
            if child.name != own.name and _has(child, column):
                return Place(path, column.name, variable, (child, key))
    return None


def _has(table: Table, column: sql.ColumnRef, loosely: bool = False) -> bool:
    """Whether a predicate means a column of this table; ``loosely``, also where it does not say of which."""
    names = {table.name.table, str(table.name), *([None] if loosely else [])}
    return column.qualifier in names and any(known.name == column.name for known in table.columns)


def paths(
    subject: Subject, table: Table, so_far: tuple[tuple[Table, ForeignKey], ...]
) -> Iterator[tuple[tuple[Table, ForeignKey], ...]]:
    """Chains of references out of a table, short ones first."""
    steps = [(*so_far, (table, key)) for key in table.foreign_keys if key.references != table.name]
    yield from steps
    if len(so_far) + 1 < DEPTH:
        for step in steps:
            references = step[-1][1].references
            yield from paths(subject, subject.catalog.table(references), step)


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
    return (text[1:] for text in _leaves(value) if text[:1] == "$" and text[1:].isidentifier())


def _leaves(value: Any) -> Iterator[str]:
    """The texts in claims."""
    if isinstance(value, str):
        yield value
        return
    for item in value if isinstance(value, tuple) else value.values():
        yield from _leaves(item)
