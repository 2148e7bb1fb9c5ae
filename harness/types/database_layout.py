"""Writes ``database.ts``: all modules as one type with the keys that supabase-js infers from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import resources

from harness.catalog import ForeignKey
from harness.types.javascript_names import HEADER, jsdoc, key, string, tuple_of, union
from harness.types.javascript_sets import LiteralSet, enums_by_type, literal_set
from harness.types.model import Argument, DatabaseTypes, EnumShape, Field, FunctionShape, ModuleTypes, TableShape
from harness.types.record_shapes import shapes
from harness.types.typescript_columns import SUPPORT, ColumnTypes, said, sent, with_null

_NOTHING = "{ [_ in never]: never }"


def database_file(types: DatabaseTypes, driver: str) -> str:
    """Returns the text of ``database.ts``."""
    return _SupabaseLayout(types, driver).text()


class _SupabaseLayout:
    def __init__(self, types: DatabaseTypes, driver: str) -> None:
        self._types, self._driver = types, driver
        enums = enums_by_type(enum for each in types.modules for enum in each.enums)
        self._columns = ColumnTypes(driver, enums, _enum_name, _set)
        self._rows = {table.name: table for each in types.modules for table in each.tables if table.selectable}

    def text(self) -> str:
        schemas = [(each.schema, self._schema(each)) for each in self._types.modules]
        default = next((name for name, _ in schemas if name == "public"), schemas[0][0] if schemas else "public")
        constants = [(each.schema, _constants(each)) for each in self._types.modules]
        helpers = resources.files(__package__).joinpath("database_helpers.ts").read_text(encoding="utf-8")
        return "\n".join(
            [
                HEADER,
                SUPPORT["Json"],
                f"export type Database = {_block(schemas)};\n",
                helpers.replace('"public"', string(default)),
                f"export const Constants = {_block(constants, ',')} as const;\n",
            ]
        )

    def _schema(self, module: ModuleTypes) -> str:
        tables = [
            (each.name.table, self._table(each)) for each in module.tables if each.kind == "table" and [*shapes(each)]
        ]
        views = [
            (each.name.table, self._view(each)) for each in module.tables if each.kind == "view" and each.selectable
        ]
        composites = [(each.name.table, self._row(each)) for each in module.tables if each.kind == "composite"]
        return _block(
            [
                ("Tables", _block(tables)),
                ("Views", _block(views)),
                ("Functions", _block(list(self._functions(module.functions)))),
                ("Enums", _block([(each.name.table, union(map(string, each.labels))) for each in module.enums])),
                ("CompositeTypes", _block(composites)),
            ]
        )

    def _table(self, table: TableShape) -> str:
        return _block(
            [
                ("Row", self._row(table) if table.selectable else "never"),
                ("Insert", self._record(table, self._inserted(table)) if table.insertable else "never"),
                ("Update", self._record(table, self._updated(table)) if table.updatable else "never"),
                ("Relationships", self._relationships(table)),
            ]
        )

    def _view(self, table: TableShape) -> str:
        return _block([("Row", self._row(table)), ("Relationships", self._relationships(table))])

    def _row(self, table: TableShape) -> str:
        return self._record(table, ((each.name, each, "row") for each in table.selected))

    def _inserted(self, table: TableShape) -> Iterator[tuple[str, Field, str]]:
        for each in table.fields:
            yield each.name, each, {"required": "", "optional": "?", "absent": "never"}[each.insert]

    def _updated(self, table: TableShape) -> Iterator[tuple[str, Field, str]]:
        updated = {each.name for each in table.updated}
        for each in table.fields:
            yield each.name, each, "?" if each.name in updated else "never"

    def _record(self, table: TableShape, fields: Iterable[tuple[str, Field, str]]) -> str:
        """A record; a field's mark is ``row``, or where it is sent empty, ``?``, or ``never`` if it must be absent."""
        lines = []
        for name, field, mark in fields:
            type = self._columns.field("", field, literal_set(field, table.rules, self._driver))
            comment = jsdoc([said(field)], "  ")
            text = f": {with_null(type, field)}" if mark == "row" else f"{mark}: {sent(type, field)}"
            text = "?: never" if mark == "never" else text
            lines.append(f"{comment}  {key(name)}{text};\n")
        return _braces(lines)

    def _relationships(self, table: TableShape) -> str:
        """The foreign keys to tables of the same schema: PostgREST embeds no others."""
        own = [
            each
            for each in table.foreign_keys
            if each[0].references.schema == table.name.schema and each[0].references in self._rows
        ]
        if not own:
            return "[]"
        return "[\n" + "".join(f"  {_indented(_relationship(*each))},\n" for each in sorted(own, key=_by_name)) + "]"

    def _functions(self, functions: Sequence[FunctionShape]) -> Iterator[tuple[str, str]]:
        overloads: dict[str, list[str]] = {}
        for each in functions:
            overloads.setdefault(each.name, []).append(self._function(each))
        for name, texts in overloads.items():
            yield name, " | ".join(texts)

    def _function(self, function: FunctionShape) -> str:
        arguments = [self._argument(each) for each in function.arguments]
        parts = [
            ("Args", f"{{ {'; '.join(arguments)} }}" if arguments else "never"),
            ("Returns", self._returns(function)),
        ]
        if function.row_of in self._rows:
            many = "true" if function.returns_set else "false"
            one = "false" if function.returns_set else "true"
            to = string(function.row_of.table) if function.row_of is not None else ""
            options = [("from", '"*"'), ("to", to), ("isOneToOne", one), ("isSetofReturn", many)]
            parts.append(("SetofOptions", _block(options)))
        return _block(parts)

    def _argument(self, argument: Argument) -> str:
        mark = "?" if argument.optional else ""
        type = sent(self._columns.field("", argument.field), argument.field)
        return f"{key(argument.field.name)}{mark}: {type}"

    def _returns(self, function: FunctionShape) -> str:
        if function.row_of in self._rows and function.row_of is not None:
            one = self._row(self._rows[function.row_of])
        elif function.columns:
            parts = ((each.name, with_null(self._columns.field("", each), each)) for each in function.columns)
            one = _block(list(parts))
        elif function.result is not None:
            one = with_null(self._columns.field("", function.result), function.result)
        else:
            one = "unknown" if function.row_of is not None else "undefined"
        if not function.returns_set:
            return one
        return f"{one}[]" if one.startswith("{") or " | " not in one else f"({one})[]"


def _enum_name(enum: EnumShape) -> str:
    return f'Database[{string(enum.name.schema)}]["Enums"][{string(enum.name.table)}]'


def _set(owner: str, field: Field, literals: LiteralSet) -> str:
    return union(literals.literals)


def _by_name(relationship: tuple[ForeignKey, bool]) -> str:
    return relationship[0].name


def _relationship(reference: ForeignKey, single: object) -> str:
    return _block(
        [
            ("foreignKeyName", string(reference.name)),
            ("columns", tuple_of(map(string, reference.columns))),
            ("isOneToOne", "true" if single else "false"),
            ("referencedRelation", string(reference.references.table)),
            ("referencedColumns", tuple_of(map(string, reference.referenced_columns))),
        ]
    )


def _constants(module: ModuleTypes) -> str:
    enums = [(each.name.table, tuple_of(map(string, each.labels))) for each in module.enums]
    return _block([("Enums", _block(enums, ",") if enums else "{}")], ",")


def _block(entries: Sequence[tuple[str, str]], end: str = ";") -> str:
    """An object of entries, each on lines of its own."""
    if not entries:
        return _NOTHING
    return _braces(f"  {key(name)}: {_indented(text)}{end}\n" for name, text in entries)


def _braces(lines: Iterable[str]) -> str:
    text = "".join(lines)
    return f"{{\n{text}}}" if text else _NOTHING


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
