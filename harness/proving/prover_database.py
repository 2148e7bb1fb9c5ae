"""The scratch database that checks are proved in, with the connections to it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness import plugins
from harness.catalog import read
from harness.catalog.model import Table
from harness.catalog.roles import Roles
from harness.declarations import DeclaredCheck
from harness.probes import Session, TimeLimits
from harness.probes.renewal import Renewal, never_set
from harness.proving import unset
from harness.proving.ruleset import Ruleset
from harness.races import Databases

if TYPE_CHECKING:
    import psycopg

    from harness.project.model import Project, TableName


class ProverDatabase:
    """A clone in which rows are drawn over one connection and tried over another; no check changes it.

    ``left_settings`` are the custom settings that a role without claims may find left empty there.
    """

    def __init__(
        self, project: Project, databases: Databases, declared: Sequence[DeclaredCheck], time_limits: TimeLimits
    ) -> None:
        self._databases = databases
        self._clones: list[str] = []
        self._second: psycopg.Connection[Any] | None = None
        self._filled: set[TableName] = set()
        self._last_check_sets = False
        with ExitStack() as opened:
            name = self._clone()
            self.connection = databases.connect(name)
            opened.callback(self.connection.close)
            self.connection.execute("set statement_timeout = '5min'")
            self.catalog = read(self.connection, project.ledger_schema)
            self.rules = Ruleset.of(self.connection, self.catalog, declared)

            def connect() -> psycopg.Connection[Any]:
                self.trying = databases.connect(name)
                self.trying.execute(f"set statement_timeout = {time_limits.batch}".encode())
                return self.trying

            connect()
            opened.callback(lambda: self.trying.close())
            # What the server, the database or the role has set already is never missing, and never left empty.
            self.left_settings = never_set(self.trying, unset.left_empty(self.rules.checks, self.catalog))
            set_by_code = never_set(self.trying, unset.set_by_code(self.catalog))
            unknown_names = any(each.name is None for each in self.catalog.settings)
            self._renewal = Renewal(connect, set_by_code, unknown_names)
            companions = (self.connection.info.backend_pid,)
            self.session = Session(self.trying, self.catalog, companions, time_limits, self._renewal)
            self.roles = Roles(self.connection)
            self._opened = opened.pop_all()  # from here on close() closes them

    @property
    def is_stained(self) -> bool:
        """Whether a custom setting was set over the connection that rows are drawn by."""
        return replace(self._renewal, unknown_names=False).due(self.connection)

    def prepare_session(self, check: DeclaredCheck) -> None:
        """Gives the session a new connection if another check may have left a setting in the last one."""
        self.session.refresh(anew=self._last_check_sets)
        self._last_check_sets = unset.sets(check)

    def filled(self, table: Table) -> psycopg.Connection[Any]:
        """A connection to a second clone, in which tables are filled as they are asked for."""
        if self._second is None:
            self._second = self._databases.connect(self._clone())
            self._opened.callback(self._second.close)
        if table.name not in self._filled:
            plugins.load("bulk").grow(self._second, self.catalog, self.rules.pools, table)
            self._filled.add(table.name)
        return self._second

    def close(self) -> None:
        self._opened.close()

    def drop(self) -> None:
        """Closes the connections, and drops the clones."""
        self.close()
        for name in self._clones:
            self._databases.drop(name)

    def _clone(self) -> str:
        name = self._databases.clone()
        self._clones.append(name)
        return name
