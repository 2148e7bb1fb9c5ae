"""What becomes of children when their parent is deleted or its key changes: shared by both ends of a foreign key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog.model import ForeignKey, Table
from harness.generation.draft import Draft
from harness.kinds.base import Subject
from harness.kinds.references.reference import Reference
from harness.probes import Accepted, Delete, Postcondition, Probe, Update
from harness.probes.statement import condition, identifier, qualified
from harness.project.model import Values

BELOW = 8
"""Foreign keys below the children of which there is a row, to see a deletion go down the whole chain."""


def actions(subject: Subject, draft: Draft, reference: Reference) -> Iterator[Probe]:
    """Deletes parents with no, one and several children, then changes their keys, beside a stranger with a child."""
    if not reference.counts:
        return
    if "set default" in (reference.on_delete, reference.on_update):
        _have_default(subject, draft, reference)
    # A unique column may be NULL, but such a row nothing refers to.
    present = reference.key.referenced_columns
    stranger = draft.insert(reference.parent.name, present=present, also=reference.fitting)
    strangers = [_family(subject, draft, reference, stranger)]
    for count in reference.counts:
        parent = draft.insert(reference.parent.name, present=present, also=reference.fitting)
        children = [_family(subject, draft, reference, parent, first=not number) for number in range(count)]
        # What it refers to may refer back to it.
        childless = not any(
            insert.table == reference.child.name and reference.leads(insert.values, parent) for insert in draft.inserts
        )
        if reference.parent_goes and (count or childless):
            gone = _gone(subject, draft, reference, parent)
            yield _deletion(subject, reference, parent, children, strangers, gone)
        if count and not reference.few:
            yield from _rekeying(subject, draft, reference, parent, children)


def _have_default(subject: Subject, draft: Draft, reference: Reference) -> None:
    """The parent stands to which children go that are left with their defaults; where those are NULL there is none."""
    defaults = {to: reference.child.column(name).default or "null" for name, to in reference.key.pairs}
    key = {to: subject.oracle.scalar(reference.child, default) for to, default in defaults.items()}
    name = reference.parent.name
    there = any(each.table == name and key.items() <= each.values.items() for each in draft.inserts)
    if None not in key.values() and not there and draft.existing_row(name, key) is None:
        draft.insert(name, key)


@dataclass(frozen=True)
class _Family:
    """A child, and its descendants with their tables."""

    child: Values
    descendants: tuple[tuple[Table, Values], ...]


def _family(subject: Subject, draft: Draft, reference: Reference, parent: Values, first: bool = True) -> _Family:
    child = draft.referring_row(reference.child.name, reference.point(parent), reference.key.columns)
    # What stands after all the others has nothing below it.
    below = reference.on_delete == "cascade" and not any(insert.values is child for insert in draft.changed_inserts)
    ways = _below(subject, reference.child) if below else {}
    if len(ways) == BELOW and not first:
        ways = {}  # what the first child shows need not be shown by each
    descendants = tuple(_descend(subject, draft, reference.child, child, ways))
    return _Family(child, descendants)


def _gone(subject: Subject, draft: Draft, reference: Reference, parent: Values) -> frozenset[int]:
    """The ``id`` of every row that goes with a parent: where several references lead to it, one that cascades will do.

    What is declared of the reference itself counts, not what the catalog says of it.
    """
    gone, level = {id(parent)}, [(reference.parent, parent)]
    while level:
        above, row = level.pop()
        for child, key in _cascading(subject, reference, above):
            pairs = key.pairs
            for insert in (*draft.inserts, *draft.changed_inserts):
                below = insert.values
                led = all(row[to] is not None and below.get(name) == row[to] for name, to in pairs)
                if insert.table == child.name and led and id(below) not in gone:
                    gone.add(id(below))
                    level.append((child, below))
    return frozenset(gone)


def _cascading(subject: Subject, reference: Reference, above: Table) -> Iterator[tuple[Table, ForeignKey]]:
    """The references on which rows go with one of a table."""
    for child, key in subject.catalog.referencing(above.name):
        if key.on_delete == "cascade" and (child.name, key.name) != (reference.child.name, reference.key.name):
            yield child, key
    if above.name == reference.parent.name and reference.on_delete == "cascade":
        yield reference.child, reference.key


def _descend(
    subject: Subject, draft: Draft, table: Table, row: Values, left: dict[str, None]
) -> Iterator[tuple[Table, Values]]:
    """One row below for each of the foreign keys that are ``left``, which then are no more."""
    for child, key in _letting_go(subject, table):
        if _named(child, key) not in left or any(row[name] is None for name in key.referenced_columns):
            continue
        del left[_named(child, key)]
        pairs = key.pairs
        below = draft.insert(child.name, {column: row[referenced] for column, referenced in pairs})
        yield child, below
        if key.on_delete == "cascade":
            yield from _descend(subject, draft, child, below, left)


def _letting_go(subject: Subject, table: Table) -> Iterator[tuple[Table, ForeignKey]]:
    """The foreign keys that let their parent in this table go, and do something about it."""
    for child, key in subject.catalog.referencing(table.name):
        if key.on_delete in ("cascade", "set null") and child.name != table.name:
            yield child, key


def _below(subject: Subject, table: Table) -> dict[str, None]:
    """The foreign keys on the ways down from a table, the nearest first, as many as one scenario can hold rows of.

    Hypothesis gives up on an example that draws too much; and a grown schema has hundreds of ways down.
    """
    found: dict[str, None] = {}
    level = [table]
    while level and len(found) < BELOW:
        keys = [each for above in level for each in _letting_go(subject, above) if _named(*each) not in found]
        found |= {_named(child, key): None for child, key in keys}
        level = [child for child, key in keys if key.on_delete == "cascade"]
    return dict.fromkeys(list(found)[:BELOW])


def _named(child: Table, key: ForeignKey) -> str:
    return f"{child.name} {key.name}"


def _deletion(
    subject: Subject,
    reference: Reference,
    parent: Values,
    children: list[_Family],
    strangers: list[_Family],
    gone: frozenset[int],
) -> Probe:
    delete = Delete(reference.parent.name, subject.key(parent, reference.parent))
    count = len(children)
    value = f"delete of a parent with {count} {'child' if count == 1 else 'children'}"
    aspect = f"on delete {reference.on_delete}, {count} children"
    if count and reference.on_delete in ("no action", "restrict"):
        return Probe(delete, reference.refused, aspect, value)
    sql, expected, meaning = _census(subject, reference, children, strangers, gone)
    return Probe(delete, Accepted(1), aspect, value, then=Postcondition(sql, expected, meaning))


def _census(
    subject: Subject, reference: Reference, children: list[_Family], strangers: list[_Family], gone: frozenset[int]
) -> tuple[str, str, str]:
    """A query that counts who is left, and what it should find."""
    table = reference.child
    kept = [family for family in children if id(family.child) not in gone]
    keys = [_lasting(reference, subject.key(family.child, table)) for family in children]
    left = [_count(table, keys, _changed(reference))]
    below = [(child, row, id(row) in gone) for family in children for child, row in family.descendants]
    survivors = [entry for entry in below if not entry[2]]
    left.append(" + ".join(_count(child, [subject.key(row, child)]) for child, row, _ in below) or "0")
    apart = [(table, family.child) for family in strangers]
    apart += [entry for family in strangers for entry in family.descendants]
    left.append(" + ".join(_count(child, [subject.key(row, child)]) for child, row in apart))
    sql = "select concat_ws(', ', " + ", ".join(f"({count})" for count in left) + ")"
    expected = f"{len(kept)}, {len(survivors)}, {len(apart)}"
    return sql, expected, f"children{_words(reference)}, rows below them and rows of strangers that are left"


def _lasting(reference: Reference, key: dict[str, str | None]) -> dict[str, str | None]:
    """What a child is known by when the foreign key has been emptied."""
    if reference.on_delete not in ("set null", "set default"):
        return key
    emptied = reference.key.on_delete_columns or reference.key.columns
    return {name: value for name, value in key.items() if name not in emptied}


def _words(reference: Reference) -> str:
    return "" if reference.on_delete == "cascade" else f" with {_changed(reference) or 'their key'}"


def _changed(reference: Reference) -> str:
    """What has become of the foreign key of a child that stays."""
    key, table = reference.key, reference.child
    touched = key.on_delete_columns or key.columns
    if reference.on_delete == "set null":
        kept = [column for column in key.columns if column not in touched and table.column(column).not_null]
        nulls = [f"{identifier(column)} is null" for column in touched]
        return " and ".join([*nulls, *(f"{identifier(column)} is not null" for column in kept)])
    if reference.on_delete == "set default":
        defaults = ((column, table.column(column).default or "null") for column in touched)
        return " and ".join(f"{identifier(column)} is not distinct from {default}" for column, default in defaults)
    return ""


def _count(table: Table, keys: list[dict[str, str | None]] | list[Values], also: str = "") -> str:
    rows = " or ".join(f"({condition(key)})" for key in keys) or "false"
    return f"(select count(*) from {qualified(table.name)} where ({rows}){f' and {also}' if also else ''})"


def _rekeying(
    subject: Subject, draft: Draft, reference: Reference, parent: Values, children: list[_Family]
) -> Iterator[Probe]:
    """Changes the key of a parent, if it has a column that can change without leading elsewhere itself."""
    foreign = reference.parent.foreign_columns
    free = [
        column
        for column in reference.key.referenced_columns
        if column not in foreign and reference.parent.column(column).identity != "a"
    ]
    if not free:
        return
    # As a row of its own it would be new: no other parent has this key.
    kept = {column: parent[column] for column in reference.key.referenced_columns if column not in free}
    fresh = draft.row(reference.parent.name, kept, reference.key.referenced_columns, reference.fitting)
    changed = {column: fresh[column] for column in free}
    update = Update(reference.parent.name, subject.key(parent, reference.parent), changed)
    value = f"change of a parent's key, {len(children)} {'child' if len(children) == 1 else 'children'}"
    aspect = f"on update {reference.on_update}"
    if reference.on_update in ("no action", "restrict"):
        yield Probe(update, reference.refused, aspect, value, required=False)
        return
    moved = {**reference.point({**parent, **changed})}
    if reference.on_update == "set null":
        moved = dict.fromkeys(moved)
    elif reference.on_update == "set default":
        return
    keys = [subject.key(family.child, reference.child) for family in children]
    # A child whose own key is part of the reference has changed its key with it.
    keys = [{**key, **{column: moved[column] for column in key if column in moved}} for key in keys]
    then = Postcondition(
        f"select {_count(reference.child, keys, condition(moved))}::text",
        str(len(children)),
        f"children that {'followed' if reference.on_update == 'cascade' else 'have lost it'}",
    )
    yield Probe(update, Accepted(1), aspect, value, then=then, required=False)
