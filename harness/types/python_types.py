"""PostgreSQL's types in Python: annotations for models of JSON, and for rows as psycopg 3 returns them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from psycopg.postgres import types as registry

from harness.catalog import Column
from harness.types.model import DatabaseTypes, Unstated
from harness.types.values import FLOATS, INTEGERS


@dataclass(frozen=True)
class PythonType:
    """A type of PostgreSQL in Python.

    ``json`` and ``record`` are the annotations in models for JSON and for rows of psycopg, by the names that generated
    modules import. ``python`` is the class of a value that was read from JSON. ``losses`` are the values that cannot be
    told, in both or (``record_losses``) only in rows of psycopg.
    """

    json: str
    record: str
    python: str
    losses: tuple[str, ...] = ()
    record_losses: tuple[str, ...] = ()


_BEYOND = ("infinity, and years before 1 or after 9999, have no value in Python",)
_MIDNIGHT = ("24:00 has no value in Python",)
_DOCUMENT = (
    "a JSON null is None, as NULL is",
    "a number with a fraction loses the digits that a float has no place for",
)
_FORM = ("a text: its form is not looked at",)
_INTERVAL = (
    "psycopg takes a month for 30 days and a year for 365, and makes something else of infinity and of very long ones",
)
ONE_DIMENSION = "an array of more than one dimension is refused"
IN_PARTS = "psycopg gives a text: the values in it are not looked at"


def _alike(name: str, python: str, *losses: str) -> PythonType:
    return PythonType(name, name, python, losses)


def _range(bound: str, *losses: str) -> tuple[PythonType, PythonType]:
    """A range and its multirange."""
    one, several = (PythonType("Text", f"Instance[{each}[{bound}]]", "str", _FORM, losses) for each in _RANGES)
    return one, several


_RANGES = ("Range", "Multirange")
_TEXT = _alike("Text", "str")
_OTHER = _alike("Text", "str", *_FORM)

TYPES: Mapping[str, PythonType] = {
    "bool": _alike("bool", "bool"),
    "int2": _alike("Int2", "int"),
    "int4": _alike("Int4", "int"),
    "int8": _alike("Int8", "int"),
    "oid": _alike("Oid", "int"),
    "numeric": PythonType("Numeric", "AnyDecimal", "Decimal"),
    "float4": _alike("Float4", "float"),
    "float8": _alike("Float8", "float"),
    "text": _TEXT,
    "varchar": _TEXT,
    "bpchar": _TEXT,
    "char": _TEXT,
    "name": _TEXT,
    "citext": _TEXT,
    "bytea": PythonType("Bytea", "Bytes", "bytes"),
    "uuid": PythonType("Uuid", "UUID", "UUID"),
    "date": PythonType("Date", "dt.date", "date", _BEYOND),
    "time": PythonType("Time", "dt.time", "time", _MIDNIGHT),
    "timetz": PythonType("Timetz", "ZonedTime", "time", _MIDNIGHT),
    "timestamp": PythonType("Timestamp", "NaiveDatetime", "datetime", _BEYOND),
    "timestamptz": PythonType("Timestamptz", "ZonedDatetime", "datetime", _BEYOND),
    "interval": PythonType("Text", "dt.timedelta", "str", _FORM, _INTERVAL),
    "json": _alike("Json", "dict, list, str, int, float, bool", *_DOCUMENT),
    "jsonb": _alike("Jsonb", "dict, list, str, int, float, bool", *_DOCUMENT),
    "bit": _alike("Bits", "str"),
    "varbit": _alike("Bits", "str"),
    "inet": PythonType("Inet", "IpAddress", "str"),
    "cidr": PythonType("Cidr", "IpNetwork", "str"),
    "macaddr": _alike("Macaddr", "str"),
    "macaddr8": _alike("Macaddr8", "str"),
    **dict(zip(("int4range", "int4multirange"), _range("int"), strict=True)),
    **dict(zip(("int8range", "int8multirange"), _range("int"), strict=True)),
    **dict(zip(("numrange", "nummultirange"), _range("Decimal"), strict=True)),
    **dict(zip(("daterange", "datemultirange"), _range("dt.date", *_BEYOND), strict=True)),
    **dict(zip(("tsrange", "tsmultirange"), _range("dt.datetime", *_BEYOND), strict=True)),
    **dict(zip(("tstzrange", "tstzmultirange"), _range("dt.datetime", *_BEYOND), strict=True)),
    "hstore": PythonType("dict[str, Text | None]", "Text", "dict"),
    "int2vector": PythonType("list[Int2]", "Text", "list"),
    "oidvector": PythonType("list[Oid]", "Text", "list"),
    "void": _alike("None", "None"),
    "record": PythonType("Json", "tuple[Any, ...]", "dict", ("its columns are not known",)),
}
"""By ``pg_type.typname``. Any other type is a text in both."""


def python_type(column: Column) -> PythonType:
    """Returns what a value of a column is that is neither an array, nor an enum, nor of several parts."""
    if column.base_kind == "p" and column.base_name not in TYPES:
        return _alike("Any", "Any", "it has a type only when it is called")
    return TYPES.get(column.base_name, _OTHER)


def limit(column: Column) -> str | None:
    """Returns what stands beside a type for the limits of a column: ``Varchar(50)``."""
    number = column.typmod
    if number < 0:
        return None
    match column.base_name:
        case "varchar":
            return f"Varchar({number - 4})"
        case "bpchar":
            return f"Char({number - 4})"
        case "bit":
            return f"Bit({number})"
        case "varbit":
            return f"Varbit({number})"
        case "numeric":
            precision, scale = ((number - 4) >> 16) & 0xFFFF, (number - 4) & 0x7FF
            return f"Precision({precision}, {scale - 0x800 if scale & 0x400 else scale})"
    return None


def is_array(column: Column) -> bool:
    """Whether a column has arrays."""
    return column.base_name.startswith("_") and len(column.parts) == 1


def is_read(column: Column) -> bool:
    """Whether psycopg makes lists of a column's arrays; those of types that it does not know it leaves as texts."""
    element = column.parts[0]
    return not element.is_domain and element.base_kind in "brm" and registry.get(element.base_name) is not None


class Annotations:
    """The annotations of columns in one module. ``enums`` and ``models`` are the names of types there."""

    def __init__(self, enums: Mapping[tuple[str, tuple[str, ...]], str], models: Mapping[str, str]) -> None:
        self._enums, self._models = enums, models

    def json(self, column: Column, values: str | None = None) -> str:
        """Returns the annotation of the values of a column in JSON, NULL left aside.

        ``values`` is that of the values themselves, or of an array's elements, if it is not the one of their type.
        """
        if is_array(column):
            return f"list[{values or f'{self.json(column.parts[0])} | None'}]"
        if values is not None:
            return values
        if column.base_kind == "c":
            return self._models.get(column.base_type, "Json")
        return self._enum(column) or _limited(python_type(column).json, column)

    def record(self, column: Column, values: str | None = None) -> str:
        """Returns the annotation of the values of a column as psycopg returns them."""
        if is_array(column):
            found = f"list[{values or f'{self.element(column)} | None'}]"
            return found if is_read(column) else f"FromText[{found}]"
        if values is not None:
            return values
        if column.base_kind == "c":
            return "Text"
        return self._enum(column) or _limited(python_type(column).record, column)

    def element(self, array: Column) -> str:
        """Returns the annotation of the elements of an array as psycopg returns them."""
        return self.record(array.parts[0]) if is_read(array) else self._read_from_text(array.parts[0])

    def _read_from_text(self, element: Column) -> str:
        if element.base_kind == "c" or element.is_json or is_array(element):
            return "Text"
        found = self.json(element)
        if element.base_name in FLOATS:
            return f"FloatText[{found}]"
        number = element.base_name in ("bool", *INTEGERS)
        return f"Annotated[{found}, Field(strict=False)]" if number else found

    def _enum(self, column: Column) -> str | None:
        return self._enums.get((column.base_name, column.labels)) if column.base_kind == "e" else None


def _limited(annotation: str, column: Column) -> str:
    found = limit(column)
    return f"Annotated[{annotation}, {found}]" if found else annotation


def losses(types: DatabaseTypes) -> tuple[Unstated, ...]:
    """Returns the values that the models cannot tell, by column."""
    return tuple(
        Unstated(str(table.name), field.name, reason, "value")
        for module in types.modules
        for table in module.tables
        for field in table.fields
        for reason in dict.fromkeys(_losses(field.column))
    )


def _losses(column: Column) -> Iterator[str]:
    if is_array(column):
        yield ONE_DIMENSION
        yield from _losses(column.parts[0])
    elif column.base_kind == "c":
        yield IN_PARTS
        for part in column.parts:
            yield from _losses(part)
    elif column.base_kind != "e":
        found = python_type(column)
        yield from (*found.losses, *found.record_losses)
        if column.is_json and column.not_null:
            yield "NOT NULL is not stated of rows: None is the JSON null there"
