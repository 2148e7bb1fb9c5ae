"""The privileges that a statement needs, told by its parse tree.

Not here: whether a role has them (``catalog/roles.py``).
"""

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
    return tuple(
        dict.fromkeys(each for parsed in grammar.parse(statement) for each in _of(grammar.unwrap(parsed.stmt)))
    )


def _of(node: Any) -> Iterator[RequiredPrivilege]:
    match type(node).__name__:
        case "InsertStmt":
            yield from _on(node.relation, "insert", node.cols)
            if updated := node.on_conflict_clause.target_list:
                yield from _on(node.relation, "update", updated)
        case "UpdateStmt":
            yield from _on(node.relation, "update", node.target_list)
        case "DeleteStmt":
            yield from _on(node.relation, "delete", ())
        case "MergeStmt":
            for clause in (each.merge_when_clause for each in node.merge_when_clauses):
                if command := _COMMANDS.get(grammar.enum_name(clause, "command_type")):
                    yield from _on(node.relation, command, clause.target_list)
        case "TruncateStmt":
            yield from (found for each in node.relations for found in _on(each.range_var, "truncate", ()))


def _on(relation: Any, command: str, targets: Any) -> list[RequiredPrivilege]:
    """The command on each of the target columns; on the whole table if there are none."""
    table = TableName(relation.schemaname, relation.relname)
    columns = [RequiredPrivilege(table, command, each.res_target.name) for each in targets]
    return columns or [RequiredPrivilege(table, command)]
