"""Probes that delete parents and change their keys, and count the children that are left.

Decides which rows cascades delete with a parent, down the whole chain, and how many rows below it are drawn.
Not here: the declared actions and the numbers of children (``reference.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.model import ForeignKey, Table
from harness.kinds.base import Draft, NewRow, Subject, Values, condition, identifier, inserted, qualified
from harness.kinds.foreign_key_parts.reference import Reference, new_key
from harness.probes import Accepted, Delete, Postcondition, Probe, Update

BELOW = 8
"""Foreign keys below the children for which a row is drawn, to follow a deletion down the whole chain."""


def actions(subject: Subject, draft: Draft, reference: Reference) -> Iterator[Probe]:
    """Yields deletes of parents with no, one and several children, then changes of their keys.

    An unrelated parent with a child is not to change.
    """
    if not reference.counts:
        return
    if "set default" in (reference.on_delete, reference.on_update):
        _insert_default_parent(subject, draft, reference)
    values = subject.pools.hints(reference.child.name).parent_values(reference.key.columns)
    others = [_child(subject, draft, reference, reference.draw_parent(draft, values)[1], [])]
    for count in reference.counts:
        parent, referring = reference.draw_parent(draft, values)
        children: list[_Child] = []
        for _ in range(count):
            children.append(_child(subject, draft, reference, referring, children))
        # A row that the parent refers to may refer back to it.
        childless = not any(
            insert.table == reference.child.name and reference.refers(insert.values, parent) for insert in draft.inserts
        )
        if reference.parent_goes and (count or childless):
            yield _deletion(subject, reference, parent, children, others, _gone(subject, draft, reference, parent))
        if count and not reference.few:
            yield from _changed_key(subject, draft, reference, parent, children)


def _insert_default_parent(subject: Subject, draft: Draft, reference: Reference) -> None:
    """Inserts the parent that SET DEFAULT makes children refer to, unless the defaults are NULL."""
    defaults = {to: reference.child.column(name).default or "null" for name, to in reference.key.pairs}
    key = {to: subject.oracle.scalar(reference.child, default) for to, default in defaults.items()}
    name = reference.parent.name
    there = next(inserted(draft, name, key), None) is not None
    if None not in key.values() and not there and draft.existing_row(name, key) is None:
        draft.insert(name, key)


@dataclass(frozen=True)
class _Child:
    """A child, and its descendants with their tables."""

    row: Values
    descendants: tuple[tuple[Table, Values], ...]


def _child(
    subject: Subject, draft: Draft, reference: Reference, referring: Values, siblings: Sequence[_Child]
) -> _Child:
    row = draft.referring_row(reference.child.name, referring, reference.key.columns)
    # No other row refers to a child that is inserted after all others.
    cascades = reference.on_delete == "cascade" and not any(insert.values is row for insert in draft.changed_inserts)
    keys = _below(subject, reference.child) if cascades else {}
    if len(keys) == BELOW and siblings:
        keys = {}  # the first child with many descendants shows enough
    return _Child(row, tuple(_descend(subject, draft, reference.child, row, keys)))


def _gone(subject: Subject, draft: Draft, reference: Reference, parent: Values) -> frozenset[int]:
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
    subject: Subject, draft: Draft, table: Table, row: Values, keys: dict[str, None]
) -> Iterator[tuple[Table, Values]]:
    """Inserts one row below for each of the foreign keys, which it takes out of ``keys``."""
    for child, key in _acting(subject, table):
        if _named(child, key) not in keys or any(row.get(name) is None for name in key.referenced_columns):
            continue
        del keys[_named(child, key)]
        referring = key.referring(row)
        if next(inserted(draft, child.name, referring), None) is not None:
            continue  # another key of the child has led here
        below = draft.insert(child.name, referring)
        yield child, below
        if key.on_delete == "cascade":
            yield from _descend(subject, draft, child, below, keys)


def _acting(subject: Subject, table: Table) -> Iterator[tuple[Table, ForeignKey]]:
    """Returns the foreign keys to a table from other tables that delete or change the referring rows."""
    return (
        (child, key)
        for child, key in subject.catalog.referencing(table.name)
        if key.on_delete in ("cascade", "set null")
        and child.name != table.name
        and all(child.column(name).is_supplied for name in key.columns)
    )


def _below(subject: Subject, table: Table) -> dict[str, None]:
    """Returns the foreign keys below a table, the nearest first, at most ``BELOW``.

    Hypothesis gives up on an example that draws too much, and a large schema has hundreds of them.
    """
    found: dict[str, None] = {}
    level = [table]
    while level and len(found) < BELOW:
        keys = [each for above in level for each in _acting(subject, above) if _named(*each) not in found]
        found |= {_named(child, key): None for child, key in keys}
        level = [child for child, key in keys if key.on_delete == "cascade"]
    return dict.fromkeys(list(found)[:BELOW])


def _named(child: Table, key: ForeignKey) -> str:
    return f"{child.name} {key.name}"


def _deletion(
    subject: Subject,
    reference: Reference,
    parent: Values,
    children: list[_Child],
    others: list[_Child],
    gone: frozenset[int],
) -> Probe:
    delete = subject.delete(parent, reference.parent)
    count = len(children)
    value = f"delete of a parent with {count} {'child' if count == 1 else 'children'}"
    aspect = f"on delete {reference.on_delete}, {count} children"
    strays = _deletion_of_strays(subject, reference, parent, children)
    if count and reference.on_delete in ("no action", "restrict"):
        return Probe(delete, reference.refused, aspect, value, before=strays)
    then = _rows_left(subject, reference, children, others, gone)
    brings = _brought(reference) if count else None
    return Probe(delete, Accepted(1), aspect, value, then=then, brings=brings, before=strays)


def _brought(reference: Reference) -> Update | Delete:
    """Returns what the deletion of a parent does to its children."""
    table, cleared = reference.child, reference.key.cleared
    if reference.on_delete == "cascade":
        return Delete(table.name, {})
    default = reference.on_delete == "set default"
    return Update(table.name, {}, {each: table.column(each).default if default else None for each in cleared})


def _deletion_of_strays(
    subject: Subject, reference: Reference, parent: Values, children: Sequence[_Child]
) -> str | None:
    """Returns a statement that deletes the children which a trigger of the parent has inserted besides."""
    if not any("insert" in trigger.events for trigger in reference.parent.triggers):
        return None
    drawn = "".join(f" and not ({condition(subject.key(child.row, reference.child))})" for child in children)
    referring = condition(reference.key.referring(parent))
    return f"delete from {qualified(reference.child.name)} where {referring}{drawn}"


def _rows_left(
    subject: Subject, reference: Reference, children: list[_Child], others: list[_Child], gone: frozenset[int]
) -> Postcondition:
    """Counts the children, their descendants, and the unrelated rows that are left."""
    table, changed = reference.child, _changed(reference)
    keys = [_key_after(reference, subject.key(child.row, table)) for child in children]
    below = [entry for child in children for entry in child.descendants if _can_be_found(*entry)]
    unrelated = [entry for child in others for entry in ((table, child.row), *child.descendants)]
    left = [_count(table, keys, changed)]
    left += [
        " + ".join(_count(child, [subject.key(row, child)]) for child, row in rows) or "0"
        for rows in (below, unrelated)
    ]
    kept, survivors = (
        [row for row in rows if id(row) not in gone]
        for rows in ([child.row for child in children], [row for _, row in below])
    )
    words = "" if reference.on_delete == "cascade" else f" with {changed or 'their key'}"
    return Postcondition(
        "select concat_ws(', ', " + ", ".join(f"({count})" for count in left) + ")",
        f"{len(kept)}, {len(survivors)}, {len(unrelated)}",
        f"children{words}, rows below them and rows of strangers that are left",
    )


def _can_be_found(table: Table, row: Values) -> bool:
    """Whether a unique key of a row is still the same after a row that it refers to has been deleted."""
    changing = (key for key in table.foreign_keys if key.on_delete in ("set null", "set default"))
    cleared = {name for key in changing for name in key.cleared}
    return not cleared or any(
        each.is_plain and all(row.get(name) is not None and name not in cleared for name in each.columns)
        for each in table.unique_keys
    )


def _key_after(reference: Reference, key: NewRow) -> NewRow:
    """Returns the columns that still identify a child after the deletion has cleared its foreign key."""
    if reference.on_delete not in ("set null", "set default"):
        return key
    return {name: value for name, value in key.items() if name not in reference.key.cleared}


def _changed(reference: Reference) -> str:
    """Returns the SQL condition that a child which stays meets after the deletion."""
    key, table = reference.key, reference.child
    touched = key.cleared
    if reference.on_delete == "set null":
        kept = [column for column in key.columns if column not in touched and table.column(column).not_null]
        nulls = [f"{identifier(column)} is null" for column in touched]
        return " and ".join([*nulls, *(f"{identifier(column)} is not null" for column in kept)])
    if reference.on_delete == "set default":
        defaults = ((column, table.column(column).default or "null") for column in touched)
        return " and ".join(f"{identifier(column)} is not distinct from {default}" for column, default in defaults)
    return ""


def _count(table: Table, keys: Sequence[Values], also: str = "") -> str:
    rows = " or ".join(f"({condition(key)})" for key in keys) or "false"
    return f"(select count(*) from {qualified(table.name)} where ({rows}){f' and {also}' if also else ''})"


def _changed_key(
    subject: Subject, draft: Draft, reference: Reference, parent: Values, children: list[_Child]
) -> Iterator[Probe]:
    """Yields the change of a parent's key, if one of its columns can change."""
    changed = new_key(draft, reference.parent, reference.key.referenced_columns, parent, reference.fitting)
    if not changed:
        return
    update = subject.update(parent, changed, reference.parent)
    value = f"change of a parent's key, {len(children)} {'child' if len(children) == 1 else 'children'}"
    aspect = f"on update {reference.on_update}"
    if reference.on_update in ("no action", "restrict"):
        yield Probe(update, reference.refused, aspect, value, required=False)
        return
    moved = reference.key.referring({**parent, **changed})
    if reference.on_update == "set null":
        moved = dict.fromkeys(moved)
    elif reference.on_update == "set default":
        return
    before = (subject.key(child.row, reference.child) for child in children)
    # The key of a child may contain the foreign key: it changes as well.
    keys = [{column: moved.get(column, value) for column, value in key.items()} for key in before]
    then = Postcondition(
        f"select {_count(reference.child, keys, condition(moved))}::text",
        str(len(children)),
        f"children that {'followed' if reference.on_update == 'cascade' else 'have lost it'}",
    )
    brings = Update(reference.child.name, {}, moved)
    yield Probe(update, Accepted(1), aspect, value, then=then, required=False, brings=brings)
