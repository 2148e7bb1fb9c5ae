"""Parameters and values of methods: their names, their annotations, and how psycopg gets them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.catalog import Column
from harness.errors import ProjectError
from harness.project.model import TableName
from harness.types.model import Argument, Field
from harness.types.python_names import identifier
from harness.types.python_types import Annotations, is_array, is_read, python_type
from harness.types.repositories.arguments import python_default

TAKEN = ("self", "row", "rows", "changes", "limit")
"""Names that the methods themselves use."""

_PLAIN = {
    **dict.fromkeys(("Int2", "Int4", "Int8", "Oid"), "int"),
    **dict.fromkeys(("Text", "Bits", "Macaddr", "Macaddr8", "IpAddress", "IpNetwork"), "str"),
    **dict.fromkeys(("Float4", "Float8"), "float"),
    **dict.fromkeys(("NaiveDatetime", "ZonedDatetime"), "dt.datetime"),
    **dict.fromkeys(("Json", "Jsonb"), "Any"),
    "AnyDecimal": "Decimal",
    "Bytes": "bytes",
    "ZonedTime": "dt.time",
}
"""The classes behind the annotations of rows."""


@dataclass(frozen=True)
class MethodParameter:
    """A parameter of a method. ``value`` is the expression that psycopg gets for it, under the same name."""

    name: str
    annotation: str
    value: str
    default: str | None = None

    @property
    def declaration(self) -> str:
        """The parameter as the head of a method has it."""
        default = f" = {self.default}" if self.default is not None else ""
        return f"{self.name}: {self.annotation}{default}"


LIMIT = MethodParameter("limit", "int | None", "limit", "None")
"""The number of rows that are wanted at most; None for all."""


def parameter_name(column: str) -> str:
    """Returns the parameter, and the placeholder, of a column or argument."""
    found = identifier(column)
    return f"{found}_" if found in TAKEN else found


def annotation(column: Column, annotations: Annotations) -> str:
    """Returns the class of the values of a column: what psycopg gives, and what it takes."""
    if is_array(column):
        return f"list[{annotation(column.parts[0], annotations)} | None]" if is_read(column) else "str"
    if column.base_kind == "c":
        return "str"
    found = annotations.record(column) if column.base_kind == "e" else python_type(column).record
    instance = re.fullmatch(r"Instance\[(.*)\]", found)
    return instance[1] if instance else _PLAIN.get(found, found)


def of_columns(
    columns: Iterable[Field], annotations: Annotations, set_name: Callable[[Field], str | None], table: TableName
) -> list[MethodParameter]:
    """Returns the parameters of the columns that find a row, which are never NULL; raises as :func:`of_arguments`."""
    found = []
    for each in columns:
        own = set_name(each) if not is_array(each.column) else None
        found.append(_parameter(each.column, own or _given(each.column, annotations)))
    return _told_apart(found, f"columns of {table}")


def of_arguments(arguments: Iterable[Argument], annotations: Annotations, thing: str) -> list[MethodParameter]:
    """Returns the parameters of a function. Raises :class:`ProjectError` if two would have one name."""
    found = []
    for each in arguments:
        column, default = each.field.column, python_default(each)
        annotated = _given(column, annotations)
        if (each.field.nullable or default == "None") and annotated != "Any":
            annotated = f"{annotated} | None"
        found.append(_parameter(column, annotated, default))
    return _told_apart(found, f"parameters of {thing}")


def _told_apart(parameters: list[MethodParameter], things: str) -> list[MethodParameter]:
    for name, count in Counter(each.name for each in parameters).items():
        if count > 1:
            raise ProjectError(f"two {things} would both be called {name} in a repository", hint="rename one of them")
    return parameters


def _given(column: Column, annotations: Annotations) -> str:
    """The class of what is sent: arrays are lists, whatever psycopg makes of them when it reads them."""
    if is_array(column):
        return f"list[{annotation(column.parts[0], annotations)} | None]"
    return annotation(column, annotations)


def _parameter(column: Column, annotated: str, default: str | None = None) -> MethodParameter:
    name = parameter_name(column.name)
    value = name
    if column.is_json:
        sort = "Jsonb" if column.base_name == "jsonb" else "Json"
        value = f"None if {name} is None else {sort}({name})"
    return MethodParameter(name, annotated, value, default)
