"""The catalog as frozen values: tables with their triggers, rewrite rules, policies and grants.

Field names are the aliases of the queries in ``sql/``. :class:`Missing` is raised for a name that is not there. Tells
by which partitioned table and constraint a partition is declared, and which tables refer to a table.
Not here: columns, constraints and indexes (``constraints.py``), views, functions and settings (``others.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

from harness.catalog.constraints import Check as Check
from harness.catalog.constraints import Column as Column
from harness.catalog.constraints import Constraint as Constraint
from harness.catalog.constraints import Exclusion as Exclusion
from harness.catalog.constraints import ForeignKey as ForeignKey
from harness.catalog.constraints import Index as Index
from harness.catalog.constraints import PrimaryKey as PrimaryKey
from harness.catalog.constraints import UniqueKey as UniqueKey
from harness.catalog.grouping import grouped
from harness.catalog.others import CustomSetting as CustomSetting
from harness.catalog.others import Definer as Definer
from harness.catalog.others import View as View
from harness.errors import did_you_mean
from harness.project.model import TableName


class Missing(Exception):
    """The catalog lacks a name that a check uses: that check is broken."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no {what} {name}{did_you_mean(name, known)}")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True)
class Trigger:
    """A trigger; ``enabled`` is ``pg_trigger.tgenabled``: O(rigin), D(isabled), R(eplica), A(lways).

    ``columns`` are those of UPDATE OF, ``when`` is the condition as PostgreSQL prints it, ``arguments`` are SQL
    literals, ``source`` is the text of the function. ``deferrable`` is ``not deferrable``, ``deferrable`` or
    ``deferred`` for a constraint trigger, else None.
    """

    name: str
    function: str
    timing: str
    level: str
    events: tuple[str, ...]
    enabled: str
    definition: str
    columns: tuple[str, ...] = ()
    when: str | None = None
    arguments: str = ""
    deferrable: str | None = None
    source: str = ""


@dataclass(frozen=True)
class Rewrite:
    """A rule made by CREATE RULE: it runs ``instead`` of the command for every row, or in addition to it."""

    name: str
    command: str
    instead: bool


@dataclass(frozen=True)
class Policy:
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str | None
    check: str | None


@dataclass(frozen=True)
class Grant:
    """A privilege of a role on a table, or on one ``column`` of it; the role of PUBLIC is ``public``."""

    role: str
    privilege: str
    column: str | None


@dataclass(frozen=True)
class Table:
    """A table; ``bounds`` is the predicate of a partition, or of all partitions of a table together, else None."""

    name: TableName
    kind: str
    owner: str
    comment: str | None
    row_security: bool
    force_row_security: bool
    bounds: str | None = None
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    policies: tuple[Policy, ...] = ()
    grants: tuple[Grant, ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name; raises :class:`Missing` with the nearest."""
        column = self._by_name.get(name)
        return _named("column in", self, self.columns, name) if column is None else column

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def constraint(self, name: str) -> Constraint:
        """The constraint of that name; raises :class:`Missing` with the nearest."""
        return _named("constraint on", self, self.constraints, name)

    def foreign_key(self, name: str) -> ForeignKey:
        """The foreign key of that name; raises :class:`Missing` with the nearest."""
        found = self.constraint(name)
        return found if isinstance(found, ForeignKey) else _named("foreign key on", self, self.foreign_keys, name)

    def index(self, name: str) -> Index:
        """The index of that name; raises :class:`Missing` with the nearest."""
        return _named("index on", self, self.indexes, name)

    def trigger(self, name: str) -> Trigger:
        """The trigger of that name; raises :class:`Missing` with the nearest."""
        return _named("trigger on", self, self.triggers, name)

    def policy(self, name: str) -> Policy:
        """The policy of that name; raises :class:`Missing` with the nearest."""
        return _named("policy on", self, self.policies, name)

    def has_instead_rule(self, command: str) -> bool:
        """Whether a rewrite rule replaces every ``insert``, ``update`` or ``delete``."""
        return any(rewrite.instead and rewrite.command == command for rewrite in self.rewrites)

    @cached_property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """The foreign keys that PostgreSQL enforces."""
        return tuple(each for each in self.constraints if isinstance(each, ForeignKey) and each.enforced)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The CHECKs that PostgreSQL enforces."""
        return tuple(each for each in self.constraints if isinstance(each, Check) and each.enforced)

    @cached_property
    def exclusions(self) -> tuple[Exclusion, ...]:
        return tuple(each for each in self.constraints if isinstance(each, Exclusion))

    @cached_property
    def foreign_columns(self) -> frozenset[str]:
        """The columns that refer to other rows. A period is none of them: it is covered by any wider range."""
        return frozenset(column for key in self.foreign_keys for column, _ in key.equal_pairs)

    @cached_property
    def key_columns(self) -> frozenset[str]:
        """The columns of keys, references and exclusions, and of unique indexes."""
        keys = [each.columns for each in self.constraints if not isinstance(each, Check)]
        return frozenset().union(*keys, *(index.columns for index in self.unique_keys))

    @cached_property
    def widest_first(self) -> tuple[ForeignKey, ...]:
        """The foreign keys, those with the most columns first: they decide columns that narrower ones share."""
        return tuple(sorted(self.foreign_keys, key=lambda key: -len(key.columns)))

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """Columns of the primary key, empty if there is none."""
        return next((each.columns for each in self.constraints if isinstance(each, PrimaryKey)), ())

    @cached_property
    def unique_keys(self) -> tuple[Index, ...]:
        return tuple(index for index in self.indexes if index.unique)

    @cached_property
    def rule_names(self) -> frozenset[str]:
        """The names of its constraints and indexes."""
        return frozenset((*(each.name for each in self.constraints), *(each.name for each in self.indexes)))

    def nullable(self, columns: Iterable[str]) -> list[str]:
        """Returns those of these columns that a row can leave NULL."""
        return [each.name for each in map(self.column, columns) if each.is_supplied and not each.not_null]

    def is_not_null(self, column: str) -> bool:
        """Whether it has a column of that name that is NOT NULL."""
        return column in self._by_name and self._by_name[column].not_null

    @property
    def lacks_partitions(self) -> bool:
        """Whether it is partitioned, and no partition takes its rows yet."""
        return self.bounds == "false"

    @property
    def rule_count(self) -> int:
        """The number of its NOT NULLs, constraints, unique indexes, triggers and policies."""
        bare = [index for index in self.unique_keys if index.constraint is None]
        not_null = [column for column in self.columns if column.not_null]
        return sum(map(len, (not_null, self.constraints, bare, self.triggers, self.policies)))


def _named(what: str, table: Table, known: Sequence[N], name: str) -> N:
    for each in known:
        if each.name == name:
            return each
    raise Missing(f"{what} {table.name}:", name, [each.name for each in known])


@dataclass(frozen=True)
class Catalog:
    """All tables outside the system's and the ledger's schemas. ``version`` is ``server_version_num``.

    ``above`` has for each partition the table that it is a partition of, what that is a partition of, and so on.
    ``roots`` has the partitioned table and its name for each key and index of a partition that it has from there, and
    the declared foreign key for each copy that refers to a partition. ``heirs`` has the tables that inherit from a
    table.
    """

    version: int
    tables: Mapping[TableName, Table]
    views: tuple[View, ...] = ()
    definers: tuple[Definer, ...] = ()
    roots: Mapping[tuple[TableName, str], tuple[TableName, str]] = field(default_factory=dict)
    settings: tuple[CustomSetting, ...] = ()
    heirs: Mapping[TableName, tuple[TableName, ...]] = field(default_factory=dict)
    above: Mapping[TableName, tuple[TableName, ...]] = field(default_factory=dict)

    def root(self, table: TableName, constraint: str, column: str = "") -> tuple[TableName, str]:
        """The table whose rule a constraint of a table is, and its name there; without one, the NOT NULL of a column.

        A partition has most rules from a table above it; a rule that it does not have itself is the topmost one's.
        """
        above = [self.tables[name] for name in reversed(self.above.get(table, ()))]
        if (table, constraint) in self.roots or not above:
            return self.roots.get((table, constraint), (table, constraint))
        own = constraint in self.tables[table].rule_names or (not constraint and self.tables[table].is_not_null(column))
        shared = (
            each.name
            for each in above
            if any(check.name == constraint for check in each.checks) or (not constraint and each.is_not_null(column))
        )
        return (next(shared, table) if own else above[0].name), constraint

    def with_partitions(self, table: TableName) -> tuple[TableName, ...]:
        """The table, its partitions, and theirs."""
        return (table, *self._partitions.get(table, ()))

    @cached_property
    def _partitions(self) -> Mapping[TableName, tuple[TableName, ...]]:
        pairs = ((each, name) for name, above in self.above.items() for each in above)
        return {name: tuple(found) for name, found in grouped(pairs).items()}

    def table(self, name: TableName) -> Table:
        """The table of that name; raises :class:`Missing` with the nearest."""
        if name in self.tables:
            return self.tables[name]
        raise Missing("table", str(name), [str(known) for known in self.tables])

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas that have tables, those with the most first."""
        return tuple(schema for schema, _ in Counter(name.schema for name in self.tables).most_common())

    def referencing(self, name: TableName) -> tuple[tuple[Table, ForeignKey], ...]:
        """The foreign keys that point at a table, with the tables that hold them; of partitions only their own keys."""
        return self._referencing.get(name, ())

    @cached_property
    def _referencing(self) -> Mapping[TableName, tuple[tuple[Table, ForeignKey], ...]]:
        pairs = (
            (key.references, (table, key))
            for table in self.tables.values()
            for key in table.foreign_keys
            if (table.name, key.name) not in self.roots
        )
        return {name: tuple(keys) for name, keys in grouped(pairs).items()}

    def views_reading(self, name: TableName) -> tuple[View, ...]:
        """The views that read a table, by themselves or through others."""
        found: dict[TableName, View] = {}
        behind = {name}
        while behind:
            level = [view for view in self.views if behind & {*view.reads} and view.name not in found]
            found |= {view.name: view for view in level}
            behind = {view.name for view in level}
        return tuple(found.values())
