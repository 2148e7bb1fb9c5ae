"""Probes that delete parents and change their keys, and count the children that are left.

Not here: the rows below a parent (``descendants.py``), the declared actions and the numbers of children
(``reference.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial

from hypothesis import strategies as st

from harness.catalog.model import Table
from harness.kinds.base import (
    Draft,
    NewRow,
    ScenarioStrategy,
    Subject,
    Values,
    condition,
    identifier,
    inserted,
    qualified,
)
from harness.kinds.foreign_key_parts.descendants import Child, Meeting, Ways, changed_since, draw_child, gone_with
from harness.kinds.foreign_key_parts.reference import REFUSING, Reference, new_key
from harness.kinds.subject import ProbesOfDraft
from harness.probes import Accepted, Delete, Family, Postcondition, Probe, Refused, Scenario, Update

Acting = Callable[[Draft], Iterator[Probe]]
"""Yields probes of actions on the rows that it inserts into a draft."""


def with_actions(
    subject: Subject, reference: Reference, build: Callable[[Draft, Acting], Iterator[Probe | Family]] | None = None
) -> ScenarioStrategy:
    """Returns scenarios of the actions' probes, among those that ``build`` yields.

    Where there can be few parents, each action has scenarios of its own: it may take all of them.
    """

    def with_others(acting: Acting) -> ProbesOfDraft:
        return (lambda draft: build(draft, acting)) if build else acting

    if not reference.few:
        acting = partial(_actions, subject, reference, reference.counts)
        return subject.probes(with_others(acting), lambda draft: _where_cascades_meet(subject, draft, reference))
    others = [with_others(lambda _: iter(()))] if build else []
    alone = (partial(_actions, subject, reference, [count]) for count in reference.counts)
    return _together([*map(subject.probes, others), *map(subject.probes, alone)])


@st.composite
def _together(draw: Callable[[ScenarioStrategy], Scenario], strategies: Sequence[ScenarioStrategy]) -> Scenario:
    """Draws scenarios with rows of their own, besides the first."""
    first, *others = map(draw, strategies)
    return replace(first, besides=tuple(others))


def _actions(subject: Subject, reference: Reference, counts: Sequence[int], draft: Draft) -> Iterator[Probe]:
    """Yields deletes of parents with these numbers of children, then changes of their keys.

    An unrelated parent with a child is not to change. Where there can be two parents, it leaves no other key.
    """
    insert_default_parent(subject, draft, reference)
    values = subject.pools.hints(reference.child.name).parent_values(reference.key.columns)
    strangers = int(reference.has_room(3 if 1 in counts else 2))
    others = [draw_child(subject, draft, reference, reference.draw_parent(draft, values)[1]) for _ in range(strangers)]
    for count in counts:
        parent, referring = reference.draw_parent(draft, values)
        children: list[Child] = []
        for _ in range(count):
            children.append(draw_child(subject, draft, reference, referring, children))
        # A row that the parent refers to may refer back to it.
        childless = not any(
            insert.table == reference.child.name and reference.refers(insert.values, parent) for insert in draft.inserts
        )
        if reference.parent_goes and (count or childless):
            gone = gone_with(subject, draft, reference, parent)
            deletion = deletion_of(subject, reference, parent, children, others, gone)
            yield deletion
            if isinstance(deletion.expected, Accepted):
                yield from _deletion_of_changed(subject, deletion, children)
        if count and reference.has_room(2 + strangers):
            yield from _changed_key(subject, draft, reference, parent, children)


def _where_cascades_meet(subject: Subject, draft: Draft, reference: Reference) -> Iterator[Probe]:
    """Yields the deletion of a parent from which several ways lead to one row below, if there can be such a row.

    What triggers see there depends on which of the cascades arrives first.
    """
    if not _may_meet(subject, reference):
        return
    values = subject.pools.hints(reference.child.name).parent_values(reference.key.columns)
    others = [draw_child(subject, draft, reference, reference.draw_parent(draft, values)[1])]
    parent, referring = reference.draw_parent(draft, values)
    child = draw_child(subject, draft, reference, referring, meeting=Meeting(subject, reference, draft, parent))
    gone = gone_with(subject, draft, reference, parent)
    deletion = deletion_of(subject, reference, parent, [child], others, gone)
    if draft.bypassing_triggers:
        return  # rows that no trigger has seen may not be as triggers want to find them
    yield replace(
        deletion,
        aspect=_meeting(reference),
        value="delete of a parent to which a row below leads in two ways",
        contrast=deletion.aspect,
        required=False,
    )


def never_met(subject: Subject, reference: Reference, shown: Collection[str]) -> Iterator[str]:
    """Yields a note where cascades may meet, and it was not ``shown``."""
    if _may_meet(subject, reference) and _meeting(reference) not in shown:
        yield "not tried: a deletion that reaches one row below in two ways, as no such row was accepted"


def _may_meet(subject: Subject, reference: Reference) -> bool:
    return reference.on_delete not in REFUSING and not reference.few and Ways(subject, reference).several


def _meeting(reference: Reference) -> str:
    return f"on delete {reference.on_delete}, where cascades meet"


def insert_default_parent(subject: Subject, draft: Draft, reference: Reference) -> None:
    """Inserts the parent that SET DEFAULT makes children refer to, unless the defaults are NULL, or it is there."""
    if "set default" not in (reference.on_delete, reference.on_update) or not reference.has_room(4):
        return
    defaults = {to: reference.child.column(name).default or "null" for name, to in reference.key.pairs}
    key = {to: subject.oracle.scalar(reference.child, default) for to, default in defaults.items()}
    name = reference.parent.name
    there = next(inserted(draft, name, key), None) is not None
    if None not in key.values() and not there and draft.existing_row(name, key) is None:
        draft.insert(name, key)


def deletion_of(
    subject: Subject,
    reference: Reference,
    parent: Values,
    children: list[Child],
    others: list[Child],
    gone: frozenset[int],
) -> Probe:
    delete = subject.delete(parent, reference.parent)
    count = len(children)
    value = f"delete of a parent with {count} {'child' if count == 1 else 'children'}"
    aspect = f"on delete {reference.on_delete}, {count} children"
    strays = _deletion_of_strays(subject, reference, parent, children)
    if count and reference.on_delete in REFUSING:
        expected = reference.refused_on("on_delete")
        return Probe(delete, expected, aspect, value, before=strays, required=expected == reference.refused)
    then = _rows_left(subject, reference, children, others, gone)
    brings = _brought(reference) if count else None
    orphans = _orphans(subject, reference)
    return Probe(delete, Accepted(1), aspect, value, then=then, brings=brings, before=strays, unexcused=orphans)


def _orphans(subject: Subject, reference: Reference) -> tuple[Refused, ...]:
    """Returns the refusals of a row that a trigger writes below the parent, which is gone.

    Those of foreign keys that refuse no deletion themselves, as their rows go with the row above, or lose it.
    """
    return tuple(
        Refused(("23503",), child.name, constraint=key.name)
        for child, key in subject.catalog.referencing(reference.parent.name)
        if key.on_delete in ("cascade", "set null")
    )


def _deletion_of_changed(subject: Subject, deletion: Probe, children: Sequence[Child]) -> Iterator[Probe]:
    """Yields the deletion after rows below have come to states in which no row is inserted, where there are any."""
    changes = [each for child in children for each in changed_since(subject, child)]
    if changes:
        before = "; ".join(filter(None, (deletion.before, *(statement for statement, _ in changes))))
        states = ", ".join(dict.fromkeys(words for _, words in changes))
        value, aspect = f"{deletion.value} after {states}", f"{deletion.aspect}, changed"
        yield replace(deletion, aspect=aspect, value=value, before=before, required=False)


def _brought(reference: Reference) -> Update | Delete:
    """Returns what the deletion of a parent does to its children."""
    table, cleared = reference.child, reference.key.cleared
    if reference.on_delete == "cascade":
        return Delete(table.name, {})
    default = reference.on_delete == "set default"
    return Update(table.name, {}, {each: table.column(each).default if default else None for each in cleared})


def _deletion_of_strays(
    subject: Subject, reference: Reference, parent: Values, children: Sequence[Child]
) -> str | None:
    """Returns a statement that deletes the children which a trigger of the parent has inserted besides.

    Where there are none, nothing is deleted: a trigger FOR EACH STATEMENT of the child may refuse every DELETE.
    """
    if not any("insert" in trigger.events for trigger in reference.parent.triggers):
        return None
    drawn = "".join(f" and not ({condition(subject.key(child.row, reference.child))})" for child in children)
    referring = condition(reference.key.referring(parent))
    strays = f"from {qualified(reference.child.name)} where {referring}{drawn}"
    return f"do $strays$ begin if exists (select {strays}) then delete {strays}; end if; end $strays$"


def _rows_left(
    subject: Subject, reference: Reference, children: list[Child], others: list[Child], gone: frozenset[int]
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
    subject: Subject, draft: Draft, reference: Reference, parent: Values, children: list[Child]
) -> Iterator[Probe]:
    """Yields the change of a parent's key, if one of its columns can change."""
    changed = new_key(draft, reference.parent, reference.key.referenced_columns, parent, reference.fitting)
    if not changed:
        return
    update = subject.update(parent, changed, reference.parent)
    value = f"change of a parent's key, {len(children)} {'child' if len(children) == 1 else 'children'}"
    aspect = f"on update {reference.on_update}"
    if reference.on_update in REFUSING:
        yield Probe(update, reference.refused_on("on_update"), aspect, value, required=False)
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
