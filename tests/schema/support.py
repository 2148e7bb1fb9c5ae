"""What the tests of several modules share: a database that stands, refusals by name, roles, and sessions that meet."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from harness.server.connection import Server
from harness.server.connection import value as first_value

from .conftest import ORDINARY, SCHEMA, Fresh

Connection = psycopg.Connection[tuple[Any, ...]]

ADA = "0f0c6d4e-6c1b-4b0e-9a65-0f6e1f2f7a01"
GRACE = "1d2b7c58-3f5a-4f0c-8f43-5a9d8f0f6b02"

NOBODY = [
    None,
    "",
    " ",
    "{not json",
    "[]",
    "null",
    "{}",
    '{"role": "authenticated"}',
    '{"sub": null}',
    '{"sub": ""}',
    '{"sub": "somebody"}',
]
"""Claims by which nobody asks."""

_ROLES = ((ORDINARY, ""), ("anon", ""), ("authenticated", ""), ("service_role", "bypassrls"))
_numbers = itertools.count()


def migrations(*modules: str) -> tuple[str, ...]:
    """Every migration of the modules, in order: ``platform/001_auth``."""
    suffix = ".up.sql"
    return tuple(
        f"{module}/{path.name.removesuffix(suffix)}"
        for module in modules
        for path in sorted((SCHEMA / module).glob(f"*{suffix}"))
    )


@contextmanager
def standing(server: Server, ordinary: bool, files: Sequence[str], template: str = "template0") -> Iterator[Fresh]:
    """A database with these migrations applied, by a superuser or by an ordinary role that owns it."""
    name = f"schema_standing_{next(_numbers)}"
    owner = ORDINARY if ordinary else None
    with server.connect() as maintenance:
        for role, attributes in _ROLES:
            if first_value(maintenance, "select to_regrole(%s)", [role]) is None:
                maintenance.execute(f"create role {role} {attributes}".encode())
        create = sql.SQL("create database {} template {} owner {}")
        owned_by = sql.Identifier(owner) if owner else sql.SQL("default")
        maintenance.execute(create.format(sql.Identifier(name), sql.Identifier(template), owned_by))
        try:
            fresh = Fresh(server, name, owner)
            if files:
                fresh.up(*files)
            yield fresh
        finally:
            maintenance.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


SERVERS = [
    pytest.param((server, ordinary), id=f"{server.removesuffix('server') or 'embedded_'}{owner}")
    for server in ("server", "system_server")
    for ordinary, owner in ((False, "superuser"), (True, "ordinary"))
]
"""Each server, with the schema owned by a superuser and by an ordinary role: parameters of a fixture."""


@contextmanager
def undone(fresh: Fresh) -> Iterator[Connection]:
    """The owner's connection, in a transaction that is rolled back. The connection itself is a superuser's."""
    with fresh.server.connect(fresh.name) as connection:
        connection.autocommit = False
        become_owner(connection, fresh)
        yield connection
        connection.rollback()


def become_owner(connection: Connection, fresh: Fresh) -> None:
    authorization = sql.Identifier(fresh.owner) if fresh.owner else sql.SQL("default")
    connection.execute(sql.SQL("set local session authorization {}").format(authorization))


@contextmanager
def acting(connection: Connection, role: str, claims: str | dict[str, str] | None = None) -> Iterator[None]:
    """As a role, with claims; whoever asked before asks again afterwards."""
    before = connection.execute("select session_user, current_setting('request.jwt.claims', true)").fetchone()
    assert before
    with connection.transaction():
        connection.execute(sql.SQL("set local session authorization {}").format(sql.Identifier(role)))
        text = json.dumps(claims) if isinstance(claims, dict) else claims
        if text is not None:
            connection.execute("select set_config('request.jwt.claims', %s, true)", (text,))
        yield
        connection.execute(sql.SQL("set local session authorization {}").format(sql.Identifier(str(before[0]))))
        connection.execute("select set_config('request.jwt.claims', %s, true)", (before[1] or "",))


def user(identity: str, **more: str) -> dict[str, str]:
    """The claims of a user."""
    return {"sub": identity, "role": "authenticated", **more}


def refused(connection: Connection, statement: str, sqlstate: str, name: str | None = None) -> None:
    """The statement is refused with this SQLSTATE, by the rule of this name, and leaves nothing behind."""
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        connection.execute(statement.encode())
    found = caught.value.diag.constraint_name
    assert (caught.value.sqlstate, found) == (sqlstate, name), f"{statement}\n{caught.value}"


def accepted(connection: Connection, statement: str, rows: int | None = None) -> None:
    """The statement is accepted, touches as many rows as said, and is undone."""
    with connection.transaction(force_rollback=True):
        count = connection.execute(statement.encode()).rowcount
        assert rows is None or count == rows, statement


def value(connection: Connection, query: str) -> Any:
    """The first column of the first row."""
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


class Meeting:
    """Two sessions whose statements may wait for each other; ``a`` works in this thread, ``b`` in one of its own."""

    def __init__(self, a: Connection, b: Connection, watcher: Connection) -> None:
        self.a, self.b, self._watcher = a, b, watcher
        self._thread = ThreadPoolExecutor(1)

    def start(self, statement: str) -> Future[int]:
        """Begins a statement of ``b`` and returns once it waits for ``a``."""
        running = self._thread.submit(lambda: self.b.execute(statement.encode()).rowcount)
        pids = (self.b.info.backend_pid, self.a.info.backend_pid)
        deadline = time.monotonic() + 10
        waits = "select %s = any(pg_blocking_pids(%s))"
        while self._watcher.execute(waits, (pids[1], pids[0])).fetchone() != (True,):
            assert not running.done(), f"did not wait: {running.exception() or running.result()}"
            assert time.monotonic() < deadline, "the sessions never met"
            time.sleep(0.002)
        return running


@contextmanager
def meeting(fresh: Fresh, isolation: str = "read committed") -> Iterator[Meeting]:
    """Two owners' sessions, each in a transaction of this isolation level."""
    with (
        fresh.connect(autocommit=False) as a,
        fresh.connect(autocommit=False) as b,
        fresh.server.connect(fresh.name) as watcher,
    ):
        for session in (a, b):
            session.execute(f"set session characteristics as transaction isolation level {isolation}".encode())
            session.commit()
        meeting = Meeting(a, b, watcher)
        yield meeting
        for session in (a, b):
            session.rollback()


def refused_with(running: Future[int], sqlstate: str, name: str | None = None) -> None:
    """The statement of the other session has ended in this refusal."""
    error = running.exception(10)
    assert isinstance(error, psycopg.Error), "accepted"
    assert (error.sqlstate, error.diag.constraint_name) == (sqlstate, name), str(error)
