"""What people know of a table's rows that no rule of the database says: the entry ``rows:`` of its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.catalog.model import Catalog, ForeignKey, Index, Table
from harness.probes.statement import identifier, literal
from harness.project.model import TableName, Values

Expressions = Mapping[str, str]


@dataclass(frozen=True)
class LogicalReference:
    """Where a column leads: to a column of a row of another table."""

    table: TableName
    column: str


@dataclass(frozen=True)
class RowHints:
    """What rows of one table need; the fields are the keys of ``rows:``, and mean the same.

    - ``values``, ``expressions``: what columns may be; ``present`` columns are never NULL
    - ``leads``: references that no foreign key declares; ``parents``: values of the row that a column refers to
    - ``requires_first``: rows that exist before any of the table; ``requires``: rows that exist before each, in which
      ``$column`` is the row's own value
    - ``created_by_trigger``: a trigger of a parent inserts the row. To be tried itself it needs a parent inserted with
      its triggers bypassed; where other rows need it, the row that the trigger inserted is taken
    - ``trigger_creates``: tables in which a trigger of the row inserts its parents, directly or through one another
    - ``bypass_triggers``: all that the row refers to is inserted with triggers bypassed
    - ``same_ancestors``: all that the row refers to has one ancestor in each table
    - ``together``: the other rows that are only valid in one statement with it, each as expressions for its columns, in
      which ``$column`` is the row's own value
    """

    values: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    leads: Mapping[str, LogicalReference] = field(default_factory=dict)
    parents: Mapping[str, Values] = field(default_factory=dict)
    requires_first: tuple[tuple[TableName, Values], ...] = ()
    bypass_triggers: bool = False
    created_by_trigger: bool = False
    trigger_creates: tuple[TableName, ...] = ()
    present: tuple[str, ...] = ()
    requires: tuple[tuple[TableName, Values], ...] = ()
    same_ancestors: bool = False
    together: tuple[Expressions, ...] = ()

    def __or__(self, other: RowHints) -> RowHints:
        led = dict.fromkeys((*self.parents, *other.parents))
        return RowHints(
            {**self.values, **other.values},
            {**self.expressions, **other.expressions},
            {**self.leads, **other.leads},
            {name: {**self.parents.get(name, {}), **other.parents.get(name, {})} for name in led},
            tuple({repr(each): each for each in (*self.requires_first, *other.requires_first)}.values()),
            self.bypass_triggers or other.bypass_triggers,
            self.created_by_trigger or other.created_by_trigger,
            tuple(dict.fromkeys((*self.trigger_creates, *other.trigger_creates))),
            tuple(dict.fromkeys((*self.present, *other.present))),
            tuple({repr(each): each for each in (*self.requires, *other.requires)}.values()),
            self.same_ancestors or other.same_ancestors,
            self.together or other.together,
        )

    @property
    def common(self) -> tuple[str, ...]:
        """The columns that rows of a group are said to have in common, and rows of no other group."""
        return tuple(name for name in (self.together or ({},))[0] if all(is_same(name, row) for row in self.together))

    def predicates(self, table: Table) -> list[str]:
        """What ``values`` say, as predicates that are never null: NULL is a value among others."""
        return [
            f"({' or '.join(_equal(table, name, value) for value in values)}) is true"
            for name, values in self.values.items()
        ]


NOTHING = RowHints()


def is_same(column: str, given: Expressions) -> bool:
    """Whether a row that comes with another has the same in a column, said or not."""
    return given.get(column, f"${column}").strip() == f"${column}"


def _equal(table: Table, name: str, value: str | None) -> str:
    column = table.column(name)
    if value is None:
        return f"{identifier(name)} is null"
    return f"{identifier(name)}::text = {literal(value).strip()}::{column.base_type}::text"


def with_logical_references(catalog: Catalog, row_hints: Mapping[TableName, RowHints]) -> Catalog:
    """The catalog with the references and the keys that no constraint declares, as if one did."""
    tables = dict(catalog.tables)
    for name, hints in row_hints.items():
        if name in tables and hints.leads:
            keys = tuple(_reference(column, lead) for column, lead in hints.leads.items())
            tables[name] = replace(tables[name], constraints=(*tables[name].constraints, *keys))
        if name in tables and hints.common:
            tables[name] = replace(tables[name], indexes=(*tables[name].indexes, _key(hints.common)))
    return replace(catalog, tables=tables)


def _key(columns: tuple[str, ...]) -> Index:
    return Index(
        name="rows: together",
        method="btree",
        keys=columns,
        columns=columns,
        predicate=None,
        unique=True,
        primary=False,
        nulls_not_distinct=False,
        valid=True,
        constraint=None,
        definition="",
    )


def _reference(column: str, lead: LogicalReference) -> ForeignKey:
    return ForeignKey(
        name=f"rows: {column}",
        columns=(column,),
        definition="",
        references=lead.table,
        referenced_columns=(lead.column,),
    )


def refers_to_it(table: Table, to: TableName, values: Values) -> bool:
    """Whether a required row with these values refers to the row that requires it: ``$column`` is that row's value."""
    keys = (key for key in table.foreign_keys if key.references == to)
    return any(all(values.get(own) == f"${other}" for own, other in key.pairs) for key in keys)
