"""Statements that need a privilege: on objects besides tables, without an effect, and on rows as a role.

Decides which columns an INSERT names, and switches policies off for it; and for which roles policies hold, so that they
have to reach a row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.catalog.roles import DEFAULTS, Granted
from harness.kinds.base import Draft, Missing, Subject, Values, column_list, identifier, literal, qualified
from harness.kinds.row_access.acting_roles import ActingRole, ActsAsRoles, draw_reachable
from harness.kinds.row_access.principal import says
from harness.kinds.row_security import RowSecurityKind
from harness.kinds.toolkit.changes import defaults, updatable
from harness.probes import (
    Accepted,
    AcceptedOrRefused,
    Execute,
    Expected,
    Insert,
    NotDenied,
    Probe,
    Refused,
    SqlStatement,
    claim_settings,
)
from harness.project.keys import Reader
from harness.project.nodes import Node, as_scalar, expected

COMMANDS = {
    "schema": ("usage", "create"),
    "sequence": ("usage", "select", "update"),
    "function": ("execute",),
    "view": ("select", "insert", "update", "delete", "truncate", "references", "trigger"),
    DEFAULTS: (),
}
_DEFAULT_KINDS = ("tables", "sequences", "functions", "types", "schemas", "others")
FORMS = "schema, schema NAME, sequence S.NAME, function S.NAME(TYPES), view S.NAME or defaults of ROLE"
_NAME = r'(?:"(?:[^"]|"")+"|[^\s".(),]+)'
_FORM = re.compile(
    rf"(?P<schema>schema)(?: +(?P<of>{_NAME}))?|(?P<kind>sequence|view) +(?P<relation>{_NAME}\.{_NAME})"
    rf"|(?P<function>function) +(?P<signature>{_NAME}\.{_NAME} *\(.*\))|(?P<defaults>defaults of) +(?P<role>{_NAME})"
)


@dataclass(frozen=True)
class Object:
    """An object in the file of a module; ``name`` is written as in SQL, and None is the schema of the module."""

    kind: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name or ''}".strip()

    def named(self, subject: Subject) -> str:
        return self.name or identifier(subject.module)

    def granted(self, subject: Subject) -> Granted:
        """Returns the grants on it. Raises :class:`~harness.catalog.model.Missing` if it is not there."""
        found = subject.roles.granted(self.kind, self.named(subject), subject.module)
        if found is None:
            raise Missing(self.kind if self.kind != DEFAULTS else "role", self.named(subject), ())
        return found

    def probes(self, subject: Subject, role: str, expected: frozenset[str]) -> Iterator[Probe]:
        """Yields a statement for each command that can be tried, as a role."""
        for command, text, accepted in self._statements(subject):
            may = command in expected or (command == "usage" and self.kind == "sequence" and "update" in expected)
            outcome: Expected = accepted if may else Refused(("42501",))
            aspect = f"{role} {'may' if may else 'may not'} {command}"
            value = f"{command} of {self.kind} {self.name or subject.module} as {role}"
            yield Probe(Execute(text), outcome, aspect, value, {"role": role})

    def _statements(self, subject: Subject) -> Iterator[tuple[str, str, Expected]]:
        """Yields commands, a statement for each, and its outcome with the privilege."""
        name = self.named(subject)
        if self.kind == "schema":
            # With the privilege, PostgreSQL looks for the relation and does not find it.
            yield "usage", f"select {literal(name + '.harness_nothing').strip()}::regclass", Refused(("42P01",))
            yield "create", f"create table {name}.harness_tried ()", Accepted()
        elif self.kind == "sequence":
            yield "usage", f"select nextval({literal(name).strip()})", Accepted()
            yield "select", f"select last_value from {name}", Accepted()
        elif self.kind == "view":
            # EXPLAIN checks the privileges, also those behind the view, and runs nothing.
            yield "select", f"explain select * from {name}", Accepted()
        elif self.kind == "function" and (call := subject.roles.call(name)) is not None:
            yield "execute", f"explain select {call}", Accepted()


def known_commands(on: Object | None) -> tuple[str, ...]:
    """Returns the privileges that there are on an object, or else on a table."""
    if on is None or on.kind != DEFAULTS:
        return ("all", "maintain", *COMMANDS[on.kind if on else "view"])
    of_tables = (*COMMANDS["view"], "maintain", "usage", "execute")
    of_others = (f"{each} on {kind}" for each in ("usage", "create", *of_tables) for kind in _DEFAULT_KINDS)
    return (*of_tables, *of_others)


def on_columns(command: str, columns: Iterable[str]) -> str:
    """Returns a privilege on columns as people write it: ``update (notes, status)``."""
    return f"{command} {column_list(sorted(columns))}"


def _read(node: Node) -> Object:
    text = as_scalar(node, FORMS).text.strip()
    found = _FORM.fullmatch(text)
    if not found:
        hint = "with the types of its arguments: function shop.total(integer)" if text.startswith("function") else None
        raise expected(FORMS, node, hint=hint)
    if found["schema"]:
        return Object("schema", found["of"])
    if found["defaults"]:
        return Object(DEFAULTS, found["role"])
    return Object(found["kind"] or "function", found["relation"] or found["signature"])


OBJECT: Reader[Object] = Reader(FORMS, _read, {"type": "string"})


def can_insert(subject: Subject) -> bool:
    """Whether a row can be drawn by itself, and policies, which are not privileges, can be switched off."""
    table = subject.table
    owns = subject.roles.current == table.owner or subject.roles.is_superuser(subject.roles.current)
    alone = subject.can_have_rows() and not subject.pools.requires_children(table)
    return alone and (owns or not table.row_security)


def without_policies(subject: Subject) -> Iterator[SqlStatement]:
    """Switches off the policies of the table; of all tables if a trigger may write elsewhere."""
    table = subject.table
    tables = subject.catalog.tables.values() if any("insert" in each.events for each in table.triggers) else (table,)
    for each in tables:
        if each.row_security:
            yield Execute(f"alter table {qualified(each.name)} disable row level security")


def inserts(subject: Subject, draft: Draft, role: str, granted: Collection[str]) -> Iterator[Probe]:
    """Yields the INSERT of a row into the ``granted`` columns that it needs; its parents are inserted by the draft."""
    table = subject.table
    supplied = [column for column in table.columns if column.is_supplied]
    without_default = [each for each in supplied if each.default is None and not each.identity]
    if any(each.not_null and each.name not in granted for each in without_default):
        return
    named = [each.name for each in without_default if each.name in granted]
    row = draft.row(table.name, defaults(subject))
    pools = (pool.columns for pool in subject.pools.of(table) if len(pool.columns) > 1)
    tied = {name for columns in pools for name in columns if name in granted} - {*named}
    # A default that reads the clock may not go with other drawn values: the row is tried with these columns as well.
    for columns in (named, [each.name for each in supplied if each.name in {*named, *tied}])[: 2 if tied else 1]:
        statement = Insert(table.name, {name: row[name] for name in columns})
        settings = {**claim_settings(subject.pools.hints(table.name).claims, row), "role": role}
        yield Probe(statement, NotDenied(), f"{role} may insert a row", f"an ordinary insert as {role}", settings)


def under_policies(check: ActsAsRoles, subject: Subject, roles: Sequence[str]) -> list[ActingRole]:
    """Returns the roles for which policies of the table hold, and that may read or write its rows.

    Where no policy lets a role reach a row, and a ``row_security`` check says so, it is not to reach one.
    """
    policies = subject.table.policies
    security = [each for each in subject.declared.get(subject.table.name, ()) if isinstance(each, RowSecurityKind)]
    closed = {each.as_ for each in security if says(each.sees, "false")}
    if any(policy.permissive for policy in policies):
        closed -= {"public"}
    return check.acting_roles(
        subject,
        [
            role
            for role in held_by_policies(subject, roles)
            if (not check.as_ or role in check.as_)
            and (not closed & {role, "public"} or subject.roles.may_reach(role, policies))
        ],
    )


def held_by_policies(subject: Subject, roles: Sequence[str]) -> list[str]:
    """Returns the roles, of some, for which policies of the table hold, and that may read or write its rows."""
    table = subject.table
    return [
        role
        for role in (roles if table.row_security else ())
        if not subject.roles.bypasses_row_security(role)
        and not (role == table.owner and not table.force_row_security)
        and subject.roles.exists(role)
        and any(_granted(subject, role))
    ]


def reaching(subject: Subject, draft: Draft, roles: Sequence[ActingRole]) -> Iterator[Probe]:
    """Yields for each role a command that it is granted, on an existing row that it has to reach."""
    if not roles:
        return
    row = draw_reachable(roles, draft, draft.insert, subject.table.name)
    # Policies are switched off for the probes of privileges.
    secured = (qualified(each.name) for each in subject.catalog.tables.values() if each.row_security)
    enabled = (f"alter table {name} enable row level security" for name in secured)
    policies = "; ".join(["set constraints all immediate", *enabled])
    for role in roles:
        granted, settings = {*_granted(subject, role.role)}, role.session(draft, row).settings
        for command, statement in _statements(subject, role.role, row, granted):
            # A row that another rule refuses has been reached as well, and shows no more.
            yield Probe(
                statement,
                AcceptedOrRefused(),
                f"a row that {role.role} reaches",
                f"{command} of a row as {role.role}",
                settings,
                before=policies,
                reaches=role.reaches_nothing,
            )


def _granted(subject: Subject, role: str) -> Iterator[str]:
    name = qualified(subject.table.name)
    yield from (command for command in ("select", "update") if subject.roles.on_columns(role, name, command))
    if subject.roles.on_table(role, name, "delete"):
        yield "delete"


def _statements(
    subject: Subject, role: str, row: Values, granted: Collection[str]
) -> Iterator[tuple[str, SqlStatement]]:
    table = subject.table.name
    if "select" in granted:
        yield "select", Execute(f"select from {qualified(table)}")
    if "update" in granted:
        may = (name for name in updatable(subject) if subject.roles.on_column(role, qualified(table), name, "update"))
        yield from (("update", subject.update(row, {name: row[name]})) for name in [*may][:1])
    if "delete" in granted:
        yield "delete", subject.delete(row)
