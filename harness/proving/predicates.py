"""Predicates in check files that PostgreSQL cannot make sense of: any check that needs rows stumbles over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.catalog.model import Catalog
from harness.declarations import Check
from harness.probes.statement import identifier, qualified


@dataclass(frozen=True)
class InvalidPredicate:
    """A predicate that a check declares, and what the server says of it."""

    check: Check
    predicate: str
    message: str

    def __str__(self) -> str:
        return f"PostgreSQL cannot evaluate {self.predicate}: {self.message}"


def slips(
    connection: psycopg.Connection[Any], declared: Sequence[Check], catalog: Catalog
) -> Iterator[InvalidPredicate]:
    """Asks the server to plan each declared predicate. Nothing is evaluated, and nothing stays."""
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
                yield InvalidPredicate(check, rule.predicate, said(error))


def said(error: psycopg.Error) -> str:
    """The server's own words, and the code."""
    return f"{error.diag.message_primary} ({error.sqlstate})"
