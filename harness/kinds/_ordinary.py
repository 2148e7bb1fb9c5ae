"""An INSERT as an application sends it: the columns with defaults left out, by a role that is granted it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from harness.generation.draft import Draft
from harness.kinds._updates import ordinary
from harness.kinds.base import Subject
from harness.probes import Execute, Insert, Permitted, Probe, Statement
from harness.probes.statement import qualified
from harness.solver.rules import Unfillable
from harness.values.types import Unsupported


def possible(subject: Subject) -> bool:
    """Whether a row by itself can be drawn, and policies be kept out of it, which are no matter of privileges."""
    table = subject.table
    try:
        subject.pools.of(table)
    except (Unfillable, Unsupported):
        return False
    silent = subject.roles.current == table.owner or subject.roles.is_superuser(subject.roles.current)
    return not subject.pools.requires_children(table) and (silent or not table.row_security)


def without_policies(subject: Subject) -> Iterator[Statement]:
    """Switches off the policies of the table, and where a trigger may write elsewhere those of all tables."""
    table = subject.table
    tables = subject.catalog.tables.values() if any("insert" in each.events for each in table.triggers) else (table,)
    for each in tables:
        if each.row_security:
            yield Execute(f"alter table {qualified(each.name)} disable row level security")


def insert(subject: Subject, draft: Draft, role: str, granted: Collection[str]) -> Iterator[Probe]:
    """The INSERT of a row into the ``granted`` columns, as far as a row can do without the others.

    The parents of the row are inserted by the draft.
    """
    table = subject.table
    supplied = [column for column in table.columns if column.is_supplied]
    named = [each.name for each in supplied if each.default is None and not each.identity and each.name in granted]
    if any(
        each.not_null and each.name not in granted and each.default is None and not each.identity for each in supplied
    ):
        return
    row = draft.row(table.name, ordinary(subject))
    pools = (pool.columns for pool in subject.pools.of(table) if len(pool.columns) > 1)
    tied = {name for columns in pools for name in columns if name in granted} - {*named}
    # What a default says of the moment need not go with the rest of a drawn row.
    for columns in (named, [each.name for each in supplied if each.name in {*named, *tied}])[: 2 if tied else 1]:
        statement = Insert(table.name, {name: row[name] for name in columns})
        yield Probe(statement, Permitted(), f"{role} may insert a row", f"an ordinary insert as {role}", {"role": role})
