"""A database in which races are run, and the rows that are put up in it before each and taken away after it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from harness.catalog.model import Catalog
from harness.probes import Delete, Execute, Insert, Statement, Update
from harness.probes.disturbance import conflicts, of_error, others
from harness.probes.statement import condition, identifier, literal, qualified
from harness.project.model import TableName, Values
from harness.races.race import RESULT, SESSIONS, UNSEEN, Race, Watch
from harness.races.sessions import Answer, Contender, Watcher

if TYPE_CHECKING:
    import psycopg

    from harness.global_objects.outside import Confined

UNCOMPARABLE = ("json", "xml", "point")

FIRING = {"A": "always", "R": "replica"}
"""Triggers that fire for replicas as well, by the letter that the catalog has for them."""

NO_REFUSAL = ("53", "57", "58", "XX")
"""Classes of SQLSTATE that say nothing of rows: the server is full, going away, or broken."""


class Unplayable(Exception):
    """The rows before a race could not be put up, for the reason given."""


class Databases(Protocol):
    """Makes scratch databases, connects to them and drops them."""

    def clone(self) -> str: ...
    def empty(self) -> str: ...
    def connect(self, dbname: str) -> psycopg.Connection[Any]: ...
    def drop(self, dbname: str) -> None: ...
    def outside(self) -> Confined: ...


class Stage:
    """A clone with two contenders and a watcher, opened when first asked for and dropped at the end.

    Rows are deleted after each race, so that the next finds what the last one found; who is ``silent`` may have all
    triggers look away meanwhile. Where rows stay, the next race gets a new clone.
    """

    def __init__(self, databases: Databases, catalog: Catalog, silent: bool) -> None:
        self._databases = databases
        self._catalog = catalog
        self._silent = silent
        self._name: str | None = None
        self._used = False
        self._spoilt = False
        self._standing: list[Statement] = []

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the sessions, whatever they wait for, and drops the clone."""
        if self._name is None:
            return
        name, self._name = self._name, None
        try:
            for contender in (self.a, self.b):
                contender.close()
            self.watcher.connection.close()
        finally:
            self._databases.drop(name)

    def put_up(self, setup: Sequence[Statement], watch: Watch) -> str:
        """Commits the rows and returns what the watch sees then. Raises :class:`Unplayable`.

        What other races left may be in the way: then it is a new clone, where nothing is.
        """
        self._tidy()
        used = self._name is not None and self._used
        try:
            return self._put_up(setup, watch)
        except Unplayable:
            if not used:
                raise
        self.close()
        return self._put_up(setup, watch)

    def _put_up(self, setup: Sequence[Statement], watch: Watch) -> str:
        import psycopg

        if self._name is None:
            self._open()
        try:
            self._commit([statement.sql for statement in setup])
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith(NO_REFUSAL):
                raise
            if conflicts(of_error(error), self.watcher.connection.info.backend_pid):
                raise  # not the rows' doing, but another session's
            raise Unplayable(f"the rows before it were refused: {error.diag.message_primary}") from None
        self._used, self._standing = True, [*setup]
        picture = UNSEEN if watch.in_the_end else self.look(watch.sql)
        if not watch.bears(picture):
            raise Unplayable(f"before it there was {picture}")
        return picture

    def look(self, query: str) -> str:
        """The one text of a query, of what is committed."""
        row = self.watcher.connection.execute(query.encode()).fetchone()
        return str(row[0]) if row else "no row"

    def tell(self, results: Mapping[str, Answer]) -> None:
        """Has the third session know what the last statements of the others returned."""
        for setting in told(results):
            self.watcher.connection.execute(setting.encode())

    def others(self) -> list[str]:
        """The sessions in the clone that have locks or wait for some, and are none of the stage's."""
        return others(self.watcher.connection, (self.a.pid, self.b.pid))

    def wrote(self, race: Race) -> None:
        """Notes what a race is about to write, to be taken away as well; if that cannot be told, all is."""
        self._standing += [*race.a, *race.b]
        self._spoilt = race.writes_more

    def _open(self) -> None:
        name = self._databases.clone()
        made: list[psycopg.Connection[Any]] = []
        try:
            for _ in range(3):
                made.append(self._databases.connect(name))
            self.a, self.b = (Contender(who, each, self._catalog) for who, each in zip(SESSIONS, made[:2], strict=True))
            self.watcher = Watcher(made[2])
        except BaseException:
            for connection in made:
                connection.close()
            self._databases.drop(name)
            raise
        self._name, self._used, self._spoilt, self._standing = name, False, False, []

    def _commit(self, commands: Sequence[str]) -> None:
        with self.watcher.connection.transaction():
            self.watcher.connection.execute(";\n".join(commands or ["select"]).encode())

    def _tidy(self) -> None:
        """Deletes what the last race put up, the last row first; where a row stays, the clone is given up."""
        if self._spoilt:
            self.close()
        deletes = [delete for each in reversed(self._standing) for delete in self._deletes(each)]
        if self._name is None or not deletes:
            return
        blocks = "\n".join(f"begin {each.sql}; exception when others then null; end;" for each in deletes)
        off, on = self._silence({each.table for each in deletes}) if self._silent else ([], [])
        self._commit([*off, f"do $harness$ begin {blocks} end $harness$", *on])
        self._standing = []
        left = " or ".join(
            f"exists (select from {qualified(each.table)} where {condition(each.key)})" for each in deletes
        )
        if self.look(f"select ({left})::text") == "true":
            self.close()

    def _silence(self, tables: Iterable[TableName]) -> tuple[list[str], list[str]]:
        """What switches the triggers of these tables off, and on again as they were."""
        off, on = ["set local session_replication_role = replica"], []
        for table in sorted(tables):
            for trigger in self._catalog.table(table).triggers:
                if trigger.enabled in FIRING:
                    alter, name = f"alter table {qualified(table)}", identifier(trigger.name)
                    off.append(f"{alter} disable trigger {name}")
                    on.append(f"{alter} enable {FIRING[trigger.enabled]} trigger {name}")
        return off, on

    def _deletes(self, statement: Statement) -> list[Delete]:
        match statement:
            case Insert(table, values):
                return [Delete(table, self._key(table, values))]
            case Update(table, key, changes):
                # A row whose key was changed is not found by what it had been.
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


def told(results: Mapping[str, Answer]) -> Iterator[str]:
    """Statements that put into settings what the last statements of the sessions returned."""
    for session in SESSIONS:
        rows = json.dumps(results[session].returned if session in results else [], ensure_ascii=False)
        yield f"select set_config('harness.{RESULT}_{session.lower()}', {literal(rows).strip()}, false)"
