"""Rows in checks of privileges: an INSERT as an application sends it, a row that a role has to reach.

Decides which columns the INSERT names, and switches policies off for it; and for which roles policies hold, so that
they have to reach a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from harness.kinds.base import Draft, Subject, Values, qualified
from harness.kinds.row_access.acting_roles import ActingRole, ActsAsRoles, draw_reachable
from harness.kinds.toolkit.changes import defaults, updatable
from harness.probes import AcceptedOrRefused, Execute, Insert, NotDenied, Probe, SqlStatement


def can_insert(subject: Subject) -> bool:
    """Whether a row can be drawn by itself, and policies, which are not privileges, can be switched off."""
    table = subject.table
    owns = subject.roles.current == table.owner or subject.roles.is_superuser(subject.roles.current)
    alone = subject.can_have_rows() and not subject.pools.requires_children(table)
    return alone and (owns or not table.row_security)


def without_policies(subject: Subject) -> Iterator[SqlStatement]:
    """Switches off the policies of the table; of all tables if a trigger may write elsewhere."""
    table = subject.table
    tables = subject.catalog.tables.values() if any("insert" in each.events for each in table.triggers) else (table,)
    for each in tables:
        if each.row_security:
            yield Execute(f"alter table {qualified(each.name)} disable row level security")


def inserts(subject: Subject, draft: Draft, role: str, granted: Collection[str]) -> Iterator[Probe]:
    """Yields the INSERT of a row into the ``granted`` columns that it needs; its parents are inserted by the draft."""
    table = subject.table
    supplied = [column for column in table.columns if column.is_supplied]
    without_default = [each for each in supplied if each.default is None and not each.identity]
    if any(each.not_null and each.name not in granted for each in without_default):
        return
    named = [each.name for each in without_default if each.name in granted]
    row = draft.row(table.name, defaults(subject))
    pools = (pool.columns for pool in subject.pools.of(table) if len(pool.columns) > 1)
    tied = {name for columns in pools for name in columns if name in granted} - {*named}
    # A default that reads the clock may not go with other drawn values: the row is tried with these columns as well.
    for columns in (named, [each.name for each in supplied if each.name in {*named, *tied}])[: 2 if tied else 1]:
        statement = Insert(table.name, {name: row[name] for name in columns})
        yield Probe(statement, NotDenied(), f"{role} may insert a row", f"an ordinary insert as {role}", {"role": role})


def under_policies(check: ActsAsRoles, subject: Subject, roles: Sequence[str]) -> list[ActingRole]:
    """Returns the roles for which policies of the table hold, and that may read or write its rows."""
    table, held = subject.table, []
    for role in roles if table.row_security else ():
        named = not check.as_ or role in check.as_
        free = subject.roles.bypasses_row_security(role) or (role == table.owner and not table.force_row_security)
        if named and not free and subject.roles.exists(role) and any(_granted(subject, role)):
            held.append(role)
    return check.acting_roles(subject, held)


def reaching(subject: Subject, draft: Draft, roles: Sequence[ActingRole]) -> Iterator[Probe]:
    """Yields for each role a command that it is granted, on an existing row that it has to reach."""
    if not roles:
        return
    row = draw_reachable(roles, draft, draft.insert, subject.table.name)
    # Policies are switched off for the probes of privileges.
    secured = (qualified(each.name) for each in subject.catalog.tables.values() if each.row_security)
    enabled = (f"alter table {name} enable row level security" for name in secured)
    policies = "; ".join(["set constraints all immediate", *enabled])
    for role in roles:
        granted, settings = {*_granted(subject, role.role)}, role.session(draft, row).settings
        for command, statement in _statements(subject, role.role, row, granted):
            # A row that another rule refuses has been reached as well, and shows no more.
            yield Probe(
                statement,
                AcceptedOrRefused(),
                f"a row that {role.role} reaches",
                f"{command} of a row as {role.role}",
                settings,
                before=policies,
                reaches=role.reaches_nothing,
            )


def _granted(subject: Subject, role: str) -> Iterator[str]:
    name = qualified(subject.table.name)
    yield from (command for command in ("select", "update") if subject.roles.on_columns(role, name, command))
    if subject.roles.on_table(role, name, "delete"):
        yield "delete"


def _statements(
    subject: Subject, role: str, row: Values, granted: Collection[str]
) -> Iterator[tuple[str, SqlStatement]]:
    table = subject.table.name
    if "select" in granted:
        yield "select", Execute(f"select from {qualified(table)}")
    if "update" in granted:
        may = (name for name in updatable(subject) if subject.roles.on_column(role, qualified(table), name, "update"))
        yield from (("update", subject.update(row, {name: row[name]})) for name in [*may][:1])
    if "delete" in granted:
        yield "delete", subject.delete(row)
