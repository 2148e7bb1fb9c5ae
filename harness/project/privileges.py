"""The privileges that a statement needs, told by its parse tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness import grammar
from harness.project.model import TableName

_COMMANDS = {"CMD_INSERT": "insert", "CMD_UPDATE": "update", "CMD_DELETE": "delete"}


@dataclass(frozen=True)
class RequiredPrivilege:
    """A command on a table; without a ``column`` only a privilege on the whole table is enough for it."""

    table: TableName
    command: str
    column: str | None = None


@lru_cache(maxsize=2**10)
def required_privileges(statement: str) -> tuple[RequiredPrivilege, ...]:
    """The privileges that a write to a table needs besides reading; none for statements that write to no table."""
    found: dict[RequiredPrivilege, None] = {}
    for each in grammar.parse(statement):
        kind = each.stmt.WhichOneof("node")
        if kind in _WRITES:
            found |= dict.fromkeys(_WRITES[kind](getattr(each.stmt, kind)))
    return tuple(found)


def _insert(node: Any) -> Iterator[RequiredPrivilege]:
    yield from _on_columns(node.relation, "insert", node.cols) or _on_table(node.relation, "insert")
    if node.HasField("on_conflict_clause"):
        yield from _on_columns(node.relation, "update", node.on_conflict_clause.target_list)


def _update(node: Any) -> Iterator[RequiredPrivilege]:
    yield from _on_columns(node.relation, "update", node.target_list) or _on_table(node.relation, "update")


def _delete(node: Any) -> Iterator[RequiredPrivilege]:
    yield from _on_table(node.relation, "delete")


def _merge(node: Any) -> Iterator[RequiredPrivilege]:
    for each in node.merge_when_clauses:
        clause = each.merge_when_clause
        command = _COMMANDS.get(grammar.enum_name(clause, "command_type"))
        if command:
            yield from _on_columns(node.relation, command, clause.target_list) or _on_table(node.relation, command)


def _truncate(node: Any) -> Iterator[RequiredPrivilege]:
    for each in node.relations:
        yield from _on_table(each.range_var, "truncate")


def _on_columns(relation: Any, command: str, targets: Any) -> list[RequiredPrivilege]:
    table = TableName(relation.schemaname, relation.relname)
    return [RequiredPrivilege(table, command, each.res_target.name) for each in targets]


def _on_table(relation: Any, command: str) -> list[RequiredPrivilege]:
    return [RequiredPrivilege(TableName(relation.schemaname, relation.relname), command)]


_WRITES = {
    "insert_stmt": _insert,
    "update_stmt": _update,
    "delete_stmt": _delete,
    "merge_stmt": _merge,
    "truncate_stmt": _truncate,
}
