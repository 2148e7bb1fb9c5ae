"""``harness.rows("shop.orders")``: a strategy of rows that a table accepts, for people's own tests.

Refuses unknown tables and columns, and tables of which no row can be drawn, when the first row is drawn.
Not here: how rows are drawn (``generation``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import currently_in_test_context
from hypothesis import strategies as st

from harness import pytest_session
from harness.catalog import Column, Missing, Table, ancestors
from harness.errors import ProjectError
from harness.generation.draft import Draft
from harness.generation.groups import GroupBuilder
from harness.generation.setup import new_rows
from harness.generation.statements import merge_cycles
from harness.generation.users import Users
from harness.probes.statement import Insert, SqlStatement, assume, identifier, qualified, written
from harness.project.frozen_dict import FrozenDict
from harness.project.model import TableName
from harness.pytest_session import ProjectSession
from harness.server.connection import Connection
from harness.solver import Pools, Unfillable
from harness.values.literals import array, delimiter
from harness.values.types import Unsupported, values

ColumnValue = bool | int | Decimal | str | UUID | None
TextRow = Mapping[str, str | None]

EXISTING = 1000
"""Existing rows of each table, mostly seeds, that are read: drawn rows do not conflict with them."""


class Row(FrozenDict[ColumnValue]):
    """A row that ``table`` accepts, as a mapping of its columns without the generated ones.

    Values are ``bool``, ``int``, ``Decimal``, ``UUID`` and ``str`` for columns of those types, and text as PostgreSQL
    reads it for all others. ``parents`` are the rows that must be inserted before it, in their order, and ``setup`` the
    statements that insert them: one statement inserts several rows that refer to one another in a circle.
    """

    def __init__(
        self,
        table: str,
        values: Mapping[str, ColumnValue],
        parents: tuple[Row, ...] = (),
        setup: tuple[SqlStatement, ...] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(values)
        self.table = table
        self.parents = parents
        self._setup = setup
        self._settings = settings or {}

    def __repr__(self) -> str:
        with_parents = f", parents={self.parents!r}" if self.parents else ""
        return f"Row({self.table!r}, {super().__repr__()}{with_parents})"

    def insert(self, connection: Connection, *, parents: bool = True) -> Row:
        """Inserts the row, and its ``parents`` unless they exist already; returns the row. Raises ``psycopg.Error``."""
        # All or nothing, and settings for some of the statements, also with autocommit.
        with connection.transaction() if connection.autocommit else nullcontext():
            for statement in self._setup if parents else ():
                connection.execute(statement.sql.encode())
            for each in assume(self._settings):
                connection.execute(each.encode())
            connection.execute(self._statement, tuple(self.values()))
            if "role" in self._settings:
                connection.execute("reset role")
        return self

    @property
    def _statement(self) -> bytes:
        table = qualified(_table_name(self.table)).replace("%", "%%")
        if not self:
            return f"insert into {table} default values".encode()
        columns = ", ".join(map(identifier, self)).replace("%", "%%")
        places = ", ".join(["%s"] * len(self))
        return f"insert into {table} ({columns}) overriding system value values ({places})".encode()


def rows(
    table: str, fixed: Mapping[str, Any] | None = None, /, *, project: Path | str | None = None, **more: Any
) -> st.SearchStrategy[Row]:
    """Returns a strategy of rows of ``schema.table`` that keep all declared rules and all rules of the database.

    Columns given by name, or in ``fixed``, have that value in every row. The project is the one in ``project`` or
    above, else that of the test run, else that of the working directory. Nothing is read before the first draw: that
    test then gets a ``HarnessError`` for a table or column that does not exist, for one whose values cannot be drawn,
    and if there is no server.
    """
    name = _table_name(table)
    values = {**(fixed or {}), **more}
    # Hypothesis asks a deferred strategy for its definition before it starts a test's clock.
    strategy = st.deferred(lambda: _definition(pytest_session.of(Path(project) if project else None), name, values))
    if not currently_in_test_context():
        _unprepared.append(strategy)
    return strategy


_unprepared: list[st.SearchStrategy[Row]] = []


def prepare() -> None:
    """Reads what all strategies need before a test begins; leaves errors to the test."""
    while _unprepared:
        with suppress(Exception):
            _unprepared.pop().validate()


def _table_name(table: str) -> TableName:
    schema, dot, name = table.partition(".")
    if not (schema and dot and name):
        raise ProjectError(f"{table!r} is not the name of a table", hint="a table is written schema.table")
    return TableName(schema, name)


def _definition(
    session: pytest_session.ProjectSession, name: TableName, fixed: Mapping[str, Any]
) -> st.SearchStrategy[Row]:
    pools = session.pools
    catalog = pools.catalog
    try:
        table = catalog.table(name)
        texts = {column: _text(table.column(column), value) for column, value in fixed.items()}
        standing = _existing_rows(session, name)
    except (Missing, Unfillable, Unsupported) as reason:
        raise ProjectError(f"no rows of {name} can be drawn: {reason}") from None

    @st.composite
    def drawn(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Row:
        draft = Draft(draw, pools, standing, rich=True)
        own = draft.row(name, texts)
        inserts = new_rows(draft, draft.inserts)
        parents = tuple(_row(catalog.table(insert.table), insert.values) for insert in inserts)
        setup = merge_cycles(inserts, draft.cycles, draft.bypassing_triggers, draft.deleted_first)
        users = Users(pools, draft.rows)
        before = (*users.setup(GroupBuilder(draft, pools).complete(setup)),)
        return _row(table, own, parents, before, users.settings(Insert(name, own)))

    return drawn()


@cache
def _existing_rows(session: ProjectSession, name: TableName) -> Mapping[TableName, Sequence[dict[str, str | None]]]:
    """Returns existing rows of the table and of all tables that it refers to; raises if no rows can be drawn there."""
    tables = ancestors(session.pools.catalog, name).values()
    for table in tables:
        _prepare(session.pools, table)
    return {table.name: _existing(session.reader, table) for table in tables}


def _prepare(pools: Pools, table: Table) -> None:
    """Prepares strategies before a test draws; raises :class:`Unfillable` and :class:`Unsupported`."""
    pooled = {column for pool in pools.of(table) for column in pool.columns}
    for column in table.columns:
        if column.is_supplied and column.name not in pooled:
            values(column).validate()


def _existing(connection: Connection, table: Table) -> list[dict[str, str | None]]:
    names = [column.name for column in table.columns]
    shown = ", ".join(f"{identifier(name)}::text" for name in names)
    if not shown:
        return []
    return [
        dict(zip(names, row, strict=True))
        for row in connection.execute(f"select {shown} from {qualified(table.name)} limit {EXISTING}".encode())
    ]


def _row(
    table: Table,
    texts: TextRow,
    parents: tuple[Row, ...] = (),
    setup: tuple[SqlStatement, ...] = (),
    settings: Mapping[str, str] | None = None,
) -> Row:
    values = {name: _value(table.column(name), text) for name, text in written(texts).items()}
    return Row(str(table.name), values, parents, setup, settings)


def _value(column: Column, text: str | None) -> ColumnValue:
    if text is None:
        return None
    convert = _CONVERSIONS.get(column.base_name)
    return convert(text) if convert else text


def _boolean(text: str) -> bool:
    # PostgreSQL reads any prefix of these words, on, and 1.
    word = text.strip().lower()
    return word in ("on", "1") or (word != "" and ("true".startswith(word) or "yes".startswith(word)))


_CONVERSIONS: dict[str, Callable[[str], ColumnValue]] = {
    "bool": _boolean,
    "int2": int,
    "int4": int,
    "int8": int,
    "numeric": Decimal,
    "uuid": UUID,
}


def _text(column: Column, value: Any) -> str | None:
    """Returns a fixed value as text that PostgreSQL reads."""
    if column.generated:
        raise ProjectError(f"column {column.name} is generated: it cannot be given a value")
    match value:
        case None:
            return None
        case _ if column.is_json and not isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)
        case bool():
            return "true" if value else "false"
        case bytes():
            return f"\\x{value.hex()}"
        case list() | tuple() if column.base_name.startswith("_"):
            return array([str(element) for element in value], delimiter(column))
    return str(value)
