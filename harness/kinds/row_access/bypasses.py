"""Ways past the policies of a table that the catalog shows: views and functions with the rights of their owner.

Decides which role stands in for an owner that bypasses row security.
Not here: what a role is shown when it uses them (``doors.py``).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence

from harness.errors import nearest
from harness.kinds.base import Fact, Subject, Table, TableName, Unreliable, identifier, qualified
from harness.kinds.row_access.principal import STAND_INS


def bypasses(subject: Subject, role: str, commands: Sequence[str], meant: Collection[TableName]) -> Iterator[Fact]:
    """States for a role that policies restrict in ``commands``: views over the table are ``security_invoker``, but for
    those that are ``meant``, and functions with the rights of their owner pin their ``search_path``.

    Only those that the role can use are compared; of functions, all in the table's schema, for the catalog does not
    say what they read.
    """
    if not commands or subject.roles.bypasses_row_security(role):
        return
    yield from (fact for name, fact in _views(subject, role, commands) if name not in meant)
    yield from _functions(subject, role)


def _views(subject: Subject, role: str, commands: Sequence[str]) -> Iterator[tuple[TableName, Fact]]:
    for view in subject.catalog.views_reading(subject.table.name):
        if view.owner == role or not subject.roles.on_schema(role, view.name.schema):
            continue
        may = [command for command in commands if _may(subject, role, qualified(view.name), command)]
        if not may:
            continue
        reach = f"{role} may {' and '.join(may)}"
        if view.materialized:
            yield view.name, Fact(f"materialized view {view.name} out of reach of {role}", f"{view.name}: {reach}")
        else:
            option = "with security_invoker" if view.security_invoker else f"without it, and {reach}"
            yield view.name, Fact(f"view {view.name} with security_invoker", f"view {view.name} {option}")


def _may(subject: Subject, role: str, relation: str, command: str) -> bool:
    """Whether a role has a privilege on a table or view, or on one of its columns."""
    may = subject.roles.on_table if command in ("delete", "truncate") else subject.roles.on_columns
    return may(role, relation, command)


def _functions(subject: Subject, role: str) -> Iterator[Fact]:
    fired = {f"{trigger.function}()" for trigger in subject.table.triggers}
    for function in subject.catalog.definers:
        if function.schema != subject.table.name.schema or function.owner == role:
            continue
        # A role that writes to a table fires its triggers, even if it may not call their functions.
        called = subject.roles.on_schema(role, function.schema) and subject.roles.may_execute(role, function.signature)
        if called or function.signature in fired:
            path = "a search_path of its own" if function.pinned else "that of its caller, and security definer"
            yield Fact(
                f"function {function.signature} with a search_path of its own",
                f"function {function.signature} with {path}",
            )


def unread_claims(subject: Subject, claims: Iterable[str]) -> Iterator[Fact]:
    """States that code of the database reads the settings of claims, where it only reads one of nearly that name."""
    read = {each.name.lower() for each in subject.catalog.settings if each.read and each.name}
    for name in claims:
        meant = nearest(name.lower(), read - {each.lower() for each in claims})
        if name.lower() not in read and meant:
            yield Fact(f"{name} read by a policy or function", f"none reads {name}; they read {meant}")


def stand_in(subject: Subject, word: str) -> tuple[str, list[str]]:
    """Returns the role that ``word`` means, with statements to make one in its place, undone with the scenario.

    ``public`` is a role with all privileges that no policy names. One acts for ``$owner`` if row security does not hold
    for the owner. Raises :class:`Unreliable` if the tool may make no role.
    """
    owner = subject.table.owner
    if word != "public" and not (word == "$owner" and subject.roles.bypasses_row_security(owner)):
        return (owner if word == "$owner" else word), []
    if not subject.roles.may_create:
        raise Unreliable(f"a role is made that asks as {word}, and {subject.roles.current} has no CREATEROLE: grant it")
    # A name of this process: two runs on one server do not wait for each other's uncommitted role.
    role = next(start for start, of in STAND_INS.items() if of == word) + str(os.getpid())
    # The role that gives a table away must be a member of the new owner.
    statements = [f"create role {identifier(role)}", f"grant {identifier(role)} to current_user"]
    for schema in sorted({name.schema for name in subject.catalog.tables}):
        statements += [
            f"grant usage, create on schema {identifier(schema)} to {identifier(role)}",
            f"grant all on all tables in schema {identifier(schema)} to {identifier(role)}",
            f"grant execute on all functions in schema {identifier(schema)} to {identifier(role)}",
        ]
    # All tables of the schema: triggers and functions read the others as the same owner.
    for table in subject.catalog.tables.values() if word == "$owner" else ():
        if table.name.schema == subject.table.name.schema and table.owner == owner:
            statements.append(f"alter table {qualified(table.name)} owner to {identifier(role)}")
            statements += _policies_of(table, owner, role)
    return role, statements


def _policies_of(table: Table, owner: str, role: str) -> Iterator[str]:
    """Yields statements that give the owner's policies to the role in its place."""
    for policy in table.policies:
        if owner in policy.roles:
            roles = ", ".join(identifier(role if name == owner else name) for name in policy.roles)
            yield f"alter policy {identifier(policy.name)} on {qualified(table.name)} to {roles}"
