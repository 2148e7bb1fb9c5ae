"""psql as a program: where it is, and how it is led to a database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from harness.errors import TargetError
from harness.server import binaries
from harness.server.connection import Server


def psql() -> Path:
    """The program: on PATH, beside the embedded server's, or beside those of a server of this machine.

    Raises :class:`TargetError` with what to install.
    """
    if found := shutil.which("psql"):
        return Path(found)
    for directory in _beside_servers():
        if (directory / "psql").is_file():
            return directory / "psql"
    raise TargetError(
        "there is no psql on this machine",
        hint="install PostgreSQL's client: "
        "apt install postgresql-client, dnf install postgresql, or brew install libpq and add its bin to PATH",
    )


def _beside_servers() -> Iterator[Path]:
    with suppress(TargetError):
        yield binaries.embedded().directory
    yield from (each.directory for each in binaries.installed())


def run(server: Server, database: str, arguments: Sequence[str]) -> int:
    """Runs psql in a database, at our terminal, until it ends; returns its exit code."""
    parameters = {**server.conninfo, "dbname": database}
    # By the environment, not by arguments: everybody sees those, and there may be a password among them.
    known = {option.keyword.decode(): (option.envvar or b"").decode() for option in Conninfo.get_defaults()}
    environment = {known[key]: value for key, value in parameters.items() if known.get(key)}
    others = {key: value for key, value in parameters.items() if not known.get(key) and key != "sslpassword"}
    command = [str(psql()), *([f"--dbname={make_conninfo(**others)}"] if others else []), *arguments]
    with _interrupts_are_its_own():
        return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


@contextmanager
def _interrupts_are_its_own() -> Iterator[None]:
    """Ctrl-C ends a query of psql, and not us. A handler of ours, unlike SIG_IGN, does not pass on to a program."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
