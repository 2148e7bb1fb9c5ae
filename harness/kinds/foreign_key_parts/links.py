"""Keys to a parent that refers back to the very child: a customer and the one of its addresses that is the default.

No child with such a key is inserted before its parent, nor the parent before it: the child is linked by an update.
Not here: keys that refer to any parent (``kinds/foreign_key.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import reject

from harness.kinds.base import Draft, NewRow, Subject, Values, show
from harness.kinds.foreign_key_parts.actions import deletion_of
from harness.kinds.foreign_key_parts.descendants import Child
from harness.kinds.foreign_key_parts.reference import Reference
from harness.probes import Accepted, Insert, Probe


def links(subject: Subject, draft: Draft, reference: Reference) -> Iterator[Probe]:
    """Yields links to a parent that is there, to one that is nowhere and to one of another child, and deletions."""
    table = reference.child
    (child, parent), (_, other) = (_pair(draft, reference) for _ in range(2))
    fresh = draft.row(table.name, dict.fromkeys(reference.linked))
    missing = _missing(draft, reference, child)
    linked, crossed = (
        {own: to for own, to in reference.key.referring(each).items() if own in reference.linked}
        for each in (parent, other)
    )
    link = subject.update(child, linked, table)
    nowhere, refused = f"{show(missing)}, which is nowhere", reference.refused
    yield Probe(link, Accepted(1), "a child of a parent accepted", "a child, linked by an update,")
    yield Probe(subject.update(child, missing, table), refused, "orphan on update", nowhere)
    yield Probe(Insert(table.name, {**fresh, **missing}), refused, "orphan on insert", nowhere)
    value = f"{show(crossed)}, a parent that is another child's,"
    yield Probe(subject.update(child, crossed, table), refused, "the parent of another child", value)
    yield deletion_of(subject, reference, parent, [], [], frozenset([id(parent)]))
    one = [Child(table, child, ())]
    yield replace(deletion_of(subject, reference, parent, one, [], frozenset([id(parent)])), before=link.sql)


def _pair(draft: Draft, reference: Reference) -> tuple[NewRow, Values]:
    """Inserts a child without a parent, and a parent that refers to it."""
    child = draft.insert(reference.child.name, dict.fromkeys(reference.linked))
    back = {to: child[own] for own, to in reference.key.pairs if own not in reference.linked}
    return child, draft.insert(reference.parent.name, back, reference.key.referenced_columns)


def _missing(draft: Draft, reference: Reference, child: Values) -> NewRow:
    """Returns values for the link that no parent has."""
    child_name, parent_name = reference.child.name, reference.parent.name
    pairs = [(own, to) for own, to in reference.key.pairs if own in reference.linked]
    found = {own: draft.missing_key(child_name, own, child, parent_name, to) for own, to in pairs}
    return reject() if None in found.values() else found
