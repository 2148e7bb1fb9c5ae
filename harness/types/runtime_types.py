"""The types of PostgreSQL as JSON has them: a text is read as PostgreSQL prints it, and objects are taken as well.

A value is what PostgreSQL stores: ``numeric(10,2)`` rounds, ``char(3)`` adds blanks. What PostgreSQL would refuse is an
error whose type and message are the SQLSTATE; the model adds the column.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
    ip_network,
)
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    JsonValue,
    NaiveDatetime,
    PlainSerializer,
)
from pydantic_core import CoreSchema, PydanticCustomError, PydanticUndefined, core_schema

T = TypeVar("T")


def refused(state: Any) -> PydanticCustomError:
    """Returns the error of a SQLSTATE."""
    return PydanticCustomError(state, state)


def reader(pattern: str, read: Callable[[str], Any], given: Any = PydanticUndefined) -> BeforeValidator:
    """Has a text of this form read, and no other; what is no text stays as it is. ``given``: the JSON's type."""
    form = re.compile(pattern, re.ASCII)

    def validate(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if form.fullmatch(value):
            try:
                return read(value)
            except ValueError:
                pass
        raise refused("22P02")

    return BeforeValidator(validate, json_schema_input_type=given)


class Stored:
    """A limit of a type; :meth:`stored` returns what PostgreSQL makes of a value, or raises."""

    def stored(self, value: Any) -> Any:
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.stored, handler(source))


@dataclass(frozen=True)
class Varchar(Stored):
    """At most so many characters, and any number of blanks after them, which are cut off."""

    length: int

    def stored(self, value: str) -> str:
        if value[self.length :].strip(" "):
            raise refused("22001")
        return value[: self.length]


@dataclass(frozen=True)
class Char(Varchar):
    """So many characters: blanks are added, or cut off."""

    def stored(self, value: str) -> str:
        return super().stored(value).ljust(self.length)


@dataclass(frozen=True)
class Varbit(Stored):
    """At most so many bits."""

    length: int

    def stored(self, value: str) -> str:
        if len(value) > self.length:
            raise refused("22001")
        return value


@dataclass(frozen=True)
class Bit(Stored):
    """Exactly so many bits."""

    length: int

    def stored(self, value: str) -> str:
        if len(value) != self.length:
            raise refused("22026")
        return value


@dataclass(frozen=True)
class Precision(Stored):
    """So many digits, of which ``scale`` are behind the point: further ones are rounded, half away from zero."""

    precision: int
    scale: int

    def stored(self, value: Decimal) -> Decimal:
        whole = self.precision - self.scale
        if value.is_nan():
            return value
        if value.is_infinite() or (value and value.adjusted() > whole):
            raise refused("22003")
        value = value.quantize(Decimal(1).scaleb(-self.scale), ROUND_HALF_UP, _WIDE)
        if value and value.adjusted() >= whole:
            raise refused("22003")
        return value.quantize(Decimal(1), context=_WIDE) if self.scale < 0 else value


_WIDE = Context(prec=150_000)


class CheckedByRule:
    """Has Pydantic take whatever another type takes: a rule refuses the rest, by its name."""

    def __init__(self, type: Any) -> None:
        self._type = type

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: value, handler.generate_schema(self._type), json_schema_input_schema=handler(source)
        )


class _IsInstance:
    """Takes objects of a class, or of one of several; JSON shows them as texts."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        origin = get_origin(source)
        classes = get_args(source) if origin in (UnionType, Union) else origin or source
        return core_schema.is_instance_schema(classes, serialization=core_schema.to_string_ser_schema(when_used="json"))


def _text(value: str) -> str:
    if "\0" in value or not _is_unicode(value):
        raise refused("22021")
    return value


def _is_unicode(value: str) -> bool:
    """Whether a text is without a half of a pair of surrogates."""
    return value.isascii() or not re.search("[\ud800-\udfff]", value)


def _not_null(value: Any) -> Any:
    if value is None:
        raise refused("23502")
    return value


def _jsonb(value: Any) -> Any:
    """A document; jsonb keeps no NUL."""
    match value:
        case str() if "\0" in value:
            raise refused("22P05")
        case str() if not _is_unicode(value):
            raise refused("22P02")
        case dict():
            for each in (*value, *value.values()):
                _jsonb(each)
        case list():
            for each in value:
                _jsonb(each)
    return value


def _real(value: float) -> float:
    """A number that fits into four bytes, and does not become zero there."""
    try:
        short = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        raise refused("22003") from None
    if value and not short:
        raise refused("22003")
    return value


def _without_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise refused("22P02")
    return value


def _with_zone(value: time) -> time:
    if value.tzinfo is None:
        raise refused("22P02")
    return value


def _address(value: str) -> str:
    try:
        ip_interface(value)
    except ValueError:
        raise refused("22P02") from None
    return value


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise refused("22P02") from None
    return value


def _elements(value: Any) -> Any:
    """The elements of an array of one dimension that psycopg leaves as a text: ``{a,"b c",NULL}``."""
    if not isinstance(value, str) or not _ARRAY.fullmatch(value):
        return value
    found = re.findall(_ELEMENT, value[1:-1], re.DOTALL)
    texts = (re.sub(r"\\(.)", r"\1", quoted or bare, flags=re.DOTALL) for quoted, bare in found)
    return [None if bare == "NULL" else text for (_, bare), text in zip(found, texts, strict=True)]


def _float(value: Any) -> Any:
    """The number of a text as PostgreSQL prints it."""
    return float(value) if isinstance(value, str) and re.fullmatch(_FINITE, value, re.ASCII) else value


_ELEMENT = r'"((?:[^"\\]|\\.)*)"|([^",{}\\]+)'
_ARRAY = re.compile(rf"\{{(?:(?:{_ELEMENT})(?:,(?:{_ELEMENT}))*)?\}}", re.DOTALL)

_ISO = PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json")
"""Pydantic itself would leave the seconds of an offset out: ``+05:53:28``."""

_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"\d\d:\d\d:\d\d(\.\d{1,6})?"
_OFFSET = r"(Z|[+-]\d\d(:\d\d){0,2})"
_FINITE = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,9})?"

Int2: TypeAlias = Annotated[int, Field(ge=-(2**15), le=2**15 - 1)]
Int4: TypeAlias = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Int8: TypeAlias = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Oid: TypeAlias = Annotated[int, Field(ge=0, le=2**32 - 1), reader(r"\d+", int)]
AnyDecimal: TypeAlias = Annotated[Decimal, Field(allow_inf_nan=True)]
Numeric: TypeAlias = Annotated[AnyDecimal, reader(rf"{_FINITE}|NaN|[+-]?Infinity", Decimal, str)]
Float8: TypeAlias = Annotated[float, reader(r"NaN|-?Infinity", float, float | Literal["NaN", "Infinity", "-Infinity"])]
Float4: TypeAlias = Annotated[Float8, AfterValidator(_real)]
Text: TypeAlias = Annotated[str, AfterValidator(_text)]
Uuid: TypeAlias = Annotated[UUID, reader(r"\{?([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}?", UUID)]
Date: TypeAlias = Annotated[date, reader(_DATE, date.fromisoformat)]
Time: TypeAlias = Annotated[time, reader(_TIME, time.fromisoformat), AfterValidator(_without_zone)]
ZonedTime: TypeAlias = Annotated[time, AfterValidator(_with_zone), _ISO]
Timetz: TypeAlias = Annotated[ZonedTime, reader(_TIME + _OFFSET, time.fromisoformat)]
Timestamp: TypeAlias = Annotated[NaiveDatetime, reader(rf"{_DATE}[T ]{_TIME}", datetime.fromisoformat)]
ZonedDatetime: TypeAlias = Annotated[AwareDatetime, _ISO]
Timestamptz: TypeAlias = Annotated[ZonedDatetime, reader(rf"{_DATE}[T ]{_TIME}{_OFFSET}", datetime.fromisoformat)]
Json: TypeAlias = JsonValue
Jsonb: TypeAlias = Annotated[JsonValue, AfterValidator(_jsonb)]
NotNull: TypeAlias = Annotated[T, AfterValidator(_not_null)]
"""A document to send: None would be sent as NULL."""

Bytes: TypeAlias = Annotated[bytes, PlainSerializer(lambda value: f"\\x{value.hex()}", when_used="json")]
Bytea: TypeAlias = Annotated[Bytes, reader(r"\\x([0-9a-fA-F]{2})*", lambda text: bytes.fromhex(text[2:]), str)]
Bits: TypeAlias = Annotated[str, reader("[01]*", str)]
Inet: TypeAlias = Annotated[str, AfterValidator(_address)]
Cidr: TypeAlias = Annotated[str, AfterValidator(_network)]
Macaddr: TypeAlias = Annotated[str, reader("[0-9a-fA-F]{2}([:.-]?[0-9a-fA-F]{2}){5}", str)]
Macaddr8: TypeAlias = Annotated[str, reader("[0-9a-fA-F]{2}([:.-]?[0-9a-fA-F]{2}){7}", str)]
Instance: TypeAlias = Annotated[T, _IsInstance()]
IpAddress: TypeAlias = Instance[IPv4Address | IPv6Address | IPv4Interface | IPv6Interface]
IpNetwork: TypeAlias = Instance[IPv4Network | IPv6Network]
FromText: TypeAlias = Annotated[T, BeforeValidator(_elements)]
"""An array that psycopg leaves as a text, for it does not know the type of its elements."""
FloatText: TypeAlias = Annotated[T, BeforeValidator(_float)]
"""A float in such an array."""
