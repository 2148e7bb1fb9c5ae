"""Tells from a parse tree whether a statement changes roles, other databases or the server's settings.

Names the roles that it makes, changes, grants or drops, and says why some statements never run for a scratch database.
Not here: whether a statement about roles is run or skipped (``guards.py``, ``takeover.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from harness.project.sqlfile import FileStatement

_OTHER_DATABASES = "it is about another database than the one that is built here"
_WHOLE_SERVER = "it is about the whole server"
_OTHER_SERVER = "it would connect to another server"
_ALWAYS = {
    "createdb_stmt": _OTHER_DATABASES,
    "dropdb_stmt": _OTHER_DATABASES,
    "alter_database_stmt": _OTHER_DATABASES,
    "alter_database_set_stmt": _OTHER_DATABASES,
    "alter_database_refresh_coll_stmt": _OTHER_DATABASES,
    "alter_system_stmt": _WHOLE_SERVER,
    "create_table_space_stmt": _WHOLE_SERVER,
    "drop_table_space_stmt": _WHOLE_SERVER,
    "alter_table_space_options_stmt": _WHOLE_SERVER,
    "create_subscription_stmt": _OTHER_SERVER,
    "alter_subscription_stmt": _OTHER_SERVER,
    "drop_subscription_stmt": _OTHER_SERVER,
}
_SHARED = ("OBJECT_DATABASE", "OBJECT_TABLESPACE", "OBJECT_PARAMETER_ACL")
_TYPED = {
    "comment_stmt": "objtype",
    "grant_stmt": "objtype",
    "alter_owner_stmt": "object_type",
    "rename_stmt": "rename_type",
    "sec_label_stmt": "objtype",
    "drop_stmt": "remove_type",
}
_NAME = r"(\"(?:[^\"]|\"\")+\"|[^\W\d][\w$]*)"
_IN_BLOCK = re.compile(
    rf"\b(create|drop)\s+(?:role|user|group)\s+(?!mapping\b)(?:if\s+exists\s+)?{_NAME}", re.IGNORECASE
)
_CREATION = re.compile(
    r"(\bcreate\s+(?:role|user|group)\s+(?!mapping\b)[^;']+)(?:'(?:[^']|'')*'[^;']*)*", re.IGNORECASE
)
_ENDS_TRANSACTION = re.compile(r"\b(?:commit|rollback)\b", re.IGNORECASE)

CREATE, DROP, OWNED = "create_role_stmt", "drop_role_stmt", ("drop_owned_stmt", "reassign_owned_stmt")
_ALTER = ("alter_role_stmt", "alter_role_set_stmt", "grant_role_stmt")


def kind(statement: FileStatement) -> str:
    """Returns the name that postgast has for the statement: ``create_role_stmt``."""
    return str(statement.tree.WhichOneof("node"))


def node(statement: FileStatement) -> Any:
    """Returns the parse tree below the statement's kind."""
    return getattr(statement.tree, kind(statement))


def why_elsewhere(statement: FileStatement) -> str | None:
    """Returns why a statement must not run for a scratch database, whatever roles there are; None if it may."""
    if why := _ALWAYS.get(kind(statement)):
        return why
    return _OTHER_DATABASES if object_type(statement) in _SHARED else None


def changes_roles(statement: FileStatement) -> bool:
    """Whether it changes existing roles: attributes, settings, memberships, names or comments."""
    return kind(statement) in _ALTER or object_type(statement) == "OBJECT_ROLE"


def is_about_roles(statement: FileStatement) -> bool:
    """Whether it makes, changes or drops roles, or the objects that they own."""
    return kind(statement) in (CREATE, DROP, *OWNED) or changes_roles(statement)


def roles(statement: FileStatement) -> list[str]:
    """Returns the roles that it names; an empty name means the user, or all roles."""
    found, tree = kind(statement), node(statement)
    if found == CREATE:
        return [tree.role]
    if found in (DROP, *OWNED):
        return [each.role_spec.rolename for each in tree.roles]
    if found in ("alter_role_stmt", "alter_role_set_stmt"):
        return [tree.role.rolename]
    if found == "grant_role_stmt":
        granted = [each.access_priv.priv_name for each in tree.granted_roles]
        return granted + [each.role_spec.rolename for each in tree.grantee_roles]
    if object_type(statement) == "OBJECT_ROLE":
        return [tree.subname if found == "rename_stmt" else tree.object.string.sval]
    return []


def grantees(statement: FileStatement) -> list[str]:
    """Returns the members that GRANT adds to roles, or REVOKE removes; an empty name means the user."""
    return [each.role_spec.rolename for each in node(statement).grantee_roles]


def without_members(statement: FileStatement) -> str | None:
    """Returns CREATE ROLE without the members of the new role; None if it names none."""
    import postgast

    parsed = postgast.parse(statement.text)
    tree = parsed.stmts[0].stmt.create_role_stmt
    kept = [each for each in tree.options if each.def_elem.defname not in ("rolemembers", "adminmembers")]
    if len(kept) == len(tree.options):
        return None
    del tree.options[:]
    tree.options.extend(kept)
    return str(postgast.deparse(parsed))


def roles_of_block(statement: FileStatement) -> Iterator[tuple[str, str]]:
    """Yields ``("create", name)`` and ``("drop", name)`` for the roles that the text of a DO block makes and drops."""
    if kind(statement) == "do_stmt":
        for verb, name in _IN_BLOCK.findall(statement.text):
            yield verb.lower(), name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def created(statement: FileStatement) -> list[str]:
    """Returns the roles that a statement makes, as far as its text says."""
    if kind(statement) == CREATE:
        return [node(statement).role]
    return [name for verb, name in roles_of_block(statement) if verb == "create"]


def dropped(statement: FileStatement) -> list[str]:
    """Returns the roles that a statement drops, as far as its text says."""
    if kind(statement) == DROP:
        return roles(statement)
    return [name for verb, name in roles_of_block(statement) if verb == "drop"]


def creations(statement: FileStatement) -> Iterator[Any]:
    """Yields the parse trees of the CREATE ROLE that the text of a DO block holds, as far as they can be read."""
    import postgast

    for match in _CREATION.finditer(statement.text) if kind(statement) == "do_stmt" else ():
        for text in (match[0], match[1]):  # the second where EXECUTE has it as a string
            with suppress(postgast.PgQueryError):
                yield postgast.parse(text).stmts[0].stmt.create_role_stmt
                break


def fits_in_transaction(statement: FileStatement) -> bool:
    """Whether a statement about roles, or a DO block, can be run in a transaction of ours."""
    return kind(statement) != "do_stmt" or not _ENDS_TRANSACTION.search(statement.text)


def object_type(statement: FileStatement) -> str | None:
    """Returns the type of the object that is commented on, granted, renamed, dropped, or gets a new owner."""
    field = _TYPED.get(kind(statement))
    return enum_name(node(statement), field) if field else None


def enum_name(tree: Any, field: str) -> str:
    """Returns the name of the value of an enum field of a parse tree."""
    return str(tree.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(tree, field)].name)
