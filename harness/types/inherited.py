"""Columns that Zod cannot see missing: every object of JavaScript has a property of their name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from harness.project.model import TableName, TypesOutput
from harness.types.javascript_names import in_case
from harness.types.model import DatabaseTypes, ModuleTypes, Unstated

_INHERITED = frozenset(
    [
        *("__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor"),
        *("hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf"),
    ]
)

UNSEEN = "every object of JavaScript has this property: Zod does not see it missing, and the table is left out"


def without_inherited(types: DatabaseTypes, output: TypesOutput) -> DatabaseTypes:
    """Returns the types for an output; those for Zod are without tables that have such a column, which they note."""
    if output.language != "zod":
        return types
    found = {
        table.name: [each.name for each in table.fields if in_case(each.name, output.case) in _INHERITED]
        for module in types.modules
        for table in module.tables
        if table.kind == "table"
    }
    unstated = (Unstated(str(name), column, UNSEEN) for name, columns in found.items() for column in columns)
    left_out = {name for name, columns in found.items() if columns}
    return DatabaseTypes(tuple(_without(each, left_out) for each in types.modules), (*types.unstated, *unstated))


def _without(module: ModuleTypes, left_out: Collection[TableName]) -> ModuleTypes:
    tables = tuple(each for each in module.tables if each.name not in left_out)
    aliases = tuple(each for each in module.aliases if each.table not in left_out)
    return replace(module, tables=tables, aliases=aliases)
