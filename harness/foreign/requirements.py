"""Refuses to build where the server lacks extensions or roles that the migrations need.

Names all that are missing, and a server that has them. Looks before anything runs.
Not here: roles that a build may make by itself (``global_objects/guards.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from psycopg import sql

from harness.errors import Place, TargetError
from harness.global_objects import effects, registry
from harness.project import Module, SqlPart, sqlfile, sqltext
from harness.project.folders import relative
from harness.project.sqlfile import FileStatement
from harness.server import binaries
from harness.server.connection import Connection, version_text

_BUILT_IN = {
    "pgcrypto": "most need only its gen_random_uuid(), which is built in",
    "uuid-ossp": "most need only a function uuid_generate_v4() that selects gen_random_uuid(), which is built in",
}
# Statements that fail where a role is missing. OWNER TO a missing role is left out instead.
_NAMING_ROLES = (
    "alter_default_privileges_stmt",
    "alter_policy_stmt",
    "create_policy_stmt",
    "create_schema_stmt",
    "grant_role_stmt",
    "grant_stmt",
)
_SESSION = ("role", "session_authorization")

ParsedPart = tuple[SqlPart, tuple[FileStatement, ...]]


def require_extensions(connection: Connection, parts: Iterable[ParsedPart], stand_ins: Sequence[str] = ()) -> None:
    """Raises :class:`TargetError` at the first extension that the server lacks; it names the others too."""
    needed: dict[str, tuple[SqlPart, FileStatement]] = {}
    for part, statements in parts:
        for statement in statements:
            if effects.kind(statement) == "create_extension_stmt":
                needed.setdefault(effects.node(statement).extname, (part, statement))
    if not needed:
        return
    known = {name for (name,) in connection.execute("select name from pg_catalog.pg_available_extensions")}
    missing = {name: where for name, where in needed.items() if name not in known and name not in stand_ins}
    if missing:
        version = version_text(connection.info.server_version)
        built_in = "".join(f"; of {name} {_BUILT_IN[name]}" for name in missing if name in _BUILT_IN)
        raise _lacking(
            missing,
            f"PostgreSQL {version} has no extension {_first_and_others(missing)} here",
            hint=f"{_where_available(missing)}; or write what is used of it into a file under base: in project.yml, "
            f"and say extensions: {{stand_ins: [{', '.join(missing)}]}}{built_in}",
        )


def require_own_extensions(connection: Connection, modules: Iterable[Module], *, root: Path) -> None:
    """Raises as :func:`require_extensions` for the migrations of these modules."""
    parts = []
    for module in modules:
        for migration in module.migrations:
            shown = relative(migration.up, root)
            text = sqlfile.read(migration.up, shown)
            if "extension" in text.lower():  # parsing all of them twice would take long
                parts.append((SqlPart(shown, text), sqlfile.migration_statements(shown, text)))
    require_extensions(connection, parts)


def require_roles(connection: Connection, parts: Sequence[ParsedPart]) -> None:
    """Raises :class:`TargetError` at the first role that is named, but neither exists nor is created.

    It names the others too. A role in the text of a DO block may be created there.
    """
    known = registry.role_names(connection)
    statements = [statement for _, found in parts for statement in found]
    known.update(name for each in statements if effects.kind(each) == effects.CREATE for name in effects.roles(each))
    blocks = "\n".join(each.text for each in statements if effects.kind(each) == "do_stmt").lower()
    missing: dict[str, tuple[SqlPart, FileStatement]] = {}
    for part, several in parts:
        for statement in several:
            for name in _roles_in(statement):
                if name not in known and name.lower() not in blocks:
                    missing.setdefault(name, (part, statement))
    if missing:
        raise _lacking(
            missing,
            f"there is no role {_first_and_others(missing)}, and nothing makes it",
            hint="make what the platform brings in an SQL file under base: in project.yml: "
            + " ".join(f"create role {_quoted(name)} nologin;" for name in missing),
        )


def _lacking(missing: dict[str, tuple[SqlPart, FileStatement]], message: str, hint: str) -> TargetError:
    part, statement = next(iter(missing.values()))
    return TargetError(
        message,
        place=Place(part.path, statement.line, statement.column),
        excerpt=sqltext.excerpt(part.text, statement.line, statement.column),
        hint=hint,
    )


def _first_and_others(names: Iterable[str]) -> str:
    first, *others = names
    return first + (f" (nor {', '.join(others)})" if others else "")


def _where_available(names: Iterable[str]) -> str:
    """Proposes the server of this machine if it has all these extensions."""
    for found in binaries.installed()[:1]:
        share = found.share
        if share and all((share / "extension" / f"{name}.control").is_file() for name in names):
            return f"PostgreSQL {found.version} of this machine has it: --target system"
    return "run where it is installed: --target with a connection string, or --target system once this machine has it"


def _roles_in(statement: FileStatement) -> Iterator[str]:
    from postgast import walk

    kind, node = effects.kind(statement), effects.node(statement)
    if kind == "variable_set_stmt" and node.name in _SESSION:
        yield from (each.a_const.sval.sval for each in node.args if each.a_const.sval.sval not in ("", "none"))
    if kind not in _NAMING_ROLES:
        return
    if kind == "grant_role_stmt":
        yield from (each.access_priv.priv_name for each in node.granted_roles)
    child: Any
    for _, child in walk(node):
        if type(child).__name__ == "RoleSpec" and child.rolename:
            yield child.rolename


def _quoted(name: str) -> str:
    return name if name.isidentifier() and name.islower() else sql.Identifier(name).as_string()
