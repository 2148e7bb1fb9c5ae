"""A server that is not the tool's own: a cluster of a test's own, reached as a target with a connection string."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from psycopg.conninfo import make_conninfo

from harness.server import binaries
from harness.server.binaries import Binaries
from harness.server.cluster import cluster
from harness.server.connection import Server


@contextmanager
def their_server(base: Path) -> Iterator[Server]:
    """Nobody but the test uses it."""
    with tempfile.TemporaryDirectory(prefix="theirs-", dir=base) as home:
        Path(home).chmod(0o755)
        with cluster(programs(), Path(home)) as running:
            yield replace(running, own=False)


def programs() -> Binaries:
    """The server's programs, and those of its clients."""
    return binaries.embedded()


def address(server: Server, dbname: str) -> str:
    """The connection string of one of its databases."""
    return make_conninfo(**{**server.conninfo, "dbname": dbname})
