"""What files of SQL do outside of the database that they are run in, which is left as it is.

Roles are the server's. In a scratch database those that are there are used as they are; those that are not are made
only where that is wanted, stand in the database's COMMENT from the moment they are there, and go with it. Other
databases and the server's settings are not touched at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import psycopg
from psycopg import errors, sql

from harness.errors import Place, TargetError
from harness.global_objects import effects, registry
from harness.global_objects import roles as server_roles
from harness.global_objects.roles import Role
from harness.project import sqltext
from harness.project.model import SqlPart
from harness.project.sqlfile import SqlStatement
from harness.server import script
from harness.server.connection import Connection

_THERE = "the role is there already"
_NOT_OURS = "the role was there before, and belongs to the whole server"
_IN_USE = "something else on the server uses the role"
_AGAIN = 3
"""How often roles are looked at anew that somebody else seems to be changing at this moment."""


@dataclass(frozen=True)
class Skipped:
    """A statement that was not run, its first words, and why."""

    place: Place
    statement: str
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.statement}: {self.why}"


class Outside(Protocol):
    """Goes with the files that are run over one connection, and has a say where they reach outside.

    What is run in a database that is ``lasting`` has to be undoable.
    """

    lasting: ClassVar[bool] = False

    @contextmanager
    def around(self, statements: Sequence[SqlStatement]) -> Iterator[None]:
        """All of a file, from before its transaction until after it."""
        yield

    def concerns(self, statement: SqlStatement) -> bool:
        """Whether a statement has to be sent by :meth:`send`, and the transaction to be settled after it."""

    def send(self, connection: Connection, file: script.File, statement: SqlStatement) -> None:
        """Runs a statement, or does in its place what is right here."""

    def settle(self, connection: Connection) -> None:
        """What is left to be done before the transaction commits."""


class Ordinary(Outside):
    """Files do what they say."""

    def concerns(self, statement: SqlStatement) -> bool:
        return False

    def send(self, connection: Connection, file: script.File, statement: SqlStatement) -> None:
        script.execute(connection, file, statement)

    def settle(self, connection: Connection) -> None:
        return


@dataclass
class Confined(Outside):
    """For a scratch database. ``maintenance`` is a connection that sees only what is committed.

    On a server of our ``own`` roles are made as they are written, and may be changed. On others none is changed, and
    only if ``may_make`` says so some are made: they cannot log in, and have no password. ``made`` are those that were,
    by oid; ``found`` are the names of those that files would have made and were there.
    """

    maintenance: Connection
    own: bool
    may_make: bool
    made: dict[int, Role] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    _touched: bool = False

    def concerns(self, statement: SqlStatement) -> bool:
        return (
            effects.is_about_roles(statement)
            or effects.elsewhere(statement) is not None
            or effects.kind(statement) == "do_stmt"
        )

    def send(self, connection: Connection, file: script.File, statement: SqlStatement) -> None:
        self._touched = True
        self.found.update(effects.created(statement))
        why = self.reason(connection, statement)
        if why is None and effects.kind(statement) == effects.CREATE:
            why = self._create(connection, file, statement)
        elif why is None:
            script.execute(connection, file, statement)
        if why is not None:
            self.skip(file, statement, why)

    def skip(self, file: script.File, statement: SqlStatement, why: str) -> None:
        """Notes that a statement is not run."""
        # Not what stands in quotes: that may be a password.
        words = " ".join(re.split(r"['$]", statement.text)[0].split()[:6])
        place = Place(file.path, statement.line, statement.column)
        self.skipped.append(Skipped(place, words, why))

    def reason(self, connection: Connection, statement: SqlStatement) -> str | None:
        """Why a statement is not run; None if it is."""
        if why := effects.elsewhere(statement):
            return why
        if not effects.is_about_roles(statement):
            return None
        kind, named = effects.kind(statement), effects.roles(statement)
        there = {role.name: role for role in server_roles.read(connection).values()}
        found = [there[name] for name in named if name in there]
        strangers = [role for role in found if not self._is_ours(role)]
        if kind == effects.CREATE:
            return _THERE if found else None
        if kind == effects.DROP:
            return _NOT_OURS if strangers else _IN_USE if self._in_use(connection, found) else None
        if self.own:
            return None
        if kind in effects.OWNED:
            # It also reaches databases that a role owns, and what it may do with others.
            return _NOT_OURS if any(server_roles.has_global(connection, role) for role in strangers) else None
        if kind == "grant_role_stmt":  # to become a member changes a role, to have one does not
            named = effects.grantees(statement)
            strangers = [role for role in strangers if role.name in named]
        return _NOT_OURS if strangers or "" in named else None

    def settle(self, connection: Connection) -> None:
        """Records the roles that the transaction has made.

        Raises :class:`TargetError` if it may make none, or has changed one that was there before.
        """
        if self.own and not self._touched:
            return
        # In this order: what is seen here, and then not by all, nobody else has made.
        seen = server_roles.read(connection)
        committed = server_roles.read(self.maintenance)
        new = [role.name for oid, role in seen.items() if oid not in committed]
        if new and not self.may_make:
            raise refused(new)
        ours = [oid for oid in seen if oid in self.made or oid not in committed]
        if not self.own:
            self._refuse_changes(connection, {*self.made, *ours})
            for oid in ours:
                if seen[oid] != self.made.get(oid):
                    _disarm(connection, seen[oid])
            seen = server_roles.read(connection) if ours else seen
        made = {oid: seen[oid] for oid in ours}
        if made != self.made:
            self._follow(connection, ours)
            self.made = made
            comment = sql.SQL("comment on database {} is {}").format(
                sql.Identifier(connection.info.dbname), sql.Literal(registry.build_comment(made.values()))
            )
            connection.execute(comment, prepare=False)

    def _follow(self, connection: Connection, ours: Collection[int]) -> None:
        """Those of other builds that ours have become members of are as unchanged as before."""
        if known := registry.recorded(self.maintenance):
            before = server_roles.Moment.before(self.maintenance, ours)
            registry.follow(connection, before.followed(connection, known))

    def _create(self, connection: Connection, file: script.File, statement: SqlStatement) -> str | None:
        text = statement.text
        if not self.own and (alone := effects.without_members(statement)):
            # Those who would become members are there already, or will be made members by a statement of their own.
            self.skip(file, statement, f"its members: {_NOT_OURS}")
            text = alone
        try:
            with connection.transaction():
                # Not script.execute: another session may just have made it, which is no error of the file.
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
            seen = server_roles.read(connection, without=ours)
            committed = server_roles.read(self.maintenance, without=ours)
            changed = [
                role.name
                for oid, role in committed.items()
                if oid not in ours and role.name != connection.info.user and seen.get(oid) != role
            ]
            other = server_roles.surroundings(connection) != server_roles.surroundings(self.maintenance)
            if not changed and not other:
                return
        what = f"the role {changed[0]}, which was there before and belongs" if changed else "what belongs"
        raise TargetError(
            f"a migration changes {what} to the whole server",
            hint="nothing was changed; prove it where the server is the tool's own: --target embedded",
        )


def refused(names: Iterable[str], place: Place | None = None, excerpt: str | None = None) -> TargetError:
    """That roles are not made on a server that is not ours, and what to do."""
    return TargetError(
        f"the server has no role {', '.join(sorted(set(names)))}; on one that is not the tool's own none is made",
        place=place,
        excerpt=excerpt,
        hint="prove it on the tool's own: --target embedded; or let a target of project.yml say scratch_roles: true, "
        "then they are made for scratch databases, without a login and a password",
    )


def require_roles(connection: Connection, parts: Iterable[tuple[SqlPart, tuple[SqlStatement, ...]]]) -> None:
    """Raises :class:`TargetError` at the first role that files would have to make; it names all of them."""
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


def _disarm(connection: Connection, role: Role) -> None:
    """Takes login and password, in the transaction that makes the role: nobody ever sees it with them."""
    statement = "set local session authorization default; alter role {} nologin password null"
    connection.execute(sql.SQL(statement).format(sql.Identifier(role.name)), prepare=False)
