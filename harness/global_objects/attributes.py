"""Compares roles that are there with what statements say of them that were not run: attributes and memberships.

Looks at what decides which rows a role reaches, and so at no login, password, limit or setting.
Not here: which statements are not run (``guards.py``), and which of its words make or change roles (``effects.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString

from harness.errors import Place, TargetError
from harness.global_objects import effects
from harness.project.sqlfile import FileStatement
from harness.server.connection import Connection

_DEFAULTS = {"superuser": False, "inherit": True, "createrole": False, "createdb": False, "bypassrls": False}
"""The attributes that count, with the defaults of CREATE ROLE."""
_MEMBERSHIP, _INHERITANCE = "membership in ", "inheritance from "
_READ: LiteralString = """
select r.rolname::text,
    array(select a.name from (values
        ('superuser', r.rolsuper), ('inherit', r.rolinherit), ('createrole', r.rolcreaterole),
        ('createdb', r.rolcreatedb), ('bypassrls', r.rolbypassrls)) as a (name, has) where a.has)
    || array(
        select w.word from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
        cross join lateral (values ('membership in ' || g.rolname, true), ('inheritance from ' || g.rolname,
            coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit))) as w (word, has)
        where m.member = r.oid and w.has)
from pg_catalog.pg_roles r
"""

Attributes = Mapping[str, frozenset[str]]
"""The words for what each role has, by its name."""


class RolesDifferError(TargetError):
    """A server whose ``roles`` are not what the files say, where they may not be changed."""

    def __init__(self, message: str, *, roles: Collection[str], **more: Any) -> None:
        super().__init__(message, **more)
        self.roles = frozenset(roles)


def read(connection: Connection) -> Attributes:
    """Returns the attributes and memberships of the roles of a server."""
    return {name: frozenset(words) for name, words in connection.execute(_READ, prepare=False)}


@dataclass
class Claims:
    """Statements that were not run, by what they say that roles have or lack; ``user``, who proves, may have more.

    The last statement counts. A role that is made has no memberships but those that are said.
    """

    user: str
    _said: dict[tuple[str, str], tuple[bool, Place]] = field(default_factory=dict)
    _made: dict[str, Place] = field(default_factory=dict)

    @property
    def roles(self) -> set[str]:
        return {role for role, _ in self._said}

    def add(self, statement: FileStatement, place: Place) -> bool:
        """Records a statement; returns whether this covers all that it says."""
        kind, node = effects.kind(statement), effects.node(statement)
        if kind == effects.CREATE:
            self.create(node, place)
        elif kind == "alter_role_stmt" and node.role.rolename:
            self._set(node.role.rolename, node.options, place, node.action)
        elif kind == "grant_role_stmt" and (node.is_grant or not node.opt):
            return self._grant(node, place)
        else:
            for role in effects.dropped(statement):
                self._forget(role)
            return False
        return True

    def create(self, tree: Any, place: Place) -> None:
        """Records what a parse tree of CREATE ROLE says."""
        self._forget(tree.role)
        self._made[tree.role] = place
        self._said.update({(tree.role, name): (default, place) for name, default in _DEFAULTS.items()})
        self._set(tree.role, tree.options, place)

    def differences(self, there: Attributes, ours: Collection[str], text: str) -> Iterator[tuple[Place, str, str]]:
        """Yields where the roles ``there`` are not as said: the place, the role, and what it has or lacks.

        Nothing is said of roles that are ``ours``; the ``text`` of blocks that run may make any role a member.
        """
        for (role, what), (has, place) in self._said.items():
            if role not in ours and role in there and (what in there[role]) != has:
                yield place, role, f"{'lacks' if has else 'has'} {what}"
        for role, place in self._made.items():
            for what in sorted(there.get(role, ()) if role not in ours and role not in text else ()):
                group = what.removeprefix(_MEMBERSHIP)
                if group not in (what, *ours) and (role, what) not in self._said:
                    yield place, role, f"has {what}"

    def _forget(self, role: str) -> None:
        self._made.pop(role, None)
        self._said = {key: said for key, said in self._said.items() if key[0] != role}

    def _set(self, role: str, options: Iterable[Any], place: Place, action: int = 1) -> None:
        for option in (each.def_elem for each in options):
            if option.defname in _DEFAULTS:
                self._said[role, option.defname] = option.arg.boolean.boolval, place
            for each in option.arg.list.items:
                names = role, each.role_spec.rolename
                member, group = names if option.defname == "addroleto" else reversed(names)
                self._said[member, _MEMBERSHIP + group] = action > 0, place

    def _grant(self, node: Any, place: Place) -> bool:
        options = {each.def_elem.defname: each.def_elem.arg.boolean.boolval for each in node.opt}
        members = [each.role_spec.rolename for each in node.grantee_roles]
        for group in (each.access_priv.priv_name for each in node.granted_roles):
            for member in {*members} - {"", self.user}:
                self._said[member, _MEMBERSHIP + group] = node.is_grant, place
                if "inherit" in options:
                    self._said[member, _INHERITANCE + group] = options["inherit"], place
        return not {"", self.user} & {*members}
