"""Roles that migrations name, nobody makes and the server does not have: found before anything is built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.errors import Place, TargetError
from harness.global_objects import registry
from harness.project import sqltext
from harness.project.model import SqlPart
from harness.project.sqlfile import SqlStatement
from harness.server.connection import Connection

# What fails where a role is missing. An owner that is missing is left out instead.
_NAMING = (
    "alter_default_privileges_stmt",
    "alter_policy_stmt",
    "create_policy_stmt",
    "create_schema_stmt",
    "grant_role_stmt",
    "grant_stmt",
)
_SESSION = ("role", "session_authorization")

Found = tuple[str, SqlPart, SqlStatement]


def missing(connection: Connection, parts: Sequence[tuple[SqlPart, tuple[SqlStatement, ...]]]) -> list[Found]:
    """Each role once, with the first statement that names it. A role that a DO block speaks of may be made there."""
    known = registry.role_names(connection)
    statements = [statement for _, found in parts for statement in found]
    known.update(each.tree.create_role_stmt.role for each in statements if _kind(each) == "create_role_stmt")
    blocks = "\n".join(each.text for each in statements if _kind(each) == "do_stmt").lower()
    found: dict[str, Found] = {}
    for part, several in parts:
        for statement in several:
            for name in _named(statement):
                if name not in known and name.lower() not in blocks:
                    found.setdefault(name, (name, part, statement))
    return list(found.values())


def require(connection: Connection, parts: Sequence[tuple[SqlPart, tuple[SqlStatement, ...]]]) -> None:
    """Raises :class:`TargetError` at the first such role, which names the others too."""
    found = missing(connection, parts)
    if not found:
        return
    name, part, statement = found[0]
    others = ", ".join(each for each, _, _ in found[1:])
    raise TargetError(
        f"there is no role {name}" + (f" (nor {others})" if others else "") + ", and nothing makes it",
        place=Place(part.path, statement.line, statement.column),
        excerpt=sqltext.excerpt(part.text, statement.line, statement.column),
        hint="make what the platform brings in an SQL file under base: in project.yml: "
        + " ".join(f"create role {_quoted(each)} nologin;" for each, _, _ in found),
    )


def _named(statement: SqlStatement) -> Iterator[str]:
    from postgast import walk

    kind = _kind(statement)
    node = getattr(statement.tree, kind)
    if kind == "variable_set_stmt" and node.name in _SESSION:
        yield from (each.a_const.sval.sval for each in node.args if each.a_const.sval.sval not in ("", "none"))
    if kind not in _NAMING:
        return
    if kind == "grant_role_stmt":
        yield from (each.access_priv.priv_name for each in node.granted_roles)
    child: Any
    for _, child in walk(node):
        if type(child).__name__ == "RoleSpec" and child.rolename:
            yield child.rolename


def _kind(statement: SqlStatement) -> str:
    return str(statement.tree.WhichOneof("node"))


def _quoted(name: str) -> str:
    return name if name.isidentifier() and name.islower() else '"' + name.replace('"', '""') + '"'
