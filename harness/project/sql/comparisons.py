"""The comparisons of a query: which columns it sets equal, and which expressions of one relation it computes.

Says what stands in the text, with the tables behind aliases. It knows no scopes: an alias that stands for two tables in
two subqueries stands for both. Not here: which rows make a comparison true (``kinds/query_parts/aims.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness import grammar
from harness.grammar import enum_name, strings, walk
from harness.project.model import TableName
from harness.project.sql.contents import ColumnRef, constants
from harness.project.sql.parsing import KEPT, statement_tree

_COMPUTING = ("FuncCall", "TypeCast", "CoalesceExpr", "CaseExpr", "MinMaxExpr", "A_Indirection", "CollateClause")
_COMPARING = ("=", "<>", "<", ">", "<=", ">=", "~~", "~~*", "&&", "@>", "<@")
_EQUAL = ("AEXPR_OP", "AEXPR_NOT_DISTINCT", "AEXPR_IN")


@dataclass(frozen=True)
class Operand:
    """An expression, and the columns that it names. ``text`` names them without their qualifiers.

    ``parts`` are the operands inside of it. ``plain`` is a column by itself.
    """

    text: str
    columns: tuple[ColumnRef, ...]
    parts: tuple[Operand, ...] = ()
    plain: bool = False


@dataclass(frozen=True)
class Comparisons:
    """The operands of a query, and the pairs of them that it sets equal.

    ``tables`` are those behind an alias or a name, without a schema where the text gives none; the key ``None`` has
    all of them. ``common`` are the columns that a join names in ``using``, ``fixed`` those that equal a constant.
    """

    tables: dict[str | None, tuple[TableName, ...]]
    equal: tuple[tuple[Operand, Operand], ...]
    fixed: tuple[tuple[ColumnRef, str], ...]
    computed: tuple[Operand, ...]
    common: tuple[str, ...]


@lru_cache(maxsize=KEPT)
def comparisons(text: str) -> Comparisons:
    """Reads a query."""
    tree = statement_tree(text)
    tables: dict[str | None, list[TableName]] = {None: []}
    for node in walk(tree, "RangeVar"):
        name = TableName(node.schemaname, node.relname)
        for alias in (node.alias.aliasname or node.relname, None):
            tables.setdefault(alias, []).append(name)
    common = (name for join in walk(tree, "JoinExpr") for name in strings(join.using_clause))
    pairs = [pair for node in walk(tree, "A_Expr", "SubLink") for pair in _equal(node)]
    both = (sides for one, other in pairs for sides in ((one, other), (other, one)) if one.plain and not other.columns)
    return Comparisons(
        {alias: tuple(dict.fromkeys(found)) for alias, found in tables.items()},
        tuple((one, other) for one, other in pairs if one.columns and other.columns),
        tuple((one.columns[0], each.text) for one, other in both if one.columns for each in constants(other.text)),
        tuple(dict.fromkeys(_computed(tree))),
        tuple(dict.fromkeys(common)),
    )


def relations(text: str) -> tuple[TableName, ...]:
    """The tables and views that a query names; a schema that it does not name is empty."""
    return comparisons(text).tables[None]


@lru_cache(maxsize=KEPT)
def named_columns(text: str) -> tuple[str, ...]:
    """The columns that a query names, without qualifiers, and those that its joins have in common."""
    return tuple(dict.fromkeys((*(ref.name for ref in _columns(statement_tree(text))), *comparisons(text).common)))


@lru_cache(maxsize=KEPT)
def whole_numbers(text: str) -> frozenset[int]:
    """The integers that a query names."""
    return frozenset(node.ival.ival for node in walk(statement_tree(text), "A_Const") if node.HasField("ival"))


def _equal(node: Any) -> Iterator[tuple[Operand, Operand]]:
    """Yields the two sides of ``=``, of IN and of IS NOT DISTINCT FROM; rows are compared column by column."""
    if type(node).__name__ == "SubLink":
        if node.HasField("testexpr") and node.subselect.HasField("select_stmt"):
            found = [each.res_target.val for each in node.subselect.select_stmt.target_list]
            yield from _pairs(_cells(node.testexpr), found)
    elif strings(node.name)[-1:] == ("=",) and enum_name(node, "kind") in _EQUAL and node.HasField("lexpr"):
        listed = [*node.rexpr.list.items] if node.rexpr.HasField("list") else [node.rexpr]
        for each in listed:
            yield from _pairs(_cells(node.lexpr), _cells(each))


def _pairs(ones: list[Any], others: list[Any]) -> Iterator[tuple[Operand, Operand]]:
    yield from ((_operand(one), _operand(other)) for one, other in zip(ones, others, strict=False))


def _cells(wrapped: Any) -> list[Any]:
    return [*wrapped.row_expr.args] if wrapped.HasField("row_expr") else [wrapped]


def _operand(wrapped: Any) -> Operand:
    plain = type(grammar.unwrap(wrapped)).__name__ == "ColumnRef"
    inside = itertools.chain.from_iterable(map(_computed, _below(grammar.unwrap(wrapped))))
    return Operand(_unqualified(wrapped), _columns(wrapped), tuple(dict.fromkeys(inside)), plain)


def _computed(message: Any) -> Iterator[Operand]:
    """Yields the outermost expressions that compute something of columns; comparisons and subqueries are none."""
    if type(message).__name__ == "Node" and _is_computed(grammar.unwrap(message)):
        found = _operand(message)
        if found.columns:
            yield found
            return
    for each in _below(message):
        yield from _computed(each)


def _is_computed(node: Any) -> bool:
    name = type(node).__name__
    if next(walk(node, "SubLink", "WindowDef"), None) is not None:
        return False
    return name in _COMPUTING or (name == "A_Expr" and strings(node.name)[-1:] not in {(each,) for each in _COMPARING})


def _below(message: Any) -> Iterator[Any]:
    for field, value in message.ListFields():
        if field.message_type is not None:
            yield from [value] if hasattr(value, "ListFields") else value


def _columns(wrapped: Any) -> tuple[ColumnRef, ...]:
    named = (node for node in walk(wrapped, "ColumnRef") if all(part.HasField("string") for part in node.fields))
    parts = (strings(node.fields) for node in named)
    return tuple(dict.fromkeys(ColumnRef(each[-1], each[-2] if len(each) > 1 else None) for each in parts))


def _unqualified(wrapped: Any) -> str:
    copied = type(wrapped)()
    copied.CopyFrom(wrapped)
    for node in walk(copied, "ColumnRef"):
        del node.fields[:-1]
    return grammar.deparse(copied)
