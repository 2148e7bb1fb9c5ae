"""Columns whose only values a CHECK names, as literals of Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.catalog import Column
from harness.types import expressions
from harness.types.expressions import ArrayOf, ConstantValue, ContainedBy, Expression, In
from harness.types.javascript_sets import conjuncts, contained_in
from harness.types.model import Field, StatedRule, TableShape
from harness.types.python_names import quoted
from harness.types.python_types import is_array

_TEXTS = ("text", "varchar", "name", "char")
_INTEGERS = ("int2", "int4", "int8")


@dataclass(frozen=True)
class SetOfLiterals:
    """The only values of a column, or of the elements of its array, as Python writes them."""

    literals: tuple[str, ...]


def set_of(field: Field, rules: Sequence[StatedRule]) -> SetOfLiterals | None:
    """Returns the set of a column; None if there is none, or if Python's types have no literals of its values."""
    column = field.column
    texts = _texts(field, rules)
    if not texts:
        return None
    literals = [_literal(text, column.parts[0] if is_array(column) else column) for text in dict.fromkeys(texts)]
    known = tuple(each for each in literals if each is not None)
    return SetOfLiterals(known) if len(known) == len(literals) else None


def all_rules(table: TableShape) -> Iterator[StatedRule]:
    """Yields the rules of a table; then those that only the set of a column tells."""
    yield from table.rules
    for field in table.fields:
        name = field.values.rule if field.values is not None else None
        if name is not None and not any(each.name == name and field.name in each.columns for each in table.rules):
            yield StatedRule(name, _membership(field), (field.name,))


def _texts(field: Field, rules: Sequence[StatedRule]) -> tuple[str, ...] | None:
    if field.values is not None and field.values.rule is not None:
        return field.values.values
    if not is_array(field.column):
        return None
    parts = (part for rule in rules for part in conjuncts(rule.expression))
    return next((texts for part in parts if (texts := contained_in(part, field.name)) is not None), None)


def _literal(text: str, column: Column) -> str | None:
    if column.base_kind == "e" or column.base_name in _TEXTS:
        return quoted(text)
    if column.base_name == "bpchar":
        return quoted(text.rstrip(" ").ljust(max(column.typmod - 4, 0)))
    return str(int(text)) if column.base_name in _INTEGERS else None


def _membership(field: Field) -> Expression:
    column = field.column
    one = column.parts[0] if is_array(column) else column
    type = one.base_type if one.base_kind == "e" else one.base_name
    items = tuple(ConstantValue(type, text) for text in (field.values.values if field.values is not None else ()))
    if is_array(column):
        value = expressions.ColumnRead(column.base_name, field.name, field.nullable)
        return ContainedBy("bool", value, ArrayOf(column.base_name, items))
    return In("bool", expressions.ColumnRead(type, field.name, field.nullable), items)
