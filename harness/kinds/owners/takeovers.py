"""Ways to come by another's row, or to be rid of one's own, under row security: updates and INSERT … ON CONFLICT."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog.model import Index
from harness.kinds._roads import as_it_was
from harness.kinds.owners.asking import Asking, narrowed, says
from harness.kinds.owners.owned import Cast
from harness.probes import AcceptedOrRefused, Execute, Expected, Insert, Postcondition, Probe, Update
from harness.probes.statement import identifier, literal, qualified
from harness.project.model import Values


def takeovers(asking: Asking, cast: Cast, place: int) -> Iterator[Probe]:
    """Whatever one who asks, by its place in the cast, could do with rows of its own, of another and of nobody."""
    fresh, another, strange = cast.fresh[place], cast.another(place), cast.strange(place)
    if strange is None:
        return
    if not says(asking.may.update, "true") and not says(asking.may.update, "false"):
        for own in cast.rows[place : place + 1]:
            yield from _moves(asking, own, strange, "own row given away", "given away")
            for nobodys in cast.nobodys[-1:]:
                yield from _moves(asking, own, nobodys, "own row given to nobody")
        yield from _moves(asking, another, fresh, "another's row adopted", "adopted")
        for nobodys in cast.nobodys[:1]:
            yield from _moves(asking, nobodys, fresh, "nobody's row adopted")
    yield from _conflicts(asking, fresh, another)


def _moves(asking: Asking, row: Values, to: Values, what: str, aspect: str | None = None) -> Iterator[Probe]:
    """A row given to whom another one is of, where the row says itself, or by its parent, whose it is.

    Without ``aspect`` that may be meant: the row has to be one that may be updated before and after.
    """
    subject, table, key = asking.subject, asking.subject.table.name, asking.subject.key(row)
    changes = {column: to[column] for column in asking.owners.columns if subject.may_update([column])}
    if not changes:
        return
    expected: Expected = asking.untouched if aspect else AcceptedOrRefused()
    first, then = ("", None) if aspect else asking.stays(asking.may.update, row, {**row, **changes})
    if not says(asking.sees, "false"):
        update, value = Update(table, key, changes), f"{what} by {asking.who}:"
        yield Probe(update, expected, aspect or what, value, asking.settings, then, first or None, required=False)
    # Policies for reading have no say where no column is read.
    blind = Execute(f"update {qualified(table)} set {_assigned(changes)}")
    first += narrowed(subject, "update", [row])
    value = f"{what} without looking by {asking.who}:"
    yield Probe(
        blind, expected, f"{aspect or what} without looking", value, asking.settings, then, first, required=False
    )


def _conflicts(asking: Asking, own: Values, foreign: Values) -> Iterator[Probe]:
    """A row of one's own with another's key: what stands there is not changed, taken or given back."""
    if says(asking.may.insert, "false"):
        return
    table = asking.subject.table
    for key in table.unique_keys:
        row = {**own, **{name: foreign.get(name) for name in key.columns}}
        if not _named_by(key, row, asking):
            continue
        insert = f"{Insert(table.name, row).sql} on conflict ({', '.join(map(identifier, key.columns))})"
        if not says(asking.may.update, "true"):
            yield from _upserts(asking, f"{insert} do update set", own, foreign)
        yield _left_alone(asking, f"{insert} do nothing", foreign, "insert on conflict do nothing over another's row")


def _upserts(asking: Asking, upsert: str, own: Values, foreign: Values) -> Iterator[Probe]:
    column, subject = asking.plain_column, asking.subject
    yield _left_alone(asking, f"{upsert} {_assigned({column: own[column]})}", foreign, "upsert of another's row")
    mine = {name: own[name] for name in asking.owners.columns if subject.may_update([name])}
    if mine:
        taking = f"{upsert} {_assigned(mine)}"
        yield _left_alone(asking, taking, foreign, "upsert that takes another's row")
        both = f"({asking.may.update}) and ({asking.sees})"
        then = asking.exactly(f"({asking.here([foreign])}) and {both}", f"the rows where {both}")
        value, returned = f"upsert returning by {asking.who}:", asking.returning(taking)
        yield Probe(returned, AcceptedOrRefused(), "upsert returning", value, asking.settings, then, required=False)


def _left_alone(asking: Asking, statement: str, foreign: Values, what: str) -> Probe:
    # A trigger may have written it and say that nothing was done.
    found = (
        f"select case when count(*) = 1 then 'as it was' else 'another' end from {qualified(asking.subject.table.name)}"
    )
    then = Postcondition(f"{found} where {as_it_was(asking.subject, foreign)}", "as it was", "the row is")
    value = f"{what} by {asking.who}:"
    return Probe(Execute(statement), asking.untouched, what, value, asking.settings, then, required=False)


def _named_by(key: Index, row: Values, asking: Asking) -> bool:
    """Whether INSERT … ON CONFLICT can name a key, and a row has one."""
    constraint = asking.subject.table.constraint(key.constraint) if key.constraint else None
    return (
        key.is_plain
        and key.valid
        and not (constraint and constraint.deferrable)
        and all(row[name] is not None for name in key.columns)
    )


def _assigned(changes: Values) -> str:
    return ", ".join(f"{identifier(column)} = {literal(value)}" for column, value in changes.items())
