"""Writes Zod schemas: one file for each module, which carries the rules, and what all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources

from harness.project.model import TableName
from harness.types.javascript_names import (
    HEADER,
    WIDTH,
    Exported,
    broken,
    camel,
    file_names,
    jsdoc,
    key,
    member,
    name_map,
    pascal,
    property_names,
    string,
    tuple_of,
)
from harness.types.javascript_references import constants
from harness.types.javascript_sets import LiteralSet, enums_by_type, literal_set
from harness.types.logic import condition
from harness.types.model import (
    Argument,
    DatabaseTypes,
    EnumShape,
    Field,
    FunctionShape,
    ModuleTypes,
    ReferenceRows,
    ShapeName,
    StatedRule,
    TableShape,
    unaffected,
)
from harness.types.record_shapes import naming, numbered, shapes
from harness.types.typescript_columns import BUFFER
from harness.types.zod_fields import ColumnSchemas
from harness.types.zod_methods import split
from harness.types.zod_rules import JavaScriptDialect

_IMPORTS = {"z.": 'import * as z from "zod";\n', "pg.": 'import * as pg from "./runtime.js";\n'}


def schema_name(table: TableName, shape: ShapeName) -> str:
    """Returns the name by which a file exports the schema of a table's shape."""
    return f"{camel(table.table)}{shape}"


def render(types: DatabaseTypes, driver: str, case: str = "snake") -> dict[str, str]:
    """Returns the files of all modules by name, and ``runtime.ts``, which they import.

    With the ``case`` ``camel`` the properties of records have camelCase names, and a map says which column each is.
    """
    files = file_names((each.schema for each in types.modules), ("runtime",))
    enums = enums_by_type(enum for each in types.modules for enum in each.enums)
    rows = {table.name: table for each in types.modules for table in each.tables if table.selectable}
    found = {}
    for module in types.modules:
        name = f"{files[module.schema]}.ts"
        schemas = ColumnSchemas(driver, module.schema, enums)
        found[name] = _ZodFile(module, rows, schemas, driver, case, Exported(name)).text()
    runtime = resources.files(__package__).joinpath("runtime.ts").read_text(encoding="utf-8")
    return {**found, "runtime.ts": HEADER + runtime}


class _ZodFile:
    """The file of one module."""

    def __init__(
        self,
        module: ModuleTypes,
        rows: Mapping[TableName, TableShape],
        schemas: ColumnSchemas,
        driver: str,
        case: str,
        names: Exported,
    ) -> None:
        self._module, self._rows, self._schemas = module, rows, schemas
        self._driver, self._case, self._names = driver, case, names

    def text(self) -> str:
        parts = [
            *map(self._enum, self._module.enums),
            *(part for table in self._module.tables for part in self._table(table)),
            *(part for function in numbered(self._module.functions) for part in self._function(*function)),
            *self._aliases(),
            *(part for each in self._module.references for part in self._constants(each)),
        ]
        if not parts:
            return f"{HEADER}\nexport {{}};\n"
        imports = "".join(line for mark, line in _IMPORTS.items() if any(mark in each for each in parts))
        buffer = BUFFER if any("z.instanceof(Buffer" in each for each in parts) else ""
        return "\n".join([HEADER + buffer + imports, *parts])

    def _enum(self, enum: EnumShape) -> str:
        return self._set(jsdoc([enum.comment or ""]), enum.name.table, map(string, enum.labels), f"enum {enum.name}")

    def _set(self, comment: str, name: str, literals: Iterable[str], thing: str) -> str:
        values = self._names.name(camel(name), thing)
        return f"{comment}export const {values} = {tuple_of(literals)} as const;\n"

    def _table(self, table: TableShape) -> Iterator[str]:
        owner, thing = table.name.table, f"{table.kind} {table.name}"
        used = {each.name for _, own in shapes(table) for each in own}
        known = [each for each in table.fields if each.name in used]
        sets = {each.name: literal_set(each, table.rules, self._driver) for each in known}
        for name, literals in sets.items():
            if literals is not None:
                values = f"the values of {table.name}.{name}"
                yield self._set("", f"{owner}_{name}", literals.literals, values)
        properties = property_names((each.name for each in known), self._case, str(table.name))
        if self._case == "camel" and known:
            name = self._names.name(f"{camel(owner)}Columns", f"the columns of {table.name}")
            yield f"export const {name} = {name_map(properties)} as const;\n"
        fields = self._names.name(f"{camel(owner)}Fields", thing)
        texts, rules = self._fields(table, known, sets)
        if known:
            yield f"const {fields} = {_object({properties[name]: text for name, text in texts.items()})};\n"
        for shape, own in shapes(table):
            dialect = JavaScriptDialect(shape, own, properties, self._driver)
            members = {properties[each.name]: _member(fields, properties[each.name], each, shape) for each in own}
            refinements = self._refinements(unaffected(rules, own, shape), dialect, properties)
            record = _record(_members(members, fields, len(known)), refinements)
            yield self._exported(owner, shape, thing, jsdoc([table.comment or ""]), record)

    def _fields(
        self, table: TableShape, fields: Sequence[Field], sets: Mapping[str, LiteralSet | None]
    ) -> tuple[dict[str, str], list[StatedRule]]:
        """The schemas of a table's fields, and the rules that are left for its records."""
        texts: dict[str, str] = {}
        rules = [each for each in table.rules if len(each.columns) != 1]
        for field in fields:
            literals = sets[field.name]
            values = camel(f"{table.name.table}_{field.name}")
            own = [each for each in table.rules if each.columns == (field.name,)]
            # A trigger may replace what is sent: then the rules are those of some shapes only.
            methods, left = ("", own) if field.replaced else split(field, own, literals, self._driver)
            text = self._schemas.field(field, (literals, values) if literals is not None else None)
            texts[field.name] = f"{text}{methods}{'.nullable()' if field.nullable else ''}"
            rules += left
        order = [each.name for each in table.rules]
        return texts, sorted(rules, key=lambda each: order.index(each.name))

    def _refinements(
        self, rules: Sequence[StatedRule], dialect: JavaScriptDialect, properties: Mapping[str, str]
    ) -> Iterator[str]:
        for rule in rules:
            text = condition(rule.expression, dialect)
            if text == "true":
                continue
            columns = "".join(f", {string(properties[each])}" for each in rule.columns if each in properties)
            said = f"pg.rule({string(rule.name)}{columns})"
            line = f".refine((row) => {text}, {said})"
            if len(line) > WIDTH - 2:
                line = f".refine(\n    (row) => {text},\n    {said},\n  )"
            if len(text) > WIDTH - 15:
                line = f".refine(\n    (row) =>\n{broken(text, '      ', WIDTH - 1)},\n    {said},\n  )"
            yield line

    def _exported(self, owner: str, shape: str, thing: str, comment: str, record: str) -> str:
        value, type = (self._names.name(f"{case(owner)}{shape}", thing) for case in (camel, pascal))
        return f"{comment}export const {value} = {record};\nexport type {type} = z.output<typeof {value}>;\n"

    def _function(self, function: FunctionShape, called: str) -> Iterator[str]:
        thing, comment = f"function {function.schema}.{called}", jsdoc([function.comment or ""])
        fields = [_argument(each) for each in function.arguments]
        properties = property_names((each.name for each in fields), self._case, thing)
        members, rules = {}, []
        for argument, field in zip(function.arguments, fields, strict=True):
            methods, left = split(field, argument.rules, None, self._driver)
            optional = ".exactOptional()" if argument.optional else ""
            nullable = ".nullable()" if field.nullable else ""
            members[properties[field.name]] = f"{self._schemas.field(field)}{methods}{nullable}{optional}"
            rules += left
        dialect = JavaScriptDialect("Insert", fields, properties, self._driver)
        record = _record(_object(members), self._refinements(rules, dialect, properties))
        yield self._exported(called, "Arguments", thing, comment, record)
        yield self._exported(called, "Result", thing, "", self._result(function))

    def _result(self, function: FunctionShape) -> str:
        row = self._rows.get(function.row_of) if function.row_of is not None else None
        if row is not None and row.name.schema == self._module.schema:
            one = schema_name(row.name, "Row")
        elif row is not None or function.columns:
            one = self._plain(row.selected if row is not None else function.columns, function.name)
        elif function.result is not None:
            one = self._one(function.result)
        else:
            one = "z.unknown()"
        return f"z.array({one})" if function.returns_set else one

    def _plain(self, fields: Sequence[Field], thing: str) -> str:
        properties = property_names((each.name for each in fields), self._case, thing)
        return _record(_object({properties[each.name]: self._one(each) for each in fields}), ())

    def _one(self, field: Field) -> str:
        return f"{self._schemas.field(field)}{'.nullable()' if field.nullable else ''}"

    def _constants(self, reference: ReferenceRows) -> Iterator[str]:
        return constants(reference, self._driver, self._case, self._names)

    def _aliases(self) -> Iterator[str]:
        for alias in self._module.aliases:
            value, table = camel(alias.name), alias.table.table
            for name in (value, alias.name):
                with naming(alias):
                    self._names.name(name, f"the alias {alias.name}")
            yield f"export const {value} = {camel(table)}Row;\nexport type {alias.name} = {pascal(table)}Row;\n"


def _argument(argument: Argument) -> Field:
    """The field of an argument; the function has a default for one that is left out, and it is not known which."""
    optional = argument.optional
    return replace(argument.field, insert="optional" if optional else "required", has_default=optional, default=None)


def _member(fields: str, name: str, field: Field, shape: ShapeName) -> str:
    text = member(fields, name)
    if shape in field.replaced and field.column.not_null:
        text = f"{text}.nullable()"
    if shape == "Update" or (shape == "Insert" and field.insert == "optional"):
        return f"{text}.exactOptional()"
    # The JSON null arrives as null where NULL cannot be.
    is_document = field.column.is_json and field.shape is None and not field.nullable
    return f"{text}.nullable()" if shape == "Row" and is_document else text


def _members(members: Mapping[str, str], fields: str, count: int) -> str:
    """The members of a record; if they are the fields as they are, nothing but these."""
    changed = {name: text for name, text in members.items() if text != member(fields, name)}
    if len(members) < count or len(changed) * 2 > len(members) or not members:
        return _object(members)
    if not changed:
        return fields
    return _object(changed).replace("{\n", f"{{\n  ...{fields},\n", 1)


def _record(members: str, refinements: Iterable[str]) -> str:
    """A record of members, with the refinements below."""
    calls = [f"strictObject({members})", *refinements]
    if len(calls) == 1:
        return f"z.{calls[0]}"
    first = calls[0].replace("\n", "\n  ")
    return "\n  ".join(["z", f".{first}", *calls[1:]])


def _object(members: Mapping[str, str]) -> str:
    body = "".join(f"  {key(name)}: {text},\n" for name, text in members.items())
    return f"{{\n{body}}}" if body else "{}"
