"""Shapes of tables, views and functions in no language yet, with the rules that they carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from harness.catalog import Column, ForeignKey
from harness.project.model import Driver as Driver
from harness.project.model import RowName, TableName
from harness.types.expressions import Expression

ShapeName = Literal["Row", "Insert", "Update"]
"""The shapes of a table: a row that is read, the values of an INSERT, and those of an UPDATE."""


@dataclass(frozen=True)
class StatedRule:
    """A CHECK of a table or of a domain that every language can state.

    ``name`` is the constraint's. ``expression`` is a predicate over columns of the table. It holds unless it is false.
    """

    name: str
    expression: Expression
    columns: tuple[str, ...]


UnstatedKind = Literal["rule", "name", "value", "between rows", "trigger"]
"""The sort of what types do not say: rules and names that they might, values of a column, keys, triggers."""


@dataclass(frozen=True)
class Unstated:
    """Something that the types do not say; ``subject`` is a column or a constraint of ``table``, ``reason`` why."""

    table: str
    subject: str
    reason: str
    kind: UnstatedKind = "rule"


@dataclass(frozen=True)
class ValueSet:
    """The only values of a column (or of the elements of its array), as PostgreSQL prints them.

    ``rule`` is the CHECK that says so, None for an enum.
    """

    values: tuple[str, ...]
    rule: str | None = None


@dataclass(frozen=True)
class Field:
    """A column in the shapes of its table.

    - ``nullable``: whether a row can hold NULL there.
    - ``insert``: ``required``, ``optional`` (a default, an identity, NULL or a trigger fills it in) or ``absent``.
    - ``select``: whether a Row has it; ``update``: whether an UPDATE may set it.
    - ``default``: the text of a literal default, which the rules of an insert put in for a value that is left out; None
      if there is none, or if it is computed. ``expression`` is any default, and what an identity takes, as SQL; None
      for an identity whose sequence a role may not use.
    - ``replaced``: the shapes in which a trigger replaces whatever is sent, so that NULL passes too.
    - ``values``: the only values it can have, if they are few.
    - ``null_elements``: whether an array can hold NULL.
    - ``shape``: the JSON Schema of a jsonb column that a CHECK, ``shape_rule``, enforces.
    """

    column: Column
    nullable: bool
    insert: Literal["required", "optional", "absent"] = "required"
    update: bool = True
    has_default: bool = False
    default: str | None = None
    expression: str | None = None
    values: ValueSet | None = None
    null_elements: bool = True
    data_class: str | None = None
    constraints: tuple[str, ...] = ()
    shape: Mapping[str, Any] | None = None
    shape_rule: str | None = None
    select: bool = True
    replaced: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.column.name


@dataclass(frozen=True)
class TableShape:
    """A table, view or composite type as records of fields.

    ``selectable``, ``insertable`` and ``updatable`` say which of the shapes Row, Insert and Update exist (of a role:
    what it may do), ``deletable`` whether rows can be deleted. ``foreign_keys`` come with whether they are one to one.
    """

    name: TableName
    kind: Literal["table", "view", "composite"]
    fields: tuple[Field, ...]
    comment: str | None = None
    rules: tuple[StatedRule, ...] = ()
    selectable: bool = True
    insertable: bool = True
    updatable: bool = True
    deletable: bool = True
    foreign_keys: tuple[tuple[ForeignKey, bool], ...] = ()

    def field(self, name: str) -> Field:
        """Returns the field of that name; raises KeyError."""
        return {each.name: each for each in self.fields}[name]

    @property
    def selected(self) -> tuple[Field, ...]:
        return tuple(each for each in self.fields if each.select)

    @property
    def inserted(self) -> tuple[Field, ...]:
        return tuple(_sent(each, "Insert") for each in self.fields if each.insert != "absent")

    @property
    def updated(self) -> tuple[Field, ...]:
        return tuple(_sent(each, "Update") for each in self.fields if each.update)


def unaffected(rules: Iterable[StatedRule], fields: Iterable[Field], shape: str) -> tuple[StatedRule, ...]:
    """Returns the rules that read no column which a trigger replaces in a shape: there they look at what it puts in."""
    replaced = {each.name for each in fields if shape in each.replaced}
    return tuple(each for each in rules if replaced.isdisjoint(each.columns))


def _sent(field: Field, shape: str) -> Field:
    return replace(field, nullable=True) if shape in field.replaced else field


@dataclass(frozen=True)
class Argument:
    """A parameter of a function. ``field`` has its type, and the rules of the column it is written to, if declared.

    ``default`` is the expression that an optional one has.
    """

    field: Field
    optional: bool
    rules: tuple[StatedRule, ...] = ()
    default: str | None = None
    is_variadic: bool = False


@dataclass(frozen=True)
class FunctionShape:
    """A function as it is called.

    ``result`` is its type, None for void and for rows of ``columns``; ``returns_set`` if it gives any number of rows.
    ``row_of`` is the table or composite type whose rows it returns.
    """

    schema: str
    name: str
    arguments: tuple[Argument, ...]
    result: Field | None
    columns: tuple[Field, ...] = ()
    row_of: TableName | None = None
    returns_set: bool = False
    comment: str | None = None
    is_procedure: bool = False


@dataclass(frozen=True)
class EnumShape:
    """An enum type with its labels in order."""

    name: TableName
    labels: tuple[str, ...]
    comment: str | None = None


@dataclass(frozen=True)
class ReferenceRows:
    """The rows of a table of reference data, which become constants.

    ``by`` are the columns of the key that finds a row, ``fields`` all columns of the constants. The values of ``rows``
    are as JSON has them, numbers with a fraction as Decimal. ``map``, ``list`` and ``key`` are the names of the
    constants and of the type of their keys.
    """

    table: TableName
    by: tuple[str, ...]
    fields: tuple[Field, ...]
    rows: tuple[Mapping[str, Any], ...]
    map: str
    list: str
    key: str
    comment: str | None = None

    @property
    def is_pairs(self) -> bool:
        """Whether the key is all there is: then its last columns are the values of the others."""
        return len(self.by) > 1 and len(self.by) == len(self.fields)

    @property
    def levels(self) -> tuple[str, ...]:
        """The columns of the key by which :meth:`grouped` has its levels."""
        return self.by[:-1] if self.is_pairs else self.by

    def grouped(self) -> Mapping[Any, Any]:
        """Returns the rows by the columns of the key: a mapping for each of the levels, in it a row or, if the key is
        all there is, the list of the values of its last column."""
        found: Mapping[Any, Any] = _grouped(self.rows, self.levels, self.by[-1] if self.is_pairs else None)
        return found


def _grouped(rows: Sequence[Mapping[str, Any]], levels: Sequence[str], listed: str | None) -> Any:
    if not levels:
        return rows[0] if listed is None else [row[listed] for row in rows]
    groups: dict[Any, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[levels[0]], []).append(row)
    return {value: _grouped(own, levels[1:], listed) for value, own in groups.items()}


@dataclass(frozen=True)
class ModuleTypes:
    """Everything of one PostgreSQL schema that types are written for."""

    schema: str
    tables: tuple[TableShape, ...] = ()
    functions: tuple[FunctionShape, ...] = ()
    enums: tuple[EnumShape, ...] = ()
    references: tuple[ReferenceRows, ...] = ()
    aliases: tuple[RowName, ...] = ()
    """Names that the application's code uses for a table's or view's Row."""


@dataclass(frozen=True)
class DatabaseTypes:
    """All modules, and what none of the types says."""

    modules: tuple[ModuleTypes, ...]
    unstated: Sequence[Unstated] = ()
