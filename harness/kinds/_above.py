"""The rows that a row hangs on: its parents, theirs, and what the end of one does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog.model import ForeignKey, Table
from harness.generation.draft import Draft
from harness.kinds.base import Subject
from harness.project.model import Values

DEPTH = 4
"""References followed upwards."""


@dataclass(frozen=True)
class Ancestor:
    """A row above another; ``path`` are the references that lead to it, the row's own first."""

    table: Table
    row: Values
    path: tuple[ForeignKey, ...]

    @property
    def takes_along(self) -> bool:
        """Whether its end would reach the row below by what the references say."""
        own, *others = self.path
        return own.on_delete in ("cascade", "set null", "set default") and all(
            key.on_delete == "cascade" for key in others
        )


def ancestors(subject: Subject, draft: Draft, row: Values) -> Iterator[Ancestor]:
    """The rows above a row of the subject's table, as far as the draft has them inserted; nearest first."""
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
        pairs = key.pairs
        if key.references is None or key.references in below or any(row.get(column) is None for column, _ in pairs):
            continue
        for insert in draft.inserts:
            if insert.table == key.references and all(insert.values.get(name) == row[column] for column, name in pairs):
                yield Ancestor(subject.catalog.table(key.references), insert.values, (*path, key))
