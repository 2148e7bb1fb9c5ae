"""Decides which statements of another tool's SQL do not run in a scratch database, and why.

It does without an extension that has a stand-in, settings that only a dump needs, and owners that the server lacks; a
refusal is harmless if the object to drop is missing or the one to make is there. Also decides which statements cannot
run in a transaction.
Not here: statements about roles, other databases or the server (``global_objects/guards.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.global_objects import ScratchGuard, effects
from harness.project.sqlfile import FileStatement
from harness.server.connection import Connection, value

_NOT_THERE = ("3F000", "42704", "42883", "42P01")  # no such schema, object, function, table
_THERE = (("create_schema_stmt", "42P06"), ("create_plang_stmt", "42710"), ("create_extension_stmt", "42710"))
# Settings that pg_dump makes for its own session; older servers do not know all of them.
_PREAMBLE = (
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "default_table_access_method",
    "row_security",
)


@dataclass(frozen=True)
class SkipRules:
    """The rules of one build, besides those of its ``guard`` for roles, other databases and the server."""

    connection: Connection
    guard: ScratchGuard
    stand_ins: tuple[str, ...]

    def reason(self, statement: FileStatement) -> str | None:
        """Returns why a statement is not run; None if it is."""
        if why := self.guard.reason(self.connection, statement):
            return why
        kind, node = effects.kind(statement), effects.node(statement)
        if any(name in self.stand_ins for name in _extensions(statement)):
            return "project.yml has a stand-in for the extension"
        setting = "select name from pg_catalog.pg_settings where name = %s"
        if kind == "variable_set_stmt" and node.name in _PREAMBLE and not value(self.connection, setting, [node.name]):
            return "this server has no such setting, and only the session of the dump needed it"
        owner = _new_owner(statement)
        if owner and not value(self.connection, "select rolname from pg_catalog.pg_roles where rolname = %s", [owner]):
            return f"there is no role {owner} on this server to own it"
        return None


def _extensions(statement: FileStatement) -> list[str]:
    """Returns the extensions that a statement makes, alters, drops or comments on."""
    kind, node = effects.kind(statement), effects.node(statement)
    if kind in ("create_extension_stmt", "alter_extension_stmt", "alter_extension_contents_stmt"):
        return [node.extname]
    if kind not in ("comment_stmt", "drop_stmt") or effects.object_type(statement) != "OBJECT_EXTENSION":
        return []
    return [each.string.sval for each in (node.objects if kind == "drop_stmt" else [node.object])]


def _new_owner(statement: FileStatement) -> str | None:
    """Returns the role that ``OWNER TO`` names, if the statement does nothing else."""
    node = effects.node(statement)
    match effects.kind(statement):
        case "alter_owner_stmt":
            return str(node.newowner.rolename) or None
        case "alter_table_stmt" if len(node.cmds) == 1:
            return str(node.cmds[0].alter_table_cmd.newowner.rolename) or None
    return None


def harmless(statement: FileStatement, sqlstate: str) -> str | None:
    """Returns why a refusal changes nothing: the object to drop is missing, or the one to make exists. Else None."""
    kind = effects.kind(statement)
    if kind == "drop_stmt" and sqlstate in _NOT_THERE:
        return "there is nothing to drop"
    return "it is there already" if (kind, sqlstate) in _THERE else None


def needs_autocommit(statement: FileStatement) -> bool:
    """Whether a statement begins or ends transactions, or cannot run in one."""
    node = effects.node(statement)
    match effects.kind(statement):
        case "index_stmt" | "drop_stmt":
            return bool(node.concurrent)
        case "reindex_stmt":
            return any(option.def_elem.defname == "concurrently" for option in node.params)
        case "alter_table_stmt":
            commands = [command.alter_table_cmd for command in node.cmds]
            return any(each.HasField("def") and getattr(each, "def").partition_cmd.concurrent for each in commands)
        case kind:
            return kind in ("transaction_stmt", "vacuum_stmt", "discard_stmt")
