"""Kinds of checks that are written as keys of a column: ``status: {accepted_values: [a, b], constraint: chk_x}``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.errors import ProjectError
from harness.project import keys
from harness.project.columns import CONTRACT
from harness.project.keys import ColumnForm
from harness.project.nodes import MappingNode, Node, Scalar, expected


def forms_of(registry: Mapping[str, type]) -> dict[str, ColumnForm]:
    """The kinds that can be written as a key of a column."""
    return {name: kind.column_form for name, kind in registry.items() if hasattr(kind, "column_form")}


def refuse_unknown(column: MappingNode, forms: Mapping[str, ColumnForm]) -> None:
    """Raises :class:`ProjectError` for a key of a column that neither the contract nor a kind reads."""
    allowed = dict.fromkeys([*CONTRACT, *forms, *(key for form in forms.values() for key in form.keys)])
    for key, _ in column.entries:
        if key.text not in allowed:
            raise keys.unknown_key(key, list(allowed), "column")


def entries(column: MappingNode, forms: Mapping[str, ColumnForm]) -> Iterator[tuple[Scalar, MappingNode]]:
    """The checks that a column's keys declare, as ``checks:`` would have them but without the column.

    Each comes with its key. Raises :class:`ProjectError` for a key such as ``constraint`` that belongs to none of the
    checks, or to several.
    """
    declared = {kind: form for kind, form in forms.items() if _is_declared(column, kind, form)}
    _refuse_unclaimed(column, declared, forms)
    for key, value in column.entries:
        if key.text in declared:
            yield key, _as_entry(key, value, declared[key.text], column)


def _is_declared(column: MappingNode, kind: str, form: ColumnForm) -> bool:
    """Whether a column has a check of a kind: ``unique: false`` declares none, any other value of the key does."""
    value = column.get(kind)
    if form.value is None and isinstance(value, Scalar):
        return keys.boolean.read(value)
    return value is not None


def _refuse_unclaimed(column: MappingNode, declared: Mapping[str, ColumnForm], forms: Mapping[str, ColumnForm]) -> None:
    for key, _ in column.entries:
        takers = [kind for kind, form in forms.items() if key.text in form.keys]
        claims = [kind for kind in takers if kind in declared]
        if not takers or len(claims) == 1 or key.text in (*CONTRACT, *forms):
            continue
        if claims:
            raise ProjectError(
                f"{key.text!r} could belong to {' or '.join(claims)}",
                place=key.place,
                hint="write all but one of them under 'checks'",
            )
        raise ProjectError(f"{key.text!r} belongs to {' or '.join(takers)}, which this column lacks", place=key.place)


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
