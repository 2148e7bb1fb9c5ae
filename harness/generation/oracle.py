"""Asks PostgreSQL what a predicate says of values, apart from the table that the predicate guards."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.catalog.model import Table
from harness.probes.statement import identifier

if TYPE_CHECKING:
    import psycopg

Tuple = tuple[str | None, ...]


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
        with self._connection.transaction(force_rollback=True):
            self._connection.execute(
                f"set local search_path to {identifier(table.name.schema)}, public, pg_temp".encode()
            )
            fields = ", ".join(f"{identifier(column.name)} {column.base_type}" for column in table.columns)
            self._connection.execute(f"create type pg_temp.harness_row as ({fields})".encode())
            return self._ask(table, _documents(table, columns, rows), predicates)

    def _query(self, table: Table, predicates: Sequence[str]) -> str:
        """One row of answers for each document; generated columns are put in as their expression has it."""
        alias = identifier(table.name.table)
        shown = ", ".join(
            f"({column.default}) as {identifier(column.name)}"
            if column.generated
            else f"{alias}.{identifier(column.name)}"
            for column in table.columns
        )
        answers = ", ".join(f"({predicate}\n)::boolean" for predicate in predicates)
        rows = f"jsonb_populate_record(null::pg_temp.harness_row, harness_document) as {alias}"
        # A percent sign of the rules (LIKE, modulo) is no placeholder.
        answers, shown, rows, alias = (text.replace("%", "%%") for text in (answers, shown, rows, alias))
        return (
            f"select {answers} from (select harness_n, {shown} from jsonb_array_elements(%s) with ordinality"
            f" as harness_documents (harness_document, harness_n), lateral {rows}) as {alias} order by harness_n"
        )

    def _ask(self, table: Table, documents: list[str], predicates: Sequence[str]) -> list[tuple[Answer, ...]]:
        import psycopg

        try:
            with self._connection.transaction():
                query = self._query(table, predicates).encode()
                cursor = self._connection.execute(query, [f"[{','.join(documents)}]"])
                return [tuple(_ANSWERS[value] for value in row) for row in cursor]
        except (psycopg.ProgrammingError, psycopg.errors.QueryCanceled):
            raise
        except psycopg.Error:
            if self._connection.closed:
                raise
            # One row's values are at fault, for one predicate: halve until they stand alone.
            if len(documents) > 1:
                middle = len(documents) // 2
                halves = documents[:middle], documents[middle:]
                return [answers for half in halves for answers in self._ask(table, half, predicates)]
            if len(predicates) > 1:
                alone = [self._ask(table, documents, [predicate])[0][0] for predicate in predicates]
                return [tuple(alone)]
            return [(Answer.ERROR,)]

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


def _documents(table: Table, columns: Sequence[str], rows: Sequence[Tuple]) -> list[str]:
    """Rows as JSON objects that ``jsonb_populate_record`` reads."""
    json_columns = {column.name for column in table.columns if column.is_json}
    return [
        "{"
        + ",".join(
            f"{json.dumps(column)}:{value if column in json_columns and value is not None else json.dumps(value)}"
            for column, value in zip(columns, row, strict=True)
        )
        + "}"
        for row in rows
    ]
