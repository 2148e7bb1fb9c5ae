"""The TypeScript types of columns, and what they need to be declared beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.catalog import Column
from harness.types.javascript import element_type, is_array, is_record, is_text_array, javascript_type
from harness.types.javascript_names import key, string, union
from harness.types.javascript_sets import LiteralSet, enum_of
from harness.types.json_shapes import shape_type
from harness.types.model import EnumShape, Field

SUPPORT: Mapping[str, str] = {
    "Json": "export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];\n",
    "PostgresInterval": """\
/** An interval as the npm package `pg` reads and sends it. */
export interface PostgresInterval {
  years?: number;
  months?: number;
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
  milliseconds?: number;
  toPostgres(): string;
}
""",
}
"""Declarations of types that columns have, by name."""

BUFFER = '/// <reference types="node" />\n'
"""A line that makes the type Buffer known."""


class ColumnTypes:
    """Writes the types of columns; ``used`` has the words of :data:`SUPPORT` and ``Buffer``, if one has them.

    ``enum_name`` gives the type of an enum, ``set_name`` that of a set of literals.
    """

    def __init__(
        self,
        driver: str,
        enums: Mapping[str, EnumShape],
        enum_name: Callable[[EnumShape], str],
        set_name: Callable[[str, Field, LiteralSet], str],
    ) -> None:
        self._driver, self._enums = driver, enums
        self._enum_name, self._set_name = enum_name, set_name
        self.used: set[str] = set()

    def field(self, owner: str, field: Field, literals: LiteralSet | None = None) -> str:
        """The type of a field of a table, ``owner``, without NULL."""
        if field.shape is not None:
            return self._noted(shape_type(field.shape))
        if literals is None:
            return self._column(field.column, field)
        name = self._set_name(owner, field, literals)
        return _array(name) if literals.of_elements else name

    def _column(self, column: Column, field: Field | None = None) -> str:
        if is_array(column):
            if is_text_array(column, self._driver):
                return "string"
            element = self._element(column)
            return _array(_nullable(element) if field is None or field.null_elements else element)
        if column.base_kind == "e":
            found = enum_of(column, self._enums)
            return self._enum_name(found) if found is not None else union(map(string, column.labels))
        if is_record(column, self._driver):
            parts = (f"{key(each.name)}: {_nullable(self._column(each))}" for each in column.parts)
            return f"{{ {'; '.join(parts)} }}"
        return self._noted(javascript_type(column, self._driver).typescript)

    def _element(self, column: Column) -> str:
        element = column.parts[0]
        if element.base_kind in ("e", "c") or is_array(element):
            return self._column(element)
        return self._noted(element_type(column, self._driver).typescript)

    def _noted(self, type: str) -> str:
        self.used |= {each for each in (*SUPPORT, "Buffer") if each in type}
        return type


def said(field: Field) -> str:
    """The comment of a column, with its data class unless the comment has it already."""
    comment, data_class = field.column.comment or "", f"[{field.data_class}]" if field.data_class else ""
    return comment if data_class in comment else f"{comment} {data_class}".strip()


def with_null(type: str, field: Field) -> str:
    """A field's type with NULL, if it can be NULL."""
    return _nullable(type) if field.nullable else type


def sent(type: str, field: Field) -> str:
    """A field's type where a program gives the value: the JSON null would be sent as NULL."""
    return "NonNullable<Json>" if type == "Json" and not field.nullable else with_null(type, field)


def _nullable(type: str) -> str:
    return type if type in ("unknown", "Json", "void") else f"{type} | null"


def _array(element: str) -> str:
    return f"({element})[]" if " | " in element else f"{element}[]"
