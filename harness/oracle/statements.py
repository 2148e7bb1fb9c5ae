"""Executes statements in a transaction that is rolled back, and says what came of them.

Decides whether a statement has reached a row: also if a rule of the row refuses it, but not without the privilege.
Not here: probes (``probes``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from harness.probes.statement import assume


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
