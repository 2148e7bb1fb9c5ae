"""Servers for all tests: private clusters, one of each kind for every pytest process."""

from __future__ import annotations

import itertools
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis.internal.conjecture import providers
from psycopg import sql

from harness.database import binaries
from harness.database.cluster import cluster
from harness.database.connection import Server

_numbers = itertools.count()

# Whoever starts the tests in the background has them ignore Ctrl-C, and so would every program that they start.
with suppress(ValueError):  # not in the main thread
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Hypothesis also draws constants that it finds in the source of whatever modules are loaded: exact counterexamples
# would then depend on which tests ran before, and change with every number in our own code.
providers.is_local_module_file = lambda path: False


@pytest.fixture(scope="session")
def cluster_base() -> Iterator[Path]:
    """A directory that an unprivileged server can enter also when root runs the tests; pytest's own it cannot."""
    base = Path(tempfile.mkdtemp(prefix="harness-tests-"))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def server(cluster_base: Path) -> Iterator[Server]:
    """The embedded server."""
    with cluster(binaries.embedded(), cluster_base) as running:
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
def database(server: Server) -> Iterator[tuple[Server, str]]:
    """A fresh empty database on the embedded server: ``(server, dbname)``."""
    name = f"test_{next(_numbers)}"
    with server.connect() as maintenance:
        maintenance.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        yield server, name
        maintenance.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
