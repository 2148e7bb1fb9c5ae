"""Repositories and refusals before they are written: what a table's can do, and by which rules it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.project.model import TableName
from harness.types.model import Field, FunctionShape, TableShape


@dataclass(frozen=True)
class Lookup:
    """A way to find rows by equality.

    ``name`` is the end of the method's name, empty for the key. ``terms`` are the conditions that have to hold, with a
    placeholder ``%(column)s`` for each of the ``columns``; ``order`` are the terms of ORDER BY. ``source`` is the
    constraint or index that serves it. ``is_one`` if it finds one row at most. With a ``predicate`` it looks among
    the rows for which that is true.
    """

    name: str
    columns: tuple[Field, ...]
    terms: tuple[str, ...]
    order: tuple[str, ...]
    source: str
    is_one: bool
    predicate: str | None = None


@dataclass(frozen=True)
class Upsert:
    """An INSERT that updates the row which has the key already.

    ``columns`` are those that its key reads. ``target`` is the conflict target with its predicate, ``changed`` are the
    columns that the update may change.
    """

    name: str
    columns: tuple[Field, ...]
    target: str
    source: str
    changed: tuple[Field, ...]


NamedFunction = tuple[FunctionShape, str]
"""A function with the name that types have for it; of overloads each has its own."""


@dataclass(frozen=True)
class TableRepository:
    """The repository of a table: its shape says which rows can be created, changed and deleted.

    ``key`` finds a row, and is empty if the table has none. ``is_readable`` if the role reads every column.
    ``views`` and ``functions`` are those whose rows are about this table.
    """

    shape: TableShape
    key: tuple[Field, ...] = ()
    is_readable: bool = True
    lookups: tuple[Lookup, ...] = ()
    upserts: tuple[Upsert, ...] = ()
    views: tuple[TableShape, ...] = ()
    functions: tuple[NamedFunction, ...] = ()

    @property
    def unnumbered(self) -> tuple[str, ...]:
        """The identities that only the database numbers, since the role may not use their sequences."""
        return tuple(each.name for each in self.shape.inserted if each.column.identity and each.expression is None)

    @property
    def inserted(self) -> tuple[Field, ...]:
        """The columns that an INSERT gives."""
        return tuple(each for each in self.shape.inserted if each.name not in self.unnumbered)

    @property
    def updated(self) -> tuple[Field, ...]:
        """The columns that an update can change; what it leaves out has to be read."""
        return tuple(each for each in self.shape.updated if each.select)


@dataclass(frozen=True)
class ModuleRepositories:
    """The repositories of one schema; ``views`` and ``functions`` are those of no table."""

    schema: str
    tables: tuple[TableRepository, ...]
    views: tuple[TableShape, ...] = ()
    functions: tuple[NamedFunction, ...] = ()


@dataclass(frozen=True)
class RuleRefusal:
    """A rule by which the database refuses a statement, which becomes a class.

    ``base`` is the class of its sort, ``name`` that of the constraint, or of the trigger that raises. ``of`` is its
    table or domain, None if a function raises. A trigger that does not say its name is recognised by its ``routines``.
    """

    base: str
    name: str
    sqlstate: str
    of: TableName | None = None
    about: str = ""
    routines: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The status of HTTP that fits: RFC 9110, section 15.5."""
        return status(self.sqlstate)


_STATUS = {"42501": 403, "P0002": 404, "23502": 422, "23514": 422}
_CONFLICT, _UNPROCESSABLE = 409, 422


def status(sqlstate: str) -> int:
    """Returns the status of HTTP for a refusal: 409 if what is stored stands against it, 422 for the values sent."""
    return _STATUS.get(sqlstate, _UNPROCESSABLE if sqlstate.startswith("22") else _CONFLICT)


@dataclass(frozen=True)
class DatabaseRepositories:
    """All repositories, and the refusals of the database, each under the name of its class."""

    modules: tuple[ModuleRepositories, ...]
    refusals: Sequence[tuple[str, RuleRefusal]]
