"""What the tool keeps on a server: scratch databases, templates, and the roles that were made for them.

Everything is found by name and comment, never by a file of ours, so that any run can tidy up after any other. A role
that was made for such a database stands in its comment, as it was then, from the moment it is there.
A run holds an advisory lock as long as it lives; its number stands in the names of its scratch databases.
A template is locked, shared, by the runs that use it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors, sql

from harness.errors import TargetError
from harness.global_objects import roles
from harness.global_objects.roles import Role
from harness.server.connection import Connection

SCRATCH = re.compile(r"harness_s_([0-9a-f]{8})_\d+")
TEMPLATE = re.compile(r"harness_t_([0-9a-f]{8})[0-9a-f]{8}")
# The first halves of two-part advisory lock keys; the second is the run's or the template's number, or 0.
RUN, USE, BUILD = 0x68617201, 0x68617202, 0x68617203
POLL_SECONDS = 0.05
_NOT_NOW = (errors.InsufficientPrivilege, errors.InvalidCatalogName, errors.LockNotAvailable, errors.InternalError_)
SESSION_ENDS_SECONDS = 10


@dataclass(frozen=True)
class Template:
    """A database that scratch databases are cloned from. ``root`` is a hash of the project's directory.

    ``roles`` are those that its build made, ``left_out`` are the rows of the seeds that the schema refuses: every run
    that uses it has to tell. ``skipped`` says which statements were not run in it, and why.
    """

    name: str
    project: str
    root: str
    modules: tuple[str, ...]
    roles: tuple[Role, ...] = ()
    left_out: tuple[Mapping[str, Any], ...] = ()
    skipped: tuple[str, ...] = ()

    def comment(self) -> str:
        """The text of its COMMENT, which :func:`templates` reads."""
        facts: dict[str, object] = {"harness": 1, "kind": "template", "project": self.project, "root": self.root}
        facts |= {"modules": self.modules, "roles": roles.to_json(self.roles)}
        return json.dumps({**facts, "left_out": self.left_out, "skipped": self.skipped})


@dataclass(frozen=True)
class Holder:
    """A database of the tool's whose COMMENT records roles that were made for it."""

    database: str
    roles: tuple[Role, ...]
    comment: str = field(repr=False)

    def recording(self, made: Iterable[Role]) -> str:
        """Its COMMENT with these roles."""
        return json.dumps({**json.loads(self.comment), "roles": roles.to_json(made)})


def build_comment(made: Iterable[Role]) -> str:
    """The COMMENT of a scratch database in which files of SQL are run, which :func:`holders` reads."""
    return json.dumps({"harness": 1, "kind": "build", "roles": roles.to_json(made)})


def holders(connection: Connection) -> tuple[Holder, ...]:
    """The databases that record roles, of all projects and runs."""
    found = []
    for name, comment in _databases(connection):
        with suppress(ValueError, KeyError, TypeError):
            facts = json.loads(comment or "")
            made = tuple(roles.from_json(facts["roles"]))
            if facts["harness"] == 1 and made and is_ours(name):
                found.append(Holder(name, made, comment or ""))
    return tuple(found)


def recorded(connection: Connection) -> frozenset[Role]:
    """The roles that scratch builds have made, as they were then."""
    return frozenset(role for holder in holders(connection) for role in holder.roles)


def strike_out(connection: Connection, oids: Collection[int]) -> None:
    """Takes roles out of all records: they are not ours any more. Raises :class:`TargetError` if we may not."""
    for holder in holders(connection) if oids else ():
        if any(role.oid in oids for role in holder.roles):
            try:
                _record(connection, holder, (role for role in holder.roles if role.oid not in oids))
            except errors.InsufficientPrivilege:
                names = ", ".join(role.name for role in holder.roles if role.oid in oids)
                raise TargetError(
                    f"the role {names} was made for scratch databases by another user, who has a template with it",
                    hint=f"let the owner of {holder.database}, or a superuser, run harness clean, and try again",
                ) from None


def follow(connection: Connection, changed: Mapping[Role, Role]) -> None:
    """Records what has become of roles, by what was recorded, where that is the tool's own doing."""
    for holder in holders(connection) if changed else ():
        if not changed.keys().isdisjoint(holder.roles):
            # Where it cannot be written the role stays when its time has come.
            with suppress(*_NOT_NOW), connection.transaction():
                _record(connection, holder, (changed.get(role, role) for role in holder.roles))


def _record(connection: Connection, holder: Holder, made: Iterable[Role]) -> None:
    statement = sql.SQL("comment on database {} is {}")
    text = holder.recording(made)
    connection.execute(statement.format(sql.Identifier(holder.database), sql.Literal(text)), prepare=False)


def role_names(connection: Connection) -> set[str]:
    """The names of the server's roles."""
    return {name for (name,) in connection.execute("select rolname from pg_roles", prepare=False)}


def templates(connection: Connection) -> tuple[Template, ...]:
    """The templates that are kept on the server, of all projects, by name."""
    found = []
    for name, comment in _databases(connection):
        with suppress(ValueError, KeyError, TypeError):
            facts = json.loads(comment or "")
            if TEMPLATE.fullmatch(name) and facts["harness"] == 1:
                modules, made = tuple(facts["modules"]), tuple(roles.from_json(facts["roles"]))
                left_out = tuple(map(dict, facts.get("left_out", ())))
                skipped = tuple(map(str, facts.get("skipped", ())))
                found.append(Template(name, facts["project"], facts["root"], modules, made, left_out, skipped))
    return tuple(found)


def template_of(connection: Connection, name: str) -> Template | None:
    """The template of that name."""
    return next((template for template in templates(connection) if template.name == name), None)


def is_ours(database: str) -> bool:
    """Whether a name is that of a template or a scratch database."""
    return bool(TEMPLATE.fullmatch(database) or SCRATCH.fullmatch(database))


def scratch_databases(connection: Connection) -> tuple[str, ...]:
    """The scratch databases of all runs, by name."""
    return tuple(name for name, _ in _databases(connection) if SCRATCH.fullmatch(name))


def leftovers(connection: Connection) -> tuple[str, ...]:
    """The scratch databases whose run is no more."""
    names = scratch_databases(connection)
    return tuple(name for name in names if not _held(connection, RUN, lock_number(SCRATCH, name)))


def drop_leftovers(connection: Connection) -> list[str]:
    """Drop the scratch databases of runs that were killed, as far as we may, and the roles that these had made.

    Returns the names of the databases.
    """
    dropped = []
    for name in leftovers(connection):
        # Another run may be at the same database: then it is gone before us, or is going.
        with suppress(errors.InsufficientPrivilege, errors.ObjectInUse, errors.InternalError_):
            drop_with_roles(connection, name)
            dropped.append(name)
    return dropped


def drop_with_roles(connection: Connection, name: str) -> None:
    """Drop a scratch database, and the roles that no other database records."""
    made = roles_of(connection, name)
    try:
        drop_database(connection, name)
    finally:  # an interrupt may have come when it was gone, and with it the record
        drop_roles(connection, made)


def roles_of(connection: Connection, database: str) -> tuple[Role, ...]:
    """The roles that a database records."""
    return next((holder.roles for holder in holders(connection) if holder.database == database), ())


def drop_roles(connection: Connection, made: Iterable[Role]) -> tuple[list[str], list[tuple[str, str]]]:
    """Drops those that no database records any more, as :func:`roles.drop_unchanged` does and says."""
    made = list(made)
    elsewhere = {role.oid for role in recorded(connection)} if made else set()
    mine = [role for role in made if role.oid not in elsewhere]
    if not mine:
        return [], []
    with connection.transaction():
        before = roles.Moment.before(connection, (role.oid for role in mine))
        said = roles.drop_unchanged(connection, mine)
        follow(connection, before.followed(connection, recorded(connection)))
    return said


def drop_template(connection: Connection, template: Template) -> bool:
    """Drop a template, unless a run uses it."""
    number = lock_number(TEMPLATE, template.name)
    if _held(connection, USE, number) or not try_lock(connection, USE, number):
        return False
    try:
        drop_database(connection, template.name)
    finally:
        unlock(connection, USE, number)
    return True


def drop_database(connection: Connection, name: str) -> None:
    """Drop a database, and disconnect whoever is in it; one that is gone already is fine."""
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def end_sessions(connection: Connection, application_name: str) -> None:
    """Ends sessions by name and waits until they are gone: one that is just making a database would leave it behind."""
    connection.execute(
        "select pg_terminate_backend(pid, %s) from pg_stat_activity where application_name = %s",
        [int(SESSION_ENDS_SECONDS * 1000), application_name],
    )


def lock_number(pattern: re.Pattern[str], name: str) -> int:
    """The lock number in a database's name, as PostgreSQL's signed integer."""
    match = pattern.fullmatch(name)
    assert match, name
    number = int(match[1], 16)
    return number - (1 << 32) if number >= 1 << 31 else number


def try_lock(connection: Connection, purpose: int, number: int = 0, *, shared: bool = False) -> bool:
    """Take a session's advisory lock if it is free."""
    function = sql.SQL("pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock")
    row = connection.execute(sql.SQL("select {}(%s, %s)").format(function), [purpose, number]).fetchone()
    return bool(row and row[0])


def lock(connection: Connection, purpose: int, number: int = 0, *, shared: bool = False) -> None:
    """Take a session's advisory lock, waiting outside the server: a waiting statement would hold a snapshot."""
    while not try_lock(connection, purpose, number, shared=shared):
        time.sleep(POLL_SECONDS)


def unlock(connection: Connection, purpose: int, number: int = 0) -> None:
    """Give an exclusive lock back, unless the connection was lost and took it along."""
    if not connection.closed and not connection.broken:
        connection.execute("select pg_advisory_unlock(%s, %s)", [purpose, number])


@contextmanager
def building(connection: Connection) -> Iterator[None]:
    """One build at a time on the whole server: they make, and an ``apply`` takes over, roles that all of them share."""
    lock(connection, BUILD)
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            unlock(connection, BUILD)


@contextmanager
def translated(connection: Connection) -> Iterator[None]:
    """Turn what a server may refuse to any scratch work into :class:`TargetError`."""
    user = connection.info.user
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise TargetError(
            f'"{user}" may not create databases on this server, and rules are proven in scratch databases',
            hint=f'let an administrator run: ALTER ROLE "{user}" CREATEDB; or use --target embedded',
        ) from error
    except errors.DiskFull as error:
        raise TargetError(
            "the server's disk is full",
            hint="free some space; harness clean removes what the tool keeps there",
        ) from error
    except errors.TooManyConnections as error:
        raise TargetError(
            "the server takes no more connections",
            hint="close some, or raise max_connections",
        ) from error
    except (psycopg.OperationalError, psycopg.InternalError) as error:
        # A checkpoint that fails for a full disk is an internal error to PostgreSQL.
        reason = next(iter(str(error).strip().splitlines()), "no reason given")
        raise TargetError(
            f"the server failed: {reason}",
            hint="see the server's log (is its disk full?); scratch databases left behind go with the next run",
        ) from error


def _databases(connection: Connection) -> list[tuple[str, str | None]]:
    rows = connection.execute(
        """
        select datname, shobj_description(oid, 'pg_database')
        from pg_database
        where starts_with(datname::text, 'harness_')
        order by datname
        """
    )
    return [(name, comment) for name, comment in rows]


def _held(connection: Connection, purpose: int, number: int) -> bool:
    """Whether somebody holds a lock; in any database, as runs of two users need not share a maintenance database."""
    row = connection.execute(
        """
        select exists (
            select from pg_locks
            where locktype = 'advisory' and objsubid = 2 and granted
              and classid = %s and objid = %s and pid <> pg_backend_pid())
        """,
        [purpose, number % (1 << 32)],
    ).fetchone()
    return bool(row and row[0])
