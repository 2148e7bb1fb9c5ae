"""Has PostgreSQL print declared types and expressions, so that they can be compared with the catalog.

``int`` becomes ``integer``, and ``a in ('x')`` becomes ``(a = 'x'::text)``. Each expression is given to a temporary
table with the same columns, and read back as the catalog is read; nothing stays. Raises
:class:`~harness.catalog.model.Missing` for a text that PostgreSQL cannot read: the catalog lacks a name in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from harness.catalog.model import Missing, Table
from harness.errors import did_you_mean


@dataclass(frozen=True)
class PrintedIndex:
    """An index as printed; ``kinds`` has for each key its operator class and collation, if not the type's own."""

    keys: tuple[str, ...]
    predicate: str | None
    kinds: tuple[str, ...] = ()


def look_in(schema: str) -> sql.Composed:
    """Has the transaction look names up in a schema first, then in ``public``, then where the session looks."""
    path = "select set_config('search_path', concat_ws(', ', {}, 'public', nullif({}, ''), 'pg_temp'), true)"
    first = sql.Literal(sql.Identifier(schema).as_string(None))
    return sql.SQL(path).format(first, sql.SQL("current_setting('search_path')"))


class Canonical:
    """Prints by a connection, which must be in autocommit; leaves nothing behind.

    Names are looked up as :func:`look_in` says. A text that PostgreSQL cannot read raises
    :class:`~harness.catalog.model.Missing` with the server's message: the catalog lacks a name in it.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def type(self, name: str) -> str:
        """A type as ``format_type`` prints it: ``timestamptz`` is ``timestamp with time zone``."""
        try:
            with self._undone("create type pg_temp.harness_alike as (harness_v {})", sql.SQL(name)):
                return self._one(
                    "select format_type(atttypid, atttypmod) from pg_attribute"
                    " where attrelid = 'pg_temp.harness_alike'::regclass and attname = 'harness_v'"
                )
        except Unprintable as error:
            known = self._one("select string_agg(typname || e'\\n' || oid::regtype::text, e'\\n') from pg_type")
            raise Unprintable(f"{error}{did_you_mean(name.partition('(')[0], known.splitlines())}") from None

    def default(self, table: Table, column: str, expression: str) -> str:
        """A default of a column, coerced to its type."""
        statement = "create temp table harness_alike (harness_v {} default ({}\n))"
        with self._undone(statement, sql.SQL(table.column(column).type), sql.SQL(expression), schema=table.name.schema):
            return self._one(
                "select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'pg_temp.harness_alike'::regclass"
            )

    def generated(self, table: Table, column: str, expression: str) -> str:
        """The expression of a stored generated column."""
        statement = "alter table pg_temp.harness_alike add harness_v {} generated always as ({}\n) stored"
        with self._on_copy(table, statement, sql.SQL(table.column(column).type), sql.SQL(expression)):
            return self._one(
                "select pg_get_expr(adbin, adrelid) from pg_attrdef as d"
                " join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum"
                " where adrelid = 'pg_temp.harness_alike'::regclass and attname = 'harness_v'"
            )

    def check(self, table: Table, predicate: str) -> str:
        """A predicate on rows of a table."""
        statement = "alter table pg_temp.harness_alike add constraint harness_alike check ({}\n)"
        with self._on_copy(table, statement, sql.SQL(predicate)):
            return self._one(
                "select pg_get_expr(conbin, conrelid) from pg_constraint"
                " where conrelid = 'pg_temp.harness_alike'::regclass and conname = 'harness_alike'"
            )

    def index(self, table: Table, method: str, keys: Sequence[str], where: str | None) -> PrintedIndex:
        """The keys of an index, each with its order, and its predicate."""
        statement = "create index harness_index on pg_temp.harness_alike using {} ({})" + (" where {}" if where else "")
        parts = [sql.Identifier(method), sql.SQL(", ").join(map(sql.SQL, keys))]
        with self._on_copy(table, statement, *parts, *([sql.SQL(where)] if where else [])):
            row = self._connection.execute(PRINTED_INDEX).fetchone()
        assert row is not None
        return PrintedIndex(tuple(row[0]), row[1], tuple(row[2]))

    def policy(self, table: Table, command: str, using: str | None, check: str | None) -> tuple[str | None, str | None]:
        """The two predicates of a policy for a command, printed for the table itself."""
        name = sql.Identifier(table.name.schema, table.name.table)
        given = [(word, text) for word, text in (("using", using), ("with check", check)) if text is not None]
        parts = [sql.SQL("{} ({}\n)").format(sql.SQL(word), sql.SQL(text)) for word, text in given]
        statement = f"create policy harness_alike on {{}} for {command} {{}}"
        with self._undone(statement, name, sql.SQL(" ").join(parts), schema=table.name.schema):
            row = self._connection.execute(
                "select pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)"
                " from pg_policy where polname = 'harness_alike'"
            ).fetchone()
        assert row is not None
        return row[0], row[1]

    def when(self, table: Table, fires: str, level: str, condition: str) -> str:
        """The condition of a trigger; ``fires`` is like ``before insert or update of a``."""
        name = sql.Identifier(table.name.schema, table.name.table)
        statement = (
            f"create trigger harness_alike {fires} on {{}} for each {level} when ({{}}\n)"
            " execute function pg_catalog.suppress_redundant_updates_trigger()"
        )
        with self._undone(statement, name, sql.SQL(condition), schema=table.name.schema):
            return self._one(
                "select substring(pg_get_triggerdef(oid) from ' WHEN \\((.*)\\) EXECUTE FUNCTION ')"
                " from pg_trigger where tgname = 'harness_alike' and tgparentid = 0"
            )

    @contextmanager
    def _on_copy(self, table: Table, statement: str, *parts: sql.Composable) -> Iterator[None]:
        """Runs a statement about ``pg_temp.harness_alike``, a table with the same columns."""
        name = sql.Identifier(table.name.schema, table.name.table)
        like = sql.SQL("create temp table harness_alike (like {});").format(name)
        with self._undone("{}" + statement, like, *parts, schema=table.name.schema):
            yield

    @contextmanager
    def _undone(self, statement: str, *parts: sql.Composable, schema: str = "public") -> Iterator[None]:
        """Runs a statement, lets the caller read with an empty search path as the catalog does, and undoes it all."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(look_in(schema))
            try:
                self._connection.execute(sql.SQL(statement).format(*parts))
            except psycopg.Error as error:
                raise Unprintable(error.diag.message_primary or str(error)) from None
            self._connection.execute("set local search_path to ''")
            yield

    def _one(self, query: str) -> str:
        row = self._connection.execute(query.encode()).fetchone()
        assert row is not None
        return str(row[0])


class Unprintable(Missing):
    """PostgreSQL cannot read an expression here: it names something the database does not have."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


PRINTED_INDEX = """
select
    array(
        select
            pg_get_indexdef(x.indexrelid, k.n::integer, true)
            || case
                when m.amname <> 'btree' then ''
                when x.indoption[k.n - 1] & 3 = 3 then ' desc'
                when x.indoption[k.n - 1] & 3 = 1 then ' desc nulls last'
                when x.indoption[k.n - 1] & 3 = 2 then ' nulls first'
                else ''
            end
        from generate_series(1, x.indnkeyatts) as k (n)
        order by k.n
    ),
    pg_get_expr(x.indpred, x.indrelid),
    array(
        select
            concat_ws(
                ' ',
                case
                    when x.indcollation[k.n - 1] not in (0, coalesce(ta.attcollation, y.typcollation))
                        then 'collate ' || x.indcollation[k.n - 1]::regcollation::text
                end,
                case
                    when not o.opcdefault
                        then concat_ws(
                            '.',
                            nullif(quote_ident(opn.nspname), 'pg_catalog'), quote_ident(o.opcname)
                        )
                end
            )
        from generate_series(1, x.indnkeyatts) as k (n)
        left join pg_attribute as ta on ta.attrelid = x.indrelid and ta.attnum = nullif(x.indkey[k.n - 1], 0)
        inner join pg_opclass as o on o.oid = x.indclass[k.n - 1]
        inner join pg_type as y on y.oid = o.opcintype
        inner join pg_namespace as opn on opn.oid = o.opcnamespace
        order by k.n
    )
from pg_index as x
inner join pg_class as i on i.oid = x.indexrelid
inner join pg_am as m on m.oid = i.relam
where x.indrelid = 'pg_temp.harness_alike'::regclass
"""
