"""The key ``columns`` of a check file: the table's contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.errors import Place
from harness.project.keys import Reader, boolean, choice, expression, text
from harness.project.nodes import MappingNode, Node, as_mapping

CONTRACT: dict[str, tuple[Reader[Any], str]] = {
    "type": (text, "the type, as format_type prints it or an alias: timestamptz, numeric(10,2), text[]"),
    "not_null": (boolean, "whether NULL is refused"),
    "default": (expression, "the value when the column is left out"),
    "identity": (choice("always", "by default"), "that it is an identity column, and which kind"),
    "generated": (expression, "the expression that the column is always computed from"),
    "description": (text, "for people; proves nothing"),
}
"""The keys of a column in the contract; ``not_null``, ``default`` and ``generated`` are also kinds of checks."""


@dataclass(frozen=True)
class DeclaredColumn:
    """A column of the contract, as SQL text. None is a key that is left out; for ``default`` it means no default."""

    name: str
    type: str | None
    not_null: bool
    default: str | None
    generated: str | None
    place: Place
    identity: str | None = None


def _declared(node: Node) -> tuple[DeclaredColumn, ...]:
    return tuple(
        _column(name.text, name.place, as_mapping(value, "a mapping such as {type: text}"))
        for name, value in as_mapping(node).entries
    )


def _column(name: str, place: Place, node: MappingNode) -> DeclaredColumn:
    def text_of(key: str) -> str | None:
        value = node.get(key)
        return str(CONTRACT[key][0].read(value)) if value is not None else None

    not_null = node.get("not_null")
    return DeclaredColumn(
        name=name,
        type=text_of("type"),
        not_null=not_null is not None and boolean.read(not_null),
        default=text_of("default"),
        generated=text_of("generated"),
        place=place,
        identity=text_of("identity"),
    )


declared_columns: Reader[tuple[DeclaredColumn, ...]] = Reader("columns", _declared, {"type": "object"})
