"""Columns, constraints, foreign keys and indexes as frozen values.

Field names are the aliases of the queries in ``sql/``. Not here: tables, triggers and policies (``model.py``), and the
names by which rules are compared with checks (``parts.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, NamedTuple

from harness.project.model import TableName

_COMPARABLE = frozenset(
    [
        *("int2", "int4", "int8", "numeric", "money", "oid", "bool", "bit", "varbit", "bytea", "uuid", "jsonb"),
        *("text", "varchar", "bpchar", "citext", "name", "char", "inet", "cidr", "macaddr", "macaddr8"),
        *("date", "time", "timetz", "timestamp", "timestamptz", "interval"),
    ]
)
"""Types whose values are equal where their texts are; floats are not among them."""


class DomainCheckName(NamedTuple):
    """The name of a CHECK of a domain, beside that of the domain as ``format_type`` prints it."""

    domain: str
    name: str


@dataclass(frozen=True)
class Column:
    """A column of a table.

    - ``type`` is the declared type, ``base_type`` the one below its domains, both as ``format_type`` prints them.
      ``base_name`` is the ``pg_type.typname`` of the base type (``int4``, ``_text``), ``base_kind`` its ``typtype``
      (``b`` base, ``e`` enum, ``c`` composite, ``r`` range, ``m`` multirange).
    - ``element_name`` is the element type of an array or the subtype of a range, ``labels`` are those of an enum or of
      an array's enum. ``parts`` are the attributes of a composite, the element of an array, the subtype of a range.
    - ``identity`` is ``a`` (always), ``d`` (by default) or empty; ``generated`` is ``s`` (stored), ``v`` (virtual) or
      empty, with the expression in ``default``.
    - ``domain_checks`` are the CHECKs of its domains, about ``VALUE``, in the order in which PostgreSQL tries them, and
      ``domain_check_names`` their names.
    - ``collation`` is that of the column or its domain, if it is not the one of its base type.
    - ``not_null_unvalidated``: the NOT NULL is NOT VALID, and rows that stood before it may have NULL.
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
    not_null_unvalidated: bool = False
    domain_check_names: tuple[DomainCheckName, ...] = ()
    collation: str | None = None

    @property
    def collated_type(self) -> str:
        """The base type with the collation: values of it are compared and cased as those of the column are."""
        return self.base_type if self.collation is None else f"{self.base_type} collate {self.collation}"

    @property
    def is_domain(self) -> bool:
        return self.type != self.base_type

    @property
    def is_json(self) -> bool:
        return self.base_name in ("json", "jsonb")

    @property
    def is_comparable(self) -> bool:
        """Whether ``=`` finds exactly the values that have the same text."""
        if self.parts:
            return all(part.is_comparable for part in self.parts)
        return self.base_kind == "e" or self.base_name in _COMPARABLE

    @property
    def is_supplied(self) -> bool:
        """Whether an INSERT may set it: generated columns take no value."""
        return not self.generated


_ORDER = re.compile(r"( desc| nulls first| nulls last)+$")


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A constraint of a table, always of one of the classes below; ``definition`` is as PostgreSQL prints it.

    ``operators`` compare two rows, one for each column or expression: of EXCLUDE, and of a key WITHOUT OVERLAPS.
    """

    noun: ClassVar[str]

    name: str
    columns: tuple[str, ...]
    definition: str
    deferrable: bool = False
    deferred: bool = False
    validated: bool = True
    enforced: bool = True
    comment: str | None = None
    operators: tuple[str, ...] = ()


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
        """Whether tables that inherit have it, too; with NO INHERIT they do not."""
        return not self.definition.endswith(" NO INHERIT")


@dataclass(frozen=True, kw_only=True)
class Exclusion(Constraint):
    """EXCLUDE."""

    noun: ClassVar = "exclusion"


@dataclass(frozen=True, kw_only=True)
class ForeignKey(Constraint):
    """FOREIGN KEY; its actions are spelled out (``no action``, ``set null`` …).

    ``on_delete_columns`` are those that SET NULL or SET DEFAULT changes, if not all. With ``period`` the last column is
    a range, which ranges of the referenced rows have to cover together.
    """

    noun: ClassVar = "foreign key"

    references: TableName
    referenced_columns: tuple[str, ...]
    on_delete: str = "no action"
    on_update: str = "no action"
    on_delete_columns: tuple[str, ...] = ()
    match_full: bool = False
    period: bool = False

    @property
    def cleared(self) -> tuple[str, ...]:
        """The columns that SET NULL or SET DEFAULT changes."""
        return self.on_delete_columns or self.columns

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each column with the column that it refers to."""
        return tuple(zip(self.columns, self.referenced_columns, strict=True))

    @cached_property
    def equal_pairs(self) -> tuple[tuple[str, str], ...]:
        """Each column that equals the one that it refers to: all but a period, which has to be covered."""
        return self.pairs[:-1] if self.period else self.pairs

    def is_part_of(self, other: ForeignKey) -> bool:
        """Whether another key refers to the same row by the same columns and by more."""
        return self.references == other.references and {*self.pairs} < {*other.pairs}

    def referenced(self, row: Mapping[str, str | None]) -> dict[str, str | None]:
        """The values that a row refers to, by the columns of the referenced table; a period is none of them."""
        return {to: _plain(row.get(own)) for own, to in self.equal_pairs}

    def referring(self, parent: Mapping[str, str | None]) -> dict[str, str | None]:
        """The values with which a row refers to a parent, by its own columns."""
        return {own: _plain(parent.get(to)) for own, to in self.pairs}


def _plain(value: str | None) -> str | None:
    """A value of one row for another, whether it was written or computed."""
    return None if value is None else str(value)


@dataclass(frozen=True)
class Index:
    """An index; ``keys`` are the key columns or expressions with their order, ``columns`` the plain columns among them.

    ``kinds`` has the operator class and the collation of each key, where they are not the type's own; ``include`` are
    the columns that are only carried along. Of two keys that a row violates, the index with the lower ``check_order``
    refuses it; that order is the age, and no part of the definition.
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
    def without_overlaps(self) -> bool:
        """Whether it is of a key WITHOUT OVERLAPS; no other index of GiST is unique."""
        return self.unique and self.method == "gist"

    @property
    def is_plain(self) -> bool:
        """Whether it covers all rows, and has plain columns only."""
        return self.predicate is None and len(self.columns) == len(self.keys)
