"""The columns, tables and functions that an expression or a query names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness import grammar
from harness.grammar import enum_name, strings, walk
from harness.project.model import TableName
from harness.project.sql.literals import type_name
from harness.project.sql.parsing import KEPT, bind, expression, statement_tree, variables

_VARYING = ("ColumnRef", "ParamRef", "SQLValueFunction", "SubLink")


@dataclass(frozen=True)
class ColumnRef:
    """A column as a predicate names it; ``qualifier`` is the part before the last dot."""

    name: str
    qualifier: str | None = None


@lru_cache(maxsize=KEPT)
def column_refs(text: str) -> tuple[ColumnRef, ...]:
    """The columns that an expression names, each once, in the order of the parse tree."""
    found: dict[ColumnRef, None] = {}
    for node in walk(expression(text), "ColumnRef"):
        parts = strings(node.fields)
        if all(part.HasField("string") for part in node.fields):
            found[ColumnRef(parts[-1], ".".join(parts[:-1]) or None)] = None
    return tuple(found)


def columns(text: str) -> tuple[str, ...]:
    """The names of the columns of an expression without their qualifiers, each once."""
    return tuple(dict.fromkeys(column.name for column in column_refs(text)))


def equalities(text: str) -> tuple[tuple[ColumnRef, str], ...]:
    """The columns that must equal a variable, with the variable's name: ``c.doctor_id = $doctor``; casts do not count.

    The qualifier of a column is the table behind an alias (``clinic.conversations``), if the text has it.
    """
    # The parser knows parameters only by number: a text that nobody writes stands for each variable.
    marks = {f"harness variable {name}": name for name in variables(text)}
    tree = expression(bind(text, {name: f"'{mark}'" for mark, name in marks.items()}))
    aliases, found = {}, []
    for node in walk(tree, "RangeVar", "A_Expr"):
        if type(node).__name__ == "RangeVar":
            table = f"{node.schemaname}.{node.relname}" if node.schemaname else node.relname
            aliases[node.alias.aliasname or node.relname] = table
        elif strings(node.name) == ("=",):
            sides = [_without_casts(node.lexpr), _without_casts(node.rexpr)]
            for column, value in (sides, reversed(sides)):
                is_pair = (type(column).__name__, type(value).__name__) == ("ColumnRef", "A_Const")
                if is_pair and value.sval.sval in marks:
                    found.append((strings(column.fields), marks[value.sval.sval]))
    qualified = ((parts[-1], ".".join(parts[:-1]), name) for parts, name in found)
    return tuple((ColumnRef(column, aliases.get(alias, alias or None)), name) for column, alias, name in qualified)


def tables(text: str) -> tuple[TableName, ...]:
    """The tables and views that a query names with their schema, each once."""
    return tuple(TableName(schema, name) for schema, name in _relations(text) if schema)


def unqualified(text: str) -> tuple[str, ...]:
    """The relations that a query names without a schema, each once, but for those of its own WITH."""
    own = {node.ctename for node in walk(statement_tree(text), "CommonTableExpr")}
    return tuple(name for schema, name in _relations(text) if not schema and name not in own)


def is_call(text: str) -> bool:
    """Whether a statement is a CALL."""
    return bool(statement_tree(text).HasField("call_stmt"))


def returns_nothing(text: str) -> bool:
    """Whether a statement writes rows and has no RETURNING."""
    written = grammar.unwrap(statement_tree(text))
    named = "returning_clause" in written.DESCRIPTOR.fields_by_name
    return named and not written.HasField("returning_clause")


def functions(text: str) -> frozenset[str]:
    """The functions and operators of an expression, without schemas, and ``::`` if it casts to more than text."""
    found: set[str] = set()
    for node in walk(expression(text), "FuncCall", "TypeCast", "A_Expr"):
        match type(node).__name__:
            case "FuncCall":
                found.add(strings(node.funcname)[-1])
            case "A_Expr":
                found.add(strings(node.name)[-1])
            case _ if type_name(node.type_name) not in ("text", "varchar", "regconfig"):
                found.add("::")
    return frozenset(found)


def figured_name(text: str) -> str:
    """The column name that PostgreSQL gives an expression: its function's, else ``expr``."""
    node = _without_casts(expression(text))
    if type(node).__name__ == "FuncCall":
        return strings(node.funcname)[-1]
    return "coalesce" if type(node).__name__ == "CoalesceExpr" else "expr"


def calls(text: str) -> tuple[tuple[str | None, str], ...]:
    """The functions that an expression calls, each once, as (schema, name)."""
    return tuple(dict.fromkeys(name for name, _ in arguments(text)))


@lru_cache(maxsize=KEPT)
def arguments(text: str) -> tuple[tuple[tuple[str | None, str], tuple[str | None, ...]], ...]:
    """The calls of an expression, each once: the function, as (schema, name), and the columns that are its arguments.

    An argument that is more than a column, its cast aside, is None.
    """
    found: dict[tuple[tuple[str | None, str], tuple[str | None, ...]], None] = {}
    for node in walk(expression(text), "FuncCall"):
        parts = strings(node.funcname)
        name = (parts[-2] if len(parts) > 1 else None, parts[-1])
        found[name, tuple(_column_name(each) for each in node.args)] = None
    return tuple(found)


@lru_cache(maxsize=KEPT)
def constant_calls(text: str) -> tuple[str, ...]:
    """The calls of an expression that give every row the same value, as text."""
    from postgast import pg_query_pb2

    found: dict[str, None] = {}
    for node in walk(expression(text), "FuncCall"):
        if next(walk(node, *_VARYING), None) is None:
            found[grammar.deparse(pg_query_pb2.Node(func_call=node))] = None
    return tuple(found)


def conjuncts(text: str) -> tuple[str, ...]:
    """The parts of an expression that are joined by AND at its top, as text."""
    return _joined(text, "AND_EXPR")


def disjuncts(text: str) -> tuple[str, ...]:
    """The parts of an expression that are joined by OR at its top, as text."""
    return _joined(text, "OR_EXPR")


@lru_cache(maxsize=KEPT)
def _joined(text: str, operator: str) -> tuple[str, ...]:
    tree = expression(text)
    if not tree.HasField("bool_expr") or enum_name(tree.bool_expr, "boolop") != operator:
        return (text,)
    return tuple(part for each in tree.bool_expr.args for part in _joined(grammar.deparse(each), operator))


@lru_cache(maxsize=KEPT)
def _relations(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((node.schemaname, node.relname) for node in walk(statement_tree(text), "RangeVar")))


def _column_name(node: Any) -> str | None:
    node = _without_casts(node)
    parts = strings(node.fields) if type(node).__name__ == "ColumnRef" else ()
    return parts[-1] if parts else None


def _without_casts(node: Any) -> Any:
    node = grammar.unwrap(node)
    while type(node).__name__ == "TypeCast":
        node = grammar.unwrap(node.arg)
    return node
