"""What the tool keeps on a server: scratch databases, templates, and the roles that templates brought.

Everything is found by name and comment, never by a file of ours, so that any run can tidy up after any other.
A run holds an advisory lock as long as it lives; its number stands in the names of its scratch databases.
A template is locked, shared, by the runs that use it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors, sql

from harness.database.accepted import LeftOut
from harness.database.connection import Connection
from harness.errors import TargetError

SCRATCH = re.compile(r"harness_s_([0-9a-f]{8})_\d+")
TEMPLATE = re.compile(r"harness_t_([0-9a-f]{8})[0-9a-f]{8}")
# The first halves of two-part advisory lock keys; the second is the run's or the template's number, or 0.
RUN, USE, BUILD = 0x68617201, 0x68617202, 0x68617203
POLL_SECONDS = 0.05
SESSION_ENDS_SECONDS = 10


@dataclass(frozen=True)
class Template:
    """A database that scratch databases are cloned from. ``root`` is a hash of the project's directory.

    ``left_out`` are the rows of the seeds that the schema refuses: every run that uses it has to tell.
    """

    name: str
    project: str
    root: str
    modules: tuple[str, ...]
    roles: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

    def comment(self) -> str:
        """The text of its COMMENT, which :func:`templates` reads."""
        facts = {"harness": 1, "kind": "template", "project": self.project, "root": self.root}
        left_out = [each.facts() for each in self.left_out]
        return json.dumps({**facts, "modules": self.modules, "roles": self.roles, "left_out": left_out})


@dataclass(frozen=True)
class AbandonedBuild:
    """What a run that was killed while it built a template left behind; ``before`` are the roles there were then."""

    name: str
    root: str
    before: tuple[str, ...]


def build_comment(root: str, before: set[str]) -> str:
    """The COMMENT of a database that is to become a template, which :func:`abandoned_builds` reads."""
    return json.dumps({"harness": 1, "kind": "build", "root": root, "before": sorted(before)})


def abandoned_builds(connection: Connection) -> tuple[AbandonedBuild, ...]:
    """Those of the leftovers that were to become templates: their migrations may have made roles."""
    found = []
    dead = set(leftovers(connection))
    for name, comment in _databases(connection):
        with suppress(ValueError, KeyError, TypeError):
            facts = json.loads(comment or "")
            if name in dead and facts["kind"] == "build":
                found.append(AbandonedBuild(name, facts["root"], tuple(facts["before"])))
    return tuple(found)


def roles(connection: Connection) -> set[str]:
    """The roles of the server."""
    return {name for (name,) in connection.execute("select rolname from pg_roles")}


def templates(connection: Connection) -> tuple[Template, ...]:
    """The templates that are kept on the server, of all projects, by name."""
    found = []
    for name, comment in _databases(connection):
        with suppress(ValueError, KeyError, TypeError):
            facts = json.loads(comment or "")
            if TEMPLATE.fullmatch(name) and facts["harness"] == 1:
                modules, made = tuple(facts["modules"]), tuple(facts["roles"])
                left_out = tuple(map(LeftOut.of, facts.get("left_out", ())))
                found.append(Template(name, facts["project"], facts["root"], modules, made, left_out))
    return tuple(found)


def scratch_databases(connection: Connection) -> tuple[str, ...]:
    """The scratch databases of all runs, by name."""
    return tuple(name for name, _ in _databases(connection) if SCRATCH.fullmatch(name))


def leftovers(connection: Connection) -> tuple[str, ...]:
    """The scratch databases whose run is no more."""
    names = scratch_databases(connection)
    return tuple(name for name in names if not _held(connection, RUN, lock_number(SCRATCH, name)))


def drop_leftovers(connection: Connection) -> list[str]:
    """Drop the scratch databases of runs that were killed, as far as we may; returns their names."""
    dropped = []
    for name in leftovers(connection):
        # Another run may be at the same database: then it is gone before us, or is going.
        with suppress(errors.InsufficientPrivilege, errors.ObjectInUse, errors.InternalError_):
            drop_database(connection, name)
            dropped.append(name)
    return dropped


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


def drop_roles(connection: Connection, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Drop the roles that nothing depends on; returns the dropped and the kept ones."""
    remaining = sorted(roles(connection).intersection(names))
    dropped: list[str] = []
    for _ in range(len(remaining)):  # one of them may be in the way of another
        for role in list(remaining):
            with suppress(errors.DependentObjectsStillExist, errors.InsufficientPrivilege, errors.ObjectInUse):
                connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))
                remaining.remove(role)
                dropped.append(role)
    return sorted(dropped), remaining


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
    """One build at a time on the whole server, so that the roles that appear meanwhile are the build's."""
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
