"""Constraints and indexes as frozen values. Field names are the aliases of the queries in ``sql/``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from harness.project.model import TableName

_ORDER = re.compile(r"( desc| nulls first| nulls last)+$")


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A constraint of a table, always of one of the classes below; ``definition`` is as PostgreSQL prints it."""

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
        """Whether tables that inherit have it, too; with NO INHERIT they do not."""
        return not self.definition.endswith(" NO INHERIT")


@dataclass(frozen=True, kw_only=True)
class Exclusion(Constraint):
    """EXCLUDE; ``operators`` has one for each key of its index."""

    noun: ClassVar = "exclusion"

    operators: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ForeignKey(Constraint):
    """FOREIGN KEY; its actions are spelled out (``no action``, ``set null`` …).

    ``on_delete_columns`` are those that SET NULL or SET DEFAULT changes, if not all.
    """

    noun: ClassVar = "foreign key"

    references: TableName
    referenced_columns: tuple[str, ...]
    on_delete: str = "no action"
    on_update: str = "no action"
    on_delete_columns: tuple[str, ...] = ()

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each column with the column that it refers to."""
        return tuple(zip(self.columns, self.referenced_columns, strict=True))

    def referenced(self, row: Mapping[str, str | None]) -> dict[str, str | None]:
        """The values that a row refers to, by the columns of the referenced table."""
        return {to: row[own] for own, to in self.pairs}

    def referring(self, parent: Mapping[str, str | None]) -> dict[str, str | None]:
        """The values with which a row refers to a parent, by its own columns."""
        return {own: parent[to] for own, to in self.pairs}


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
    def is_plain(self) -> bool:
        """Whether it covers all rows, and has plain columns only."""
        return self.predicate is None and len(self.columns) == len(self.keys)
