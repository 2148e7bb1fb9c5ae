"""Decides whether a role that was made for scratch databases may be dropped, and drops it.

It is kept if it can log in, was changed since, or is used by anything. Reads the state of each role as a hash, and sees
whether other objects of the whole server were changed.
Not here: the record of such roles (``registry.py``), and privileges of roles (``catalog/roles.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import errors, sql

from harness.errors import TargetError
from harness.server.connection import Connection, another, value

# Only a user who may read pg_authid can tell whether a role has a password. Settings for the tool's own databases, and
# their ownership, are left out: they come and go with these databases.
_READ: LiteralString = """
select r.rolname::text, r.oid::bigint, r.rolcanlogin, encode(sha256(convert_to(jsonb_build_array(
    r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
    r.rolconnlimit, extract(epoch from r.rolvaliduntil)::text, {password},
    (select jsonb_agg(to_jsonb(m) - 'oid' order by m.roleid, m.member, m.grantor)
     from pg_catalog.pg_auth_members m
     where r.oid in (m.roleid, m.member) and m.member <> all (%(ignored_members)s)
       and m.roleid <> all (%(ignored)s) and m.member <> all (%(ignored)s)),
    (select jsonb_agg(jsonb_build_array(s.setdatabase, s.setconfig) order by s.setdatabase)
     from pg_catalog.pg_db_role_setting s left join pg_catalog.pg_database d on d.oid = s.setdatabase
     where s.setrole = r.oid and not starts_with(coalesce(d.datname::text, ''), 'harness_')),
    (select jsonb_agg(jsonb_build_array(s.classid, s.objid, s.deptype) order by s.classid, s.objid, s.deptype)
     from pg_catalog.pg_shdepend s
     left join pg_catalog.pg_database d on s.classid = 'pg_catalog.pg_database'::regclass and d.oid = s.objid
     where s.refclassid = 'pg_catalog.pg_authid'::regclass and s.refobjid = r.oid and s.dbid = 0
       and s.classid <> 'pg_catalog.pg_auth_members'::regclass
       and not starts_with(coalesce(d.datname::text, ''), 'harness_')),
    pg_catalog.shobj_description(r.oid, 'pg_authid')
)::text, 'UTF8')), 'hex')
from {roles} r
"""
_USERS: LiteralString = """
select distinct coalesce(d.datname::text, 'another object of the server')
from pg_catalog.pg_shdepend s left join pg_catalog.pg_database d on d.oid = s.dbid
where s.refclassid = 'pg_catalog.pg_authid'::regclass and s.refobjid = %s
  and s.classid <> 'pg_catalog.pg_auth_members'::regclass
order by 1
"""
_CHANGED = "it was changed since it was made"
_LOCK_WAIT: LiteralString = "set local lock_timeout = '10s'"
"""Time for another session that has changed a role, and has not committed that yet."""


@dataclass(frozen=True)
class Role:
    """A role at a moment. ``state`` is a hash of its attributes, password, memberships, settings and comment.

    The hash begins with ``?`` where the connection's user may not see whether there is a password.
    """

    name: str
    oid: int
    login: bool
    state: str


def read(
    connection: Connection, *, ignored_members: Collection[int] = (), ignored: Collection[int] = ()
) -> dict[int, Role]:
    """Reads the roles of the server, by oid, with the changes of the connection's own transaction.

    A role's state does not tell that the roles ``ignored_members``, given by oid, are members of it. Nor does it tell
    of memberships, in either direction, with the roles ``ignored``.
    """
    seen = value(connection, "select has_table_privilege('pg_catalog.pg_authid', 'select')")
    query = sql.SQL(_READ).format(
        password=sql.SQL("r.rolpassword" if seen else "null"),
        roles=sql.SQL("pg_catalog.pg_authid" if seen else "pg_catalog.pg_roles"),
    )
    oids = {"ignored_members": list(ignored_members), "ignored": list(ignored)}
    found = connection.execute(query, oids, prepare=False)
    return {oid: Role(name, oid, login, state if seen else f"?{state}") for name, oid, login, state in found}


@dataclass(frozen=True)
class Snapshot:
    """All roles at a moment; ``partial`` is their state without their memberships with the roles ``ignored``."""

    ignored: frozenset[int]
    partial: Mapping[int, Role]
    whole: Mapping[int, Role]

    @classmethod
    def take(cls, connection: Connection, ignored: Iterable[int]) -> Snapshot:
        oids = frozenset(ignored)
        return cls(oids, read(connection, ignored=oids), read(connection))

    def changes(self, connection: Connection, recorded: Collection[Role]) -> dict[Role, Role]:
        """Returns the recorded roles whose memberships with those ``ignored`` alone have changed since, old to new."""
        whole = read(connection)
        partial = read(connection, ignored=self.ignored)
        return {
            role: whole[oid]
            for oid, role in self.whole.items()
            if role in recorded and oid not in self.ignored and partial.get(oid) == self.partial.get(oid)
            if whole.get(oid, role) != role
        }


def users(connection: Connection, role: Role) -> list[str]:
    """Returns the databases in which something depends on a role."""
    return [name for (name,) in connection.execute(_USERS, [role.oid], prepare=False)]


def hash_of_others(connection: Connection) -> str:
    """Returns a hash of the other global objects: foreign databases, tablespaces, and settings for all roles."""
    query = """
        select encode(sha256(convert_to(jsonb_build_array(
            (select jsonb_agg(to_jsonb(d) - 'datfrozenxid' - 'datminmxid' order by d.oid)
             from pg_catalog.pg_database d where not starts_with(d.datname::text, 'harness_')),
            (select jsonb_agg(jsonb_build_array(d.datname, c.description) order by d.oid)
             from pg_catalog.pg_database d join pg_catalog.pg_shdescription c
               on c.classoid = 'pg_catalog.pg_database'::regclass and c.objoid = d.oid
             where not starts_with(d.datname::text, 'harness_')),
            (select jsonb_agg(to_jsonb(t) order by t.oid) from pg_catalog.pg_tablespace t),
            (select jsonb_agg(jsonb_build_array(s.setdatabase, s.setconfig) order by s.setdatabase)
             from pg_catalog.pg_db_role_setting s left join pg_catalog.pg_database d on d.oid = s.setdatabase
             where s.setrole = 0 and not starts_with(coalesce(d.datname::text, ''), 'harness_'))
        )::text, 'UTF8')), 'hex')
        """
    return str(value(connection, query))


def uses_globals(connection: Connection, role: Role) -> bool:
    """Whether a role owns, or has a privilege on, a global object such as a database that is not the tool's own."""
    query = """
        select exists (
            select from pg_catalog.pg_shdepend s
            left join pg_catalog.pg_database d on s.classid = 'pg_catalog.pg_database'::regclass and d.oid = s.objid
            where s.refclassid = 'pg_catalog.pg_authid'::regclass and s.refobjid = %s and s.dbid = 0
              and s.classid <> 'pg_catalog.pg_auth_members'::regclass
              and not starts_with(coalesce(d.datname::text, ''), 'harness_'))
        """
    return bool(value(connection, query, [role.oid]))


def why_kept(
    connection: Connection, role: Role, recorded: Collection[Role], ignored: Callable[[str], bool] = lambda name: False
) -> str | None:
    """Returns why a role that scratch builds have recorded may not be dropped; None if it may.

    Objects that depend on it in ``ignored`` databases are no reason.
    """
    if role.login:
        return "it can log in"
    if role not in recorded:
        return _CHANGED
    if role.state.startswith("?"):
        return "only a superuser can see whether it has a password"
    if found := [name for name in users(connection, role) if not ignored(name)]:
        return f"something else depends on it, in {', '.join(found)}"
    return None


def drop_unchanged(connection: Connection, recorded: Collection[Role]) -> tuple[list[str], list[tuple[str, str]]]:
    """Drops the roles that are exactly as recorded, cannot log in, and are used by nothing; keeps a role in doubt.

    Returns the names of the dropped roles, and of the kept ones with the reason.
    """
    dropped: list[str] = []
    kept: list[tuple[str, str]] = []
    oids = {role.oid for role in recorded}
    mine = [role for role in read(connection).values() if role.oid in oids]
    with ExitStack() as stack:
        stack.enter_context(connection.transaction())
        connection.execute(_LOCK_WAIT, prepare=False)
        witness: Connection | None = None
        for role in sorted(mine, key=lambda each: each.name):
            why = why_kept(connection, role, recorded)
            if why is None:
                try:
                    witness = witness or stack.enter_context(closing(another(connection)))
                    why = _drop(connection, role, witness)
                except TargetError as error:
                    why = f"it cannot be seen whether it was changed: {error.message}"
            if why is None:
                dropped.append(role.name)
            else:
                kept.append((role.name, why))
    return dropped, kept


def _drop(connection: Connection, role: Role, witness: Connection) -> str | None:
    """Drops a role and returns None, or returns why it is kept. ``witness`` sees only committed changes."""
    try:
        with connection.transaction():
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role.name)), prepare=False)
            # From here on no other session can change it. Only the witness still sees the changes until now.
            if read(witness).get(role.oid) != role:
                raise psycopg.Rollback
            return None
    except errors.InsufficientPrivilege:
        return f"{connection.info.user} may not drop it"
    except errors.LockNotAvailable:
        return "another session is just changing it"
    except (errors.DependentObjectsStillExist, errors.ObjectInUse):
        return "something else depends on it"
    except (errors.UndefinedObject, errors.InternalError_):  # tuple concurrently updated
        return _CHANGED
    return _CHANGED


def to_json(recorded: Iterable[Role]) -> list[list[object]]:
    """Returns roles for the COMMENT of a database; :func:`from_json` reads them."""
    return [[role.name, role.oid, role.login, role.state] for role in sorted(recorded, key=lambda each: each.name)]


def from_json(found: Iterable[object]) -> Iterator[Role]:
    """Reads roles from a COMMENT. An older version has written names alone: these are no records."""
    for each in found:
        if isinstance(each, list):
            name, oid, login, state = each
            yield Role(str(name), int(oid), bool(login), str(state))
