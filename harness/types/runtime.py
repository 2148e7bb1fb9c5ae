"""The base of the models: records that keep the rules of their tables, and what the rules are written with.

An error tells what PostgreSQL would tell: the name of the constraint, or the column and the SQLSTATE where PostgreSQL
names none (``notes (23502)``).
"""

from __future__ import annotations

import operator
import re
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context
from enum import Enum
from functools import reduce
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

CAMEL_CASE = False
"""Whether JSON has the names of columns in camelCase."""

T = TypeVar("T")


class Unset(Enum):
    """The type of UNSET, which stands for a value that is left out."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET


class _LeftOut:
    """Has Pydantic take no UNSET from outside: it is what a field has that was not given."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(reduce(operator.or_, (each for each in get_args(source) if each is not Unset)))


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


Maybe: TypeAlias = Annotated[
    T | Unset,
    Field(exclude_if=lambda value: value is UNSET, json_schema_extra=_without_default),
    _LeftOut(),
]
"""A value that may be left out: then it is UNSET, and ``model_dump`` has it neither."""


@dataclass(frozen=True)
class RowRule:
    """A constraint; ``holds`` is false of a row that breaks it. Columns that are not known are UNSET there."""

    name: str
    columns: tuple[str, ...]
    holds: Callable[[Any], bool]


def in_json(name: str) -> str:
    """Returns the name of a column in JSON."""
    if not CAMEL_CASE:
        return name
    first, *others = [word for word in re.split(r"[\W_]+", name) if word] or [name]
    return first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in others)


class Model(BaseModel):
    """A record. It names every rule that its valid columns break, also where others are not valid."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        alias_generator=in_json,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        ser_json_inf_nan="strings",
        protected_namespaces=(),
    )
    _rules: ClassVar[tuple[RowRule, ...]] = ()
    _needs_all: ClassVar[bool] = False

    def __init_subclass__(
        cls, rules: tuple[RowRule, ...] | None = None, replaced: tuple[str, ...] = (), **settings: Any
    ) -> None:
        super().__init_subclass__(**settings)
        if rules is not None:
            # A trigger of the database puts something else into columns that are replaced.
            cls._rules = tuple(each for each in rules if not {*replaced} & {*each.columns})

    @model_validator(mode="wrap")
    @classmethod
    def _keep_rules(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, cls):
            return handler(data)
        try:
            record = handler(data)
        except ValidationError as error:
            errors = list(_named(cls, error))
            known = dict(_valid(cls, data, {each["loc"][0] for each in error.errors() if each["loc"]}))
            errors += _broken(cls, cls._rules, known, data)
        else:
            errors = list(_broken(cls, cls._rules, record.__dict__, data))
            if not errors:
                return record
        raise ValidationError.from_exception_data(cls.__name__, errors)


class InsertModel(Model):
    """A record to insert: a column that is left out and has no default is NULL."""

    _needs_all = True


class _KnownColumns(SimpleNamespace):
    """The known columns of a record; any other is UNSET."""

    def __getattr__(self, name: str) -> Any:
        return UNSET


def _place(cls: type[Model], name: str) -> str:
    field = cls.model_fields.get(name)
    return field.validation_alias if field is not None and isinstance(field.validation_alias, str) else name


def _broken(
    cls: type[Model], rules: Iterable[RowRule], known: Mapping[str, Any], data: Any
) -> Iterator[InitErrorDetails]:
    row = _KnownColumns(**known)
    for rule in rules:
        try:
            holds = rule.holds(row)
        except ArithmeticError:  # PostgreSQL cannot divide by zero either
            holds = False
        if not holds:
            one = rule.columns[0] if len(rule.columns) == 1 else None
            place, value = ((_place(cls, one),), known.get(one)) if one else ((), data)
            context = {"columns": [_place(cls, each) for each in rule.columns]}
            yield InitErrorDetails(type=_custom(rule.name, rule.name, context), loc=place, input=value)


def _valid(cls: type[Model], data: Any, wrong: set[Any]) -> Iterator[tuple[str, Any]]:
    """The columns of a record that is not valid which are so by themselves."""
    if not isinstance(data, Mapping):
        return
    record = cls.model_construct()
    for name, field in cls.model_fields.items():
        given = next((each for each in (_place(cls, name), name) if each in data), None)
        if given is None and not field.is_required():
            yield name, record.__dict__[name]
        elif given is not None and given not in wrong:
            cls.__pydantic_validator__.validate_assignment(record, name, data[given])
            yield name, record.__dict__[name]


_SQLSTATES = {
    "greater_than_equal": "22003",
    "int_from_float": "22P02",
    "is_instance_of": "22P02",
    "less_than_equal": "22003",
    "literal_error": "22P02",
    "string_unicode": "22021",
}
_STATE = re.compile("[0-9A-Z]{5}")
_KNOWN: frozenset[str] = frozenset(get_args(core_schema.ErrorType))


def _named(cls: type[Model], error: ValidationError) -> Iterator[InitErrorDetails]:
    """The errors of a record as PostgreSQL tells them, where it would."""
    names = {place: name for name in cls.model_fields for place in (name, _place(cls, name))}
    for line in error.errors(include_url=False):
        kind, place = line["type"], line["loc"]
        name = names.get(str(place[0])) if place else None
        state = _sqlstate(kind, line["msg"])
        if len(place) == 1 and (line["input"] is None or (kind == "missing" and cls._needs_all)):
            state = "23502"
        if state is not None and name is not None:
            message = f"{cls.model_fields[name].title or name} ({state})"
            yield InitErrorDetails(type=_custom(state, message), loc=place, input=line["input"])
        elif kind in _KNOWN:
            found = InitErrorDetails(type=kind, loc=place, input=line["input"])
            if "ctx" in line:
                found["ctx"] = line["ctx"]
            yield found
        else:
            known = _custom(kind, line["msg"], line.get("ctx"))
            yield InitErrorDetails(type=known, loc=place, input=line["input"])


def _sqlstate(kind: str, message: str) -> str | None:
    """The SQLSTATE of an error of Pydantic, None if it has none."""
    if kind not in _KNOWN:
        return kind if message == kind and _STATE.fullmatch(kind) else None
    return "22P02" if kind.endswith("_type") else _SQLSTATES.get(kind)


def _custom(kind: Any, message: Any, context: dict[str, Any] | None = None) -> PydanticCustomError:
    return PydanticCustomError(kind, message, context)


EXACT: Final = Context(prec=400_000, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
"""Calculates with numerics as PostgreSQL does: no digit is lost, and infinity less infinity is NaN."""

JSON_TYPES: Final = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


def missing(value: object) -> bool:
    """Whether a value is NULL, or not known."""
    return value is None or value is UNSET


def coalesce(*values: Any) -> Any:
    """Returns the first value that is not NULL."""
    return next((each for each in values if each is not None), None)


def trimmed(text: str) -> str:
    """Returns a text without the spaces at its ends."""
    return text.strip(" ")


def unpadded(text: str) -> str:
    """Returns a value of type ``char(n)`` as PostgreSQL compares it: without the spaces behind it."""
    return text.rstrip(" ")


def octets(text: str) -> int:
    """Returns the number of bytes of a text."""
    return len(text.encode())


def matches(text: str, pattern: str) -> bool:
    """Whether a pattern is found somewhere in a text."""
    return re.search(pattern, text, re.DOTALL) is not None


def contained(values: Iterable[Any], others: Collection[Any]) -> bool:
    """Whether each of the values is one of the others; NULL is none of them."""
    return all(each is not None and each in others for each in values)


def is_empty(range: Any) -> bool:
    """Whether a range has no value, as a text or as an object of psycopg."""
    return range == "empty" if isinstance(range, str) else bool(range.isempty)


def json_type(value: Any) -> str:
    """Returns the sort of a JSON value, as ``jsonb_typeof`` calls it."""
    return JSON_TYPES.get(type(value), "null")


def real(number: float) -> float:
    """Returns the value that a ``real`` column has, of which a ``float`` shows the shortest text."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def is_nan(number: Any) -> bool:
    """Whether a number is NaN."""
    return bool(number != number)


def quotient(dividend: int, divisor: int) -> int:
    """Divides integers, towards zero."""
    found = abs(dividend) // abs(divisor)
    return found if (dividend < 0) == (divisor < 0) else -found


def remainder(dividend: int, divisor: int) -> int:
    """Returns what is left of a division, with the sign of the dividend."""
    return dividend - divisor * quotient(dividend, divisor)


def ranked(number: Any) -> tuple[bool, Any]:
    """Returns what stands for a number in comparisons: NaN equals NaN, and is greater than all others."""
    return (True, 0) if is_nan(number) else (False, number)
