"""Looks up what the database has besides tables: functions, views, roles, heirs, columns of a query.

Executes statements in a transaction that is rolled back, too, and decides whether one has reached a row.
Not here: what a predicate says of values (``predicates.py``), and privileges of roles (``catalog/roles.py``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors, pq

from harness.catalog.model import Table
from harness.probes import Function, assume, identifier, qualified
from harness.project import TableName, sql

_HEIRS = """
with recursive heirs (oid) as (
    select inhrelid from pg_inherits where inhparent = %s::regclass
    union all
    select i.inhrelid from pg_inherits as i inner join heirs on i.inhparent = heirs.oid
)
select n.nspname::text, c.relname::text
from heirs
inner join pg_class as c on c.oid = heirs.oid and c.relkind = 'r' and not c.relispartition
inner join pg_namespace as n on n.oid = c.relnamespace
order by 1, 2 limit %s
"""

_VIEWS = """
select distinct c.oid::regclass::text, pg_get_viewdef(c.oid)
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'v' and lower(c.relname) = any (%s) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1
"""


@dataclass(frozen=True)
class FunctionSource:
    """The body of a function that is not PostgreSQL's own; a parameter without a name is an empty string."""

    name: str
    text: str
    parameters: tuple[str, ...] = ()


class Introspection:
    """Reads pg_catalog. Whatever a query has to execute for it is rolled back."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def function_sources(self, schema: str, functions: Sequence[Function]) -> list[FunctionSource]:
        """The bodies of functions that are not PostgreSQL's own.

        A name without a schema is looked up in ``schema``, in ``public`` and in the connection's search path.
        """
        if not functions:
            return []
        rows = self._connection.execute(
            "select distinct p.proname, coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), p.proargnames[:p.pronargs]"
            " from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace"
            " join unnest(%s::text[], %s::text[]) as asked (schema, name)"
            " on p.proname = asked.name"
            " and (n.nspname in (asked.schema, %s, 'public') or n.nspname = any (current_schemas(false)))"
            " where n.nspname <> 'pg_catalog' and p.prolang not in (12, 13) order by 2, 1, 3",
            [[schema for schema, _ in functions], [name for _, name in functions], schema],
        )
        return [FunctionSource(name, text, tuple(parameters or ())) for name, text, parameters in rows]

    def function_names(self, schema: str, limit: int = 40) -> list[str]:
        """Names of functions with their schemas: those of ``schema`` first, and first those that take one text."""
        rows = self._connection.execute(
            "select name from (select distinct on (name) n.nspname || '.' || p.proname as name,"
            " n.nspname = %s as own, p.proargtypes::oid[] = array['text'::regtype::oid] as plain"
            " from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace"
            " where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and p.prokind = 'f'"
            " and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)"
            " and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid"
            " and deptype = 'e') order by name, plain desc) as found order by own desc, plain desc, name limit %s",
            [schema, limit],
        )
        return [name for (name,) in rows]

    def constant_results(self, calls: Sequence[str]) -> list[str]:
        """The results of calls as text, but for those of functions that are not immutable and of calls that fail."""
        immutable = "select bool_and(provolatile = 'i') from pg_proc where proname = any (%s)"
        found: list[str] = []
        for call in calls:
            if self._connection.execute(immutable, [[name for _, name in sql.calls(call)]]).fetchone() == (True,):
                found += self._texts(f"select ({call})::text")
        return found

    def views(self, names: Collection[str]) -> dict[str, str]:
        """The definitions of the views with these names and of the views that they read, without PostgreSQL's own."""
        found: dict[str, str] = {}
        asked = set(names)
        while asked:
            rows = self._connection.execute(_VIEWS, [list(asked)]).fetchall()
            new = {name: text for name, text in rows if name not in found}
            found |= new
            asked = {word for text in new.values() for word in re.findall(r"\w+", text.lower())} - found.keys()
        return found

    def view_values(self, view: str, column: str, limit: int = 40) -> list[str]:
        """The values of a view's column as text; none if the view has no such column or cannot be read."""
        named = "select 1 from pg_attribute where attrelid = to_regclass(%s) and attname = %s and not attisdropped"
        if self._connection.execute(named.encode(), [view, column]).fetchone() is None:
            return []
        name = identifier(column)
        return self._texts(
            f"select distinct {name}::text from {view} where {name} is not null order by 1 limit {limit}"
        )

    def _texts(self, query: str) -> list[str]:
        """The values of a query of one column, NULL left out; none if it fails."""
        try:
            with self._connection.transaction(force_rollback=True):
                rows = self._connection.execute(query.encode()).fetchall()
        except psycopg.Error:
            return []
        return [value for (value,) in rows if value is not None]

    def heirs(self, table: Table, limit: int) -> list[TableName]:
        """The tables that inherit from a table, directly or not; partitions are left out."""
        return [TableName(*row) for row in self._connection.execute(_HEIRS, [qualified(table.name), limit])]

    def role_names(self, limit: int = 40) -> list[str]:
        """Names of roles, first of those that may log in."""
        rows = self._connection.execute(
            "select rolname::text from pg_roles where rolname !~ '^pg_' order by not rolcanlogin, rolname limit %s",
            [limit],
        )
        return [name for (name,) in rows]

    def result_columns(self, query: str) -> list[tuple[str, str]]:
        """Names and types of the columns that a query returns, without executing it.

        A domain counts as its base type, and a pseudo-type as text. Raises ``psycopg.Error`` if the query is wrong
        whatever the data are: an unknown table or function.
        """
        connection = self._connection.pgconn
        prepared = connection.prepare(b"", query.encode())
        if prepared.status != pq.ExecStatus.COMMAND_OK:
            raise errors.error_from_result(prepared, encoding="utf-8")
        found = connection.describe_prepared(b"")
        places = range(found.nfields)
        types = self._connection.execute(
            "select case typtype when 'p' then 'text' else format_type(oid, typmod) end"
            " from unnest(%s::oid[], %s::int[]) with ordinality as asked (type, typmod, n)"
            " join pg_type on oid = type order by n",
            [[str(found.ftype(n)) for n in places], [str(found.fmod(n)) for n in places]],
        )
        names = [(found.fname(n) or b"").decode() for n in places]
        return [(name, type) for name, (type,) in zip(names, types, strict=True)]


def failure_detail(connection: psycopg.Connection[Any], statements: Sequence[str]) -> str:
    """The DETAIL of the error that these statements, one after the other, raise; empty if they raise none."""
    try:
        with connection.transaction(force_rollback=True):
            for statement in statements:
                connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.diag.message_detail or ""
    return ""


def reached(
    connection: psycopg.Connection[Any],
    setup: Sequence[str],
    attempts: Sequence[Mapping[str, str]],
    statements: Sequence[str],
) -> list[int]:
    """For each attempt's settings, the number of statements that reach a row inserted by the setup.

    A statement that a rule of the row refuses has reached it. One without privilege, or that fails otherwise, has not.
    """
    try:
        with connection.transaction(force_rollback=True):
            for statement in setup:
                connection.execute(statement.encode())
            return [sum(_reaches(connection, settings, each) for each in statements) for settings in attempts]
    except psycopg.Error:
        if connection.closed:
            raise
        return [0] * len(attempts)


def _reaches(connection: psycopg.Connection[Any], settings: Mapping[str, str], statement: str) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            for each in assume(settings):
                connection.execute(each.encode())
            return connection.execute(statement.encode()).rowcount > 0
    except (psycopg.errors.IntegrityError, psycopg.errors.RaiseException):
        return True
    except psycopg.Error:
        if connection.closed:
            raise
        return False
