"""Examines one target step by step: its address, who answers there, what the user may do, what the files want of it.

Ends at the first step without which the next ones cannot be tried. Decides what of the user's rights a run cannot do
without. Only reads: it makes no database.
Not here: why a connection was refused (``server/connection.py``), and poolers (``server/pooler.py``).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from psycopg.pq import Conninfo

from harness.catalog import may_disable_triggers
from harness.doctor import machine
from harness.doctor.diagnosis import Diagnosis, Severity, of_error, ok, problem, warning
from harness.doctor.leftovers import leftovers
from harness.errors import TargetError
from harness.foreign import builder
from harness.global_objects import require_roles
from harness.project.model import Project, Target
from harness.scratch import templates
from harness.server import NEWEST, Connection, Server, open_server, parse_dsn, pooler, resolve, version_text
from harness.server.connection import OLDEST, POOLER_HINT, address, connect
from harness.server.targets import programs

_GRANTABLE = 15  # from this version on the right to SET a parameter can be granted


def examine_target(project: Project, flag: str | None, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Examines the target by ``flag``, or the one that a run would take, step by step.

    Raises :class:`HarnessError` for bad input: no such target, a string that is no connection string, no SQL.
    """
    yield ok(f"project.yml in {project.root}: project {project.name}, modules {_listed(project)}")
    target = resolve(project, flag, environ)
    yield ok(_named(project, target))
    parameters = parse_dsn(target.dsn or "", f"the connection string of {target.name}") if target.dsn else {}
    try:
        for step in _reaching(parameters) if target.kind == "dsn" else _private(project, target, environ):
            yield step
            if step.severity is Severity.PROBLEM:
                return
        with open_server(project, target) as server, server.connect() as connection:
            if not server.own:
                yield ok("no pooler in transaction mode is in between")
            yield from abilities(project, server, connection)
            yield from leftovers(server, connection)
    except TargetError as error:
        yield of_error(error)


def _listed(project: Project) -> str:
    return ", ".join(module.name for module in project.modules) or "none"


def _named(project: Project, target: Target) -> str:
    if target.kind == "dsn" and target.name not in project.targets:
        return f"the target is the connection string of {target.name}"
    return f"the target is {target.name}" + (", a connection string of project.yml" if target.kind == "dsn" else "")


def _private(project: Project, target: Target, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    found = programs(target)
    yield ok(f"{found.description} in {found.directory}")
    yield from machine.data(project, environ)


def _reaching(parameters: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Yields the steps up to the first answer of a server. Raises :class:`TargetError`."""
    usual = {each.keyword.decode(): (each.val or b"").decode() for each in Conninfo.get_defaults()}
    given = {**usual, **parameters}
    host = given.get("hostaddr") or given.get("host") or "localhost"
    user = given.get("user", "")
    service = f", and what service {given['service']} says" if given.get("service") else ""
    yield ok(f"address {host}, port {given['port']}, database {given.get('dbname') or user}, user {user}{service}")
    if _is_name(host):
        yield ok(f"{host} is {', '.join(_addresses(host))}")
    with closing(connect(parameters)) as connection:
        yield ok(f'PostgreSQL at {address(connection)} lets "{connection.info.user}" in')


def _is_name(host: str) -> bool:
    """Whether it is one host that has to be looked up: no socket, no list, no address."""
    if host.startswith(("/", "@")) or "," in host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no name of a host is like that"
        raise TargetError(
            f"the host {host} has no address: {reason}",
            hint="look for a slip in its name; or it is known in another network only",
        ) from None
    return sorted({str(address[0]) for *_, address in found})


@dataclass(frozen=True)
class _Rights:
    """The rights of a connection's user that concern the whole server."""

    user: str
    superuser: bool
    databases: bool
    roles: bool


def _rights(connection: Connection) -> _Rights:
    row = connection.execute(
        "select rolsuper, rolcreatedb or rolsuper, rolcreaterole or rolsuper from pg_roles where rolname = current_user"
    ).fetchone()
    return _Rights(connection.info.user, *(row or (False, False, False)))


def abilities(project: Project, server: Server, connection: Connection) -> Iterator[Diagnosis]:
    """Yields what a server is and lets the user do, and what the project's files want of it."""
    yield _version(server)
    if not server.own and pooler.in_session_mode(connection):
        yield problem(
            f"a connection pooler in session mode answers at {address(connection)}: it keeps its connections to "
            "scratch databases, which can then not be copied",
            POOLER_HINT,
        )
    rights = _rights(connection)
    user = f'"{rights.user}"'
    yield ok(f"{user} is {'a' if rights.superuser else 'no'} superuser")
    if rights.databases:
        yield ok(f"{user} may create databases")
    else:
        yield problem(
            f"{user} may not create databases, and rules are proven in scratch databases",
            f"let an administrator run: ALTER ROLE {user} CREATEDB",
        )
    yield _triggers(server, connection)
    if rights.roles:
        yield ok(f"{user} may create roles")
    else:
        yield warning(
            f"{user} may not create roles",
            f"if migrations create roles, let an administrator run: ALTER ROLE {user} CREATEROLE",
        )
    foreign = [*templates.foreign_parts(project)]
    yield _extensions(project, connection, foreign)
    yield _roles(project, server, connection, rights, foreign)


def _version(server: Server) -> Diagnosis:
    version = version_text(server.version)
    if server.major > NEWEST:
        return warning(
            f"PostgreSQL {version} is newer than what was tried ({NEWEST})", "look for a newer version of this tool"
        )
    return ok(f"PostgreSQL {version}; {OLDEST} to {NEWEST} work")


def _triggers(server: Server, connection: Connection) -> Diagnosis:
    user = connection.info.user
    if may_disable_triggers(connection):
        return ok(f'"{user}" may SET session_replication_role')
    grant = f'let an administrator run: GRANT SET ON PARAMETER session_replication_role TO "{user}"'
    return warning(
        f'"{user}" may not SET session_replication_role: checks of transitions and of rows that never change, '
        "which need triggers switched off, may be unreliable",
        grant if server.major >= _GRANTABLE else f"before PostgreSQL {_GRANTABLE} only a superuser may",
    )


def _extensions(project: Project, connection: Connection, foreign: Sequence[builder.ParsedPart]) -> Diagnosis:
    try:
        builder.require_extensions(connection, foreign, project.stand_ins)
        builder.require_own_extensions(connection, project.modules, root=project.root)
    except TargetError as error:
        return of_error(error)
    return ok("it has every extension that the migrations create")


def _roles(
    project: Project, server: Server, connection: Connection, rights: _Rights, foreign: Sequence[builder.ParsedPart]
) -> Diagnosis:
    try:
        builder.require_named_roles(connection, foreign)
    except TargetError as error:
        return of_error(error)
    try:
        if not server.own:
            require_roles(connection, templates.parts(project, project.modules))
        return ok("it has the roles that the migrations want, or they are made")
    except TargetError as error:
        if not server.scratch_roles:
            return of_error(error)
    if rights.roles:
        return ok("roles that it lacks are made for scratch databases, as scratch_roles says")
    return problem(
        f'"{rights.user}" may not create roles, and the migrations make some that the server lacks',
        f'let an administrator run: ALTER ROLE "{rights.user}" CREATEROLE',
    )
