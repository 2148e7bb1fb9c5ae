"""What people know of a table's rows that no rule of the database says: the entry ``rows:`` of its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.catalog.model import Catalog, Constraint, Index, Table
from harness.probes.statement import identifier, literal
from harness.project.model import TableName

Values = Mapping[str, str | None]
Expressions = Mapping[str, str]


@dataclass(frozen=True)
class Lead:
    """Where a column leads: to a column of a row of another table."""

    table: TableName
    column: str


@dataclass(frozen=True)
class Supply:
    """``values`` and ``expressions`` are what columns may be; ``leads`` are references that no foreign key declares.

    ``present`` columns are never NULL. ``parents`` are values that the row has to which a column leads; ``before`` are
    rows that stand before any of the table. If it is ``made``, a trigger of a row that it refers to makes it: to be
    tried itself it needs that one put there past its triggers, and where others need it, it takes the place of what was
    made. With ``past_triggers`` all that it refers to is put there past its triggers. Of the tables that it ``makes`` a
    trigger of its own makes the row that it refers to, directly or through others that it makes. Rows ``beside`` it
    stand before it does: a value that begins with ``$`` is the row's own in the column of that name. If ``related``,
    what it refers to has one ancestor in each table. Rows that are only valid ``together`` with it come in the same
    statement: for each of them expressions for columns, in which ``$column`` is the row's own.
    """

    values: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    leads: Mapping[str, Lead] = field(default_factory=dict)
    parents: Mapping[str, Values] = field(default_factory=dict)
    before: tuple[tuple[TableName, Values], ...] = ()
    past_triggers: bool = False
    made: bool = False
    makes: tuple[TableName, ...] = ()
    present: tuple[str, ...] = ()
    beside: tuple[tuple[TableName, Values], ...] = ()
    related: bool = False
    together: tuple[Expressions, ...] = ()

    def __or__(self, other: Supply) -> Supply:
        led = dict.fromkeys((*self.parents, *other.parents))
        return Supply(
            {**self.values, **other.values},
            {**self.expressions, **other.expressions},
            {**self.leads, **other.leads},
            {name: {**self.parents.get(name, {}), **other.parents.get(name, {})} for name in led},
            tuple({repr(each): each for each in (*self.before, *other.before)}.values()),
            self.past_triggers or other.past_triggers,
            self.made or other.made,
            tuple(dict.fromkeys((*self.makes, *other.makes))),
            tuple(dict.fromkeys((*self.present, *other.present))),
            tuple({repr(each): each for each in (*self.beside, *other.beside)}.values()),
            self.related or other.related,
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


NOTHING = Supply()


def is_same(column: str, given: Expressions) -> bool:
    """Whether a row that comes with another has the same in a column, said or not."""
    return given.get(column, f"${column}").strip() == f"${column}"


def _equal(table: Table, name: str, value: str | None) -> str:
    column = table.column(name)
    if value is None:
        return f"{identifier(name)} is null"
    return f"{identifier(name)}::text = {literal(value).strip()}::{column.base_type}::text"


def with_leads(catalog: Catalog, supplies: Mapping[TableName, Supply]) -> Catalog:
    """The catalog with the references and the keys that no constraint declares, as if one did."""
    tables = dict(catalog.tables)
    for name, supply in supplies.items():
        if name in tables and supply.leads:
            keys = tuple(_reference(column, lead) for column, lead in supply.leads.items())
            tables[name] = replace(tables[name], constraints=(*tables[name].constraints, *keys))
        if name in tables and supply.common:
            tables[name] = replace(tables[name], indexes=(*tables[name].indexes, _key(supply.common)))
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


def _reference(column: str, lead: Lead) -> Constraint:
    return Constraint(
        name=f"rows: {column}",
        type="f",
        columns=(column,),
        expression=None,
        definition="",
        references=lead.table,
        referenced_columns=(lead.column,),
        on_delete="no action",
        on_update="no action",
        on_delete_columns=(),
        operators=(),
        deferrable=False,
        deferred=False,
        validated=True,
        enforced=True,
        comment=None,
    )
