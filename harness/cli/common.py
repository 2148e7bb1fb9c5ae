"""What the verbs share: the project they are called in, and the server they work on.

Whatever takes long to import is imported where it is used: ``harness --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.errors import ProjectError, TargetError

if TYPE_CHECKING:
    from harness.database.connection import Connection, Server
    from harness.project.model import Project

F = TypeVar("F", bound=Callable[..., Any])

target_option: Callable[[F], F] = click.option(
    "--target",
    metavar="NAME|DSN",
    help="Where to run: embedded, system, a target of project.yml, or a connection string.",
)
yes_option: Callable[[F], F] = click.option(
    "--yes", is_flag=True, help="Change a server that is not the tool's own without asking."
)


def project_directory() -> Path:
    """Where ``--project`` points, else the nearest ``project.yml``, here or above."""
    from harness.project.load import find_root

    given = click.get_current_context().find_root().params.get("project")
    try:
        return Path(given).absolute() if given else find_root(Path.cwd())
    except FileNotFoundError:
        raise ProjectError("the current directory is not there any more", hint="go to another one") from None


def load_project() -> Project:
    """The project this is called in; brings the schemas that editors read up to date."""
    from harness.cli import editor
    from harness.project.load import load

    project = load(project_directory())
    editor.refresh(project.root)
    return project


def load_own_project(verb: str, hint: str | None = None) -> Project:
    """The project, if its migrations are its own to work on; raises :class:`ProjectError` if another tool has them."""
    project = load_project()
    if project.adopted:
        adopted = project.adopted
        raise ProjectError(
            f"harness {verb}: the migrations in {adopted.path} belong to {adopted.tool}; here they are only read",
            hint=hint or f"they are applied with: {adopted.command}",
        )
    return project


@contextmanager
def open_target(project: Project, flag: str | None) -> Iterator[Server]:
    """The server that ``--target``, ``HARNESS_TARGET`` or the project chooses."""
    from harness.database.targets import open_server, resolve

    with open_server(project, resolve(project, flag, os.environ)) as server:
        yield server


@contextmanager
def open_database(project: Project, flag: str | None, *, create: bool) -> Iterator[tuple[Server, Connection]]:
    """The database that migrations go to.

    On a private server it is made where it is missing; without ``create`` an empty one stands in for it.
    """
    with open_target(project, flag) as server:
        name = server.default_database
        missing = server.own and not _exists(server, name)
        if missing and create:
            _create(server, name)
            missing = False
        with server.connect(None if missing else name) as connection:
            yield server, connection


def described(server: Server, connection: Connection) -> str:
    """The database that a verb works on; on a server that is not the tool's own also as whom."""
    user = "" if server.own else f", user {connection.info.user}"
    return f"{server.description}, database {server.default_database}{user}"


def ask(verb: str, server: Server, connection: Connection, *, yes: bool) -> None:
    """Have a person agree to a change of a database that is not on the tool's own server.

    Raises :class:`TargetError` if nobody can be asked, or does not agree.
    """
    if server.own or yes:
        return
    from harness.database.connection import address

    info = connection.info
    database = f'database "{info.dbname}" at {address(connection)} as "{info.user}"'
    if sys.stdin is None or not sys.stdin.isatty():
        raise TargetError(
            f"harness {verb} would change {database}, and nobody is there to be asked",
            hint="if that is meant, say --yes; a server of the tool's own is --target embedded",
        )
    try:
        agreed = click.confirm(f"harness {verb} is going to change {database}. Go on?", err=True)
    except click.Abort:
        click.echo(err=True)  # the line of the question is still open
        raise
    if not agreed:
        raise TargetError("nothing was changed")


def _exists(server: Server, name: str) -> bool:
    with server.connect() as connection:
        return connection.execute("select from pg_database where datname = %s", [name]).fetchone() is not None


def _create(server: Server, name: str) -> None:
    from contextlib import suppress

    from psycopg import errors, sql

    # Another run may make it at the same moment.
    with server.connect() as connection, suppress(errors.DuplicateDatabase, errors.UniqueViolation):
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines; the last column is as wide as it likes."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
