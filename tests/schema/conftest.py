"""The migrations of ``schema/`` by themselves, on both servers, as superuser and as an ordinary role."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from harness.server.connection import Server, value
from tests.cli.conftest import cli, environment, systems

__all__ = ["cli", "environment", "systems"]

SCHEMA = Path(__file__).parents[2] / "schema"
MIGRATIONS = ("platform/001_auth", "intents/001_tables", "intents/002_indexes", "intents/003_access")
ORDINARY = "schema_tests_owner"
_numbers = itertools.count()


@dataclass(frozen=True)
class Fresh:
    """An empty database and the role that owns it; ``connect()`` comes in as that role."""

    server: Server
    name: str
    owner: str | None

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[tuple[object, ...]]:
        connection = self.server.connect(self.name)
        connection.autocommit = autocommit
        if self.owner:
            # Not SET ROLE: a RESET ROLE would lead back to the superuser.
            connection.execute(sql.SQL("set session authorization {}").format(sql.Identifier(self.owner)))
        return connection

    def up(self, *migrations: str) -> None:
        for migration in migrations or MIGRATIONS:
            self._run(f"{migration}.up.sql")

    def down(self, *migrations: str) -> None:
        for migration in migrations or tuple(reversed(MIGRATIONS)):
            self._run(f"{migration}.down.sql")

    def _run(self, file: str) -> None:
        with self.connect(autocommit=False) as connection:
            connection.execute((SCHEMA / file).read_bytes())


@pytest.fixture(params=["server", "system_server"])
def any_server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    server: Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture(params=["superuser", "ordinary"])
def fresh(any_server: Server, request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """An empty database, owned by a superuser and by an ordinary role in turn."""
    name = f"schema_test_{next(_numbers)}"
    owner = ORDINARY if request.param == "ordinary" else None
    with any_server.connect() as maintenance:
        for role, attributes in ((ORDINARY, ""), ("anon", ""), ("authenticated", ""), ("service_role", "bypassrls")):
            if value(maintenance, "select to_regrole(%s)", [role]) is None:
                maintenance.execute(f"create role {role} {attributes}".encode())
        maintenance.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        if owner:
            grant = sql.SQL("alter database {} owner to {}")
            maintenance.execute(grant.format(sql.Identifier(name), sql.Identifier(owner)))
        yield Fresh(any_server, name, owner)
        maintenance.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def applied(fresh: Fresh) -> Fresh:
    """The same with every migration applied."""
    fresh.up()
    return fresh
