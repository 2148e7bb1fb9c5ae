"""The values of each PostgreSQL type in JavaScript, by driver, and what is lost on the way.

``node-postgres`` gives values as the parsers of the npm package ``pg`` make them of PostgreSQL's text, ``postgrest`` as
JSON has them (``to_json`` on the server).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.catalog import Column
from harness.types.json_shapes import unknown_keywords
from harness.types.model import DatabaseTypes, Field, Unstated

NODE = "node-postgres"


@dataclass(frozen=True)
class JavaScriptType:
    """A type of PostgreSQL in JavaScript.

    ``typescript`` is its type, ``schema`` the function of ``runtime.ts`` that makes its Zod schema; ``losses`` are the
    reasons why some of its values cannot be told.
    """

    typescript: str
    schema: str
    losses: tuple[str, ...] = ()


_FAR = "infinity arrives as the number Infinity, which is refused, and years after 275760 as an invalid Date"
_MICROSECONDS = "a Date has no microseconds: rules compare milliseconds"
_JSON_NULL = "the JSON null looks like NULL, and is sent as NULL"
_JSON_NUMBERS = "a number of more than 15 digits arrives rounded"
_DIGITS = "digits beyond 2^53 are lost"
_FORM = "a text: its form is not looked at"

_TEXT = JavaScriptType("string", "text")
_FREE = JavaScriptType("string", "string", (_FORM,))
_NUMBER_OR = 'number | "NaN" | "Infinity" | "-Infinity"'


def _date(name: str, *losses: str) -> tuple[JavaScriptType, JavaScriptType]:
    return JavaScriptType("Date", "date", (_FAR, *losses)), JavaScriptType("string", f"{name}Json")


def _alike(typescript: str, schema: str, *losses: str) -> tuple[JavaScriptType, JavaScriptType]:
    found = JavaScriptType(typescript, schema, losses)
    return found, found


TYPES: Mapping[str, tuple[JavaScriptType, JavaScriptType]] = {
    "bool": _alike("boolean", "bool"),
    "int2": _alike("number", "int2"),
    "int4": _alike("number", "int4"),
    "int8": (JavaScriptType("string", "int8"), JavaScriptType("number", "int8Json", (_DIGITS,))),
    "oid": (JavaScriptType("number", "oid"), _FREE),
    "numeric": (
        JavaScriptType("string", "numeric"),
        JavaScriptType('number | "NaN"', "numericJson", (_DIGITS,)),
    ),
    "float4": (JavaScriptType("number", "float4"), JavaScriptType(_NUMBER_OR, "float4Json")),
    "float8": (JavaScriptType("number", "float8"), JavaScriptType(_NUMBER_OR, "float8Json")),
    "text": _alike("string", "text"),
    "varchar": _alike("string", "text"),
    "bpchar": _alike("string", "text"),
    "name": _alike("string", "text"),
    "citext": _alike("string", "text"),
    "uuid": _alike("string", "uuid"),
    "date": _date("date"),
    "timestamp": _date("timestamp", _MICROSECONDS),
    "timestamptz": _date("timestamptz", _MICROSECONDS),
    "time": _alike("string", "time"),
    "timetz": _alike("string", "timetz"),
    "interval": (JavaScriptType("PostgresInterval", "interval"), _FREE),
    "json": _alike("Json", "json", _JSON_NULL, _JSON_NUMBERS),
    "jsonb": _alike("Json", "jsonb", _JSON_NULL, _JSON_NUMBERS),
    "bytea": (JavaScriptType("Buffer", "bytea"), JavaScriptType("string", "byteaJson")),
    "bit": _alike("string", "bit"),
    "varbit": _alike("string", "varbit"),
    "point": (JavaScriptType("{ x: number; y: number }", "point"), _FREE),
    "circle": (JavaScriptType("{ x: number; y: number; radius: number }", "circle"), _FREE),
    "hstore": (_FREE, JavaScriptType("Record<string, string | null>", "hstoreJson")),
    "void": _alike("void", "nothing"),
    "record": (_FREE, JavaScriptType("Json", "json", ("its columns are not known",))),
}
"""By ``pg_type.typname``: of node-postgres, and of postgrest. Any other type is a text."""

_PARSED_ARRAYS = frozenset(
    [
        "bool",
        "bytea",
        "int2",
        "int4",
        "int8",
        "oid",
        "float4",
        "float8",
        "numeric",
        "text",
        "varchar",
        "bpchar",
        "inet",
        "cidr",
        "macaddr",
        "timestamp",
        "date",
        "timestamptz",
        "interval",
        "json",
        "jsonb",
        "point",
        "uuid",
        "money",
        "time",
        "timetz",
        "numrange",
    ]
)
"""Types whose arrays node-postgres parses; those of any other type arrive as the text ``{a,b}``."""

_ANY_NUMERIC = JavaScriptType(_NUMBER_OR, "freeNumericJson", (_DIGITS,))
"""A ``numeric`` without precision in JSON: it can be infinite."""

_NUMERIC_ELEMENT = JavaScriptType("number", "float8", (_DIGITS,))
"""An element of ``numeric[]``, which node-postgres makes a number, unlike ``numeric``."""

_IN_TEXT: Mapping[str, tuple[JavaScriptType, str]] = {
    "bool": (JavaScriptType("boolean", "bool"), "pg.readBool"),
    **{each: (JavaScriptType("number", each), "pg.readNumber") for each in ("int2", "int4", "oid", "float4", "float8")},
    "date": (JavaScriptType("string", "dateJson"), ""),
    "timestamp": (JavaScriptType("string", "timestampJson"), "pg.readMoment"),
    "timestamptz": (JavaScriptType("string", "timestamptzJson"), "pg.readMoment"),
    "bytea": (JavaScriptType("string", "byteaJson"), ""),
    "json": (JavaScriptType("Json", "json", (_JSON_NULL, _JSON_NUMBERS)), "pg.readDocument"),
    "jsonb": (JavaScriptType("Json", "jsonb", (_JSON_NULL, _JSON_NUMBERS)), "pg.readDocument"),
    **dict.fromkeys(("interval", "point", "circle"), (_FREE, "")),
}
"""Elements of an array that arrives as a text, with what reads them there; any other is the text that it is alone."""

ARRAY_TEXT = "an array of this type arrives as a text"
ONE_DIMENSION = "an array of more than one dimension is refused"


def is_array(column: Column) -> bool:
    """Whether a column has arrays."""
    return column.base_name.startswith("_") and len(column.parts) == 1


def is_text_array(column: Column, driver: str) -> bool:
    """Whether the arrays of a column arrive as texts."""
    if driver != NODE or not is_array(column):
        return False
    # A type of the database itself may have the name of one of PostgreSQL's.
    element = column.parts[0]
    return element.is_domain or "." in element.base_type or element.base_name not in _PARSED_ARRAYS


def is_record(column: Column, driver: str) -> bool:
    """Whether the values of a column arrive as objects with the attributes of a composite type."""
    return column.base_kind == "c" and driver != NODE and bool(column.parts)


def javascript_type(column: Column, driver: str) -> JavaScriptType:
    """Returns what a value of a column is that is neither an array, nor an enum, nor a record."""
    if column.base_kind == "p" and column.base_name not in TYPES:
        return JavaScriptType("unknown", "unknown", ("it has a type only when it is called",))
    if column.base_kind == "c":
        return _FREE
    if column.base_name == "numeric" and column.typmod < 0 and driver != NODE:
        return _ANY_NUMERIC
    return TYPES.get(column.base_name, (_FREE, _FREE))[driver != NODE]


def element_type(column: Column, driver: str) -> JavaScriptType:
    """Returns what an element of an array column is."""
    if driver == NODE and column.base_name == "_numeric":
        return _NUMERIC_ELEMENT
    return javascript_type(column.parts[0], driver)


def type_in_text(element: Column) -> tuple[JavaScriptType, str]:
    """Returns what an element of an array that arrives as a text is, and what reads it of its text, if anything."""
    return _IN_TEXT.get(element.base_name if element.base_kind == "b" else "", (javascript_type(element, NODE), ""))


def losses(types: DatabaseTypes, driver: str) -> tuple[Unstated, ...]:
    """Returns the values that TypeScript and Zod cannot tell, by column."""
    tables = (table for module in types.modules for table in module.tables)
    return tuple(
        Unstated(str(table.name), field.name, reason, "value")
        for table in tables
        for field in table.fields
        for reason in dict.fromkeys((*_losses(field.column, driver), *_of_shape(field)))
    )


def _of_shape(field: Field) -> Iterator[str]:
    keywords = dict.fromkeys(unknown_keywords(field.shape if field.shape is not None else True))
    if keywords:
        yield f"JSON Schema's {', '.join(keywords)}"


def _losses(column: Column, driver: str) -> Iterator[str]:
    if is_array(column):
        yield ARRAY_TEXT if is_text_array(column, driver) else ONE_DIMENSION
        element = column.parts[0]
        if element.base_kind in ("e", "c") or is_array(element):
            yield from _losses(element, driver)
        elif is_text_array(column, driver):
            yield from type_in_text(element)[0].losses
        else:
            yield from element_type(column, driver).losses
    elif column.base_kind == "c":
        if not is_record(column, driver):
            yield "a value of several parts arrives as a text"
        for part in column.parts if is_record(column, driver) else ():
            yield from _losses(part, driver)
    elif column.base_kind != "e":
        yield from javascript_type(column, driver).losses
