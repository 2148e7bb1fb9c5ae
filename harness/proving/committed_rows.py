"""Tries a probe again on rows that were committed before it, in a clone.

PostgreSQL checks the foreign keys of a row that is updated although they stay as they are, if the row was inserted by
the same transaction (``RI_FKey_fk_upd_check_required``): where cascades meet, ON DELETE SET NULL changes a row that
another cascade is about to delete, and is refused, as it never is in production.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from harness.catalog import Catalog
from harness.probes import Accepted, Delete, Probe, Reply, Scenario, ServerError, Session, TimeLimits, Update
from harness.races import Databases

NO_PARENT = "23503"


def is_in_doubt(probe: Probe, reply: Reply) -> bool:
    """Whether a change was refused by a foreign key, as it might not be on rows of another transaction."""
    refused = reply.refusal is not None and reply.refusal.sqlstate == NO_PARENT
    return refused and isinstance(probe.expected, Accepted) and isinstance(probe.statement, Delete | Update)


@dataclass(frozen=True)
class CommittedRows:
    """Makes a clone for each probe, and drops it afterwards."""

    databases: Databases
    catalog: Catalog
    time_limits: TimeLimits

    def reply(self, scenario: Scenario, probe: Probe) -> Reply | None:
        """Returns the reply to a probe on committed rows of the scenario; None if these are refused."""
        name = self.databases.clone()
        try:
            with self.databases.connect(name) as connection:
                connection.execute(f"set statement_timeout = {self.time_limits.batch}".encode())
                return self._replied(connection, scenario, probe)
        finally:
            self.databases.drop(name)

    def _replied(self, connection: psycopg.Connection[Any], scenario: Scenario, probe: Probe) -> Reply | None:
        try:
            with connection.transaction():
                for statement in scenario.setup:
                    connection.execute(statement.sql.encode())
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            return None
        answer = Session(connection, self.catalog, (), self.time_limits).replies(Scenario((), (probe,)))
        return None if isinstance(answer, ServerError) else answer[0]
