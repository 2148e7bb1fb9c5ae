"""An ordinary role in the place of an owner that row security cannot hold."""

from __future__ import annotations

import os
from collections.abc import Iterator

from harness.catalog.model import Table
from harness.kinds.base import Subject
from harness.probes.statement import identifier, qualified


def stand_in(subject: Subject) -> tuple[str, list[str]]:
    """An ordinary role in the place of an owner that row security cannot hold, and what makes it so; undone after.

    Where the owner is an ordinary role it asks for itself.
    """
    owner = subject.table.owner
    if not subject.roles.bypasses_row_security(owner):
        return owner, []
    # A name of this process: two runs on one server do not wait for each other's uncommitted role.
    role = f"harness_owner_{os.getpid()}"
    schemas = sorted({name.schema for name in subject.catalog.tables})
    # Who gives a table away must be able to take the new owner's role.
    statements = [f"create role {identifier(role)}", f"grant {identifier(role)} to current_user"]
    for schema in schemas:
        statements += [
            f"grant usage, create on schema {identifier(schema)} to {identifier(role)}",
            f"grant all on all tables in schema {identifier(schema)} to {identifier(role)}",
            f"grant execute on all functions in schema {identifier(schema)} to {identifier(role)}",
        ]
    # All of the schema's tables: its triggers and functions read the neighbours as the same owner.
    for table in subject.catalog.tables.values():
        if table.name.schema == subject.table.name.schema and table.owner == owner:
            statements.append(f"alter table {qualified(table.name)} owner to {identifier(role)}")
            statements += _policies_of(table, owner, role)
    return role, statements


def _policies_of(table: Table, owner: str, role: str) -> Iterator[str]:
    """Statements that make the owner's policies those of the role in its place."""
    for policy in table.policies:
        if owner in policy.roles:
            roles = ", ".join(identifier(role if name == owner else name) for name in policy.roles)
            yield f"alter policy {identifier(policy.name)} on {qualified(table.name)} to {roles}"
