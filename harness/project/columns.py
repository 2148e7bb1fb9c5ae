"""The key ``columns`` of a check file: the table's contract, and checks written as keys of a column.

``status: {accepted_values: [a, b], constraint: chk_x}`` has a check of the kind ``accepted_values``. Refuses a key of a
column that belongs to no check of it, or could belong to several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import Place, ProjectError
from harness.project.json_values import json_schema
from harness.project.keys import (
    ColumnForm,
    FrozenDict,
    boolean,
    choice,
    default_value,
    expression,
    key,
    key_fields,
    predicate,
    reader,
    section,
    text,
    unknown_key,
)
from harness.project.model import TableName
from harness.project.nodes import MappingNode, Node, Scalar, as_mapping, as_scalar, expected
from harness.project.readers import table


@reader("true, or a mapping of further keys", {"anyOf": [boolean.schema(), {"type": "object"}]})
def stated(node: Node) -> bool:
    return isinstance(node, MappingNode) or boolean.read(node)


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
    not_null: bool = key(stated, "whether NULL is refused", default=False)
    default: str | None = key(default_value, "the value when the column is left out", default=None)
    identity: str | None = key(
        choice("always", "by default"), "that it is an identity column, and which kind", default=None
    )
    generated: str | None = key(expression, "the expression that the column is always computed from", default=None)
    description: str | None = key(text, "for people; proves nothing", default=None)
    shape: FrozenDict[Any] | None = key(
        json_schema, "a JSON Schema of what a jsonb column holds, for harness types; proves nothing", default=None
    )


CONTRACT = key_fields(DeclaredColumn)
"""The keys of a column in the contract and their fields."""


@reader("schema.table.column", {"type": "string", "pattern": r"\..*\."})
def table_column(node: Node) -> tuple[TableName, str]:
    written = as_scalar(node, "schema.table.column")
    owner, _, column = written.text.rpartition(".")
    if "." not in owner or not column:
        raise expected("schema.table.column", node)
    return table.read(replace(written, text=owner)), column


@dataclass(frozen=True)
class WrittenColumn:
    """A column that a parameter of a function is written to, in the rows for which ``where`` is true."""

    column: tuple[TableName, str] = key(table_column, "the column, as schema.table.column")
    where: str | None = key(predicate, "which rows it is written to: status = 'SKIPPED'", default=None)


_WRITTEN = section(WrittenColumn, "argument")


@reader(
    "schema.table.column, or a mapping with `column` and `where`", {"anyOf": [{"type": "string"}, _WRITTEN.schema()]}
)
def written_column(node: Node) -> WrittenColumn:
    """Reads ``shop.orders.notes``, or ``{column: shop.orders.notes, where: status = 'closed'}``."""
    if isinstance(node, Scalar):
        return WrittenColumn(table_column.read(node))
    found: WrittenColumn = _WRITTEN.read(node)
    return found


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


def forms_of(registry: Mapping[str, type]) -> dict[str, ColumnForm]:
    """The kinds that can be written as a key of a column."""
    return {name: kind.column_form for name, kind in registry.items() if hasattr(kind, "column_form")}


def refuse_unknown(column: MappingNode, forms: Mapping[str, ColumnForm]) -> None:
    """Raises :class:`ProjectError` for a key of a column that neither the contract nor a kind reads."""
    allowed = dict.fromkeys([*CONTRACT, *forms, *(name for form in forms.values() for name in form.keys)])
    for written, _ in column.entries:
        if written.text not in allowed:
            raise unknown_key(written, list(allowed), "column")


def entries(column: MappingNode, forms: Mapping[str, ColumnForm]) -> Iterator[tuple[Scalar, MappingNode]]:
    """The checks that a column's keys declare, as ``checks:`` would have them but without the column.

    Each comes with its key. Raises :class:`ProjectError` for a key such as ``constraint`` that belongs to none of the
    checks, or to several.
    """
    declared = {kind: form for kind, form in forms.items() if _is_declared(column, kind, form)}
    _refuse_unclaimed(column, declared, forms)
    for written, value in column.entries:
        if written.text in declared:
            yield written, _as_entry(written, value, declared[written.text], column)


def _is_declared(column: MappingNode, kind: str, form: ColumnForm) -> bool:
    """Whether a column has a check of a kind: ``unique: false`` declares none, any other value of the key does."""
    value = column.get(kind)
    return boolean.read(value) if form.value is None and isinstance(value, Scalar) else value is not None


def _refuse_unclaimed(column: MappingNode, declared: Mapping[str, ColumnForm], forms: Mapping[str, ColumnForm]) -> None:
    for written, _ in column.entries:
        takers = [kind for kind, form in forms.items() if written.text in form.keys]
        claims = [kind for kind in takers if kind in declared]
        if not takers or len(claims) == 1 or written.text in (*CONTRACT, *forms):
            continue
        if claims:
            raise ProjectError(
                f"{written.text!r} could belong to {' or '.join(claims)}",
                place=written.place,
                hint="write all but one of them under 'checks'",
            )
        raise ProjectError(
            f"{written.text!r} belongs to {' or '.join(takers)}, which this column lacks", place=written.place
        )


def _as_entry(key: Scalar, value: Node, form: ColumnForm, column: MappingNode) -> MappingNode:
    beside = tuple((name, node) for name, node in column.entries if name.text in form.keys)
    if form.value is not None:
        return MappingNode(((Scalar(form.value, key.place), value), *beside), key.place)
    if not isinstance(value, MappingNode | Scalar):
        raise expected("true, or a mapping of further keys", value)
    inside = value.entries if isinstance(value, MappingNode) else ()
    for name, _ in beside:
        if name.text in [entry.text for entry, _ in inside]:
            raise ProjectError(f"{name.text!r} is given twice, beside {key.text!r} and in it", place=name.place)
    return MappingNode((*inside, *beside), key.place)
