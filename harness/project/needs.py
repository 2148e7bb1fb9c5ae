"""The privileges that a statement needs, told by its parse tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.project import grammar
from harness.project.model import TableName

_COMMANDS = {"CMD_INSERT": "insert", "CMD_UPDATE": "update", "CMD_DELETE": "delete"}


@dataclass(frozen=True)
class RequiredPrivilege:
    """A command on a table; without a ``column`` it is one that no privilege on a column is enough for."""

    table: TableName
    command: str
    column: str | None = None


@lru_cache(maxsize=2**10)
def required_privileges(statement: str) -> tuple[RequiredPrivilege, ...]:
    """What a write to a table needs besides reading; of a statement that is none of them nothing is known."""
    found: dict[RequiredPrivilege, None] = {}
    for each in grammar.parse(statement):
        kind = each.stmt.WhichOneof("node")
        if kind in _WRITES:
            found |= dict.fromkeys(_WRITES[kind](getattr(each.stmt, kind)))
    return tuple(found)


def _insert(node: Any) -> Iterator[RequiredPrivilege]:
    yield from _of(node.relation, "insert", node.cols)
    if node.HasField("on_conflict_clause"):
        yield from _of(node.relation, "update", node.on_conflict_clause.target_list, whole=False)


def _update(node: Any) -> Iterator[RequiredPrivilege]:
    return _of(node.relation, "update", node.target_list)


def _delete(node: Any) -> Iterator[RequiredPrivilege]:
    return _of(node.relation, "delete", ())


def _merge(node: Any) -> Iterator[RequiredPrivilege]:
    from postgast import pg_query_pb2

    for each in node.merge_when_clauses:
        clause = each.merge_when_clause
        command = _COMMANDS.get(pg_query_pb2.CmdType.Name(clause.command_type))
        if command:
            yield from _of(node.relation, command, clause.target_list)


def _truncate(node: Any) -> Iterator[RequiredPrivilege]:
    for each in node.relations:
        yield from _of(each.range_var, "truncate", ())


def _of(relation: Any, command: str, targets: Any, whole: bool = True) -> Iterator[RequiredPrivilege]:
    table = TableName(relation.schemaname, relation.relname)
    columns = [each.res_target.name for each in targets]
    yield from (RequiredPrivilege(table, command, column) for column in columns)
    if not columns and whole:
        yield RequiredPrivilege(table, command)


_WRITES = {
    "insert_stmt": _insert,
    "update_stmt": _update,
    "delete_stmt": _delete,
    "merge_stmt": _merge,
    "truncate_stmt": _truncate,
}
