"""What of another tool's SQL does not run in a scratch database, and why.

A scratch database must not change what is outside of it: other databases, settings of the server, roles that were
there before. And it does without what no rule depends on, where the server lacks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.global_objects.outside import Confined
from harness.project.sqlfile import SqlStatement
from harness.server.connection import Connection

_NOT_THERE = ("3F000", "42704", "42883", "42P01")  # no such schema, object, function, table
_THERE = (("create_schema_stmt", "42P06"), ("create_plang_stmt", "42710"), ("create_extension_stmt", "42710"))
# What pg_dump sets for its own session; older servers do not know all of them.
_PREAMBLE = (
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "default_table_access_method",
    "row_security",
)


@dataclass(frozen=True)
class LeftOut:
    """Decides for one build, beside what ``outside`` says of roles, other databases and the server."""

    connection: Connection
    outside: Confined
    stand_ins: tuple[str, ...]

    def reason(self, statement: SqlStatement) -> str | None:
        """Why a statement is not run; None if it is."""
        if why := self.outside.reason(self.connection, statement):
            return why
        kind = statement.tree.WhichOneof("node")
        node = getattr(statement.tree, kind)
        if any(name in self.stand_ins for name in extensions(kind, node)):
            return "project.yml has a stand-in for the extension"
        if kind == "variable_set_stmt" and node.name in _PREAMBLE and not self._has("pg_settings", "name", node.name):
            return "this server has no such setting, and only the session of the dump needed it"
        owner = new_owner(kind, node)
        if owner and not self._has("pg_roles", "rolname", owner):
            return f"there is no role {owner} on this server to own it"
        return None

    def _has(self, view: str, column: str, name: str) -> bool:
        query = f"select from pg_catalog.{view} where {column} = %s"
        return self.connection.execute(query.encode(), [name], prepare=False).fetchone() is not None


def extensions(kind: str, node: Any) -> list[str]:
    """The extensions that a statement makes, alters, drops or comments on."""
    if kind in ("create_extension_stmt", "alter_extension_stmt", "alter_extension_contents_stmt"):
        return [node.extname]
    field = {"comment_stmt": "objtype", "drop_stmt": "remove_type"}.get(kind)
    if field is None:
        return []
    values = node.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    if values[getattr(node, field)].name != "OBJECT_EXTENSION":
        return []
    return [each.string.sval for each in (node.objects if kind == "drop_stmt" else [node.object])]


def new_owner(kind: str, node: Any) -> str | None:
    """The role that ``OWNER TO`` names, if the statement does nothing else."""
    if kind == "alter_owner_stmt":
        return str(node.newowner.rolename) or None
    if kind == "alter_table_stmt" and len(node.cmds) == 1:
        return str(node.cmds[0].alter_table_cmd.newowner.rolename) or None
    return None


def needless(statement: SqlStatement, sqlstate: str) -> str | None:
    """Why it is no harm that a statement was refused: scripts of psql drop what is not there, and make what is."""
    kind = statement.tree.WhichOneof("node")
    if kind == "drop_stmt" and sqlstate in _NOT_THERE:
        return "there is nothing to drop"
    if (kind, sqlstate) in _THERE:
        return "it is there already"
    return None


def alone(statements: tuple[SqlStatement, ...]) -> bool:
    """Whether a file must run outside of a transaction of ours: it has its own, or what none may hold."""
    return any(_is_alone(each.tree.WhichOneof("node"), each.tree) for each in statements)


def _is_alone(kind: str, tree: Any) -> bool:
    node = getattr(tree, kind)
    if kind in ("transaction_stmt", "vacuum_stmt"):
        return True
    if kind in ("index_stmt", "drop_stmt"):
        return bool(node.concurrent)
    if kind == "reindex_stmt":
        return any(option.def_elem.defname == "concurrently" for option in node.params)
    if kind == "alter_table_stmt":
        return any(_detaches(command.alter_table_cmd) for command in node.cmds)
    return kind == "discard_stmt"


def _detaches(command: Any) -> bool:
    return bool(command.HasField("def") and getattr(command, "def").partition_cmd.concurrent)


def made(statements: tuple[SqlStatement, ...]) -> Iterator[tuple[SqlStatement, str]]:
    """The extensions that a file creates, each with its statement."""
    for statement in statements:
        if statement.tree.WhichOneof("node") == "create_extension_stmt":
            yield statement, statement.tree.create_extension_stmt.extname
