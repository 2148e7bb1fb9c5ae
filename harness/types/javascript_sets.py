"""Columns whose only values a CHECK names, as literals of JavaScript."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.catalog import Column
from harness.types.expressions import And, ArrayOf, ColumnRead, ConstantValue, ContainedBy, Expression
from harness.types.javascript import NODE, is_array, is_text_array
from harness.types.javascript_names import string
from harness.types.model import EnumShape, Field, StatedRule

_TEXTS = ("text", "varchar", "name", "uuid", "time")
_SAFE = 2**53


@dataclass(frozen=True)
class LiteralSet:
    """The only values of a column, or of the elements of its array, as literals; ``rule`` is the CHECK that says so.

    ``is_text`` if all literals are strings.
    """

    literals: tuple[str, ...]
    rule: str
    of_elements: bool
    is_text: bool


def literal_set(field: Field, rules: Sequence[StatedRule], driver: str) -> LiteralSet | None:
    """Returns the set of a column; None if there is none, or if its values are not told by literals."""
    column = field.column
    if is_array(column):
        found = _of_elements(field, rules)
        if found is None or is_text_array(column, driver):
            return None
        return _literal_set(found, field, column.parts[0], driver)
    if field.values is None or field.values.rule is None:
        return None
    return _literal_set((field.values.values, field.values.rule), field, column, driver)


def conjuncts(expression: Expression) -> Iterator[Expression]:
    """Yields the parts of which none may be false."""
    if isinstance(expression, And):
        for part in expression.parts:
            yield from conjuncts(part)
    else:
        yield expression


def contained_in(expression: Expression, column: str) -> tuple[str, ...] | None:
    """The constants of a predicate that says no more than that an array of a column is contained in them."""
    match expression:
        case ContainedBy(left=ColumnRead(name=name), right=ArrayOf(items=items)) if name == column:
            texts = tuple(each.text for each in items if isinstance(each, ConstantValue) and each.text is not None)
            return texts if len(texts) == len(items) else None
        case _:
            return None


def enums_by_type(enums: Iterable[EnumShape]) -> Mapping[str, EnumShape]:
    """Enum types by their names as columns have them, with schema and without."""
    found: dict[str, EnumShape] = {}
    for each in enums:
        found[each.name.plain] = each
        found.setdefault(each.name.table, each)
    return found


def enum_of(column: Column, enums: Mapping[str, EnumShape]) -> EnumShape | None:
    """Returns the enum of a column if it is one of those; another of the same name has other labels."""
    found = enums.get(column.base_type.replace('"', ""))
    return found if found is not None and found.labels == column.labels else None


def _of_elements(field: Field, rules: Sequence[StatedRule]) -> tuple[tuple[str, ...], str] | None:
    if field.values is not None and field.values.rule is not None:
        return field.values.values, field.values.rule
    for rule in rules:
        for part in conjuncts(rule.expression):
            texts = contained_in(part, field.name)
            if texts is not None:
                return texts, rule.name
    return None


def _literal_set(found: tuple[tuple[str, ...], str], field: Field, column: Column, driver: str) -> LiteralSet | None:
    texts, rule = found
    literals = [_literal(each, column, driver) for each in dict.fromkeys(texts)]
    if not literals or None in literals:
        return None
    known = tuple(each for each in literals if each is not None)
    return LiteralSet(known, rule, is_array(field.column), all(each.startswith('"') for each in known))


def _literal(text: str, column: Column, driver: str) -> str | None:
    name = column.base_name
    if column.base_kind == "e" or name in _TEXTS:
        return string(text)
    if name == "bpchar":
        return string(text) if len(text) == column.typmod - 4 else None
    if name == "bool":
        return text if text in ("true", "false") else None
    if name in ("int2", "int4"):
        return str(int(text))
    if name == "int8":
        if driver == NODE:
            return string(str(int(text)))
        return str(int(text)) if abs(int(text)) < _SAFE else None
    return None
