"""Dumps of the schema of a real database, the roles in it, and where a password does not go."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from harness.adopt import origin
from harness.errors import TargetError
from harness.foreign import builder
from harness.global_objects.guards import ScratchGuard
from harness.project.load import load
from harness.server import binaries
from harness.server.connection import Server

SCHEMA = """
create schema app authorization dump_owner;
set role dump_owner;
create table app."T x" (id int primary key, n text not null);
alter table app."T x" enable row level security;
create policy p on app."T x" to dump_team using (true);
grant select on app."T x" to "dump Service";
reset role;
create table public.other (id int);
"""
ROLES = ("dump_owner", "dump_team", "dump Service", "dump_stranger")


@pytest.fixture
def source(database: tuple[Server, str]) -> Iterator[tuple[Server, str]]:
    server, name = database
    with server.connect(name) as connection:
        for role in ROLES:
            connection.execute(f'create role "{role}" login'.encode())
        connection.execute('alter role "dump Service" bypassrls noinherit')
        connection.execute("grant dump_team to dump_owner")
        connection.execute(SCHEMA.encode())
    yield server, name
    with server.connect(name) as connection:
        connection.execute('drop owned by dump_owner, dump_team, "dump Service"')
        for role in ROLES:
            connection.execute(f'drop role "{role}"'.encode())


def test_what_is_dumped_can_be_built(source: tuple[Server, str], tmp_path: Path, system_server: Server) -> None:
    """On another server, which has none of the roles."""
    server, name = source
    (tmp_path / "project.yml").write_text("name: demo\nmodules: [app]\nbase: roles.sql\nmigrations: {path: db.sql}\n")
    origin.dump(server, tmp_path / "db.sql", dbname=name)
    with server.connect(name) as connection:
        (tmp_path / "roles.sql").write_text(origin.roles(connection))
    project = load(tmp_path)
    with system_server.connect() as maintenance:
        maintenance.execute("create database dumped template template0")
        try:
            with system_server.connect("dumped") as connection:
                builder.build(connection, project, ScratchGuard(maintenance, own=True, may_make=True))
                owner = connection.execute("select relowner::regrole::text from pg_class where relname = 'T x'")
                assert owner.fetchone() == ("dump_owner",)
                made = connection.execute(
                    "select rolname, rolcanlogin, rolbypassrls, rolinherit from pg_roles where rolname ~ '^dump'"
                    ' order by rolname collate "C"'
                )
                assert made.fetchall() == [
                    ("dump Service", False, True, False),
                    ("dump_owner", False, False, True),
                    ("dump_team", False, False, True),
                ]
                assert connection.execute("select pg_has_role('dump_owner', 'dump_team', 'usage')").fetchone() == (
                    True,
                )
        finally:
            maintenance.execute("drop database dumped with (force)")
            for role in ROLES:
                maintenance.execute(f'drop role if exists "{role}"'.encode())


def test_one_schema(source: tuple[Server, str], tmp_path: Path) -> None:
    server, name = source
    origin.dump(server, tmp_path / "db.sql", dbname=name, schemas=["app"])
    text = (tmp_path / "db.sql").read_text()
    assert 'CREATE TABLE app."T x"' in text
    assert "other" not in text


def test_a_password_stands_in_no_argument(
    source: tuple[Server, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, name = source
    seen: list[tuple[list[str], dict[str, str]]] = []
    run = subprocess.run

    def spy(command: list[str], **options: Any) -> Any:
        if Path(command[0]).name == "pg_dump":
            seen.append((command, options["env"]))
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", spy)
    guarded = replace(server, conninfo={**server.conninfo, "password": "hunter2"})
    origin.dump(guarded, tmp_path / "db.sql", dbname=name)
    ((command, environment),) = seen
    assert not any("hunter2" in argument for argument in command)
    assert environment["PGPASSWORD"] == "hunter2"
    assert "hunter2" not in os.environ.values()


def test_the_oldest_program_that_reads_the_server(
    source: tuple[Server, str], system_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, name = source
    assert origin._program(system_server).major == system_server.major
    older = tuple(each for each in binaries.installed() if each.major < server.major)
    monkeypatch.setattr(binaries, "installed", lambda: older)
    monkeypatch.setattr(binaries, "embedded", Mock(side_effect=TargetError("none")))
    with pytest.raises(TargetError) as caught:
        origin.dump(server, tmp_path / "db.sql", dbname=name)
    assert caught.value.message.startswith("PostgreSQL 18.")
    assert "needs a pg_dump of its version or newer; there is " in caught.value.message
    assert not (tmp_path / "db.sql").exists()


def test_a_database_that_cannot_be_read(source: tuple[Server, str], tmp_path: Path) -> None:
    server, _ = source
    with pytest.raises(TargetError) as caught:
        origin.dump(server, tmp_path / "db.sql", dbname="nowhere")
    assert 'database "nowhere" does not exist' in caught.value.message
    stranger = replace(server, conninfo={**server.conninfo, "user": "dump_stranger"})
    with pytest.raises(TargetError) as caught:
        origin.dump(stranger, tmp_path / "db.sql", dbname=source[1])
    assert "permission denied" in caught.value.message
    assert caught.value.hint == "connect as a role that may read these tables, such as their owner"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, ()),
        ('app, "$user", public', ("app", "public")),
        ('"We, ird", public', ("We, ird", "public")),
    ],
)
def test_the_search_path_of_a_database(
    source: tuple[Server, str], setting: str | None, expected: tuple[str, ...]
) -> None:
    server, name = source
    with server.connect(name) as connection:
        if setting:
            connection.execute(f"alter database {name} set search_path = {setting}".encode())
        assert origin.search_path(connection) == expected
