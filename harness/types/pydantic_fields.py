"""The fields of models: attribute, annotation, what stands for a value that is left out, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from harness.catalog import Column
from harness.types.expressions import ConstantValue
from harness.types.javascript_names import in_case
from harness.types.model import Field
from harness.types.python_layout import fits, statement
from harness.types.python_names import quoted
from harness.types.python_rules import beyond, literal
from harness.types.python_types import Annotations, is_array, python_type

_INDENT = "    "
_FACTORY = "default_factory="


class FieldWriter:
    """Writes fields of one module. ``case`` is that of the names in JSON, ``sets`` are the annotations of columns."""

    def __init__(self, annotations: Annotations, case: str, attributes: Mapping[str, str]) -> None:
        self._annotations, self._case, self._attributes = annotations, case, attributes

    def row(self, field: Field, literals: str | None) -> list[str]:
        """A field that every row has."""
        return self._written(field, self._json(field, literals), None, said(field))

    def record(self, field: Field, literals: str | None) -> list[str]:
        """A field of a row as psycopg returns it."""
        values = _values(field, literals, self._annotations.element)
        annotation = self._annotations.record(field.column, values)
        # psycopg has the columns' own names, whatever JSON has.
        return self._written(field, _nullable(field, annotation), None, None, column=field.name)

    def insert(self, field: Field, literals: str | None) -> list[str]:
        """A field to insert: what stands for a value that is left out is what the database will put in, if known."""
        annotation = self._sent(field, literals)
        if field.insert == "required":
            return self._written(field, annotation, None, said(field))
        default = default_value(field)
        if default is None:
            annotation, default = f"Maybe[{annotation}]", "UNSET"
        return self._written(field, annotation, default, said(field))

    def update(self, field: Field, literals: str | None) -> list[str]:
        """A field to update, or an argument with a default: it may be left out."""
        annotation = self._sent(field, literals)
        return self._written(field, f"Maybe[{annotation}]", "UNSET", said(field))

    def _sent(self, field: Field, literals: str | None) -> str:
        annotation = self._json(field, literals)
        return f"NotNull[{annotation}]" if field.column.is_json and not field.nullable else annotation

    def _json(self, field: Field, literals: str | None) -> str:
        values = _values(field, literals, lambda array: self._annotations.json(array.parts[0]))
        return _nullable(field, self._annotations.json(field.column, values))

    def _written(
        self, field: Field, annotation: str, default: str | None, description: str | None, column: str | None = None
    ) -> list[str]:
        name = self._attributes[field.name]
        more = []
        if name != field.name:
            alias = in_case(field.name, self._case)
            given = f"validation_alias={quoted(column or alias)}"
            more = [f"title={quoted(field.name)}", given, f"serialization_alias={quoted(alias)}"]
        if description:
            more.append(f"description={quoted(description)}")
        if not more and default is None:
            return statement(f"{name}: ", annotation, _INDENT)
        if not more and default is not None and not default.startswith(_FACTORY):
            line = f"{name}: {annotation} = {default}"
            return [f"{_INDENT}{line}"] if fits(line) else statement(f"{name}: ", annotation, _INDENT, f" = {default}")
        if default is not None:
            more.insert(0, default if default.startswith(_FACTORY) else f"default={default}")
        return statement(f"{name}: {annotation} = ", f"Field({', '.join(more)})", _INDENT)


def _nullable(field: Field, annotation: str) -> str:
    return f"{annotation} | None" if field.nullable and annotation != "Any" else annotation


def _values(field: Field, literals: str | None, element: Callable[[Column], str]) -> str | None:
    """The annotation of values or elements, if it is not the one of their type; a rule refuses NULL among elements."""
    if not is_array(field.column):
        return literals
    if literals is not None:
        return f"{literals} | None" if field.null_elements else literals
    if field.null_elements:
        return None
    found = element(field.column)
    return f"Annotated[{found}, CheckedByRule({found} | None)]"


def said(field: Field) -> str:
    """Returns a description of a column: its comment, its data class, its constraints."""
    comment = " ".join((field.column.comment or "").split())
    data_class = f"[{field.data_class}]" if field.data_class else ""
    data_class = "" if comment.endswith(data_class) else data_class
    constraints = f"Constraints: {', '.join(field.constraints)}." if field.constraints else ""
    return " ".join(each for each in (comment, data_class, constraints) if each)


def default_value(field: Field) -> str | None:
    """Returns what an insert that leaves a column out will have there, None if only the database knows."""
    if field.default is not None:
        found = _default(field.column, field.default)
        # A default that a rule refuses is of another type than the values that it takes.
        is_one = field.values is None or field.default in field.values.values or is_array(field.column)
        return found if is_one or found is None else f"cast(Any, {found})"
    return "None" if field.nullable and not field.has_default else None


def _default(column: Column, text: str) -> str | None:
    if is_array(column):
        return f"{_FACTORY}list" if text == "{}" else None
    if column.base_kind not in "be":
        return None
    if column.is_json:
        return _of_json(text)
    if column.base_name == "numeric":
        return f'Decimal("{text}")'
    if column.base_name == "bpchar":
        return quoted(text.ljust(max(column.typmod - 4, 0)))
    type = "text" if column.base_kind == "e" else column.base_name
    if beyond(ConstantValue(type, text)) or not (python_type(column).python == "str" or type in _LITERAL):
        return None
    try:
        return literal(type, text)
    except ValueError:
        return None


_LITERAL = ("bool", "int2", "int4", "int8", "float4", "float8", "uuid", "date", "time", "timestamp", "timestamptz")


def _of_json(text: str) -> str | None:
    value = json.loads(text)
    if value in ({}, []):
        return f"{_FACTORY}{type(value).__name__}"
    if isinstance(value, str):
        return quoted(value)
    return repr(value) if isinstance(value, bool | int | float) else None
