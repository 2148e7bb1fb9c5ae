"""Takes over roles made for scratch databases, when migrations of the application create them.

``apply`` resets such a role, gives it the attributes that the migration says, and removes it from the records.
``rollback`` drops the templates that use a role before it drops the role. Refuses while a run uses the role.
Not here: roles in scratch databases (``guards.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, LiteralString

from psycopg import sql

from harness.errors import MigrationError, StatementError
from harness.global_objects import effects, locks, registry, roles
from harness.global_objects.guards import Guard
from harness.global_objects.roles import Role
from harness.project.sqlfile import FileStatement
from harness.server import Connection, Server, script

_MEMBERSHIPS: LiteralString = """
select r.rolname::text, m.rolname::text
from pg_catalog.pg_auth_members a
join pg_catalog.pg_roles r on r.oid = a.roleid join pg_catalog.pg_roles m on m.oid = a.member
where %s in (a.roleid, a.member) and m.rolname <> session_user
"""
# For each option, as libpg_query names it: column, default of CREATE ROLE, and the words that set the default.
_DEFAULTS = {
    "superuser": ("rolsuper", False, "nosuperuser"),
    "inherit": ("rolinherit", True, "inherit"),
    "createrole": ("rolcreaterole", False, "nocreaterole"),
    "createdb": ("rolcreatedb", False, "nocreatedb"),
    "canlogin": ("rolcanlogin", False, "nologin"),
    "isreplication": ("rolreplication", False, "noreplication"),
    "bypassrls": ("rolbypassrls", False, "nobypassrls"),
    "connectionlimit": ("rolconnlimit", -1, "connection limit -1"),
    "validUntil": ("rolvaliduntil", None, "valid until 'infinity'"),
}
_THERE = "42710"  # duplicate_object
_MEMBERS = {
    "addroleto": "grant {other} to {role}",
    "rolemembers": "grant {role} to {other}",
    "adminmembers": "grant {role} to {other} with admin option",
}


@dataclass
class ApplicationGuard(Guard):
    """Watches the files of the application's database on a server."""

    lasting: ClassVar = True

    server: Server
    _recorded: frozenset[Role] = frozenset()
    _taken: set[int] = field(default_factory=set)

    @contextmanager
    def around(self, statements: Sequence[FileStatement]) -> Iterator[None]:
        """Keeps builds of scratch databases out while roles are made or dropped that they might share."""
        if not any(map(self.concerns, statements)):
            yield
            return
        with self.server.connect() as maintenance, locks.building(maintenance):
            self._recorded = registry.recorded(maintenance)
            self._taken = set()
            blocks = {name for each in statements for verb, name in effects.roles_of_block(each) if verb == "create"}
            if made := [role for role in self._unchanged(maintenance) if role.name in blocks]:
                # A DO block tests whether the role exists: it has to be as before anything was applied.
                _release(maintenance, made)
                registry.remove(maintenance, [role.oid for role in made])
                registry.drop_roles(maintenance, made)
            dropped = {name for each in statements for name in effects.dropped(each)}
            if dropped:
                _release(maintenance, [role for role in roles.read(maintenance).values() if role.name in dropped])
            yield

    def concerns(self, statement: FileStatement) -> bool:
        return bool(effects.created(statement) or effects.dropped(statement))

    def send(self, connection: Connection, file: script.SqlText, statement: FileStatement) -> None:
        made = {role.name: role for role in self._unchanged(connection)}
        if effects.kind(statement) != effects.CREATE:
            script.execute(connection, file, statement)
        elif role := made.get(effects.node(statement).role):
            self._take(connection, role, effects.node(statement))
        else:
            _create(connection, file, statement)

    def settle(self, connection: Connection) -> None:
        """Removes the records of the roles that were taken over, in the same transaction."""
        registry.remove(connection, self._taken)
        self._taken = set()

    def _unchanged(self, connection: Connection) -> list[Role]:
        """Returns the roles that are unchanged since they were made for scratch databases."""
        there = roles.read(connection).values() if self._recorded else ()
        return [role for role in there if role in self._recorded]

    def _take(self, connection: Connection, role: Role, wanted: Any) -> None:
        for holder in registry.holders(connection):
            if any(each.oid == role.oid for each in holder.roles) and registry.SCRATCH.fullmatch(holder.database):
                raise _in_use(role, [holder.database])
        before = roles.Snapshot.take(connection, ignored=[role.oid])
        for statement in (*_reset(connection, role), *_set(connection, role, wanted)):
            connection.execute(statement, prepare=False)
        # Other recorded roles stay unchanged, though their memberships with this one have changed.
        changed = before.changes(connection, self._recorded)
        registry.update(connection, changed)
        self._recorded = frozenset(changed.get(each, each) for each in self._recorded)
        self._taken.add(role.oid)


def _create(connection: Connection, file: script.SqlText, statement: FileStatement) -> None:
    try:
        script.execute(connection, file, statement)
    except StatementError as error:
        if error.sqlstate == _THERE:
            name = sql.Identifier(effects.node(statement).role).as_string()
            error.hint = (
                "roles belong to the whole server, and this one exists already: make it only where it is missing, "
                f"do $$ begin if to_regrole({sql.Literal(name).as_string()}) is null then create role {name}; "
                "end if; end $$"
            )
        raise


def _reset(connection: Connection, role: Role) -> Iterator[sql.Composed]:
    """Yields the statements that remove memberships, settings and comment; privileges in scratch databases stay."""
    name = sql.Identifier(role.name)
    for granted, member in connection.execute(_MEMBERSHIPS, [role.oid], prepare=False).fetchall():
        yield sql.SQL("revoke {} from {}").format(sql.Identifier(granted), sql.Identifier(member))
    yield sql.SQL("alter role {} reset all").format(name)
    yield sql.SQL("comment on role {} is null").format(name)


def _set(connection: Connection, role: Role, tree: Any) -> Iterator[bytes | sql.Composed]:
    """Yields the statements that make an existing role what ``create role`` says."""
    name = sql.Identifier(role.name)
    options = [each.def_elem for each in tree.options]
    said = {option.defname for option in options}
    columns = sql.SQL(", ").join(sql.Identifier(column) for column, _, _ in _DEFAULTS.values())
    query = sql.SQL("select {} from pg_catalog.pg_roles where oid = {}").format(columns, role.oid)
    now = connection.execute(query, prepare=False).fetchone() or ()
    for (option, (_, default, words)), value in zip(_DEFAULTS.items(), now, strict=True):
        if option not in said and value != default:
            yield sql.SQL("alter role {} " + words).format(name)
    if effects.enum_name(tree, "stmt_type") == "ROLESTMT_USER" and "canlogin" not in said:
        yield sql.SQL("alter role {} login").format(name)
    if "password" not in said:
        yield sql.SQL("alter role {} password null").format(name)
    if text := _altered(tree.role, options):
        yield text
    for option in options:
        for each in option.arg.list.items if option.defname in _MEMBERS else ():
            yield sql.SQL(_MEMBERS[option.defname]).format(role=name, other=sql.Identifier(each.role_spec.rolename))


def _altered(role: str, options: Sequence[Any]) -> bytes | None:
    """Returns ALTER ROLE with the attributes of CREATE ROLE."""
    import postgast

    attributes = [option for option in options if option.defname not in (*_MEMBERS, "sysid")]
    if not attributes:
        return None
    parsed = postgast.parse(f"alter role {sql.Identifier(role).as_string()}")
    for option in attributes:
        parsed.stmts[0].stmt.alter_role_stmt.options.add().def_elem.CopyFrom(option)
    return str(postgast.deparse(parsed)).encode()


def _release(maintenance: Connection, found: Iterable[Role]) -> None:
    """Drops the idle templates that use roles. Raises :class:`MigrationError` where a run still uses one."""
    registry.drop_leftovers(maintenance)
    templates = {template.name: template for template in registry.templates(maintenance)}
    for role in found:
        for user in roles.users(maintenance, role):
            if user in templates and registry.drop_template(maintenance, templates[user]):
                registry.drop_roles(maintenance, templates.pop(user).roles)
        if used := [name for name in roles.users(maintenance, role) if registry.is_ours(name)]:
            raise _in_use(role, used)


def _in_use(role: Role, databases: Sequence[str]) -> MigrationError:
    return MigrationError(
        f"the role {role.name} is used by a run of harness that is still going, in {', '.join(databases)}",
        hint="let that run end, and try again",
    )
