"""The base of repositories: runs their statements, and raises what the database refuses as classes of its rules."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, LiteralString, TypeVar

import psycopg
from psycopg.rows import class_row, dict_row, scalar_row
from psycopg.types.json import Jsonb

from harness.types.runtime import Model

M = TypeVar("M", bound=Model)
Placeholders = Mapping[str, object]


class Refusal(Exception):
    """The database refuses a statement by one of its rules; the cause is the error of psycopg.

    ``constraint``, ``table`` (or domain, with its schema), ``column`` and ``sqlstate`` are those that the database
    tells, else those of the rule, and None where neither has one. ``status`` is the status of HTTP that fits.
    """

    status: ClassVar[int] = 409
    of: ClassVar[str | None] = None
    name: ClassVar[str | None] = None

    def __init__(self, error: psycopg.Error) -> None:
        diagnostics = error.diag
        super().__init__(diagnostics.message_primary or str(error))
        table = diagnostics.table_name
        self.table = f"{diagnostics.schema_name}.{table}" if table else self.of
        self.constraint = diagnostics.constraint_name or self.name
        self.column = diagnostics.column_name
        self.sqlstate = error.sqlstate or ""

    def __init_subclass__(
        cls, name: str | None = None, of: str | None = None, sqlstate: str = "", routines: Sequence[str] = ()
    ) -> None:
        cls.of, cls.name = of, name
        if name is not None and of is not None:
            _CLASSES[of, name] = cls
        if name is not None and sqlstate:
            _CLASSES.setdefault((sqlstate, name), cls)
        for routine in routines:
            _CLASSES.setdefault((sqlstate, f"{routine}()"), cls)


_CLASSES: dict[tuple[str, str], type[Refusal]] = {}
"""The classes by table and constraint; by SQLSTATE and name, or function, for what triggers and functions raise."""


class UniqueRefusal(Refusal):
    """A row with that key is there already."""


class ExclusionRefusal(Refusal):
    """A row that excludes this one is there already."""


class ReferenceRefusal(Refusal):
    """The row that is referred to is not there, or others refer to the row."""


class CheckRefusal(Refusal):
    """The row breaks a CHECK."""

    status = 422


class NotNullRefusal(Refusal):
    """A column is NULL that cannot be."""

    status = 422


class PrivilegeRefusal(Refusal):
    """The role lacks a privilege, or a policy of row level security refuses the row."""

    status = 403


class RaisedRefusal(Refusal):
    """A trigger or a function refuses what is asked for."""


_OTHERS = {"23502": NotNullRefusal, "42501": PrivilegeRefusal}
_ROUTINE = re.compile(r"PL/pgSQL function ([^(]+)\(")


@contextmanager
def as_refusals() -> Iterator[None]:
    """Raises the refusals of the database as their classes; any other error passes through.

    Methods of repositories do this. It is also for a COMMIT, at which deferred constraints refuse.
    """
    try:
        yield
    except psycopg.Error as error:
        found = _class_of(error)
        if found is None:
            raise
        raise found(error) from error


def _class_of(error: psycopg.Error) -> type[Refusal] | None:
    diagnostics, state = error.diag, error.sqlstate or ""
    name = diagnostics.constraint_name or ""
    for of in (diagnostics.table_name, diagnostics.datatype_name):
        if of and (f"{diagnostics.schema_name}.{of}", name) in _CLASSES:
            return _CLASSES[f"{diagnostics.schema_name}.{of}", name]
    if (state, name) in _CLASSES:
        return _CLASSES[state, name]
    routine = _ROUTINE.match(diagnostics.context or "")
    for (of, known), found in _CLASSES.items():
        if routine and of == state and f".{known}".endswith(f".{routine[1]}()"):
            return found
    return _OTHERS.get(state)


def document(row: Model, without: Collection[str] = (), needs: Collection[str] = ()) -> Jsonb:
    """Returns the columns that were given to a row, as a document.

    Raises :class:`ValueError` for a column ``without`` which rows are sent, as the database numbers it and the role may
    not use its sequence; and for one that the statement ``needs`` to find a row, and that is not given or NULL.
    """
    found = _columns(row, without)
    for name in needs:
        if found.get(name) is None:
            raise ValueError(f"{name} has to be given: by it a row is found that is there already")
    return Jsonb(found)


def documents(rows: Iterable[Model], without: Collection[str] = ()) -> Jsonb:
    """Returns rows as a list of documents; raises as :func:`document`."""
    return Jsonb([_columns(each, without) for each in rows])


def _columns(row: Model, without: Collection[str] = ()) -> dict[str, Any]:
    given = json.loads(row.model_dump_json(by_alias=False, exclude_unset=True))
    fields = type(row).model_fields
    found = {fields[name].title or name: _nested(getattr(row, name), value) for name, value in given.items()}
    for name in without:
        if name in found:
            raise ValueError(f"{name} is numbered by the database: the role has no USAGE on its sequence")
    return found


def _nested(value: Any, dumped: Any) -> Any:
    """A value as JSON, in which composite types have the names of their columns."""
    if isinstance(value, Model):
        return _columns(value)
    if isinstance(value, list):
        return [_nested(each, other) for each, other in zip(value, dumped, strict=True)]
    return dumped


class Repository:
    """Runs statements on a connection; it neither begins nor ends a transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def _all(self, model: type[M], query: LiteralString, values: Placeholders) -> list[M]:
        with as_refusals(), self.connection.cursor(row_factory=class_row(model)) as cursor:
            return cursor.execute(query, values).fetchall()

    def _first(self, model: type[M], query: LiteralString, values: Placeholders) -> M | None:
        with as_refusals(), self.connection.cursor(row_factory=class_row(model)) as cursor:
            return cursor.execute(query, values).fetchone()

    def _only(self, model: type[M], query: LiteralString, values: Placeholders) -> M:
        (found,) = self._all(model, query, values)
        return found

    def _values(self, query: LiteralString, values: Placeholders) -> list[Any]:
        with as_refusals(), self.connection.cursor(row_factory=scalar_row) as cursor:
            return cursor.execute(query, values).fetchall()

    def _dicts(self, query: LiteralString, values: Placeholders) -> list[dict[str, Any]]:
        with as_refusals(), self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()

    def _value(self, query: LiteralString, values: Placeholders) -> Any:
        return next(iter(self._values(query, values)), None)

    def _dict(self, query: LiteralString, values: Placeholders) -> dict[str, Any] | None:
        return next(iter(self._dicts(query, values)), None)

    def _run(self, query: LiteralString, values: Placeholders) -> None:
        with as_refusals():
            self.connection.execute(query, values)

    def _any(self, query: LiteralString, values: Placeholders) -> bool:
        with as_refusals():
            return self.connection.execute(query, values).rowcount > 0


class AsyncRepository:
    """Runs statements on an asynchronous connection; it neither begins nor ends a transaction."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    async def _all(self, model: type[M], query: LiteralString, values: Placeholders) -> list[M]:
        with as_refusals():
            async with self.connection.cursor(row_factory=class_row(model)) as cursor:
                return await (await cursor.execute(query, values)).fetchall()

    async def _first(self, model: type[M], query: LiteralString, values: Placeholders) -> M | None:
        with as_refusals():
            async with self.connection.cursor(row_factory=class_row(model)) as cursor:
                return await (await cursor.execute(query, values)).fetchone()

    async def _only(self, model: type[M], query: LiteralString, values: Placeholders) -> M:
        (found,) = await self._all(model, query, values)
        return found

    async def _values(self, query: LiteralString, values: Placeholders) -> list[Any]:
        with as_refusals():
            async with self.connection.cursor(row_factory=scalar_row) as cursor:
                return await (await cursor.execute(query, values)).fetchall()

    async def _dicts(self, query: LiteralString, values: Placeholders) -> list[dict[str, Any]]:
        with as_refusals():
            async with self.connection.cursor(row_factory=dict_row) as cursor:
                return await (await cursor.execute(query, values)).fetchall()

    async def _value(self, query: LiteralString, values: Placeholders) -> Any:
        return next(iter(await self._values(query, values)), None)

    async def _dict(self, query: LiteralString, values: Placeholders) -> dict[str, Any] | None:
        return next(iter(await self._dicts(query, values)), None)

    async def _run(self, query: LiteralString, values: Placeholders) -> None:
        with as_refusals():
            await self.connection.execute(query, values)

    async def _any(self, query: LiteralString, values: Placeholders) -> bool:
        with as_refusals():
            return (await self.connection.execute(query, values)).rowcount > 0
