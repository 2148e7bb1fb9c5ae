"""Records what the tool keeps on a server: scratch databases, templates, and roles made for them.

All is found by name and COMMENT, never by a file of ours, so that any run can tidy up after any other. Decides which
databases a killed run has left, and drops them with the roles that no other database records.
Explains why a server refuses scratch work (no right to create databases, a full disk).
Not here: which templates are outdated (``scratch/templates.py``), and whether a role may be dropped (``roles.py``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors, sql

from harness.errors import TargetError
from harness.global_objects import locks, roles
from harness.global_objects.roles import Role
from harness.server.connection import Connection

SCRATCH = re.compile(r"harness_s_([0-9a-f]{8})_\d+")
TEMPLATE = re.compile(r"harness_t_([0-9a-f]{8})[0-9a-f]{8}")
_NOT_NOW = (errors.InsufficientPrivilege, errors.InvalidCatalogName, errors.LockNotAvailable, errors.InternalError_)
SESSION_ENDS_SECONDS = 10
_FIRST_OID = 16384  # of what is no part of a new server


@dataclass(frozen=True)
class Template:
    """A database that scratch databases are cloned from. ``root`` is a hash of the project's directory.

    ``roles`` are those that its build made. ``left_out`` are the rows of the seeds that the schema refuses, and
    ``skipped`` the statements that were not run, with the reasons: every run that uses the template reports both.
    ``attributes`` are those that the roles had, of which its files speak.
    """

    name: str
    project: str
    root: str
    modules: tuple[str, ...]
    roles: tuple[Role, ...] = ()
    left_out: tuple[Mapping[str, Any], ...] = ()
    skipped: tuple[str, ...] = ()
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)

    def comment(self) -> str:
        """Returns the text of its COMMENT, which :func:`templates` reads."""
        facts: dict[str, object] = {"harness": 1, "kind": "template", "project": self.project, "root": self.root}
        facts |= {"modules": self.modules, "roles": roles.to_json(self.roles)}
        facts["attributes"] = {name: sorted(words) for name, words in self.attributes.items()}
        return json.dumps({**facts, "left_out": self.left_out, "skipped": self.skipped})


@dataclass(frozen=True)
class Holder:
    """A database of the tool whose COMMENT, with these ``facts``, records roles that were made for it."""

    database: str
    roles: tuple[Role, ...]
    facts: Mapping[str, Any] = field(repr=False)


def build_comment(made: Iterable[Role]) -> str:
    """Returns the COMMENT of a scratch database in which SQL files run, which :func:`holders` reads."""
    return json.dumps({"harness": 1, "kind": "build", "roles": roles.to_json(made)})


def set_comment(connection: Connection, database: str, text: str) -> None:
    statement = sql.SQL("comment on database {} is {}")
    connection.execute(statement.format(sql.Identifier(database), sql.Literal(text)), prepare=False)


def holders(connection: Connection) -> tuple[Holder, ...]:
    """Returns the databases that record roles, of all projects and runs."""
    found = []
    for name, comment in _databases(connection):
        with suppress(ValueError, KeyError, TypeError):
            facts = json.loads(comment or "")
            made = tuple(roles.from_json(facts["roles"]))
            if facts["harness"] == 1 and made and is_ours(name):
                found.append(Holder(name, made, facts))
    return tuple(found)


def recorded(connection: Connection) -> frozenset[Role]:
    """Returns the roles that scratch builds have made, with their states at that moment."""
    return frozenset(role for holder in holders(connection) for role in holder.roles)


def remove(connection: Connection, oids: Collection[int]) -> None:
    """Removes roles, given by oid, from all records. Raises :class:`TargetError` if we may not."""
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


def update(connection: Connection, changed: Mapping[Role, Role]) -> None:
    """Replaces recorded roles, old by new, where the tool itself has changed them."""
    for holder in holders(connection) if changed else ():
        if not changed.keys().isdisjoint(holder.roles):
            # A role whose record cannot be written will not be dropped.
            with suppress(*_NOT_NOW), connection.transaction():
                _record(connection, holder, (changed.get(role, role) for role in holder.roles))


def _record(connection: Connection, holder: Holder, made: Iterable[Role]) -> None:
    set_comment(connection, holder.database, json.dumps({**holder.facts, "roles": roles.to_json(made)}))


def role_names(connection: Connection) -> set[str]:
    """Returns the names of the server's roles."""
    return {name for (name,) in connection.execute("select rolname from pg_roles", prepare=False)}


def templates(connection: Connection) -> tuple[Template, ...]:
    """Returns the templates on the server, of all projects, by name."""
    found = []
    for name, comment in _databases(connection):
        with suppress(ValueError, KeyError, TypeError):
            facts = json.loads(comment or "")
            if TEMPLATE.fullmatch(name) and facts["harness"] == 1:
                modules, made = tuple(facts["modules"]), tuple(roles.from_json(facts["roles"]))
                left_out = tuple(map(dict, facts.get("left_out", ())))
                skipped = tuple(map(str, facts.get("skipped", ())))
                had = {role: frozenset(words) for role, words in facts.get("attributes", {}).items()}
                found.append(Template(name, facts["project"], facts["root"], modules, made, left_out, skipped, had))
    return tuple(found)


def is_ours(database: str) -> bool:
    """Whether a name is that of a template or a scratch database."""
    return bool(TEMPLATE.fullmatch(database) or SCRATCH.fullmatch(database))


def scratch_databases(connection: Connection) -> tuple[str, ...]:
    """Returns the scratch databases of all runs, by name."""
    return tuple(name for name, _ in _databases(connection) if SCRATCH.fullmatch(name))


def leftovers(connection: Connection) -> tuple[str, ...]:
    """Returns the scratch databases of runs that have ended."""
    names = scratch_databases(connection)
    return tuple(name for name in names if not locks.held(connection, locks.RUN, locks.number_of(SCRATCH, name)))


def drop_leftovers(connection: Connection) -> list[str]:
    """Drops the scratch databases of killed runs, as far as we may, and their roles; returns their names."""
    dropped = []
    for name in leftovers(connection):
        # Another run may just be dropping the same database.
        with suppress(errors.InsufficientPrivilege, errors.ObjectInUse, errors.InternalError_):
            drop_with_roles(connection, name)
            dropped.append(name)
    return dropped


def drop_with_roles(connection: Connection, name: str) -> None:
    """Drops a scratch database, and the roles that no other database records."""
    made = [role for holder in holders(connection) if holder.database == name for role in holder.roles]
    try:
        drop_database(connection, name)
    finally:  # an interrupt may have come when it was gone, and with it the record
        drop_roles(connection, made)


def drop_roles(connection: Connection, made: Iterable[Role]) -> tuple[list[str], list[tuple[str, str]]]:
    """Drops the roles that no database records any more; returns what :func:`roles.drop_unchanged` returns."""
    made = list(made)
    elsewhere = {role.oid for role in recorded(connection)} if made else set()
    mine = [role for role in made if role.oid not in elsewhere]
    if not mine:
        return [], []
    with connection.transaction():
        before = roles.Snapshot.take(connection, ignored=(role.oid for role in mine))
        result = roles.drop_unchanged(connection, mine)
        update(connection, before.changes(connection, recorded(connection)))
    return result


def drop_strays(connection: Connection) -> None:
    """Drops, on a server of our own for scratch databases, the roles that no database records, nor uses."""
    there = [role for role in roles.read(connection).values() if role.oid >= _FIRST_OID]
    known = {role.oid for role in recorded(connection)}  # afterwards: a role is made and recorded at once
    for role in there:
        if role.oid not in known:
            with suppress(errors.DependentObjectsStillExist, errors.UndefinedObject, errors.ObjectInUse):
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role.name)))


def release(connection: Connection, found: Iterable[Template]) -> bool:
    """Drops those of these templates that are idle, and the roles that only they record; returns whether any were."""
    dropped = [each for each in found if drop_template(connection, each)]
    drop_roles(connection, {role for each in dropped for role in each.roles})
    return bool(dropped)


def drop_template(connection: Connection, template: Template) -> bool:
    """Drops a template, unless a run uses it; returns whether it did."""
    number = locks.number_of(TEMPLATE, template.name)
    if locks.held(connection, locks.USE, number) or not locks.try_lock(connection, locks.USE, number):
        return False
    try:
        drop_database(connection, template.name)
    finally:
        locks.unlock(connection, locks.USE, number)
    return True


def drop_database(connection: Connection, name: str) -> None:
    """Drops a database, if it exists, and ends its sessions."""
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def end_sessions(connection: Connection, application_name: str) -> None:
    """Ends the sessions of an application, and waits until they are gone: one may just be making a database."""
    connection.execute(
        "select pg_terminate_backend(pid, %s) from pg_stat_activity where application_name = %s",
        [int(SESSION_ENDS_SECONDS * 1000), application_name],
    )


@contextmanager
def translated(connection: Connection) -> Iterator[None]:
    """Turns what a server may refuse to any scratch work into :class:`TargetError`."""
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
