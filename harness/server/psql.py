"""Finds psql and runs it in a database; keeps the password out of its arguments."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from harness.errors import TargetError
from harness.server import binaries
from harness.server.connection import Server, libpq_parameters


def psql() -> Path:
    """Finds the program: on PATH, or with the embedded server, or with a server of this machine.

    Raises :class:`TargetError` with what to install.
    """
    if found := shutil.which("psql"):
        return Path(found)
    for directory in _server_directories():
        if (directory / "psql").is_file():
            return directory / "psql"
    raise TargetError(
        "there is no psql on this machine",
        hint="install PostgreSQL's client: "
        "apt install postgresql-client, dnf install postgresql, or brew install libpq and add its bin to PATH",
    )


def _server_directories() -> Iterator[Path]:
    with suppress(TargetError):
        yield binaries.embedded().directory
    yield from (each.directory for each in binaries.installed())


def run(server: Server, database: str, arguments: Sequence[str]) -> int:
    """Runs psql in a database, at our terminal, until it ends; returns its exit code."""
    return _run(server, database, arguments).returncode


def output(server: Server, database: str, arguments: Sequence[str]) -> str:
    """Runs psql in a database; returns what it says, with its errors in their places."""
    return _run(server, database, arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8").stdout


def _run(server: Server, database: str, arguments: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
    options, environment = connection_options({**server.conninfo, "dbname": database})
    with _interrupts_ignored():
        return subprocess.run([str(psql()), *options, *arguments], env=environment, check=False, **more)


def connection_options(parameters: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Returns the arguments and the environment with which a program of PostgreSQL connects.

    A password goes into the environment, since every user of the machine can see arguments.
    """
    known = libpq_parameters()
    environment = {known[key]: value for key, value in parameters.items() if known.get(key)}
    others = {key: value for key, value in parameters.items() if not known.get(key) and key != "sslpassword"}
    return [f"--dbname={make_conninfo(**others)}"] if others else [], {**os.environ, **environment}


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Lets Ctrl-C end a query of psql, and not us. A program does not inherit a handler, as it would SIG_IGN."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
