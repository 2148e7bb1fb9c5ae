"""The columns, tables and functions that an expression or query names, its literals and its patterns.

Not here: which of these columns decide a rule (``solver/rules.py``), and candidates from literals
(``values/constants.py``).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness import grammar
from harness.grammar import SqlError, enum_name, strings, walk
from harness.project.model import TableName
from harness.project.sql.parsing import KEPT, bind, expression, statement_tree, variables

_TYPES = {"int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean", "float8": "double precision"}
_MATCHES = {
    "~": ("regex", False),
    "~*": ("regex", True),
    "~~": ("like", False),
    "~~*": ("like", True),
    "similar_to_escape": ("similar", False),
    "similar_escape": ("similar", False),
    "like_escape": ("like", False),
    **dict.fromkeys(("regexp_like", "regexp_match", "regexp_matches", "regexp_count", "textregexeq"), ("regex", False)),
    **dict.fromkeys(("regexp_replace", "regexp_substr", "substring"), ("regex", False)),
}
"""Operators and functions that match a text: the kind of their pattern, and whether it ignores case."""

_VARYING = ("ColumnRef", "ParamRef", "SQLValueFunction", "SubLink")


@dataclass(frozen=True)
class ColumnRef:
    """A column as a predicate names it; ``qualifier`` is the part before the last dot."""

    name: str
    qualifier: str | None = None


@dataclass(frozen=True)
class Constant:
    """A literal of an expression. ``type`` is that of its cast or of its form; None for a string without a cast."""

    text: str
    type: str | None = None


@dataclass(frozen=True)
class Pattern:
    """A pattern that an expression matches texts against; ``kind`` is ``regex``, ``like`` or ``similar``."""

    text: str
    kind: str
    ignores_case: bool = False


@lru_cache(maxsize=KEPT)
def column_refs(text: str) -> tuple[ColumnRef, ...]:
    """The columns that an expression names, each once, in the order of the parse tree."""
    nodes = (
        node for node in walk(expression(text), "ColumnRef") if all(part.HasField("string") for part in node.fields)
    )
    names = (strings(node.fields) for node in nodes)
    return tuple(dict.fromkeys(ColumnRef(parts[-1], ".".join(parts[:-1]) or None) for parts in names))


def columns(text: str) -> tuple[str, ...]:
    """The names of the columns of an expression without their qualifiers, each once."""
    return tuple(dict.fromkeys(column.name for column in column_refs(text)))


def default(text: str) -> str:
    """The text, if it is one SQL expression that names no column: PostgreSQL takes no other one for a default."""
    named = columns(text)
    if named:
        quoted = f"; a text has quotes of its own: \"'{text}'\"" if named == (text.strip(),) else ""
        raise SqlError(f"a default cannot name the column {named[0]}{quoted}")
    return text


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
            sides = [without_casts(node.lexpr), without_casts(node.rexpr)]
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
    return "returning_clause" in written.DESCRIPTOR.fields_by_name and not written.HasField("returning_clause")


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
    node = without_casts(expression(text))
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
    found = (
        (strings(node.funcname), tuple(map(_column_name, node.args))) for node in walk(expression(text), "FuncCall")
    )
    named = (((parts[-2] if len(parts) > 1 else None, parts[-1]), columns) for parts, columns in found)
    return tuple(dict.fromkeys(named))


@lru_cache(maxsize=KEPT)
def constant_calls(text: str) -> tuple[str, ...]:
    """The calls of an expression that give every row the same value, as text."""
    from postgast import pg_query_pb2

    calls = (node for node in walk(expression(text), "FuncCall") if next(walk(node, *_VARYING), None) is None)
    return tuple(dict.fromkeys(grammar.deparse(pg_query_pb2.Node(func_call=node)) for node in calls))


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
    node = without_casts(node)
    parts = strings(node.fields) if type(node).__name__ == "ColumnRef" else ()
    return parts[-1] if parts else None


def without_casts(node: Any) -> Any:
    node = grammar.unwrap(node)
    while type(node).__name__ == "TypeCast":
        node = grammar.unwrap(node.arg)
    return node


def constants(text: str) -> tuple[Constant, ...]:
    """The literals of an expression, each once, also the elements of array literals; NULL is none of them."""
    return tuple(dict.fromkeys(_constants(expression(text), None)))


def patterns(text: str) -> tuple[Pattern, ...]:
    """The patterns of an expression, each once."""
    found: dict[Pattern, None] = {}
    for node in walk(expression(text), "A_Expr", "FuncCall"):
        is_call = type(node).__name__ == "FuncCall"
        names = node.funcname if is_call else node.name
        kind = _MATCHES.get(names[-1].string.sval.removeprefix("!"))
        if kind is not None:
            sides = node.args if is_call else [node.rexpr]
            found |= {Pattern(constant.text, *kind): None for side in sides for constant in _constants(side, None)}
    return tuple(found)


def type_name(node: Any) -> str:
    """A type as an expression names it, with the aliases that ``format_type`` prints: ``smallint[]``."""
    names = [part for part in strings(node.names) if part != "pg_catalog"]
    names = [_TYPES.get(names[0], names[0])] if len(names) == 1 else names
    return ".".join(names) + "[]" * len(node.array_bounds)


def _constants(node: Any, cast: str | None) -> Iterator[Constant]:
    node = grammar.unwrap(node)
    match type(node).__name__:
        case "A_Const":
            yield from _constant(node, cast)
        case "TypeCast":
            yield from _constants(node.arg, type_name(node.type_name))
        case "A_ArrayExpr":
            element = cast.removesuffix("[]") if cast else None
            yield from (found for item in node.elements for found in _constants(item, element))
        case _:
            for field, value in node.ListFields():
                if field.message_type is not None:
                    for child in [value] if hasattr(value, "ListFields") else value:
                        yield from _constants(child, None)


def _constant(node: Any, cast: str | None) -> Iterator[Constant]:
    match node.WhichOneof("val"):
        case "ival":
            yield Constant(str(node.ival.ival), cast or "integer")
        case "fval":
            yield Constant(node.fval.fval, cast or "numeric")
        case "boolval":
            yield Constant("true" if node.boolval.boolval else "false", cast or "boolean")
        case "bsval":
            yield Constant(node.bsval.bsval[1:], cast or "bit")
        case "sval":
            text = node.sval.sval
            yield Constant(text, cast)
            if text[:1] == "{" and text[-1:] == "}" and (cast is None or cast.endswith("[]")):
                yield from _elements(text, cast.removesuffix("[]") if cast else None)


def _elements(text: str, cast: str | None) -> Iterator[Constant]:
    """The elements of an array literal of one dimension."""
    rows = csv.reader([text[1:-1].replace("\n", " ")], doublequote=False, escapechar="\\", skipinitialspace=True)
    elements = (element for row in rows for element in row)
    yield from (Constant(element, cast) for element in elements if element and element.upper() != "NULL")
