"""Whether what a role is granted gets it to a row, where policies hold for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from harness.generation.draft import Draft
from harness.kinds._updates import updatable
from harness.kinds.base import Subject
from harness.kinds.owners.askers import Asked, Asker, askers, drawn_for
from harness.probes import AcceptedOrRefused, Delete, Execute, Probe, SqlStatement, Update
from harness.probes.statement import qualified
from harness.project.model import Values


def under_policies(check: Asked, subject: Subject, roles: Sequence[str]) -> list[Asker]:
    """Those of the roles that policies of the table hold for, and may read or write its rows."""
    table, held = subject.table, []
    for role in roles if table.row_security else ():
        named = not check.as_ or role in check.as_
        free = subject.roles.bypasses_row_security(role) or (role == table.owner and not table.force_row_security)
        if named and not free and subject.roles.exists(role) and any(_granted(subject, role)):
            held.append(role)
    return askers(check, subject, held)


def reached(subject: Subject, draft: Draft, asking: Sequence[Asker]) -> Iterator[Probe]:
    """For each who asks: by one of the commands that it is granted it reaches a row that stands."""
    if not asking:
        return
    table = subject.table
    fixed, there = drawn_for(asking, draft)
    row = draft.insert(table.name, fixed, there)
    policies = "; ".join(["set constraints all immediate", *_switched_on(subject)])
    for asker in asking:
        granted, settings = {*_granted(subject, asker.role)}, asker.of(draft, row).settings
        for command, statement in _statements(subject, asker.role, row, granted):
            # What another rule refuses has been reached, and shows no more.
            yield Probe(
                statement,
                AcceptedOrRefused(),
                f"a row that {asker.role} reaches",
                f"{command} of a row as {asker.role}",
                settings,
                before=policies,
                reaches=asker.lost,
            )


def _granted(subject: Subject, role: str) -> Iterator[str]:
    name = qualified(subject.table.name)
    yield from (command for command in ("select", "update") if subject.roles.on_columns(role, name, command))
    if subject.roles.on_table(role, name, "delete"):
        yield "delete"


def _statements(
    subject: Subject, role: str, row: Values, granted: Collection[str]
) -> Iterator[tuple[str, SqlStatement]]:
    table, key = subject.table.name, subject.key(row)
    if "select" in granted:
        yield "select", Execute(f"select from {qualified(table)}")
    if "update" in granted:
        may = (name for name in updatable(subject) if subject.roles.on_column(role, qualified(table), name, "update"))
        yield from (("update", Update(table, key, {name: row[name]})) for name in [*may][:1])
    if "delete" in granted:
        yield "delete", Delete(table, key)


def _switched_on(subject: Subject) -> Iterator[str]:
    """The policies that were switched off so that they would not stand in the way of a privilege."""
    tables = (table.name for table in subject.catalog.tables.values() if table.row_security)
    return (f"alter table {qualified(name)} enable row level security" for name in tables)
