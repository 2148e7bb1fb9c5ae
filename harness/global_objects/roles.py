"""Roles belong to a whole server: what one is at a moment, and when one that a scratch build made may go again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import errors, sql

from harness.errors import TargetError
from harness.server.connection import Connection, another

# Whether a role has a password only those can tell who may read pg_authid. Settings and ownership of the tool's own
# databases come and go with these.
_READ: LiteralString = """
select r.rolname::text, r.oid::bigint, r.rolcanlogin, encode(sha256(convert_to(jsonb_build_array(
    r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
    r.rolconnlimit, extract(epoch from r.rolvaliduntil)::text, {password},
    (select jsonb_agg(to_jsonb(m) - 'oid' order by m.roleid, m.member, m.grantor)
     from pg_catalog.pg_auth_members m
     where r.oid in (m.roleid, m.member) and m.member <> all (%(without)s)
       and m.roleid <> all (%(apart)s) and m.member <> all (%(apart)s)),
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
"""For who has changed a role, and has not yet committed that."""


@dataclass(frozen=True)
class Role:
    """A role at a moment. ``state`` is a hash of its attributes, password, memberships, settings and comment.

    It begins with ``?`` where the connection's user may not see whether there is a password.
    """

    name: str
    oid: int
    login: bool
    state: str

    @property
    def is_certain(self) -> bool:
        return not self.state.startswith("?")


def read(connection: Connection, *, without: Collection[int] = (), apart: Collection[int] = ()) -> dict[int, Role]:
    """The roles of the server, by oid, as this connection sees them: with what its own transaction has changed.

    That the roles ``without``, by oid, are members of another one is no part of that one's state; of those ``apart``
    neither is that the other one is a member of them.
    """
    row = connection.execute("select has_table_privilege('pg_catalog.pg_authid', 'select')", prepare=False).fetchone()
    seen = bool(row and row[0])
    query = sql.SQL(_READ).format(
        password=sql.SQL("r.rolpassword" if seen else "null"),
        roles=sql.SQL("pg_catalog.pg_authid" if seen else "pg_catalog.pg_roles"),
    )
    oids = {"without": list(without), "apart": list(apart)}
    found = connection.execute(query, oids, prepare=False)
    return {oid: Role(name, oid, login, state if seen else f"?{state}") for name, oid, login, state in found}


@dataclass(frozen=True)
class Moment:
    """All roles as a connection sees them; and as they are but for their memberships with the roles ``apart``."""

    apart: frozenset[int]
    bare: Mapping[int, Role]
    whole: Mapping[int, Role]

    @classmethod
    def before(cls, connection: Connection, apart: Iterable[int]) -> Moment:
        """What is changed after this is seen as a change."""
        oids = frozenset(apart)
        bare = read(connection, apart=oids)
        return cls(oids, bare, read(connection))

    def followed(self, connection: Connection, recorded: Collection[Role]) -> dict[Role, Role]:
        """What has become of recorded roles of which nothing but their memberships with those ``apart`` has changed."""
        whole = read(connection)
        bare = read(connection, apart=self.apart)
        return {
            role: whole[oid]
            for oid, role in self.whole.items()
            if role in recorded and oid not in self.apart and bare.get(oid) == self.bare.get(oid)
            if whole.get(oid, role) != role
        }


def users(connection: Connection, role: Role) -> list[str]:
    """The databases in which something depends on a role."""
    return [name for (name,) in connection.execute(_USERS, [role.oid], prepare=False)]


def surroundings(connection: Connection) -> str:
    """A hash of what else is global: databases but the tool's own, tablespaces, and settings of all roles."""
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
    row = connection.execute(query, prepare=False).fetchone()
    return str(row and row[0])


def has_global(connection: Connection, role: Role) -> bool:
    """Whether it owns, or may do something with, a global object such as a database, the tool's own apart."""
    query = """
        select exists (
            select from pg_catalog.pg_shdepend s
            left join pg_catalog.pg_database d on s.classid = 'pg_catalog.pg_database'::regclass and d.oid = s.objid
            where s.refclassid = 'pg_catalog.pg_authid'::regclass and s.refobjid = %s and s.dbid = 0
              and s.classid <> 'pg_catalog.pg_auth_members'::regclass
              and not starts_with(coalesce(d.datname::text, ''), 'harness_'))
        """
    row = connection.execute(query, [role.oid], prepare=False).fetchone()
    return bool(row and row[0])


def why_kept(
    connection: Connection, role: Role, recorded: Collection[Role], apart: Callable[[str], bool] = lambda name: False
) -> str | None:
    """Why a role that scratch builds have recorded may not be dropped; None if it may.

    What depends on it in databases ``apart``, by name, is no reason.
    """
    if role.login:
        return "it can log in"
    if role not in recorded:
        return _CHANGED
    if not role.is_certain:
        return "only a superuser can see whether it has a password"
    if found := [name for name in users(connection, role) if not apart(name)]:
        return f"something else depends on it, in {', '.join(found)}"
    return None


def drop_unchanged(connection: Connection, recorded: Collection[Role]) -> tuple[list[str], list[tuple[str, str]]]:
    """Drops the roles that are exactly as recorded, cannot log in and are used by nothing.

    Returns the names of the dropped, and of the kept ones with the reason. In doubt a role stays.
    """
    dropped: list[str] = []
    kept: list[tuple[str, str]] = []
    oids = {role.oid for role in recorded}
    mine = [role for role in read(connection).values() if role.oid in oids]
    with ExitStack() as stack:
        stack.enter_context(connection.transaction())
        connection.execute(_LOCK_WAIT, prepare=False)
        watching: Connection | None = None
        for role in sorted(mine, key=lambda each: each.name):
            why = why_kept(connection, role, recorded)
            if why is None:
                try:
                    watching = watching or stack.enter_context(closing(another(connection)))
                    why = _drop(connection, role, watching)
                except TargetError as error:
                    why = f"nobody can look whether it was changed: {error.message}"
            if why is None:
                dropped.append(role.name)
            else:
                kept.append((role.name, why))
    return dropped, kept


def _drop(connection: Connection, role: Role, watching: Connection) -> str | None:
    """Drops a role, and returns None; or returns why it is kept. ``watching`` sees what is committed."""
    try:
        with connection.transaction():
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role.name)), prepare=False)
            # From here on nobody can change it. What others have done until now goes with it, and is seen only there.
            if read(watching).get(role.oid) != role:
                raise psycopg.Rollback
            return None
    except errors.InsufficientPrivilege:
        return f"{connection.info.user} may not drop it"
    except errors.LockNotAvailable:
        return "somebody else is just changing it"
    except (errors.DependentObjectsStillExist, errors.ObjectInUse):
        return "something else depends on it"
    except (errors.UndefinedObject, errors.InternalError_):  # tuple concurrently updated
        return _CHANGED
    return _CHANGED


def to_json(recorded: Iterable[Role]) -> list[list[object]]:
    """For the COMMENT of a database; :func:`from_json` reads it."""
    return [[role.name, role.oid, role.login, role.state] for role in sorted(recorded, key=lambda each: each.name)]


def from_json(found: Iterable[object]) -> Iterator[Role]:
    """What an older version has written is no record of a role, only its name: such a role stays."""
    for each in found:
        if isinstance(each, list):
            name, oid, login, state = each
            yield Role(str(name), int(oid), bool(login), str(state))
