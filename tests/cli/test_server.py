"""harness server: what was applied on the tool's own server is there for other programs, until nobody uses it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from harness.server import binaries, data_directory, resident
from harness.server.cluster import cluster
from tests.cli.conftest import Cli, ended

EMBEDDED = binaries.embedded()
NOT_UP = "not up; start it: harness server start\n"


@pytest.fixture
def base() -> Iterator[Path]:
    """A data directory of its own: nothing else may keep this server up."""
    directory = Path(tempfile.mkdtemp(prefix="harness-tests-"))
    directory.chmod(0o755)
    yield directory
    resident.stop(data_directory.locate(EMBEDDED, directory))
    shutil.rmtree(directory)


@pytest.fixture
def local(cli: Cli, base: Path) -> Cli:
    return Cli(cli.root, cli.name, {**cli.environment, "HARNESS_DATA": str(base)})


def since(dsn: str) -> str:
    """When the server was started."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select pg_postmaster_start_time()::text").fetchone()
    assert row
    return str(row[0])


def started(local: Cli) -> str:
    """The connection string of a server that was started."""
    done = local.run("server", "start")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def process(base: Path) -> int | None:
    return resident.process(data_directory.locate(EMBEDDED, base))


def test_runs_join_the_server_and_leave_it_up_for_others(local: Cli) -> None:
    assert (local.run("server", "status").returncode, local.run("server", "status").stdout) == (1, NOT_UP)
    dsn = started(local)
    assert dsn.startswith("postgresql://postgres:") and "@127.0.0.1:" in dsn and dsn.endswith(f"/{local.name}")
    moment = since(dsn)
    assert local.run("apply").returncode == 0
    assert local.run("test", "--seed", "1").returncode == 0
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into app.items (id) values (1)")
    assert since(dsn) == moment
    assert started(local) == dsn
    assert local.run("server", "status").stdout == f"{dsn}\n"
    assert local.run("server", "stop").stdout == "stopped\n"
    with pytest.raises(psycopg.OperationalError):
        since(dsn)
    assert (local.run("server", "status").returncode, local.run("server", "stop").stdout) == (1, "not up\n")
    assert started(local) == dsn  # what other programs have saved works again
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select id from app.items").fetchall() == [(1,)]


def test_the_password_is_wanted(local: Cli) -> None:
    dsn = started(local)
    password = dsn.split("@")[0].rpartition(":")[2]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        since(dsn.replace(password, "another"))


def test_who_uses_the_server_when_it_is_stopped_goes_on(local: Cli, base: Path) -> None:
    started(local)
    with cluster(EMBEDDED, base) as server:
        assert local.run("server", "stop").stdout == "stopped\n"
        server.connect().close()
        assert process(base) is None
    assert not data_directory.locate(EMBEDDED, base).alive()


def test_a_run_that_began_before_is_not_disturbed(local: Cli, base: Path) -> None:
    with cluster(EMBEDDED, base) as server:
        refused = local.run("server", "start")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr == (
            "a run is using the private server, which cannot be opened for other programs meanwhile\n"
            "hint: try again when the run has ended\n"
        )
        server.connect().close()


def test_it_stops_when_nobody_has_been_connected_for_a_while(base: Path) -> None:
    dsn = resident.start(EMBEDDED, base, "app", idle=1.0)
    with psycopg.connect(dsn):
        time.sleep(2.5)
        assert process(base)
    deadline = time.monotonic() + 30
    while process(base) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not data_directory.locate(EMBEDDED, base).alive()


def test_after_a_kill_it_is_started_anew(local: Cli, base: Path) -> None:
    dsn = started(local)
    killed = process(base)
    assert killed
    os.kill(killed, signal.SIGKILL)
    while process(base) is not None:
        time.sleep(0.01)
    assert local.run("server", "status").stdout == NOT_UP
    assert started(local) == dsn
    assert since(dsn)


@pytest.mark.parametrize("another", [pytest.param((), marks=pytest.mark.nightly), ("test", "--select", "kind:default")])
def test_a_server_that_is_killed_is_said_to_be_down_and_started_anew(
    local: Cli, base: Path, another: tuple[str, ...]
) -> None:
    dsn = started(local)
    place = data_directory.locate(EMBEDDED, base)
    os.kill(int(place.pid_file.read_text().splitlines()[0]), signal.SIGKILL)
    if another:
        assert local.run(*another).returncode == 0  # starts one of its own, that nobody else gets into
    assert local.run("server", "status").stdout == NOT_UP
    assert started(local) == dsn
    assert since(dsn)


def test_two_that_start_it_at_once_have_one_server_which_one_stops(local: Cli, base: Path) -> None:
    both = [local.start("server", "start") for _ in range(2)]
    said = [ended(each) for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert local.run("server", "stop").stdout == "stopped\n"
    time.sleep(1)  # a second process would have been waiting for its turn
    assert process(base) is None
    assert not data_directory.locate(EMBEDDED, base).alive()


def test_a_server_of_somebody_else_is_left_to_them(local: Cli) -> None:
    refused = local.run("server", "stop", "--target", "postgresql://ada:gehe1m@127.0.0.1:1/shop")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "harness server is for the tool's own server, and --target names another\n"
        "hint: use that as it is, or say --target embedded\n"
    )
