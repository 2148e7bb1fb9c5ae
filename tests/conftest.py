"""Servers for all tests: private clusters, one of each kind for every pytest process."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from psycopg import sql

from harness.server import binaries
from harness.server.binaries import server_account
from harness.server.cluster import cluster
from harness.server.connection import Server
from harness.server.data_directory import SCRATCH

MEMORY = Path("/dev/shm")
"""Where Linux keeps files in memory: a database is made there in a fifteenth of the time."""
ROOM = 4 * 2**30
"""Bytes that all servers of the tests need at most, with much to spare."""

_numbers = itertools.count()

collect_ignore_glob = ["cases/field/*"]
"""Projects of their own, whose checks are not all green: test_field.py tries them."""

# Whoever starts the tests in the background has them ignore Ctrl-C, and so would every program that they start.
with suppress(ValueError):  # not in the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

gc.set_threshold(20_000)  # as the command line does

# Hypothesis also draws constants that it finds in the source of whatever modules are loaded: exact counterexamples
# would then depend on which tests ran before, and change with every number in our own code.
pytest.MonkeyPatch().setattr("hypothesis.internal.conjecture.providers.is_local_module_file", lambda path: False)


SERVERS = {"server", "scratch_server", "system_server", "cluster_base"}
"""Fixtures that start a server, or are used to start one."""
PROGRAMS = {"cli", "ground", "mutation", "pytest_plugin", "schema", "server", "workers"}
"""Folders whose tests call the program, which starts a server."""
SLOW = {
    *("test_field.py", "test_grammar.py", "test_hypothesis_internals.py", "test_lint.py", "test_plugin.py"),
    *("test_packages.py", "test_pydantic_typing.py", "test_python_rules.py", "test_typescript.py"),
    *("test_zod.py", "test_zod_rules.py"),
}
"""Files whose tests need no server and take seconds each: sqlfluff, compilers, node, thousands of examples."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what ``make check`` leaves to ``make test``."""
    for item in items:
        needs_server = SERVERS & {*getattr(item, "fixturenames", ())} or PROGRAMS & {*item.path.parent.parts[-1:]}
        if needs_server:
            item.add_marker("server")
        elif item.path.name in SLOW:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def cluster_base() -> Iterator[Path]:
    """A directory that an unprivileged server can enter also when root runs the tests; pytest's own it cannot."""
    base = Path(tempfile.mkdtemp(prefix="harness-tests-", dir=MEMORY if _has_room(MEMORY) else None))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


def _has_room(directory: Path) -> bool:
    return os.access(directory, os.W_OK) and shutil.disk_usage(directory).free > ROOM


@pytest.fixture(scope="session")
def server(cluster_base: Path) -> Iterator[Server]:
    """The embedded server."""
    with cluster(binaries.embedded(), cluster_base) as running:
        yield running


@pytest.fixture(scope="session")
def scratch_server(cluster_base: Path) -> Iterator[Server]:
    """The embedded server for scratch databases, where the program is called with --target embedded."""
    with cluster(binaries.embedded(), cluster_base, ending=SCRATCH) as running:
        yield running


@pytest.fixture(scope="session")
def system_server(cluster_base: Path) -> Iterator[Server]:
    """A server of the machine, of another major version than the embedded one."""
    found = binaries.installed()
    if not found:
        pytest.skip("no PostgreSQL server is installed on this machine")
    with cluster(found[0], cluster_base) as running:
        yield running


@pytest.fixture
def pgbouncer(server: Server, cluster_base: Path) -> Iterator[Callable[..., dict[str, str]]]:
    """Start a pgbouncer before the embedded server, with these settings: the parameters that reach it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if program is None:
        pytest.skip("no pgbouncer is installed on this machine")
    account = server_account(cluster_base)
    with ExitStack() as stack:

        def start(**settings: str | int) -> dict[str, str]:
            home = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir=cluster_base))
            if account.switch:
                os.chown(home, account.uid, account.gid)
            behind = " ".join(f"{key}={server.conninfo[key]}" for key in ("host", "port", "user"))
            lines = ["[databases]", f"* = {behind}", "[pgbouncer]", f"unix_socket_dir = {home}", "auth_type = any"]
            lines += [f"logfile = {home}/log", *(f"{name} = {value}" for name, value in settings.items())]
            (home / "ini").write_text("\n".join(lines) + "\n")
            running = subprocess.Popen(
                [program, "-q", str(home / "ini")],
                start_new_session=True,
                user=account.uid if account.switch else None,
                group=account.gid if account.switch else None,
                extra_groups=[] if account.switch else None,
            )
            stack.callback(running.wait)
            stack.callback(running.terminate)
            _await_listener(home / ".s.PGSQL.6432", running)
            return {"host": str(home), "port": "6432", "user": "ada", "dbname": "postgres"}

        yield start


def _await_listener(path: Path, running: subprocess.Popen[bytes]) -> None:
    """The file of a socket is there before anybody listens."""
    deadline = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_UNIX) as peer:
            try:
                peer.connect(str(path))
                return
            except OSError:
                assert running.poll() is None and time.monotonic() < deadline, f"see {path.parent / 'log'}"
        time.sleep(0.01)


@pytest.fixture
def database(server: Server) -> Iterator[tuple[Server, str]]:
    """A fresh empty database on the embedded server: ``(server, dbname)``."""
    name = f"test_{next(_numbers)}"
    with server.connect() as maintenance:
        maintenance.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        yield server, name
        maintenance.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


GUARDED = "gehe1m"
"""The password of the role harness_test_guarded."""


@pytest.fixture
def guarded(server: Server) -> Iterator[Server]:
    """The embedded server, which now wants a password of one role."""
    with server.connect() as connection:
        row = connection.execute("show hba_file").fetchone()
        assert row
        rules = Path(row[0])
        before = rules.read_text()
        connection.execute(f"create role harness_test_guarded login password '{GUARDED}'".encode())
        rules.write_text("local all harness_test_guarded scram-sha-256\n" + before)
        connection.execute("select pg_reload_conf()")
        with server.connect() as other:
            assert other.execute("select 1").fetchone()
        yield server
        rules.write_text(before)
        connection.execute("select pg_reload_conf()")
        connection.execute("drop role harness_test_guarded")
