"""Decides which statements about roles and the server run in a scratch database; others are skipped.

Existing roles, which belong to the whole server, are used as they are, if that is what the files say. Missing ones are
made only where that is allowed, on servers of others without login and password; the COMMENT of the database records
them at once, and they are dropped with it. Refuses a file that changes what belongs to the whole server all the same.
Not here: the application's own database (``takeover.py``), and other statements of dumps (``foreign/skipping.py``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import psycopg
from psycopg import errors, sql

from harness.errors import Place, TargetError
from harness.global_objects import attributes, effects, registry
from harness.global_objects import roles as server_roles
from harness.global_objects.attributes import Attributes, Claims, RolesDifferError
from harness.global_objects.roles import Role
from harness.project import SqlPart, sqltext
from harness.project.sqlfile import FileStatement
from harness.server import Connection, script

_THERE = "the role is there already"
_NOT_OURS = "the role was there before, and belongs to the whole server"
_IN_USE = "something else on the server uses the role"
_AGAIN = 3
"""Attempts to see the same roles as others do, whose changes may just be committed."""


@dataclass(frozen=True)
class Skipped:
    """A statement that was not run: its first words, and why."""

    place: Place
    statement: str
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.statement}: {self.why}"


class Guard:
    """Watches the files that run over one connection; this one lets every statement run.

    Files that run in a ``lasting`` database must be able to be rolled back.
    """

    lasting: ClassVar[bool] = False

    @contextmanager
    def around(self, statements: Sequence[FileStatement]) -> Iterator[None]:
        """Surrounds a file, from before its transaction until after it."""
        yield

    def concerns(self, statement: FileStatement) -> bool:
        """Whether a statement must be sent by :meth:`send`, and :meth:`settle` be called before the commit."""
        return False

    def send(self, connection: Connection, file: script.SqlText, statement: FileStatement) -> None:
        """Runs a statement, or what replaces it here."""
        script.execute(connection, file, statement)

    def settle(self, connection: Connection) -> None:
        """Does what is left to do before the transaction commits."""


@dataclass
class ScratchGuard(Guard):
    """Watches the files of a scratch database. ``maintenance`` is a connection that sees only committed data.

    Changes no role that it has not made. With ``may_make`` roles are made; on a server of our ``own`` as they are
    written, on others without login and password. ``made`` are the roles that were made, by oid; ``named`` are the
    names of all roles that the files create.
    """

    maintenance: Connection
    own: bool
    may_make: bool
    made: dict[int, Role] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    _touched: bool = False
    _claims: Claims = field(init=False)
    _blocks: str = ""

    def __post_init__(self) -> None:
        self._claims = Claims(self.maintenance.info.user)

    def concerns(self, statement: FileStatement) -> bool:
        return (
            effects.is_about_roles(statement)
            or effects.why_elsewhere(statement) is not None
            or effects.kind(statement) == "do_stmt"
        )

    def send(self, connection: Connection, file: script.SqlText, statement: FileStatement) -> None:
        self._touched = True
        self.named.update(effects.created(statement))
        if effects.kind(statement) == "do_stmt":
            self._read_block(statement, Place(file.path, statement.line, statement.column))
        why = self.reason(connection, statement)
        if why is None and effects.kind(statement) == effects.CREATE:
            why = self._create(connection, file, statement)
        elif why is None:
            script.execute(connection, file, statement)
        if why is not None:
            self.skip(file, statement, why)

    def skip(self, file: script.SqlText, statement: FileStatement, why: str) -> None:
        """Records that a statement is not run.

        Nothing has to be said of one that :meth:`differences` covers, or whose roles come and go with our databases.
        """
        place = Place(file.path, statement.line, statement.column)
        covered = self._claims.add(statement, place)
        names = {role.name for role in registry.recorded(self.maintenance)}
        if covered or ((named := effects.roles(statement)) and names.issuperset(named)):
            return
        self.leave_out(place, statement.text, why)

    def leave_out(self, place: Place, text: str, why: str) -> None:
        """Records that a text is not run."""
        # Nothing in quotes: that may be a password.
        words = " ".join(re.split(r"['$]", text)[0].split()[:6])
        self.skipped.append(Skipped(place, words, why))

    def reason(self, connection: Connection, statement: FileStatement) -> str | None:
        """Returns why a statement is not run; None if it is."""
        if why := effects.why_elsewhere(statement):
            return why
        if not effects.is_about_roles(statement):
            return None
        kind, named = effects.kind(statement), effects.roles(statement)
        there = {role.name: role for role in server_roles.read(connection).values()}
        found = [there[name] for name in named if name in there]
        foreign = [role for role in found if not self._is_ours(role)]
        if kind == effects.CREATE:
            return _THERE if found else None
        if kind == effects.DROP:
            return _NOT_OURS if foreign else _IN_USE if self._in_use(connection, found) else None
        if kind in effects.OWNED:
            # It also changes databases that a role owns, and its privileges on other databases.
            return _NOT_OURS if any(server_roles.uses_globals(connection, role) for role in foreign) else None
        if kind == "grant_role_stmt":  # it changes the new member, but not the role that gets a member
            if self.own and len(foreign) < len(found):
                return None  # a membership goes with either role
            named = effects.grantees(statement)
            foreign = [role for role in foreign if role.name in named]
        return _NOT_OURS if foreign or "" in named else None

    def settle(self, connection: Connection) -> None:
        """Records the roles that the transaction has made.

        Raises :class:`TargetError` if it may make none, or has changed one that was there before.
        """
        if self.own and not self._touched:
            return
        # In this order: a role that is seen here, and then not by all, is one that this transaction has made.
        seen = server_roles.read(connection)
        committed = server_roles.read(self.maintenance)
        new = [role.name for oid, role in seen.items() if oid not in committed]
        if new and not self.may_make:
            raise refused(new)
        ours = [oid for oid in seen if oid in self.made or oid not in committed]
        self._refuse_changes(connection, {*self.made, *ours})
        if not self.own:
            for oid in ours:
                if seen[oid] != self.made.get(oid):
                    _remove_login(connection, seen[oid])
            seen = server_roles.read(connection) if ours else seen
        made = {oid: seen[oid] for oid in ours}
        if made != self.made:
            if known := registry.recorded(self.maintenance):
                # A role of another build stays unchanged, though ours have become members of it.
                before = server_roles.Snapshot.take(self.maintenance, ignored=ours)
                registry.update(connection, before.changes(connection, known))
            self.made = made
            registry.set_comment(connection, connection.info.dbname, registry.build_comment(made.values()))

    def attributes(self) -> Attributes:
        """Returns what the roles have that the files speak of."""
        there = attributes.read(self.maintenance)
        return {name: there[name] for name in sorted({*self.named, *self._claims.roles} & there.keys())}

    def require_as_said(self) -> None:
        """Raises :class:`RolesDifferError` where roles that were there are not what the files say of them."""
        ours = {role.name for role in self.made.values()}
        if found := list(self._claims.differences(self.attributes(), ours, self._blocks)):
            listed = "; ".join(f"{place}: {role} {what}" for place, role, what in found)
            raise RolesDifferError(
                f"a role that is there already is not as the files say, and is not changed: {listed}",
                roles={role for _, role, _ in found},
                hint="another run uses it: let that end, then harness clean --all"
                if self.own
                else "prove it on the tool's own server, where roles are made anew: --target embedded; "
                "or make the role here what the files say",
            )

    def _read_block(self, statement: FileStatement, place: Place) -> None:
        self._blocks += statement.text
        recorded = {role.name for role in registry.recorded(self.maintenance)}
        for tree in effects.creations(statement):
            # What a person has made, a block may well leave as it is.
            if tree.role in recorded and tree.role not in {role.name for role in self.made.values()}:
                self._claims.create(tree, place)

    def _create(self, connection: Connection, file: script.SqlText, statement: FileStatement) -> str | None:
        text = statement.text
        if not self.own and (alone := effects.without_members(statement)):
            # An existing role would be changed; a new one is made a member by a statement of its own.
            self.skip(file, statement, f"its members: {_NOT_OURS}")
            text = alone
        try:
            with connection.transaction():
                # Not script.execute: it is no error of the file if another session has just made the role.
                connection.execute(text.encode(), prepare=False)
        except (errors.DuplicateObject, errors.UniqueViolation):
            return _THERE
        except psycopg.Error:
            script.execute(connection, file, statement)  # says where and why
        return None

    def _is_ours(self, role: Role) -> bool:
        return role.oid in self.made or role.oid not in server_roles.read(self.maintenance)

    def _in_use(self, connection: Connection, found: Iterable[Role]) -> bool:
        here = connection.info.dbname
        return any(user != here for role in found for user in server_roles.users(self.maintenance, role))

    def _refuse_changes(self, connection: Connection, ours: Collection[int]) -> None:
        for _ in range(_AGAIN):
            seen = server_roles.read(connection, ignored_members=ours)
            changed = [
                role.name
                for oid, role in server_roles.read(self.maintenance, ignored_members=ours).items()
                if oid not in ours and role.name != connection.info.user and seen.get(oid) != role
            ]
            other = server_roles.hash_of_others(connection) != server_roles.hash_of_others(self.maintenance)
            if not changed and not other:
                return
        what = f"the role {changed[0]}, which was there before and belongs" if changed else "what belongs"
        raise RolesDifferError(
            f"a migration changes {what} to the whole server",
            roles=changed,
            hint="nothing was changed; as a statement outside of the block it is left out in scratch databases"
            if self.own
            else "nothing was changed; prove it where the server is the tool's own: --target embedded",
        )


def refused(names: Iterable[str], place: Place | None = None, excerpt: str | None = None) -> TargetError:
    """Returns the error that no roles are made on a server that is not ours, and what to do."""
    return TargetError(
        f"the server has no role {', '.join(sorted(set(names)))}; on one that is not the tool's own none is made",
        place=place,
        excerpt=excerpt,
        hint="prove it on the tool's own: --target embedded; or let a target of project.yml say scratch_roles: true, "
        "then they are made for scratch databases, without a login and a password",
    )


def require_roles(connection: Connection, parts: Iterable[tuple[SqlPart, tuple[FileStatement, ...]]]) -> None:
    """Raises :class:`TargetError` at the first missing role that files create; it names all of them."""
    known = registry.role_names(connection)
    missing = [
        (name, part, statement)
        for part, statements in parts
        for statement in statements
        for name in effects.created(statement)
        if name not in known
    ]
    if missing:
        _, part, statement = missing[0]
        place = Place(part.path, statement.line, statement.column)
        excerpt = sqltext.excerpt(part.text, statement.line, statement.column)
        raise refused((name for name, _, _ in missing), place, excerpt)


def _remove_login(connection: Connection, role: Role) -> None:
    """Removes login and password in the transaction that makes the role: no other session sees it with them."""
    statement = "set local session authorization default; alter role {} nologin password null"
    connection.execute(sql.SQL(statement).format(sql.Identifier(role.name)), prepare=False)
