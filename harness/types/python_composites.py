"""Composite and enum types that the columns of a module have, in an order in which each comes after its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.catalog import Column
from harness.project.model import TableName
from harness.types.model import Field, ModuleTypes, TableShape
from harness.types.python_names import model


class Composites:
    """The composite types of a module's columns.

    ``ordered`` has them as records, and whether they are the module's own; the others are defined elsewhere, or are
    rows of tables. ``names`` has the models of all of them, by type.
    """

    def __init__(self, module: ModuleTypes) -> None:
        own = {each.name: each for each in module.tables if each.kind == "composite"}
        self.ordered: list[tuple[TableShape, bool]] = []
        self.names: dict[str, str] = {}
        for shape in own.values():
            for field in shape.fields:
                self._take(field.column, own)
            self._add(shape, own)
        for column in columns(module):
            self._take(column, own)

    def _take(self, column: Column, own: Mapping[TableName, TableShape]) -> None:
        for part in column.parts:
            self._take(part, own)
        if column.base_kind == "c" and column.base_type not in self.names:
            name = table_name(column)
            fields = tuple(Field(part, nullable=True) for part in column.parts)
            self._add(own.get(name) or TableShape(name, "composite", fields), own)
            self.names[column.base_type] = model(name.table, "Row" if name in own else "Value")

    def _add(self, shape: TableShape, own: Mapping[TableName, TableShape]) -> None:
        if all(each.name != shape.name for each, _ in self.ordered):
            self.ordered.append((shape, shape.name in own))


def columns(module: ModuleTypes) -> Iterator[Column]:
    """Yields everything in a module that has a type."""
    for table in module.tables:
        yield from (field.column for field in table.fields)
    for function in module.functions:
        yield from (argument.field.column for argument in function.arguments)
        yield from (field.column for field in (*function.columns, *([function.result] if function.result else [])))


def table_name(column: Column) -> TableName:
    """Returns the name of the composite type of a column."""
    schema, _, name = column.base_type.replace('"', "").rpartition(".")
    return TableName(schema, name)


def enums(column: Column) -> Iterator[Column]:
    """Yields a column, or those of its parts, whose type is an enum."""
    if column.base_kind == "e":
        yield column
    for part in column.parts:
        yield from enums(part)
