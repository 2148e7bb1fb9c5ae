"""Asks PostgreSQL what a predicate says of values, apart from the table that the predicate guards."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.catalog.model import Column, Table
from harness.probes.reply import Function
from harness.probes.statement import assume, identifier, literal, qualified
from harness.project import sql
from harness.project.model import TableName

if TYPE_CHECKING:
    import psycopg

Tuple = tuple[str | None, ...]


@dataclass(frozen=True)
class Source:
    """The text of a function that is not PostgreSQL's own, and the names of its ``parameters``, empty where unnamed."""

    name: str
    text: str
    parameters: tuple[str, ...] = ()


class Answer(enum.Enum):
    """What a predicate says: three-valued, or it fails on these values (a division by zero, a bad cast)."""

    TRUE = "true"
    FALSE = "false"
    NULL = "null"
    ERROR = "error"

    @property
    def holds(self) -> bool:
        """PostgreSQL's rule for CHECK: true or null passes."""
        return self in (Answer.TRUE, Answer.NULL)


_ANSWERS = {True: Answer.TRUE, False: Answer.FALSE, None: Answer.NULL}


_READS = """\
create function pg_temp.harness_reads(type text, texts text[]) returns boolean[] language plpgsql as $$
declare
    found boolean[] := '{}';
    each text;
begin
    foreach each in array texts loop
        begin
            execute format('select %L::%s', each, type);
            found := found || true;
        exception when others then
            found := found || false;
        end;
    end loop;
    return found;
end $$"""


_ONE_BY_ONE = """\
create function pg_temp.harness_answers(harness_documents jsonb) returns setof text[] language plpgsql as {}"""

_ROWS = """
#variable_conflict use_column -- a column may be called `found`, as a variable of every function is
declare
    harness_row jsonb;
    harness_answer boolean;
    harness_found text[];
begin
    for harness_row in select jsonb_build_array(value) from jsonb_array_elements(harness_documents) loop
        harness_found := '{}';
        -- answers
        return next harness_found;
    end loop;
end"""

_ANSWER = """
        begin
            harness_answer := (-- query
            );
            harness_found := array_append(harness_found, coalesce(harness_answer::text, 'null'));
        exception when others or assert_failure then
            harness_found := array_append(harness_found, 'error');
        end;"""

FEW = 16
"""Rows that are asked for one by one where all together fail, on the server; more are halved first."""

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


class Oracle:
    """Evaluates predicates over rows that are only values: no table, trigger or domain has its say."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def answers(
        self, table: Table, columns: Sequence[str], rows: Sequence[Tuple], predicates: Sequence[str]
    ) -> list[tuple[Answer, ...]]:
        """For each row of values for ``columns`` what each predicate says; other columns are NULL.

        Names in predicates are looked up in the table's schema first, then in ``public``.
        Raises ``psycopg.Error`` if a predicate is wrong whatever the values (an unknown column or function).
        """
        if not rows or not predicates:
            return [() for _ in rows]
        with self._rows_of(table):
            return self._ask(table, _documents(table, columns, rows), predicates)

    def pairs(
        self,
        table: Table,
        columns: Sequence[str],
        pairs: Sequence[tuple[Tuple, Tuple]],
        elements: Sequence[tuple[str, str]],
        where: str | None = None,
    ) -> list[tuple[Answer, ...]]:
        """For each pair of rows what each element says, an expression on both and the operator between them.

        The last answer says whether ``where`` is true of both. Raises ``psycopg.Error`` also if an expression fails on
        some of the values.
        """
        if not pairs:
            return []
        alias = identifier(table.name.table)
        shown = ", ".join(f"({expression}\n) as harness_{n}" for n, (expression, _) in enumerate(elements))
        sides = [
            f"select harness_n, {shown}, ({where or 'true'}\n)::boolean as harness_where"
            f" from ({self._records(table, documents)}) as {alias}"
            for documents in ("$1", "$2")
        ]
        answers = [f"(a.harness_{n} {operator} b.harness_{n})" for n, (_, operator) in enumerate(elements)]
        query = (
            f"select {', '.join(answers)}, a.harness_where and b.harness_where"
            f" from ({sides[0]}) as a join ({sides[1]}) as b using (harness_n) order by harness_n"
        )
        with self._rows_of(table):
            texts = [_listed(_documents(table, columns, side)) for side in zip(*pairs, strict=True)]
            return [tuple(_ANSWERS[value] for value in row) for row in self._answered(query, texts)]

    @contextmanager
    def _rows_of(self, table: Table) -> Iterator[None]:
        """While rows of the table can be made of JSON; nothing of it stays."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(
                f"set local search_path to {identifier(table.name.schema)}, public, pg_temp".encode()
            )
            fields = ", ".join(f"{identifier(column.name)} {column.base_type}" for column in table.columns)
            self._connection.execute(f"create type pg_temp.harness_row as ({fields})".encode())
            yield

    def _records(self, table: Table, documents: str) -> str:
        """A query for the rows of documents, numbered; generated columns are put in as their expression has it."""
        alias = identifier(table.name.table)
        shown = ", ".join(_shown(column, alias) for column in table.columns)
        return (
            f"select harness_n, {shown} from jsonb_array_elements({documents}) with ordinality"
            " as harness_documents (harness_document, harness_n),"
            f" lateral jsonb_populate_record(null::pg_temp.harness_row, harness_document) as {alias}"
        )

    def _query(self, table: Table, predicates: Sequence[str], documents: str = "$1") -> str:
        """One row of answers for each document."""
        answers = ", ".join(f"({predicate}\n)::boolean" for predicate in predicates)
        alias = identifier(table.name.table)
        return f"select {answers} from ({self._records(table, documents)}) as {alias} order by harness_n"

    def _answered(self, query: str, parameters: Sequence[str]) -> psycopg.RawCursor[Any]:
        """The cursor of a query whose parameters are ``$1`` and so on: a percent sign of the rules is none."""
        import psycopg

        return psycopg.RawCursor(self._connection).execute(query.encode(), parameters)

    def _ask(self, table: Table, documents: list[str], predicates: Sequence[str]) -> list[tuple[Answer, ...]]:
        import psycopg

        try:
            with self._connection.transaction():
                cursor = self._answered(self._query(table, predicates), [_listed(documents)])
                return [tuple(_ANSWERS[value] for value in row) for row in cursor]
        except psycopg.errors.QueryCanceled:
            raise
        except psycopg.Error as error:
            if self._connection.closed or not documents:
                raise
            # Names that are not there and types that do not fit are no matter of values: it fails without any as well.
            if (error.sqlstate or "").startswith("42"):
                self._ask(table, [], predicates)
        if len(documents) > FEW:
            middle = len(documents) // 2
            halves = documents[:middle], documents[middle:]
            return [answers for half in halves for answers in self._ask(table, half, predicates)]
        return self._one_by_one(table, documents, predicates)

    def _one_by_one(self, table: Table, documents: list[str], predicates: Sequence[str]) -> list[tuple[Answer, ...]]:
        """The answers for rows of which some fail a predicate, told apart."""
        queries = (self._query(table, [predicate], "harness_row") for predicate in predicates)
        body = _ROWS.replace("-- answers", "".join(_ANSWER.replace("-- query", query) for query in queries))
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(_ONE_BY_ONE.format(literal(body)).encode())
            rows = self._answered("select * from pg_temp.harness_answers($1)", [_listed(documents)])
            return [tuple(map(Answer, answers)) for (answers,) in rows]

    def failure(self, table: Table, columns: Sequence[str], row: Tuple, predicate: str) -> str | None:
        """Why a predicate fails on these values; None if it does not."""
        import psycopg

        try:
            with self._rows_of(table):
                self._answered(self._query(table, [predicate]), [_listed(_documents(table, columns, [row]))])
        except psycopg.Error as error:
            return error.diag.message_primary or str(error)
        return None

    def detail(self, statements: Sequence[str]) -> str:
        """What PostgreSQL says in detail of why these statements, one after the other, fail; nothing of them stays."""
        import psycopg

        try:
            with self._connection.transaction(force_rollback=True):
                for statement in statements:
                    self._connection.execute(statement.encode())
        except psycopg.Error as error:
            return error.diag.message_detail or ""
        return ""

    def reached(
        self, setup: Sequence[str], attempts: Sequence[Mapping[str, str]], statements: Sequence[str]
    ) -> list[int]:
        """For each of these settings, how many of the statements reach a row of those that were set up.

        One that a rule of the row refuses has reached it; one for which there is no privilege, or no sense, has not.
        """
        import psycopg

        try:
            with self._connection.transaction(force_rollback=True):
                for statement in setup:
                    self._connection.execute(statement.encode())
                return [sum(self._reaches(settings, each) for each in statements) for settings in attempts]
        except psycopg.Error as error:
            if self._connection.closed:
                raise
            del error
            return [0] * len(attempts)

    def _reaches(self, settings: Mapping[str, str], statement: str) -> bool:
        import psycopg

        try:
            with self._connection.transaction(force_rollback=True):
                for each in assume(settings):
                    self._connection.execute(each.encode())
                return self._connection.execute(statement.encode()).rowcount > 0
        except (psycopg.errors.IntegrityError, psycopg.errors.RaiseException):
            return True
        except psycopg.Error:
            if self._connection.closed:
                raise
            return False

    def readable(self, type: str, texts: Sequence[str]) -> list[str]:
        """The texts that a type reads, domains within it having their say."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(_READS.encode())
            found = self._connection.execute("select pg_temp.harness_reads(%s, %s)", [type, list(texts)]).fetchone()
        assert found is not None
        return [text for text, reads in zip(texts, found[0], strict=True) if reads]

    def sources(self, schema: str, functions: Sequence[Function]) -> list[Source]:
        """The texts of functions that are not PostgreSQL's own; names without a schema may be in ``schema``.

        Or they are where the connection looks for them.
        """
        if not functions:
            return []
        rows = self._connection.execute(
            "select distinct p.proname, p.prosrc, p.proargnames[:p.pronargs]"
            " from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace"
            " join unnest(%s::text[], %s::text[]) as asked (schema, name)"
            " on p.proname = asked.name"
            " and (n.nspname in (asked.schema, %s, 'public') or n.nspname = any (current_schemas(false)))"
            " where n.nspname <> 'pg_catalog' and p.prolang not in (12, 13) order by 2, 1, 3",
            [[schema for schema, _ in functions], [name for _, name in functions], schema],
        )
        return [Source(name, text, tuple(parameters or ())) for name, text, parameters in rows]

    def computed(self, calls: Sequence[str]) -> list[str]:
        """What calls come to, as text; those are left out that may come to something else the next time."""
        return [value for call in calls for value in self._computed(call)]

    def _computed(self, call: str) -> list[str]:
        names = [name for _, name in sql.calls(call)]
        promised = "select bool_and(provolatile = 'i') from pg_proc where proname = any (%s)"
        if self._connection.execute(promised, [names]).fetchone() != (True,):
            return []
        return self._texts(f"select ({call})::text")

    def _texts(self, query: str) -> list[str]:
        """What a query of one column finds but for NULL; nothing where it fails."""
        import psycopg

        try:
            with self._connection.transaction(force_rollback=True):
                rows = self._connection.execute(query.encode()).fetchall()
        except psycopg.Error:
            return []
        return [value for (value,) in rows if value is not None]

    def views(self, names: Collection[str]) -> dict[str, str]:
        """The views of these names, and those that they read, each with its definition; not PostgreSQL's own."""
        found: dict[str, str] = {}
        wanted = set(names)
        while wanted:
            rows = self._connection.execute(_VIEWS, [list(wanted)]).fetchall()
            new = {name: text for name, text in rows if name not in found}
            found |= new
            wanted = {word for text in new.values() for word in re.findall(r"\w+", text.lower())} - found.keys()
        return found

    def shown(self, view: str, column: str, limit: int = 40) -> list[str]:
        """What a view shows in a column, if it has such a one and can be read, as text."""
        named = "select 1 from pg_attribute where attrelid = to_regclass(%s) and attname = %s and not attisdropped"
        if self._connection.execute(named.encode(), [view, column]).fetchone() is None:
            return []
        name = identifier(column)
        return self._texts(
            f"select distinct {name}::text from {view} where {name} is not null order by 1 limit {limit}"
        )

    def functions(self, schema: str, limit: int = 40) -> list[str]:
        """Names of functions with their schemas: of this schema first, and first those that take a text, as most do."""
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

    def heirs(self, table: Table, limit: int) -> list[TableName]:
        """Tables whose rows are seen in this one as well, as they inherit from it; partitions are left out."""
        rows = self._connection.execute(_HEIRS, [qualified(table.name), limit])
        return [TableName(schema, name) for schema, name in rows]

    def roles(self, limit: int = 40) -> list[str]:
        """Names of roles, first of those that may log in."""
        rows = self._connection.execute(
            "select rolname::text from pg_roles where rolname !~ '^pg_' order by not rolcanlogin, rolname limit %s",
            [limit],
        )
        return [name for (name,) in rows]

    def described(self, query: str) -> list[tuple[str, str]]:
        """Names and types of what a query returns, which is only looked at.

        Domains are taken off; what no column can be is text.

        Raises ``psycopg.Error`` if it is wrong whatever the data are: an unknown table or function.
        """
        from psycopg import errors, pq

        connection = self._connection.pgconn
        prepared = connection.prepare(b"", query.encode())
        if prepared.status != pq.ExecStatus.COMMAND_OK:
            raise errors.error_from_result(prepared, encoding="utf-8")
        found = connection.describe_prepared(b"")
        fields = [(str(found.ftype(n)), str(found.fmod(n))) for n in range(found.nfields)]
        types = self._connection.execute(
            "select case typtype when 'p' then 'text' else format_type(oid, typmod) end"
            " from unnest(%s::oid[], %s::int[]) with ordinality as asked (type, typmod, n)"
            " join pg_type on oid = type order by n",
            [[oid for oid, _ in fields], [typmod for _, typmod in fields]],
        )
        names = [(found.fname(n) or b"").decode() for n in range(found.nfields)]
        return [(name, kind) for name, (kind,) in zip(names, types, strict=True)]

    @cached_property
    def may_disable_triggers(self) -> bool:
        """Whether rows can be put and taken without a trigger that sees it."""
        query = "select rolsuper from pg_catalog.pg_roles where rolname = current_user"
        return bool(self._connection.execute(query.encode()).fetchone() == (True,))

    def standing(self, table: Table) -> int:
        """How many rows stand in a table."""
        row = self._connection.execute(f"select count(*) from {qualified(table.name)}".encode()).fetchone()
        assert row is not None
        found: int = row[0]
        return found

    def standing_values(self, table: Table, columns: Sequence[str], where: str | None, limit: int) -> list[Tuple]:
        """What the rows that stand in a table have in these columns, as text, where a predicate is true."""
        if not columns:
            return []
        shown = ", ".join(f"{identifier(column)}::text" for column in columns)
        rows = f"select {shown} from {qualified(table.name)} where {where or 'true'}\n"
        return self._connection.execute(f"{rows} order by {shown} limit {limit}".encode()).fetchall()

    def column(self, table: Table, expression: str, limit: int = 100) -> tuple[str | None, ...]:
        """What an expression that names no column yields, as text: one value, or those of a function that has many."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(
                f"set local search_path to {identifier(table.name.schema)}, public, pg_temp".encode()
            )
            rows = self._connection.execute(f"select ({expression}\n)::text limit {limit}".encode())
            return tuple(value for (value,) in rows)

    def takes_null(self, column: Column) -> bool:
        """Whether a column's domain takes NULL, or it has none."""
        import psycopg

        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(f"select null::{column.type}".encode() if column.is_domain else b"select 1")
        except (psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation):
            return False
        return True

    def checks_null(self, column: Column) -> bool:
        """Whether a CHECK of a column's domain refuses NULL."""
        import psycopg

        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(f"select null::{column.type}".encode() if column.is_domain else b"select 1")
        except psycopg.errors.CheckViolation:
            return True
        except psycopg.errors.NotNullViolation:
            pass
        return False

    def scalar(self, table: Table, expression: str) -> str | None:
        """An expression that names no column, as text; names are looked up as for predicates."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(
                f"set local search_path to {identifier(table.name.schema)}, public, pg_temp".encode()
            )
            row = self._connection.execute(f"select ({expression}\n)::text".encode()).fetchone()
        assert row is not None
        found: str | None = row[0]
        return found


def _shown(column: Column, alias: str) -> str:
    """A column of a row in the list of a SELECT."""
    name = identifier(column.name)
    if column.generated:
        return f"({column.default}) as {name}"
    if column.is_json:
        # jsonb_populate_record makes NULL of a JSON null.
        return f"(harness_document -> {literal(column.name)})::{column.base_type} as {name}"
    return f"{alias}.{name}"


def _listed(documents: Sequence[str]) -> str:
    """A JSON array of documents."""
    return f"[{','.join(documents)}]"


def _documents(table: Table, columns: Sequence[str], rows: Sequence[Tuple]) -> list[str]:
    """Rows as JSON objects that ``jsonb_populate_record`` reads; without a JSON column that is NULL."""
    json_columns = {column.name for column in table.columns if column.is_json}
    return [
        "{"
        + ",".join(
            f"{json.dumps(column)}:{value if column in json_columns else json.dumps(value)}"
            for column, value in zip(columns, row, strict=True)
            if value is not None
        )
        + "}"
        for row in rows
    ]
