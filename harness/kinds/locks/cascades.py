"""Deletions that come down to a row from those above it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.catalog.model import Catalog, ForeignKey, Table
from harness.generation.draft import Draft
from harness.kinds._above import Ancestor, ancestors
from harness.kinds.base import Subject
from harness.probes.statement import identifier, qualified
from harness.project.model import TableName, Values


@dataclass(frozen=True)
class Cascade:
    """A row above one of ``below``, by all the references on which its deletion comes down to that."""

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
        return frozenset(column for key in keys for column in key.on_delete_columns or key.columns)

    @property
    def links(self) -> frozenset[str]:
        """The columns of the row below by which it hangs on this one."""
        return frozenset(column for path in self.paths for column in path[0].columns)

    def orders(self) -> list[list[str]]:
        """Statements that have the foreign keys to one table fire in one order, and in the other.

        They fire in the order in which they were made.
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
        # A row that was inserted by this very transaction is asked for its parents at every update, and would be in the
        # middle of a deletion that takes parent and row: that question is put off.
        own = [(holder, key) for holder, key in steps if holder == self.below and not key.deferrable and key.validated]
        asked = [_made_anew(holder, key, " deferrable initially deferred") for holder, key in own]
        order = [_made_anew(holder, key) for holder, key in meeting if (holder, key) not in own]
        return [[*asked, *order], [*order[::-1], *asked[::-1]]]


def cascades(subject: Subject, draft: Draft, row: Values) -> list[Cascade]:
    """The rows above a row of the subject's table whose deletion comes down to it."""
    found: dict[tuple[TableName, int], list[Ancestor]] = {}
    for above in ancestors(subject, draft, row):
        if above.takes_along:
            found.setdefault((above.table.name, id(above.row)), []).append(above)
    return [
        Cascade(subject.table.name, same[0].table, same[0].row, tuple(above.path for above in same))
        for same in found.values()
    ]


def reaching(catalog: Catalog, table: Table) -> frozenset[TableName]:
    """The tables from which a deletion comes down to the rows of a table."""
    found: set[TableName] = set()
    level = [key for key in table.foreign_keys if key.on_delete in ("cascade", "set null", "set default")]
    while level:
        tables = {key.references for key in level} - found
        found |= tables
        level = [key for name in tables for key in catalog.table(name).foreign_keys if key.on_delete == "cascade"]
    return frozenset(found)


def _made_anew(table: TableName, key: ForeignKey, also: str = "") -> str:
    name = identifier(key.name)
    definition = f"{key.definition}{also}"
    return f"alter table {qualified(table)} drop constraint {name}, add constraint {name} {definition}"
