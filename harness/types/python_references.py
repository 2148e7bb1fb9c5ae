"""Reference data as constants of Python: read-only mappings of named tuples, and the literals of their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from harness.catalog import Column
from harness.types.model import Field, ReferenceRows
from harness.types.python_imports import RESERVED
from harness.types.python_layout import statement
from harness.types.python_names import ModuleNames, attributes, docstring, model, quoted
from harness.types.python_types import is_array

_INDENT = "    "
_CLASSES = {
    "bool": "bool",
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "int"),
    "numeric": "Decimal",
    **dict.fromkeys(("float4", "float8"), "float"),
    **dict.fromkeys(("json", "jsonb"), "Json"),
}
"""The classes of values as JSON has them; a value of any other type is a text."""


def constants(
    reference: ReferenceRows, names: ModuleNames, set_name: Callable[[Field], str | None]
) -> Iterator[list[str]]:
    """Yields the blocks of a table: the type of the keys, the class of a row, rows by their keys, a list of the rows.

    ``set_name`` gives the type of a column's literals, if there is one.
    """
    thing = f"the rows of {reference.table}"
    key = names.claim(reference.key, f"{thing}: their keys")
    writer = _PythonRows(reference, key, {*RESERVED, *names}, set_name)
    by_key, listed = names.claim(reference.map, thing), names.claim(reference.list, f"{thing}: a list")
    row = names.claim(model(reference.table.table, "Constant"), f"{thing}: their class")
    grouped = reference.grouped()
    literals = dict.fromkeys(writer.literal(each, writer.columns[reference.by[0]]) for each in grouped)
    yield statement(f"{key}: TypeAlias = ", f"Literal[{', '.join(literals)}]")
    fields = (statement(f"{writer.names[each.name]}: ", writer.type(each), _INDENT) for each in reference.fields)
    yield [
        f"class {row}(NamedTuple):",
        *docstring([f"A row of {reference.table} that every database has.", reference.comment or ""], _INDENT),
        "",
        *(line for lines in fields for line in lines),
    ]
    about = docstring([f"{thing.capitalize()} by {', '.join(reference.by)}."])
    yield [
        *statement(f"{by_key}: ", f"Final[{_mapping(reference, writer, key, row)}]", after=" = MappingProxyType("),
        f"{_INDENT}{{",
        *writer.entries(grouped, len(reference.levels), _INDENT * 2, row),
        f"{_INDENT}}}",
        ")",
        *about,
    ]
    yield [
        f"{listed}: Final = (",
        *(line for each in reference.rows for line in _listed(reference, writer, each, by_key, row)),
        ")",
        *docstring([f"{thing.capitalize()}, in order."]),
    ]


def _listed(reference: ReferenceRows, writer: _PythonRows, row: Mapping[str, Any], by_key: str, name: str) -> list[str]:
    if len(reference.by) == 1:
        column = reference.by[0]
        return [f"{_INDENT}{by_key}[{writer.literal(row[column], writer.columns[column])}],"]
    return statement("", writer.row(row, name), _INDENT, ",")


def _mapping(reference: ReferenceRows, writer: _PythonRows, key: str, row: str) -> str:
    fields = {each.name: each for each in reference.fields}
    found = f"tuple[{writer.type(fields[reference.by[-1]])}, ...]" if reference.is_pairs else row
    for level in reversed(reference.levels[1:]):
        found = f"Mapping[{writer.type(fields[level])}, {found}]"
    return f"Mapping[{key}, {found}]"


class _PythonRows:
    """Writes the rows of one table; ``names`` are the attributes of its columns."""

    def __init__(
        self, reference: ReferenceRows, key: str, taken: set[str], set_name: Callable[[Field], str | None]
    ) -> None:
        self._key = reference.by[0], key
        self.columns = {each.name: each.column for each in reference.fields}
        self.names = attributes(list(self.columns), taken)
        self._last, self._levels, self._set_name = reference.by[-1], reference.levels, set_name

    def type(self, field: Field) -> str:
        """The annotation of a column in a row."""
        if field.name == self._key[0]:
            return self._key[1]
        array = is_array(field.column)
        column = field.column.parts[0] if array else field.column
        found = self._set_name(field) or _CLASSES.get(column.base_name, "str")
        if array:
            found = f"tuple[{found}{' | None' if field.null_elements else ''}, ...]"
        return f"{found} | None" if field.nullable else found

    def entries(self, found: Mapping[Any, Any], levels: int, indent: str, row: str) -> Iterator[str]:
        """Yields the lines of rows by their keys; below the last level is a row, or a list of values."""
        column = self.columns[self._levels[-levels]]
        for name, each in found.items():
            before = f"{self.literal(name, column)}: "
            if levels > 1:
                yield f"{indent}{before}MappingProxyType("
                yield f"{indent}{_INDENT}{{"
                yield from self.entries(each, levels - 1, indent + _INDENT * 2, row)
                yield f"{indent}{_INDENT}}}"
                yield f"{indent}),"
            else:
                yield from statement(before, self._leaf(each, row), indent, ",")

    def row(self, row: Mapping[str, Any], name: str) -> str:
        """A row as a call of its class."""
        given = (f"{self.names[each]}={self.literal(value, self.columns[each])}" for each, value in row.items())
        return f"{name}({', '.join(given)})"

    def _leaf(self, found: Any, name: str) -> str:
        if isinstance(found, list):
            return _tuple([self.literal(each, self.columns[self._last]) for each in found])
        return self.row(found, name)

    def literal(self, value: Any, column: Column) -> str:
        """A value as Python writes it."""
        if column.is_json:
            return repr(value)
        if isinstance(value, list):
            return _tuple([self.literal(each, column.parts[0] if column.parts else column) for each in value])
        if column.base_name == "numeric" and value is not None:
            return f'Decimal("{value}")'
        if isinstance(value, Decimal):
            return repr(float(value))
        return repr(value) if value is None or isinstance(value, bool | int) else quoted(str(value))


def _tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
