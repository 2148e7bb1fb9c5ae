"""Rows that belong to owners: variables of a predicate, values for them, and rows with these values.

Decides which column names the owner of a row, by the predicates: in the table, above it, or below one of these.
Not here: columns that a predicate does not name, found by trying (``reachable.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from harness.catalog.model import ForeignKey, Table
from harness.kinds.base import Draft, NewRow, Subject, Unreliable, Values, inserted, literal
from harness.probes import Insert, claim_texts
from harness.project import sql
from harness.solver.existing import key_columns, normalized
from harness.values.constants import constants_of_bodies
from harness.values.types import scalar

DEPTH = 4
"""References followed from a table to the one whose column names the owner of a row."""

SPARE = 1
"""The place of the owner that has several rows."""

_SELECTS = re.compile(r"\bselect\b", re.IGNORECASE)
TEXTS, WHOLE = ("text", "varchar", "citext", "name"), ("int2", "int4", "int8")
Bound = Mapping[str, str]
"""Values of variables."""

Path = tuple[tuple[Table, ForeignKey], ...]
"""Foreign keys from a table upwards, each with its table."""


@dataclass(frozen=True)
class OwnerColumn:
    """A column that names the owner of a row, and the foreign keys from the check's table to it.

    They lead up by ``path`` and then, if a table below has the column, down by ``child``.
    """

    path: Path
    column: str
    variable: str
    child: tuple[Table, ForeignKey] | None = None

    @property
    def keys(self) -> tuple[ForeignKey, ...]:
        """The foreign keys that lead up."""
        return tuple(key for _, key in self.path)

    @property
    def of_row(self) -> tuple[str, ...]:
        """The columns of the check's table by which a row has its owner; none where a row below it names the owner."""
        return self.keys[0].columns if self.path else () if self.child else (self.column,)


@dataclass(frozen=True)
class OwnedRows:
    """The rows of several owners; an owner is a set of values of the variables.

    ``rows[n]`` is a row of ``owners[n]``, and ``fresh[n]`` is one to insert. The last owner has no row, so that a
    unique key for one row of each owner cannot refuse its insert. ``unowned`` are two rows whose owner is NULL, if
    there can be any; the first of them is one of the ``existing`` rows. So are ``spare`` rows of the second owner.
    """

    owners: tuple[Bound, ...]
    rows: tuple[Values, ...]
    fresh: tuple[Values, ...]
    unowned: tuple[Values, ...]
    existing: tuple[Values, ...]
    spare: tuple[Values, ...] = ()

    def of_owner(self, place: int) -> tuple[Values, ...]:
        """Returns the rows of an owner."""
        return (*self.rows[place : place + 1], *(self.spare if place == SPARE else ()))

    def row_of_another(self, place: int) -> Values:
        """Returns an existing row of another owner than this one."""
        return self.rows[(place + 1) % len(self.rows)]

    def fresh_of_another(self, place: int) -> Values | None:
        """Returns a row that another owner could insert; None where there is a single owner."""
        return None if len(self.owners) == 1 else self.fresh[-1 if place < len(self.rows) else 0]


@dataclass(frozen=True)
class Owners:
    """Draws values for the variables of a predicate, and rows that belong to them."""

    table: Table
    types: Mapping[str, str]
    owner_columns: tuple[OwnerColumn, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that decide who owns a row: they hold the owner, or refer to the row that does."""
        return tuple(dict.fromkeys(name for each in self.owner_columns for name in each.of_row))

    @classmethod
    def of(cls, subject: Subject, predicates: tuple[str, ...], variables: tuple[str, ...], types: Bound) -> Owners:
        """Raises :class:`Unreliable` if no predicate compares a column with one of the variables."""
        found = compared_columns(subject, predicates)
        known = dict(types)
        for column in found:
            table = column.child[0] if column.child else end_of(subject, column.path)
            known.setdefault(column.variable, table.column(column.column).base_name)
        for variable in variables:
            if variable not in {column.variable for column in found}:
                raise Unreliable(f"no column is compared with ${variable}: whose a row is cannot be told")
        return cls(subject.table, known, tuple(found))

    def at_insert(self, predicate: str) -> bool:
        """Whether a new row can meet a predicate: no row refers to it yet that could name its owner."""
        compared = {(column.name, variable) for column, variable in sql.equalities(predicate)}
        columns = [each for each in self.owner_columns if (each.column, each.variable) in compared]
        return not columns or any(each.path or each.child is None for each in columns)

    def rows(
        self,
        draft: Draft,
        subject: Subject,
        count: int,
        like: Sequence[Values],
        marks: Sequence[Values] = (),
        present: tuple[str, ...] = (),
        more: Sequence[Values] = (),
    ) -> OwnedRows:
        """Draws ``count`` owners with a row each, one without, and rows with the values of ``like``.

        Rows of owners have the values of ``marks``, one for each of them and of the fresh ones, and no NULL in columns
        that are ``present``. The second owner has a row with the values of each of ``more``, if it can have several.
        """
        owners = self.draw_values(draft, count + bool(self.types))
        own, new = (marks[:count], marks[count:]) if marks else ([{}] * count, [{}] * len(owners))
        # First, since their values are fixed: the other rows get other keys.
        near = [draft.insert(self.table.name, each) for each in like]
        rows = [self._insert(draft, each, mark, present) for each, mark in zip(owners[:count], own, strict=True)]
        fresh = [
            draft.row(self.table.name, {**mark, **self.fixed(draft, each)})
            for each, mark in zip(owners, new, strict=False)
        ]
        same = self.fixed(draft, owners[SPARE]) if more and len(owners) > SPARE else {}
        most = subject.pools.capacities.rows(self.table, same)
        room = len(more) if most is None else max(most - len(rows) - len(near) - len(fresh) - 2, 0)
        spare = [draft.insert(self.table.name, {**each, **same}) for each in more[:room]]
        unowned = self._unowned(draft, subject, owners[-1]) if self.types else []
        draft.inserts += [Insert(self.table.name, row) for row in unowned[:1]]
        # Without variables all owners are the same: one is enough.
        owners = owners if self.types else owners[:1]
        existing = (*rows, *near, *spare, *unowned[:1])
        return OwnedRows(tuple(owners), tuple(rows), tuple(fresh), tuple(unowned), existing, tuple(spare))

    def draw_values(self, draft: Draft, count: int) -> list[dict[str, str]]:
        """Draws ``count`` owners: different values of each variable, none of them empty.

        Of several variables some owners have all but one in common with the first: what looks at the others alone does
        not tell them apart.
        """
        drawn = {
            name: draft.draw(st.lists(scalar(kind).filter(bool), min_size=count, max_size=count, unique=True))
            for name, kind in self.types.items()
        }
        owners = [{name: values[place] for name, values in drawn.items()} for place in range(count)]
        if len(drawn) > 1 and draft.choose((True, False)):
            for place, own in enumerate(owners[1:-1]):
                name = [*drawn][place % len(drawn)]
                owners[place + 1] = {**owners[0], name: own[name]}
        return owners

    def _unowned(self, draft: Draft, subject: Subject, values: Bound) -> list[NewRow]:
        """Draws two rows without an owner: the columns that name it are NULL where they may be."""
        missing = dict.fromkeys(name for name in self.columns if not self.table.column(name).not_null)
        for pool in subject.pools.of(self.table):
            if not pool.allows(missing):
                missing = {name: None for name in missing if name not in pool.columns}
        if not missing:
            return []
        return [draft.row(self.table.name, {**self.fixed(draft, values), **missing}) for _ in range(2)]

    def rows_like(self, subject: Subject, declared: Mapping[str, Any], predicate: str) -> list[NewRow]:
        """Returns for each text in the claims, and for each constant of a predicate, the columns that can have it.

        Without any, for an empty text.
        """
        named = {name for name in sql.columns(predicate) if name not in self.table.foreign_columns}
        numbers = [each.name for each in self.table.columns if each.base_name in WHOLE and each.name in named]
        said = constants_of_bodies([predicate]).literals
        texts = (column for column in self.table.columns if column.base_name in TEXTS and column.is_supplied)
        free = [column for column in texts if column.name not in self.table.foreign_columns]
        found = []
        for value in dict.fromkeys((*claim_texts(declared), *said)) or ("",):
            row: NewRow = {c.name: value for c in free if c.typmod < 0 or len(value) <= c.typmod - 4}
            row |= dict.fromkeys(numbers, value) if value.isdigit() else {}
            for pool in subject.pools.of(self.table):
                if not pool.allows(row):
                    row = {name: text for name, text in row.items() if name not in pool.columns}
            for index in self.table.unique_keys:
                columns = key_columns(index)
                # An existing row may have it already.
                if tuple(normalized(row.get(name)) for name in columns) in subject.pools.existing.keys(
                    self.table, index
                ):
                    row.pop(columns[-1], None)
            found.append(row)
        return [row for row in found if row]

    def _insert(self, draft: Draft, owner: Bound, marks: Values, present: tuple[str, ...]) -> NewRow:
        """Inserts a row of an owner, and the rows below it that name the owner."""
        row = draft.insert(self.table.name, {**marks, **self.fixed(draft, owner)}, present)
        children = [each for each in self.owner_columns if each.child is not None and not each.path]
        # One of the rows below may be enough: each is tried alone, and all together.
        for column in draft.choose([children, *([each] for each in children)]) if children else ():
            _insert_membership(draft, column, row, owner)
        return row

    def fixed(self, draft: Draft, owner: Bound) -> NewRow:
        """Returns the columns that make a row one of the owner; the rows above it are inserted."""
        fixed: NewRow = {}
        for column in self.owner_columns:
            above: NewRow = {} if column.child else {column.column: owner[column.variable]}
            for step, (_, key) in enumerate(reversed(column.path)):
                # Owners that have one variable in common have one parent.
                there = next(inserted(draft, key.references, above), None) if above and len(self.types) > 1 else None
                parent = there or draft.insert_parent(key, above)
                if column.child is not None and step == 0:
                    _insert_membership(draft, column, parent, owner)
                above = key.referring(parent)
            fixed |= above
        return fixed

    def bind(self, predicate: str, values: Bound) -> str:
        """Returns the predicate with each variable as a literal of its type."""
        return sql.bind(predicate, {name: f"{literal(value)}::{self.types[name]}" for name, value in values.items()})


def _insert_membership(draft: Draft, column: OwnerColumn, row: Values, owner: Bound) -> None:
    """Inserts the row that refers to this one and names its owner."""
    assert column.child is not None
    table, key = column.child
    draft.insert(table.name, {**key.referring(row), column.column: owner[column.variable]})


def end_of(subject: Subject, path: Path) -> Table:
    """Returns the table that a path leads to; the check's own if the path is empty."""
    return subject.catalog.table(path[-1][1].references) if path else subject.table


def compared_columns(subject: Subject, predicates: Sequence[str]) -> list[OwnerColumn]:
    """Returns the columns that predicates compare with variables.

    Raises :class:`~harness.catalog.model.Missing` for a column that the table lacks, unless it may be of a subquery.
    """
    for column in (each for text in predicates if not _SELECTS.search(text) for each in sql.column_refs(text)):
        if column.qualifier in (None, subject.table.name.table, subject.table.name.plain):
            subject.table.column(column.name)
    mentioned = frozenset(name for text in predicates for name in sql.columns(text))
    pairs = dict.fromkeys(pair for text in predicates for pair in sql.equalities(text))
    found = (_owner_column(subject, column, variable, mentioned) for column, variable in pairs)
    return [each for each in found if each is not None]


def _owner_column(
    subject: Subject, column: sql.ColumnRef, variable: str, mentioned: frozenset[str]
) -> OwnerColumn | None:
    """Finds the column that a predicate compares with a variable: in the table, above it, or below one of these."""
    own = subject.table
    chains = [(), *paths(subject, own)]
    for path in chains:
        end = end_of(subject, path)
        # A column without the name of a table is one of these tables.
        if _has(end, replace(column, qualifier=column.qualifier or end.name.table)):
            return OwnerColumn(path, column.name, variable)
    for path in chains:
        children = subject.catalog.referencing(end_of(subject, path).name)
        # The foreign key whose columns the predicate names comes first.
        for child, key in sorted(children, key=lambda below: len(set(below[1].columns) - mentioned)):
            if child.name != own.name and _has(child, column):
                return OwnerColumn(path, column.name, variable, (child, key))
    return None


def _has(table: Table, column: sql.ColumnRef) -> bool:
    """Whether a predicate that names this column by a table means this table."""
    is_meant = column.qualifier in (table.name.table, table.name.plain)
    return is_meant and any(known.name == column.name for known in table.columns)


def paths(subject: Subject, table: Table, start: Path = ()) -> Iterator[Path]:
    """Yields the paths of foreign keys that go on from a table, short ones first."""
    steps = [(*start, (table, key)) for key in table.foreign_keys if key.references != table.name]
    yield from steps
    if len(start) + 1 < DEPTH:
        for step in steps:
            yield from paths(subject, subject.catalog.table(step[-1][1].references), step)
