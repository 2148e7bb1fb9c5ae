"""The YAML keys of a kind, as the fields of a frozen dataclass.

::

    @dataclass(frozen=True)
    class Unique:
        column_form: ClassVar = ColumnForm(column="unique", keys=("constraint",))

        unique: tuple[str, ...] = key(names, "the columns of the key")
        where: str | None = key(predicate, "the rows it holds for", default=None)
        constraint: str | None = key(name, "the constraint in the database", default=None)

The first field is the key that an entry begins with. A field whose name is a word of Python ends in an underscore
(``class_`` is the key ``class``). Every value is hashable: lists come as tuples, mappings as :class:`FrozenDict`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from harness.errors import ProjectError, did_you_mean
from harness.project import nodes
from harness.project.nodes import Node, Scalar
from harness.project.readers import (
    FrozenDict,
    Reader,
    boolean,
    choice,
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
    several,
    sqlstate,
    statement,
    table,
    table_columns,
    text,
    texts,
    tree,
)

# All that the module of a kind needs to say how it is written.
__all__ = [
    "ColumnForm",
    "FrozenDict",
    "Reader",
    "Rule",
    "boolean",
    "choice",
    "concurrently",
    "expression",
    "integer",
    "key",
    "key_element",
    "key_fields",
    "levels",
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
    "section",
    "several",
    "sqlstate",
    "statement",
    "table",
    "table_columns",
    "text",
    "texts",
    "tree",
    "unknown_key",
]

K = TypeVar("K")
MISSING: Any = dataclasses.MISSING

LEVELS = ("read committed", "repeatable read", "serializable")
"""Isolation levels that PostgreSQL tells apart; ``concurrently: true`` is the first."""


@dataclass(frozen=True)
class ColumnForm:
    """How a kind is written as a key of a column.

    ``column`` is the field that takes the column's name and ``value`` the one that takes what is written. Without
    ``value`` one writes ``true``, or a mapping of the kind's other keys. ``keys`` may also stand beside it in the
    column: ``{accepted_values: [a, b], constraint: chk_x}``.
    """

    column: str
    value: str | None = None
    keys: tuple[str, ...] = ()


class Rule(Protocol):
    """An instance of a kind: what all of them have.

    A kind may also have the class attributes ``column_form: ClassVar[ColumnForm]`` and
    ``levels: ClassVar[tuple[str, ...]]``, of ``table`` (the default) and ``module``: where an entry of it may stand;
    and methods ``unfit(project) -> str | None``: why no check of the kind can stand in this project, and
    ``misplaced(level) -> str | None``: why this one cannot stand in the file of a table, or of a module.
    """

    @property
    def subject(self) -> str:
        """What the rule is about, in a word: its constraint, else its columns joined by ``_``."""
        ...


def key(reader: Reader[Any], doc: str, *, default: Any = MISSING, formerly: str | None = None) -> Any:
    """A field that is read from YAML; without a default the key must be there.

    Whoever writes the key by the name that it had ``formerly`` is told the one that it has now.
    """
    return dataclasses.field(default=default, metadata={"reader": reader, "doc": doc, "formerly": formerly})


def _read_levels(node: Node) -> tuple[str, ...]:
    if isinstance(node, Scalar) and node.text in ("true", "false"):
        return LEVELS[:1] if node.text == "true" else ()
    return several(choice(*LEVELS)).read(node)


levels: Reader[tuple[str, ...]] = Reader(
    "true, or isolation levels", _read_levels, one_of(boolean, several(choice(*LEVELS))).schema()
)


def concurrently() -> Any:
    """The field of kinds whose rules are also proven between two transactions: isolation levels, none by default."""
    doc = "true, or the isolation levels: the rule also holds between two transactions, in every order of their steps"
    return key(levels, doc, default=())


def key_fields(kind: type) -> dict[str, dataclasses.Field[Any]]:
    """The keys of a kind and their fields, the kind's own first."""
    fields = sorted(dataclasses.fields(kind), key=lambda field: field.kw_only is True)  # those of a base come last
    return {field.name.rstrip("_"): field for field in fields if "reader" in field.metadata}


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
    node: nodes.Mapping,
    *,
    inherited: Mapping[str, Node] | None = None,
    also: tuple[str, ...] = (),
    label: str | None = None,
) -> K:
    """An instance of a kind from a mapping of its keys.

    ``inherited`` are keys that the surroundings say (the column of a short form), ``also`` are keys for others to read.
    Raises :class:`ProjectError` for an unknown, a missing and a wrong key, and for keys that do not go together: a kind
    says so by a ``ValueError`` out of its ``__post_init__``.
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
            what = field.metadata["reader"].expects
            raise ProjectError(f"{label!r} needs the key {written!r}: {what}", place=node.place)
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
    """The error of a key that nobody reads, with the nearest and with all there are."""
    message = f"unknown key {name.text!r} in {label!r}{did_you_mean(name.text, allowed)}"
    return ProjectError(message, place=name.place, hint=f"keys: {', '.join(sorted(allowed))}")
