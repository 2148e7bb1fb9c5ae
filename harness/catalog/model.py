"""The catalog as frozen values. Field names are the aliases of the queries in ``sql/``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from harness.errors import did_you_mean
from harness.project.model import TableName


class Missing(Exception):
    """A name that a check uses is not in the catalog: that check is broken."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no {what} {name}{did_you_mean(name, known)}")


_ORDER = re.compile(r"( desc| nulls first| nulls last)+$")
_COMPARABLE = frozenset(
    [
        *("int2", "int4", "int8", "numeric", "money", "oid", "bool", "bit", "varbit", "bytea", "uuid", "jsonb"),
        *("text", "varchar", "bpchar", "citext", "name", "char", "inet", "cidr", "macaddr", "macaddr8"),
        *("date", "time", "timetz", "timestamp", "timestamptz", "interval"),
    ]
)
"""Types whose equality is that of their texts. Floats are not among them, nor what has no equality at all."""


@dataclass(frozen=True)
class Column:
    """``type`` is as declared, ``base_type`` with domains taken off; both as ``format_type`` prints them.

    ``base_name`` is the bare ``pg_type.typname`` of the base type (``int4``, ``_text``), ``base_kind`` its
    ``typtype`` (``b`` base, ``e`` enum, ``c`` composite, ``r`` range, ``m`` multirange); ``element_name`` is the
    element type of an array or the subtype of a range, ``labels`` are those of an enum or of an array's enum. ``parts``
    are what a value is made of, as columns: a composite's attributes, an array's element, a range's subtype.
    ``identity`` is ``a`` (always), ``d`` (by default) or empty; ``generated`` is ``s`` (stored), ``v`` (virtual) or
    empty, its expression then stands in ``default``.
    """

    name: str
    type: str
    base_type: str
    base_name: str
    base_kind: str
    element_name: str | None
    typmod: int
    labels: tuple[str, ...]
    domain_checks: tuple[str, ...]
    not_null: bool
    default: str | None
    identity: str
    generated: str
    comment: str | None
    parts: tuple[Column, ...] = ()

    @property
    def is_domain(self) -> bool:
        return self.type != self.base_type

    @property
    def is_json(self) -> bool:
        return self.base_name in ("json", "jsonb")

    @property
    def is_comparable(self) -> bool:
        """Whether a value can be told from others by ``=`` for sure: what is text at heart, numbers, moments."""
        if self.base_kind == "c":
            return False
        if self.parts:
            return all(part.is_comparable for part in self.parts)
        return self.base_kind == "e" or self.base_name in _COMPARABLE

    @property
    def is_supplied(self) -> bool:
        """Whether an INSERT may name it: generated columns take no value."""
        return not self.generated


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A constraint of a table; each is of one of the classes below. ``definition`` is as PostgreSQL prints it."""

    noun: ClassVar[str]

    name: str
    columns: tuple[str, ...]
    definition: str
    deferrable: bool = False
    deferred: bool = False
    validated: bool = True
    enforced: bool = True
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class PrimaryKey(Constraint):
    """PRIMARY KEY."""

    noun: ClassVar = "primary key"


@dataclass(frozen=True, kw_only=True)
class UniqueKey(Constraint):
    """UNIQUE."""

    noun: ClassVar = "unique key"


@dataclass(frozen=True, kw_only=True)
class Check(Constraint):
    """CHECK (expression)."""

    noun: ClassVar = "check"

    expression: str

    @property
    def inherited(self) -> bool:
        """Whether tables that inherit have it, too: unless it says NO INHERIT."""
        return not self.definition.endswith(" NO INHERIT")


@dataclass(frozen=True, kw_only=True)
class Exclusion(Constraint):
    """EXCLUDE; ``operators`` has one for each key of its index."""

    noun: ClassVar = "exclusion"

    operators: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ForeignKey(Constraint):
    """FOREIGN KEY; its actions are spelled out (``no action``, ``set null`` …).

    ``on_delete_columns`` are those that SET NULL or SET DEFAULT changes, when it does not change them all.
    """

    noun: ClassVar = "foreign key"

    references: TableName
    referenced_columns: tuple[str, ...]
    on_delete: str = "no action"
    on_update: str = "no action"
    on_delete_columns: tuple[str, ...] = ()

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each column with the one that it refers to."""
        return tuple(zip(self.columns, self.referenced_columns, strict=True))

    def referenced(self, row: Mapping[str, str | None]) -> dict[str, str | None]:
        """The values that a row refers to, by the columns of the referenced table."""
        return {to: row[own] for own, to in self.pairs}

    def referring(self, parent: Mapping[str, str | None]) -> dict[str, str | None]:
        """The values with which a row refers to a parent, by its own columns."""
        return {own: parent[to] for own, to in self.pairs}


@dataclass(frozen=True)
class Index:
    """``keys`` are the key columns or expressions with order, ``columns`` only the plain columns among them.

    ``kinds`` has for each key its operator class and its collation, where they are not the type's own; ``include`` are
    the columns that are only carried along. Of two keys that a row breaks the one whose ``check_order`` comes first refuses
    it: the older one, which says nothing of what the table is.
    """

    name: str
    method: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    predicate: str | None
    unique: bool
    primary: bool
    nulls_not_distinct: bool
    valid: bool
    constraint: str | None
    definition: str
    kinds: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    check_order: int = field(default=0, compare=False)

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """The keys without their order."""
        return tuple(_ORDER.sub("", each) for each in self.keys)

    @property
    def is_plain(self) -> bool:
        """Whether it is about all rows, and about plain columns alone."""
        return self.predicate is None and len(self.columns) == len(self.keys)


@dataclass(frozen=True)
class Trigger:
    """``enabled`` is ``pg_trigger.tgenabled``: O(rigin), D(isabled), R(eplica), A(lways).

    ``columns`` are those that UPDATE OF names, ``when`` is its condition as PostgreSQL prints it, ``arguments`` are
    those of the function as SQL literals, ``source`` is the function's text. ``deferrable`` is None unless it is a
    constraint trigger, then ``not deferrable``, ``deferrable`` or ``deferred``.
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
    """A rule in the sense of CREATE RULE; ``instead`` of the command whatever the row, or else besides it."""

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
    """``bounds`` is what a partition takes, or what all partitions of a table take together; None for others."""

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
        if column is None:
            raise Missing(f"column in {self.name}:", name, [column.name for column in self.columns])
        return column

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def constraint(self, name: str) -> Constraint:
        """The constraint of that name; raises :class:`Missing` with the nearest."""
        for constraint in self.constraints:
            if constraint.name == name:
                return constraint
        raise Missing(f"constraint on {self.name}:", name, [constraint.name for constraint in self.constraints])

    def foreign_key(self, name: str) -> ForeignKey:
        """The foreign key of that name; raises :class:`Missing` with the nearest."""
        found = self.constraint(name)
        if isinstance(found, ForeignKey):
            return found
        raise Missing(f"foreign key on {self.name}:", name, [key.name for key in self.foreign_keys])

    def index(self, name: str) -> Index:
        """The index of that name; raises :class:`Missing` with the nearest."""
        for index in self.indexes:
            if index.name == name:
                return index
        raise Missing(f"index on {self.name}:", name, [index.name for index in self.indexes])

    def trigger(self, name: str) -> Trigger:
        """The trigger of that name; raises :class:`Missing` with the nearest."""
        for trigger in self.triggers:
            if trigger.name == name:
                return trigger
        raise Missing(f"trigger on {self.name}:", name, [trigger.name for trigger in self.triggers])

    def policy(self, name: str) -> Policy:
        """The policy of that name; raises :class:`Missing` with the nearest."""
        for policy in self.policies:
            if policy.name == name:
                return policy
        raise Missing(f"policy on {self.name}:", name, [policy.name for policy in self.policies])

    def has_instead_rule(self, command: str) -> bool:
        """Whether a rule makes something else of every ``delete`` or ``update``: none ever comes through."""
        return any(rewrite.instead and rewrite.command == command for rewrite in self.rewrites)

    @cached_property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        return tuple(each for each in self.constraints if isinstance(each, ForeignKey))

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        return tuple(each for each in self.constraints if isinstance(each, Check))

    @cached_property
    def exclusions(self) -> tuple[Exclusion, ...]:
        return tuple(each for each in self.constraints if isinstance(each, Exclusion))

    @cached_property
    def foreign_columns(self) -> frozenset[str]:
        """The columns that refer to other rows."""
        return frozenset(column for key in self.foreign_keys for column in key.columns)

    @cached_property
    def key_columns(self) -> frozenset[str]:
        """The columns of keys, references and exclusions, and of unique indexes."""
        keys = [each.columns for each in self.constraints if not isinstance(each, Check)]
        return frozenset().union(*keys, *(index.columns for index in self.unique_keys))

    @cached_property
    def widest_first(self) -> tuple[ForeignKey, ...]:
        """The foreign keys: a composite one decides columns that narrower ones then follow."""
        return tuple(sorted(self.foreign_keys, key=lambda key: -len(key.columns)))

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """Columns of the primary key, empty if there is none."""
        return next((each.columns for each in self.constraints if isinstance(each, PrimaryKey)), ())

    @cached_property
    def unique_keys(self) -> tuple[Index, ...]:
        return tuple(index for index in self.indexes if index.unique)

    @property
    def rule_count(self) -> int:
        """How many rules the database keeps for it: NOT NULLs, constraints, unique indexes, triggers, policies."""
        bare = [index for index in self.unique_keys if index.constraint is None]
        not_null = [column for column in self.columns if column.not_null]
        return sum(map(len, (not_null, self.constraints, bare, self.triggers, self.policies)))


@dataclass(frozen=True)
class View:
    """A view, or a ``materialized`` one; ``reads`` are the relations that its query names, views among them."""

    name: TableName
    owner: str
    materialized: bool
    security_invoker: bool
    reads: tuple[TableName, ...]


@dataclass(frozen=True)
class Definer:
    """A function that runs with its owner's rights; ``pinned`` if names in it do not depend on its caller's path.

    ``fires`` if it is one of triggers, which nobody calls.
    """

    schema: str
    signature: str
    owner: str
    pinned: bool
    fires: bool = False


@dataclass(frozen=True)
class CustomSetting:
    """A custom setting that code of the database reads or sets; ``None`` is one whose name it works out."""

    name: str | None
    read: bool
    set: bool


@dataclass(frozen=True)
class Catalog:
    """All tables outside the system's and the ledger's schemas. ``version`` is ``server_version_num``.

    ``settings`` are those that its code may set or read. ``roots`` leads from a partition and the name of one of its
    constraints to the root's, and from a foreign key that is there for a partition of what it refers to, to the one
    that was declared; ``heirs`` leads from a table to all that inherit from it.
    """

    version: int
    tables: Mapping[TableName, Table]
    views: tuple[View, ...] = ()
    definers: tuple[Definer, ...] = ()
    roots: Mapping[tuple[TableName, str], tuple[TableName, str]] = field(default_factory=dict)
    settings: tuple[CustomSetting, ...] = ()
    heirs: Mapping[TableName, tuple[TableName, ...]] = field(default_factory=dict)

    def root(self, table: TableName, constraint: str) -> tuple[TableName, str]:
        """The table that was partitioned, and its name for the constraint; what is no partition stays as it is."""
        top, _ = self.roots.get((table, ""), (table, ""))
        return self.roots.get((table, constraint), (top, constraint))

    def table(self, name: TableName) -> Table:
        """The table of that name; raises :class:`Missing` with the nearest."""
        if name in self.tables:
            return self.tables[name]
        raise Missing("table", str(name), [str(known) for known in self.tables])

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas that have tables, those with the most first."""
        counts = Counter(name.schema for name in self.tables)
        return tuple(schema for schema, _ in counts.most_common())

    def referencing(self, name: TableName) -> tuple[tuple[Table, ForeignKey], ...]:
        """The foreign keys that point at a table, with the tables that hold them."""
        return self._referencing.get(name, ())

    @cached_property
    def _referencing(self) -> Mapping[TableName, tuple[tuple[Table, ForeignKey], ...]]:
        found: dict[TableName, list[tuple[Table, ForeignKey]]] = {}
        for table in self.tables.values():
            for key in table.foreign_keys:
                found.setdefault(key.references, []).append((table, key))
        return {name: tuple(keys) for name, keys in found.items()}

    @cached_property
    def has_deferrable(self) -> bool:
        """Whether any constraint or constraint trigger is deferrable: it may wait for the end of the transaction."""
        tables = self.tables.values()
        constraints = any(key.deferrable for table in tables for key in table.constraints)
        waiting = ("deferrable", "deferred")
        return constraints or any(each.deferrable in waiting for table in tables for each in table.triggers)

    def views_reading(self, name: TableName) -> tuple[View, ...]:
        """The views that read a table, by themselves or through others."""
        found: dict[TableName, View] = {}
        behind = {name}
        while behind:
            level = [view for view in self.views if behind & {*view.reads} and view.name not in found]
            found |= {view.name: view for view in level}
            behind = {view.name for view in level}
        return tuple(found.values())
