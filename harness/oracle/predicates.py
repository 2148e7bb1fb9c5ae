"""Asks PostgreSQL what predicates, expressions and types say of values, apart from the table of these.

No constraint, trigger or domain applies to the values, and nothing stays. Also says which texts a type can read, and
what refuses NULL in a domain.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import psycopg

from harness.catalog.canonical import look_in
from harness.catalog.model import Column, Table
from harness.oracle.functions import ANSWER, ONE_BY_ONE, READS, ROWS
from harness.probes.statement import assume, identifier, literal
from harness.project.model import TableName, Tuple


class Answer(enum.Enum):
    """The truth value of a predicate. ERROR: it fails on these values (a division by zero, a bad cast)."""

    TRUE = "true"
    FALSE = "false"
    NULL = "null"
    ERROR = "error"

    @property
    def holds(self) -> bool:
        """PostgreSQL's rule for CHECK: true or null passes."""
        return self in (Answer.TRUE, Answer.NULL)


_ANSWERS = {True: Answer.TRUE, False: Answer.FALSE, None: Answer.NULL}

FEW = 16
"""Rows that are asked about one by one, on the server, after a query for all of them failed; more are halved first."""


class Oracle:
    """Evaluates predicates over rows that are values only: no constraint, trigger or domain applies to them."""

    def __init__(
        self, connection: psycopg.Connection[Any], settings: Callable[[TableName], Mapping[str, str]] = lambda _: {}
    ) -> None:
        """``settings`` are those that hold while predicates on a table are evaluated."""
        self._connection = connection
        self.settings = settings

    def answers(
        self, table: Table, columns: Sequence[str], rows: Sequence[Tuple], predicates: Sequence[str]
    ) -> list[tuple[Answer, ...]]:
        """For each row of values for ``columns`` the answer of each predicate; other columns are NULL.

        Names in predicates are looked up in the table's schema first, then in ``public``, then where sessions look.
        Raises ``psycopg.Error`` if a predicate is wrong whatever the values (an unknown column or function).
        """
        if not rows or not predicates:
            return [() for _ in rows]
        with self._rows_of(table):
            return self._ask(table, _documents(table, columns, rows), predicates)

    def computed(self, table: Table, columns: Sequence[str], row: Tuple, name: str) -> str | None:
        """The value of a generated column, as text, for values of others."""
        alias = identifier(table.name.table)
        query = f"select {alias}.{identifier(name)}::text from ({self._records(table, '$1')}) as {alias}"
        with self._rows_of(table):
            found = self._answered(query, [_json_array(_documents(table, columns, [row]))]).fetchall()
        return None if found[0][0] is None else str(found[0][0])

    def texts(
        self, table: Table, columns: Sequence[str], rows: Sequence[Tuple], expression: str
    ) -> list[tuple[Tuple, str | None]]:
        """The values of an expression, as text, each with its row: several if it returns a set, none if it fails.

        Raises ``psycopg.Error`` if the expression is wrong whatever the values (an aggregate, another table's column).
        """
        alias = identifier(table.name.table)

        def ask(rows: Sequence[Tuple]) -> list[tuple[Tuple, str | None]]:
            records = self._records(table, "$1")
            query = f"select harness_n, ({expression}\n)::text from ({records}) as {alias} order by harness_n"
            try:
                with self._connection.transaction():
                    found = self._answered(query, [_json_array(_documents(table, columns, rows))]).fetchall()
            except psycopg.DataError:
                half = len(rows) // 2
                return [*ask(rows[:half]), *ask(rows[half:])] if half else []
            return [(rows[number - 1], text) for number, text in found]

        with self._rows_of(table):
            return ask(rows)

    def pairs(
        self,
        table: Table,
        columns: Sequence[str],
        pairs: Sequence[tuple[Tuple, Tuple]],
        elements: Sequence[tuple[str, str]],
        where: str | None = None,
    ) -> list[tuple[Answer, ...]]:
        """For each pair of rows the answer of each element: an expression on both rows, and an operator between them.

        One more answer, the last, says whether ``where`` is true of both rows. Raises ``psycopg.Error`` also if an
        expression fails on some of the values.
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
            texts = [_json_array(_documents(table, columns, side)) for side in zip(*pairs, strict=True)]
            return [tuple(_ANSWERS[value] for value in row) for row in self._answered(query, texts)]

    @contextmanager
    def _rows_of(self, table: Table) -> Iterator[None]:
        """Has a type for the table's rows, which ``jsonb_populate_record`` fills; it is rolled back at the end."""
        with self._search_path(table):
            fields = ", ".join(f"{identifier(column.name)} {column.collated_type}" for column in table.columns)
            self._connection.execute(f"create type pg_temp.harness_row as ({fields})".encode())
            yield

    @contextmanager
    def _search_path(self, table: Table) -> Iterator[None]:
        """A transaction with the table's settings, that looks names up in its schema first; rolled back."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(look_in(table.name.schema))
            for each in assume(self.settings(table.name)):
                self._connection.execute(each.encode())
            yield

    def _records(self, table: Table, documents: str) -> str:
        """A query for numbered rows made of JSON documents; generated columns are computed by their expressions."""
        alias = identifier(table.name.table)
        shown = ", ".join(_shown(column, alias) for column in table.columns)
        return (
            f"select harness_n, {shown} from jsonb_array_elements({documents}) with ordinality"
            " as harness_documents (harness_document, harness_n),"
            f" lateral jsonb_populate_record(null::pg_temp.harness_row, harness_document) as {alias}"
        )

    def _query(self, table: Table, predicates: Sequence[str], documents: str = "$1") -> str:
        """A query that returns one row of answers for each document."""
        answers = ", ".join(f"({predicate}\n)::boolean" for predicate in predicates)
        alias = identifier(table.name.table)
        return f"select {answers} from ({self._records(table, documents)}) as {alias} order by harness_n"

    def _answered(self, query: str, parameters: Sequence[str]) -> psycopg.RawCursor[Any]:
        """The cursor of a query whose parameters are ``$1``, ``$2``: predicates may contain percent signs."""
        return psycopg.RawCursor(self._connection).execute(query.encode(), parameters)

    def _ask(self, table: Table, documents: list[str], predicates: Sequence[str]) -> list[tuple[Answer, ...]]:
        try:
            with self._connection.transaction():
                cursor = self._answered(self._query(table, predicates), [_json_array(documents)])
                return [tuple(_ANSWERS[value] for value in row) for row in cursor]
        except psycopg.errors.QueryCanceled:
            raise
        except psycopg.Error as error:
            if self._connection.closed or not documents:
                raise
            # An unknown name or a type that does not fit fails without any row as well: then this raises.
            if (error.sqlstate or "").startswith("42"):
                self._ask(table, [], predicates)
        if len(documents) > FEW:
            middle = len(documents) // 2
            halves = documents[:middle], documents[middle:]
            return [answers for half in halves for answers in self._ask(table, half, predicates)]
        return self._one_by_one(table, documents, predicates)

    def _one_by_one(self, table: Table, documents: list[str], predicates: Sequence[str]) -> list[tuple[Answer, ...]]:
        """The answers for rows of which some make a predicate fail."""
        queries = (self._query(table, [predicate], "harness_row") for predicate in predicates)
        body = ROWS.replace("-- answers", "".join(ANSWER.replace("-- query", query) for query in queries))
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(ONE_BY_ONE.format(literal(body)).encode())
            rows = self._answered("select * from pg_temp.harness_answers($1)", [_json_array(documents)])
            return [tuple(map(Answer, answers)) for (answers,) in rows]

    def failure(self, table: Table, columns: Sequence[str], row: Tuple, predicate: str) -> str | None:
        """The error message of a predicate that fails on these values; None if it does not."""
        try:
            with self._rows_of(table):
                self._answered(self._query(table, [predicate]), [_json_array(_documents(table, columns, [row]))])
        except psycopg.Error as error:
            return error.diag.message_primary or str(error)
        return None

    def readable(self, type: str, texts: Sequence[str]) -> list[str]:
        """The texts that are valid input of a type, also for the domains within it, as PostgreSQL writes the values."""
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(READS.encode())
            found = self._connection.execute("select pg_temp.harness_reads(%s, %s)", [type, list(texts)]).fetchone()
        assert found is not None
        return list(dict.fromkeys(found[0]))

    def values(self, table: Table, expression: str, limit: int = 100) -> tuple[str | None, ...]:
        """The values of an expression that names no column, as text: several if it returns a set."""
        with self._search_path(table):
            rows = self._connection.execute(f"select ({expression}\n)::text limit {limit}".encode())
            return tuple(value for (value,) in rows)

    def scalar(self, table: Table, expression: str) -> str | None:
        """The value of an expression that names no column, as text; names are looked up as for predicates."""
        return self.values(table, expression)[0]

    def refusal_of_null(self, column: Column) -> Literal["check", "not null"] | None:
        """The sort of constraint by which a column's domain refuses NULL; None if it takes NULL, or there is none."""
        if not column.is_domain:
            return None
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(f"select null::{column.type}".encode())
        except psycopg.errors.CheckViolation:
            return "check"
        except psycopg.errors.NotNullViolation:
            return "not null"
        return None


def _shown(column: Column, alias: str) -> str:
    """A column of a row, as an item of a SELECT list."""
    name = identifier(column.name)
    if column.generated:
        return f"{_assigned(column)} as {name}"
    if column.is_json:
        # jsonb_populate_record makes NULL of a JSON null.
        return f"(harness_document -> {literal(column.name)})::{column.base_type} as {name}"
    return f"{alias}.{name}"


def _assigned(column: Column) -> str:
    """The expression of a generated column, converted to its type as by an INSERT: a text that is too long fails."""
    if column.base_name in ("varchar", "bpchar", "bit", "varbit") and column.typmod >= 0:
        # A cast would cut it off.
        document = f"jsonb_build_object({literal(column.name)}, ({column.default})::text)"
        return f"(jsonb_populate_record(null::pg_temp.harness_row, {document})).{identifier(column.name)}"
    return f"({column.default})::{column.collated_type}"


def _json_array(documents: Sequence[str]) -> str:
    return f"[{','.join(documents)}]"


def _documents(table: Table, columns: Sequence[str], rows: Sequence[Tuple]) -> list[str]:
    """Rows as JSON objects for ``jsonb_populate_record``; a column that is NULL is left out."""
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
