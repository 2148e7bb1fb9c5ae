"""Scratch databases, templates and what killed runs leave behind, on a real server."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from harness.errors import StatementError, TargetError
from harness.global_objects import registry
from harness.global_objects.guards import ScratchGuard
from harness.migrations.migrate import Migrator
from harness.project import migrations
from harness.project.model import Migration, Module, Project, Seed, TableName, Target
from harness.scratch import workspaces
from harness.scratch.templates import clean
from harness.scratch.workspaces import Workspace, workspace
from harness.server import binaries
from harness.server.cluster import cluster
from harness.server.connection import Connection, Server

Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A project of one module ``shop`` whose single migration is ``text``."""

    def project(text: str, *, root: Path = tmp_path, name: str = "demo") -> Project:
        up = root / "001_tables.up.sql"
        up.write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        module = Module("shop", migrations=(Migration("shop", 1, "tables", up, None, digest),))
        return Project(root, name, (module,), "embedded", {"embedded": Target("embedded", "embedded")}, {})

    return project


def run_files(connection: Connection, project: Project, modules: tuple[Module, ...], guard: ScratchGuard) -> None:
    """A build that runs the files, without seeds."""
    Migrator(connection, project, modules, guard).apply()


@pytest.fixture(autouse=True)
def tidy(server: Server) -> Iterator[None]:
    """Every test starts and ends with nothing of ours on the server."""
    yield
    clean(server, None)
    with server.connect() as connection:
        assert registry.scratch_databases(connection) == ()
        assert registry.templates(connection) == ()


def databases(server: Server) -> set[str]:
    with server.connect() as connection:
        return {name for (name,) in connection.execute("select datname from pg_database where datname ~ '^harness_'")}


def tables(space: Workspace, name: str) -> list[str]:
    with space.connect(name) as connection:
        return [
            row[0]
            for row in connection.execute(
                "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
            )
        ]


def test_clone_holds_what_the_build_made_and_empty_nothing(server: Server, make: Make) -> None:
    project = make("create table thing (id int)")
    with workspace(server, project, project.modules, build=run_files) as space:
        assert tables(space, space.clone()) == ["thing"]
        assert tables(space, space.empty()) == []


def test_template_holds_migrations_and_seeds(server: Server, make: Make) -> None:
    project = make("create schema shop; create table shop.thing (id int primary key);")
    csv = project.root / "thing.csv"
    names = []
    for rows in ("1\n2\n", "3\n"):
        csv.write_text(f"id\n{rows}")
        module = replace(project.modules[0], seeds=(Seed("shop", TableName("shop", "thing"), csv, "csv"),))
        seeded = replace(project, modules=(module,))
        with workspace(server, seeded, seeded.modules) as space:
            names.append(space.template())
            with space.connect(space.clone()) as connection:
                assert connection.execute("select id::text || e'\\n' from shop.thing order by id").fetchall() == [
                    (line,) for line in rows.splitlines(keepends=True)
                ]
                assert connection.execute("select module, version from harness.migrations").fetchall() == [("shop", 1)]
    assert databases(server) == {names[1]}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            psycopg.errors.DiskFull("planted"),
            "the server's disk is full\nhint: free some space; harness clean removes what the tool keeps there",
        ),
        (
            psycopg.errors.TooManyConnections("planted"),
            "the server takes no more connections\nhint: close some, or raise max_connections",
        ),
        (
            psycopg.OperationalError("planted\nand more"),
            "the server failed: planted\n"
            "hint: see the server's log (is its disk full?); scratch databases left behind go with the next run",
        ),
    ],
)
def test_troubles_of_a_server(server: Server, error: psycopg.Error, message: str) -> None:
    with server.connect() as connection, pytest.raises(TargetError) as caught, registry.translated(connection):
        raise error
    assert str(caught.value) == message


def test_server_that_dies_under_a_workspace(cluster_base: Path, make: Make) -> None:
    project = make("select 1")
    with (
        pytest.raises(TargetError, match="the server failed: "),
        cluster(binaries.embedded(), cluster_base / "dying") as dying,
        workspace(dying, project, (), build=run_files) as space,
    ):
        space.empty()
        data = space.maintenance.execute("show data_directory").fetchone()
        assert data
        pid_file = Path(data[0]) / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
        wait_until(lambda: not pid_file.exists())
        space.empty()
    with (
        cluster(binaries.embedded(), cluster_base / "dying") as again,
        workspace(again, project, (), build=run_files) as space,
    ):
        assert registry.scratch_databases(space.maintenance) == ()


def test_the_system_server_does_as_well(system_server: Server, make: Make) -> None:
    project = make("create table thing (id int); create role harness_test_system")
    with workspace(system_server, project, project.modules, build=run_files) as space:
        name = space.template()
        assert tables(space, space.clone()) == ["thing"]
    assert clean(system_server, project) == [
        f"dropped template {name} of project demo",
        "dropped role harness_test_system",
    ]


def test_template_is_built_once_and_kept(server: Server, make: Make) -> None:
    project = make("create table thing (id int)")
    built = []

    def build(connection: Connection, project: Project, modules: tuple[Module, ...], guard: ScratchGuard) -> None:
        built.append(modules)

    for _ in range(2):
        with workspace(server, project, project.modules, build=build) as space:
            space.clone()
            space.clone()
            template = space.template()
    assert built == [project.modules]
    assert databases(server) == {template}


def test_template_takes_no_connections(server: Server, make: Make) -> None:
    project = make("select 1")
    with (
        workspace(server, project, project.modules, build=run_files) as space,
        pytest.raises(TargetError, match="is not currently accepting connections"),
    ):
        space.connect(space.template())


def test_edited_migration_makes_another_template_and_drops_the_older(server: Server, make: Make) -> None:
    for text in ("create table one (id int)", "create table two (id int)"):
        project = make(text)
        with workspace(server, project, project.modules, build=run_files) as space:
            name = space.template()
    assert databases(server) == {name}


def test_a_comment_in_a_migration_keeps_the_template(server: Server, tmp_path: Path) -> None:
    found = []
    for text in ("create table t ();", "-- said\ncreate table t ();", "create table t (x int);"):
        for direction in ("up", "down"):
            (tmp_path / f"001_tables.{direction}.sql").write_text(text if direction == "up" else "drop table t;")
        module = Module("shop", migrations=migrations.discover(tmp_path, "shop", tmp_path))
        project = Project(tmp_path, "demo", (module,), "embedded", {}, {})
        with workspace(server, project, project.modules, build=run_files) as space:
            found.append(space.template())
    assert found[0] == found[1] != found[2]


def test_older_template_in_use_stays(server: Server, make: Make) -> None:
    old, new = make("create table one (id int)"), None
    with workspace(server, old, old.modules, build=run_files) as user:
        older = user.template()
        new = make("create table two (id int)")
        with workspace(server, new, new.modules, build=run_files) as space:
            newer = space.template()
        assert {older, newer} <= databases(server)
        assert tables(user, user.clone()) == ["one"]
        assert f"kept template {older} of project demo: a run uses it" in clean(server, None)


def test_template_of_another_module_set_stays_while_current(server: Server, make: Make) -> None:
    project = make("select 1")
    with workspace(server, project, project.modules, build=run_files) as space:
        whole = space.template()
    with workspace(server, project, (), build=run_files) as space:
        part = space.template()
    assert databases(server) == {whole, part}


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, ValueError])
def test_databases_go_with_the_workspace(server: Server, make: Make, raised: type[BaseException]) -> None:
    project = make("select 1")
    with pytest.raises(raised), workspace(server, project, project.modules, build=run_files) as space:
        open_connection = space.connect(space.empty())
        template = space.template()
        space.clone()
        raise raised
    open_connection.close()
    assert databases(server) == {template}


def test_drop(server: Server, make: Make) -> None:
    project = make("select 1")
    with workspace(server, project, project.modules, build=run_files) as space:
        name = space.empty()
        space.drop(name)
        assert name not in databases(server)


def test_failed_build_leaves_nothing(server: Server, make: Make) -> None:
    project = make("create role harness_test_half")

    def build(connection: Connection, project: Project, modules: tuple[Module, ...], guard: ScratchGuard) -> None:
        run_files(connection, project, modules, guard)
        raise ValueError("planted")

    with workspace(server, project, project.modules, build=build) as space:
        with pytest.raises(ValueError, match="planted"):
            space.template()
        assert databases(server) == set()
        assert "harness_test_half" not in registry.role_names(space.maintenance)


def test_two_workspaces_side_by_side(server: Server, make: Make) -> None:
    project = make("select 1")
    with workspace(server, project, project.modules, build=run_files) as one:
        mine = one.clone()
        with workspace(server, project, project.modules, build=run_files) as other:
            theirs = other.clone()
            assert {mine, theirs} <= databases(server)
        assert mine in databases(server)
        assert theirs not in databases(server)


def test_two_builds_at_once_are_one(server: Server, make: Make) -> None:
    project = make("select 1")
    built: list[float] = []

    def build(connection: Connection, project: Project, modules: tuple[Module, ...], guard: ScratchGuard) -> None:
        built.append(time.monotonic())
        time.sleep(0.3)

    def run() -> None:
        with workspace(server, project, project.modules, build=build) as space:
            space.clone()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


KILLED = """
import json, os, sys, time
from pathlib import Path
from harness.server.connection import Server
from harness.migrations.migrate import Migrator
from harness.scratch.workspaces import workspace
from harness.project.model import Migration, Module, Project

facts = json.loads(sys.argv[1])
server = Server(**facts["server"])
up = Path(facts["up"])
module = Module("shop", migrations=(Migration("shop", 1, "tables", up, None, facts["hash"]),))
project = Project(up.parent, "demo", (module,), "embedded", {}, {})

def build(connection, project, modules, guard):
    Migrator(connection, project, modules, guard).apply()
    if facts["stop"] == "build":
        print("ready", flush=True)
        time.sleep(60)

with workspace(server, project, project.modules, build=build) as space:
    space.clone()
    space.empty()
    print("ready", flush=True)
    time.sleep(60)
"""


def start_run(server: Server, project: Project, stop: str) -> subprocess.Popen[str]:
    migration = project.modules[0].migrations[0]
    facts = {
        "server": {
            "conninfo": dict(server.conninfo),
            "own": server.own,
            "version": server.version,
            "description": server.description,
            "default_database": server.default_database,
        },
        "up": str(migration.up),
        "hash": migration.hash,
        "stop": stop,
    }
    root = str(Path(workspaces.__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, json.dumps(facts)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str], number: signal.Signals = signal.SIGKILL) -> None:
    process.send_signal(number)
    process.wait()
    assert process.stdout
    process.stdout.close()


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_leftovers_of_a_killed_run_are_dropped_and_no_others(server: Server, make: Make) -> None:
    project = make("select 1")
    process = start_run(server, project, "work")
    left = {name for name in databases(server) if registry.SCRATCH.fullmatch(name)}
    assert len(left) == 2
    with workspace(server, project, project.modules, build=run_files):
        assert left <= databases(server), "the run is still alive"
    kill(process)
    with server.connect() as connection:
        wait_until(lambda: set(registry.leftovers(connection)) == left)
    with workspace(server, project, project.modules, build=run_files):
        assert not left & databases(server)


def test_interrupted_run_takes_its_databases_along(server: Server, make: Make) -> None:
    process = start_run(server, make("select 1"), "work")
    kill(process, signal.SIGINT)
    assert not [name for name in databases(server) if registry.SCRATCH.fullmatch(name)]


def test_roles_of_a_build_that_was_killed_are_dropped(server: Server, make: Make) -> None:
    project = make("create role harness_test_killed")
    kill(start_run(server, project, "build"))
    with server.connect() as connection:
        assert "harness_test_killed" in registry.role_names(connection)
        wait_until(lambda: bool(registry.leftovers(connection)))
        with workspace(server, project, project.modules, build=run_files):
            assert "harness_test_killed" not in registry.role_names(connection)


def test_clean_drops_templates_and_their_roles(server: Server, make: Make) -> None:
    project = make("create role harness_test_one; create role harness_test_two")
    with workspace(server, project, project.modules, build=run_files) as space:
        template = space.template()
        with server.connect() as connection:
            found = registry.recorded(connection)
            assert {role.name for role in found} == {"harness_test_one", "harness_test_two"}
    with server.connect() as connection:
        connection.execute("create table harness_test_table (id int)")
        connection.execute("grant select on harness_test_table to harness_test_two")
        try:
            said = clean(server, project)
        finally:
            connection.execute("drop table harness_test_table")
            connection.execute("drop role harness_test_two")
    assert said == [
        f"dropped template {template} of project demo",
        "dropped role harness_test_one",
        "kept role harness_test_two: something else depends on it, in postgres",
    ]


def test_roles_go_with_the_last_template_that_was_made_with_them(server: Server, make: Make) -> None:
    old = make("create role harness_test_kept; create table a (id int); grant select on a to harness_test_kept")
    with workspace(server, old, old.modules, build=run_files) as user:
        user.template()
        new = make("create role harness_test_kept; create table b (id int); grant select on b to harness_test_kept")
        with workspace(server, new, new.modules, build=run_files) as space:
            space.template()
    with server.connect() as connection:
        assert {role.name for role in registry.recorded(connection)} == {"harness_test_kept"}
    assert "dropped role harness_test_kept" in clean(server, new)


def test_a_role_that_nothing_uses_goes_when_its_migration_changes(server: Server, make: Make) -> None:
    for text in ("create role harness_test_kept", "create role harness_test_kept bypassrls"):
        project = make(text)
        with workspace(server, project, project.modules, build=run_files) as space:
            space.template()
            with server.connect() as connection:
                row = connection.execute("select rolbypassrls from pg_roles where rolname = 'harness_test_kept'")
                assert row.fetchone() == ("bypassrls" in text,)


def test_roles_that_the_migrations_do_not_name_are_somebody_elses(server: Server, make: Make) -> None:
    project = make("select 1")

    def build(connection: Connection, project: Project, modules: tuple[Module, ...], guard: ScratchGuard) -> None:
        connection.execute("create role harness_test_stranger")

    with workspace(server, project, project.modules, build=build) as space:
        space.template()
    try:
        clean(server, project)
        with server.connect() as connection:
            assert "harness_test_stranger" in registry.role_names(connection)
    finally:
        with server.connect() as connection:
            connection.execute("drop role harness_test_stranger")


def test_clean_of_one_project_leaves_the_others(server: Server, make: Make, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    mine, other = make("select 1"), make("select 1", root=tmp_path / "other")
    for project in (mine, other):
        with workspace(server, project, project.modules, build=run_files) as space:
            name = space.template()
    clean(server, mine)
    assert databases(server) == {name}


@pytest.fixture
def plain_server(server: Server) -> Iterator[Server]:
    """The same server for a user who may do nothing."""
    with server.connect() as connection:
        connection.execute("create role harness_test_plain login")
        try:
            yield Server(
                {**server.conninfo, "user": "harness_test_plain"},
                False,
                server.version,
                "plain",
                server.default_database,
            )
        finally:
            connection.execute("drop role harness_test_plain")


def test_missing_createdb(plain_server: Server, make: Make) -> None:
    project = make("select 1")
    with (
        pytest.raises(TargetError) as caught,
        workspace(plain_server, project, project.modules, build=run_files) as space,
    ):
        space.empty()
    assert str(caught.value) == (
        '"harness_test_plain" may not create databases on this server, and rules are proven in scratch databases\n'
        'hint: let an administrator run: ALTER ROLE "harness_test_plain" CREATEDB; or use --target embedded'
    )


def test_missing_createrole(server: Server, plain_server: Server, make: Make) -> None:
    project = make("create role harness_test_role")

    with server.connect() as connection:
        connection.execute(sql.SQL("alter role harness_test_plain createdb"))
    willing = replace(plain_server, scratch_roles=True)
    with workspace(willing, project, project.modules, build=run_files) as space:
        with pytest.raises(StatementError) as caught:
            space.template()
        assert databases(server) == set()
    assert caught.value.message == "permission denied to create role (42501)"
    assert str(caught.value).endswith(
        '\nhint: if it needs to create roles, let an administrator run: ALTER ROLE "harness_test_plain" CREATEROLE'
    )
