"""The rows below a parent that go, or change, with it: its children, and theirs, down the whole chain.

Decides which rows cascades delete with a parent, how many rows below it are drawn, which of them are reached in several
ways, and in which states they may have come since they were inserted.
Not here: the deletion, and what is counted afterwards (``actions.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.model import ForeignKey, Table
from harness.kinds.base import Draft, NewRow, Subject, TableName, Values, inserted, shorten
from harness.kinds.foreign_key_parts.reference import Reference, linked_columns
from harness.kinds.toolkit.changes import later_states
from harness.kinds.toolkit.statements import past_guards

BELOW = 8
"""Foreign keys below the children for which a row is drawn, to follow a deletion down the whole chain."""

DEPTH = 3
"""Foreign keys followed from a row that is to be met up to the parent."""

_Keys = dict[str, tuple[Table, ForeignKey]]


@dataclass(frozen=True)
class Child:
    """A child, and its descendants with their tables."""

    table: Table
    row: Values
    descendants: tuple[tuple[Table, Values], ...]


def draw_child(
    subject: Subject,
    draft: Draft,
    reference: Reference,
    referring: Values,
    siblings: Sequence[Child] = (),
    meeting: Meeting | None = None,
) -> Child:
    """Inserts a child of a parent, with a row below it for each foreign key that leads there, down the whole chain."""
    known = meeting.also(reference.child, reference.key, referring) if meeting else referring
    row = draft.referring_row(reference.child.name, known, reference.key.columns, *reference.lasting)
    # No other row refers to a child that is inserted after all others.
    cascades = reference.on_delete == "cascade" and not any(insert.values is row for insert in draft.changed_inserts)
    keys = _below(subject, reference.child) if cascades else {}
    if len(keys) == BELOW and siblings:
        keys = {}  # the first child with many descendants shows enough
    return Child(reference.child, row, tuple(_descend(subject, draft, reference.child, row, keys, meeting)))


@dataclass(frozen=True)
class Ways:
    """Foreign keys below a parent that lead to it in another way than the row was reached: cascades meet there."""

    subject: Subject
    reference: Reference

    @property
    def several(self) -> bool:
        """Whether there are such foreign keys."""
        keys = _below(self.subject, self.reference.child) if self.reference.on_delete == "cascade" else {}
        return any(
            self._others(table, key) for table, key in ((self.reference.child, self.reference.key), *keys.values())
        )

    def _others(self, table: Table, key: ForeignKey) -> list[ForeignKey]:
        return [
            other
            for other in table.foreign_keys
            if other.name != key.name
            and other.references not in (table.name, key.references)
            and other.on_delete in ("cascade", "set null")
            and all(table.column(name).is_supplied for name in other.columns)
            and self._is_below(other.references, DEPTH)
        ]

    def _is_below(self, name: TableName, depth: int) -> bool:
        table = self.subject.catalog.tables.get(name)
        return name == self.reference.parent.name or any(
            depth and key.references != name and self._is_below(key.references, depth - 1)
            for key in _cascades_of(table)
        )


@dataclass(frozen=True)
class Meeting(Ways):
    """Rows below a parent to which several ways lead from it."""

    draft: Draft
    parent: Values

    def also(self, table: Table, key: ForeignKey, referring: Values) -> NewRow:
        """Returns the values by which a row refers to one above, and those by which it refers to rows of the parent."""
        found = {**referring}
        for other in self._others(table, key):
            shared = {to: found[own] for own, to in other.pairs if own in found}
            row = self._row(self.subject.catalog.table(other.references), shared, DEPTH)
            if row is not None:
                found |= other.referring(row)
        return found

    def _row(self, table: Table, known: Values, depth: int) -> Values | None:
        """A row with these values that is the parent or goes with it, inserted if it is not there; None if none can."""
        if table.name == self.reference.parent.name:
            return self.parent if known.items() <= self.parent.items() else None
        for key in _cascades_of(table) if depth else ():
            if key.references == table.name or not self._is_below(key.references, depth - 1):
                continue
            shared = {to: known[own] for own, to in key.pairs if own in known}
            above = self._row(self.subject.catalog.table(key.references), shared, depth - 1)
            if above is not None:
                values = {**known, **key.referring(above)}
                return next(inserted(self.draft, table.name, values), None) or self.draft.insert(table.name, values)
        return None


def _cascades_of(table: Table | None) -> list[ForeignKey]:
    """Returns the foreign keys of a table whose rows go with those that they refer to."""
    return [key for key in table.foreign_keys if key.on_delete == "cascade"] if table else []


def changed_since(subject: Subject, child: Child) -> Iterator[tuple[str, str]]:
    """Yields SQL that brings a child and rows below it to a state in which no row is inserted, and the state in words.

    Only a superuser gets there past triggers. Keys stay as they are.
    """
    for table, row in ((child.table, child.row), *child.descendants) if subject.roles.may_disable_triggers else ():
        for change in later_states(subject, table, dict(row))[:1]:
            words = ", ".join(f"{column} = {shorten(value)}" for column, value in change.items())
            yield past_guards(subject.update(row, change, table)), f"{table.name.table} has {words}"


def gone_with(subject: Subject, draft: Draft, reference: Reference, parent: Values) -> frozenset[int]:
    """Returns the ``id`` of every row that cascades delete with a parent.

    For the reference itself the declared action counts, not that of the catalog.
    """
    gone, level = {id(parent)}, [(reference.parent, parent)]
    while level:
        above, row = level.pop()
        for child, key in _cascading(subject, reference, above):
            for insert in (*draft.inserts, *draft.changed_inserts):
                below = insert.values
                refers = all(row.get(to) is not None and below.get(own) == row[to] for own, to in key.pairs)
                if insert.table == child.name and refers and id(below) not in gone:
                    gone.add(id(below))
                    level.append((child, below))
    return frozenset(gone)


def _cascading(subject: Subject, reference: Reference, above: Table) -> Iterator[tuple[Table, ForeignKey]]:
    """Yields the foreign keys to a table that delete the referring rows."""
    for child, key in subject.catalog.referencing(above.name):
        if key.on_delete == "cascade" and (child.name, key.name) != (reference.child.name, reference.key.name):
            yield child, key
    if above.name == reference.parent.name and reference.on_delete == "cascade":
        yield reference.child, reference.key


def _descend(
    subject: Subject, draft: Draft, table: Table, row: Values, keys: _Keys, meeting: Meeting | None
) -> Iterator[tuple[Table, Values]]:
    """Inserts one row below for each of the foreign keys, which it takes out of ``keys``."""
    for child, key in _acting(subject, table):
        if _named(child, key) not in keys or any(row.get(name) is None for name in key.referenced_columns):
            continue
        del keys[_named(child, key)]
        referring = key.referring(row)
        if next(inserted(draft, child.name, referring), None) is not None:
            continue  # another key of the child has led here
        below = draft.insert(child.name, meeting.also(child, key, referring) if meeting else referring)
        yield child, below
        if key.on_delete == "cascade":
            yield from _descend(subject, draft, child, below, keys, meeting)


def _acting(subject: Subject, table: Table) -> Iterator[tuple[Table, ForeignKey]]:
    """Returns the foreign keys to a table from other tables that delete or change the referring rows.

    Not one of rows that its own rows refer to: such a row is there already, and is no further one.
    """
    return (
        (child, key)
        for child, key in subject.catalog.referencing(table.name)
        if key.on_delete in ("cascade", "set null")
        and child.name != table.name
        and not linked_columns(child, table, key)
        and all(child.column(name).is_supplied for name in key.columns)
    )


def _below(subject: Subject, table: Table) -> _Keys:
    """Returns the foreign keys below a table, the nearest first, at most ``BELOW``.

    Hypothesis gives up on an example that draws too much, and a large schema has hundreds of them.
    """
    found: _Keys = {}
    level = [table]
    while level and len(found) < BELOW:
        keys = [each for above in level for each in _acting(subject, above) if _named(*each) not in found]
        found |= {_named(child, key): (child, key) for child, key in keys}
        level = [child for child, key in keys if key.on_delete == "cascade"]
    return dict([*found.items()][:BELOW])


def _named(child: Table, key: ForeignKey) -> str:
    return f"{child.name} {key.name}"
