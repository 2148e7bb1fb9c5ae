"""The YAML keys of a kind: the fields of a frozen dataclass. Refuses unknown, missing and wrong keys.

Not here: the values (``readers.py``), keys of a column (``columns.py``), which kinds there are (``declarations.py``).

::

    @dataclass(frozen=True)
    class Unique:
        column_form: ClassVar = ColumnForm(column="unique", keys=("constraint",))

        unique: tuple[str, ...] = key(names, "the columns of the key")
        where: str | None = key(predicate, "the rows it holds for", default=None)
        constraint: str | None = key(name, "the constraint in the database", default=None)

The first field is the key that an entry begins with. A field whose name is a word of Python ends in an underscore
(``class_`` is the key ``class``). Every value is hashable: lists come as tuples, mappings as :class:`FrozenDict`.

A kind has a property ``subject``: its constraint, else its columns joined by ``_``. It may have the class attributes
``column_form`` and ``scopes`` (``table``, the default, and ``module``: the files that it can be written in), and two
methods that return the reason for a refusal, or None: ``unfit(project)`` if no check of the kind can be in a project,
and ``misplaced(scope)`` if this one cannot be in the file of a table, or of a module.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.errors import ProjectError, did_you_mean
from harness.project import nodes
from harness.project.frozen_dict import FrozenDict
from harness.project.nodes import Node, Scalar
from harness.project.readers import (
    Reader,
    any_value,
    boolean,
    choice,
    column_names,
    default_value,
    expression,
    integer,
    key_element,
    listed,
    mapping,
    name,
    names,
    one_of,
    operator,
    predicate,
    predicate_of,
    query,
    query_of,
    reader,
    several,
    sqlstate,
    statement,
    table,
    table_columns,
    text,
    texts,
)

# All that the module of a kind needs to declare its keys.
__all__ = [
    "ColumnForm",
    "FrozenDict",
    "Reader",
    "any_value",
    "boolean",
    "choice",
    "column_names",
    "concurrently",
    "default_value",
    "expression",
    "integer",
    "isolation_levels",
    "key",
    "key_element",
    "key_fields",
    "listed",
    "mapping",
    "name",
    "names",
    "object_schema",
    "one_of",
    "operator",
    "predicate",
    "predicate_of",
    "query",
    "query_of",
    "read_kind",
    "reader",
    "scopes_of",
    "section",
    "several",
    "sqlstate",
    "statement",
    "table",
    "table_columns",
    "text",
    "texts",
    "unknown_key",
]

K = TypeVar("K")
MISSING: Any = dataclasses.MISSING

ISOLATION_LEVELS = ("read committed", "repeatable read", "serializable")
"""Isolation levels that PostgreSQL tells apart; ``concurrently: true`` is the first."""


@dataclass(frozen=True)
class ColumnForm:
    """The form of a kind as a key of a column.

    ``column`` is the field that takes the column's name and ``value`` the one that takes the value of the key. Without
    ``value`` one writes ``true``, or a mapping of the kind's other keys. ``keys`` may also be written beside it in the
    column: ``{accepted_values: [a, b], constraint: chk_x}``.
    """

    column: str
    value: str | None = None
    keys: tuple[str, ...] = ()


def key(reads: Reader[Any], doc: str, *, default: Any = MISSING, formerly: str | None = None) -> Any:
    """A field that is read from YAML; without a default the key is required.

    The error for a key that is written by its ``formerly`` valid name says the present one.
    """
    return dataclasses.field(default=default, metadata={"reader": reads, "doc": doc, "formerly": formerly})


_several_levels = several(choice(*ISOLATION_LEVELS))


@reader("true, or isolation levels", one_of(boolean, _several_levels).schema())
def isolation_levels(node: Node) -> tuple[str, ...]:
    if isinstance(node, Scalar) and node.text in ("true", "false"):
        return ISOLATION_LEVELS[:1] if node.text == "true" else ()
    return _several_levels.read(node)


def concurrently() -> Any:
    """A field of isolation levels at which two transactions try the rule; none by default."""
    return key(
        isolation_levels,
        "true, or the isolation levels: the rule also holds between two transactions, in every order of their steps",
        default=(),
    )


def key_fields(kind: type) -> dict[str, dataclasses.Field[Any]]:
    """The keys of a kind and their fields, the kind's own first."""
    fields = sorted(dataclasses.fields(kind), key=lambda field: field.kw_only is True)  # those of a base come last
    return {field.name.rstrip("_"): field for field in fields if "reader" in field.metadata}


def scopes_of(kind: type) -> tuple[str, ...]:
    """The files that an entry of this kind can be in: of a ``table``, of a ``module``."""
    return tuple(getattr(kind, "scopes", ("table",)))


def object_schema(kind: type) -> dict[str, Any]:
    """The JSON Schema of a mapping of these keys; a new one each time."""
    fields = key_fields(kind)
    return {
        "type": "object",
        "properties": {
            written: {**field.metadata["reader"].schema(), "description": field.metadata["doc"]}
            for written, field in fields.items()
        },
        "required": [written for written, field in fields.items() if field.default is MISSING],
        "additionalProperties": False,
    }


def read_kind(
    kind: type[K],
    node: nodes.MappingNode,
    *,
    inherited: Mapping[str, Node] | None = None,
    also: tuple[str, ...] = (),
    label: str | None = None,
) -> K:
    """An instance of a kind from a mapping of its keys.

    ``inherited`` are keys that are written elsewhere (the column of a short form), ``also`` keys that others read.
    Raises :class:`ProjectError` for an unknown, a missing and a wrong key, and for keys that do not go together: then
    ``__post_init__`` of the kind raises a ``ValueError``.
    """
    fields = key_fields(kind)
    label = label or next(iter(fields))
    values: dict[str, Any] = {}
    inherited = inherited or {}
    for written, value in inherited.items():
        values[fields[written].name] = fields[written].metadata["reader"].read(value)
    allowed = [written for written in (*fields, *also) if written not in inherited]
    for entry, value in node.entries:
        if entry.text not in allowed:
            raise _renamed(entry, fields) or unknown_key(entry, allowed, label)
        if entry.text in fields:
            values[fields[entry.text].name] = fields[entry.text].metadata["reader"].read(value)
    for written, field in fields.items():
        if field.name not in values and field.default is MISSING:
            raise ProjectError(
                f"{label!r} needs the key {written!r}: {field.metadata['reader'].expects}", place=node.place
            )
    try:
        return kind(**values)
    except ValueError as error:
        raise ProjectError(f"{label!r}: {error}", place=node.place) from None


def section(kind: type, label: str) -> Reader[Any]:
    """A reader of a mapping whose keys are the fields of ``kind``."""
    schema = object_schema(kind)
    schema["type"] = "object" if schema["required"] else ["object", "null"]
    return Reader("a mapping", lambda node: read_kind(kind, nodes.as_mapping(node), label=label), schema)


def _renamed(name: Scalar, fields: Mapping[str, dataclasses.Field[Any]]) -> ProjectError | None:
    for written, field in fields.items():
        if field.metadata["formerly"] == name.text:
            return ProjectError(f"the key {name.text!r} is called {written!r} now", place=name.place)
    return None


def unknown_key(name: Scalar, allowed: list[str], label: str) -> ProjectError:
    """The error of an unknown key, with the nearest and with all valid ones."""
    return ProjectError(
        f"unknown key {name.text!r} in {label!r}{did_you_mean(name.text, allowed)}",
        place=name.place,
        hint=f"keys: {', '.join(sorted(allowed))}",
    )
