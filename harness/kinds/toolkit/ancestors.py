"""The parents of a row, their parents and so on, and whether deleting one reaches the row.

Decides by the actions of foreign keys whether the row below is deleted or only set to NULL, and makes two foreign keys
fire in either order.
Not here: ancestors of tables by name (``catalog/graph.py``), and common ancestors of drawn rows
(``generation/parents.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog.model import Catalog, ForeignKey, Table
from harness.kinds.base import Draft, Subject, TableName, Values, identifier, inserted, qualified

DEPTH = 4
"""References followed upwards."""


@dataclass(frozen=True)
class Ancestor:
    """A row above another one; ``path`` are the foreign keys that lead to it, that of the lowest row first."""

    table: Table
    row: Values
    path: tuple[ForeignKey, ...]

    @property
    def reaches_row(self) -> bool:
        """Whether the actions of the foreign keys let its deletion delete or change the lowest row."""
        own, *others = self.path
        return own.on_delete in ("cascade", "set null", "set default") and all(
            key.on_delete == "cascade" for key in others
        )


def ancestors(subject: Subject, draft: Draft, row: Values) -> Iterator[Ancestor]:
    """Yields the ancestors of a row of the check's table that the draft has inserted, nearest first."""
    level = list(_parents(subject, draft, subject.table, row, ()))
    while level:
        yield from level
        level = [
            above
            for below in level
            if len(below.path) < DEPTH
            for above in _parents(subject, draft, below.table, below.row, below.path)
        ]


def _parents(
    subject: Subject, draft: Draft, table: Table, row: Values, path: tuple[ForeignKey, ...]
) -> Iterator[Ancestor]:
    below = {subject.table.name, *(key.references for key in path)}
    for key in table.foreign_keys:
        # A row does not have its generated columns.
        referenced = {to: row.get(own) for own, to in key.pairs}
        if key.references in below or None in referenced.values():
            continue
        for parent in inserted(draft, key.references, referenced):
            yield Ancestor(subject.catalog.table(key.references), parent, (*path, key))


@dataclass(frozen=True)
class Cascade:
    """An ancestor of a row of the table ``below``, with all paths of foreign keys on which its deletion reaches it."""

    below: TableName
    table: Table
    row: Values
    paths: tuple[tuple[ForeignKey, ...], ...]

    @property
    def takes(self) -> bool:
        """Whether the row below is deleted as well."""
        return any(path[0].on_delete == "cascade" for path in self.paths)

    @property
    def clears(self) -> frozenset[str]:
        """The columns of the row below that are set to NULL or to their default."""
        keys = [path[0] for path in self.paths if path[0].on_delete != "cascade"]
        return frozenset(column for key in keys for column in key.cleared)

    @property
    def links(self) -> frozenset[str]:
        """The columns of the row below that refer upwards."""
        return frozenset(column for path in self.paths for column in path[0].columns)

    def orders(self) -> list[list[str]]:
        """Returns two lists of statements: they let several foreign keys to one table fire in one order, and the other.

        Foreign keys fire in the order in which they were created.
        """
        steps: dict[tuple[TableName, ForeignKey], None] = {}
        for path in self.paths:
            holder = self.below
            for key in path:
                steps[holder, key] = None
                holder = key.references
        meeting = [step for step in steps if sum(other[1].references == step[1].references for other in steps) > 1]
        if not meeting:
            return [[]]
        # PostgreSQL looks for the parents of a row that this transaction has inserted at every update of the row, also
        # in the middle of a deletion of both: the check is deferred.
        own = [(holder, key) for holder, key in steps if holder == self.below and not key.deferrable and key.validated]
        deferred = [_recreated(holder, key, " deferrable initially deferred") for holder, key in own]
        order = [_recreated(holder, key) for holder, key in meeting if (holder, key) not in own]
        return [[*deferred, *order], [*order[::-1], *deferred[::-1]]]


def cascades(subject: Subject, draft: Draft, row: Values) -> list[Cascade]:
    """Returns the ancestors of a row of the check's table whose deletion reaches it."""
    found: dict[tuple[TableName, int], list[Ancestor]] = {}
    for above in (each for each in ancestors(subject, draft, row) if each.reaches_row):
        found.setdefault((above.table.name, id(above.row)), []).append(above)
    return [
        Cascade(subject.table.name, same[0].table, same[0].row, tuple(above.path for above in same))
        for same in found.values()
    ]


def reaching(catalog: Catalog, table: Table) -> frozenset[TableName]:
    """Returns the tables from which a deletion reaches the rows of a table."""
    found: set[TableName] = set()
    level = [key for key in table.foreign_keys if key.on_delete in ("cascade", "set null", "set default")]
    while level:
        tables = {key.references for key in level} - found
        found |= tables
        level = [key for name in tables for key in catalog.table(name).foreign_keys if key.on_delete == "cascade"]
    return frozenset(found)


def _recreated(table: TableName, key: ForeignKey, also: str = "") -> str:
    name = identifier(key.name)
    return f"alter table {qualified(table)} drop constraint {name}, add constraint {name} {key.definition}{also}"
