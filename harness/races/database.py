"""A database in which races are run: inserts rows before each race, and deletes them after it.

Two transactions leave committed rows: these are deleted, so that the next race finds what this one found. The clone is
dropped, and a new one made, if a row stays or rows are unknown. Triggers are switched off meanwhile if the role may.
Not here: the order of statements (``play.py``), and what a race says of the check (``proving/racing.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import psycopg

from harness.catalog import Catalog, Roles
from harness.global_objects.guards import ScratchGuard
from harness.probes import (
    Delete,
    Execute,
    Insert,
    SqlStatement,
    Update,
    condition,
    conflicts,
    identifier,
    literal,
    of_error,
    others,
    qualified,
)
from harness.project.model import TableName, Values
from harness.races.race import RESULT, SESSIONS, UNSEEN, Invariant, Race
from harness.races.sessions import CommandResult, LockMonitor, RaceSession

UNCOMPARABLE = ("json", "xml", "point")

FIRING = {"A": "always", "R": "replica"}
"""The word of ALTER TABLE that enables triggers which fire for replicas as well, by ``pg_trigger.tgenabled``."""

NO_REFUSAL = ("53", "57", "58", "XX")
"""Classes of SQLSTATE that say nothing about rows: the server is full, going away, or broken."""


class Unplayable(Exception):
    """The rows before a race could not be inserted, for the reason given."""


class Databases(Protocol):
    """Makes scratch databases, connects to them and drops them."""

    def clone(self) -> str: ...
    def empty(self) -> str: ...
    def guard(self) -> ScratchGuard: ...
    def connect(self, dbname: str) -> psycopg.Connection[Any]: ...
    def drop(self, dbname: str) -> None: ...


class RaceDatabase:
    """A clone with two sessions and a monitor, opened when first asked for and dropped at the end.

    Rows are deleted after each race, so that the next finds what the last one found; where one of our ``roles`` may
    disable triggers, none fires meanwhile. Where rows stay, the next race gets a new clone.
    """

    def __init__(self, databases: Databases, catalog: Catalog, roles: Roles) -> None:
        self._databases = databases
        self._catalog = catalog
        self._disable_triggers = roles.may_disable_triggers
        self._name: str | None = None
        self._used = False
        self._has_unknown_rows = False
        self._rows: list[SqlStatement] = []

    def __enter__(self) -> RaceDatabase:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the sessions, whatever they wait for, and drops the clone."""
        if self._name is None:
            return
        name, self._name = self._name, None
        try:
            for session in (self.a, self.b):
                session.close()
            self.monitor.connection.close()
        finally:
            self._databases.drop(name)

    def insert_rows(self, setup: Sequence[SqlStatement], invariant: Invariant) -> str:
        """Commits the rows and returns what the invariant's query finds then. Raises :class:`Unplayable`.

        Where rows of other races may be in the way, it is tried again in a new clone.
        """
        self._delete_rows()
        used = self._name is not None and self._used
        try:
            return self._insert_rows(setup, invariant)
        except Unplayable:
            if not used:
                raise
        self.close()
        return self._insert_rows(setup, invariant)

    def _insert_rows(self, setup: Sequence[SqlStatement], invariant: Invariant) -> str:
        if self._name is None:
            self._open()
        try:
            self._commit([statement.sql for statement in setup])
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith(NO_REFUSAL):
                raise
            if conflicts(of_error(error), self.monitor.connection.info.backend_pid):
                raise  # another session is to blame, not the rows
            raise Unplayable(f"the rows before it were refused: {error.diag.message_primary}") from None
        self._used, self._rows = True, [*setup]
        observation = UNSEEN if invariant.only_at_end else self.query_text(invariant.sql)
        if not (invariant.only_at_end or invariant.allows(observation, observation)):
            raise Unplayable(f"before it there was {observation}")
        return observation

    def query_text(self, query: str) -> str:
        """The one text that a query finds in the committed rows."""
        row = self.monitor.connection.execute(query.encode()).fetchone()
        return str(row[0]) if row else "no row"

    def share_results(self, results: Mapping[str, CommandResult]) -> None:
        """Gives the monitor the rows that the last statements of the two sessions returned."""
        for setting in result_settings(results):
            self.monitor.connection.execute(setting.encode())

    def others(self) -> list[str]:
        """Other sessions in the clone that have locks or wait for some."""
        return others(self.monitor.connection, (self.a.pid, self.b.pid))

    def note_writes(self, race: Race) -> None:
        """Notes the rows that a race will write, to be deleted as well; if they are unknown, the clone is dropped."""
        self._rows += [*race.a, *race.b]
        self._has_unknown_rows = race.writes_other_rows

    def _open(self) -> None:
        name = self._databases.clone()
        made: list[psycopg.Connection[Any]] = []
        try:
            for _ in range(3):
                made.append(self._databases.connect(name))
            self.a, self.b = (
                RaceSession(who, each, self._catalog) for who, each in zip(SESSIONS, made[:2], strict=True)
            )
            self.monitor = LockMonitor(made[2])
        except BaseException:
            for connection in made:
                connection.close()
            self._databases.drop(name)
            raise
        self._name, self._used, self._has_unknown_rows, self._rows = name, False, False, []

    def _commit(self, commands: Sequence[str]) -> None:
        with self.monitor.connection.transaction():
            self.monitor.connection.execute(";\n".join(commands or ["select"]).encode())

    def _delete_rows(self) -> None:
        """Deletes the rows of the last race, the last row first; where one stays, drops the clone."""
        if self._has_unknown_rows:
            self.close()
        deletes = [delete for each in reversed(self._rows) for delete in self._deletes(each)]
        if self._name is None or not deletes:
            return
        blocks = "\n".join(f"begin {each.sql}; exception when others then null; end;" for each in deletes)
        off, on = self._switches({each.table for each in deletes}) if self._disable_triggers else ([], [])
        self._commit([*off, f"do $harness$ begin {blocks} end $harness$", *on])
        self._rows = []
        left = " or ".join(
            f"exists (select from {qualified(each.table)} where {condition(each.key)})" for each in deletes
        )
        if self.query_text(f"select ({left})::text") == "true":
            self.close()

    def _switches(self, tables: Iterable[TableName]) -> tuple[list[str], list[str]]:
        """Statements that switch the triggers of tables off, and on again as they were."""
        off, on = ["set local session_replication_role = replica"], []
        for table in sorted(tables):
            for trigger in self._catalog.table(table).triggers:
                if trigger.enabled in FIRING:
                    alter, name = f"alter table {qualified(table)}", identifier(trigger.name)
                    off.append(f"{alter} disable trigger {name}")
                    on.append(f"{alter} enable {FIRING[trigger.enabled]} trigger {name}")
        return off, on

    def _deletes(self, statement: SqlStatement) -> list[Delete]:
        match statement:
            case Insert(table, values):
                return [Delete(table, self._key(table, values))]
            case Update(table, key, changes):
                # A row whose key was changed is not found by its old key.
                moved = {column: changes.get(column, value) for column, value in key.items()}
                return [Delete(table, moved)] if moved != key else []
            case Execute(instead_of=Insert() as row, beside=others):
                return [delete for each in (*others, row) for delete in self._deletes(each)]
            case Execute(leaves=Insert() as row):
                return self._deletes(row)
            case Delete() | Execute():
                return []

    def _key(self, table: TableName, values: Values) -> Values:
        definition = self._catalog.table(table)
        if definition.primary_key and all(column in values for column in definition.primary_key):
            return {column: values[column] for column in definition.primary_key}
        kinds = {column.name: column.base_name for column in definition.columns}
        return {column: value for column, value in values.items() if kinds.get(column) not in UNCOMPARABLE}


def result_settings(results: Mapping[str, CommandResult]) -> Iterator[str]:
    """Statements that put the rows which the last statements of the sessions returned into settings."""
    for session in SESSIONS:
        rows = json.dumps(results[session].returned if session in results else [], ensure_ascii=False)
        yield f"select set_config('harness.{RESULT}_{session.lower()}', {literal(rows).strip()}, false)"
