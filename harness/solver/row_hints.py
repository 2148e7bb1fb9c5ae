"""Hints about a table's rows that no rule of the database states: the entry ``rows:`` of its checks.

Makes foreign keys of references that only a hint knows, and predicates of values and groups.
Not here: how hints are found (``inference``), and how drawn rows follow them (``generation/draft.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from harness.catalog.model import Catalog, Constraint, ForeignKey, Index, Table
from harness.probes.claims import claim_settings, claim_variables
from harness.probes.statement import identifier, literal
from harness.project import TableName, Values, sql
from harness.solver.rules import Rule

T = TypeVar("T")
Expressions = Mapping[str, str]


@dataclass(frozen=True)
class LogicalReference:
    """The column of another table that a column refers to without a foreign key."""

    table: TableName
    column: str


@dataclass(frozen=True)
class RowHints:
    """Needs of the rows of one table; the fields are the keys of ``rows:``, and mean the same.

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
    - ``as_``, ``claims``: the role and the settings by which each is written; ``$column`` is the row's own value
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
    as_: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)

    def __or__(self, other: RowHints) -> RowHints:
        parents = {name: {**self.parents.get(name, {}), **values} for name, values in other.parents.items()}
        return RowHints(
            values={**self.values, **other.values},
            expressions={**self.expressions, **other.expressions},
            leads={**self.leads, **other.leads},
            parents={**self.parents, **parents},
            requires_first=_distinct(*self.requires_first, *other.requires_first),
            bypass_triggers=self.bypass_triggers or other.bypass_triggers,
            created_by_trigger=self.created_by_trigger or other.created_by_trigger,
            trigger_creates=_distinct(*self.trigger_creates, *other.trigger_creates),
            present=_distinct(*self.present, *other.present),
            requires=_distinct(*self.requires, *other.requires),
            same_ancestors=self.same_ancestors or other.same_ancestors,
            together=self.together or other.together,
            as_=other.as_ or self.as_,
            claims={**self.claims, **other.claims},
        )

    @property
    def common(self) -> tuple[str, ...]:
        """The columns that ``together`` names and in which all rows of a group have the same."""
        return tuple(name for name in (self.together or ({},))[0] if all(is_same(name, row) for row in self.together))

    @property
    def constant_claims(self) -> dict[str, str]:
        """The settings that are the same for every row."""
        return claim_settings(
            {name: value for name, value in self.claims.items() if not claim_variables({"": value})}, {}
        )

    def parent_values(self, columns: Sequence[str]) -> dict[str, str | None]:
        """The values that the row has to which a foreign key with these columns refers."""
        return {name: value for column in columns for name, value in self.parents.get(column, {}).items()}

    def predicates(self, table: Table) -> list[str]:
        """Predicates for ``values``, which are true or false also of NULL."""
        return [
            f"({' or '.join(_equal(table, name, value) for value in values)}) is true"
            for name, values in self.values.items()
        ]


NOTHING = RowHints()
"""The hints for a table of which nothing is known."""


def _distinct(*items: T) -> tuple[T, ...]:
    return tuple({repr(each): each for each in items}.values())


def is_same(column: str, given: Expressions) -> bool:
    """Whether a companion with the expressions ``given`` has the row's own value in a column."""
    return given.get(column, f"${column}").strip() == f"${column}"


def _equal(table: Table, name: str, value: str | None) -> str:
    column = table.column(name)
    if value is None:
        return f"{identifier(name)} is null"
    as_text = "::jsonb::text" if column.is_json else "::text"
    return f"{identifier(name)}{as_text} = {literal(value).strip()}::{column.base_type}{as_text}"


def with_logical_references(catalog: Catalog, row_hints: Mapping[TableName, RowHints]) -> Catalog:
    """The catalog with a foreign key for each logical reference, and a unique key for the common columns of groups.

    Foreign keys that are NOT ENFORCED become logical references as well.
    """
    tables = dict(as_meant(catalog).tables)
    for name, hints in row_hints.items():
        if name in tables and hints.leads:
            keys = tuple(_reference(column, lead) for column, lead in hints.leads.items())
            tables[name] = replace(tables[name], constraints=(*tables[name].constraints, *keys))
        if name in tables and hints.common:
            tables[name] = replace(tables[name], indexes=(*tables[name].indexes, _key(hints.common)))
    return replace(catalog, tables=tables)


def as_meant(catalog: Catalog) -> Catalog:
    """The catalog as if foreign keys that are NOT ENFORCED were enforced, but had no actions."""
    return replace(catalog, tables={name: _as_meant(table) for name, table in catalog.tables.items()})


def _as_meant(table: Table) -> Table:
    meant: dict[str, Constraint] = {
        each.name: replace(each, enforced=True, on_delete="no action", on_update="no action")
        for each in table.constraints
        if isinstance(each, ForeignKey) and not each.enforced
    }
    constraints = tuple(meant.get(each.name, each) for each in table.constraints)
    return replace(table, constraints=constraints) if meant else table


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
    """Whether a required row refers to the row that requires it, by its values: ``$column`` is that row's value."""
    keys = (key for key in table.foreign_keys if key.references == to)
    return any(all(values.get(own) == f"${other}" for own, other in key.pairs) for key in keys)


def group_predicates(table: Table, together: Sequence[Expressions], rules: Sequence[Rule]) -> list[str]:
    """The rules of the rows that are inserted ``together`` with one, as predicates on that one."""
    known = {column.name for column in table.columns}
    found = []
    for given in together:
        for rule in rules:
            names = [name for name in sql.columns(rule.predicate) if name in known]
            if given.keys() & {*names}:
                shown = (f"({_unbound(given.get(name, f'${name}'))}) as {identifier(name)}" for name in names)
                companion = f"(select {', '.join(shown)}) as {identifier(table.name.table)}"
                found.append(f"(select ({rule.predicate}\n) from {companion})")
    return found


def _unbound(expression: str) -> str:
    """An expression with the columns of a row in place of the variables ``$column``."""
    return sql.bind(expression, {name: identifier(name) for name in sql.variables(expression)})
