"""The project and the server of a call, and other parts that several verbs use.

Finds the project's directory. Asks a person before a database is changed that is not the tool's own, and refuses if
nobody is there. Refuses verbs for migrations of another tool, and verbs for the tool's own server only.
Modules that take long are imported where they are used: ``harness --help`` answers at once.
Not here: which server is chosen (``server/targets.py``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli import editor
from harness.errors import HarnessError, ProjectError, TargetError

if TYPE_CHECKING:
    from harness.project.model import Module, Project, Target
    from harness.server.connection import Connection, Server

KEPT = "scripts, reports and the data of private servers"
F = TypeVar("F", bound=Callable[..., Any])

CLEAN = 0
FINDINGS = 1
COULD_NOT_RUN = 2
INTERRUPTED = 130

target_option: Callable[[F], F] = click.option(
    "--target",
    metavar="NAME|DSN",
    help="Where to run: embedded, system, a target of project.yml, or a connection string.",
)
_AGREED = "harness.agreed"


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    context.meta[_AGREED] = value


yes_option: Callable[[F], F] = click.option(
    "--yes",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Change a server that is not the tool's own without asking.",
)


def debugging() -> bool:
    """Whether the current call shows tracebacks."""
    return bool(os.environ.get("HARNESS_DEBUG") or click.get_current_context().find_root().params.get("debug"))


def project_directory() -> Path:
    """Returns the directory of ``--project``, else that of the nearest ``project.yml``, here or above."""
    from harness.project.load import find_root

    try:
        return given_directory() or find_root(Path.cwd())
    except FileNotFoundError:
        raise ProjectError("the current directory is not there any more", hint="go to another one") from None


def given_directory() -> Path | None:
    """Returns the directory of ``--project``, if it is given."""
    given = click.get_current_context().find_root().params.get("project")
    return Path(given).absolute() if given else None


def withheld(error: HarnessError) -> HarnessError:
    """Removes quotations of a file outside of the project, to which a link leads, from an error."""
    from harness.project import folders

    if error.place is None:
        return error
    try:
        return folders.withheld(project_directory(), error)
    except ProjectError:
        return error


def load_project() -> Project:
    """Loads the project of the call, and updates the schemas that editors read."""
    from harness.project.load import load

    root = project_directory()
    ours = root / ".harness"
    if os.path.lexists(ours) and not ours.is_dir():
        raise ProjectError(f"{ours} is no directory, and {KEPT} are kept there", hint="move it away")
    project = load(root)
    editor.refresh(project.root)
    return project


def load_own_project(verb: str, hint: str | None = None) -> Project:
    """Loads the project; raises :class:`ProjectError` if its migrations belong to another tool."""
    project = load_project()
    if project.adopted:
        adopted = project.adopted
        raise ProjectError(
            f"harness {verb}: the migrations in {adopted.path} belong to {adopted.tool}; here they are only read",
            hint=hint or f"they are applied with: {adopted.command}",
        )
    return project


@contextmanager
def open_target(project: Project, flag: str | None, **which: str) -> Iterator[Server]:
    """Opens the server that ``--target``, ``HARNESS_TARGET`` or the project chooses, as :func:`open_server` does."""
    from harness.server.targets import open_server, resolve

    with open_server(project, resolve(project, flag, os.environ), **which) as server:
        yield server


def private_target(project: Project, flag: str | None, verb: str, hint: str) -> Target:
    """Returns the target; raises :class:`TargetError` with a hint if its server is not the tool's own."""
    from harness.server.targets import resolve

    target = resolve(project, flag, os.environ)
    if target.kind == "dsn":
        raise TargetError(f"harness {verb} is for the tool's own server, and {target.name} names another", hint=hint)
    return target


@contextmanager
def open_database(project: Project, flag: str | None, *, create: bool) -> Iterator[tuple[Server, Connection]]:
    """Opens the database that migrations are applied to.

    On a private server it is made if it is missing; without ``create`` an empty database takes its place.
    """
    from harness.server.data_directory import APPLICATION
    from harness.server.targets import has_database, make_database

    with open_target(project, flag, ending=APPLICATION) as server:
        name = server.default_database
        if server.own and create:
            make_database(server, name)
        missing = server.own and not create and not has_database(server, name)
        with server.connect(None if missing else name) as connection:
            yield server, connection


def described(server: Server, connection: Connection) -> str:
    """Names the database that a verb works on, and the user if the server is not the tool's own."""
    user = "" if server.own else f", user {connection.info.user}"
    return f"{server.description}, database {server.default_database}{user}"


def ask(verb: str, server: Server, connection: Connection) -> None:
    """Asks a person to agree to a change of a database that is not on the tool's own server.

    Does not with ``--yes``, nor with ``--dry-run``.

    Raises :class:`TargetError` if there is no terminal to ask at, or the answer is no.
    """
    context = click.get_current_context()
    if server.own or context.meta[_AGREED] or context.params.get("dry_run"):
        return
    from harness.server.connection import address

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


def chosen(project: Project, names: tuple[str, ...]) -> tuple[Module, ...]:
    """Returns the modules that ``--select`` names, with those that they depend on; all if it names none."""
    return project.with_dependencies(names) if names else project.modules


def say_waiting() -> None:
    click.echo("waiting for another run on this database", err=True)


def tell(lines: Iterable[str], indent: str = "  ") -> None:
    """Prints lines, by default as parts of what was said before them."""
    for line in lines:
        click.echo(f"{indent}{line}")


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Returns rows as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
