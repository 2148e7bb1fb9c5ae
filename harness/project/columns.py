"""The key ``columns`` of a check file: the table's contract."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import Place
from harness.project.keys import boolean, choice, expression, key, key_fields, reader, text
from harness.project.nodes import Node, as_mapping


@dataclass(frozen=True)
class DeclaredColumn:
    """A column of the contract, as SQL text. None is a key that is left out; for ``default`` it means no default.

    ``not_null``, ``default`` and ``generated`` are also kinds of checks.
    """

    name: str
    place: Place
    type: str | None = key(
        text, "the type, as format_type prints it or an alias: timestamptz, numeric(10,2), text[]", default=None
    )
    not_null: bool = key(boolean, "whether NULL is refused", default=False)
    default: str | None = key(expression, "the value when the column is left out", default=None)
    identity: str | None = key(
        choice("always", "by default"), "that it is an identity column, and which kind", default=None
    )
    generated: str | None = key(expression, "the expression that the column is always computed from", default=None)
    description: str | None = key(text, "for people; proves nothing", default=None)


CONTRACT = key_fields(DeclaredColumn)
"""The keys of a column in the contract and their fields."""


@reader("columns", {"type": "object"})
def declared_columns(node: Node) -> tuple[DeclaredColumn, ...]:
    found = []
    for name, value in as_mapping(node).entries:
        column = as_mapping(value, "a mapping such as {type: text}")
        contract = {each.text: CONTRACT[each.text] for each, _ in column.entries if each.text in CONTRACT}
        found.append(
            DeclaredColumn(
                name.text,
                name.place,
                **{key: field.metadata["reader"].read(column[key]) for key, field in contract.items()},
            )
        )
    return tuple(found)
