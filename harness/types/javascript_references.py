"""Reference data as constants of TypeScript, the same in files of types and of Zod schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from harness.catalog import Column
from harness.types.javascript import NODE
from harness.types.javascript_names import WIDTH, Exported, jsdoc, key, member, property_names, string
from harness.types.model import ReferenceRows

_TEXTS = ("int8", "numeric")
"""Types whose numbers are texts for node-postgres, as in rows."""


def constants(reference: ReferenceRows, driver: str, case: str, names: Exported) -> Iterator[str]:
    """Yields the constants of a table: its rows by their keys, the type of the keys, and a list of the rows."""
    thing = f"the rows of {reference.table}"
    properties = property_names((each.name for each in reference.fields), case, str(reference.table))
    written = _JavaScriptRows(reference, driver, properties)
    by_key, of_keys, listed = (names.name(each, thing + end) for each, end in _names(reference))
    comment = jsdoc([reference.comment or "", f"{thing} by {', '.join(reference.by)}.".capitalize()])
    rows = written.value(reference.grouped(), len(reference.levels), "")
    yield f"{comment}export const {by_key} = {rows} as const;\n"
    yield f"export type {of_keys} = keyof typeof {by_key};\n"
    if len(reference.by) == 1:
        items = [member(by_key, _name(row[reference.by[0]])) for row in reference.rows]
    else:
        items = [written.row(row, "  ") for row in reference.rows]
    body = "".join(f"  {each},\n" for each in items)
    yield f"{jsdoc([f'{thing}, in order.'.capitalize()])}export const {listed} = [\n{body}] as const;\n"


def _names(reference: ReferenceRows) -> Iterator[tuple[str, str]]:
    yield reference.map, ""
    yield reference.key, ": their keys"
    yield reference.list, ": a list"


def _name(value: Any) -> str:
    """The property of a value of the key."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _JavaScriptRows:
    """Writes the rows of one table; ``properties`` are the names that its columns have."""

    def __init__(self, reference: ReferenceRows, driver: str, properties: Mapping[str, str]) -> None:
        self._columns = {each.name: each.column for each in reference.fields}
        self._last, self._driver, self._properties = reference.by[-1], driver, properties

    def value(self, found: Any, levels: int, indent: str) -> str:
        """Rows by their keys, each on a line; below the last level is a row, or a list of values."""
        if not levels:
            return self._list(found, indent) if isinstance(found, list) else self.row(found, indent)
        inner = f"{indent}  "
        items = (f"{inner}{key(_name(name))}: {self.value(each, levels - 1, inner)},\n" for name, each in found.items())
        return f"{{\n{''.join(items)}{indent}}}"

    def row(self, row: Mapping[str, Any], indent: str) -> str:
        """A row as an object."""
        parts = [
            f"{key(self._properties[name])}: {self._literal(value, self._columns[name])}" for name, value in row.items()
        ]
        line = f"{{ {', '.join(parts)} }}"
        if len(indent) + len(line) <= WIDTH - 20:
            return line
        return "{\n" + "".join(f"{indent}  {each},\n" for each in parts) + f"{indent}}}"

    def _list(self, values: list[Any], indent: str) -> str:
        items = [self._literal(each, self._columns[self._last]) for each in values]
        line = f"[{', '.join(items)}]"
        if len(indent) + len(line) <= WIDTH - 20:
            return line
        return "[\n" + "".join(f"{indent}  {each},\n" for each in items) + f"{indent}]"

    def _literal(self, value: Any, column: Column) -> str:
        if isinstance(value, list):
            return f"[{', '.join(self._literal(each, column.parts[0] if column.parts else column) for each in value)}]"
        if isinstance(value, dict):
            return (
                "{ " + ", ".join(f"{key(name)}: {self._literal(each, column)}" for name, each in value.items()) + " }"
            )
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, int | Decimal):
            return string(str(value)) if column.base_name in _TEXTS and self._driver == NODE else str(value)
        return string(str(value))
