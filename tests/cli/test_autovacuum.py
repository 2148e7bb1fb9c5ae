"""A server of somebody's own, on which autovacuum never rests: no run turns red by it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.server import binaries
from harness.server.cluster import cluster
from tests.cli.conftest import Cli

RESTLESS = {
    "autovacuum": "on",
    "autovacuum_naptime": "1s",
    **{f"autovacuum_{what}_threshold": "0" for what in ("vacuum", "vacuum_insert", "analyze")},
    **{f"autovacuum_{what}_scale_factor": "0" for what in ("vacuum", "vacuum_insert", "analyze")},
}
ROLES = ("anon noinherit", "authenticated noinherit", "service_role noinherit bypassrls")
"""What the migrations need, and a server that is not the tool's own may be expected to have."""


@pytest.fixture
def dsn() -> Iterator[str]:
    """The connection string of a server that the tool does not know for one of its own."""
    with tempfile.TemporaryDirectory(prefix="harness-tests-") as base:
        Path(base).chmod(0o755)
        with cluster(binaries.embedded(), Path(base)) as server:
            with server.connect() as connection:
                for name, value in RESTLESS.items():
                    connection.execute(f"alter system set {name} = '{value}'".encode())
                for role in ROLES:
                    connection.execute(f"create role {role}".encode())
                connection.execute("select pg_reload_conf()")
            yield f"host={server.conninfo['host']} port={server.conninfo['port']} user=postgres dbname=postgres"
            with server.connect() as connection:
                assert connection.execute("show autovacuum").fetchone() == ("on",)


@pytest.mark.nightly
def test_row_security_is_green_ten_times_of_ten(systems: Cli, dsn: str) -> None:
    patient = replace(systems, seconds=600)
    for seed in range(10):
        done = patient.run("test", "--select", "kind:row_security", "--target", dsn, "--seed", str(seed))
        assert (done.returncode, done.stderr) == (0, ""), (seed, done.stdout)
