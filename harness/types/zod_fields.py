"""The Zod schemas of columns, without their rules."""

from __future__ import annotations

from collections.abc import Mapping

from harness.catalog import Column
from harness.types.javascript import element_type, is_array, is_record, is_text_array, javascript_type, type_in_text
from harness.types.javascript_names import camel, key, string
from harness.types.javascript_sets import LiteralSet, enum_of
from harness.types.json_shapes import shape_schema
from harness.types.model import EnumShape, Field


class ColumnSchemas:
    """Writes the Zod schemas of columns, as they are in each record that has them."""

    def __init__(self, driver: str, schema: str, enums: Mapping[str, EnumShape]) -> None:
        self._driver, self._schema, self._enums = driver, schema, enums

    def field(self, field: Field, literals: tuple[LiteralSet, str] | None = None) -> str:
        """The schema of a field without NULL; ``literals`` come with the name of their array."""
        column, name = field.column, string(field.name)
        if field.shape is not None:
            rule = string(field.shape_rule or f"{field.name} (23514)")
            return f"pg.shaped({name}, {rule}, {shape_schema(field.shape)})"
        if literals is None:
            return self._column(column, field.name, field)
        found, values = literals
        method, rule = "enum" if found.is_text else "literal", string(found.rule)
        if not found.of_elements:
            return f"z.{method}({values}, pg.setOf({name}, {rule}, {self._column(column, field.name)}))"
        type = self._element(column, field.name)
        return f"z.array(z.{method}({values}, pg.elementsOf({rule}, {type})), pg.column({name}))"

    def _column(self, column: Column, called: str, field: Field | None = None) -> str:
        name = string(called)
        if is_array(column):
            return self._array(column, called, field)
        if column.base_kind == "e":
            found = enum_of(column, self._enums)
            own = found is not None and found.name.schema == self._schema
            labels = f"[{', '.join(map(string, column.labels))}]"
            values = camel(found.name.table) if found is not None and own else labels
            return f"z.enum({values}, pg.column({name}))"
        if is_record(column, self._driver):
            parts = (f"{key(each.name)}: {self._column(each, each.name)}.nullable()" for each in column.parts)
            return f"z.strictObject({{ {', '.join(parts)} }}, pg.column({name}))"
        return _call(javascript_type(column, self._driver).schema, column, called)

    def _element(self, array: Column, called: str) -> str:
        (part,) = array.parts
        if part.base_kind in ("e", "c") or is_array(part):
            return self._column(part, called)
        return _call(element_type(array, self._driver).schema, part, called)

    def _array(self, column: Column, called: str, field: Field | None) -> str:
        nullable = ".nullable()" if field is None or field.null_elements else ""
        if is_text_array(column, self._driver):
            return f"pg.arrayText({string(called)}, {self._in_text(column.parts[0], called)}{nullable})"
        return f"z.array({self._element(column, called)}{nullable}, pg.column({string(called)}))"

    def _in_text(self, element: Column, called: str) -> str:
        """The schema of an element of an array that arrives as a text."""
        if is_array(element):
            return f"pg.arrayText({string(called)}, {self._in_text(element.parts[0], called)}.nullable())"
        if element.base_kind == "e":
            return self._column(element, called)
        found, read = type_in_text(element)
        schema = _call(found.schema, element, called)
        return f"pg.elementText({read}, {schema})" if read else schema


def _call(schema: str, column: Column, called: str) -> str:
    """The call of a function of ``runtime.ts``, with the limits of the column's type."""
    name, typmod, type = string(called), column.typmod, column.base_name
    if schema == "bytea":
        return f"z.instanceof(Buffer, pg.column({name}))"
    if type in ("varchar", "bpchar") and typmod > 4:
        return f"pg.{type}({name}, {typmod - 4})"
    if type in ("bit", "varbit") and typmod > 0:
        return f"pg.{type}({name}, {typmod})"
    if type != "numeric" or schema == "float8" or typmod < 0:
        return f"pg.{schema}({name})"
    precision, scale = ((typmod - 4) >> 16) & 0xFFFF, (typmod - 4) & 0x7FF
    return f"pg.{schema}({name}, {precision}, {scale - 0x800 if scale & 0x400 else scale})"
