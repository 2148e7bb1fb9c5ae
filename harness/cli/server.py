"""``harness server``: keeps the tool's own server up for other programs; start, stop, status.

Not here: the process that keeps it up, and the connection string (``server/resident.py``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import CLEAN, FINDINGS, load_project, private_target, target_option

if TYPE_CHECKING:
    from harness.server.binaries import Binaries


@click.group()
def server() -> None:
    """Keep the tool's own server up, for psql, other programs and an application.

    Without this it runs as long as apply, seed or psql does. Those use it meanwhile, and leave it up. Scratch databases
    have a server of their own, so that no role of theirs is one of the application.
    """


@server.command()
@target_option
def start(target: str | None) -> None:
    """Start the server, and print the connection string of the project's database.

    It takes connections from this machine, with the password in the connection string. It stops by itself when nobody
    has been connected for an hour.
    """
    from harness.server import resident

    binaries, base, database = _private(target)
    click.echo(resident.start(binaries, base, database))


@server.command()
@target_option
def stop(target: str | None) -> None:
    """Stop the server; a run that uses it goes on, and stops it when it ends."""
    from harness.server import data_directory, resident

    binaries, base, _ = _private(target)
    click.echo("stopped" if resident.stop(data_directory.locate(binaries, base)) else "not up")


@server.command()
@target_option
def status(target: str | None) -> int:
    """Print the connection string if the server is kept up; else exit with 1."""
    from harness.server import data_directory, resident

    binaries, base, database = _private(target)
    login = resident.login(data_directory.locate(binaries, base))
    click.echo(login.dsn(database) if login else "not up; start it: harness server start")
    return CLEAN if login else FINDINGS


def _private(flag: str | None) -> tuple[Binaries, Path, str]:
    """Programs, data directory and database of the project's private server."""
    from harness.server import targets

    project = load_project()
    target = private_target(project, flag, "server", "use that as it is, or say --target embedded")
    return (
        targets.programs(target),
        targets.data_directory(project.root, os.environ),
        targets.database_name(project.name),
    )
