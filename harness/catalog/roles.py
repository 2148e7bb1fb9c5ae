"""Asks the server for roles and their privileges, each question once.

Says whether the user may disable triggers or SET ROLE, and whether policies apply to a role.
Not here: roles that are made for scratch databases, and dropped (``global_objects``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg

from harness.catalog.model import Policy

DEFAULTS = "defaults of"
"""The kind for default privileges on objects that a role will create (ALTER DEFAULT PRIVILEGES)."""

_OBJECTS = {
    "schema": "select nspowner, nspacl, 'n' from pg_namespace where oid = to_regnamespace(%s)",
    "sequence": "select relowner, relacl, 's' from pg_class where oid = to_regclass(%s) and relkind = 'S'",
    "view": "select relowner, relacl, 'r' from pg_class where oid = to_regclass(%s) and relkind in ('v', 'm')",
    "function": "select proowner, proacl, 'f' from pg_proc where oid = to_regprocedure(%s)",
}
_GRANTED = """
select o.owner::regrole::text, case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee)::text end,
    lower(x.privilege_type)
from ({object}) as o (owner, acl, kind)
left join lateral aclexplode(coalesce(o.acl, acldefault(o.kind::"char", o.owner))) as x on x.grantee <> o.owner
"""
_DEFAULTS = """
select %s, case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee)::text end,
    lower(x.privilege_type) || ' on '
    || case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' else 'others' end
from pg_roles as r
left join pg_default_acl as d
    on d.defaclrole = r.oid and (d.defaclnamespace = 0 or d.defaclnamespace = to_regnamespace(quote_ident(%s)))
left join lateral aclexplode(d.defaclacl) as x on x.grantee <> r.oid
where quote_ident(r.rolname) = %s or r.rolname = %s
"""
_SESSION = """
select coalesce((
    select m.rolname::text
    from pg_roles as m
    where m.rolcanlogin and not m.rolsuper and pg_has_role(m.oid, %s, 'member')
    order by (select count(*) from pg_roles as r where pg_has_role(m.oid, r.oid, 'member')), 1 limit 1
), %s)
"""
_CALL = """
select p.pronamespace::regnamespace::text || '.' || quote_ident(p.proname) || '(' || coalesce(
    string_agg(
        case when p.provariadic <> 0 and a.n = p.pronargs then 'variadic ' else '' end
        || format('(select null::%%s)', format_type(a.type, null)), ', ' order by a.n
    ) filter (where a.type is not null), ''
) || ')'
from pg_proc as p
left join unnest(p.proargtypes::oid[]) with ordinality as a (type, n) on true
where
    p.oid = to_regprocedure(%s) and p.prokind = 'f' and p.prorettype <> all ('{trigger,event_trigger}'::regtype[])
    and not exists (select from pg_type as t where t.oid = any (p.proargtypes::oid[]) and t.typtype = 'p')
group by p.oid
"""


@dataclass(frozen=True)
class Granted:
    """The owner of an object, and the ``grants`` of others: role (``public`` is PUBLIC) and privilege."""

    owner: str
    grants: frozenset[tuple[str, str]]


WHO_MAY_DISABLE_TRIGGERS = "a superuser, or from PostgreSQL 15 on: grant set on parameter session_replication_role"
"""The words for a message about users who may not disable triggers."""


def may_disable_triggers(connection: psycopg.Connection[Any]) -> bool:
    """Whether the connection's user may set ``session_replication_role``, so that no trigger fires in its session."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set local session_replication_role = replica", prepare=False)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


class Roles:
    """The roles of a server, seen from one of its databases."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        rows = [*connection.execute("select rolname, rolsuper, rolbypassrls, rolsuper or rolcreaterole from pg_roles")]
        self._known: dict[str, tuple[bool, bool]] = {name: (superuser, bypass) for name, superuser, bypass, _ in rows}
        row = connection.execute("select current_user").fetchone()
        assert row is not None
        self.current: str = row[0]
        self.may_create = any(name == self.current and creates for name, _, _, creates in rows)
        """Whether the connection's user may create roles."""
        self._connection = connection
        self.may_disable_triggers = may_disable_triggers(connection)
        self._asked = lru_cache(maxsize=None)(self._ask)

    def exists(self, role: str) -> bool:
        return role in self._known

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all roles but those that come with PostgreSQL."""
        return tuple(name for name in self._known if not name.startswith("pg_"))

    def is_superuser(self, role: str) -> bool:
        return self._known.get(role, (False, False))[0]

    def bypasses_row_security(self, role: str) -> bool:
        """Whether no policy applies to the role: it is a superuser, or has BYPASSRLS."""
        return any(self._known.get(role, (False, False)))

    def may_become(self, role: str) -> bool:
        """Whether the connection's user may SET ROLE to the role."""
        return bool(self._asked("select pg_has_role(%s, 'member')", role))

    def session_of(self, role: str) -> str | None:
        """The role with the fewest rights that logs in and takes on a role, itself if it can; None if none is known.

        Only a superuser may act as another session.
        """
        return str(found) if self.is_superuser(self.current) and (found := self._asked(_SESSION, role, role)) else None

    def acts_as(self, role: str, other: str) -> bool:
        """Whether a role has what is granted to another one: it is that role, or a member that inherits."""
        return role == other or bool(self._asked("select pg_has_role(%s, %s, 'usage')", role, other))

    def permitting(self, role: str, policies: Iterable[Policy]) -> list[Policy]:
        """The policies, of some, that permit something to a role."""
        permissive = (policy for policy in policies if policy.permissive)
        return [each for each in permissive if any(of == "public" or self.acts_as(role, of) for of in each.roles)]

    def may_reach(self, role: str, policies: Iterable[Policy]) -> bool:
        """Whether one of some policies permits a role to read, change or delete a row."""
        return any(policy.command != "insert" for policy in self.permitting(role, policies))

    def on_table(self, role: str, table: str, privilege: str) -> bool:
        """Whether a role has a privilege on a table (its quoted name), itself, by membership or by PUBLIC."""
        return bool(self._asked("select has_table_privilege(%s, %s, %s)", role, table, privilege))

    def on_columns(self, role: str, table: str, privilege: str) -> bool:
        """Whether a role has a privilege on a table or view, or on any column of it."""
        return bool(self._asked("select has_any_column_privilege(%s, %s, %s)", role, table, privilege))

    def on_column(self, role: str, table: str, column: str, privilege: str) -> bool:
        """Whether a role has a privilege on one column of a table (its quoted name), or on all of it."""
        return bool(self._asked("select has_column_privilege(%s, %s, %s, %s)", role, table, column, privilege))

    def may_execute(self, role: str, signature: str) -> bool:
        """Whether a role may call a function, given as ``regprocedure`` prints it."""
        return bool(self._asked("select has_function_privilege(%s, %s, 'execute')", role, signature))

    def on_schema(self, role: str, schema: str) -> bool:
        """Whether a role may use a schema."""
        return bool(self._asked("select has_schema_privilege(%s, %s, 'usage')", role, schema))

    def on(self, kind: str, role: str, name: str, privilege: str) -> bool:
        """Whether a role has a privilege on a schema, sequence, function or view (its name as SQL has it)."""
        kind = "table" if kind == "view" else kind
        # For schemas these functions take the bare name.
        of = "to_regnamespace(%s)::oid" if kind == "schema" else "%s"
        return bool(self._asked(f"select has_{kind}_privilege(%s, {of}, %s)", role, name, privilege))

    def granted(self, kind: str, name: str, schema: str) -> Granted | None:
        """The privileges on an object, or the default ones in a ``schema``; None if the object does not exist."""
        if kind == DEFAULTS:
            rows = self._connection.execute(_DEFAULTS.encode(), [name, schema, name, name]).fetchall()
        else:
            rows = self._connection.execute(_GRANTED.format(object=_OBJECTS[kind]).encode(), [name]).fetchall()
        return Granted(rows[0][0], frozenset((role, what) for _, role, what in rows if what)) if rows else None

    def call(self, signature: str) -> str | None:
        """A call of a function with NULL for each argument; None if there is no way to write one.

        The NULLs are subqueries, which PostgreSQL does not evaluate while it plans.
        """
        row = self._connection.execute(_CALL.encode(), [signature]).fetchone()
        return str(row[0]) if row else None

    def _ask(self, query: str, *arguments: str) -> Any:
        row = self._connection.execute(query.encode(), arguments).fetchone()
        assert row is not None
        return row[0]
