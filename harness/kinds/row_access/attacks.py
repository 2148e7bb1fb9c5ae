"""Attempts to take another owner's row, or to give one's own away: by UPDATE and INSERT … ON CONFLICT."""

from __future__ import annotations

from collections.abc import Iterator

from harness.kinds.row_access.ownership import OwnedRows
from harness.kinds.row_access.principal import Principal, says
from harness.kinds.row_access.row_queries import narrowed
from harness.kinds.toolkit.changes import is_unchanged
from harness.kinds.toolkit.statements import assigned, can_name
from harness.probes import AcceptedOrRefused, Execute, Expected, Insert, Postcondition, Probe, identifier, qualified
from harness.project.model import NewRow, Values


def ownership_attacks(principal: Principal, rows: OwnedRows, place: int) -> Iterator[Probe]:
    """Yields what the owner at this place might do to its own rows, to those of another owner, and to unowned ones."""
    fresh, another, foreign = rows.fresh[place], rows.row_of_another(place), rows.fresh_of_another(place)
    if foreign is None:
        return
    if not says(principal.may.update, "true") and not says(principal.may.update, "false"):
        for own in rows.rows[place : place + 1]:
            yield from _transfers(principal, own, foreign, "update that gives its row to another", "given away")
            for unowned in rows.unowned[-1:]:
                yield from _transfers(principal, own, unowned, "update that gives its row to nobody")
        yield from _transfers(principal, another, fresh, "update that takes another's row", "adopted")
        for unowned in rows.unowned[:1]:
            yield from _transfers(principal, unowned, fresh, "update that takes nobody's row")
    yield from _conflicts(principal, fresh, another)


def _transfers(principal: Principal, row: Values, to: Values, what: str, aspect: str | None = None) -> Iterator[Probe]:
    """Yields updates that give a row the owner of another row.

    Without ``aspect`` that may be allowed: the row has to be one that may be updated before and after.
    """
    subject, changes = principal.subject, _owner(principal, to)
    if not changes:
        return
    required = aspect is not None
    expected: Expected = principal.untouched if aspect else AcceptedOrRefused()
    first, then = ("", None) if aspect else principal.stays(principal.may.update, row, {**row, **changes})
    if not says(principal.sees, "false"):
        update, before = subject.update(row, changes), first or None
        yield principal.probe(update, expected, aspect or what, what, then=then, before=before, required=required)
    # Policies for SELECT do not hold where no column is read.
    blind = Execute(f"update {qualified(subject.table.name)} set {assigned(changes)}")
    first += narrowed(subject, "update", [row])
    aspect, what = f"{aspect or what} without WHERE", f"{what}, without WHERE,"
    yield principal.probe(blind, expected, aspect, what, then=then, before=first, required=required)


def _owner(principal: Principal, to: Values) -> NewRow:
    """Returns the change that gives a row the owner of another: the other columns of foreign keys with it, too.

    Their parents are those of the other row: with the owner's column alone the foreign key would refuse the change, and
    nothing would be known of the policies.
    """
    subject = principal.subject
    columns = {column for column in principal.owners.columns if subject.may_update([column])}
    whole, keys = set(columns), [{*key.columns} for key in subject.table.foreign_keys]
    # A key that shares a column with one that was taken in has to be taken in, too: until nothing is added.
    while more := set().union(*(key for key in keys if whole & key)) - whole:
        whole |= more
    own = columns if not columns or not subject.may_update(whole) else whole
    return {column: to[column] for column in to if column in own}


def _conflicts(principal: Principal, own: Values, foreign: Values) -> Iterator[Probe]:
    """Yields inserts of an own row with the key of another owner's row: that row is not changed, taken or returned."""
    if says(principal.may.insert, "false"):
        return
    table = principal.subject.table
    for key in table.unique_keys:
        row = {**own, **{name: foreign.get(name) for name in key.columns}}
        if not can_name(table, key, row):
            continue
        insert = f"{Insert(table.name, row).sql} on conflict ({', '.join(map(identifier, key.columns))})"
        if not says(principal.may.update, "true"):
            yield from _upserts(principal, f"{insert} do update set", own, foreign)
        yield _left_alone(
            principal, f"{insert} do nothing", foreign, "insert on conflict do nothing over another's row"
        )


def _upserts(principal: Principal, upsert: str, own: Values, foreign: Values) -> Iterator[Probe]:
    column = principal.plain_column
    yield _left_alone(principal, f"{upsert} {assigned({column: own[column]})}", foreign, "upsert of another's row")
    mine = _owner(principal, own)
    if mine:
        taking = f"{upsert} {assigned(mine)}"
        yield _left_alone(principal, taking, foreign, "upsert that takes another's row")
        both = f"({principal.may.update}) and ({principal.sees})"
        then = principal.exactly(f"({principal.here([foreign])}) and {both}", "it returns", f"the rows where {both}")
        returned, what = principal.returning(taking), "upsert returning"
        yield principal.probe(returned, AcceptedOrRefused(), what, what, then=then, required=False)


def _left_alone(principal: Principal, statement: str, foreign: Values, what: str) -> Probe:
    # A trigger may have written the row and report that it did nothing.
    subject = principal.subject
    found = f"select case when count(*) = 1 then 'as it was' else 'another' end from {qualified(subject.table.name)}"
    then = Postcondition(f"{found} where {is_unchanged(subject, foreign)}", "as it was", "the row is")
    return principal.probe(Execute(statement), principal.untouched, what, what, then=then, required=False)
