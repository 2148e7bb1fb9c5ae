"""Predicates in check files that PostgreSQL cannot evaluate; every check that needs rows of the table fails by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.catalog.model import Catalog
from harness.declarations import DeclaredCheck
from harness.probes.statement import identifier, qualified


@dataclass(frozen=True)
class InvalidPredicate:
    """A predicate that a check declares, and the server's error for it."""

    check: DeclaredCheck
    predicate: str
    message: str

    def __str__(self) -> str:
        return f"PostgreSQL cannot evaluate {self.predicate}: {self.message}"


def invalid_predicates(
    connection: psycopg.Connection[Any], declared: Sequence[DeclaredCheck], catalog: Catalog
) -> Iterator[InvalidPredicate]:
    """Has the server plan each declared predicate; evaluates nothing, and leaves nothing behind."""
    for check in declared:
        table = catalog.tables.get(check.table) if check.table else None
        if table is None:
            continue
        for rule in check.rule.rules():
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(f"set local search_path to {identifier(table.name.schema)}, public".encode())
                    query = f"explain select from {qualified(table.name)} where ({rule.predicate}\n)"
                    connection.execute(query.encode(), prepare=False)
            except (psycopg.ProgrammingError, psycopg.DataError) as error:
                yield InvalidPredicate(check, rule.predicate, server_words(error))


def server_words(error: psycopg.Error) -> str:
    """The message and the SQLSTATE of an error."""
    return f"{error.diag.message_primary} ({error.sqlstate})"
