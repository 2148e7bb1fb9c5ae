"""People who ask in a database, and two sessions in each other's way."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from .conftest import SCHEMA, Fresh

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Asker:
    """A superuser's connection in a transaction that is undone, on which one becomes others."""

    connection: Connection
    owner: str | None

    def become(self, role: str, **settings: str | None) -> None:
        """``owner`` is the owner of the schema. Settings are named with ``__`` for the dot; None leaves one unset."""
        self.connection.execute("reset role")
        for name, value in settings.items():
            if value is not None:
                self.set(name, value)
        if role != "owner" or self.owner:
            self.connection.execute(f"set local role {self.owner if role == 'owner' else role}".encode())

    def set(self, name: str, value: str) -> None:
        self.connection.execute("select set_config(%s, %s, true)", (name.replace("__", "."), value))

    def run(self, statement: str, *values: object) -> psycopg.Cursor[tuple[Any, ...]]:
        return self.connection.execute(statement.encode(), values or None)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self.run(statement, *values).fetchall()

    def one(self, statement: str, *values: object) -> Any:
        found = self.run(statement, *values).fetchone()
        assert found is not None
        return found[0]

    def refused(self, statement: str, *values: object, by: str | None, sqlstate: str) -> None:
        """The statement fails, with this SQLSTATE and this constraint's name, and leaves the transaction usable."""
        with pytest.raises(psycopg.Error) as caught, self.connection.transaction():
            self.run(statement, *values)
        assert (caught.value.sqlstate, caught.value.diag.constraint_name) == (sqlstate, by), str(caught.value)

    def tried(self, statement: str, *values: object) -> int:
        """How many rows the statement reaches; it is undone."""
        with self.connection.transaction(force_rollback=True):
            return self.run(statement, *values).rowcount


@contextmanager
def asker(fresh: Fresh) -> Iterator[Asker]:
    with (
        fresh.server.connect(fresh.name) as connection,
        connection.transaction(force_rollback=True),
    ):
        yield Asker(connection, fresh.owner)


def load_csv(connection: Connection, path: str, table: str) -> None:
    """Rows of a seed file; an empty cell is null."""
    with (SCHEMA.parent / "seeds" / path).open(newline="") as file:
        header, *rows = csv.reader(file)
    marks = ", ".join(["%s"] * len(header))
    for row in rows:
        values = [cell or None for cell in row]
        connection.execute(f"insert into {table} ({', '.join(header)}) values ({marks})".encode(), values)


class Racing:
    """A statement in a session of its own, started while another session's transaction is open."""

    def __init__(self, connection: Connection, statement: str, values: Sequence[object] = ()) -> None:
        self.error: psycopg.Error | None = None
        self.rows: int | None = None
        self._connection = connection
        self._thread = threading.Thread(target=self._run, args=(statement, values))
        self._thread.start()

    def _run(self, statement: str, values: Sequence[object]) -> None:
        try:
            self.rows = self._connection.execute(statement.encode(), values or None).rowcount
            self._connection.commit()
        except psycopg.Error as error:
            self.error = error
            self._connection.rollback()

    def blocked(self, watcher: Connection) -> None:
        """Waits until it waits for another session; fails if it does not."""
        deadline = time.monotonic() + 10
        blocked = "select cardinality(pg_blocking_pids(%s)) > 0"
        while watcher.execute(blocked, (self._connection.info.backend_pid,)).fetchone() == (False,):
            assert self._thread.is_alive() and time.monotonic() < deadline, "the second session did not wait"
            time.sleep(0.005)

    def outcome(self) -> tuple[str | None, str | None, int | None]:
        """SQLSTATE and constraint of the refusal, or the number of rows."""
        self._thread.join(10)
        assert not self._thread.is_alive()
        if self.error is None:
            return None, None, self.rows
        return self.error.sqlstate, self.error.diag.constraint_name, None


@contextmanager
def two_sessions(fresh: Fresh) -> Iterator[tuple[Connection, Connection, Connection]]:
    """Two sessions of the owner in transactions, and one that watches."""
    with (
        fresh.connect(autocommit=False) as first,
        fresh.connect(autocommit=False) as second,
        fresh.server.connect(fresh.name) as watcher,
    ):
        yield first, second, watcher
