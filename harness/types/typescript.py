"""Writes TypeScript: one file for each module, and for PostgREST the file that supabase-js infers from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.project.model import TableName
from harness.types.database_layout import database_file
from harness.types.javascript import NODE, is_text_array
from harness.types.javascript_names import (
    HEADER,
    WIDTH,
    Exported,
    camel,
    file_names,
    jsdoc,
    key,
    name_map,
    pascal,
    property_names,
    string,
    tuple_of,
)
from harness.types.javascript_references import constants
from harness.types.javascript_sets import LiteralSet, enums_by_type, literal_set
from harness.types.model import DatabaseTypes, EnumShape, Field, FunctionShape, ModuleTypes, ReferenceRows, TableShape
from harness.types.record_shapes import naming, numbered, shapes
from harness.types.typescript_columns import BUFFER, SUPPORT, ColumnTypes, said, sent, with_null


def render(types: DatabaseTypes, driver: str, case: str = "snake") -> dict[str, str]:
    """Returns the files of all modules by name; for ``postgrest`` also ``database.ts``, as supabase-js wants it.

    With the ``case`` ``camel`` the properties of records have camelCase names, and a map says which column each is.
    """
    files = file_names((each.schema for each in types.modules), () if driver == NODE else ("database",))
    found = {
        f"{files[module.schema]}.ts": _TypeScriptFile(types, module, driver, case, files).text()
        for module in types.modules
    }
    return found if driver == NODE else {**found, "database.ts": database_file(types, driver)}


class _TypeScriptFile:
    """The file of one module."""

    def __init__(
        self, types: DatabaseTypes, module: ModuleTypes, driver: str, case: str, files: Mapping[str, str]
    ) -> None:
        self._types, self._module, self._driver, self._case, self._files = types, module, driver, case, files
        self._names = Exported(f"{files[module.schema]}.ts")
        self._imported: set[str] = set()
        self._rows = {table.name: table for each in types.modules for table in each.tables if table.selectable}
        enums = enums_by_type(enum for each in types.modules for enum in each.enums)
        self._columns = ColumnTypes(driver, enums, self._enum_name, self._set_name)

    def text(self) -> str:
        parts = [
            *map(self._enum, self._module.enums),
            *(part for table in self._module.tables for part in self._table(table)),
            *(part for function in numbered(self._module.functions) for part in self._function(*function)),
            *self._aliases(),
            *(part for each in self._module.references for part in self._constants(each)),
        ]
        used = self._columns.used
        imports = "".join(
            f'import type * as {self._names.name(camel(each), f"schema {each}")} from "./{self._files[each]}.js";\n'
            for each in sorted(self._imported)
        )
        head = HEADER + (BUFFER if "Buffer" in used else "") + imports
        support = [SUPPORT[each] for each in SUPPORT if each in used]
        return "\n".join([head, *support, *(parts or ["export {};\n"])])

    def _enum_name(self, enum: EnumShape) -> str:
        return f"{self._prefix(enum.name)}{pascal(enum.name.table)}"

    def _prefix(self, name: TableName) -> str:
        """The beginning of a name of another module's file."""
        if name.schema == self._module.schema:
            return ""
        self._imported.add(name.schema)
        return f"{camel(name.schema)}."

    def _set_name(self, owner: str, field: Field, literals: LiteralSet) -> str:
        return pascal(owner, field.name)

    def _enum(self, enum: EnumShape) -> str:
        return self._set(jsdoc([enum.comment or ""]), enum.name.table, map(string, enum.labels), f"enum {enum.name}")

    def _set(self, comment: str, name: str, literals: Iterator[str] | Sequence[str], thing: str) -> str:
        values, type = self._names.name(camel(name), thing), self._names.name(pascal(name), thing)
        return (
            f"{comment}export const {values} = {tuple_of(literals)} as const;\n"
            f"export type {type} = (typeof {values})[number];\n"
        )

    def _table(self, table: TableShape) -> Iterator[str]:
        owner, sets = table.name.table, self._sets(table)
        for field in table.fields:
            if (literals := sets[field.name]) is not None:
                thing = f"the values of {table.name}.{field.name}"
                yield self._set("", f"{owner}_{field.name}", literals.literals, thing)
        properties = property_names((each.name for each in table.fields), self._case, str(table.name))
        if self._case == "camel":
            name = self._names.name(f"{camel(owner)}Columns", f"the columns of {table.name}")
            yield f"export const {name} = {name_map(properties)} as const;\n"
        for shape, fields in shapes(table):
            name = self._names.name(f"{pascal(owner)}{shape}", f"{table.kind} {table.name}")
            lines = (self._line(owner, field, sets[field.name], shape, properties[field.name]) for field in fields)
            yield f"{jsdoc([table.comment or ''])}{_record(name, list(lines))}"

    def _sets(self, table: TableShape) -> dict[str, LiteralSet | None]:
        return {each.name: literal_set(each, table.rules, self._driver) for each in table.fields}

    def _line(self, owner: str, field: Field, literals: LiteralSet | None, shape: str, name: str) -> str:
        optional = shape == "Update" or (shape == "Insert" and field.insert == "optional")
        type = self._columns.field(owner, field, literals)
        text = with_null(type, field) if shape == "Row" else sent(type, field)
        comment = jsdoc(_said(field, self._driver), "  ")
        return f"{comment}  {key(name)}{'?' if optional else ''}: {text};\n"

    def _function(self, function: FunctionShape, called: str) -> Iterator[str]:
        thing = f"function {function.schema}.{called}"
        comment = jsdoc([function.comment or ""])
        names = property_names((each.field.name for each in function.arguments), self._case, thing)
        name = self._names.name(f"{pascal(called)}Arguments", thing)
        lines = [
            f"{jsdoc([', '.join(rule.name for rule in each.rules)], '  ')}"
            f"  {key(names[each.field.name])}{'?' if each.optional else ''}: "
            f"{sent(self._columns.field('', each.field), each.field)};\n"
            for each in function.arguments
        ]
        yield f"{comment}{_record(name, lines)}"
        yield f"export type {self._names.name(f'{pascal(called)}Result', thing)} = {self._result(function, thing)};\n"

    def _result(self, function: FunctionShape, thing: str) -> str:
        if function.row_of is not None and function.row_of in self._rows:
            one = f"{self._prefix(function.row_of)}{pascal(function.row_of.table)}Row"
        elif function.columns:
            names = property_names((each.name for each in function.columns), self._case, thing)
            parts = (
                f"{key(names[each.name])}: {with_null(self._columns.field('', each), each)}"
                for each in function.columns
            )
            one = f"{{ {'; '.join(parts)} }}"
        elif function.result is not None:
            one = with_null(self._columns.field("", function.result), function.result)
        else:
            one = "unknown" if function.row_of is not None else "void"
        if not function.returns_set:
            return one
        return f"({one})[]" if " | " in one and not one.startswith("{") else f"{one}[]"

    def _constants(self, reference: ReferenceRows) -> Iterator[str]:
        return constants(reference, self._driver, self._case, self._names)

    def _aliases(self) -> Iterator[str]:
        for alias in self._module.aliases:
            with naming(alias):
                name = self._names.name(alias.name, f"the alias {alias.name}")
            yield f"export type {name} = {pascal(alias.table.table)}Row;\n"


def _record(name: str, lines: Sequence[str]) -> str:
    if not lines:
        return f"export type {name} = Record<string, never>;\n"
    return f"export interface {name} {{\n{''.join(lines)}}}\n"


def _said(field: Field, driver: str) -> Iterator[str]:
    """The comment of a column with its class; then the names of its constraints."""
    as_text = "As the text of an array, `{a,b}`." if is_text_array(field.column, driver) else ""
    yield f"{said(field)} {as_text}"
    names = ", ".join(field.constraints)
    yield names if len(names) < WIDTH - 10 else ",\n".join(field.constraints)
